"""How smooth φ is at a break point: the order of the lowest derivative that jumps."""

import mpmath
from mpmath import mpf
from sympy import Expr, Integer, Poly, Rational, oo

from ndksym.activation.pieces import value_at
from ndksym.activation.roots import is_zero_number
from ndksym.activation.taylor import SingularError, taylor
from ndksym.activation.values import value
from ndksym.errors import NoValueError
from ndksym.symbols import x

__all__ = ["break_order"]

_MAX_ORDER = 12
"""Derivatives that are compared at a break point if the pieces are not polynomials."""
_MAX_ORDER_BY_LIMITS = 4
"""The same if the pieces are not analytic there, as exp(-1/x)."""
_STEPS = mpf(10) ** -50, mpf(10) ** -25
"""Distances from a break point at which the growth of φ′ is measured."""


def break_order(left: Expr, right: Expr, point: Expr) -> Expr:
    """The order of the lowest derivative that differs between two expressions at a point, or is infinite there.

    It is 1/2 if the values agree and the first derivative is not square integrable, and oo if no difference is found.

    >>> from sympy import sqrt
    >>> break_order(Integer(0), x**2, Integer(0)), break_order(Integer(0), sqrt(x), Integer(0))
    (2, 1/2)
    """
    jump = right - left
    if jump != 0 and jump.is_polynomial(x):
        polynomial, order = Poly(jump, x), 0
        while is_zero_number(polynomial.eval(point)):
            polynomial, order = polynomial.diff(x), order + 1
        return Integer(order)
    try:
        below, above = taylor(left, point, _MAX_ORDER), taylor(right, point, _MAX_ORDER)
        noise = 1e-60 * max(map(abs, below + above))
        for order, (one, other) in enumerate(zip(below, above, strict=True)):
            if abs(one - other) > noise or (order < 2 and _differs(jump.diff(x, order), point)):
                return Integer(order)
        return oo
    except SingularError:
        return _order_by_limits(left, right, point)


def _differs(jump: Expr, point: Expr) -> bool:
    """Whether the jump is not 0 exactly, though it may be too small for the digits of a Taylor series, as 1e-70."""
    exact = jump.subs(x, point)
    return bool(exact.is_finite) and not is_zero_number(exact)


def _order_by_limits(left: Expr, right: Expr, point: Expr) -> Expr:
    for order in range(_MAX_ORDER_BY_LIMITS + 1):
        below, above = value_at(left, point, "-"), value_at(right, point, "+")
        if below.is_infinite or above.is_infinite or not is_zero_number(above - below):
            steep = order == 1 and not (_square_integrable(left, point, -1) and _square_integrable(right, point, 1))
            return Rational(1, 2) if steep else Integer(order)
        left, right = left.diff(x), right.diff(x)
    return oo


def _square_integrable(slope: Expr, point: Expr, side: int) -> bool:
    """Whether ∫ slope² near the point is finite: slope ~ distance^p with p > −1/2."""
    near, far = _STEPS
    try:
        with mpmath.workdps(120):  # the step is far below the rounding error of a double
            places = [value(point, digits=120) + side * step for step in _STEPS]
        one, other = (abs(value(slope, {x: place}, 120)) for place in places)
    except NoValueError:
        return False
    if not one or not other:
        return True
    return bool(mpmath.log(one / other) / mpmath.log(near / far) > -0.5 + 1e-6)
