"""One network of infinite width, symbolically: from its activations to NNGP, NTK and NDK."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Symbol

from ndksym.activation.activation import Activation, activation
from ndksym.algebra.claim import Claim
from ndksym.algebra.substitute import is_large
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.kernels import identities, ndk, prior, recursion
from ndksym.kernels.dual import Dual, Step, dual
from ndksym.kernels.readable import readable
from ndksym.runtime.arguments import integer

__all__ = ["MAX_DEPTH", "WRITTEN_OUT", "Network", "network"]

MAX_DEPTH = 1000
"""Largest number of hidden layers."""
WRITTEN_OUT = 80
"""Largest number of nodes of NNGP, NTK and NDK for which text and LaTeX write them out; larger ones stay recursions."""


@dataclass(frozen=True, repr=False)
class Network:
    """The kernels of a fully connected network of infinite width, exact and symbolic.

    `nngp`, `ntk` and `ndk` are SymPy expressions in k11, k12, k22, t, s (s ≤ t), T, sigma2, sigma02 and, with biases,
    beta; nngp depends on sigma2 and ntk on sigma02 alone. They are written out on first use, and None if the dual kernel of
    a layer has no closed form. If an activation jumps, ntk and ndk raise DivergentKernelError.
    """

    activations: tuple[Activation, ...]
    duals: tuple[Dual, ...]
    bias: bool

    def __post_init__(self) -> None:
        if not self.duals or tuple(each.activation for each in self.duals) != self.activations:
            raise InputError("a network needs one dual kernel for each activation, in the same order, and at least one")

    @property
    def name(self) -> str:
        """The names of the activations, each once."""
        return ", ".join(dict.fromkeys(each.name for each in self.activations))

    @property
    def depth(self) -> int:
        """Number of hidden layers."""
        return len(self.activations)

    @property
    def closed_form(self) -> bool:
        """Whether every layer's dual kernel has a closed form."""
        return all(each.closed_form for each in self.duals)

    @property
    def diverges(self) -> bool:
        """Whether an activation jumps or is as steep as a root, so that NTK and NDK are infinite at coincident inputs."""
        return any(each.rough for each in self.activations)

    @cached_property
    def nngp(self) -> Expr | None:
        """The NNGP kernel C^{L+1} at prior variance σ² (T5; arXiv 1711.00165)."""
        return recursion.nngp(self.duals, self.bias) if self.closed_form else None

    @cached_property
    def ntk(self) -> Expr | None:
        """The NTK at initial variance σ0² (T5; arXiv 1806.07572)."""
        recursion.refuse_divergent(self.duals, "NTK")
        return recursion.ntk(self.duals, self.bias) if self.closed_form else None

    @cached_property
    def ndk(self) -> Expr | None:
        """The Neural Dynamical Kernel NDK(t,s), s ≤ t (T6; arXiv 2309.04522)."""
        recursion.refuse_divergent(self.duals, "NDK")
        return ndk.ndk(self.duals, self.bias) if self.closed_form else None

    @cached_property
    def prior_covariance(self) -> Expr | None:
        """C^{L+1}(t,s), s ≤ t, the covariance of the output without data (T5; arXiv 2309.04522)."""
        return ndk.prior_covariance(self.duals, self.bias) if self.closed_form else None

    @cached_property
    def injected(self) -> Expr | None:
        """D(t,s), the covariance injected by step s of proximal learning at strength λ; t and s in steps (T8)."""
        return ndk.injected(self.duals, self.bias) if self.closed_form else None

    @cached_property
    def identities(self) -> tuple[Claim, ...]:
        """The limits and identities of T6–T8 for this network, as claims; none if φ jumps or has no closed form."""
        if not self.closed_form or self.diverges:
            return ()
        return identities.identities(self.duals, self.bias, [each.homogeneity for each in self.activations])

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The whole derivation: each distinct dual kernel, the prior moments, then layer by layer."""
        distinct = dict.fromkeys(self.duals)
        return (*(step for each in distinct for step in each.steps), *self._moment_steps(), *self._layer_steps())

    def _moment_steps(self) -> Iterable[Step]:
        shown, value = prior.SYMBOLS, prior.continuous_moments()
        for name, moment in ((shown.ts, value.ts), (shown.tt, value.tt), (shown.ss, value.ss)):
            yield Step("T3: second moment of a parameter without data", name, moment)

    def _layer_steps(self) -> Iterable[Step]:
        distinct = list(dict.fromkeys(self.duals))
        names = ["" if len(distinct) == 1 else f"_{distinct.index(each) + 1}" for each in self.duals]
        whole = recursion.unroll([recursion.DualFunctions.named(name) for name in names], prior.SYMBOLS, self.bias)
        kinds = {"a": "variance at (t, x)", "b": "variance at (s, x')", "c": "covariance", "Theta": "tangent kernel"}
        for name, value in whole.definitions:
            kind, layer = name.name.split("_")
            if kind != "Theta" or not self.diverges:
                yield Step(f"T5, layer {layer}: {kinds[kind]}", name, value)
        out = recursion.LayerState.named(str(self.depth + 1))
        yield Step("T5, output: prior covariance", out.c, whole.output.c)
        if not self.diverges:
            yield Step("T5, output: tangent kernel", out.theta, whole.output.theta)
            yield Step("T6: Neural Dynamical Kernel", Symbol("NDK"), prior.response() * out.theta)

    def __str__(self) -> str:
        lines = [f"depth {self.depth}, {'with' if self.bias else 'without'} biases"]
        for each in dict.fromkeys(self.duals):
            layers = ", ".join(str(i) for i, other in enumerate(self.duals, 1) if other == each)
            lines += [f"hidden layer {layers}: {each.activation.name}", f"  φ = {each.activation.expr}"]
            lines += (
                [f"  K = {readable(each.K)}", f"  K_dot = {readable(each.K_dot)}"]
                if each.closed_form
                else [f"  no closed form: {each.reason}"]
            )
            if each.activation.reach is not None:
                lines.append(f"  finite only for variances below {each.activation.reach}")
        first, later = ("(k12 + β²)", "(K + β²)") if self.bias else ("k12", "K")
        lines += [
            f"m(t,s) = {prior.continuous()},  s ≤ t",
            f"C^1 = m {first},  C^(l+1) = m {later} with K = K(a^l, b^l, C^l)",
        ]
        if not self.diverges:
            lines.append(f"Θ^1 = {first.strip('()')},  Θ^(l+1) = m K_dot Θ^l + {later.strip('()')}")
        lines.append(f"NNGP = {self._short(self.nngp) or f'C^{self.depth + 1} at m = σ²'}")
        if self.diverges:
            return "\n".join(
                [
                    *lines,
                    "NTK and NDK are infinite at coincident inputs, because an activation jumps or is as steep as a root",
                ]
            )
        lines.append(f"NTK = {self._short(self.ntk) or f'Θ^{self.depth + 1} at m = σ0²'}")
        return "\n".join([*lines, f"NDK(t,s) = {prior.response()} Θ^{self.depth + 1}"])

    @property
    def arguments(self) -> str:
        """The arguments of `derive` that give this network, as text."""
        names = [each.name for each in self.activations]
        network = names[0] if len(set(names)) == 1 else names
        return f"{network!r}, depth={self.depth}, bias={self.bias}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.arguments})"

    @staticmethod
    def _short(kernel: Expr | None) -> str:
        return "" if kernel is None or is_large(kernel, WRITTEN_OUT) else str(readable(kernel))


def network(activation: object, depth: int | None = None, bias: bool = False) -> Network:
    """Derive the kernels of a network; arguments and errors as in `ndksym.derive`."""
    if not isinstance(bias, bool):
        raise InputTypeError(f"bias must be True or False (its scale β stays a symbol), not {brief(bias)}")
    layers = _layers(activation, None if depth is None else integer(depth, "depth", 1, MAX_DEPTH))
    duals = {each: dual(each) for each in dict.fromkeys(layers)}
    return Network(layers, tuple(duals[each] for each in layers), bias)


def _layers(given: object, depth: int | None) -> tuple[Activation, ...]:
    if not isinstance(given, list | tuple):
        return (activation(given),) * (depth or 1)
    if not 1 <= len(given) <= MAX_DEPTH:
        raise InputError(
            f"a sequence needs one activation per hidden layer, between 1 and {MAX_DEPTH}, not {len(given)}"
        )
    if depth not in (None, len(given)):
        raise InputError(f"{len(given)} activations make depth {len(given)}, but depth = {depth} was given")
    by_text = {text: activation(text) for text in dict.fromkeys(each for each in given if isinstance(each, str))}
    return tuple(by_text[each] if isinstance(each, str) else activation(each) for each in given)
