"""The NDK near t = s = 0, symbolically: the recursion of T5 and T6 in truncated power series in √(τ−τ') and τ', layer by layer.

G(τ, τ') = Σ G_jl (τ−τ')^{j/2} τ'^l, NDK(t, s) = G(Tt, Ts). Odd j occur only if φ has a kink and the inputs coincide, because then
1 − ρ ≈ (τ−τ')/σ0² and the kernel is a series in the root (T11; arXiv 2309.04522). Each coefficient of each layer is a symbol that
is defined by those before it. No expression is written out through several layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial

from sympy import Expr, Integer, Rational, Symbol, diff

from ndksym.algebra import power_series as ps
from ndksym.algebra.power_series import Powers
from ndksym.algebra.substitute import substitute
from ndksym.algebra.zero_test import Definitions
from ndksym.expansions.dual_expansion import DualExpansion, Taylor, coincident, distinct
from ndksym.kernels.dual import Dual
from ndksym.kernels.recursion import bias_variance
from ndksym.symbols import a, b, c, k11, k12, k22, sigma02, sigma2

__all__ = ["SmallTimeKernel", "small_time_kernel"]


@dataclass(frozen=True)
class SmallTimeKernel:
    """The G_jl by (j, l), as expressions in symbols that `definitions` define, in order."""

    definitions: Definitions
    coefficients: dict[tuple[int, int], Expr]
    order: int

    def written_out(self, expr: Expr) -> Expr:
        """An expression in these symbols, written out in the inputs and variances."""
        values: dict[Symbol, Expr] = {}
        for name, value in self.definitions:
            values[name] = substitute(value, values)
        return substitute(expr, values)

    def record(self) -> dict[str, object]:
        """The G_jl and the definitions as texts, for JSON."""
        return {
            "jets": {f"{j},{ell}": str(G) for (j, ell), G in sorted(self.coefficients.items())},
            "definitions": [[str(name), str(value)] for name, value in self.definitions],
        }

    @property
    def rooted(self) -> bool:
        """Whether odd powers of the root occur."""
        return any(j % 2 for j, _ in self.coefficients)


def small_time_kernel(duals: Sequence[Dual], bias: bool, order: int, same: bool, label: str = "") -> SmallTimeKernel:
    """The G_jl for j + 2l ≤ order, of one input with itself if `same` (in k11), otherwise of two inputs (in k11, k12, k22)."""
    return (_OneInput if same else _TwoInputs)(bias, order, label).through(duals)


@dataclass
class _Layers:
    """The series of one pair of inputs, layer by layer; `names` collects the definitions of their symbols."""

    bias: bool
    order: int
    label: str
    names: list[tuple[Symbol, Expr]] = field(default_factory=list)

    @property
    def shift(self) -> Expr:
        return bias_variance(self.bias)

    @property
    def degree(self) -> int:
        """The degree of the covariances: one more than the order, because K_dot starts with a root of them; at least 2."""
        return max(self.order, 1) + 1

    def named(self, kind: str, value: Expr, positive: bool = False) -> Expr:
        """A symbol for a value, unless the value is a symbol or a number."""
        if value.is_Symbol or value.is_number:
            return value
        name = Symbol(f"{kind}{self.label}", positive=True) if positive else Symbol(f"{kind}{self.label}", real=True)
        self.names.append((name, value))
        return name

    def all_named(self, kind: str, f: Powers) -> Powers:
        return {(j, ell): self.named(f"{kind}_{j}{ell}", value) for (j, ell), value in sorted(f.items())}

    def composed(
        self, kind: str, taylor: Taylor, variables: Sequence[Powers], degree: int, point: dict[Symbol, Expr]
    ) -> Powers:
        """The dual kernel of the series, with a symbol for each Taylor coefficient at the point."""

        def name(alpha: tuple[int, ...]) -> Expr:
            return self.named(f"{kind}_{''.join(map(str, alpha))}", taylor[alpha].xreplace(point))

        return ps.composed(taylor, variables, degree, name)

    def variances(self, kind: str, moment: list[Expr]) -> list[Expr]:
        """The Taylor coefficients of m(τ, τ) (moment + β²) in τ; the first is positive."""
        m = _equal_time(len(moment) - 1)
        shifted = [moment[0] + self.shift, *moment[1:]]
        values = [sum((m[i] * shifted[n - i] for i in range(n + 1)), Integer(0)) for n in range(len(moment))]
        return [self.named(f"{kind}_{n}", value, positive=n == 0) for n, value in enumerate(values)]

    def diagonal(self, kind: str, dual: Dual, variance: list[Expr]) -> list[Expr]:
        """K(a, a, a) of a variance that is a series in τ."""
        n = len(variance) - 1
        value: Expr = dual.K_diag
        taylor: dict[tuple[int, ...], Expr] = {}
        for i in range(n + 1):
            if value != 0:
                taylor[i,] = value / factorial(i)
            value = diff(value, a)
        rest = {(0, ell): f for ell, f in enumerate(variance) if ell > 0 and f != 0}
        kernel = self.composed(kind, taylor, [rest], 2 * n, {a: variance[0]})
        return [kernel.get((0, ell), Integer(0)) for ell in range(n + 1)]

    def passed(
        self,
        layer: int,
        local: DualExpansion,
        changes: Sequence[Powers],
        point: dict[Symbol, Expr],
        m: Powers,
        theta: Powers,
    ) -> tuple[Powers, Powers]:
        """K^l + β² and Θ^{l+1} = m K_dot^l Θ^l + K^l + β², from Taylor coefficients at the point (T5)."""
        K = self.composed(f"K{layer}", local.K, changes, self.degree, point)
        K_dot = self.composed(f"Kd{layer}", local.K_dot, changes, self.order, point)
        K = ps.plus(K, ps.constant(self.shift))
        theta = ps.plus(ps.times(ps.times(m, K_dot, self.order), theta, self.order), ps.cut(K, self.order))
        return K, self.all_named(f"Theta{layer + 1}", theta)


class _TwoInputs(_Layers):
    """Two inputs."""

    def through(self, duals: Sequence[Dual]) -> SmallTimeKernel:
        n, m = self.degree // 2, _cross(self.degree)
        start = k12 + self.shift
        first, second = self.variances("a1", [k11, *_zeros(n)]), self.variances("b1", [k22, *_zeros(n)])
        across = self.all_named("c1", ps.scaled(m, start))
        theta = ps.constant(start)
        for layer, dual in enumerate(duals, 1):
            local = distinct(dual, n)
            point = {a: first[0], b: second[0], c: across.get((0, 0), Integer(0))}
            changes = [_change(ps.later(first, self.degree)), _change(_earlier(second)), _change(across)]
            K, theta = self.passed(layer, local, changes, point, m, theta)
            if layer < len(duals):
                first = self.variances(f"a{layer + 1}", self.diagonal(f"A{layer}", dual, first))
                second = self.variances(f"b{layer + 1}", self.diagonal(f"B{layer}", dual, second))
                across = self.all_named(f"c{layer + 1}", ps.times(m, K, self.degree))
        return _read_out(self, theta)


class _OneInput(_Layers):
    """One input at two times. At τ = τ' the covariance equals the variance, so c = a(τ') + (τ−τ') γ."""

    def through(self, duals: Sequence[Dual]) -> SmallTimeKernel:
        n, m = self.degree // 2, _cross(self.degree)
        start = k11 + self.shift
        variance = self.variances("a1", [k11, *_zeros(n)])
        lag_part = self.all_named("c1", _lag_part(ps.scaled(m, start)))
        theta = ps.constant(start)
        for layer, dual in enumerate(duals, 1):
            local = coincident(dual, self.order)
            point = {a: variance[0]}
            changes = self.changes(layer, local, variance, lag_part)
            K, theta = self.passed(layer, local, changes, point, m, theta)
            if layer < len(duals):
                variance = self.variances(f"a{layer + 1}", self.diagonal(f"A{layer}", dual, variance))
                lag_part = self.all_named(f"c{layer + 1}", _lag_part(ps.times(m, K, self.degree)))
        return _read_out(self, theta)

    def changes(self, layer: int, local: DualExpansion, variance: list[Expr], lag_part: Powers) -> list[Powers]:
        """δa, δb, δc, or δa, w, r with r = √τ−τ' √(a' (α − 2γ) − (τ−τ') γ²), a = a' + (τ−τ') α."""
        later, earlier = ps.later(variance, self.degree), _earlier(variance)
        if not local.rooted:
            return [_change(later), _change(earlier), _change(ps.plus(earlier, lag_part))]
        alpha, gamma = ps.divided(ps.minus(later, earlier), 2), ps.divided(lag_part, 2)
        less = self.degree - 2
        inside = ps.times(earlier, ps.minus(alpha, ps.scaled(gamma, Integer(2))), less)
        square = ps.minus(inside, ps.times({(2, 0): Integer(1)}, ps.times(gamma, gamma, less), less))
        square[0, 0] = self.named(f"d{layer}", square[0, 0], positive=True)
        square = self.all_named(f"d{layer}", square)
        r = ps.times({(1, 0): Integer(1)}, ps.power(square, Rational(1, 2), less), self.order)
        w = ps.times({(1, 0): Integer(-1)}, ps.times(alpha, ps.power(square, Rational(-1, 2), less), less), self.order)
        return [_change(later), self.all_named(f"w{layer}", w), self.all_named(f"r{layer}", r)]


def _read_out(layers: _Layers, theta: Powers) -> SmallTimeKernel:
    """G = e^{−(τ−τ')/σ²} Θ (T6)."""
    decay = {(2 * i, 0): (-1 / sigma2) ** i / factorial(i) for i in range(layers.order // 2 + 1)}
    coefficients = layers.all_named("G", ps.times(decay, theta, layers.order))
    return SmallTimeKernel(tuple(layers.names), coefficients, layers.order)


def _equal_time(order: int) -> list[Expr]:
    """m(τ, τ) = σ² + (σ0² − σ²) e^{−2τ/σ²}: Taylor coefficients (T3)."""
    return [sigma02, *((sigma02 - sigma2) * (-2 / sigma2) ** n / factorial(n) for n in range(1, order + 1))]


def _cross(degree: int) -> Powers:
    """m(τ, τ') = e^{−(τ−τ')/σ²} m(τ', τ')."""
    decay = {(2 * i, 0): (-1 / sigma2) ** i / factorial(i) for i in range(degree // 2 + 1)}
    return ps.times(decay, _earlier(_equal_time(degree // 2)), degree)


def _earlier(coefficients: list[Expr]) -> Powers:
    return {(0, ell): f for ell, f in enumerate(coefficients) if f != 0}


def _change(f: Powers) -> Powers:
    return {at: value for at, value in f.items() if at != (0, 0)}


def _lag_part(f: Powers) -> Powers:
    """The part of a covariance that vanishes at τ = τ'."""
    return {(j, ell): value for (j, ell), value in f.items() if j > 0}


def _zeros(n: int) -> list[Expr]:
    return [Integer(0)] * n
