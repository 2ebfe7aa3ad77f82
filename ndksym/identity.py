"""Is an expression zero? By normal form where that settles it, else to 50 digits at points drawn from hashed names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import mpmath
from sympy import Basic, Expr, Symbol

from ndksym.planting import plant
from ndksym.precise import DIGITS, DRAWS, POINTS, Definitions, Domain, Evaluator, NoValueError, evaluate, points
from ndksym.tower import Budget, TooHardError, Tower

__all__ = ["Definitions", "Domain", "Verdict", "evaluate", "is_zero", "points"]

_NOISE = {DIGITS: -mpmath.inf, 2 * DIGITS: -95, 4 * DIGITS: -150}
"""Digits of a trial → log10 of what counts as zero in it, next to the largest term."""
_BUDGET, _SHARE = 2_000_000, 200_000
"""Work the exact route may do in all (some ten seconds), and on one pair of abbreviations."""
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
    budget = Budget(_BUDGET)
    short, left = _merged(expr, where, domain, budget)
    verdict = _unfolded(short, left, domain, budget)
    return verdict if verdict.kind == "proved" else _numerically(expr, domain, where, verdict.detail)


# the exact route: abbreviations stay symbols as long as that suffices


def _unfolded(expr: Expr, definitions: Mapping[Symbol, Expr], domain: Domain, budget: Budget) -> Verdict:
    """Normal form of expr, its abbreviations replaced by their definitions one at a time, the latest first."""
    order = {name: i for i, name in enumerate(definitions)}
    reason = ""
    for _ in range(_UNFOLDINGS + 1):
        try:
            if Tower(domain.positive, budget).is_zero(expr):
                return Verdict("proved", "the normal form is 0")
            reason = "the normal form is not visibly 0"
        except TooHardError as error:
            reason = str(error)
        names = expr.free_symbols & order.keys()
        if not names:
            break
        latest = max(names, key=order.__getitem__)
        expr = plant(expr, {latest: definitions[latest]})
    return Verdict("unknown", reason)


def _merged(expr: Expr, where: Definitions, domain: Domain, budget: Budget) -> tuple[Expr, dict[Symbol, Expr]]:
    """Abbreviations that stand for the same thing become one: equal at two points, then proved equal.

    Each proof rests on the ones before it, so that a chain of definitions is compared layer by layer.
    """
    evaluators = [Evaluator(point, _LOOK) for point in points(_free_symbols(expr, where), domain, count=2)]
    same: dict[Basic, Expr] = {}
    kept: dict[Symbol, Expr] = {}
    by_value: dict[Any, list[Symbol]] = {}
    for name, full in where:
        value = full.xreplace(same)
        if value.is_Symbol or value.is_Rational:
            same[name] = value
            continue
        try:
            key: Any = tuple(mpmath.nstr(at.define(name, value), _LOOK) for at in evaluators)
        except _UNUSABLE:
            key = value
        for twin in by_value.setdefault(key, []):
            if _proved_equal(kept[twin], value, kept, domain, budget):
                same[name] = twin
                break
        else:
            by_value[key].append(name)
            kept[name] = value
    return expr.xreplace(same), kept


def _proved_equal(left: Expr, right: Expr, definitions: Mapping[Symbol, Expr], domain: Domain, budget: Budget) -> bool:
    if left == right:
        return True
    share = Budget(min(_SHARE, budget.left))
    budget.left -= share.left
    verdict = _unfolded(left - right, definitions, domain, share)
    budget.left += max(share.left, 0)
    return verdict.kind == "proved"


def _free_symbols(expr: Expr, where: Definitions) -> set[Symbol]:
    inner = (value.free_symbols for _, value in where)
    return set(expr.free_symbols).union(*inner) - {name for name, _ in where}


# the numeric route


def _clearly_not(expr: Expr, domain: Domain, where: Definitions) -> bool:
    """Whether a glance at one point makes the exact route pointless."""
    for point in points(_free_symbols(expr, where), domain, count=1):
        try:
            value, scale = _sum_at(expr, point, where, _LOOK)
        except _UNUSABLE:
            return False
        return bool(mpmath.isfinite(abs(value)) and abs(value) > scale * mpmath.mpf(10) ** (-_LOOK // 2))
    return False


def _sum_at(expr: Expr, point: Mapping[Symbol, Expr], where: Definitions, digits: int) -> tuple[Any, Any]:
    """Value of expr, and the size of the largest term where it is a sum."""
    evaluator = Evaluator(point, digits)
    for name, definition in where:
        evaluator.define(name, definition)
    return evaluator(expr), max(abs(evaluator(term)) for term in (expr.args if expr.is_Add else (expr,)))


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
        value, scale = _sum_at(expr, point, where, digits)
        size, shown = abs(value), mpmath.nstr(value, 6)
        if not mpmath.isfinite(size):
            raise NoValueError("not finite")
        if scale == 0 or size <= scale * mpmath.mpf(10) ** noise:
            return True, shown
        if previous is not None and abs(value - previous) < size * mpmath.mpf(10) ** -8:
            return False, shown
        previous = value
    return None, shown
