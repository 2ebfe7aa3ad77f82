"""Layer recursion of covariance and tangent kernel at two inputs and two times; NNGP and NTK fall out (T5).

The recursion stays symbolic layer by layer: each layer's numbers are symbols with a definition in the layer before.
Only `expand` writes an expression out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sympy import Add, Expr, Function, Integer, Symbol, diff

from ndksym.algebra.substitute import substitute
from ndksym.algebra.zero_test import Definitions, Domain
from ndksym.errors import DivergentKernelError
from ndksym.kernels.prior import Moments
from ndksym.symbols import a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t

__all__ = [
    "INPUTS",
    "Kernel",
    "Layer",
    "Recursion",
    "bias_variance",
    "kernels",
    "nngp",
    "ntk",
    "refuse_divergent",
    "unroll",
]

INPUTS = Domain(conditions=(k12**2 < k11 * k22, s < t))
"""Two different inputs at two different times."""


class Jumping(Protocol):
    """What has to be known of an activation itself."""

    @property
    def name(self) -> str: ...
    @property
    def discontinuities(self) -> tuple[Expr, ...]: ...
    @property
    def rough(self) -> tuple[Expr, ...]: ...


class Dual(Protocol):
    """What a layer needs to know of its activation: the dual kernel, or None where it has no closed form."""

    @property
    def K(self) -> Expr | None: ...
    @property
    def K_dot(self) -> Expr | None: ...
    @property
    def K_diag(self) -> Expr | None: ...
    @property
    def reach(self) -> Expr | None: ...
    @property
    def activation(self) -> Jumping: ...


@dataclass(frozen=True)
class Kernel:
    """K(a,b,c), K_dot(a,b,c) and K(a,a,a): closed forms, or undefined functions that stand for them."""

    K: Expr
    K_dot: Expr
    K_diag: Expr

    @classmethod
    def of(cls, dual: Dual, name: str) -> Kernel:
        """The dual's closed forms, undefined functions of that name where it has none."""
        stand_in = cls.named(f"_{name}")
        return cls(
            stand_in.K if dual.K is None else dual.K,
            stand_in.K_dot if dual.K_dot is None else dual.K_dot,
            stand_in.K_diag if dual.K_diag is None else dual.K_diag,
        )

    @classmethod
    def named(cls, name: str) -> Kernel:
        """Undefined functions K{name} and Kdot{name}, for writing a recursion down."""
        K, K_dot = Function(f"K{name}"), Function(f"Kdot{name}")
        return cls(K(a, b, c), K_dot(a, b, c), K(a, a, a))

    def between(self, layer: Layer) -> tuple[Expr, Expr]:
        """K and K_dot of the two preactivations of a layer."""
        here = {a: layer.a, b: layer.b, c: layer.c}
        return self.K.xreplace(here), self.K_dot.xreplace(here)


@dataclass(frozen=True)
class Layer:
    """One unit's preactivations u at (t, x) and v at (s, x'): E u², E v², E uv, and the two-time tangent kernel Θ."""

    a: Expr
    b: Expr
    c: Expr
    theta: Expr

    @classmethod
    def named(cls, name: str) -> Layer:
        """The symbols of a layer."""
        return cls(
            Symbol(f"a_{name}", positive=True),
            Symbol(f"b_{name}", positive=True),
            Symbol(f"c_{name}", real=True),
            Symbol(f"Theta_{name}", real=True),
        )

    @classmethod
    def first(cls, m: Moments, bias: Expr) -> Layer:
        """C^1 = m (x·x'/N_0 + β²), Θ^1 = x·x'/N_0 + β² (T5, arXiv 2309.04522)."""
        return cls(m.tt * (k11 + bias), m.ss * (k22 + bias), m.ts * (k12 + bias), k12 + bias)

    def step(self, kernel: Kernel, m: Moments, bias: Expr) -> Layer:
        """C^{l+1} = m (K^l + β²), Θ^{l+1} = m K_dot^l Θ^l + K^l + β² (T5, arXiv 2309.04522)."""
        K, K_dot = kernel.between(self)
        return Layer(
            m.tt * (kernel.K_diag.xreplace({a: self.a}) + bias),
            m.ss * (kernel.K_diag.xreplace({a: self.b}) + bias),
            m.ts * (K + bias),
            m.ts * K_dot * self.theta + K + bias,
        )


