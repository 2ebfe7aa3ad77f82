"""φ by its Taylor series wherever its code loses digits or has no value: near 0, and at poles that cancel.

x − sin x vanishes to third order at 0, its terms to first order, so float64 keeps no digit of the difference near 0. The
loss is measured, for any code, by comparing 53 bits with 60 digits.
"""

from collections.abc import Callable
from typing import Any

import mpmath
import sympy as sp
from sympy import Expr, Float, Pow, S

from ndksym.activation.pieces import value_at
from ndksym.activation.roots import compare, real_zeros
from ndksym.activation.taylor import SingularError, taylor
from ndksym.activation.values import NoValueError, TooLargeError, value
from ndksym.codegen import functions as v
from ndksym.codegen.functions import u
from ndksym.codegen.stable import stable
from ndksym.errors import NotDerivableError
from ndksym.symbols import x

__all__ = ["with_series"]

_LOST = 2.0**-46
"""A larger relative error means that the code loses digits."""
_FINE = 2.0**-49
"""A smaller relative error means that the code may replace the series."""
_DEGREE = 48
_RADII = tuple(mpmath.mpf(2) ** (-mpmath.mpf(n) / 2) for n in range(48))
_PARTS = (1 - mpmath.mpf(1) / 97, mpmath.mpf(31) / 37, mpmath.mpf(41) / 57)
"""Shares of a radius at which the code is tested: rounding errors at one point may be small by chance."""
_DIGITS = 60
_POLE = 8
"""Largest order of a pole that is recognised."""


def with_series(code: Expr, expr: Expr, lo: Expr, hi: Expr) -> Expr:
    """The code of an expression that is analytic on (lo, hi), with a Taylor series near each point that needs one.

    >>> from sympy import oo, sin
    >>> with_series(u - v.sin(u), x - sin(x), -oo, oo).func, with_series(v.sin(u), sin(x), -oo, oo)
    (where, sin(u))
    """
    if expr.is_polynomial(x):
        return code
    points = _points(expr, lo, hi)
    for point, side in ((lo, "+"), (hi, "-")):
        if point.is_finite and point not in points:
            code = _with_limit(code, expr, point, side)
    for point in points:
        sides = [side for side, end in ((-1, lo), (1, hi)) if end != point]
        try:
            (start,) = taylor(expr, point, 0)
            if start and point == 0 and _rounded(code, mpmath.mpf(0)) is not None:
                continue  # a value that is not 0 has its digits
            code = _branched(code, expr, point, sides)
        except (SingularError, NoValueError, TooLargeError):
            if _rounded(code, value(point, digits=_DIGITS)) is None and (parts := _apart(expr, point)):
                code = expr.func(*(with_series(stable(part), part, lo, hi) for part in parts))
            code = _with_limit(code, expr, point, "+" if lo == point else "-")
    return code


def _with_limit(code: Expr, expr: Expr, point: Expr, side: str) -> Expr:
    """The code with the limit at the point itself, if it has no value there, as sin(x)/√x at 0."""
    if _rounded(code, value(point, digits=_DIGITS)) is not None:
        return code
    try:
        limit = value_at(expr, point, side)
    except NotDerivableError:
        return code
    return v.where(v.absolute(u - point), code, limit) if limit.is_finite else code


def _apart(expr: Expr, point: Expr) -> list[Expr]:
    """Split an expression that is singular at a point: first the parts with at most poles there, which may cancel; then the rest."""
    if not isinstance(expr, (sp.Add, sp.Mul)):
        return []
    fine = [part for part in expr.args if _is_meromorphic(part, point)]
    rest = [part for part in expr.args if part not in fine]
    return [expr.func(*fine), expr.func(*rest)] if fine and rest else []


def _is_meromorphic(expr: Expr, point: Expr) -> bool:
    try:
        taylor(expr * (x - point) ** _POLE, point, 0)
    except (SingularError, NoValueError, TooLargeError):
        return False
    return True


def _points(expr: Expr, lo: Expr, hi: Expr) -> list[Expr]:
    """0 and the zeros of denominators, as far as they lie in the interval."""
    points = [S.Zero]
    for base in {e.base for e in expr.atoms(Pow) if e.base.has(x) and e.exp.could_extract_minus_sign()}:
        try:
            points += [z for z in real_zeros(base) if all(compare(z, other) for other in points)]
        except NotDerivableError:  # zeros that cannot be determined were not merged with anything before
            continue
    return [point for point in points if compare(lo, point) <= 0 <= compare(hi, point)]


