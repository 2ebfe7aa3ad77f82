"""Taylor coefficients of an expression at a point, to 100 digits, by power series: no derivative ever grows."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
from sympy import Expr, Float, oo

from ndksym.activation.values import value
from ndksym.algebra.functions import ElementaryFunction
from ndksym.algebra.series import Expansion, LaurentSeries, SingularError, normalised
from ndksym.symbols import x

__all__ = ["SingularError", "taylor"]

_DIGITS = 100
_NOISE = mpmath.mpf(10) ** -60

_SPARE = 12  # coefficients more than asked for: zeros that cancel take them up
_TRIES = 6  # each time as many terms more as were lost to zeros that cancel


def taylor(expr: Expr, point: Expr, order: int) -> list[Any]:
    """The coefficients φ⁽ᵏ⁾(p)/k! for k = 0 … order; SingularError where a part has no Taylor series at p.

    Poles that cancel do no harm: sin(x)/x is analytic at 0.

    >>> from sympy import Integer, exp, sin
    >>> [round(float(c), 6) for c in taylor(exp(-x**2)*sin(x)/x, Integer(0), 4)]
    [1.0, 0.0, -1.166667, 0.0, 0.675]
    """
    with mpmath.workdps(_DIGITS):
        at, length = value(point, digits=_DIGITS), order + _SPARE
        for _ in range(_TRIES):
            found = Expansion(_DECIMALS, {x: _argument(at, length)}, length)(expr)
            if found.start < 0:
                raise SingularError(f"{expr} has a pole at {point}")
            if found.end > order:
                return [found[n] for n in range(order + 1)]
            length += order + _SPARE - found.end
    raise SingularError(f"{expr} at {point} is left undecided by {length} terms")


def _argument(point: Any, length: int) -> LaurentSeries[Any]:
    """x = point + ε."""
    return normalised(_DECIMALS, 0, [point, mpmath.mpf(1), *[mpmath.mpf(0)] * length][:length])


class _Decimals:
    """Coefficients of 100 digits; what is below 1e-60 of the numbers it comes from is 0."""

    zero, one = mpmath.mpf(0), mpmath.mpf(1)
    one_sided = False

    def read(self, e: Expr) -> Any:
        return value(e, digits=_DIGITS)

    def write(self, c: Any) -> Expr:
        return Float(c, _DIGITS)

    number = read

    def add(self, terms: Sequence[Any]) -> Any:
        number = mpmath.fsum(terms)
        return number if abs(number) > _NOISE * max(map(abs, terms)) else self.zero

    def dot(self, left: Sequence[Any], right: Sequence[Any]) -> Any:
        return mpmath.fdot(left, right)

    def scale(self, c: Any, factor: Any) -> Any:
        return c * factor.numerator / factor.denominator if isinstance(factor, Fraction) else c * factor

    def power(self, c: Any, p: Expr) -> Any:
        return c ** (int(p) if p.is_Integer else self.number(p))

    def apply(self, function: ElementaryFunction, c: Any) -> Any:
        low, high = function.domain
        inside = isinstance(c, mpmath.mpf) and (low == -oo or c > low) and (high == oo or c < high)
        if not inside:
            raise SingularError(f"{function.name} at {mpmath.nstr(c, 10)}, outside its domain")
        return value(function.sympy(x), {x: c}, _DIGITS)

    def lead(self, terms: Sequence[Any]) -> int:
        large = max(map(abs, terms), default=0)
        return next((n for n, number in enumerate(terms) if abs(number) > _NOISE * large), len(terms))


_DECIMALS = _Decimals()
