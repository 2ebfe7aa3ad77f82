"""Limits as y → ∞: by simple rules, or by SymPy's Gruntz algorithm if these give no answer and the expression is small."""

from sympy import Add, Expr, Integer, Mul, Poly, Pow, oo

from ndksym.algebra.functions import FUNCTIONS, record

__all__ = ["limit_at_infinity"]

_MAX_OPERATIONS = 25  # beyond this Gruntz may take minutes

_WAVES = tuple(f.sympy for f in FUNCTIONS.values() if f.period is not None)


def limit_at_infinity(expr: Expr, y: Expr) -> Expr | None:
    """The limit of a real expression as y → ∞, ±oo included; None if there is none or no rule finds it.

    >>> from sympy import Symbol, exp, log, tanh
    >>> y = Symbol("y", positive=True)
    >>> limit_at_infinity(tanh(log(1 + exp(y))) - 1/y, y), limit_at_infinity(y**3*exp(-y), y)
    (1, 0)
    """
    if not expr.has(y):
        return expr
    if expr.is_polynomial(y):
        return oo * Poly(expr, y).LC()
    limits = [limit_at_infinity(arg, y) for arg in expr.args]
    if any(limit is None for limit in limits):
        return None
    limit = _combined(expr, limits)
    return limit if limit is not None else _gruntz(expr, y)


def _combined(expr: Expr, limits: list[Expr]) -> Expr | None:
    if isinstance(expr, Add):
        total = Add(*limits)
        return None if oo in limits and -oo in limits else total
    if isinstance(expr, Mul):
        infinite = any(limit.is_infinite for limit in limits)
        return None if infinite and any(limit.is_zero for limit in limits) else Mul(*limits)
    if isinstance(expr, Pow):
        return _power(expr, *limits)
    function = record(expr)
    if function is not None:
        for end, limit in zip(function.domain, function.limits, strict=True):
            if limits[0] == end or (end.is_finite and (limits[0] - end).is_zero):
                return limit
    if limits[0].is_infinite:
        return None
    value = expr.func(*limits)
    return value if value.is_finite else None


def _power(expr: Pow, base: Expr, exponent: Expr) -> Expr | None:
    if exponent.is_infinite or (base.is_infinite and not exponent.is_number):
        return None
    if base == oo:
        return oo if exponent.is_positive else Integer(0) if exponent.is_negative else None
    if base == -oo:
        return None if not exponent.is_integer else Integer(0) if exponent.is_negative else oo * (-1) ** exponent
    if base.is_zero and exponent.is_negative:
        return oo if expr.base.is_positive else -oo if expr.base.is_negative and exponent.is_odd else None
    value = base**exponent
    return value if value.is_finite else None


def _gruntz(expr: Expr, y: Expr) -> Expr | None:
    if (expr.has(*_WAVES) and not _waves_settle(expr, y)) or expr.count_ops() > _MAX_OPERATIONS:
        return None
    try:
        limit = expr.limit(y, oo)
    except (NotImplementedError, ValueError, TypeError, RecursionError):
        return None
    return limit if limit.is_number and limit.is_extended_real else None


def _waves_settle(expr: Expr, y: Expr) -> bool:
    arguments = (wave.args[0] for wave in expr.atoms(*_WAVES))
    return all(getattr(limit_at_infinity(argument, y), "is_finite", False) for argument in arguments)
