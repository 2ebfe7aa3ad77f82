"""Panels on which the values of φ(scale·x) at Gauss–Legendre nodes determine it to the digits needed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ndksym.errors import NotDerivableError
from ndksym.verify.oracle.compiled_pieces import CompiledPieces
from ndksym.verify.oracle.evaluate import Ball, constant
from ndksym.verify.oracle.numbers import flint, midpoint
from ndksym.verify.oracle.rules import barycentric, legendre, legendre_tail

if TYPE_CHECKING:
    from flint import arb

__all__ = ["GaussPanel", "ascending", "dot", "ladder", "log_size", "resolve"]

_DEEPEST = 120
"""Largest number of bisections of one panel."""
_MOST = 1500
"""Largest number of panels."""


@dataclass(frozen=True)
class GaussPanel:
    """[lo, hi] on the standard-normal axis, within piece number `piece` of the activation."""

    lo: arb
    hi: arb
    piece: int

    @property
    def half(self) -> arb:
        """Half the width."""
        return (self.hi - self.lo) / 2

    @property
    def centre(self) -> arb:
        """The middle."""
        return (self.hi + self.lo) / 2

    def nodes(self, size: int) -> list[arb]:
        """Gauss–Legendre nodes of the panel."""
        centre, half = self.centre, self.half
        return [centre + half * t for t in legendre(size)[0]]


def log_size(value: Ball) -> float:
    """log |value| as a float, for any exponent: −inf for 0, inf for nan."""
    if not value.is_finite():
        return math.inf
    top = abs(value).upper()
    return float(top.log()) if top > 0 else -math.inf


def resolve(
    phi: CompiledPieces, scale: arb, reach: float, digits: int, size: int, levels: tuple[float, ...]
) -> list[GaussPanel]:
    """Divide [−reach, reach] into panels on which φ(scale·x) and φ′(scale·x) are resolved to half of `digits`.

    Half suffices for each factor of a product, since a Gauss rule is exact to twice the degree of its interpolant. `levels` are
    log max |f(scale·x)| e^{−x²/4} for f = φ, φ′: parts that are small compared with these need not be resolved.
    """
    edge = flint().arb(reach)
    cuts = [tau / scale for tau in phi.break_points()]
    subdivision = _Subdivision(phi, scale, size, tuple(level - digits * math.log(10) / 2 for level in levels), [])
    lo = -edge
    for piece in range(len(phi.programs)):
        hi = cuts[piece].max(-edge).min(edge) if piece < len(cuts) else edge
        if hi > lo:
            subdivision.split(GaussPanel(lo, hi, piece), ladder(phi, scale, lo, hi), 0)
            lo = hi
    return subdivision.panels


@dataclass(frozen=True)
class _Subdivision:
    """Bisection of panels until they are resolved; `bounds` are logarithms of the allowed errors of φ and φ′."""

    phi: CompiledPieces
    scale: arb
    size: int
    bounds: tuple[float, ...]
    panels: list[GaussPanel]

    def split(self, panel: GaussPanel, probes: list[arb], depth: int) -> None:
        """Add the panel, or its halves, to `panels`."""
        if self.resolved(panel, probes):
            self.panels.append(panel)
            return
        if depth == _DEEPEST or len(self.panels) == _MOST:
            raise NotDerivableError(
                f"quadrature does not resolve the activation near {float(panel.centre * self.scale):.6g}"
            )
        middle = panel.centre.mid()
        self.split(GaussPanel(panel.lo, middle, panel.piece), [t for t in probes if t < middle], depth + 1)
        self.split(GaussPanel(middle, panel.hi, panel.piece), [t for t in probes if t > middle], depth + 1)

    def resolved(self, panel: GaussPanel, probes: list[arb]) -> bool:
        """Whether the last Legendre coefficients, and the interpolation errors of φ at the probes, are small enough."""
        program = self.phi.programs[panel.piece]
        if all(program.zero):
            return True
        nodes = panel.nodes(self.size)
        columns = program.run([self.scale * x for x in nodes + probes])
        low, high = float(panel.lo), float(panel.hi)
        relief = 0.0 if low <= 0 <= high else min(low * low, high * high) / 4
        for bound, column in zip(self.bounds, columns, strict=True):
            values = column[: self.size]
            for row in legendre_tail(self.size):
                if log_size(dot(row, values).mid()) > bound + relief:
                    return False
        values = columns[0][: self.size]
        return all(
            log_size((_interpolate(nodes, values, x) - value).mid()) <= self.bounds[0] + relief + 4
            for x, value in zip(probes, columns[0][self.size :], strict=True)
        )


def ladder(phi: CompiledPieces, scale: arb, lo: arb, hi: arb) -> list[arb]:
    """Points at geometric distances from the centres of φ, so that no narrow feature between the nodes of a wide panel is missed."""
    probes = []
    for centre in phi.centres:
        middle = constant(centre)
        steps = [flint().arb(8) ** k for k in range(-7, 40)]
        for x in [(middle + sign * step) / scale for step in steps for sign in (-1, 1)]:
            if lo < x < hi:
                probes.append(x)
    return probes


def dot(left: Iterable[Any], right: Iterable[Any]) -> arb:
    """Σ left·right of real balls."""
    total = flint().arb(0)
    for p, q in zip(left, right, strict=True):
        total += p * q
    return total


def _interpolate(nodes: list[arb], values: list[Any], x: arb) -> arb:
    """Barycentric interpolation at the Gauss–Legendre nodes."""
    above = below = flint().arb(0)
    for value, node, weight in zip(values, nodes, barycentric(len(nodes)), strict=True):
        ratio = weight / (x - node)
        above, below = above + ratio * value, below + ratio
    return above / below


def ascending(edges: list[arb]) -> list[arb]:
    """The edges sorted by exact midpoints, without duplicates."""
    ordered = sorted(edges, key=midpoint)
    out = ordered[:1]
    for edge in ordered[1:]:
        if edge > out[-1]:
            out.append(edge)
    return out
