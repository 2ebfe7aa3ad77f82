"""Exact series of an expression along a one-sided curve, where it need not be analytic: roots, and functions at the ends of
their domains.

The kernel at coincident inputs, where ab = c², is expanded from its closed form at (a, b, c) this way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from mpmath import mpf
from sympy import Expr, Integer, Rational, Symbol, cosh, erf, exp, expand, expand_mul, pi, sinh, sqrt

from ndksym.algebra import sparse_sums
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.algebra.functions import FUNCTIONS, ElementaryFunction
from ndksym.algebra.series import Expansion, LaurentSeries, SingularError, integrated
from ndksym.algebra.sparse_sums import Sum

__all__ = ["ExactSeries", "constant", "series", "variable"]

ExactSeries = LaurentSeries[Sum]


class _Exact:
    """Sums of powers of atoms as coefficients."""

    zero, one = sparse_sums.ZERO, sparse_sums.ONE
    one_sided = True

    def read(self, e: Expr) -> Sum:
        return sparse_sums.read(e)

    def write(self, c: Sum) -> Expr:
        return sparse_sums.write(c)

    def number(self, e: Expr) -> mpf:
        raise SingularError(f"the power {e} is not rational")

    def add(self, terms: Sequence[Sum]) -> Sum:
        return sparse_sums.add(*terms)

    def dot(self, left: Sequence[Sum], right: Sequence[Sum]) -> Sum:
        return sparse_sums.dot(left, right)

    def scale(self, c: Sum, factor: Fraction | int) -> Sum:
        return sparse_sums.scale(c, factor)

    def power(self, c: Sum, p: Expr) -> Sum:
        return sparse_sums.power(c, p)

    def apply(self, function: ElementaryFunction, c: Sum) -> Sum:
        return sparse_sums.read(function.sympy(sparse_sums.write(c)))

    def lead(self, terms: Sequence[Sum]) -> int:
        return next((n for n, term in enumerate(terms) if not sparse_sums.vanishes(term)), len(terms))


EXACT = _Exact()


def series(expr: Expr, curve: Mapping[Symbol, ExactSeries], order: int) -> ExactSeries:
    """`expr` along the curve, up to ε^order or as far as the curve determines it.

    NotDerivableError for a function without a rule, or one that does not tend to a limit.

    >>> from sympy import acos
    >>> from ndksym.symbols import x
    >>> curve = {x: constant(Integer(1), 5) + (variable(Integer(1), 5) ** Integer(2)).scaled(Integer(-2))}
    >>> [series(acos(x), curve, 2).coefficient(n) for n in range(3)]
    [0, 2, 0]
    """
    # sinh and cosh of a large argument: each exponential must meet the one that makes it small
    for func, sign in ((sinh, -1), (cosh, 1)):
        expr = expr.replace(func, lambda u, sign=sign: (exp(u) + sign * exp(-u)) / 2)
    length = max((f.end for f in curve.values()), default=order + 1)
    full = Expansion(EXACT, curve, length, {Phi2: _normal})(expand_mul(expr) if expr.has(exp) else expr)
    return LaurentSeries(EXACT, full.start, full.terms[: max(order + 1 - full.start, 0)])


def constant(value: Expr, length: int) -> ExactSeries:
    """A constant, known up to ε^(length−1)."""
    return Expansion(EXACT, {}, length)(value)


def variable(factor: Expr, length: int) -> ExactSeries:
    """factor · ε, known up to ε^(length−1)."""
    return LaurentSeries(EXACT, 1, (EXACT.read(factor), *[EXACT.zero] * (length - 2)))


def _normal(along: Expansion[Sum], h: ExactSeries, k: ExactSeries, rho: ExactSeries) -> ExactSeries:
    """Φ2(h, k; ρ), from ∂_h = φ(h) Φ((k − ρh)/√(1−ρ²)), the same for k, and ∂_ρ = φ2(h, k; ρ)."""
    one = along.constant(EXACT.one)
    inverse: ExactSeries = (one + (rho * rho).scaled(Integer(-1))) ** Rational(-1, 2)

    def density(u: ExactSeries) -> ExactSeries:
        return along.function(FUNCTIONS[exp], (u * u).scaled(Rational(-1, 2))).scaled(1 / sqrt(2 * pi))

    def cdf(u: ExactSeries) -> ExactSeries:
        return (one + along.function(FUNCTIONS[erf], u.scaled(1 / sqrt(Integer(2))))).scaled(Rational(1, 2))

    def conditional(u: ExactSeries, v: ExactSeries) -> ExactSeries:
        """(v − ρu)/√(1−ρ²)."""
        return (v + (rho * u).scaled(Integer(-1))) * inverse

    # (h² − 2ρhk + k²)/(1 − ρ²) = h² + ((k − ρh)/√(1−ρ²))²
    joint = density(h) * density(conditional(h, k)) * inverse
    rate = density(h) * cdf(conditional(h, k)) * h.derivative()
    rate = rate + density(k) * cdf(conditional(k, h)) * k.derivative() + joint * rho.derivative()
    return integrated(EXACT.read(_start(h.coefficient(0), k.coefficient(0), rho.coefficient(0))), rate)


def _start(h: Expr, k: Expr, rho: Expr) -> Expr:
    def cdf(z: Expr) -> Expr:
        return (1 + erf(z / sqrt(Integer(2)))) / 2

    if rho == 1:
        return cdf(h if h == k or (k - h).is_nonnegative else k)
    if rho == -1:
        total = expand(h + k)
        if total == 0 or total.is_negative:
            return Integer(0)
        return expand(cdf(h) + cdf(k) - 1)
    return Phi2(h, k, rho)
