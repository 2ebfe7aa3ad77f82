"""Hermite coefficients at small norms, from the Taylor series of φ on either side of 0.

A float64 φ(u) has lost its even part beside φ'(0) u where u is small, and E φ(u) with it; its Taylor coefficients have
not. Nearly orthogonal inputs feel that part alone.
"""

import numpy as np
from numpy.typing import NDArray

from .types import Array, NumericLayer

TERMS = 17
"""Coefficients on either side."""
_NEAR, _LARGEST = 1 / 200, 0.1
"""Norms below this share of the radius of convergence: at 10σ the last term is then 1e-21 of the first."""
_BREAK = 1 / 40
"""And below this share of the next break, which so lies where the density is no number."""


def small(layer: NumericLayer, p: Array) -> NDArray[np.bool_]:
    """The norms at which φ is its Taylor series."""
    sides = layer.origin
    if sides is None:
        return np.zeros(len(p), dtype=bool)
    radius = min(_radius(np.array(side)) for side in sides)
    breaks = [abs(edge) for edge in layer.breaks if edge]
    out: NDArray[np.bool_] = p < min(_LARGEST, _NEAR * radius, _BREAK * min(breaks, default=np.inf))
    return out & any(map(any, sides))


def _radius(coefficients: Array) -> float:
    """Where the last terms of the series are as large as the first."""
    found = np.nonzero(coefficients)[0]
    last = found[found > TERMS - 5]
    if not len(last) or last[0] == found[0]:
        return np.inf
    with np.errstate(over="ignore", under="ignore"):
        return float(np.min(np.abs(coefficients[found[0]] / coefficients[last]) ** (1.0 / (last - found[0]))))


def coefficients(layer: NumericLayer, p: Array, half_moments: Array) -> tuple[Array, Array]:
    """E φ(pz) He_k(z)/√k! and the same of φ' for small norms, (k, norms) each, from `moments`, E[zⁿ He_k(z)/√k!; z > 0]."""
    sides = np.array(layer.origin)
    n = np.arange(1, sides.shape[1])
    return _sum(sides, p, half_moments), _sum(sides[:, 1:] * n, p, half_moments)


def _sum(sides: Array, p: Array, half_moments: Array) -> Array:
    left, right = sides
    n, k = np.arange(len(right))[:, None], np.arange(half_moments.shape[1])
    weights = half_moments[: len(right)] * (right[:, None] + (-1.0) ** (n + k) * left[:, None])
    with np.errstate(under="ignore"):
        out: Array = weights.T @ p**n
    return out
