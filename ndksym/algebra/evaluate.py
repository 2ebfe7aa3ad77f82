"""Exact sample points of a domain, the same in every session, and values of expressions at them to any number of digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

import mpmath
from mpmath import mpc, mpf
from sympy import Basic, Expr, Float, I, Integer, Piecewise, Rational, Symbol, oo, sign, true
from sympy.core.function import Application, AppliedUndef
from sympy.core.relational import Relational

from ndksym.algebra.bivariate_normal import Phi2, phi2_mp
from ndksym.algebra.functions import FUNCTIONS
from ndksym.errors import NoValueError

__all__ = ["DIGITS", "DRAWS", "POINTS", "Definitions", "Domain", "Evaluator", "Number", "evaluate", "points"]

Number: TypeAlias = mpf | mpc
Definitions = Sequence[tuple[Symbol, Expr]]
"""Pairs (symbol, expression that it stands for); an expression may use free symbols and symbols defined before it."""

DIGITS = 50
"""Default number of digits of a value."""
POINTS = 5
"""Number of points at which an identity is tested."""
DRAWS = 400
"""Draws per point after which a domain counts as empty."""
_GUARD = 15
_WIDTH = 2
"""Length of the interval from which points of a half-line are drawn; for integers it is four times that."""


@dataclass(frozen=True)
class Domain:
    """The domain of an identity: open ranges of single symbols, and conditions between them such as c**2 < a*b."""

    ranges: Mapping[Symbol, tuple[Expr, Expr]] = field(default_factory=dict)
    conditions: tuple[Relational, ...] = ()

    @property
    def positive(self) -> tuple[Expr, ...]:
        """The expressions that are positive by the conditions."""
        return tuple(c.gts - c.lts for c in self.conditions if c.rel_op in ("<", ">"))


def points(symbols: set[Symbol], domain: Domain, count: int = POINTS) -> list[dict[Symbol, Expr]]:
    """Exact points inside the domain that meet each symbol's assumptions; fewer than `count` if the domain is small.

    >>> from ndksym.symbols import a, c
    >>> points({a, c}, Domain({a: (Integer(0), Integer(1))}), count=1)
    [{a: 416359/2097152, c: 468403/1048576}]
    """
    symbols = symbols.union(*(condition.free_symbols for condition in domain.conditions))
    ordered, draw = sorted(symbols, key=lambda g: g.name), 0
    accepted: list[dict[Symbol, Expr]] = []
    while len(accepted) < count and draw < DRAWS * count:
        point = {symbol: _draw(symbol, domain, draw) for symbol in ordered}
        if all(condition.xreplace(point) == true for condition in domain.conditions):
            accepted.append(point)
        draw += 1
    return accepted


def _draw(symbol: Symbol, domain: Domain, index: int) -> Expr:
    low, high = domain.ranges.get(symbol) or _assumed_range(symbol)
    width = 4 * _WIDTH if symbol.is_integer else _WIDTH
    low = low if low != -oo else high - width if high != oo else Integer(-width // 2)
    high = high if high != oo else low + width

    def inside(text: str) -> Expr:
        value = low + (high - low) * _fraction(text)
        return value.floor() if symbol.is_integer else value

    value = inside(f"{symbol.name}:{index}")
    unrestricted = symbol.is_real is None and symbol not in domain.ranges
    return value + I * inside(f"{symbol.name}:i{index}") if unrestricted else value


def _assumed_range(symbol: Symbol) -> tuple[Expr, Expr]:
    if symbol.is_nonnegative:
        return Integer(bool(symbol.is_positive and symbol.is_integer)), oo
    return -oo, Integer(0) if symbol.is_nonpositive else oo


def _fraction(text: str) -> Rational:
    """An odd multiple of 2^-21 between 0 and 1, from the hash of a text."""
    return Rational(2 * (int.from_bytes(sha256(text.encode()).digest()[:4], "big") % 2**20) + 1, 2**21)


def evaluate(expr: Expr, point: Mapping[Symbol, Expr], digits: int = DIGITS, where: Definitions = ()) -> Number:
    """Value of `expr` at an exact point as an mpmath number, computed with `digits` digits and some guard digits.

    >>> from sympy import sqrt
    >>> from ndksym.symbols import a
    >>> mpmath.nstr(evaluate(sqrt(a), {a: Integer(2)}, 20), 12)
    '1.41421356237'
    """
    evaluator = Evaluator(point, digits)
    for name, value in where:
        evaluator.define(name, value)
    return evaluator(expr)


class Evaluator:
    """Values at one point; each shared subexpression is computed once."""

    def __init__(self, point: Mapping[Symbol, Expr], digits: int) -> None:
        self.digits = digits + _GUARD
        self.memo: dict[Basic, Number] = {}
        for symbol, value in point.items():
            self.define(symbol, value)

    def define(self, name: Symbol, value: Expr) -> Number:
        """Define `name` as `value`, and return the number."""
        self.memo[name] = self(value)
        return self.memo[name]

    def __call__(self, expr: Expr) -> Number:
        with mpmath.workdps(self.digits):
            return self._value(expr)

    def _value(self, e: Basic) -> Number:
        if e not in self.memo:
            self.memo[e] = self._computed(e)
        return self.memo[e]

    def _computed(self, e: Basic) -> Number:
        if e.is_Rational:
            return mpf(int(e.p)) / int(e.q)
        if e.is_Add:
            return mpmath.fsum(map(self._value, e.args))
        if e.is_Mul:
            return mpmath.fprod(map(self._value, e.args))
        if e.is_Pow:
            base = self._value(e.base)
            if e.exp.is_Integer:
                return base ** int(e.exp)
            return mpmath.sqrt(base) if e.exp == Rational(1, 2) else base ** self._value(e.exp)
        if (function := FUNCTIONS.get(e.func)) is not None:
            return function.value(self._value(e.args[0]))
        if isinstance(e, sign):
            return mpmath.sign(self._value(e.args[0]))
        if isinstance(e, Phi2):
            return phi2_mp(*(mpmath.mpmathify(self._value(arg)).real for arg in e.args))
        return self._by_sympy(e)

    def _by_sympy(self, e: Basic) -> Number:
        """Constants, Piecewise and functions without a record: SymPy's evalf with the digits in use."""
        if isinstance(e, Piecewise):
            e = e.xreplace({name: self._float(name) for name in e.free_symbols})
        elif isinstance(e, Application) and not isinstance(e, AppliedUndef):
            e = e.func(*map(self._float, e.args))
        elif not e.is_number:
            raise NoValueError(f"{e} has no numeric value")
        value = e.evalf(self.digits)
        parts = value.as_real_imag()
        if not all(part.is_Float or part.is_Rational for part in parts):
            raise NoValueError(f"{e} has no numeric value")
        real, imag = (mpf(part._to_mpmath(mpmath.mp.prec)) for part in parts)
        return mpc(real, imag) if imag else real

    def _float(self, e: Basic) -> Expr:
        value = mpmath.mpmathify(self._value(e))
        if isinstance(value, mpc):
            return Float(value.real, self.digits) + I * Float(value.imag, self.digits)
        return Float(value, self.digits)
