"""[0, 1]² in patches on each of which a field of matrices is a short Chebyshev series in both coordinates.

A patch is halved where its series would be long, and where the series misses the field at points drawn between the nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from scipy.fft import dct

from ndksym.runtime.types import Array

LONGEST = 32
"""Most terms in each coordinate, unless the patch is too narrow to be halved."""
_ACROSS = np.array([0.0, 0.5, 1.0])
_NARROWEST, _MOST = 2.0**-20, 400
"""Width of a patch that is not halved any more, and how many patches there may be before none is."""
_CHECKS, _ALLOWED, _ROUNDING = 3, 20.0, 1e-12
"""Points between the nodes at which a patch is tried, and what it may miss there: in tolerances, or of the field."""
_DIGITS = 4e-15
"""Coefficients this small beside the largest are the rounding of the field: no halving makes them smaller."""

Line = Callable[[Array, Array], Array]
"""The field at points (z, w): (points, …)."""


@dataclass(frozen=True)
class Patch:
    """A rectangle, and the terms of the series on it."""

    low: tuple[float, float] = (0.0, 0.0)
    high: tuple[float, float] = (1.0, 1.0)
    terms: tuple[int, int] = (1, 1)

    @property
    def nodes(self) -> tuple[Array, Array]:
        """First-kind Chebyshev points: z and w of each."""
        z, w = (
            low + (high - low) * 0.5 * (1 + chebpts1(n))
            for low, high, n in zip(self.low, self.high, self.terms, strict=True)
        )
        return np.repeat(z, len(w)), np.tile(w, len(z))

    def at(self, z: Array, w: Array) -> tuple[Array, Array]:
        """Points of [0, 1]² in the plane."""
        (a, b), (c, d) = self.low, self.high
        return a + (c - a) * z, b + (d - b) * w

    def holds(self, z: Array, w: Array) -> NDArray[np.bool_]:
        """Which points lie in it; of neighbours the upper one has the edge."""
        (a, b), (c, d) = self.low, self.high
        inside: NDArray[np.bool_] = (z >= a) & ((z < c) | (c == 1.0)) & (w >= b) & ((w < d) | (d == 1.0))
        return inside

    def coefficients(self, values: Array) -> Array:
        """Of the series through values at the nodes, (nodes, k): (k, n_z, n_w)."""
        nodal = values.reshape(*self.terms, -1)
        return np.asarray(np.einsum("aq,qpk,bp->kab", transform(self.terms[0]), nodal, transform(self.terms[1])))

    def evaluated(self, coefficients: Array, z: Array, w: Array) -> Array:
        """The series at points: (points, k)."""
        (a, b), (c, d) = self.low, self.high
        by_z = chebvander(2 * (z - a) / (c - a) - 1, self.terms[0] - 1)
        by_w = chebvander(2 * (w - b) / (d - b) - 1, self.terms[1] - 1)
        basis = (by_z[:, :, None] * by_w[:, None, :]).reshape(len(z), self.terms[0] * self.terms[1])
        out: Array = basis @ coefficients.reshape(len(coefficients), -1).T
        return out

    def halves(self, axis: int) -> list["Patch"]:
        """Cut across one coordinate."""
        middle = 0.5 * (self.low[axis] + self.high[axis])
        low, high = list(self.low), list(self.high)
        low[axis] = high[axis] = middle
        return [Patch(self.low, (high[0], high[1])), Patch((low[0], low[1]), self.high)]

    def narrow(self, axis: int) -> bool:
        """Whether it is too narrow to be halved."""
        return self.high[axis] - self.low[axis] <= _NARROWEST


def divided(few: Line, many: Line, flat: bool, tolerance: float) -> list[tuple[Patch, Array]]:
    """Patches and the field `many`, whose size is about 1, at their nodes: (nodes, …).

    The terms are chosen on the field `few`; `flat`: w does not matter.
    """
    left, found = [Patch()], list[tuple[Patch, Array]]()
    rng = np.random.default_rng(0)
    while left:
        patch = left.pop()
        free = [not patch.narrow(axis) and not (flat and axis) for axis in (0, 1)]
        if len(left) + len(found) >= _MOST:
            free = [False, False]
        terms, axis = _terms(patch, few, flat, free, tolerance)
        if axis is None:
            patch = Patch(patch.low, patch.high, terms)
            values = many(*patch.nodes)
            if not any(free) or _right(patch, values, many, rng, _ALLOWED * tolerance):
                found.append((patch, values))
                continue
            axis = max((n for n in (0, 1) if free[n]), key=lambda n: patch.terms[n])
        left += patch.halves(axis)
    return found


def _terms(
    patch: Patch, field: Line, flat: bool, free: list[bool], allowed: float
) -> tuple[tuple[int, int], int | None]:
    """How many, or the coordinate in which they would be too many."""
    terms = [1, 1]
    for axis in (0, 1):
        if flat and axis:
            continue
        across = _ACROSS[:1] if flat else _ACROSS

        def line(along: Array, axis: int = axis, across: Array = across) -> Array:
            points = np.repeat(along, len(across)), np.tile(across, len(along))
            return field(*patch.at(*(points if axis == 0 else points[::-1]))).reshape(len(along), -1)

        terms[axis] = length(line, LONGEST, allowed)
        if terms[axis] == LONGEST and free[axis]:
            return (1, 1), axis
    return (terms[0], terms[1]), None


def _right(patch: Patch, values: Array, field: Line, rng: np.random.Generator, allowed: float) -> bool:
    """Whether the series is the field at points between the nodes, to what is allowed or to the rounding of the field."""
    z, w = patch.at(*rng.uniform(size=(2, _CHECKS)))
    series = patch.evaluated(patch.coefficients(values.reshape(len(values), -1)), z, w)
    off = np.abs(series - field(z, w).reshape(_CHECKS, -1)).max(initial=0.0)
    return bool(off <= max(allowed, _ROUNDING * max(1.0, np.abs(values).max(initial=0.0))))


def length(line: Callable[[Array], Array], most: int, allowed: float) -> int:
    """Terms of a Chebyshev series that leaves out no more than is allowed, or `most`; the nodes are nested, so each is used."""
    n = 8
    values = line(0.5 * (1 + np.cos(np.pi * np.arange(n + 1) / n))).reshape(n + 1, -1)
    while True:
        series = np.abs(dct(values, type=1, axis=0)).max(axis=1) / n
        long = np.nonzero(series > max(0.1 * allowed, _DIGITS * series.max()))[0]
        needed = int(long[-1]) + 2 if len(long) else 1
        if needed < n or n >= most:
            return min(needed, most)
        n *= 2
        finer = np.empty((n + 1, values.shape[1]))
        finer[::2] = values
        finer[1::2] = line(0.5 * (1 + np.cos(np.pi * np.arange(1, n, 2) / n))).reshape(n // 2, -1)
        values = finer


def transform(n: int) -> Array:
    """Values at first-kind nodes → Chebyshev coefficients."""
    weights = np.full((n, 1), 2 / n)
    weights[0] = 1 / n
    return np.asarray(weights * chebvander(chebpts1(n), n - 1).T, dtype=np.float64)
