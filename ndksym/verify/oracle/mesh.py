"""Where the second oracle integrates: how far out, and on which panels."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy

from ndksym.errors import DivergentKernelError, NotDerivableError
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.curve import Curve
from ndksym.verify.oracle.evaluate import as_arb, constant
from ndksym.verify.oracle.numbers import flint, midpoint, precision
from ndksym.verify.oracle.panels import Panel, ascending, ladder, log_size

__all__ = ["Profile", "profile", "reach_of", "refine"]

_GRADING = 4.0  # how many times as wide as its neighbour a panel may be
_WIDEST = 160.0  # half-width of the box, in standard deviations, beyond which a tilt is needed


class Profile:
    """log |φ|, log |φ'| at scale·x over a grid of x, for choosing where to integrate."""

    def __init__(self, line: Curve, scale: Any) -> None:
        grid = [0.5 * k for k in range(-2 * int(_WIDEST), 2 * int(_WIDEST) + 1)]
        self.line, self.scale = line, scale
        with precision(64):
            edge = flint().arb(_WIDEST)
            points = sorted(
                [flint().arb(x) for x in grid if abs(x) <= 24] + ladder(line, scale, -edge, edge), key=float
            )
            self.x = [float(x) for x in points]
            self.rows = self._values(points)

    def _values(self, points: list[Any]) -> list[list[float]]:
        rows: list[list[float]] = [[], []]
        breaks = [float(tau / self.scale) for tau in self.line.points()]
        pieces: dict[int, list[Any]] = {}
        for x in points:
            pieces.setdefault(bisect_left(breaks, float(x)), []).append(x)
        for piece in sorted(pieces):
            columns = self.line.programs[piece].run([self.scale * x for x in pieces[piece]])
            for row, column in zip(rows, columns, strict=True):
                row.extend(log_size(v) if v.is_finite() else -math.inf for v in column)
        grid = [float(x) for x in points]
        for k in (k for k, x in enumerate(grid) if x in breaks):  # a break has the larger of its two sides
            for row in rows:
                row[k] = max(row[max(k - 1, 0) : k + 2])
        return rows

    def levels(self) -> tuple[float, ...]:
        """log max |f(scale·x)| e^{−x²/4} for f = φ, φ'."""
        return tuple(max(v - x * x / 4 for v, x in zip(row, self.x, strict=True)) for row in self.rows)

    def at(self, x: Any, order: int) -> Any:
        floor = -1e5
        return numpy.interp(x, self.x, [max(v, floor) for v in self.rows[order]])

    def widen(self) -> None:
        """Extend the grid to the widest box."""
        with precision(64):
            extra = [flint().arb(x) for x in range(24, int(_WIDEST) + 1)]
            rows_low, rows_high = self._values([-x for x in reversed(extra)]), self._values(extra)
            self.x = [-float(x) for x in reversed(extra)] + self.x + [float(x) for x in extra]
            self.rows = [low + row + high for low, row, high in zip(rows_low, self.rows, rows_high, strict=True)]


@lru_cache(maxsize=256)
def profile(line: Curve, variance: Fraction) -> Profile:
    return Profile(line, as_arb(variance).sqrt())


def reach_of(first: Profile, second: Profile, shape: Geometry, digits: int, line: Curve) -> float:
    """Radius in (x, z) beyond which φφ'·Gaussian is below 10^−digits of its maximum."""
    rho, s = float(shape.rho), float(shape.s)
    _check_growth(shape, line)
    angles = numpy.linspace(0, 2 * numpy.pi, 96, endpoint=False)
    limit = 24.0
    while True:
        radii = numpy.arange(0, limit + 0.25, 0.5)
        x = radii[:, None] * numpy.cos(angles)
        y = rho * x + s * radii[:, None] * numpy.sin(angles)
        radius = 0.0
        for order in (0, 1):
            size = first.at(x, order) + second.at(y, order) - radii[:, None] ** 2 / 2
            ring = size.max(axis=1)
            alive = numpy.nonzero(ring > ring.max() - (digits + 2) * math.log(10))[0]
            radius = max(radius, float(radii[alive[-1]]) + 0.5)
        if radius < limit - 1:
            return radius
        if limit == _WIDEST:
            raise NotDerivableError("the integrand lives more than 150 standard deviations out: use its closed form")
        first.widen()
        if second is not first:
            second.widen()
        limit = _WIDEST


def _check_growth(shape: Geometry, line: Curve) -> None:
    """E exp(αu² + αv²) < ∞ asks for 1 − 2α·(covariance) to be positive definite."""
    if line.growth == 0:
        return
    alpha = 2 * constant(line.growth)
    a, b = alpha * shape.p**2, alpha * shape.q**2
    if not (a < 1 and (1 - a) * (1 - b) > a * b * (1 - shape.s**2)):
        raise DivergentKernelError(
            f"E φ(u)φ(v) is infinite: |φ| grows like exp({line.growth}·x²), too fast for these variances"
        )


def refine(panels: tuple[list[Panel], list[Panel]], cuts: list[Any], shape: Geometry, cell: float) -> list[Panel]:
    """Panels of the outer integral: inside those of φ(px), as fine as those of φ(qρx) and the given cuts, and graded."""
    own, other = panels
    rho = shape.rho
    both = [_Widths(own, flint().arb(1)), *([_Widths(other, rho)] if rho != 0 else [])]
    out: list[Panel] = []
    for piece in sorted({panel.piece for panel in own}):
        inside = [panel for panel in own if panel.piece == piece]
        low, high = inside[0].lo, inside[-1].hi
        marks = sorted((t for t in cuts if low < t < high), key=midpoint)
        edges = ascending([low, *marks, high])
        for lo, hi in itertools.pairwise(edges):
            stack = [Panel(lo, hi, piece)]
            while stack:
                panel = stack.pop()
                wide = float(panel.half) * 2
                allowed = min(cell, *(meshes.least(panel, 0.0) for meshes in both))
                # beside a much finer neighbour the whole of a wide panel would be smoothed as finely as its edge
                allowed = min(allowed, *(_GRADING * meshes.least(panel, wide / 8) for meshes in both))
                if wide <= 1.001 * allowed:
                    out.append(panel)
                else:
                    middle = panel.centre.mid()
                    stack += [Panel(middle, panel.hi, piece), Panel(panel.lo, middle, piece)]
    return out


class _Widths:
    """Least width of the panels [lo, hi]/slope that meet a given panel, or come nearer to it than `margin`."""

    def __init__(self, panels: list[Panel], slope: Any) -> None:
        ordered = panels if slope > 0 else list(reversed(panels))
        ends = [sorted((float(panel.lo / slope), float(panel.hi / slope))) for panel in ordered]
        self.low = [low for low, _ in ends]
        self.high = [high for _, high in ends]
        self.width = [abs(float(2 * panel.half / slope)) for panel in ordered]

    def least(self, panel: Panel, margin: float) -> float:
        low, high = float(panel.lo) - margin, float(panel.hi) + margin
        slack = 1e-9 * (high - low)
        start = max(0, bisect_left(self.high, low + slack))
        least = math.inf
        for k in range(start, len(self.low)):
            if self.low[k] >= high - slack:
                break
            least = min(least, self.width[k])
        return least
