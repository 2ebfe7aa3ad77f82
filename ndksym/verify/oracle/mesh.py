"""The domain of the quadrature: its radius and its panels."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy

from ndksym.errors import DivergentKernelError, NotDerivableError
from ndksym.runtime.types import Array
from ndksym.verify.oracle.compiled_pieces import CompiledPieces
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.evaluate import as_arb, constant
from ndksym.verify.oracle.gauss_panels import GaussPanel, ascending, ladder, log_size
from ndksym.verify.oracle.numbers import flint, midpoint, precision

if TYPE_CHECKING:
    from flint import arb

__all__ = ["Profile", "profile", "reach_of", "refine"]

_GRADING = 4.0
"""Largest ratio of the widths of neighbouring panels."""
_WIDEST = 160.0
"""Largest half-width of the domain, in standard deviations."""


class Profile:
    """log |φ| and log |φ′| at scale·x on a grid of x, for the choice of the domain."""

    def __init__(self, phi: CompiledPieces, scale: arb) -> None:
        grid = [0.5 * k for k in range(-2 * int(_WIDEST), 2 * int(_WIDEST) + 1)]
        self.phi, self.scale = phi, scale
        with precision(64):
            edge = flint().arb(_WIDEST)
            points = sorted([flint().arb(x) for x in grid if abs(x) <= 24] + ladder(phi, scale, -edge, edge), key=float)
            self.x = [float(x) for x in points]
            self.rows = self._values(points)

    def _values(self, points: list[arb]) -> list[list[float]]:
        """log |φ| and log |φ′| at scale·points."""
        rows: list[list[float]] = [[], []]
        breaks = [float(tau / self.scale) for tau in self.phi.break_points()]
        pieces: dict[int, list[arb]] = {}
        for x in points:
            pieces.setdefault(bisect_left(breaks, float(x)), []).append(x)
        for piece in sorted(pieces):
            columns = self.phi.programs[piece].run([self.scale * x for x in pieces[piece]])
            for row, column in zip(rows, columns, strict=True):
                row.extend(log_size(v) if v.is_finite() else -math.inf for v in column)
        grid = [float(x) for x in points]
        for k in (k for k, x in enumerate(grid) if x in breaks):  # at a break, the larger value of both sides
            for row in rows:
                row[k] = max(row[max(k - 1, 0) : k + 2])
        return rows

    def levels(self) -> tuple[float, ...]:
        """log max |f(scale·x)| e^{−x²/4} for f = φ, φ′."""
        return tuple(max(v - x * x / 4 for v, x in zip(row, self.x, strict=True)) for row in self.rows)

    def at(self, x: Array, order: int) -> Array:
        """log |φ| (order 0) or log |φ′| (order 1) at scale·x, by linear interpolation."""
        floor = -1e5
        return numpy.asarray(numpy.interp(x, self.x, [max(v, floor) for v in self.rows[order]]))

    def widen(self) -> None:
        """Extend the grid to the largest domain."""
        with precision(64):
            extra = [flint().arb(x) for x in range(24, int(_WIDEST) + 1)]
            rows_low, rows_high = self._values([-x for x in reversed(extra)]), self._values(extra)
            self.x = [-float(x) for x in reversed(extra)] + self.x + [float(x) for x in extra]
            self.rows = [low + row + high for low, row, high in zip(rows_low, self.rows, rows_high, strict=True)]


@lru_cache(maxsize=256)
def profile(phi: CompiledPieces, variance: Fraction) -> Profile:
    """The profile of φ at a variance."""
    return Profile(phi, as_arb(variance).sqrt())


def reach_of(first: Profile, second: Profile, shape: Geometry, digits: int, phi: CompiledPieces) -> float:
    """Radius in (x, z) beyond which φ(u)φ(v) and φ′(u)φ′(v) times the Gaussian are below 10^−digits of their maxima.

    Raises NotDerivableError where it exceeds 150 standard deviations.
    """
    rho, s = float(shape.rho), float(shape.s)
    _check_growth(shape, phi)
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
            raise NotDerivableError(
                "the integrand is largest more than 150 standard deviations from 0; use its closed form"
            )
        first.widen()
        if second is not first:
            second.widen()
        limit = _WIDEST


def _check_growth(shape: Geometry, phi: CompiledPieces) -> None:
    """Raise DivergentKernelError unless E exp(αu² + αv²) < ∞, that is, 1 − 2α·(covariance) is positive definite."""
    if phi.growth == 0:
        return
    alpha = 2 * constant(phi.growth)
    a, b = alpha * shape.p**2, alpha * shape.q**2
    if not (a < 1 and (1 - a) * (1 - b) > a * b * (1 - shape.s**2)):
        raise DivergentKernelError(
            f"E φ(u)φ(v) is infinite: |φ| grows like exp({phi.growth}·x²), too fast for these variances"
        )


def refine(
    panels: tuple[list[GaussPanel], list[GaussPanel]], cuts: list[arb], shape: Geometry, cell: float
) -> list[GaussPanel]:
    """Panels of the outer integral: within those of φ(px), no wider than those of φ(qρx), divided at the cuts, and graded."""
    own, other = panels
    rho = shape.rho
    both = [_Widths(own, flint().arb(1)), *([_Widths(other, rho)] if rho != 0 else [])]
    out: list[GaussPanel] = []
    for piece in sorted({panel.piece for panel in own}):
        inside = [panel for panel in own if panel.piece == piece]
        low, high = inside[0].lo, inside[-1].hi
        marks = sorted((t for t in cuts if low < t < high), key=midpoint)
        edges = ascending([low, *marks, high])
        for lo, hi in itertools.pairwise(edges):
            stack = [GaussPanel(lo, hi, piece)]
            while stack:
                panel = stack.pop()
                wide = float(panel.half) * 2
                allowed = min(cell, *(meshes.least(panel, 0.0) for meshes in both))
                # beside a much finer neighbour, all of a wide panel would be treated as finely as its edge
                allowed = min(allowed, *(_GRADING * meshes.least(panel, wide / 8) for meshes in both))
                if wide <= 1.001 * allowed:
                    out.append(panel)
                else:
                    middle = panel.centre.mid()
                    stack += [GaussPanel(middle, panel.hi, piece), GaussPanel(panel.lo, middle, piece)]
    return out


class _Widths:
    """Widths of the panels [lo, hi]/slope."""

    def __init__(self, panels: list[GaussPanel], slope: arb) -> None:
        ordered = panels if slope > 0 else list(reversed(panels))
        ends = [sorted((float(panel.lo / slope), float(panel.hi / slope))) for panel in ordered]
        self.low = [low for low, _ in ends]
        self.high = [high for _, high in ends]
        self.width = [abs(float(2 * panel.half / slope)) for panel in ordered]

    def least(self, panel: GaussPanel, margin: float) -> float:
        """The least width within `margin` of a panel."""
        low, high = float(panel.lo) - margin, float(panel.hi) + margin
        slack = 1e-9 * (high - low)
        start = max(0, bisect_left(self.high, low + slack))
        least = math.inf
        for k in range(start, len(self.low)):
            if self.low[k] >= high - slack:
                break
            least = min(least, self.width[k])
        return least
