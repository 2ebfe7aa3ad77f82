"""Taylor coefficients of an expression at a point to 100 digits, by arithmetic of power series instead of derivatives."""

from collections.abc import Sequence
from fractions import Fraction

import mpmath
from mpmath import mpf
from sympy import Expr, Float, oo

from ndksym.activation.values import value
from ndksym.algebra.functions import ElementaryFunction
from ndksym.algebra.series import Expansion, LaurentSeries, SingularError, normalised
from ndksym.symbols import x

__all__ = ["SingularError", "taylor"]

_DIGITS = 100
_NOISE = mpf(10) ** -60

_SPARE = 12  # extra coefficients: each zero that cancels against a pole costs one
_TRIES = 6  # each with as many more terms as were missing


def taylor(expr: Expr, point: Expr, order: int) -> list[mpf]:
    """The coefficients φ⁽ᵏ⁾(p)/k! for k = 0 … order; SingularError if a part of the expression is not analytic at p.

    Poles may cancel: sin(x)/x is analytic at 0.

    >>> from sympy import Integer, exp, sin
    >>> [round(float(c), 6) for c in taylor(exp(-x**2)*sin(x)/x, Integer(0), 4)]
    [1.0, 0.0, -1.166667, 0.0, 0.675]
    """
    with mpmath.workdps(_DIGITS):
        at, length = value(point, digits=_DIGITS), order + _SPARE
        for _ in range(_TRIES):
            series = Expansion(_DECIMALS, {x: _argument(at, length)}, length)(expr)
            if series.start < 0:
                raise SingularError(f"{expr} has a pole at {point}")
            if series.end > order:
                return [series[n] for n in range(order + 1)]
            length += order + _SPARE - series.end
    raise SingularError(f"{expr} at {point} is not decided by {length} terms")


def _argument(point: mpf, length: int) -> LaurentSeries[mpf]:
    """x = point + ε."""
    return normalised(_DECIMALS, 0, [point, mpf(1), *[mpf(0)] * length][:length])


class _Decimals:
    """Coefficients of 100 digits; a sum below 1e-60 of its largest term counts as 0."""

    zero, one = mpf(0), mpf(1)
    one_sided = False

    def read(self, e: Expr) -> mpf:
        return value(e, digits=_DIGITS)

    def write(self, c: mpf) -> Expr:
        return Float(c, _DIGITS)

    number = read

    def add(self, terms: Sequence[mpf]) -> mpf:
        number = mpmath.fsum(terms)
        return number if abs(number) > _NOISE * max(map(abs, terms)) else self.zero

    def dot(self, left: Sequence[mpf], right: Sequence[mpf]) -> mpf:
        return mpmath.fdot(left, right)

    def scale(self, c: mpf, factor: mpf | Fraction | int) -> mpf:
        return c * factor.numerator / factor.denominator if isinstance(factor, Fraction) else c * factor

    def power(self, c: mpf, p: Expr) -> mpf:
        return c ** (int(p) if p.is_Integer else self.number(p))

    def apply(self, function: ElementaryFunction, c: mpf) -> mpf:
        low, high = function.domain
        inside = isinstance(c, mpf) and (low == -oo or c > low) and (high == oo or c < high)
        if not inside:
            raise SingularError(f"{function.name} at {mpmath.nstr(c, 10)}, outside its domain")
        return value(function.sympy(x), {x: c}, _DIGITS)

    def lead(self, terms: Sequence[mpf]) -> int:
        large = max(map(abs, terms), default=0)
        return next((n for n, number in enumerate(terms) if abs(number) > _NOISE * large), len(terms))


_DECIMALS = _Decimals()
