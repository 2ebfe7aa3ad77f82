"""The pairs before the first layer: norms, inner products and half-angles of the inputs, each to full relative
precision.

Half-angles of nearly parallel (or opposite) rows come from the difference (or sum) of unit vectors, not from 1 − ρ:
theory §6.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndksym.runtime.types import Array

_NEAR = 0.9
"""Beyond this |ρ|, √(1 − |ρ|) would lose digits."""
_MOST_NUMBERS = 2**22


@dataclass(frozen=True)
class Points:
    """Inputs with the bias as one more coordinate, so that (x·x')/N_0 + β² is one inner product: unit rows and
    norms."""

    rows: Array
    units: Array
    norms: Array


def points(X: Array, bias: float) -> Points:
    """Rows x/√N_0 (with β appended), and their norms and directions."""
    rows = X / np.sqrt(X.shape[1])
    if bias:
        rows = np.hstack([rows, np.full((len(X), 1), bias)])
    largest = np.abs(rows).max(axis=1)
    scale = np.exp2(np.floor(np.log2(np.where(largest > 0, largest, 1.0))))
    scaled = rows / scale[:, None]
    norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
    units = scaled / np.where(norms > 0, norms, 1.0)[:, None]
    return Points(rows, units, norms * scale)


def half_angles(
    first: Points, second: Points, i: NDArray[np.intp], j: NDArray[np.intp], rho: Array
) -> tuple[Array, Array]:
    """sin θ/2 and cos θ/2 of pairs whose cosine is `rho` to rounding."""
    rho = np.clip(rho, -1.0, 1.0)
    s, k = np.sqrt(0.5 * (1 - rho)), np.sqrt(0.5 * (1 + rho))
    near = np.nonzero(np.abs(rho) > _NEAR)[0]
    chunk = max(1, _MOST_NUMBERS // first.units.shape[1])
    for start in range(0, len(near), chunk):
        m = near[start : start + chunk]
        u, v = first.units[i[m]], second.units[j[m]]
        difference, sum_ = 0.5 * np.linalg.norm(u - v, axis=1), 0.5 * np.linalg.norm(u + v, axis=1)
        size = np.hypot(difference, sum_)
        s[m], k[m] = difference / size, sum_ / size
    return s, k