@dataclass(frozen=True)
class Recursion:
    """All hidden layers as definitions, in order, and the output layer in their symbols."""

    definitions: Definitions
    output: Layer

    def expand(self, expr: Expr) -> Expr:
        """`expr` written out in the inputs; definitions it does not need are left alone."""
        values: dict[Symbol, Expr] = {}
        for name, value in self.behind(expr):
            values[name] = substitute(value, values)
        return substitute(expr, values)

    def behind(self, expr: Expr) -> Definitions:
        """The definitions that `expr` rests on, in order."""
        needed = set(expr.free_symbols)
        for name, value in reversed(self.definitions):
            if name in needed:
                needed |= value.free_symbols
        return tuple((name, value) for name, value in self.definitions if name in needed)

    def at(self, point: Mapping[Symbol, Expr]) -> Recursion:
        """The recursion with some of its inputs replaced."""
        definitions = tuple((name, value.xreplace(point)) for name, value in self.definitions)
        out = self.output
        return Recursion(definitions, Layer(*(e.xreplace(point) for e in (out.a, out.b, out.c, out.theta))))

    def derivative(self, variable: Symbol, of: Expr | None = None) -> tuple[Definitions, Expr]:
        """∂/∂variable, of C^{L+1} unless told otherwise, by the chain rule: definitions of the rates of the layers' symbols, and it.

        >>> from ndksym.kernels.dual import dual
        >>> from ndksym.kernels.prior import SYMBOLS
        >>> unroll(kernels([dual("linear")]), SYMBOLS, bias=False).derivative(SYMBOLS.ts)
        (((dc_1, k12),), c_1 + dc_1*m_ts)
        """
        of = self.output.c if of is None else of
        rates: dict[Symbol, Symbol] = {}
        definitions: list[tuple[Symbol, Expr]] = []

        def rate_of(value: Expr) -> Expr:
            inner = (
                diff(value, inside) * rates[inside] for inside in sorted(value.free_symbols & rates.keys(), key=str)
            )
            return Add(diff(value, variable), *inner)

        for name, value in self.behind(of):
            rate = rate_of(value)
            if rate != 0:
                rates[name] = Symbol(f"d{name}", real=True)
                definitions.append((rates[name], rate))
        return tuple(definitions), rate_of(of)


def kernels(duals: Sequence[Dual]) -> tuple[Kernel, ...]:
    """One kernel for each hidden layer."""
    return tuple(Kernel.of(dual, str(layer)) for layer, dual in enumerate(duals, 1))


def bias_variance(bias: bool) -> Expr:
    """β² with biases, 0 without."""
    return beta**2 if bias else Integer(0)


def refuse_divergent(duals: Sequence[Dual], kernel: str) -> None:
    """DivergentKernelError, naming the activation, where φ jumps (or is as steep as √|x|) and the tangent kernel is infinite."""
    for layer, dual in enumerate(duals, 1):
        if dual.activation.rough:
            where = ", ".join(f"x = {point}" for point in dual.activation.rough)
            verb = "jumps" if dual.activation.discontinuities else "is too steep"
            raise DivergentKernelError(
                f"the {kernel} is infinite: the activation {dual.activation.name!r} of hidden layer {layer} {verb} at "
                f"{where}, so K_dot = E[φ'(u)φ'(v)] diverges at coincident inputs; the NNGP kernel (.nngp) is finite"
            )


def unroll(layers: Sequence[Kernel], m: Moments, bias: bool, label: str = "") -> Recursion:
    """The recursion through all hidden layers; `label` keeps the symbols of two recursions apart."""
    shift = bias_variance(bias)
    definitions: list[tuple[Symbol, Expr]] = []
    state = Layer.first(m, shift)
    for index, kernel in enumerate(layers, 1):
        names = Layer.named(f"{index}{label}")
        definitions += zip(
            (names.a, names.b, names.c, names.theta), (state.a, state.b, state.c, state.theta), strict=True
        )
        state = names.step(kernel, m, shift)
    return Recursion(tuple(definitions), state)


def nngp(duals: Sequence[Dual], bias: bool) -> Expr:
    """The NNGP kernel C^{L+1} in k11, k12, k22, σ² and β (T5 with m = σ²; Lee et al. 2018, arXiv 1711.00165)."""
    recursion = unroll(kernels(duals), Moments.equal(sigma2), bias)
    return recursion.expand(recursion.output.c)


def ntk(duals: Sequence[Dual], bias: bool) -> Expr:
    """The NTK Θ^{L+1} in k11, k12, k22, σ0² and β (T5 with m = σ0²; Jacot et al. 2018, arXiv 1806.07572).

    DivergentKernelError where an activation jumps.
    """
    refuse_divergent(duals, "NTK")
    recursion = unroll(kernels(duals), Moments.equal(sigma02), bias)
    return recursion.expand(recursion.output.theta)
