"""The dual kernel near a point: its Taylor coefficients, or its expansion in roots near coincident inputs if φ has a kink (T4, T11).

Near coincident inputs K(a, b, c) of a φ with kinks is not a power series in a, b and c. It is one in a, r = √(ab − c²) and
w = (b − a)/r, because the effect of a kink depends on the distance of the preactivations relative to their difference in size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

from sympy import Expr, Integer, Poly, Rational, Symbol, diff

from ndksym.algebra import puiseux
from ndksym.errors import NotDerivableError
from ndksym.kernels.dual import Dual
from ndksym.symbols import a, b, c

__all__ = ["DualExpansion", "coincident", "distinct"]

_GUARDS = (4, 7, 10)
"""Numbers of additional terms to try: poles that cancel cost some of them."""
_R, _W = Symbol("r", positive=True), Symbol("w", real=True)

Taylor = Mapping[tuple[int, ...], Expr]


@dataclass(frozen=True)
class DualExpansion:
    """Coefficients of K and K_dot at (a, b, c) in powers of (δa, δb, δc); if `rooted`, at (a, a, a) in powers of (δa, w, r)."""

    K: Taylor
    K_dot: Taylor
    rooted: bool


@lru_cache(maxsize=64)
def distinct(dual: Dual, degree: int) -> DualExpansion:
    """Taylor coefficients in δa, δb and δc up to that degree, at any a, b and |c| < √(ab), with ∂K/∂c = K_dot (T4)."""
    K, K_dot = _closed(dual)
    slopes = _taylor(K_dot, degree)
    values = _taylor_ab(K, degree)
    for (i, j, k), value in slopes.items():
        if i + j + k < degree:
            values[i, j, k + 1] = value / (k + 1)
    return DualExpansion(values, slopes, rooted=False)


@lru_cache(maxsize=64)
def coincident(dual: Dual, degree: int) -> DualExpansion:
    """Coefficients at coincident inputs up to that degree, one more for K; w and r have degree 1, δa, δb and δc degree 2.

    >>> from ndksym.kernels.dual import dual
    >>> coincident(dual("relu"), 1).K_dot[0, 0, 1]
    -1/(2*pi*a)
    """
    if not dual.activation.kinks:
        at = distinct(dual, (degree + 1) // 2)
        here = {b: a, c: a}
        return DualExpansion(_at(at.K, here), _at(at.K_dot, here), rooted=False)
    K, K_dot = _closed(dual)
    return DualExpansion(_rooted(K, degree + 1), _rooted(K_dot, degree), rooted=True)


def _closed(dual: Dual) -> tuple[Expr, Expr]:
    if dual.K is None or dual.K_dot is None:
        raise NotDerivableError(f"{dual.activation.name} has no closed form: {dual.reason}")
    return dual.K, dual.K_dot


def _at(taylor: Taylor, point: Mapping[Symbol, Expr]) -> Taylor:
    values = {at: value.xreplace(point) for at, value in taylor.items()}
    return {at: value for at, value in values.items() if value != 0}


def _taylor(expr: Expr, degree: int) -> dict[tuple[int, ...], Expr]:
    taylor: dict[tuple[int, ...], Expr] = {}
    for (i, j, _), start in _taylor_ab(expr, degree).items():
        value = start
        for k in range(degree - i - j + 1):
            if value != 0:
                taylor[i, j, k] = value / factorial(k)
            value = diff(value, c)
    return taylor


def _taylor_ab(expr: Expr, degree: int) -> dict[tuple[int, ...], Expr]:
    taylor: dict[tuple[int, ...], Expr] = {}
    along_a = expr
    for i in range(degree + 1):
        along_b = along_a
        for j in range(degree - i + 1):
            if along_b != 0:
                taylor[i, j, 0] = along_b / (factorial(i) * factorial(j))
            along_b = diff(along_b, b)
        along_a = diff(along_a, a)
    return taylor


def _rooted(expr: Expr, degree: int) -> dict[tuple[int, ...], Expr]:
    """Powers of (δa, w, r)."""
    taylor: dict[tuple[int, ...], Expr] = {}
    terms = _beside(expr, degree)
    for n in range(degree + 1):
        value = terms.coefficient(n)
        if value == 0:
            continue
        for (in_w, in_r), coefficient in Poly(value, _W, _R).terms():
            for i in range((degree - n) // 2 + 1):
                slope = diff(coefficient, a, i) / factorial(i)
                if slope != 0:
                    taylor[i, in_w, in_r] = slope
    return taylor


def _beside(expr: Expr, degree: int) -> puiseux.ExactSeries:
    """Along r = ε r, w = ε w: b = a + rw, c = √(ab − r²)."""
    for guard in _GUARDS:
        length = degree + 1 + guard
        r, w = puiseux.variable(_R, length), puiseux.variable(_W, length)
        first = puiseux.constant(a, length)
        second = first + r * w
        square = first * second + (r * r).scaled(Integer(-1))
        found = puiseux.series(expr, {b: second, c: square ** Rational(1, 2)}, degree)
        if found.end > degree:
            return found
    raise NotDerivableError(f"the poles of the kernel near coincident inputs do not cancel within {_GUARDS[-1]} terms")
