"""Are two expressions the same function? Numbers show that they differ, a proof that they agree."""

from sympy import Expr, Function, Pow, Rational, expand, simplify

from ndksym.activation.roots import is_zero_number
from ndksym.activation.values import value
from ndksym.algebra.zero_test import is_zero
from ndksym.errors import NoValueError
from ndksym.symbols import x

__all__ = ["is_constant", "same"]

_MAX_OPERATIONS = 24  # of a difference that `simplify` may work on
_MAX_EXPONENT = 10**6  # in a difference that may be brought to normal form


def same(left: Expr, right: Expr) -> bool:
    """Whether two real expressions in x are proved to be the same function.

    >>> same((x + 1)**2, x**2 + 2*x + 1), same(x, -x)
    (True, False)
    """
    difference = left - right
    if not difference.has(x):
        return is_zero_number(difference)
    for point in (Rational(7, 11), Rational(-13, 9), Rational(29, 10)):
        try:
            one, other = value(left, {x: point}), value(right, {x: point})
        except NoValueError:  # outside the domain of one of them
            continue
        if abs(one - other) > 1e-15 * (abs(one) + abs(other)):
            return False
    numbers = (abs(number.p) for e in _exponents(difference) for number in e.atoms(Rational))
    if max(numbers, default=0) > _MAX_EXPONENT:
        return bool(expand(difference) == 0)
    verdict = is_zero(difference)
    if verdict.kind == "supported" and difference.count_ops() <= _MAX_OPERATIONS:
        return bool(simplify(difference) == 0)  # digits alone are no proof: erf(cosh(10 + x)) is 1 to 9000 of them
    return bool(verdict.kind == "proved")


def _exponents(expr: Expr) -> list[Expr]:
    return [e.exp for e in expr.atoms(Pow)] + [e.args[0] for e in expr.atoms(Function)]


def is_constant(expr: Expr) -> bool:
    """Whether an expression has one value everywhere.

    >>> from sympy import cos, sin
    >>> is_constant(sin(x)**2 + cos(x)**2)
    True
    """
    return not expr.has(x) or same(expr, expr.subs(x, Rational(1, 3)))
