"""Where a dual kernel is put to the test: ordinary points, and those that have broken formulas before (theory.md,
"Coincident inputs")."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath


@dataclass(frozen=True)
class Point:
    """Variances a, b and covariance c, exact."""

    a: Fraction
    b: Fraction
    c: Fraction

    def mpf(self) -> tuple[Any, Any, Any]:
        """a, b, c at the working precision."""
        return tuple(mpmath.mpf(x.numerator) / x.denominator for x in (self.a, self.b, self.c))

    def __str__(self) -> str:
        return f"a={float(self.a):.3g} b={float(self.b):.3g} ρ={float(self.c) / float(self.a * self.b) ** 0.5:+.17g}"


def _at(p: str, q: str, rho: str) -> Point:
    """The point with norms p, q and correlation rho, all exact decimals."""
    first, second = Fraction(p), Fraction(q)
    return Point(first**2, second**2, Fraction(rho) * first * second)


def _near_one(p: str, q: str, digits: int, sign: int = 1) -> Point:
    """The same with |ρ| = 1 − 10^−digits."""
    first, second = Fraction(p), Fraction(q)
    return Point(first**2, second**2, sign * (1 - Fraction(1, 10**digits)) * first * second)


ORDINARY = (
    _at("1", "1", "0.5"),
    _at("1", "1", "-0.3"),
    _at("1.5", "0.7", "0.8"),
    _at("0.2", "2.1", "-0.6"),
    _at("3", "2", "0.1"),
    _at("0.9", "1.1", "0.99"),
)
ADVERSARIAL = (
    _at("1", "1", "0"),
    _at("1", "2", "1e-30"),
    _at("1.2", "0.7", "-1e-12"),
    _near_one("1", "1", 4),
    _near_one("1", "1", 16),
    _near_one("2", "0.5", 10),
    _near_one("1", "1", 8, -1),
    _near_one("0.6", "1.7", 16, -1),
    _at("1.3", "1.3", "1"),
    _at("1", "2", "1"),
    _at("1.1", "0.4", "-1"),
    _at("1e-8", "1e-8", "0.6"),
    _at("1e-8", "1e-8", "-0.9"),
    _at("1e-4", "3", "0.4"),
    _at("1e3", "1e3", "0.7"),
    _at("1e4", "2e4", "-0.2"),
    _at("1e-6", "1e4", "0.5"),
    _near_one("1e3", "1e3", 12),
)
EVERYWHERE = ORDINARY + ADVERSARIAL
QUICK = (ORDINARY[0], ORDINARY[2], ORDINARY[3], ADVERSARIAL[4])


def within(points: tuple[Point, ...], reach: float) -> tuple[Point, ...]:
    """The points at which a kernel that is finite only below variance `reach` is finite; rescaled into it where they
    are not."""
    if reach == float("inf"):
        return points
    bound = Fraction(reach).limit_denominator(10**6) * Fraction(9, 10)
    scaled = []
    for point in points:
        shrink = min(Fraction(1), bound / max(point.a, point.b))
        scaled.append(Point(point.a * shrink, point.b * shrink, point.c * shrink))
    return tuple(scaled)
