"""h(m) = E[f(q(m + s z))] at many m at once, for f = φ and φ′, by Gauss rules on values of φ alone.

Where φ is smooth on the scale s, a few Gauss–Hermite nodes suffice. Elsewhere the integral is taken on fixed panels, the same for all
m, so φ is evaluated once per node. In units of s, with y = Y + η on a panel around Y and m = P + δ in a block around P,

    exp(−(y − m)²/2) = e^{−(Y−P)²/2} · e^{(Y−P)δ − δ²/2} · e^{ηδ} · e^{−(Y−P)η − η²/2},

and the matrix e^{ηδ} depends on the two widths only, so a pair (block, panel) costs one matrix product. Where φ changes within a
small part of s, there are dozens of narrow panels; these are joined before they are paired.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ndksym.verify.oracle.compiled_pieces import CompiledPieces
from ndksym.verify.oracle.gauss_panels import GaussPanel, dot
from ndksym.verify.oracle.numbers import flint, midpoint
from ndksym.verify.oracle.rules import halves, hermite, legendre

if TYPE_CHECKING:
    from flint import arb

__all__ = ["Block", "Smoother"]

_LARGEST_HERMITE = 36
"""Largest size of a Gauss–Hermite rule."""
_NARROW = 0.25
"""Neighbouring panels are joined up to this half-width, in units of the Gaussian's width."""

NodeValues: TypeAlias = "list[list[arb]]"
"""A list of values for φ and one for φ′."""


