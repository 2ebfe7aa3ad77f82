"""What the gradient-driven phase leaves behind, as a Laurent series in z^{1/2}: overlap terms and moments (theory T11, T12).

With G(τ, τ') = Σ G_jl (τ−τ')^{j/2} τ'^l, ε = √T and Δ = Σ ε^k Δ_k, the Laplace transforms of the inner terms obey

    (z + Θ) Δ̂_k = y δ_k0 − Σ_{j+2l≥1} Γ(j/2 + 1) G_jl z^{−j/2} (−∂_z)^l Δ̂_{k−j−2l}.

Small z is large t: z^e with e no natural number is the overlap term t^{−e−1}/Γ(−e); the coefficient of z^m is (−1)^m/m! times the
m-th moment of Δ_k, Hadamard's finite part. The coefficients may be numbers, matrices or symbols that do not commute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, Rational, gamma, rf

__all__ = ["Jets", "Laurent", "Left", "overlap", "predictor", "residues", "transforms"]

Jets = Mapping[tuple[int, int], Any]
"""G_jl by (j, l): the coefficient of (τ−τ')^{j/2} τ'^l."""

Laurent = dict[int, Any]
"""Coefficients of z^{e/2} by e."""


@dataclass(frozen=True)
class Left:
    """How coefficients act: `apply(G, v)` is G v and `solve(v)` is Θ⁻¹ v; `number` makes a rational or a Γ a factor."""

    apply: Callable[[Any, Any], Any]
    solve: Callable[[Any], Any]
    number: Callable[[Expr], Any]


def transforms(jets: Jets, y: Any, left: Left, order: int, reach: int) -> list[Laurent]:
    """Δ̂_0 … Δ̂_order (powers of ε), each up to z^{(reach − k)/2}.

    >>> from sympy import symbols
    >>> theta, A, y = symbols("theta A y")
    >>> scalar = Left(lambda G, v: G * v, lambda v: v / theta, lambda q: q)
    >>> found = transforms({(0, 0): theta, (2, 0): A}, y, scalar, order=2, reach=2)
    >>> found[2]
    {-2: -A*y/theta**2, 0: 2*A*y/theta**3}
    """
    found: list[Laurent] = []
    for k in range(order + 1):
        right: Laurent = {0: y} if k == 0 else {}
        for (j, ell), G in jets.items():
            if 1 <= j + 2 * ell <= k:
                for e, value in _moved(found[k - j - 2 * ell], j, ell, left).items():
                    _add(right, e, -left.apply(G, value))
        here: Laurent = {}
        for e in range(-k, reach - k + 1, 2):
            rest = _difference(right.get(e), here.get(e - 2))
            if rest is not None:
                here[e] = left.solve(rest)
        found.append(here)
    return found


def predictor(jets: Jets, inside: list[Laurent], left: Left, order: int) -> list[Laurent]:
    """f̂_k = Σ Γ(j/2 + 1) g_jl z^{−j/2−1} (−∂_z)^l Δ̂_{k−j−2l} with the rows g of any input, k = 0 … order."""
    found: list[Laurent] = []
    for k in range(order + 1):
        here: Laurent = {}
        for (j, ell), g in jets.items():
            if j + 2 * ell <= k:
                for e, value in _moved(inside[k - j - 2 * ell], j, ell, left).items():
                    _add(here, e - 2, left.apply(g, value))
        found.append(here)
    return found


def overlap(series: Laurent, left: Left) -> dict[Rational, Any]:
    """The powers of t that a transform tends to: coefficients by exponent, moments left out."""
    out = {}
    for e, value in series.items():
        power = Rational(-e - 2, 2)
        if not (power.is_integer and power < 0):
            out[power] = left.number(1 / gamma(power + 1)) * value
    return out


def residues(inside: list[Laurent], k: int) -> dict[int, Any]:
    """a_kj, what the inner phase is to the outer at order T^k: Σ_j a_kj ∂_2^j G(τ, 0), a_kj = (−1)^j [z^j] Δ̂_{2k−2j}."""
    return {j: (-1) ** j * inside[2 * (k - j)][2 * j] for j in range(k + 1) if 2 * j in inside[2 * (k - j)]}


def _moved(series: Laurent, j: int, ell: int, left: Left) -> Laurent:
    """Γ(j/2 + 1) z^{−j/2} (−∂_z)^l of a series."""
    out: Laurent = {}
    for e, value in series.items():
        # (−∂_z)^l z^p = (−p)_l z^{p−l}
        factor = rf(Rational(-e, 2), ell) * gamma(Rational(j, 2) + 1)
        if factor != 0:
            out[e - j - 2 * ell] = left.number(factor) * value
    return out


def _add(series: Laurent, e: int, value: Any) -> None:
    series[e] = series[e] + value if e in series else value


def _difference(first: Any | None, second: Any | None) -> Any | None:
    if second is None:
        return first
    return (
        Integer(-1) * second
        if first is None and isinstance(second, Expr)
        else -second
        if first is None
        else first - second
    )
