"""Rungs 2 and 3: values of a dual kernel against quadrature of φ, and against certified balls."""

from collections.abc import Callable, Sequence

import mpmath
from mpmath import mpf

from ndksym.activation.activation import Activation
from ndksym.activation.values import value
from ndksym.errors import MissingExtraError, NdksymError, NoValueError
from ndksym.kernels.dual import Dual
from ndksym.symbols import x
from ndksym.verify import closed_form_values
from ndksym.verify.evidence import Evidence, Rung, VerdictWord
from ndksym.verify.oracle.numbers import as_mpf
from ndksym.verify.oracle.quadrature import dual_mp
from ndksym.verify.points import Point, within

DIGITS = 30
ENOUGH = 20
"""Least number of points with a verdict, or all points if they are fewer."""
_GUARD = 8
_UNSEEN = mpf(10) ** -120
"""Least E φ(u)² E φ(v)² that quadrature can resolve, relative to that at ordinary variances."""


def precise(duals: Sequence[Dual], points: tuple[Point, ...]) -> list[Evidence]:
    """Compare the closed form with quadrature of the activation, to 30 digits at every point."""
    return _rung("precise", duals, points, _by_quadrature)


def certified(duals: Sequence[Dual], points: tuple[Point, ...]) -> list[Evidence]:
    """Check that the closed form, or without one the quadrature, lies in an Arb ball of relative radius ≤ 1e-30."""
    return _rung("oracle", duals, points, _by_ball)


def _rung(
    rung: Rung, duals: Sequence[Dual], points: tuple[Point, ...], judge: Callable[[Dual, Point], float]
) -> list[Evidence]:
    return [_verdict(rung, dual, points, judge) for dual in dict.fromkeys(duals)]


def _verdict(rung: Rung, dual: Dual, points: tuple[Point, ...], judge: Callable[[Dual, Point], float]) -> Evidence:
    claim, worst, at = f"{dual.activation.name}: K, K_dot", float("inf"), points[0]
    without_verdict: dict[str, list[Point]] = {}
    chosen = within(points, float("inf") if dual.reach is None else float(dual.reach))
    invisible = [point for point in chosen if not _visible(dual.activation, point)]
    for point in (point for point in chosen if point not in invisible):
        try:
            digits = judge(dual, point)
        except MissingExtraError as error:
            return Evidence(rung, claim, "skipped", str(error))
        except NdksymError as error:
            without_verdict.setdefault(str(error), []).append(point)
            continue
        if digits < worst:
            worst, at = digits, point
    judged = len(chosen) - len(invisible) - sum(map(len, without_verdict.values()))
    detail = f"≥ {worst:.0f} digits at {judged} points; fewest at {at}" if judged else "no point could be judged"
    for reason, where in without_verdict.items():
        others = f" and {len(where) - 1} more" if len(where) > 1 else ""
        detail += f"; no verdict at {where[0]}{others}: {reason}"
    if invisible:
        detail += f"; quadrature cannot resolve φ at {invisible[0]}" + f" and {len(invisible) - 1} more" * (
            len(invisible) > 1
        )
    if worst < DIGITS:
        return Evidence(rung, claim, "refuted" if dual.closed_form else "unknown", detail)
    word: VerdictWord = "certified" if rung == "oracle" else "supported"
    if rung == "oracle" and not dual.closed_form:  # without a closed form, points without a ball are no failure
        return Evidence(rung, claim, word if judged else "skipped", detail)
    return Evidence(rung, claim, word if judged >= min(ENOUGH, len(chosen) - len(invisible)) else "unknown", detail)


def _visible(act: Activation, point: Point) -> bool:
    """Whether quadrature can resolve φ at the point, compared with variances near its breaks.

    For Max(0, x − 1) at variance 1e-16, K is e^{−5e15}, and quadrature of any number of digits gives 0.
    """
    reach = max((abs(value(tau)) for tau in act.orders), default=mpf(0))
    with mpmath.workdps(_GUARD):
        first, second, _ = point.mpf()
        ordinary = _size(act, mpmath.sqrt(1 + reach**2))
        return bool(_size(act, mpmath.sqrt(first)) * _size(act, mpmath.sqrt(second)) > _UNSEEN * ordinary**2)


def _size(act: Activation, norm: mpf) -> mpf:
    """Order of magnitude of √(E φ²) at a norm."""
    return max(_weighted(act, z, z * norm) for n in range(1, 33) for z in (mpf(n) / 2, -mpf(n) / 2))


def _weighted(act: Activation, z: mpf, u: mpf) -> mpf:
    """|φ(u)| times the square root of the Gaussian weight of z; 0 where φ has no value."""
    try:
        return abs(value(act.expr, {x: u}, digits=_GUARD)) * mpmath.exp(-z * z / 4)
    except NoValueError:
        return mpf(0)


def _value(dual: Dual, point: Point) -> tuple[mpf, mpf | None]:
    """K and K_dot by the closed form or, without one, by quadrature."""
    if dual.closed_form:
        return closed_form_values.pair(dual, point.mpf, DIGITS + _GUARD)
    with mpmath.workdps(DIGITS + _GUARD):
        K, K_dot, _ = dual_mp(dual.activation, point.a, point.b, point.c, DIGITS + 3)
    return K, K_dot


def _agreement(one: mpf, other: mpf) -> float:
    """Digits to which two numbers agree."""
    if one == other or (mpmath.isinf(one) and mpmath.isinf(other)):
        return float(mpmath.mp.dps)
    return float(-mpmath.log10(abs(one - other) / max(abs(one), abs(other))))


def _by_quadrature(dual: Dual, point: Point) -> float:
    """Digits to which closed form and quadrature agree; without a closed form, those of the quadrature itself."""
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
    """Digits of the quadrature by its own error estimate, with more working digits where they are too few."""
    with mpmath.workdps(DIGITS + _GUARD):
        for wanted in (DIGITS + 3, DIGITS + 13, 2 * DIGITS):
            K, _, error = dual_mp(act, point.a, point.b, point.c, wanted)
            digits = float(mpmath.mp.dps) if not error or not K else float(-mpmath.log10(error / abs(K)))
            if digits >= DIGITS:
                break
        return digits


def _by_ball(dual: Dual, point: Point) -> float:
    """Certified digits: those of the ball where the value lies inside it, 0 where it does not.

    They are relative to the value or, where the ball contains 0, to its Cauchy–Schwarz bound.
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
            size = _largest(dual, point, order) if ball.contains(0) else abs(number)
            if abs(number - middle) > radius + size * mpf(10) ** -(DIGITS + 1):
                return 0.0
            if size and radius:
                digits = min(digits, float(-mpmath.log10(radius / size)))
    return digits


def _largest(dual: Dual, point: Point, order: int) -> mpf:
    """√(K(a,a,a) K(b,b,b)), the Cauchy–Schwarz bound of |K|, or that of |K_dot|."""
    alone = (Point(x, x, x) for x in (point.a, point.b))
    return mpmath.sqrt(mpmath.fprod(_value(dual, each)[order] for each in alone))
