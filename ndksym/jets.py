"""Taylor coefficients of an expression at a point, to 100 digits, by power series: no derivative ever grows."""

from collections.abc import Callable
from typing import Any

import mpmath
from sympy import Add, Expr, Mul, Pow, asinh, atan, cos, cosh, erf, erfc, exp, log, sin, sinh, tan, tanh

from ndksym.numeric import value
from ndksym.symbols import x

__all__ = ["SingularError", "taylor"]

_DIGITS = 100
_NOISE = mpmath.mpf(10) ** -60

Series = list[Any]


class SingularError(Exception):
    """The expression is not analytic at the point, as far as its parts can tell."""


def taylor(expr: Expr, point: Expr, order: int) -> list[Any]:
    """The coefficients φ⁽ᵏ⁾(p)/k! for k = 0 … order; SingularError where a part has no Taylor series at p.

    >>> from sympy import Integer
    >>> [round(float(c), 6) for c in taylor(exp(-x**2)*sin(x), Integer(0), 5)]
    [0.0, 1.0, 0.0, -1.166667, 0.0, 0.675]
    """
    with mpmath.workdps(_DIGITS):
        return _series(expr, value(point, digits=_DIGITS), order)


def _series(expr: Expr, point: Any, order: int) -> Series:
    if not expr.has(x):
        return _constant(value(expr, digits=_DIGITS), order)
    if expr == x:
        return [point, mpmath.mpf(1), *[mpmath.mpf(0)] * order][: order + 1]
    if isinstance(expr, Pow) and expr.exp.has(x):
        return _series(exp(expr.exp * log(expr.base)), point, order)
    parts = [_series(arg, point, order) for arg in expr.args[: 1 if isinstance(expr, Pow) else None]]
    if isinstance(expr, Add):
        return [mpmath.fsum(terms) for terms in zip(*parts, strict=True)]
    if isinstance(expr, Mul):
        product = parts[0]
        for part in parts[1:]:
            product = _times(product, part)
        return product
    if isinstance(expr, Pow):
        return _power(parts[0], expr.exp)
    if expr.func not in _SLOPES:
        raise SingularError(f"{expr} at {point}")
    (u,) = parts
    if isinstance(expr, log) and u[0] < _NOISE:
        raise SingularError("the logarithm of zero")
    start = value(expr.func(x), {x: u[0]}, _DIGITS)
    return _integrated(start, _times(_SLOPES[expr.func](u), _differentiated(u)))


def _constant(number: Any, order: int) -> Series:
    return [number, *[mpmath.mpf(0)] * order]


def _times(left: Series, right: Series) -> Series:
    return [mpmath.fdot((left[i], right[k - i]) for i in range(k + 1)) for k in range(len(left))]


def _differentiated(series: Series) -> Series:
    return [*(k * series[k] for k in range(1, len(series))), mpmath.mpf(0)]


def _integrated(start: Any, slope: Series) -> Series:
    return [start, *(slope[k - 1] / k for k in range(1, len(slope)))]


def _power(base: Series, exponent: Any) -> Series:
    if abs(base[0]) < _NOISE:
        if exponent != int(exponent) or exponent < 0:
            raise SingularError("a root or reciprocal of zero")
        power = _constant(mpmath.mpf(1), len(base) - 1)
        for _ in range(int(exponent)):
            power = _times(power, base)
        return power
    # J. C. P. Miller's recurrence, from p b' f = b f'
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