@dataclass(frozen=True)
class Block:
    """The points centre + half·t_k at the Gauss–Legendre nodes t_k; the centre alone if half is None."""

    centre: arb
    half: arb | None = None

    def offsets(self, size: int) -> list[arb]:
        """The points relative to the centre."""
        if self.half is None:
            return [flint().arb(0)]
        return [self.half * t for t in legendre(size)[0]]

    @property
    def ends(self) -> tuple[arb, arb]:
        """The least and the largest point, or bounds of them."""
        half = abs(self.half) if self.half is not None else 0
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Smoother:
    """φ(q·) on resolved panels, averaged over a Gaussian of width s. `cell` is the width of the widest panel in units of s."""

    phi: CompiledPieces
    scale: arb
    width: arb
    panels: list[GaussPanel]
    reach: float
    digits: int
    size: int
    cell: float

    def __call__(self, blocks: list[Block], rows: list[NodeValues]) -> tuple[arb, arb]:
        """Σ F h_φ and Σ F′ h_φ′ over all points of all blocks; `rows` holds F and F′ of each block."""
        total, total_dot = flint().arb(0), flint().arb(0)
        shared = []
        for number, (block, row) in enumerate(zip(blocks, rows, strict=True)):
            order = self._order(block)
            if order:
                columns = self._hermite(block, *order)
                total += dot(row[0], columns[0])
                total_dot += dot(row[1], columns[1])
            else:
                shared.append(number)
        value, value_dot = self._shared([blocks[n] for n in shared], [rows[n] for n in shared])
        return total + value, total_dot + value_dot + self._masses(blocks, rows)

    def _masses(self, blocks: list[Block], rows: list[NodeValues]) -> arb:
        """Contribution of the point masses of φ′ to Σ F′ h_φ′: a jump J at τ adds J N(τ; qm, q²s²)."""
        total = flint().arb(0)
        for tau, jump in zip(self.phi.break_points(), self.phi.jump_heights(), strict=True):
            if jump != 0:
                for block, (_, row) in zip(blocks, rows, strict=True):
                    start = (tau / self.scale - block.centre) / self.width
                    steps = [start - t / self.width for t in block.offsets(self.size)]
                    total += jump * dot(row, [(-step * step / 2).exp() for step in steps])
        return total / (self.scale * self.width * (2 * flint().arb.pi()).sqrt())

    def _near(self, block: Block, by: float) -> list[GaussPanel]:
        """The panels within `by` widths of the Gaussian."""
        low, high = block.ends
        low, high = low - self.width * by, high + self.width * by
        return [panel for panel in self.panels if panel.lo < high and panel.hi > low]

    def _order(self, block: Block) -> tuple[int, int] | None:
        """Size of a sufficient Gauss–Hermite rule, and the piece; None where no such rule suffices."""
        around = self._near(block, self.reach)
        if len({panel.piece for panel in around}) != 1:
            return None
        near = self._near(block, 7) or around
        distance = min(float(panel.half / self.width) for panel in near) * 1.3
        for order in range(2, _LARGEST_HERMITE + 1):
            taylor = math.lgamma(order + 1) - 2 * order * math.log(distance)
            strip = distance**2 / 2 - 2 * distance * math.sqrt(order)  # a pole at i·distance, once order > distance²
            if (taylor if order < distance**2 else strip) < -(self.digits + 2) * math.log(10):
                return order, around[0].piece
        return None

    def _hermite(self, block: Block, order: int, piece: int) -> NodeValues:
        """h_φ and h_φ′ at the points of a block by a Gauss–Hermite rule."""
        program = self.phi.programs[piece]
        offsets = block.offsets(self.size)
        if all(program.zero):
            return [[flint().arb(0)] * len(offsets)] * 2
        nodes, weights = hermite(order)
        steps = [self.scale * self.width * t for t in nodes]
        points = [self.scale * (block.centre + t) for t in offsets]
        columns = program.run([point + step for point in points for step in steps])
        cuts = range(0, len(points) * order, order)
        return [[dot(weights, column[i : i + order]) for i in cuts] for column in columns]

    def _shared(self, blocks: list[Block], rows: list[NodeValues]) -> tuple[arb, arb]:
        """Σ F h_φ and Σ F′ h_φ′ over blocks that share panels."""
        total, total_dot = flint().arb(0), flint().arb(0)
        if not blocks:
            return total, total_dot
        cells = self._cells(blocks)
        targets = [self._part(block.centre, block.half, row) for block, row in zip(blocks, rows, strict=True)]
        sources = [self._part(cell.centre, cell.half, self._weighted(cell)) for cell in cells]
        columns = _classes(_joined(sources, self.size))
        for left in _classes(_joined(targets, self.size)):
            for right in columns:
                pairs = [(one, other) for one in left for other in right if one.reaches(other, self.reach)]
                if pairs:
                    value, value_dot = _bilinear(pairs, self.size)
                    total, total_dot = total + value, total_dot + value_dot
        return total, total_dot

    def _part(self, centre: arb, half: arb | None, rows: NodeValues) -> _Part:
        """A block or a panel in units of the Gaussian's width."""
        if half is not None and half < 0:  # ρ < 0 reverses the outer axis
            half, rows = -half, [row[::-1] for row in rows]
        return _Part(centre / self.width, None if half is None else half / self.width, rows)

    def _weighted(self, cell: GaussPanel) -> NodeValues:
        """φ and φ′ at the nodes of a panel, times the quadrature weights."""
        factor = cell.half / self.width / (2 * flint().arb.pi()).sqrt()
        weights = [factor * w for w in legendre(self.size)[1]]
        columns = self.phi.programs[cell.piece].run([self.scale * x for x in cell.nodes(self.size)])
        return [[w * v for w, v in zip(weights, column, strict=True)] for column in columns]

    def _cells(self, blocks: list[Block]) -> list[GaussPanel]:
        """Panels that cover the reach of every block, none wider than `cell`."""
        margin = self.width * self.reach
        merged: list[tuple[arb, arb]] = []
        for low, high in sorted((block.ends for block in blocks), key=lambda ends: float(ends[0])):
            low, high = low - margin, high + margin
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], merged[-1][1].max(high))
            else:
                merged.append((low, high))
        cells: list[GaussPanel] = []
        for low, high in merged:
            for panel in self.panels:
                if panel.lo < high and panel.hi > low and not all(self.phi.programs[panel.piece].zero):
                    cells += self._divide(GaussPanel(panel.lo.max(low), panel.hi.min(high), panel.piece))
        return cells

    def _divide(self, panel: GaussPanel) -> list[GaussPanel]:
        """Equal parts of a panel, none wider than `cell`."""
        count = math.ceil(float((panel.hi - panel.lo) / self.width) / self.cell)
        step = (panel.hi - panel.lo) / max(count, 1)
        return [GaussPanel(panel.lo + step * k, panel.lo + step * (k + 1), panel.piece) for k in range(max(count, 1))]


