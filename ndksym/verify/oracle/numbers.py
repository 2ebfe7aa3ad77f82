"""Conversion of numbers to and from Arb without rounding, and a context for the working precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from numbers import Integral, Rational
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import mpmath
import sympy
from mpmath.libmp import from_man_exp

from ndksym.errors import InputTypeError, MissingExtraError, NotDerivableError

if TYPE_CHECKING:
    import flint as types
    from flint import arb

__all__ = ["ExactNumber", "NotCertifiedError", "as_mpf", "bits", "exact", "flint", "midpoint", "precision"]


class NotCertifiedError(NotDerivableError):
    """No enclosure was proved; the quantity itself may exist."""


class Flint(Protocol):
    """The classes of python-flint that the oracle uses."""

    arb: type[types.arb]
    acb: type[types.acb]
    arb_mat: type[types.arb_mat]
    fmpq: type[types.fmpq]
    ctx: Any


@lru_cache(maxsize=1)
def flint() -> Flint:
    """python-flint, imported on first use.

    Raises MissingExtraError where it is not installed.
    """
    try:
        import flint as module
    except ImportError as error:
        raise MissingExtraError("the oracle needs python-flint: pip install 'ndksym[certify]'") from error
    return cast(Flint, module)


def bits(digits: float) -> int:
    """Bits of precision for `digits` decimal digits."""
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


ExactNumber: TypeAlias = "Fraction | sympy.Expr | arb"
"""A number without rounding; of an arb, the midpoint."""


def exact(value: Any) -> ExactNumber:
    """The number as a Fraction, or unchanged if it is an arb or an irrational SymPy number; nothing is rounded.

    Raises InputTypeError for what is no real number.

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


def _dyadic(sign: int, man: int, exp: int, _: int) -> Fraction:
    """The value of an mpf from its parts."""
    number = Fraction(-int(man) if sign else int(man))
    return number * Fraction(2) ** int(exp)


def as_mpf(ball: arb) -> mpmath.mpf:
    """Exact midpoint of an arb as an mpf.

    >>> as_mpf(flint().arb(0.375))
    mpf('0.375')
    """
    if not ball.is_finite():
        return mpmath.mpf("nan") if ball.is_nan() else mpmath.mpf("inf")
    man, exp = ball.mid().man_exp()
    return mpmath.mp.make_mpf(from_man_exp(int(man), int(exp)))


def midpoint(ball: arb) -> Fraction:
    """Exact midpoint of an arb: a key for sorting numbers that are equal as floats.

    >>> midpoint(flint().arb(0.375))
    Fraction(3, 8)
    """
    man, exp = (int(part) for part in ball.mid().man_exp())
    return Fraction(man) * Fraction(2) ** exp
