"""The gradient-driven phase of one mode in closed form: Δ_k(t) to any order in ε = √T (T11; arXiv 2309.04522).

For one mode, with θ for Θ, the transforms of `laplace` are finite sums of z^{−α} (z + θ)^{−n} with α a multiple of ½. Each is inverted
by partial fractions; e^{−θt} erfi(√(θt)) occurs if α is not an integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

from sympy import Add, Expr, Integer, Mul, Pow, Rational, Symbol, collect, diff, erfi, exp, expand, gamma, sqrt

from ndksym.errors import InputError
from ndksym.symbols import t

__all__ = ["MOST_TERMS", "Inner", "coefficient", "inner", "label", "terms_of", "theta"]

theta = Symbol("theta", positive=True)
"""Eigenvalue of the NTK at initialisation, G_00."""
label = Symbol("y", real=True)
"""The component of the labels in the mode."""

MOST_TERMS = 20_000
"""Largest number of products of G_jl in an expansion."""

Transform = dict[tuple[int, int], Expr]
"""Coefficients of z^{e/2} (z + θ)^{−n} by (e, n)."""


@lru_cache(maxsize=1024)
def coefficient(j: int, ell: int, commutative: bool = True) -> Expr:
    """The symbol G_jl, the coefficient of (τ−τ')^{j/2} τ'^l in G."""
    name = f"G_{j}{ell}" if max(j, ell) < 10 else f"G_{j}_{ell}"
    return Symbol(name, real=True) if commutative else Symbol(name, commutative=False)


@dataclass(frozen=True)
class Inner:
    """Δ = Σ ε^k Δ_k at fixed t, for one mode with eigenvalue theta; `step` is 2 if only integer powers of T occur."""

    terms: tuple[Expr, ...]
    step: int

    def __getitem__(self, k: int) -> Expr:
        """Δ_k, k counting powers of ε = √T."""
        return self.terms[k]


def inner(at: Iterable[tuple[int, int]], order: int) -> Inner:
    """Δ_0 … Δ_order (powers of ε), where the G_jl `at` these (j, l) do not vanish.

    InputError if there are more than MOST_TERMS products.

    >>> terms = inner([(2, 0), (0, 1)], order=2)
    >>> terms[0]
    y*exp(-t*theta)
    >>> from sympy import limit, oo
    >>> limit(terms[2], t, oo)
    -G_20*y/theta**2
    """
    exponents = [each for each in sorted(at) if each != (0, 0)]
    check(exponents, order)
    transforms: list[Transform] = [{(0, 1): label}]
    for k in range(1, order + 1):
        right: Transform = {}
        for j, ell in exponents:
            if j + 2 * ell <= k:
                moved = _moved(transforms[k - j - 2 * ell], j, ell)
                for (e, n), value in moved.items():
                    right[e, n + 1] = right.get((e, n + 1), Integer(0)) - coefficient(j, ell) * value
        transforms.append({at_: expand(value) for at_, value in right.items() if expand(value) != 0})
    step = 1 if any(j % 2 for j, _ in exponents) else 2
    return Inner(tuple(map(_in_time, transforms)), step)


def check(exponents: Iterable[tuple[int, int]], order: int) -> None:
    """InputError if the expansion to that order is too long, with its length."""
    size = terms_of(exponents, order)
    if size > MOST_TERMS:
        raise InputError(
            f"order {Rational(order, 2)} is too high: its last term alone has about {size:,} products of derivatives of the "
            f"kernel, and at most {MOST_TERMS:,} are written out; choose a lower order"
        )


def terms_of(exponents: Iterable[tuple[int, int]], order: int) -> int:
    """The number of products of G_jl in the term of that order; a factor G_jl has weight j + 2l and l + 1 derivatives."""
    weights = [(j + 2 * ell, ell + 1) for j, ell in exponents if (j, ell) != (0, 0)]
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


@lru_cache(maxsize=1024)
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
