"""What a caller gives as the network: a compiled kernel, a derivation, or whatever `derive` takes."""

from typing import Any

from ndksym.checks import integer
from ndksym.derivation import MAX_DEPTH, Derivation, derive
from ndksym.errors import InputError, InputTypeError
from ndksym.runtime import inputs
from ndksym.runtime.kernel import Kernel

__all__ = ["as_derivation", "as_kernel"]


def as_derivation(network: Any, depth: Any = None, bias: Any = 0.0) -> Derivation:
    """The network's derivation; what is still to be derived has biases if `bias` is not 0.

    Errors: those of `derive`; InputError for another depth than the network has; InputTypeError for a kernel that does not
    hold its derivation.
    """
    found = network.derivation if isinstance(network, Kernel) else network
    if isinstance(found, Derivation):
        _same_depth(found.depth, depth)
        inputs.bias_scale(bias, found.bias)
        return found
    if isinstance(network, Kernel):
        raise InputTypeError(
            "this kernel was loaded from generated code and does not hold its derivation; give what ndksym.derive returns"
        )
    return derive(found, depth=depth, bias=inputs.number(bias, "bias", zero=True) != 0)


def as_kernel(network: Any, depth: Any = None, bias: Any = 0.0) -> Kernel:
    """The network's compiled kernel. Errors: as in `as_derivation`."""
    if isinstance(network, Kernel):
        _same_depth(len(network.layers), depth)
        return network
    return as_derivation(network, depth, bias).compile()


def _same_depth(own: int, depth: Any) -> None:
    if depth is not None and integer(depth, "depth", 1, MAX_DEPTH) != own:
        raise InputError(f"the network has depth {own}, so depth must be {own} or left out; got {depth}")
