"""The value of an activation at a point, in mpmath floats: to compare and to decide signs, never to prove.

SymPy's own substitution builds integers such as 2**(10**12) on the way; this walk sees them coming and refuses.
"""

import operator
from collections.abc import Callable
from typing import Any

import mpmath
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

HUGE = 10**100  # |u| in exp(u): beyond it even the exponent of the result is unwieldy
PLAIN = 10**7  # and below it SymPy may evaluate the same exactly


class TooLargeError(InputError):
    """The value is beyond any use as an activation, such as exp(exp(exp(10)))."""


def value(expr: Expr, at: dict[Expr, Any] | None = None, digits: int = 30, largest: int = HUGE) -> Any:
    """The mpmath value of an expression with some symbols or subexpressions given.

    NoValueError where it has none that is real and finite, TooLargeError where an exponent is larger than `largest`.

    >>> from ndksym.symbols import x
    >>> float(value(x**2 + Max(0, x), {x: 3}))
    12.0
    """
    with mpmath.workdps(digits):
        known = {key: _leaf(number, digits) for key, number in (at or {}).items()}
        try:
            return _value(expr, known, (digits, largest))
        except (ZeroDivisionError, ValueError, OverflowError) as error:
            if isinstance(error, InputError):
                raise
            raise NoValueError(f"{expr} has no finite real value at {at}") from None


def _leaf(number: Any, digits: int) -> Any:
    if isinstance(number, Rational):
        return mpmath.mpf(number.p) / number.q
    if isinstance(number, int | float | mpmath.mpf):
        return mpmath.mpf(number)
    approximate = number.evalf(digits)
    if not approximate.is_extended_real or not approximate.is_finite:
        raise NoValueError(f"{number} is not a finite real number")
    return approximate._to_mpmath(mpmath.mp.prec)


def _value(expr: Basic, known: dict[Expr, Any], limits: tuple[int, int]) -> Any:
    if expr in known:
        return known[expr]
    if isinstance(expr, Piecewise):
        for branch, condition in expr.args:
            if _holds(condition, known, limits):
                return _value(branch, known, limits)
        raise NoValueError("no condition of a Piecewise holds")
    if isinstance(expr, Rational) or not expr.args or expr.func not in _RULES:
        return _leaf(expr, limits[0])
    if isinstance(expr, Mul) and expr.has(Heaviside):
        return _product(expr, known, limits)
    args = [_value(arg, known, limits) for arg in expr.args]
    if expr.func in _SATURATING and abs(args[0]) > limits[1]:
        raise TooLargeError(f"the values are too large: an exponent exceeds {limits[1]:.0e}")
    if isinstance(expr, Pow) and args[0] and abs(args[1] * mpmath.log(abs(args[0]))) > limits[1]:
        raise TooLargeError(f"the values are too large: an exponent exceeds {limits[1]:.0e}")
    return _real(_RULES[expr.func](*args))


def _product(expr: Mul, known: dict[Expr, Any], limits: tuple[int, int]) -> Any:
    """Heaviside switches off what stands beside it, whether or not that has a value."""
    switches = [_value(arg, known, limits) for arg in expr.args if arg.has(Heaviside)]
    if 0 in switches:
        return mpmath.mpf(0)
    return mpmath.fprod(switches + [_value(arg, known, limits) for arg in expr.args if not arg.has(Heaviside)])


def _holds(condition: Basic, known: dict[Expr, Any], limits: tuple[int, int]) -> bool:
    if isinstance(condition, BooleanAtom):
        return bool(condition)
    if isinstance(condition, And | Or):
        parts = (_holds(arg, known, limits) for arg in condition.args)
        return all(parts) if isinstance(condition, And) else any(parts)
    if isinstance(condition, Not):
        return not _holds(condition.args[0], known, limits)
    left, right = (_value(side, known, limits) for side in condition.args)
    return bool(_RELATIONS[condition.rel_op](left, right))


_RELATIONS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne
}  # fmt: skip


def _real(number: Any) -> Any:
    if not isinstance(number, mpmath.mpf) or not mpmath.isfinite(number):
        raise NoValueError("a value is not real and finite")
    return number


_FUNCTIONS = {f.sympy: f for f in FUNCTIONS.values() if f.in_activations}
_SATURATING = {f.sympy for f in _FUNCTIONS.values() if f.saturates}
_RULES: dict[type[Basic], Callable[..., Any]] = {
    **{kind: function.value for kind, function in _FUNCTIONS.items()},
    Add: lambda *args: mpmath.fsum(args),
    Mul: lambda *args: mpmath.fprod(args),
    Pow: operator.pow,
    Abs: abs,
    sign: mpmath.sign,
    Max: max,
    Min: min,
    Heaviside: lambda u, at_zero: at_zero if u == 0 else mpmath.mpf(u > 0),
}
