"""[0, 1]² divided into patches, on each of which a matrix-valued function is a short Chebyshev series in both coordinates.

A patch is halved where its series would be long, and where the series is wrong at random points between the nodes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from scipy.fft import dct

from ndksym.runtime.types import Array

LONGEST = 32
"""Largest number of terms in each coordinate, unless the patch is too narrow to be halved."""
_ACROSS = np.array([0.0, 0.5, 1.0])
_NARROWEST, _MOST = 2.0**-20, 400
"""Width below which a patch is not halved, and the number of patches from which on none is halved."""
_CHECKS, _ALLOWED, _ROUNDING = 3, 20.0, 1e-12
"""Number of points between the nodes at which a series is tested, and its allowed error: in tolerances, or relative."""
_DIGITS = 4e-15
"""Coefficients this small relative to the largest are rounding errors of the function; halving does not reduce them."""

MatrixFunction = Callable[[Array, Array], Array]
"""The function at points (z, w): (points, …)."""


@dataclass(frozen=True)
class Patch:
    """A rectangle, and the numbers of terms of the series on it."""

    low: tuple[float, float] = (0.0, 0.0)
    high: tuple[float, float] = (1.0, 1.0)
    terms: tuple[int, int] = (1, 1)

    @property
    def nodes(self) -> tuple[Array, Array]:
        """z and w of each Chebyshev point of the first kind."""
        z, w = (
            low + (high - low) * 0.5 * (1 + chebpts1(n))
            for low, high, n in zip(self.low, self.high, self.terms, strict=True)
        )
        return np.repeat(z, len(w)), np.tile(w, len(z))

    def at(self, z: Array, w: Array) -> tuple[Array, Array]:
        """Points of [0, 1]² mapped into the patch."""
        (a, b), (c, d) = self.low, self.high
        return a + (c - a) * z, b + (d - b) * w

    def holds(self, z: Array, w: Array) -> NDArray[np.bool_]:
        """Whether each point lies in the patch; an edge between two patches belongs to the upper one."""
        (a, b), (c, d) = self.low, self.high
        inside: NDArray[np.bool_] = (z >= a) & ((z < c) | (c == 1.0)) & (w >= b) & ((w < d) | (d == 1.0))
        return inside

    def coefficients(self, values: Array) -> Array:
        """Coefficients (k, n_z, n_w) of the series through the values at the nodes, (nodes, k)."""
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
        """The two halves of the patch, cut across one coordinate."""
        middle = 0.5 * (self.low[axis] + self.high[axis])
        low, high = list(self.low), list(self.high)
        low[axis] = high[axis] = middle
        return [Patch(self.low, (high[0], high[1])), Patch((low[0], low[1]), self.high)]

    def narrow(self, axis: int) -> bool:
        """Whether the patch is too narrow to be halved."""
        return self.high[axis] - self.low[axis] <= _NARROWEST


def divided(few: MatrixFunction, many: MatrixFunction, flat: bool, tolerance: float) -> list[tuple[Patch, Array]]:
    """Patches, and the function `many` at their nodes: (nodes, …). Its size must be about 1.

    The numbers of terms are chosen on the function `few`, which has fewer entries. `flat` means that w does not matter.
    """
    waiting, accepted = [Patch()], list[tuple[Patch, Array]]()
    rng = np.random.default_rng(0)
    while waiting:
        patch = waiting.pop()
        free = [not patch.narrow(axis) and not (flat and axis) for axis in (0, 1)]
        if len(waiting) + len(accepted) >= _MOST:
            free = [False, False]
        terms, axis = _terms(patch, few, flat, free, tolerance)
        if axis is None:
            patch = Patch(patch.low, patch.high, terms)
            values = many(*patch.nodes)
            if not any(free) or _accurate(patch, values, many, rng, _ALLOWED * tolerance):
                accepted.append((patch, values))
                continue
            axis = max((n for n in (0, 1) if free[n]), key=lambda n: patch.terms[n])
        waiting += patch.halves(axis)
    return accepted


def _terms(
    patch: Patch, function: MatrixFunction, flat: bool, free: list[bool], allowed: float
) -> tuple[tuple[int, int], int | None]:
    """The numbers of terms, or the coordinate in which there would be too many."""
    terms = [1, 1]
    for axis in (0, 1):
        if flat and axis:
            continue
        across = _ACROSS[:1] if flat else _ACROSS

        def line(along: Array, axis: int = axis, across: Array = across) -> Array:
            points = np.repeat(along, len(across)), np.tile(across, len(along))
            return function(*patch.at(*(points if axis == 0 else points[::-1]))).reshape(len(along), -1)

        terms[axis] = length(line, LONGEST, allowed)
        if terms[axis] == LONGEST and free[axis]:
            return (1, 1), axis
    return (terms[0], terms[1]), None


def _accurate(patch: Patch, values: Array, function: MatrixFunction, rng: np.random.Generator, allowed: float) -> bool:
    """Whether the series agrees with the function at points between the nodes, to `allowed` or to the function's rounding."""
    z, w = patch.at(*rng.uniform(size=(2, _CHECKS)))
    series = patch.evaluated(patch.coefficients(values.reshape(len(values), -1)), z, w)
    error = np.abs(series - function(z, w).reshape(_CHECKS, -1)).max(initial=0.0)
    return bool(error <= max(allowed, _ROUNDING * max(1.0, np.abs(values).max(initial=0.0))))


def length(line: Callable[[Array], Array], most: int, allowed: float) -> int:
    """Number of terms of a Chebyshev series whose remainder is at most `allowed`, or `most`; the nodes are nested."""
    n = 8
    values = line(0.5 * (1 + np.cos(np.pi * np.arange(n + 1) / n))).reshape(n + 1, -1)
    while True:
        series = np.abs(dct(values, type=1, axis=0)).max(axis=1) / n
        large = np.nonzero(series > max(0.1 * allowed, _DIGITS * series.max()))[0]
        needed = int(large[-1]) + 2 if len(large) else 1
        if needed < n or n >= most:
            return min(needed, most)
        n *= 2
        finer = np.empty((n + 1, values.shape[1]))
        finer[::2] = values
        finer[1::2] = line(0.5 * (1 + np.cos(np.pi * np.arange(1, n, 2) / n))).reshape(n // 2, -1)
        values = finer


def transform(n: int) -> Array:
    """Matrix from values at the n Chebyshev points of the first kind to Chebyshev coefficients."""
    weights = np.full((n, 1), 2 / n)
    weights[0] = 1 / n
    return np.asarray(weights * chebvander(chebpts1(n), n - 1).T, dtype=np.float64)
