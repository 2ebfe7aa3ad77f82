"""From derived layers to kernels and module texts that have been compared with φ: closed forms that fail are left out."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from sympy import oo

from ndksym.activation.activation import Activation
from ndksym.activation.values import TooLargeError, value
from ndksym.codegen.load import Compiled, far, load
from ndksym.codegen.module import module
from ndksym.errors import MissingExtraError, NotDerivableError, NoValueError
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import Network
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.proof import prove
from ndksym.runtime.types import Layer
from ndksym.symbols import x

__all__ = ["kernel", "layer", "trusted"]

_DIFFERS = "the code of the closed form differs from quadrature"
PHI = 1e-12
"""Allowed error of compiled φ and φ′, relative to their largest value so far out."""
DIGITS = 60
"""Digits of the φ it is compared with: enough for terms that cancel to 1e-40 of their size."""


def kernel(derivation: Network, backend: str) -> Kernel:
    """The float64 kernels of a derivation; each distinct layer is emitted, loaded and proved once.

    Raises InputError for an unknown backend, MissingExtraError where its compiler is missing, NotDerivableError where φ
    itself cannot be compiled.
    """
    layers = {dual: layer(dual, backend) for dual in dict.fromkeys(derivation.duals)}
    return Kernel(tuple(layers[dual] for dual in derivation.duals), derivation.bias, backend, derivation)


def layer(dual: Dual, backend: str) -> Compiled:
    """One compiled layer with its proof; where its closed form fails, quadrature serves instead."""
    text, dual = _text(dual, backend)
    found = _proved(text, backend, dual.activation)
    return found if backend == "numpy" else replace(found, far=far(lambda: module("(in memory)", [dual], "numpy")))


def _text(dual: Dual, backend: str) -> tuple[str, Dual]:
    """The module of one layer, without the closed form where that has no form in the language."""
    try:
        return module("(in memory)", [dual], backend), dual
    except NotDerivableError as error:
        if not dual.closed_form:
            raise
        dual = _numeric(dual, str(error))
        return module("(in memory)", [dual], backend), dual


def trusted(duals: Sequence[Dual], backend: str) -> list[Dual]:
    """The same layers, without the closed forms that fail in this backend (a backend that cannot be run here fails none)."""
    try:
        return [
            dual if not dual.closed_form or layer(dual, backend).closed else _numeric(dual, _DIFFERS) for dual in duals
        ]
    except MissingExtraError:
        return list(duals)


@lru_cache(maxsize=256)
def _proved(text: str, backend: str, act: Activation) -> Compiled:
    """What a text holds, proved; remembered by the text."""
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


def _check_phi(layer: Layer, act: Activation) -> None:
    """Raise NotDerivableError where compiled φ or φ′ differs from the activation's expression, evaluated by mpmath."""
    rng = np.random.default_rng(list(hashlib.sha256(layer.name.encode()).digest()[16:]))
    beside = [edge + side * 10.0**-n for edge in layer.breaks for side in (-1, 1) for n in (1, 4, 8)]
    spread = np.concatenate([sign * 10.0 ** rng.uniform(-6, 2.5, 8) for sign in (-1, 1)])
    points = sorted((float(u) for u in (*beside, *spread)), key=abs)
    for name, compiled, order in (("φ", layer.phi, 0), ("φ'", layer.dphi, 1)):
        largest = 0.0
        for u, found in zip(points, compiled(np.array(points)), strict=True):
            piece = next(each for each in act.pieces if each.hi == oo or u < each.hi)
            try:
                true, slope = (float(value(piece.expr.diff(x, n), {x: u}, DIGITS)) for n in (order, order + 1))
            except (NoValueError, TooLargeError):
                continue
            largest = max(largest, abs(true))
            motion = 8 * np.finfo(float).eps * abs(u * slope)  # u and the breaks are rounded
            if np.isfinite(true) and not abs(found - true) <= PHI * largest + motion:
                raise NotDerivableError(
                    f"the code of {name} for {layer.name} gives {found:.17g} at u = {u:.17g} where the value is "
                    f"{true:.17g}, so no kernel of it can be compiled"
                )
