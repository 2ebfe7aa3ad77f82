"""Exact numbers in and out of Arb: conversion without rounding, and a scope for the working precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from numbers import Integral, Rational
from typing import Any

import mpmath
import sympy
from mpmath.libmp import from_man_exp

from ndksym.errors import InputTypeError, MissingExtraError, NotDerivableError

__all__ = ["NotCertifiedError", "as_mpf", "bits", "exact", "flint", "midpoint", "precision"]


class NotCertifiedError(NotDerivableError):
    """No enclosure was proved here; the quantity itself may be fine."""


@lru_cache(maxsize=1)
def flint() -> Any:
    """python-flint, imported when first needed.

    Errors: MissingExtraError when it is not installed.
    """
    try:
        import flint as module
    except ImportError as error:
        raise MissingExtraError("the oracle needs python-flint: pip install 'ndksym[certify]'") from error
    return module


def bits(digits: float) -> int:
    """Bits of precision that hold `digits` decimal digits."""
    return int(digits * 3.3219280948873626) + 1


@contextmanager
def precision(prec: int) -> Iterator[None]:
    """Run the block at `prec` bits of Arb precision."""
    context = flint().ctx
    before = context.prec
    context.prec = int(prec)
    try:
        yield
    finally:
        context.prec = before


def exact(value: Any) -> Any:
    """Turn a number into a Fraction, or leave an arb midpoint, mpf or exact SymPy number as it is; never round.

    >>> exact(0.5), exact("1/3")
    (Fraction(1, 2), Fraction(1, 3))
    """
    if isinstance(value, bool):
        raise InputTypeError("a number is needed, not a bool")
    if isinstance(value, int | float | str | Integral | Rational):
        return Fraction(value)
    if isinstance(value, sympy.Rational):
        return Fraction(int(value.p), int(value.q))
    if isinstance(value, sympy.Float | mpmath.mpf):
        return _dyadic(*value._mpf_)
    if isinstance(value, sympy.Expr) and value.is_number:
        return value
    if isinstance(value, flint().arb):
        return value
    if hasattr(value, "__float__"):  # numpy scalars
        return Fraction(float(value))
    raise InputTypeError(f"a real number is needed, not {type(value).__name__}: {value!r}")


def _dyadic(sign: int, man: Any, exp: Any, _: Any) -> Fraction:
    number = Fraction(-int(man) if sign else int(man))
    return number * Fraction(2) ** int(exp)


def as_mpf(ball: Any) -> Any:
    """Midpoint of an arb as an mpf, exactly.

    >>> as_mpf(flint().arb(0.375))
    mpf('0.375')
    """
    if ball is None:
        return None
    if not ball.is_finite():
        return mpmath.mpf("nan") if ball.is_nan() else mpmath.mpf("inf")
    man, exp = ball.mid().man_exp()
    return mpmath.mp.make_mpf(from_man_exp(int(man), int(exp)))


def midpoint(ball: Any) -> Fraction:
    """Midpoint of an arb, exactly: a key to sort by where floats would not tell neighbours apart.

    >>> midpoint(flint().arb(0.375))
    Fraction(3, 8)
    """
    man, exp = (int(part) for part in ball.mid().man_exp())
    return Fraction(man) * Fraction(2) ** exp
