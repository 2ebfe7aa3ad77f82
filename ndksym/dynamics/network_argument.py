"""The argument `network` of public functions: a compiled kernel, a derivation, or whatever `derive` takes."""

from collections.abc import Sequence
from typing import TypeAlias

from sympy import Expr

from ndksym.activation.activation import Activation
from ndksym.codegen.compile import kernel
from ndksym.errors import InputError, InputTypeError
from ndksym.kernels.network import MAX_DEPTH, Network
from ndksym.kernels.network import network as derived
from ndksym.runtime import checks
from ndksym.runtime.arguments import integer
from ndksym.runtime.kernel import Kernel

__all__ = ["NetworkArgument", "as_kernel", "as_network"]

NetworkArgument: TypeAlias = Kernel | Network | Activation | Expr | str | Sequence[Activation | Expr | str]
"""A compiled kernel, a derivation, or what `derive` takes: an activation or one for each hidden layer."""


def as_network(network: NetworkArgument, depth: int | None = None, bias: float = 0.0) -> Network:
    """The network's derivation. A network that is not derived yet has biases if `bias` is not 0.

    Raises the errors of `derive`, InputError if `depth` is not that of the network, and InputTypeError for a kernel that does
    not hold its derivation.
    """
    derivation = network.derivation if isinstance(network, Kernel) else network
    if isinstance(derivation, Network):
        _same_depth(derivation.depth, depth)
        checks.bias_scale(bias, derivation.bias)
        return derivation
    if isinstance(network, Kernel):
        raise InputTypeError(
            "this kernel was loaded from generated code and does not hold its derivation; give what ndksym.derive returns"
        )
    return derived(derivation, depth=depth, bias=checks.number(bias, "bias", zero=True) != 0)


def as_kernel(network: NetworkArgument, depth: int | None = None, bias: float = 0.0) -> Kernel:
    """The network's compiled kernel; errors as in `as_network`."""
    if isinstance(network, Kernel):
        _same_depth(len(network.layers), depth)
        return network
    return kernel(as_network(network, depth, bias))


def _same_depth(own: int, depth: int | None) -> None:
    if depth is not None and integer(depth, "depth", 1, MAX_DEPTH) != own:
        raise InputError(f"the network has depth {own}, so depth must be {own} or left out; got {depth}")
