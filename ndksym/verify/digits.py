"""Rungs 2 and 3: a dual kernel's value, against quadrature of φ itself and against certified balls."""

from collections.abc import Callable, Sequence
from typing import Any

import mpmath

from ndksym.activation.activation import Activation
from ndksym.activation.values import value
from ndksym.errors import MissingExtraError, NdksymError, NoValueError
from ndksym.kernels.dual import Dual
from ndksym.symbols import x
from ndksym.verify import closed_form_values
from ndksym.verify.evidence import Evidence, Rung, Word
from ndksym.verify.oracle.numbers import as_mpf
from ndksym.verify.oracle.quadrature import dual_mp
from ndksym.verify.points import Point, within

DIGITS = 30
ENOUGH = 20
"""Points that must get a verdict, where there are as many."""
_GUARD = 8
_UNSEEN = mpmath.mpf(10) ** -120
"""Of E φ(u)² E φ(v)², relative to what they are where φ is seen."""


def precise(duals: Sequence[Dual], points: tuple[Point, ...]) -> list[Evidence]:
    """The closed form against mpmath-level quadrature of the activation, to 30 digits at every point."""
    return _rung("precise", duals, points, _by_quadrature)


def certified(duals: Sequence[Dual], points: tuple[Point, ...]) -> list[Evidence]:
    """The closed form (or the numeric oracle, where there is none) inside an Arb ball of relative radius ≤ 1e-30."""
    return _rung("oracle", duals, points, _by_ball)


def _rung(
    rung: Rung, duals: Sequence[Dual], points: tuple[Point, ...], judge: Callable[[Dual, Point], float]
) -> list[Evidence]:
    return [_verdict(rung, dual, points, judge) for dual in dict.fromkeys(duals)]


def _verdict(rung: Rung, dual: Dual, points: tuple[Point, ...], judge: Callable[[Dual, Point], float]) -> Evidence:
    claim, worst, at = f"{dual.activation.name}: K, K_dot", float("inf"), points[0]
    silent: dict[str, list[Point]] = {}
    chosen = within(points, float("inf") if dual.reach is None else float(dual.reach))
    beyond = [point for point in chosen if not _visible(dual.activation, point)]
    for point in (point for point in chosen if point not in beyond):
        try:
            digits = judge(dual, point)
        except MissingExtraError as error:
            return Evidence(rung, claim, "skipped", str(error))
        except NdksymError as error:
            silent.setdefault(str(error), []).append(point)
            continue
        if digits < worst:
            worst, at = digits, point
    said = len(chosen) - len(beyond) - sum(map(len, silent.values()))
    detail = f"≥ {worst:.0f} digits at {said} points; fewest at {at}" if said else "no point could be judged"
    for reason, where in silent.items():
        others = f" and {len(where) - 1} more" if len(where) > 1 else ""
        detail += f"; no verdict at {where[0]}{others}: {reason}"
    if beyond:
        detail += f"; no quadrature sees φ at {beyond[0]}" + f" and {len(beyond) - 1} more" * (len(beyond) > 1)
    if worst < DIGITS:
        return Evidence(rung, claim, "refuted" if dual.closed_form else "unknown", detail)
    word: Word = "certified" if rung == "oracle" else "supported"
    if rung == "oracle" and not dual.closed_form:  # nobody promised a ball here; what was found still counts
        return Evidence(rung, claim, word if said else "skipped", detail)
    return Evidence(rung, claim, word if said >= min(ENOUGH, len(chosen) - len(beyond)) else "unknown", detail)


def _visible(act: Activation, point: Point) -> bool:
    """Whether φ is anything at the point, beside what it is where its breaks are: of Max(0, x − 1) at variance 1e-16,
    where K is e^{−5e15}, no quadrature of any number of digits sees more than 0."""
    reach = max((abs(value(tau)) for tau in act.orders), default=mpmath.mpf(0))
    with mpmath.workdps(_GUARD):
        first, second, _ = point.mpf()
        ordinary = _size(act, mpmath.sqrt(1 + reach**2))
        return bool(_size(act, mpmath.sqrt(first)) * _size(act, mpmath.sqrt(second)) > _UNSEEN * ordinary**2)


