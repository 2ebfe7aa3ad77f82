"""Plateau and slope for an initial variance far below or above the prior variance (T13): leading powers of σ0².

The definitions are expanded in √σ0² or its reciprocal, layer by layer. Quantities without such a series have numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log10
from typing import Literal

from sympy import Expr, Integer, Rational, Symbol, cancel, oo

from ndksym.algebra import puiseux
from ndksym.algebra.puiseux import ExactSeries
from ndksym.algebra.substitute import is_large
from ndksym.algebra.zero_test import Definitions, Domain, evaluate, points
from ndksym.errors import NotDerivableError
from ndksym.expansions.plateau import PlateauSlope, overlap
from ndksym.symbols import k11, sigma02

__all__ = ["ENDS", "End", "Extreme", "Leading", "leading"]

End = Literal["small", "large"]
"""σ0²/σ² → 0, or → ∞."""
ENDS: tuple[End, End] = ("small", "large")
_LENGTHS = (4, 8, 12)
"""Numbers of terms to try; more are needed if the first ones cancel."""
_ALL = 10**6
_READABLE = 400
_CLOSE = 1e-10
_FAR, _DIGITS = (24, 32), 200
"""Powers of ten for σ0² at the ends, and the digits needed there in spite of cancellation."""


@dataclass(frozen=True)
class Leading:
    """coefficient · (σ0²)^power, and its limit."""

    coefficient: Expr
    power: Rational
    end: End

    @property
    def limit(self) -> Expr:
        """The limit; an infinite limit has the sign of the coefficient."""
        grows = self.power < 0 if self.end == "small" else self.power > 0
        return self.coefficient if self.power == 0 else self.coefficient * oo if grows else Integer(0)


@dataclass(frozen=True)
class Extreme:
    """Plateau and slope `of` a network at one end, σ0²/σ² → 0 or ∞; `written` is false if their series would take long."""

    end: End
    of: PlateauSlope
    written: bool = True

    @cached_property
    def plateau(self) -> Leading | None:
        """The leading term of the NTK plateau; None if it has no series in √σ0² that is short enough."""
        return leading(self.of.plateau, self.of.definitions, self.end) if self.written else None

    @cached_property
    def slope(self) -> Leading | None:
        """The leading term of the slope, likewise."""
        return leading(self.of.start, self.of.definitions, self.end) if self.written else None

    def at(self, **values: object) -> Mapping[str, float]:
        """`plateau`, and slope ≈ `slope` (σ0²)^`power`, at values of k11, o, sigma2 (and beta), from σ0² = 10^±24 and 10^±32.

        `moved` is the change of the plateau between the two; `power` is rounded to a multiple of ½.

        >>> import ndksym
        >>> small, large = ndksym.phases(ndksym.derive("erf")).extremes
        >>> [round(each.at(k11=1, o="0.9", sigma2=1)["plateau"], 9) for each in (small, large)]
        [0.9, 0.0]
        """
        sign = -1 if self.end == "small" else 1
        near, away = (self.of.at(_DIGITS, **values, sigma02=Rational(10) ** (sign * n)) for n in _FAR)
        plateau = {"plateau": away["plateau"], "moved": away["plateau"] - near["plateau"]}
        if not near["slope"] or not away["slope"]:
            return plateau | {"slope": away["slope"], "power": 0.0}
        power = round(log10(abs(away["slope"] / near["slope"])) / (_FAR[1] - _FAR[0]) * sign * 2) / 2
        return plateau | {"slope": away["slope"] * 10.0 ** (-sign * _FAR[1] * power), "power": power}


def leading(expr: Expr, definitions: Definitions, end: End) -> Leading | None:
    """The leading term of `expr` at one end; None if it has no series in √σ0², or none that is short enough.

    >>> from ndksym.symbols import k11
    >>> leading(sigma02 * k11 / (1 + sigma02) ** 2, (), "large")
    Leading(coefficient=k11, power=-1, end='large')
    """
    needed = _behind(expr, definitions)
    for length in _LENGTHS:
        try:
            series = _series(expr, needed, end, length)
        except NotDerivableError:
            continue
        coefficient = series.coefficient(series.start)
        if coefficient == 0 or is_large(coefficient, _READABLE):
            return None
        term = Leading(cancel(coefficient), Rational(series.start, 2 if end == "small" else -2), end)
        return term if _confirmed(term, expr, needed) else None
    return None


def _confirmed(term: Leading, expr: Expr, definitions: Definitions) -> bool:
    """Whether the term equals the expression at a drawn point far out; its coefficient may be 0 without being recognised."""
    symbols = set().union(expr.free_symbols, *(value.free_symbols for _, value in definitions)) - {sigma02}
    domain = Domain({overlap: (Rational(1, 10), Rational(9, 10)), k11: (Rational(1, 2), Integer(2))})
    (point,) = points(symbols - {name for name, _ in definitions}, domain, count=1)
    point[sigma02] = Integer(10) ** (-_FAR[1] if term.end == "small" else _FAR[1])
    here = evaluate(expr, point, _DIGITS, definitions)
    there = evaluate(term.coefficient * sigma02**term.power, point, _DIGITS)
    return bool(abs(here - there) < _CLOSE * abs(here))


def _behind(expr: Expr, definitions: Definitions) -> Definitions:
    needed: set[Symbol] = set(expr.free_symbols)
    for name, value in reversed(definitions):
        if name in needed:
            needed |= value.free_symbols
    return tuple((name, value) for name, value in definitions if name in needed)


def _series(expr: Expr, definitions: Definitions, end: End, length: int) -> ExactSeries:
    curve = {sigma02: puiseux.constant(Integer(1), length).shifted(2 if end == "small" else -2)}
    for name, value in definitions:
        curve[name] = puiseux.series(value, curve, _ALL)
    return puiseux.series(expr, curve, _ALL)
