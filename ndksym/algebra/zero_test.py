"""Is an expression zero? By normal form where that settles it, else to 50 digits at points drawn from hashed names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import mpmath
from sympy import Basic, Expr, Symbol

from ndksym.algebra.evaluate import (
    DIGITS,
    DRAWS,
    POINTS,
    Definitions,
    Domain,
    Evaluator,
    evaluate,
    points,
)
from ndksym.algebra.normal_form import Budget, TooHardError, Tower
from ndksym.algebra.substitute import plant
from ndksym.errors import NoValueError

__all__ = ["Definitions", "Domain", "Verdict", "evaluate", "is_zero", "points"]

_NOISE = {DIGITS: -mpmath.inf, 2 * DIGITS: -95, 4 * DIGITS: -150}
"""Digits of a trial → log10 of what counts as zero in it, next to the largest term."""
_BUDGET, _SHARE = 3_000_000, 600_000
"""Work the exact route may do in all (some fifteen seconds), and on one pair of abbreviations."""
_LOOK = 20
"""Digits in which two abbreviations must agree before a proof is tried."""
_UNFOLDINGS = 8
"""Abbreviations the exact route replaces by their definitions before it gives up."""
_UNUSABLE = (ArithmeticError, ValueError, TypeError)
"""What an evaluation outside a function's domain raises."""


