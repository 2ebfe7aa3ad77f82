"""From derived layers to kernels: emitted, loaded, and compared with φ. Closed forms that fail the comparison are not used."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from sympy import oo

from ndksym.activation.activation import Activation
from ndksym.activation.values import NoValueError, TooLargeError, value
from ndksym.codegen.backends import backend as find
from ndksym.codegen.backends import runnable_names
from ndksym.codegen.backends.base import Source
from ndksym.codegen.load import DeferredText
from ndksym.codegen.module import IN_MEMORY, module
from ndksym.errors import InputError, MissingExtraError, NotDerivableError
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import Network
from ndksym.runtime.compiled import NUMPY, Compiled, LoadedText, layers
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.proof import prove
from ndksym.runtime.types import NumericLayer
from ndksym.symbols import x

__all__ = ["compile_layers", "kernel", "layer", "load", "opened", "trusted"]

_DIFFERS = "the code of the closed form differs from quadrature"
PHI = 1e-12
"""Allowed error of compiled φ and φ′, relative to their largest value at smaller |u|."""
DIGITS = 60
"""Digits of the φ that they are compared with: enough for terms that cancel to 1e-40 of their size."""


def opened(text: str, backend: str) -> LoadedText:
    """Load a text of `module.module` in the backend that it was made for.

    Raises InputError if that backend's text cannot be run, MissingExtraError if what it needs is not installed.
    """
    opener = find(backend).open
    if opener is None:
        raise InputError(f"backend {backend!r} cannot be loaded; allowed are {', '.join(runnable_names())}")
    return opener(text)


def load(text: str, backend: str) -> tuple[Compiled, ...]:
    """The layers of a text; errors as in `opened`."""
    return layers(opened(text, backend))


def compile_layers(sources: Sequence[Source], backend: str, case: str = IN_MEMORY) -> tuple[Compiled, ...]:
    """Emit and load, without a comparison with φ; layer i is `sources[i]`.

    >>> from ndksym.activation.activation import activation
    >>> from ndksym.kernels.dual import dual
    >>> relu, = compile_layers([dual(activation("relu"))], "numpy")
    >>> relu.diag([1.0, 4.0])[0]
    array([0.5, 2. ])
    """
    wide_text = DeferredText(lambda: module(case, sources, NUMPY))
    return tuple(_with_wide_text(each, wide_text) for each in load(module(case, sources, backend), backend))


def _with_wide_text(layer: Compiled, wide_text: DeferredText) -> Compiled:
    """A NumPy text takes wide numbers itself."""
    return layer if layer.text.names is not None else replace(layer, wide_text=wide_text)


def kernel(derivation: Network, backend: str = NUMPY) -> Kernel:
    """The float64 kernels of a derivation; each distinct layer is emitted, loaded and proved once.

    Raises InputError for an unknown backend, MissingExtraError if its compiler is missing, NotDerivableError if φ itself
    cannot be compiled.
    """
    by_dual = {dual: layer(dual, backend) for dual in dict.fromkeys(derivation.duals)}
    return Kernel(tuple(by_dual[dual] for dual in derivation.duals), derivation.bias, backend, derivation)


def layer(dual: Dual, backend: str) -> Compiled:
    """One compiled layer with its proof; if its closed form fails, the layer is computed by quadrature."""
    text, dual = _text(dual, backend)
    return _with_wide_text(
        _proved(text, backend, dual.activation), DeferredText(lambda: module(IN_MEMORY, [dual], NUMPY))
    )


def _text(dual: Dual, backend: str) -> tuple[str, Dual]:
    """The module of one layer. The closed form is left out if the language cannot express it."""
    try:
        return module(IN_MEMORY, [dual], backend), dual
    except NotDerivableError as error:
        if not dual.closed_form:
            raise
        dual = _numeric(dual, str(error))
        return module(IN_MEMORY, [dual], backend), dual


def trusted(duals: Sequence[Dual], backend: str) -> list[Dual]:
    """The same layers, without the closed forms that fail in this backend.

    If the backend cannot be run on this machine, all closed forms are kept.
    """
    try:
        return [
            dual if not dual.closed_form or layer(dual, backend).closed else _numeric(dual, _DIFFERS) for dual in duals
        ]
    except MissingExtraError:
        return list(duals)


@lru_cache(maxsize=256)
def _proved(text: str, backend: str, act: Activation) -> Compiled:
    """The layer of a text, compared with φ and with quadrature; the comparison is made once per text."""
    (compiled,) = load(text, backend)
    _check_phi(compiled, act)
    proof = prove(compiled)
    if proof.passed:
        return replace(compiled, proof=proof)
    if not compiled.closed:
        raise NotDerivableError(f"{act.name}: the numeric rules disagree, so no kernel is compiled: the series {proof}")
    return replace(compiled, closed=False, extra=None, proof=proof)


def _numeric(dual: Dual, reason: str) -> Dual:
    return replace(
        dual, K=None, K_dot=None, K_diag=None, K_dot_diag=None, mean=None,
        reason=reason,
    )  # fmt: skip


def _check_phi(layer: NumericLayer, act: Activation) -> None:
    """Raise NotDerivableError if compiled φ or φ′ differs from the activation's expression, evaluated by mpmath."""
    rng = np.random.default_rng(list(hashlib.sha256(layer.name.encode()).digest()[16:]))
    beside = [edge + side * 10.0**-n for edge in layer.breaks for side in (-1, 1) for n in (1, 4, 8)]
    spread = np.concatenate([sign * 10.0 ** rng.uniform(-6, 2.5, 8) for sign in (-1, 1)])
    points = sorted((float(u) for u in (*beside, *spread)), key=abs)
    for name, compiled, order in (("φ", layer.phi, 0), ("φ'", layer.dphi, 1)):
        largest = 0.0
        for u, computed in zip(points, compiled(np.array(points)), strict=True):
            piece = next(each for each in act.pieces if each.hi == oo or u < each.hi)
            try:
                true, slope = (float(value(piece.expr.diff(x, n), {x: u}, DIGITS)) for n in (order, order + 1))
            except (NoValueError, TooLargeError):
                continue
            largest = max(largest, abs(true))
            motion = 8 * np.finfo(float).eps * abs(u * slope)  # u and the breaks are rounded
            if np.isfinite(true) and not abs(computed - true) <= PHI * largest + motion:
                raise NotDerivableError(
                    f"the code of {name} for {layer.name} gives {computed:.17g} at u = {u:.17g} where the value is "
                    f"{true:.17g}, so no kernel of it can be compiled"
                )
