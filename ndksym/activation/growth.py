"""The growth of φ: α = lim sup log|φ(x)|/x², which decides for which variances its kernel is finite.

Bounds on log|φ|/x² are computed from the expression of the first and the last piece. There erf is written as a constant plus
erfc, so that constants cancel before the bounds are taken. A growth that is not zero is confirmed numerically.
"""

from dataclasses import dataclass

import mpmath
from sympy import (
    Add,
    Dummy,
    Expr,
    Integer,
    Mul,
    Poly,
    Pow,
    ceiling,
    erfc,
    exp,
    expand,
    log,
    oo,
    sqrt,
)

from ndksym.activation.limits import limit_at_infinity
from ndksym.activation.roots import is_zero_number
from ndksym.activation.values import TooLargeError, value
from ndksym.algebra.functions import FUNCTIONS, record
from ndksym.errors import DivergentKernelError, NotDerivableError, NoValueError
from ndksym.symbols import x

__all__ = ["growth"]

_EXPONENTIAL = tuple(f.sympy for f in FUNCTIONS.values() if f.growth == "exponential")
_WITH_TAILS = tuple(f.sympy for f in FUNCTIONS.values() if f.tails is not None)
_WAVES = tuple(f.sympy for f in FUNCTIONS.values() if f.period is not None and f.growth == "bounded")
_y = Dummy("y", positive=True)


def growth(expr: Expr, direction: int) -> Expr:
    """α = max(0, lim sup log|φ(x)|/x²) as x → direction·∞.

    For α > 0, E φ(u)² over a Gaussian of variance a is finite if and only if a < 1/(4α).
    DivergentKernelError if α = ∞; NotDerivableError if α cannot be derived.

    >>> growth(x**3*exp(x**2/8 - x), 1)
    1/8
    """
    if not any(e.has(x) for e in expr.atoms(Pow, *_EXPONENTIAL) if not isinstance(e, Pow) or _explosive(e)):
        return Integer(0)
    tail = expand(_tail(expr.xreplace({x: direction * _y})), power_base=False)
    rate = _rate(tail).high
    if rate.is_extended_nonpositive:
        return Integer(0)
    if not _confirmed(tail, rate):
        if getattr(limit_at_infinity(tail, _y), "is_finite", False):
            return Integer(0)
        raise NotDerivableError(f"the growth of {expr} at x → {'-' if direction < 0 else ''}∞ cannot be derived")
    if rate == oo:
        raise DivergentKernelError(
            f"{expr} grows faster than every exp(α x²) as x → {'-' if direction < 0 else ''}∞, so its kernel is "
            "infinite at every variance; allowed are activations that grow like exp(α x²) at most"
        )
    return rate


def _explosive(power: Pow) -> bool:
    """Whether the power may grow faster than every polynomial, as 1/erfc(x) does."""
    return bool(power.exp.has(x) or (power.exp.could_extract_minus_sign() and power.base.has(*_WITH_TAILS)))


def _tail(expr: Expr) -> Expr:
    """An equal expression that shows the constant parts of erf, erfc and tanh as y → ∞, and sinh and cosh as exponentials."""
    if not expr.has(*_EXPONENTIAL, *_WITH_TAILS):
        return expr
    args = [_tail(arg) for arg in expr.args]
    function = record(expr)
    if function is not None and function.growth == "exponential" and function.exponentials is not None:
        return function.exponentials(args[0])
    if function is not None and function.tails is not None:
        side = limit_at_infinity(args[0], _y)
        if side in (-oo, oo):
            return function.tails[side == oo](args[0])
    return expr.func(*args)


@dataclass(frozen=True)
class _Bounds:
    """Bounds on the lim inf and the lim sup of log|e|/y²."""

    low: Expr
    high: Expr


_LEVEL = _Bounds(Integer(0), Integer(0))
_UNKNOWN = _Bounds(-oo, oo)