@dataclass(frozen=True)
class _Part:
    """A block or a panel in units of the Gaussian's width, with the values at its points for φ and φ′."""

    centre: arb
    half: arb | None
    rows: NodeValues

    @property
    def ends(self) -> tuple[arb, arb]:
        """Both ends."""
        half = 0 if self.half is None else self.half
        return self.centre - half, self.centre + half

    def reaches(self, other: _Part, margin: float) -> bool:
        """Whether the other part lies within the margin."""
        (low, high), (low_, high_) = self.ends, other.ends
        return bool(low_ < high + margin and high_ > low - margin)

    def points(self, size: int) -> list[arb]:
        """The points relative to the centre."""
        return [flint().arb(0)] if self.half is None else [self.half * t for t in legendre(size)[0]]


def _joined(parts: list[_Part], size: int) -> list[_Part]:
    """Join neighbours of equal width while they are narrow.

    On the scale of the Gaussian, values at the nodes of the whole represent those at the nodes of both halves.
    """
    slack = flint().arb(2) ** (24 - flint().ctx.prec)
    out: list[_Part] = []
    for part in sorted(parts, key=lambda part: midpoint(part.centre)):
        out.append(part)
        while len(out) > 1:
            one, other = out[-2:]
            if one.half is None or other.half is None or one.half + other.half > _NARROW:
                break
            if abs(one.half / other.half - 1) > slack or abs(other.ends[0] - one.ends[1]) > slack * one.half:
                break
            rows = (
                flint().arb_mat(half.rows) * toward for half, toward in zip((one, other), halves(size), strict=True)
            )
            out[-2:] = [
                _Part(
                    (one.ends[0] + other.ends[1]) / 2,
                    one.half + other.half,
                    sum(rows, flint().arb_mat(2, size)).tolist(),
                )
            ]
    return out


def _bilinear(pairs: list[tuple[_Part, _Part]], size: int) -> list[arb]:
    """Σ over pairs of Σ_kj F_k e^{−(gap + η_j − δ_k)²/2} g_j, for (F, g) and (F′, g′); see the module's docstring."""
    module = flint()
    delta, eta = (part.points(size) for part in pairs[0])
    gaps = [other.centre - one.centre for one, other in pairs]
    sources = module.arb_mat(_tilted([-gap for gap in gaps], eta, [other.rows for _, other in pairs]))
    targets = _tilted(gaps, delta, [one.rows for one, _ in pairs])
    sums = (sources * module.arb_mat(_kernel(delta, eta)).transpose()).tolist()
    totals = [module.arb(0), module.arb(0)]
    for number, gap in enumerate(gaps):
        scale = (-gap * gap / 2).exp()
        for k in (0, 1):
            totals[k] += scale * dot(targets[2 * number + k], sums[2 * number + k])
    return totals


def _tilted(gaps: list[arb], points: list[arb], rows: list[NodeValues]) -> NodeValues:
    """Values times e^{gap·t} at their points t, for φ and φ′ alternately."""
    out: NodeValues = []
    for gap, row in zip(gaps, rows, strict=True):
        tilt = _exponentials(gap, points)
        out += [[r * v for r, v in zip(tilt, column, strict=True)] for column in row]
    return out


def _kernel(delta: list[arb], eta: list[arb]) -> list[list[arb]]:
    """e^{δη − δ²/2 − η²/2} at points symmetric about 0; by symmetry only a quarter is computed."""
    own, other = ([(-t * t / 2).exp() for t in points] for points in (delta, eta))
    rows = []
    for d, w in zip(delta[: (len(delta) + 1) // 2], own, strict=False):
        left, right = [], []
        for e, v in zip(eta[: len(eta) // 2], other, strict=False):
            tilt, weight = (d * e).exp(), w * v
            left.append(weight * tilt)
            right.append(weight / tilt)
        rows.append(left + right[::-1])
    return rows + [row[::-1] for row in reversed(rows[: len(delta) // 2])]


def _exponentials(gap: arb, points: list[arb]) -> list[arb]:
    """exp(gap·t) at points symmetric about 0."""
    half = [(gap * t).exp() for t in points[: (len(points) + 1) // 2]]
    return half + [1 / value for value in reversed(half[: len(points) // 2])]


def _classes(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts grouped by half-width, equal up to rounding; half = None is a group of its own."""
    slack = flint().arb(2) ** (24 - flint().ctx.prec)
    groups: list[list[_Part]] = []
    for part in parts:
        for members in groups:
            half, other = part.half, members[0].half
            if half is other if half is None or other is None else abs(half / other - 1) < slack:
                members.append(part)
                break
        else:
            groups.append([part])
    return groups
