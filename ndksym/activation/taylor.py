"""Taylor coefficients of an expression at a point, to 100 digits, by power series: no derivative ever grows."""

from collections.abc import Callable
from typing import Any

import mpmath
from sympy import Add, Expr, Mul, Pow, asinh, atan, cos, cosh, erf, erfc, exp, log, sin, sinh, tan, tanh

from ndksym.activation.values import value
from ndksym.symbols import x

__all__ = ["SingularError", "taylor"]

_DIGITS = 100
_NOISE = mpmath.mpf(10) ** -60

_SPARE = 12  # coefficients more than asked for: zeros that cancel take them up
_TRIES = 6  # each time as many terms more as were lost to zeros that cancel

Series = list[Any]
Laurent = tuple[int, Series]
"""The power of x − p that the first coefficient stands for, and the coefficients."""


class SingularError(Exception):
    """The expression is not analytic at the point, as far as its parts can tell."""


def taylor(expr: Expr, point: Expr, order: int) -> list[Any]:
    """The coefficients φ⁽ᵏ⁾(p)/k! for k = 0 … order; SingularError where a part has no Taylor series at p.

    Poles that cancel do no harm: sin(x)/x is analytic at 0.

    >>> from sympy import Integer
    >>> [round(float(c), 6) for c in taylor(exp(-x**2)*sin(x)/x, Integer(0), 4)]
    [1.0, 0.0, -1.166667, 0.0, 0.675]
    """
    with mpmath.workdps(_DIGITS):
        at, length = value(point, digits=_DIGITS), order + _SPARE
        for _ in range(_TRIES):
            start, found = _series(expr, at, length)
            if start < 0:
                raise SingularError(f"{expr} has a pole at {point}")
            series = [mpmath.mpf(0)] * start + found
            if len(series) > order:
                return series[: order + 1]
            length += order + _SPARE - len(series)
    raise SingularError(f"{expr} at {point} is left undecided by {length} terms")


def _series(expr: Expr, point: Any, length: int) -> Laurent:
    """At most `length` coefficients, the first of them not zero."""
    if not expr.has(x):
        return 0, _constant(value(expr, digits=_DIGITS), length - 1)
    if expr == x:
        return _trimmed(0, [point, mpmath.mpf(1), *[mpmath.mpf(0)] * length][:length])
    if isinstance(expr, Pow) and expr.exp.has(x):
        return _series(exp(expr.exp * log(expr.base)), point, length)
    parts = [_series(arg, point, length) for arg in expr.args[: 1 if isinstance(expr, Pow) else None]]
    if isinstance(expr, Add):
        return _sum(parts)
    if isinstance(expr, Mul):
        size = min(len(part) for _, part in parts)
        product = parts[0][1][:size]
        for _, part in parts[1:]:
            product = _times(product, part[:size])
        return sum(start for start, _ in parts), product
    (start, u), *_ = parts
    if isinstance(expr, Pow):
        if not u or (start and not expr.exp.is_Integer):
            raise SingularError("a root or reciprocal of zero")
        return start * int(expr.exp) if start else 0, _power(u, expr.exp)
    if expr.func not in _SLOPES or start < 0:
        raise SingularError(f"{expr} at {point}")
    u = [*[mpmath.mpf(0)] * start, *u][:length]
    if isinstance(expr, log) and u[0] <= _NOISE * max(map(abs, u)):
        raise SingularError("the logarithm of zero")
    first = value(expr.func(x), {x: u[0]}, _DIGITS)
    return _trimmed(0, _integrated(first, _times(_SLOPES[expr.func](u), _differentiated(u))))


def _sum(parts: list[Laurent]) -> Laurent:
    start = min(start for start, _ in parts)
    stop = min(start + len(part) for start, part in parts)
    total = []
    for n in range(start, stop):
        terms = [part[n - first] for first, part in parts if n >= first]
        large = max(map(abs, terms), default=0)
        total.append(number if abs(number := mpmath.fsum(terms)) > _NOISE * large else mpmath.mpf(0))
    return _trimmed(start, total)


