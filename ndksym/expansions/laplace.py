"""Laplace transforms of the inner terms, as Laurent series in z^{1/2}: overlap terms and moments (T11, T12).

With G(τ, τ') = Σ G_jl (τ−τ')^{j/2} τ'^l, ε = √T and Δ = Σ ε^k Δ_k, the transforms satisfy

    (z + Θ) Δ̂_k = y δ_k0 − Σ_{j+2l≥1} Γ(j/2 + 1) G_jl z^{−j/2} (−∂_z)^l Δ̂_{k−j−2l}.

Small z corresponds to large t. A power z^e with e no natural number is the overlap term t^{−e−1}/Γ(−e); the coefficient of z^m is
(−1)^m/m! times the m-th moment of Δ_k (Hadamard's finite part). The coefficients are numbers, matrices, or symbols that do not
commute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Rational, gamma, rf

__all__ = ["CoefficientAction", "Coefficients", "LaurentSeries", "overlap", "predictor", "residues", "transforms"]

Value = Any
"""A number, a matrix, or a symbol that does not commute."""

Coefficients = Mapping[tuple[int, int], Value]
"""G_jl by (j, l): the coefficient of (τ−τ')^{j/2} τ'^l."""

LaurentSeries = dict[int, Value]
"""Coefficients of z^{e/2} by e."""


@dataclass(frozen=True)
class CoefficientAction:
    """The action of coefficients: `apply(G, v)` is G v, `solve(v)` is Θ⁻¹ v, and `number` converts a rational or a Γ."""

    apply: Callable[[Value, Value], Value]
    solve: Callable[[Value], Value]
    number: Callable[[Expr], Value]


def transforms(
    coefficients: Coefficients, y: Value, action: CoefficientAction, order: int, reach: int
) -> list[LaurentSeries]:
    """Δ̂_0 … Δ̂_order (powers of ε), each up to z^{(reach − k)/2}.

    >>> from sympy import symbols
    >>> theta, A, y = symbols("theta A y")
    >>> scalar = CoefficientAction(lambda G, v: G * v, lambda v: v / theta, lambda q: q)
    >>> transforms({(0, 0): theta, (2, 0): A}, y, scalar, order=2, reach=2)[2]
    {-2: -A*y/theta**2, 0: 2*A*y/theta**3}
    """
    inner: list[LaurentSeries] = []
    for k in range(order + 1):
        right: LaurentSeries = {0: y} if k == 0 else {}
        for (j, ell), G in coefficients.items():
            if 1 <= j + 2 * ell <= k:
                for e, value in _moved(inner[k - j - 2 * ell], j, ell, action).items():
                    _add(right, e, -action.apply(G, value))
        here: LaurentSeries = {}
        for e in range(-k, reach - k + 1, 2):
            rest = _difference(right.get(e), here.get(e - 2))
            if rest is not None:
                here[e] = action.solve(rest)
        inner.append(here)
    return inner


def predictor(
    coefficients: Coefficients, inner: list[LaurentSeries], action: CoefficientAction, order: int
) -> list[LaurentSeries]:
    """f̂_k = Σ Γ(j/2 + 1) g_jl z^{−j/2−1} (−∂_z)^l Δ̂_{k−j−2l} with the rows g of any input, k = 0 … order."""
    outputs: list[LaurentSeries] = []
    for k in range(order + 1):
        here: LaurentSeries = {}
        for (j, ell), g in coefficients.items():
            if j + 2 * ell <= k:
                for e, value in _moved(inner[k - j - 2 * ell], j, ell, action).items():
                    _add(here, e - 2, action.apply(g, value))
        outputs.append(here)
    return outputs


def overlap(series: LaurentSeries, action: CoefficientAction) -> dict[Rational, Value]:
    """The powers of t that belong to a transform, as coefficients by exponent; moments are omitted."""
    out = {}
    for e, value in series.items():
        power = Rational(-e - 2, 2)
        if not (power.is_integer and power < 0):
            out[power] = action.number(1 / gamma(power + 1)) * value
    return out


def residues(inner: list[LaurentSeries], k: int) -> dict[int, Value]:
    """a_kj = (−1)^j [z^j] Δ̂_{2k−2j}: at order T^k the inner phase enters the outer equation as Σ_j a_kj ∂_2^j G(τ, 0)."""
    return {j: (-1) ** j * inner[2 * (k - j)][2 * j] for j in range(k + 1) if 2 * j in inner[2 * (k - j)]}


def _moved(series: LaurentSeries, j: int, ell: int, action: CoefficientAction) -> LaurentSeries:
    """Γ(j/2 + 1) z^{−j/2} (−∂_z)^l of a series."""
    out: LaurentSeries = {}
    for e, value in series.items():
        # (−∂_z)^l z^p = (−p)_l z^{p−l}
        factor = rf(Rational(-e, 2), ell) * gamma(Rational(j, 2) + 1)
        if factor != 0:
            out[e - j - 2 * ell] = action.number(factor) * value
    return out


def _add(series: LaurentSeries, e: int, value: Value) -> None:
    series[e] = series[e] + value if e in series else value


def _difference(first: Value | None, second: Value | None) -> Value | None:
    """first − second, where None is 0."""
    if first is None:
        return None if second is None else -second
    return first if second is None else first - second