@dataclass(frozen=True)
class Verdict:
    """`proved` by normal form, `supported` to 50 digits, `refuted` at a point, or `unknown`; and how."""

    kind: Literal["proved", "supported", "unknown", "refuted"]
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the identity was proved or supported."""
        return self.kind in ("proved", "supported")


def is_zero(expr: Expr, domain: Domain | None = None, where: Definitions = (), *, exact: bool = True) -> Verdict:
    """Whether `expr` vanishes on `domain`, its abbreviations `where` standing for their definitions.

    The exact route leaves abbreviations as free symbols where it can (a stronger statement, with smaller expressions);
    what it leaves open is evaluated to 50 digits, near-zeros again at twice and four times that. `exact=False` asks
    for the digits alone.

    >>> from sympy import asin, diff, pi, sqrt
    >>> from ndksym.symbols import a, b, c
    >>> arccosine = (sqrt(a*b - c**2) + c*(pi/2 + asin(c/sqrt(a*b)))) / (2*pi)
    >>> is_zero(diff(arccosine, c) - (pi/2 + asin(c/sqrt(a*b))) / (2*pi), Domain(conditions=(c**2 < a*b,))).kind
    'proved'
    >>> is_zero(sqrt(c**2) - c).kind
    'refuted'
    """
    domain = domain or Domain()
    if not exact:
        return _numerically(expr, domain, where, "the exact route was not asked for")
    if _clearly_not(expr, domain, where):
        return _numerically(expr, domain, where, "it is not 0 at a glance")
    prover = _Prover(points(_free_symbols(expr, where), domain, count=2), domain)
    reason = prover.failure(prover.merged(expr, where), prover.budget)
    return _numerically(expr, domain, where, reason) if reason else Verdict("proved", "the normal form is 0")


class _Prover:
    """The exact route. Abbreviations stay symbols as long as that suffices; each proof may rest on the ones before it."""

    def __init__(self, places: Sequence[Mapping[Symbol, Expr]], domain: Domain) -> None:
        self.domain, self.budget = domain, Budget(_BUDGET)
        self.definitions: dict[Symbol, Expr] = {}
        self.order: dict[Symbol, int] = {}
        self.places = [Evaluator(place, _LOOK) for place in places]
        self.loose = Evaluator(
            places[0] if places else {}, _LOOK
        )  # abbreviations get values that break their definitions

    def merged(self, expr: Expr, where: Definitions) -> Expr:
        """`expr` with one name for abbreviations that are the same: equal at two places, then proved equal.

        A chain of definitions is thus compared link by link, however long it is.
        """
        same: dict[Basic, Expr] = {}
        by_value: dict[Any, list[Symbol]] = {}
        for name, full in where:
            value = full.xreplace(same)
            if value.is_Symbol or value.is_Rational:
                same[name] = value
                continue
            twins = by_value.setdefault(self._define(name, value), [])
            twin = next((twin for twin in twins if self._equal(self.definitions[twin], value)), None)
            if twin is not None:
                same[name] = twin
                continue
            twins.append(name)
            self.definitions[name] = value
            self.order[name] = len(self.order)
        return expr.xreplace(same)

    def _define(self, name: Symbol, value: Expr) -> Any:
        """What the abbreviation is at the places, as a key to find its like; its own definition where it is no number."""
        try:
            numbers = [place.define(name, value) for place in self.places]
        except _UNUSABLE:
            return value
        if numbers:
            self.loose.memo[name] = numbers[0] * (1 + mpmath.mpf(len(self.order) + 1) / 997)
        return tuple(mpmath.nstr(number, _LOOK) for number in numbers)

    def _equal(self, left: Expr, right: Expr) -> bool:
        if left == right:
            return True
        share = Budget(min(_SHARE, self.budget.left))
        self.budget.left -= share.left
        failed = self.failure(left - right, share)
        self.budget.left += max(share.left, 0)
        return not failed

    def failure(self, expr: Expr, budget: Budget) -> str:
        """Why expr = 0 was not proved, or nothing: its abbreviations give way to their definitions, the latest first."""
        reason = "the normal form is not visibly 0"
        for _ in range(_UNFOLDINGS + 1):
            try:
                if self._may_vanish(expr) and Tower(self.domain.positive, budget).is_zero(expr):
                    return ""
            except TooHardError as error:
                reason = str(error)
            names = expr.free_symbols & self.order.keys()
            if not names:
                break
            latest = max(names, key=self.order.__getitem__)
            expr = plant(expr, {latest: self.definitions[latest]})
        return reason

    def _may_vanish(self, expr: Expr) -> bool:
        """Whether expr might be 0 with its abbreviations as free symbols: a look at the loose place."""
        try:
            value, scale = _with_scale(expr, self.loose)
        except _UNUSABLE:
            return True
        return not _is_something(value, scale)


def _free_symbols(expr: Expr, where: Definitions) -> set[Symbol]:
    inner = (value.free_symbols for _, value in where)
    return set(expr.free_symbols).union(*inner) - {name for name, _ in where}


# the numeric route


def _clearly_not(expr: Expr, domain: Domain, where: Definitions) -> bool:
    """Whether a glance at one point makes the exact route pointless."""
    for point in points(_free_symbols(expr, where), domain, count=1):
        try:
            return _is_something(*_with_scale(expr, _at(point, where, _LOOK)))
        except _UNUSABLE:
            return False
    return False


def _at(point: Mapping[Symbol, Expr], where: Definitions, digits: int) -> Evaluator:
    evaluator = Evaluator(point, digits)
    for name, definition in where:
        evaluator.define(name, definition)
    return evaluator


def _with_scale(expr: Expr, evaluator: Evaluator) -> tuple[Any, Any]:
    """Value of expr, and the size of the largest term where it is a sum."""
    return evaluator(expr), max(abs(evaluator(term)) for term in (expr.args if expr.is_Add else (expr,)))


def _is_something(value: Any, scale: Any) -> bool:
    return bool(mpmath.isfinite(abs(value)) and abs(value) > scale * mpmath.mpf(10) ** (-_LOOK // 2))


def _numerically(expr: Expr, domain: Domain, where: Definitions, reason: str) -> Verdict:
    checked, trouble = 0, f"{DRAWS * POINTS} draws found no point with {domain.conditions}"
    for point in points(_free_symbols(expr, where), domain):
        place = ", ".join(f"{name} = {value}" for name, value in point.items()) or "its only value"
        try:
            zero, value = _vanishes(expr, point, where)
        except _UNUSABLE as error:
            trouble = f"at {place}: {error}"
            continue
        if zero is False:
            return Verdict("refuted", f"{value} at {place}")
        if zero is None:
            return Verdict("unknown", f"{reason}; {value} at {place}, neither 0 nor settled")
        checked += 1
    if checked * 2 <= POINTS:
        return Verdict("unknown", f"{reason}; {trouble}")
    return Verdict("supported", f"{reason}; 0 to {DIGITS} digits at {checked} points")


def _vanishes(expr: Expr, point: Mapping[Symbol, Expr], where: Definitions) -> tuple[bool | None, str]:
    """Whether expr is 0 at the point, or None where rounding hides it; and its value as text."""
    previous = None
    for digits, noise in _NOISE.items():
        value, scale = _with_scale(expr, _at(point, where, digits))
        size, shown = abs(value), mpmath.nstr(value, 6)
        if not mpmath.isfinite(size):
            raise NoValueError("not finite")
        if scale == 0 or size <= scale * mpmath.mpf(10) ** noise:
            return True, shown
        if previous is not None and abs(value - previous) < size * mpmath.mpf(10) ** -8:
            return False, shown
        previous = value
    return None, shown
