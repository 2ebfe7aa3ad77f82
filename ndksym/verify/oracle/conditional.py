"""h(m) = E[f(q(m + s z))] at many m at once, for f = φ and φ', by Gauss rules on values of φ alone.

Where φ is smooth on the scale s, a few Gauss–Hermite nodes do. Elsewhere the integral is taken on fixed panels that
all m share, so φ is evaluated once per node. In units of s, with y = Y + η on a panel around Y and m = P + δ in a
block around P,

    exp(−(y − m)²/2) = e^{−(Y−P)²/2} · e^{(Y−P)δ − δ²/2} · e^{ηδ} · e^{−(Y−P)η − η²/2},

and the matrix e^{ηδ} depends on the two widths only, so a pair (block, panel) costs one matrix product. Where φ changes
within a small part of s there are narrow panels by the dozen; before they are paired, they are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ndksym.verify.oracle.curve import Curve
from ndksym.verify.oracle.numbers import flint, midpoint
from ndksym.verify.oracle.panels import Panel, dot
from ndksym.verify.oracle.rules import halves, hermite, legendre

__all__ = ["Block", "Smoother"]

_LARGEST_HERMITE = 36
_NARROW = 0.25
"""Neighbouring panels that together have no larger half-width, in units of the Gaussian's width, are joined."""

Rows = list[list[Any]]  # one list for φ, one for φ'


@dataclass(frozen=True)
class Block:
    """The points centre + half·t_k at the Gauss–Legendre nodes t_k, or the centre alone when half is None."""

    centre: Any
    half: Any = None

    def offsets(self, size: int) -> list[Any]:
        if self.half is None:
            return [flint().arb(0)]
        return [self.half * t for t in legendre(size)[0]]

    @property
    def ends(self) -> tuple[Any, Any]:
        half = abs(self.half) if self.half is not None else 0
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Smoother:
    """φ(q·) over resolved panels, seen through a Gaussian of width s (in units of the y axis)."""

    curve: Curve
    scale: Any
    width: Any
    panels: list[Panel]
    reach: float
    digits: int
    size: int
    cell: float  # widest panel, in units of the Gaussian's width

    def __call__(self, blocks: list[Block], rows: list[Rows]) -> tuple[Any, Any]:
        """Σ F h_φ and Σ F' h_φ' over all points of all blocks; rows hold the F and F' of each block."""
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

    def _masses(self, blocks: list[Block], rows: list[Rows]) -> Any:
        """Σ F' E[φ' restricted to its point masses]: a jump J at τ adds J N(τ; qm, q²s²)."""
        total = flint().arb(0)
        for tau, jump in zip(self.curve.points(), self.curve.heights(), strict=True):
            if jump != 0:
                for block, (_, row) in zip(blocks, rows, strict=True):
                    start = (tau / self.scale - block.centre) / self.width
                    steps = [start - t / self.width for t in block.offsets(self.size)]
                    total += jump * dot(row, [(-step * step / 2).exp() for step in steps])
        return total / (self.scale * self.width * (2 * flint().arb.pi()).sqrt())

    def _near(self, block: Block, by: float) -> list[Panel]:
        low, high = block.ends
        low, high = low - self.width * by, high + self.width * by
        return [panel for panel in self.panels if panel.lo < high and panel.hi > low]

    def _order(self, block: Block) -> tuple[int, int] | None:
        """Size of the Gauss–Hermite rule and the piece, where such a rule is good enough."""
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

    def _hermite(self, block: Block, order: int, piece: int) -> list[list[Any]]:
        program = self.curve.programs[piece]
        offsets = block.offsets(self.size)
        if all(program.zero):
            return [[flint().arb(0)] * len(offsets)] * 2
        nodes, weights = hermite(order)
        steps = [self.scale * self.width * t for t in nodes]
        points = [self.scale * (block.centre + t) for t in offsets]
        columns = program.run([point + step for point in points for step in steps])
        cuts = range(0, len(points) * order, order)
        return [[dot(weights, column[i : i + order]) for i in cuts] for column in columns]

    def _shared(self, blocks: list[Block], rows: list[Rows]) -> tuple[Any, Any]:
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
                    found = _bilinear(pairs, self.size)
                    total, total_dot = total + found[0], total_dot + found[1]
        return total, total_dot

    def _part(self, centre: Any, half: Any, rows: Rows) -> _Part:
        if half is not None and half < 0:  # ρ < 0 turns the outer axis round
            half, rows = -half, [row[::-1] for row in rows]
        return _Part(centre / self.width, None if half is None else half / self.width, rows)

    def _weighted(self, cell: Panel) -> list[list[Any]]:
        factor = cell.half / self.width / (2 * flint().arb.pi()).sqrt()
        weights = [factor * w for w in legendre(self.size)[1]]
        columns = self.curve.programs[cell.piece].run([self.scale * x for x in cell.nodes(self.size)])
        return [[w * v for w, v in zip(weights, column, strict=True)] for column in columns]

    def _cells(self, blocks: list[Block]) -> list[Panel]:
        """Panels, no wider than the Gaussian allows, that cover the reach of every block."""
        margin = self.width * self.reach
        merged: list[tuple[Any, Any]] = []
        for low, high in sorted((block.ends for block in blocks), key=lambda ends: float(ends[0])):
            low, high = low - margin, high + margin
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], merged[-1][1].max(high))
            else:
                merged.append((low, high))
        cells: list[Panel] = []
        for low, high in merged:
            for panel in self.panels:
                if panel.lo < high and panel.hi > low and not all(self.curve.programs[panel.piece].zero):
                    cells += self._divide(Panel(panel.lo.max(low), panel.hi.min(high), panel.piece))
        return cells

    def _divide(self, panel: Panel) -> list[Panel]:
        count = math.ceil(float((panel.hi - panel.lo) / self.width) / self.cell)
        step = (panel.hi - panel.lo) / max(count, 1)
        return [Panel(panel.lo + step * k, panel.lo + step * (k + 1), panel.piece) for k in range(max(count, 1))]


