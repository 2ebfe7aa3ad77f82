"""Layer recursion of covariance and tangent kernel at two inputs and two times; NNGP and NTK are special cases (T5).

The recursion stays symbolic layer by layer: the numbers of each layer are symbols that are defined by those of the layer
before. Only `expand` writes an expression out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sympy import Add, Expr, Function, Integer, Symbol, diff

from ndksym.algebra.substitute import substitute
from ndksym.algebra.zero_test import Definitions, Domain
from ndksym.errors import DivergentKernelError
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments
from ndksym.symbols import a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t

__all__ = [
    "INPUTS",
    "DualFunctions",
    "LayerState",
    "Recursion",
    "bias_variance",
    "dual_functions",
    "nngp",
    "ntk",
    "refuse_divergent",
    "unroll",
]

INPUTS = Domain(conditions=(k12**2 < k11 * k22, s < t))
"""Two different inputs at two different times."""


@dataclass(frozen=True)
class DualFunctions:
    """K(a,b,c), K_dot(a,b,c) and K(a,a,a): closed forms, or undefined functions that stand for them."""

    K: Expr
    K_dot: Expr
    K_diag: Expr

    @classmethod
    def of(cls, dual: Dual, name: str) -> DualFunctions:
        """The closed forms of a dual kernel, or undefined functions of that name where it has none."""
        stand_in = cls.named(f"_{name}")
        return cls(
            stand_in.K if dual.K is None else dual.K,
            stand_in.K_dot if dual.K_dot is None else dual.K_dot,
            stand_in.K_diag if dual.K_diag is None else dual.K_diag,
        )

    @classmethod
    def named(cls, name: str) -> DualFunctions:
        """Undefined functions K{name} and Kdot{name}, for printing a recursion."""
        K, K_dot = Function(f"K{name}"), Function(f"Kdot{name}")
        return cls(K(a, b, c), K_dot(a, b, c), K(a, a, a))

    def between(self, layer: LayerState) -> tuple[Expr, Expr]:
        """K and K_dot of the two preactivations of a layer."""
        here = {a: layer.a, b: layer.b, c: layer.c}
        return self.K.xreplace(here), self.K_dot.xreplace(here)


@dataclass(frozen=True)
class LayerState:
    """The preactivations u at (t, x) and v at (s, x') of one unit: E u², E v², E uv, and the two-time tangent kernel Θ."""

    a: Expr
    b: Expr
    c: Expr
    theta: Expr

    @classmethod
    def named(cls, name: str) -> LayerState:
        """The symbols of a layer."""
        return cls(
            Symbol(f"a_{name}", positive=True),
            Symbol(f"b_{name}", positive=True),
            Symbol(f"c_{name}", real=True),
            Symbol(f"Theta_{name}", real=True),
        )

    @classmethod
    def first(cls, m: PriorMoments, bias: Expr) -> LayerState:
        """C^1 = m (x·x'/N_0 + β²), Θ^1 = x·x'/N_0 + β² (T5, arXiv 2309.04522)."""
        return cls(m.tt * (k11 + bias), m.ss * (k22 + bias), m.ts * (k12 + bias), k12 + bias)

    def step(self, dual: DualFunctions, m: PriorMoments, bias: Expr) -> LayerState:
        """C^{l+1} = m (K^l + β²), Θ^{l+1} = m K_dot^l Θ^l + K^l + β² (T5, arXiv 2309.04522)."""
        K, K_dot = dual.between(self)
        return LayerState(
            m.tt * (dual.K_diag.xreplace({a: self.a}) + bias),
            m.ss * (dual.K_diag.xreplace({a: self.b}) + bias),
            m.ts * (K + bias),
            m.ts * K_dot * self.theta + K + bias,
        )


@dataclass(frozen=True)
class Recursion:
    """All hidden layers as definitions, in order, and the output layer in their symbols."""

    definitions: Definitions
    output: LayerState

    def expand(self, expr: Expr) -> Expr:
        """`expr` written out in the inputs; only the definitions that it uses are written out."""
        values: dict[Symbol, Expr] = {}
        for name, value in self.behind(expr):
            values[name] = substitute(value, values)
        return substitute(expr, values)

    def behind(self, expr: Expr) -> Definitions:
        """The definitions that `expr` uses, directly or through others, in order."""
        needed = set(expr.free_symbols)
        for name, value in reversed(self.definitions):
            if name in needed:
                needed |= value.free_symbols
        return tuple((name, value) for name, value in self.definitions if name in needed)

    def at(self, point: Mapping[Symbol, Expr]) -> Recursion:
        """The recursion with some of its inputs replaced."""
        definitions = tuple((name, value.xreplace(point)) for name, value in self.definitions)
        out = self.output
        return Recursion(definitions, LayerState(*(e.xreplace(point) for e in (out.a, out.b, out.c, out.theta))))

    def derivative(self, variable: Symbol, of: Expr | None = None) -> tuple[Definitions, Expr]:
        """∂/∂variable of `of` (of C^{L+1} without it) by the chain rule: definitions of the layers' derivatives, and the result.

        >>> from ndksym.kernels.dual import dual
        >>> from ndksym.kernels.prior import SYMBOLS
        >>> unroll(dual_functions([dual("linear")]), SYMBOLS, bias=False).derivative(SYMBOLS.ts)
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


def dual_functions(duals: Sequence[Dual]) -> tuple[DualFunctions, ...]:
    """The dual kernel of each hidden layer, as expressions."""
    return tuple(DualFunctions.of(dual, str(layer)) for layer, dual in enumerate(duals, 1))


def bias_variance(bias: bool) -> Expr:
    """β² with biases, 0 without."""
    return beta**2 if bias else Integer(0)


def refuse_divergent(duals: Sequence[Dual], kernel: str) -> None:
    """DivergentKernelError, with the activation's name, if φ jumps or is as steep as √|x|: the tangent kernel is infinite."""
    for layer, dual in enumerate(duals, 1):
        if dual.activation.rough:
            where = ", ".join(f"x = {point}" for point in dual.activation.rough)
            verb = "jumps" if dual.activation.discontinuities else "is too steep"
            raise DivergentKernelError(
                f"the {kernel} is infinite: the activation {dual.activation.name!r} of hidden layer {layer} {verb} at "
                f"{where}, so K_dot = E[φ'(u)φ'(v)] diverges at coincident inputs; the NNGP kernel (.nngp) is finite"
            )


def unroll(layers: Sequence[DualFunctions], m: PriorMoments, bias: bool, label: str = "") -> Recursion:
    """The recursion through all hidden layers; `label` makes the symbols of two recursions different."""
    shift = bias_variance(bias)
    definitions: list[tuple[Symbol, Expr]] = []
    state = LayerState.first(m, shift)
    for index, dual in enumerate(layers, 1):
        names = LayerState.named(f"{index}{label}")
        definitions += zip(
            (names.a, names.b, names.c, names.theta), (state.a, state.b, state.c, state.theta), strict=True
        )
        state = names.step(dual, m, shift)
    return Recursion(tuple(definitions), state)


def nngp(duals: Sequence[Dual], bias: bool) -> Expr:
    """The NNGP kernel C^{L+1} in k11, k12, k22, σ² and β (T5 with m = σ²; Lee et al. 2018, arXiv 1711.00165)."""
    recursion = unroll(dual_functions(duals), PriorMoments.equal(sigma2), bias)
    return recursion.expand(recursion.output.c)


def ntk(duals: Sequence[Dual], bias: bool) -> Expr:
    """The NTK Θ^{L+1} in k11, k12, k22, σ0² and β (T5 with m = σ0²; Jacot et al. 2018, arXiv 1806.07572).

    DivergentKernelError if an activation jumps.
    """
    refuse_divergent(duals, "NTK")
    recursion = unroll(dual_functions(duals), PriorMoments.equal(sigma02), bias)
    return recursion.expand(recursion.output.theta)
