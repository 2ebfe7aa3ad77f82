"""Hermite coefficients at small norms, from the Taylor series of φ on either side of 0.

At small u a float64 φ(u) has lost its even part beside φ'(0) u, and E φ(u) with it; its Taylor coefficients have not.
The kernel of nearly orthogonal inputs depends on that part alone.
"""

import numpy as np

from .types import Array, Mask, NumericLayer

TERMS = 17
"""Number of coefficients on either side."""
_NEAR, _LARGEST = 1 / 200, 0.1
"""Norms below this share of the radius of convergence are small: at 10 standard deviations the last term is 1e-21 of the
first."""
_BREAK = 1 / 40
"""They must also be below this share of the next break: the normal density there is less than any float64."""


def small(layer: NumericLayer, p: Array) -> Mask:
    """The norms at which φ may be replaced by its Taylor series."""
    sides = layer.origin
    if sides is None:
        return np.zeros(len(p), dtype=bool)
    radius = min(_radius(np.array(side)) for side in sides)
    breaks = [abs(edge) for edge in layer.breaks if edge]
    out: Mask = p < min(_LARGEST, _NEAR * radius, _BREAK * min(breaks, default=np.inf))
    return out & any(map(any, sides))


def _radius(coefficients: Array) -> float:
    """The u at which the last terms of the series are as large as the first."""
    nonzero = np.nonzero(coefficients)[0]
    last = nonzero[nonzero > TERMS - 5]
    if not len(last) or last[0] == nonzero[0]:
        return np.inf
    with np.errstate(over="ignore", under="ignore"):
        ratios = np.abs(coefficients[nonzero[0]] / coefficients[last])
        return float(np.min(ratios ** (1.0 / (last - nonzero[0]))))


def coefficients(layer: NumericLayer, p: Array, half_moments: Array) -> tuple[Array, Array]:
    """E φ(pz) He_k(z)/√k! and the same of φ' for small norms, (k, norms) each.

    `half_moments` are E[zⁿ He_k(z)/√k!; z > 0], (n, k).
    """
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