@dataclass(frozen=True)
class _Part:
    """A block or a panel in units of the Gaussian's width, with what stands at its points for φ and for φ'."""

    centre: Any
    half: Any
    rows: Rows

    @property
    def ends(self) -> tuple[Any, Any]:
        half = 0 if self.half is None else self.half
        return self.centre - half, self.centre + half

    def reaches(self, other: _Part, margin: float) -> bool:
        (low, high), (low_, high_) = self.ends, other.ends
        return bool(low_ < high + margin and high_ > low - margin)

    def points(self, size: int) -> list[Any]:
        """Its points, about its centre."""
        return [flint().arb(0)] if self.half is None else [self.half * t for t in legendre(size)[0]]


def _joined(parts: list[_Part], size: int) -> list[_Part]:
    """Equal neighbours, as bisection left them, made one again while they are narrow: to a Gaussian, values at the nodes
    of the halves are as good as values at the nodes of the whole."""
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


def _bilinear(pairs: list[tuple[_Part, _Part]], size: int) -> list[Any]:
    """Σ over pairs of Σ_kj F_k e^{−(gap + η_j − δ_k)²/2} g_j, for (F, g) and (F', g'), see the head of the file."""
    module = flint()
    delta, eta = (part.points(size) for part in pairs[0])
    gaps = [other.centre - one.centre for one, other in pairs]
    sources = module.arb_mat(_tilted([-gap for gap in gaps], eta, [other.rows for _, other in pairs]))
    targets = _tilted(gaps, delta, [one.rows for one, _ in pairs])
    found = (sources * module.arb_mat(_kernel(delta, eta)).transpose()).tolist()
    totals = [module.arb(0), module.arb(0)]
    for number, gap in enumerate(gaps):
        scale = (-gap * gap / 2).exp()
        for k in (0, 1):
            totals[k] += scale * dot(targets[2 * number + k], found[2 * number + k])
    return totals


def _tilted(gaps: list[Any], points: list[Any], rows: list[Rows]) -> Rows:
    """Each row times e^{gap·t} at its points, φ's and φ′'s in turn."""
    out: Rows = []
    for gap, row in zip(gaps, rows, strict=True):
        tilt = _exponentials(gap, points)
        out += [[r * v for r, v in zip(tilt, column, strict=True)] for column in row]
    return out


def _kernel(delta: list[Any], eta: list[Any]) -> list[list[Any]]:
    """e^{δη − δ²/2 − η²/2} at points symmetric about 0: a quarter is computed, the rest is 1/e^{δη} or equal."""
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


def _exponentials(gap: Any, points: list[Any]) -> list[Any]:
    """exp(gap·t) at points symmetric about 0."""
    half = [(gap * t).exp() for t in points[: (len(points) + 1) // 2]]
    return half + [1 / value for value in reversed(half[: len(points) // 2])]


def _classes(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Parts of equal half (to all the digits at hand), None being a class of its own."""
    slack = flint().arb(2) ** (24 - flint().ctx.prec)
    found: list[list[_Part]] = []
    for part in parts:
        for members in found:
            half, other = part.half, members[0].half
            if (half is None) == (other is None) and (half is None or abs(half / other - 1) < slack):
                members.append(part)
                break
        else:
            found.append([part])
    return found