def _branched(code: Expr, expr: Expr, point: Expr, sides: list[int]) -> Expr:
    """The code, with the series inside the radius at which the code becomes accurate, or inside which the series is."""
    at = value(point, digits=_DIGITS)

    def lost(radius: Any) -> float:
        return max(_loss(code, expr, at + side * part * radius) for side in sides for part in _PARTS)

    if _rounded(code, at) is not None and max(map(lost, _RADII[6::20])) <= _LOST:
        return code
    series, loss = taylor(expr, point, _DEGREE + 16), list(map(lost, _RADII))
    fine = next((n for n, each in enumerate(loss) if each > _FINE), len(loss)) - 1
    for radius in _RADII[max(fine, 0) :]:
        degree = _degree(series, radius)
        if degree is not None:
            distance = u - point
            terms = [
                Float(str(c), 40) * x**n for n, c in enumerate(series[: degree + 1]) if _counts(c, n, series, radius)
            ]
            polynomial = sp.horner(sp.Add(*terms), x).xreplace({x: distance})
            return v.where(Float(str(radius), 17) - v.absolute(distance), polynomial, code)
    return code


def _counts(c: Any, n: int, series: list[Any], radius: Any) -> bool:
    """Whether a coefficient is more than the rounding error of a zero."""
    return bool(abs(c) * radius**n > 1e-30 * max(abs(other) * radius**k for k, other in enumerate(series)))


def _degree(series: list[Any], radius: Any) -> int | None:
    """The degree at which the series has converged to rounding; None if it does not, or is ill-conditioned."""
    sizes = [abs(c) * radius**n for n, c in enumerate(series)]
    total = min(abs(mpmath.fsum(c * (side * radius) ** n for n, c in enumerate(series))) for side in (-1, 1))
    if sum(sizes) > 8 * total:
        return None
    for degree in range(_DEGREE + 1):
        if sum(sizes[degree + 1 :]) <= total * mpmath.mpf(2) ** -56:
            return degree
    return None


def _loss(code: Expr, expr: Expr, place: Any) -> float:
    """The relative error of the code at the float64 number nearest to the place."""
    with mpmath.workprec(53):
        place = +place
    try:
        true = value(expr, {x: place}, _DIGITS)
    except (NoValueError, TooLargeError):
        return 0.0
    computed = _rounded(code, place)
    if computed is None:
        return float("inf")
    return float(abs(computed - true) / abs(true)) if true else 0.0


def _rounded(code: Expr, place: Any) -> Any:
    """The value of the code in 53 bits; None if it has none."""
    with mpmath.workprec(53):
        try:
            number = _value(code, place)
        except (ZeroDivisionError, ValueError, OverflowError, TypeError):  # TypeError: a complex number is compared
            return None
    return number if mpmath.isfinite(number) and isinstance(number, mpmath.mpf) else None


def _value(code: Expr, place: Any) -> Any:
    if code == u:
        return place
    if not code.free_symbols:
        return value(code, digits=20)
    if isinstance(code, v.where):
        choice = code.args[1] if _value(code.args[0], place) > 0 else code.args[2]
        return _value(choice, place)
    return _MEANING[code.func](*(_value(arg, place) for arg in code.args))


_MEANING: dict[type[Expr], Callable[..., Any]] = {
    sp.Add: lambda *terms: mpmath.fsum(terms),
    sp.Mul: lambda *factors: mpmath.fprod(factors),
    sp.Pow: lambda base, exponent: base**exponent,
    v.exp_: mpmath.exp,
    v.expm1: mpmath.expm1,
    v.log: mpmath.log,
    v.log1p: mpmath.log1p,
    v.sin: mpmath.sin,
    v.cos: mpmath.cos,
    v.tan: mpmath.tan,
    v.sinh: mpmath.sinh,
    v.cosh: mpmath.cosh,
    v.tanh: mpmath.tanh,
    v.atan: mpmath.atan,
    v.asinh: mpmath.asinh,
    v.erf: mpmath.erf,
    v.erfc: mpmath.erfc,
    v.hypot: mpmath.hypot,
    v.absolute: abs,
    v.sign: mpmath.sign,
    v.minimum: min,
    v.maximum: max,
    v.logistic: lambda z: 1 / (1 + mpmath.exp(-z)),
    v.softplus: lambda z: max(z, 0) + mpmath.log1p(mpmath.exp(-abs(z))),
}
