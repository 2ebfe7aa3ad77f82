"""Is an expression zero? By normal form where that decides it, otherwise by 50 digits at points drawn from hashed names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import mpmath
from mpmath import mpf
from sympy import Basic, Expr, Symbol

from ndksym.algebra.evaluate import (
    DIGITS,
    DRAWS,
    POINTS,
    Definitions,
    Domain,
    Evaluator,
    Number,
    evaluate,
    points,
)
from ndksym.algebra.normal_form import Budget, NormalForm, TooHardError
from ndksym.algebra.substitute import substitute
from ndksym.errors import NoValueError

__all__ = ["Definitions", "Domain", "Verdict", "evaluate", "is_zero", "points"]

_NOISE = {DIGITS: -mpmath.inf, 2 * DIGITS: -95, 4 * DIGITS: -150}
"""Digits of a trial → log10 of the size, relative to the largest term, below which a value counts as zero."""
_BUDGET, _SHARE = 3_000_000, 600_000
"""Work allowed on the exact route in total (about fifteen seconds), and on one pair of abbreviations."""
_LOOK = 20
"""Digits to which two abbreviations must agree before a proof of their equality is tried."""
_UNFOLDINGS = 8
"""Number of abbreviations that the exact route replaces by their definitions before it gives up."""
_UNUSABLE = (ArithmeticError, ValueError, TypeError)
"""Exceptions raised by an evaluation outside a function's domain."""


@dataclass(frozen=True)
class Verdict:
    """`proved` by normal form, `supported` by 50 digits, `refuted` at a point, or `unknown`; `detail` gives the evidence."""

    kind: Literal["proved", "supported", "unknown", "refuted"]
    detail: str

    @property
    def holds(self) -> bool:
        """Whether the identity was proved or supported."""
        return self.kind in ("proved", "supported")


def is_zero(expr: Expr, domain: Domain | None = None, where: Definitions = (), *, exact: bool = True) -> Verdict:
    """Whether `expr` vanishes on `domain`; `where` defines the abbreviations in it.

    The exact route keeps abbreviations as free symbols where it can: the statement is then stronger and the expressions are
    smaller. What it does not decide is evaluated to 50 digits, and near-zeros again to 100 and 200. `exact=False` skips the
    exact route.

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
        return _numerically(expr, domain, where, "the exact route was skipped")
    if _clearly_not(expr, domain, where):
        return _numerically(expr, domain, where, "it is not 0 at a first point")
    prover = _Prover(points(_free_symbols(expr, where), domain, count=2), domain)
    reason = prover.failure(prover.merged(expr, where), prover.budget)
    return _numerically(expr, domain, where, reason) if reason else Verdict("proved", "the normal form is 0")


class _Prover:
    """The exact route. Abbreviations stay symbols as long as that suffices; a proof may use equalities proved before."""

    def __init__(self, places: Sequence[Mapping[Symbol, Expr]], domain: Domain) -> None:
        self.domain, self.budget = domain, Budget(_BUDGET)
        self.definitions: dict[Symbol, Expr] = {}
        self.order: dict[Symbol, int] = {}
        self.places = [Evaluator(place, _LOOK) for place in places]
        # a point at which the abbreviations have values that violate their definitions, as independent symbols would
        self.independent = Evaluator(places[0] if places else {}, _LOOK)

    def merged(self, expr: Expr, where: Definitions) -> Expr:
        """`expr` with one name for equal abbreviations: equal at two points, then proved equal.

        A chain of definitions is compared one definition at a time, so its length does not matter.
        """
        same: dict[Basic, Expr] = {}
        by_value: dict[tuple[str, ...] | Expr, list[Symbol]] = {}
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

    def _define(self, name: Symbol, value: Expr) -> tuple[str, ...] | Expr:
        """The values of the abbreviation at both points, as a key; its definition where it has no value."""
        try:
            numbers = [place.define(name, value) for place in self.places]
        except _UNUSABLE:
            return value
        if numbers:
            self.independent.memo[name] = numbers[0] * (1 + mpf(len(self.order) + 1) / 997)
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
        """The reason why expr = 0 was not proved, "" if it was; the latest abbreviations are expanded first."""
        reason = "the normal form is not 0"
        for _ in range(_UNFOLDINGS + 1):
            try:
                if self._may_vanish(expr) and NormalForm(self.domain.positive, budget).is_zero(expr):
                    return ""
            except TooHardError as error:
                reason = str(error)
            names = expr.free_symbols & self.order.keys()
            if not names:
                break
            latest = max(names, key=self.order.__getitem__)
            expr = substitute(expr, {latest: self.definitions[latest]})
        return reason

    def _may_vanish(self, expr: Expr) -> bool:
        """Whether expr may be 0 with its abbreviations as free symbols: a value at the independent point."""
        try:
            value, scale = _with_scale(expr, self.independent)
        except _UNUSABLE:
            return True
        return not _is_something(value, scale)


def _free_symbols(expr: Expr, where: Definitions) -> set[Symbol]:
    inner = (value.free_symbols for _, value in where)
    return set(expr.free_symbols).union(*inner) - {name for name, _ in where}


# the numeric route


def _clearly_not(expr: Expr, domain: Domain, where: Definitions) -> bool:
    """Whether the value at one point already shows that expr is not 0."""
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


def _with_scale(expr: Expr, evaluator: Evaluator) -> tuple[Number, mpf]:
    """The value of expr, and the absolute value of its largest term."""
    return evaluator(expr), max(abs(evaluator(term)) for term in (expr.args if expr.is_Add else (expr,)))


def _is_something(value: Number, scale: mpf) -> bool:
    return bool(mpmath.isfinite(abs(value)) and abs(value) > scale * mpf(10) ** (-_LOOK // 2))


def _numerically(expr: Expr, domain: Domain, where: Definitions, reason: str) -> Verdict:
    checked, trouble = 0, f"{DRAWS * POINTS} draws gave no point with {domain.conditions}"
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
            return Verdict("unknown", f"{reason}; {value} at {place}: zero or not, its digits do not decide")
        checked += 1
    if checked * 2 <= POINTS:
        return Verdict("unknown", f"{reason}; {trouble}")
    return Verdict("supported", f"{reason}; 0 to {DIGITS} digits at {checked} points")


def _vanishes(expr: Expr, point: Mapping[Symbol, Expr], where: Definitions) -> tuple[bool | None, str]:
    """Whether expr is 0 at the point, None if rounding errors leave it open; and its value as text."""
    previous = None
    for digits, noise in _NOISE.items():
        value, scale = _with_scale(expr, _at(point, where, digits))
        size, shown = abs(value), mpmath.nstr(value, 6)
        if not mpmath.isfinite(size):
            raise NoValueError("not finite")
        if scale == 0 or size <= scale * mpf(10) ** noise:
            return True, shown
        if previous is not None and abs(value - previous) < size * mpf(10) ** -8:
            return False, shown
        previous = value
    return None, shown
