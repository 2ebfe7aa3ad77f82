"""Compiled kernels: the layer recursion over arrays, the same for every backend."""

from typing import TYPE_CHECKING

from ndksym.runtime.kernel import Kernel

if TYPE_CHECKING:
    from ndksym.derivation import Derivation

__all__ = ["Kernel", "compile"]


def compile(derivation: "Derivation", backend: str = "numpy") -> Kernel:
    """The float64 kernels of a derivation; each distinct activation is emitted and loaded once.

    Raises InputError for an unknown backend, MissingExtraError where its compiler is missing.
    """
    from ndksym.codegen.load import compile_layers

    distinct = list(dict.fromkeys(derivation.duals))
    layers = dict(zip(distinct, compile_layers(distinct, backend), strict=True))
    return Kernel(tuple(layers[dual] for dual in derivation.duals), derivation.bias, backend, derivation)
