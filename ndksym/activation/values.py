"""The value of an activation at a point in mpmath numbers: for comparisons and signs, not for proofs.

SymPy's own substitution may build integers such as 2**(10**12); this evaluation refuses large exponents first.
"""

import operator
from collections.abc import Callable
from typing import TypeAlias

import mpmath
from mpmath import mpf
from sympy import (
    Abs,
    Add,
    And,
    Basic,
    Expr,
    Heaviside,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Piecewise,
    Pow,
    Rational,
    sign,
)
from sympy.logic.boolalg import BooleanAtom

from ndksym.algebra.functions import FUNCTIONS
from ndksym.errors import InputError, NoValueError

__all__ = ["HUGE", "PLAIN", "TooLargeError", "value"]

Given: TypeAlias = Expr | mpf | int | float
HUGE = 10**100
"""Largest |u| in exp(u); beyond it the exponent of the result is itself too large to use."""
PLAIN = 10**7
"""Largest |u| for which SymPy may evaluate the expression exactly."""


class TooLargeError(InputError):
    """The value is too large to use, as exp(exp(exp(10)))."""


def value(expr: Expr, at: dict[Expr, Given] | None = None, digits: int = 30, largest: int = HUGE) -> mpf:
    """The mpmath value of an expression; `at` gives values of symbols or subexpressions.

    NoValueError if the value is not real and finite, TooLargeError if an exponent is larger than `largest`.

    >>> from ndksym.symbols import x
    >>> float(value(x**2 + Max(0, x), {x: 3}))
    12.0
    """
    with mpmath.workdps(digits):
        given = {key: _leaf(number, digits) for key, number in (at or {}).items()}
        try:
            return _value(expr, given, (digits, largest))
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise NoValueError(f"{expr} has no finite real value at {at}") from None


def _leaf(number: Given, digits: int) -> mpf:
    if isinstance(number, Rational):
        return mpf(number.p) / number.q
    if isinstance(number, int | float | mpf):
        return mpf(number)
    approximate = number.evalf(digits)
    if not approximate.is_extended_real or not approximate.is_finite:
        raise NoValueError(f"{number} is not a finite real number")
    return approximate._to_mpmath(mpmath.mp.prec)


def _value(expr: Basic, given: dict[Expr, mpf], limits: tuple[int, int]) -> mpf:
    if expr in given:
        return given[expr]
    if isinstance(expr, Piecewise):
        for branch, condition in expr.args:
            if _holds(condition, given, limits):
                return _value(branch, given, limits)
        raise NoValueError("no condition of a Piecewise holds")
    if isinstance(expr, Rational) or not expr.args or expr.func not in _RULES:
        return _leaf(expr, limits[0])
    if isinstance(expr, Mul) and expr.has(Heaviside):
        return _product(expr, given, limits)
    args = [_value(arg, given, limits) for arg in expr.args]
    if expr.func in _SATURATING and abs(args[0]) > limits[1]:
        raise TooLargeError(f"the values are too large: an exponent exceeds {limits[1]:.0e}")
    if isinstance(expr, Pow) and args[0] and abs(args[1] * mpmath.log(abs(args[0]))) > limits[1]:
        raise TooLargeError(f"the values are too large: an exponent exceeds {limits[1]:.0e}")
    return _real(_RULES[expr.func](*args))


def _product(expr: Mul, given: dict[Expr, mpf], limits: tuple[int, int]) -> mpf:
    """A product that Heaviside makes 0 is 0, whether or not the other factors have a value."""
    switches = [_value(arg, given, limits) for arg in expr.args if arg.has(Heaviside)]
    if 0 in switches:
        return mpf(0)
    return mpmath.fprod(switches + [_value(arg, given, limits) for arg in expr.args if not arg.has(Heaviside)])


def _holds(condition: Basic, given: dict[Expr, mpf], limits: tuple[int, int]) -> bool:
    if isinstance(condition, BooleanAtom):
        return bool(condition)
    if isinstance(condition, And | Or):
        parts = (_holds(arg, given, limits) for arg in condition.args)
        return all(parts) if isinstance(condition, And) else any(parts)
    if isinstance(condition, Not):
        return not _holds(condition.args[0], given, limits)
    left, right = (_value(side, given, limits) for side in condition.args)
    return bool(_RELATIONS[condition.rel_op](left, right))


_RELATIONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne
}  # fmt: skip


def _real(number: mpf) -> mpf:
    if not isinstance(number, mpf) or not mpmath.isfinite(number):
        raise NoValueError("a value is not real and finite")
    return number


_FUNCTIONS = {f.sympy: f for f in FUNCTIONS.values() if f.in_activations}
_SATURATING = {f.sympy for f in _FUNCTIONS.values() if f.saturates}
_RULES: dict[type[Basic], Callable[..., mpf]] = {
    **{kind: function.value for kind, function in _FUNCTIONS.items()},
    Add: lambda *args: mpmath.fsum(args),
    Mul: lambda *args: mpmath.fprod(args),
    Pow: operator.pow,
    Abs: abs,
    sign: mpmath.sign,
    Max: max,
    Min: min,
    Heaviside: lambda u, at_zero: at_zero if u == 0 else mpf(u > 0),
}