def _size(act: Activation, norm: Any) -> Any:
    """√(E φ²) at a norm, by order of magnitude."""
    return max(_weighted(act, z, z * norm) for n in range(1, 33) for z in (mpmath.mpf(n) / 2, -mpmath.mpf(n) / 2))


def _weighted(act: Activation, z: Any, u: Any) -> Any:
    try:
        return abs(value(act.expr, {x: u}, digits=_GUARD)) * mpmath.exp(-z * z / 4)
    except NoValueError:
        return mpmath.mpf(0)


def _value(dual: Dual, point: Point) -> tuple[Any, Any]:
    if dual.closed_form:
        return closed_form_values.pair(dual, point.mpf, DIGITS + _GUARD)
    with mpmath.workdps(DIGITS + _GUARD):
        K, K_dot, _ = dual_mp(dual.activation, point.a, point.b, point.c, DIGITS + 3)
    return K, K_dot


def _agreement(one: Any, other: Any) -> float:
    """Digits to which two numbers agree."""
    if one == other or (mpmath.isinf(one) and mpmath.isinf(other)):
        return float(mpmath.mp.dps)
    return float(-mpmath.log10(abs(one - other) / max(abs(one), abs(other))))


def _by_quadrature(dual: Dual, point: Point) -> float:
    if not dual.closed_form:
        return _self_agreement(dual.activation, point)
    with mpmath.workdps(DIGITS + _GUARD):
        K, K_dot, _ = dual_mp(dual.activation, point.a, point.b, point.c, DIGITS + 3)
        exact = closed_form_values.pair(dual, point.mpf, DIGITS + _GUARD)
        both = [_agreement(K, exact[0])]
        if K_dot is not None and not dual.diverges:
            both.append(_agreement(K_dot, exact[1]))
        return min(both)


def _self_agreement(act: Activation, point: Point) -> float:
    """Without a closed form: the quadrature's own measured error, in digits; where they are few it is asked for more."""
    with mpmath.workdps(DIGITS + _GUARD):
        for asked in (DIGITS + 3, DIGITS + 13, 2 * DIGITS):
            K, _, error = dual_mp(act, point.a, point.b, point.c, asked)
            digits = float(mpmath.mp.dps) if not error or not K else float(-mpmath.log10(error / abs(K)))
            if digits >= DIGITS:
                break
        return digits


def _by_ball(dual: Dual, point: Point) -> float:
    """Digits certified: the ball's own where the value lies inside it, none where it does not.

    They are relative to the value, or, where the ball cannot tell it from 0, to what Cauchy–Schwarz allows it to be.
    """
    from ndksym.verify.oracle.balls import dual_ball

    balls = dual_ball(dual.activation, point.a, point.b, point.c, digits=DIGITS + 2)
    values = _value(dual, point)
    digits = float(DIGITS + _GUARD)
    with mpmath.workdps(DIGITS + _GUARD):
        for order, (ball, number) in enumerate(zip(balls, values, strict=True)):
            if ball is None or number is None or mpmath.isinf(number):
                continue
            middle, radius = as_mpf(ball.mid()), as_mpf(ball.rad())
            if abs(number - middle) > radius + abs(number) * mpmath.mpf(10) ** -(DIGITS + 1):
                return 0.0
            size = _largest(dual, point, order) if ball.contains(0) else abs(number)
            if size and radius:
                digits = min(digits, float(-mpmath.log10(radius / size)))
    return digits


def _largest(dual: Dual, point: Point, order: int) -> Any:
    """√(K(a,a,a) K(b,b,b)), or the same of K_dot."""
    alone = (Point(x, x, x) for x in (point.a, point.b))
    return mpmath.sqrt(mpmath.fprod(_value(dual, each)[order] for each in alone))