def _rate(expr: Expr) -> _Bounds:
    if not expr.has(_y) or expr == _y:
        return _LEVEL
    if isinstance(expr, Mul):
        parts = [_rate(arg) for arg in expr.args]
        return _Bounds(_sum([p.low for p in parts], -oo), _sum([p.high for p in parts], oo))
    if isinstance(expr, Add):
        return _sum_rate(expr)
    if isinstance(expr, Pow) and not expr.exp.has(_y):
        base = _rate(expr.base)
        ends = (base.low * expr.exp, base.high * expr.exp)
        return _Bounds(*(ends if expr.exp.is_positive else ends[::-1]))
    if isinstance(expr, Pow):
        return _quadratic(expr.exp * log(expr.base))
    if isinstance(expr, exp):
        return _quadratic(expr.args[0])
    if isinstance(expr, erfc) and limit_at_infinity(expr.args[0], _y) == oo:
        square = _quadratic(expr.args[0] ** 2)
        return _Bounds(-square.high, -square.low)
    function = record(expr)
    if function is not None and function.growth == "bounded":
        limit = limit_at_infinity(expr, _y)
        return _LEVEL if limit is not None and limit.is_nonzero else _Bounds(-oo, Integer(0))
    if function is not None and function.growth == "logarithmic" and not _has_iterated_exponential(expr.args[0]):
        (inverse,) = function.inverses
        argument = expr.args[0] - inverse(Integer(0))
        limit = limit_at_infinity(argument, _y)
        if limit is not None and limit.is_zero:  # as log(1 + v) ~ v
            return _rate(expand(argument))
        return _Bounds(Integer(0) if limit is not None else -oo, Integer(0))
    return _UNKNOWN


def _sum_rate(expr: Add) -> _Bounds:
    if expr.is_polynomial(_y):
        return _LEVEL
    limit = limit_at_infinity(expr, _y)
    if _is_level(expr) or (limit is not None and limit.is_finite and not is_zero_number(limit)):
        return _LEVEL
    parts = [_rate(arg) for arg in expr.args]
    high = max((p.high for p in parts), key=_key)
    if all(arg.is_positive for arg in expr.args):
        return _Bounds(max((p.low for p in parts), key=_key), high)
    leaders = [p for p in parts if p.high == high]
    alone = len(leaders) == 1 and leaders[0].low == high
    return _Bounds(high if alone else -oo, high)


def _is_level(expr: Add) -> bool:
    """Whether the sum is a number plus waves of smaller total amplitude, as 3 + 2 sin y."""
    number, waves = expr.as_coeff_add()
    amplitudes = [wave.as_independent(*_WAVES) for wave in waves]
    if not all(isinstance(wave, _WAVES) and amplitude.is_number for amplitude, wave in amplitudes):
        return False
    return bool(abs(number) > sum(abs(amplitude) for amplitude, _ in amplitudes))


def _key(value: Expr) -> float:
    return float(value)


def _sum(values: list[Expr], unknown: Expr) -> Expr:
    return unknown if oo in values and -oo in values else sum(values, Integer(0))


def _quadratic(expr: Expr) -> _Bounds:
    """Bounds on the lim inf and the lim sup of e/y²."""
    if expr.has(*_WAVES):
        terms = Add.make_args(expand(expr))
        waves = [term.replace(lambda e: isinstance(e, _WAVES), lambda e: Integer(1)) for term in terms]
        ends = [
            Add(*(sign * _without_sign(w) if term.has(*_WAVES) else term for term, w in zip(terms, waves, strict=True)))
            for sign in (-1, 1)
        ]
        limits = [limit_at_infinity(expand(end / _y**2), _y) for end in ends]
    elif expr.is_polynomial(_y):
        polynomial = Poly(expr, _y)
        lead = polynomial.LC() if polynomial.degree() >= 2 else Integer(0)
        limits = [lead if polynomial.degree() <= 2 else oo * lead] * 2
    else:
        limits = [limit_at_infinity(expr / _y**2, _y)] * 2
    return _UNKNOWN if None in limits else _Bounds(*limits)


def _without_sign(term: Expr) -> Expr:
    return -term if term.could_extract_minus_sign() else term


def _has_iterated_exponential(expr: Expr) -> bool:
    return any(e.args[0].has(exp) for e in expr.atoms(exp))


def _confirmed(tail: Expr, rate: Expr) -> bool:
    """Whether log|φ|/y² at large y agrees with the rate."""
    if rate == oo:
        try:
            near, far = (max(_measured(tail, Integer(10) ** k + shift) for shift in (0, 1, 2)) for k in (20, 22))
        except TooLargeError:  # an exponential of an exponential
            return True
        return far > 2 * near > 0
    scale = Integer(10) ** 6 * ceiling(1 / sqrt(rate))
    measured = max(_measured(tail, scale + shift) for shift in (0, 1, 2))
    return abs(measured / float(rate) - 1) < 0.01  # false for nan


def _measured(tail: Expr, y: Expr) -> float:
    try:
        number = abs(value(tail, {_y: y}))
    except NoValueError:  # a denominator too small for the digits
        return float("nan")
    return float(mpmath.log(number) / int(y) ** 2) if number else -float("inf")
