"""Panels on which φ(scale·x) is resolved by its values at Gauss–Legendre nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ndksym.errors import NotDerivableError
from ndksym.verify.oracle.curve import Curve
from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import flint, midpoint
from ndksym.verify.oracle.rules import barycentric, legendre, legendre_tail

__all__ = ["Panel", "ascending", "dot", "ladder", "log_size", "resolve"]

_DEEPEST = 120  # bisections of one panel before giving up
_MOST = 1500  # panels before giving up


@dataclass(frozen=True)
class Panel:
    """[lo, hi] on the standard-normal axis, inside piece `piece` of the activation."""

    lo: Any
    hi: Any
    piece: int

    @property
    def half(self) -> Any:
        return (self.hi - self.lo) / 2

    @property
    def centre(self) -> Any:
        return (self.hi + self.lo) / 2

    def nodes(self, size: int) -> list[Any]:
        """Gauss–Legendre nodes of the panel."""
        centre, half = self.centre, self.half
        return [centre + half * t for t in legendre(size)[0]]


def log_size(value: Any) -> float:
    """log |value| as a float, −inf at zero and inf at nan, whatever the exponent."""
    if not value.is_finite():
        return math.inf
    top = abs(value).upper()
    return float(top.log()) if top > 0 else -math.inf


def resolve(curve: Curve, scale: Any, reach: float, digits: int, size: int, levels: tuple[float, ...]) -> list[Panel]:
    """Cut [−reach, reach] into panels on which φ(scale·x) and φ'(scale·x) are resolved to half of `digits`.

    Half is what is asked of each factor of a product, since the rule integrates to twice its own degree.
    `levels` are log max |f(scale·x)| e^{−x²/4} for f = φ, φ': parts that are small against it need not be resolved.
    """
    edge = flint().arb(reach)
    cuts = [tau / scale for tau in curve.points()]
    task = _Task(curve, scale, size, tuple(level - digits * math.log(10) / 2 for level in levels), [])
    lo = -edge
    for piece in range(len(curve.programs)):
        hi = cuts[piece].max(-edge).min(edge) if piece < len(cuts) else edge
        if hi > lo:
            task.split(Panel(lo, hi, piece), ladder(curve, scale, lo, hi), 0)
            lo = hi
    return task.panels


@dataclass(frozen=True)
class _Task:
    curve: Curve
    scale: Any
    size: int
    bounds: tuple[float, ...]
    panels: list[Panel]

    def split(self, panel: Panel, probes: list[Any], depth: int) -> None:
        if self.resolved(panel, probes):
            self.panels.append(panel)
            return
        if depth == _DEEPEST or len(self.panels) == _MOST:
            raise NotDerivableError(f"the activation is not resolved near {float(panel.centre * self.scale):.6g}")
        middle = panel.centre.mid()
        self.split(Panel(panel.lo, middle, panel.piece), [t for t in probes if t < middle], depth + 1)
        self.split(Panel(middle, panel.hi, panel.piece), [t for t in probes if t > middle], depth + 1)

    def resolved(self, panel: Panel, probes: list[Any]) -> bool:
        program = self.curve.programs[panel.piece]
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


def ladder(curve: Curve, scale: Any, lo: Any, hi: Any) -> list[Any]:
    """Geometric probes around the centres: a narrow feature cannot hide between the nodes of a wide panel."""
    probes = []
    for centre in curve.centres:
        middle = constant(centre)
        steps = [flint().arb(8) ** k for k in range(-7, 40)]
        for x in [(middle + sign * step) / scale for step in steps for sign in (-1, 1)]:
            if lo < x < hi:
                probes.append(x)
    return probes


def dot(left: Iterable[Any], right: Iterable[Any]) -> Any:
    """Σ left·right."""
    total = flint().arb(0)
    for p, q in zip(left, right, strict=True):
        total += p * q
    return total


def _interpolate(nodes: list[Any], values: list[Any], x: Any) -> Any:
    """Barycentric interpolation at the Gauss–Legendre nodes."""
    above = below = flint().arb(0)
    for value, node, weight in zip(values, nodes, barycentric(len(nodes)), strict=True):
        ratio = weight / (x - node)
        above, below = above + ratio * value, below + ratio
    return above / below


def ascending(edges: list[Any]) -> list[Any]:
    """Sorted by exact midpoints, equal neighbours dropped."""
    ordered = sorted(edges, key=midpoint)
    out = ordered[:1]
    for edge in ordered[1:]:
        if edge > out[-1]:
            out.append(edge)
    return out
