"""The gradient-driven phase, one mode in closed form: Δ_k(t) to any order in ε = √T (theory T11; arXiv 2309.04522).

The transforms of `laurent` with Θ = θ are finite sums of z^{−α} (z + θ)^{−n}, α a multiple of ½; each has an inverse by partial
fractions, with e^{−θt} erfi(√(θt)) where α is no integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import factorial

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol, collect, diff, erfi, exp, expand, gamma, sqrt

from ndksym.errors import InputError
from ndksym.symbols import t

__all__ = ["MOST_TERMS", "Inner", "inner", "jet", "label", "terms_of", "theta"]

theta = Symbol("theta", positive=True)
"""Eigenvalue of the NTK at initialisation, G_00."""
label = Symbol("y", real=True)
"""The labels' component in the mode."""

MOST_TERMS = 20_000
"""Products of G_jl that an expansion may hold."""

Transform = dict[tuple[int, int], Expr]
"""Coefficients of z^{e/2} (z + θ)^{−n} by (e, n)."""


@cache
def jet(j: int, ell: int, commutative: bool = True) -> Expr:
    """G_jl: the coefficient of (τ−τ')^{j/2} τ'^l of G, in the mode."""
    name = f"G_{j}{ell}" if max(j, ell) < 10 else f"G_{j}_{ell}"
    return Symbol(name, real=True) if commutative else Symbol(name, commutative=False)


@dataclass(frozen=True)
class Inner:
    """Δ = Σ ε^k Δ_k at fixed t: one mode of eigenvalue theta, coefficients G_jl; `steps` is 2 where only powers of T occur."""

    terms: tuple[Expr, ...]
    step: int

    def __getitem__(self, k: int) -> Expr:
        """Δ_k, k counting powers of ε = √T."""
        return self.terms[k]


def inner(at: Iterable[tuple[int, int]], order: int) -> Inner:
    """Δ_0 … Δ_order (powers of ε) for the G_jl that do not vanish.

    InputError where that would be more than MOST_TERMS products.

    >>> found = inner([(2, 0), (0, 1)], order=2)
    >>> found[0]
    y*exp(-t*theta)
    >>> from sympy import limit, oo
    >>> limit(found[2], t, oo)
    -G_20*y/theta**2
    """
    jets = [each for each in sorted(at) if each != (0, 0)]
    check(jets, order)
    found: list[Transform] = [{(0, 1): label}]
    for k in range(1, order + 1):
        right: Transform = {}
        for j, ell in jets:
            if j + 2 * ell <= k:
                moved = _moved(found[k - j - 2 * ell], j, ell)
                for (e, n), value in moved.items():
                    right[e, n + 1] = right.get((e, n + 1), Integer(0)) - jet(j, ell) * value
        found.append({at_: expand(value) for at_, value in right.items() if expand(value) != 0})
    step = 1 if any(j % 2 for j, _ in jets) else 2
    return Inner(tuple(map(_in_time, found)), step)


def check(jets: Iterable[tuple[int, int]], order: int) -> None:
    """Refuse an order that would explode, and say how large it is."""
    size = terms_of(jets, order)
    if size > MOST_TERMS:
        raise InputError(
            f"order {Rational(order, 2)} would hold some {size:,} products of derivatives of the kernel in its last term "
            f"alone; up to {MOST_TERMS:,} are written out, so ask for a lower order"
        )


def terms_of(jets: Iterable[tuple[int, int]], order: int) -> int:
    """How many products of G_jl the term of that order holds: words in letters of weight j + 2l, each l acting at each z-power."""
    weights = [(j + 2 * ell, ell + 1) for j, ell in jets if (j, ell) != (0, 0)]
    count = [1]
    for k in range(1, order + 1):
        count.append(sum(choices * count[k - weight] for weight, choices in weights if weight <= k))
    return count[order]


def _moved(series: Transform, j: int, ell: int) -> Transform:
    """Γ(j/2 + 1) z^{−j/2} (−∂_z)^l."""
    for _ in range(ell):
        out: Transform = {}
        for (e, n), value in series.items():
            for at, factor in (((e - 2, n), -Rational(e, 2)), ((e, n + 1), Integer(n))):
                if factor != 0:
                    out[at] = out.get(at, Integer(0)) + factor * value
        series = out
    return {(e - j, n): gamma(Rational(j, 2) + 1) * value for (e, n), value in series.items()}


def _in_time(series: Transform) -> Expr:
    parts = [value * _inverse(-e, n) for (e, n), value in series.items()]
    total = expand(Add(*parts))
    return collect(total, [exp(-theta * t), erfi(sqrt(theta * t))]) if len(parts) > 1 else total


@cache
def _inverse(a: int, n: int) -> Expr:
    """L⁻¹ of z^{−a/2} (z + θ)^{−n}."""
    if n == 0:
        return t ** (Rational(a, 2) - 1) / gamma(Rational(a, 2))
    if a >= 2:
        # 1/(z (z + θ)) = (1/z − 1/(z + θ))/θ
        return expand((_inverse(a, n - 1) - _inverse(a - 2, n)) / theta)
    if a == 0:
        return Mul(Pow(t, n - 1), exp(-theta * t)) / factorial(n - 1)
    once = exp(-theta * t) * erfi(sqrt(theta * t)) / sqrt(theta)
    return expand((-1) ** (n - 1) * diff(once, theta, n - 1) / factorial(n - 1))