def _trimmed(start: int, series: Series) -> Laurent:
    large = max(map(abs, series), default=0)
    zeros = next((n for n, number in enumerate(series) if abs(number) > _NOISE * large), len(series))
    return start + zeros, series[zeros:]


def _constant(number: Any, order: int) -> Series:
    return [number, *[mpmath.mpf(0)] * order]


def _times(left: Series, right: Series) -> Series:
    return [mpmath.fdot((left[i], right[k - i]) for i in range(k + 1)) for k in range(len(left))]


def _differentiated(series: Series) -> Series:
    return [*(k * series[k] for k in range(1, len(series))), mpmath.mpf(0)]


def _integrated(start: Any, slope: Series) -> Series:
    return [start, *(slope[k - 1] / k for k in range(1, len(slope)))]


def _power(base: Series, exponent: Any) -> Series:
    """By J. C. P. Miller's recurrence, from p b' f = b f'."""
    if abs(base[0]) <= _NOISE * max(map(abs, base)):
        raise SingularError("a root or reciprocal of zero")
    p = value(exponent, digits=_DIGITS) if isinstance(exponent, Expr) else mpmath.mpf(exponent)
    power = [base[0] ** p]
    for k in range(1, len(base)):
        power.append(mpmath.fsum(((p + 1) * i - k) * base[i] * power[k - i] for i in range(1, k + 1)) / (k * base[0]))
    return power


def _exp(u: Series) -> Series:
    found = [mpmath.exp(u[0])]
    for k in range(1, len(u)):
        found.append(mpmath.fsum(i * u[i] * found[k - i] for i in range(1, k + 1)) / k)
    return found


def _waves(u: Series, start: tuple[Any, Any], sign: int) -> tuple[Series, Series]:
    """(sin u, cos u) for sign −1, (sinh u, cosh u) for +1."""
    sine, cosine = [start[0]], [start[1]]
    for k in range(1, len(u)):
        sine_k = mpmath.fsum(i * u[i] * cosine[k - i] for i in range(1, k + 1)) / k
        cosine_k = sign * mpmath.fsum(i * u[i] * sine[k - i] for i in range(1, k + 1)) / k
        sine.append(sine_k)
        cosine.append(cosine_k)
    return sine, cosine


def _trigonometric(u: Series) -> tuple[Series, Series]:
    return _waves(u, (mpmath.sin(u[0]), mpmath.cos(u[0])), -1)


def _hyperbolic(u: Series) -> tuple[Series, Series]:
    return _waves(u, (mpmath.sinh(u[0]), mpmath.cosh(u[0])), 1)


def _bell(u: Series, factor: Any) -> Series:
    """factor·exp(−u²)."""
    return [factor * c for c in _exp([-c for c in _times(u, u)])]


def _one_plus_square(u: Series) -> Series:
    square = _times(u, u)
    return [1 + square[0], *square[1:]]


_SLOPES: dict[type[Expr], Callable[[Series], Series]] = {
    exp: _exp,
    log: lambda u: _power(u, -1),
    sin: lambda u: _trigonometric(u)[1],
    cos: lambda u: [-c for c in _trigonometric(u)[0]],
    tan: lambda u: _power(_trigonometric(u)[1], -2),
    sinh: lambda u: _hyperbolic(u)[1],
    cosh: lambda u: _hyperbolic(u)[0],
    tanh: lambda u: _power(_hyperbolic(u)[1], -2),
    erf: lambda u: _bell(u, 2 / mpmath.sqrt(mpmath.pi)),
    erfc: lambda u: _bell(u, -2 / mpmath.sqrt(mpmath.pi)),
    atan: lambda u: _power(_one_plus_square(u), -1),
    asinh: lambda u: _power(_one_plus_square(u), -0.5),
}
