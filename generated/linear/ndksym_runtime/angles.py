"""The pairs before the first layer: norms, inner products and half-angles of the inputs, each to full relative precision.

Half-angles of nearly parallel (or opposite) rows are computed from the difference (or sum) of unit vectors. Computing
them from 1 − ρ would lose digits (theory §6).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .types import Array, Indices, Mask
from .wide import Wide, scaled

_NEAR = 0.9
"""Above this |ρ|, √(1 − |ρ|) loses digits."""
_CLOSE = 0.999
"""Above this |ρ|, rounding the unit vectors loses digits; the part of one row orthogonal to the other is formed exactly."""
_SPLIT = 2.0**27 + 1
_MOST_NUMBERS = 2**22
SMALLEST, LARGEST = 1e-290, 1e290
"""Range of second moments in which they, and so the norms, have all their digits."""


@dataclass(frozen=True)
class Inputs:
    """Rows of inputs, with the bias as one more coordinate: x·x'/N_0 + β² is then one inner product.

    `exact` holds the rows √N_0 times as long and divided by 2^`exponents`, that is, without rounding.
    `squared_norms` are |x|²/N_0 + β²; a polynomial activation of degree n raises their relative error to the n^L-th
    power. `norms` are their roots; they are numbers even where the squares leave the range of float64.
    """

    rows: Array
    exact: Array
    exponents: NDArray[np.int64]
    units: Array
    squared_norms: Array
    norms: Array
    width: int

    def tiled(self, count: int) -> tuple[Array, Array]:
        """Squared norms and norms, repeated `count` times."""
        return np.tile(self.squared_norms, count), np.tile(self.norms, count)


def inputs(X: Array, bias: float) -> Inputs:
    """The rows x/√N_0 (with β appended), their norms and directions."""
    width = np.sqrt(X.shape[1])
    given = np.hstack([X, np.full((len(X), 1), bias * width)]) if bias else X
    largest = np.abs(given).max(axis=1)
    exponents = np.frexp(np.where(largest > 0, largest, 1.0))[1].astype(np.int64) - 1
    scale = np.ldexp(1.0, exponents)
    scaled = given / scale[:, None]
    lengths = np.linalg.norm(scaled, axis=1)
    units = scaled / np.where(lengths > 0, lengths, 1.0)[:, None]
    rows = np.hstack([X / width, np.full((len(X), 1), bias)]) if bias else X / width
    alone = scaled[:, : X.shape[1]]
    squares = np.hstack([alone * alone, _product_error(alone * alone, alone, alone)])
    without_bias = np.array([math.fsum(row) for row in squares.tolist()]) / X.shape[1]
    with np.errstate(over="ignore", under="ignore"):
        squared_norms = without_bias * scale * scale + bias * bias
    usual = (squared_norms > SMALLEST) & (squared_norms < LARGEST)
    norms = np.where(usual, np.sqrt(squared_norms), np.hypot(np.sqrt(without_bias) * scale, bias))
    return Inputs(rows, scaled, exponents, units, squared_norms, norms, X.shape[1])


def inner_products(first: Inputs, second: Inputs, i: Indices, j: Indices) -> Wide:
    """x_i·x_j/N_0 (+ β²) of rows of any size."""
    m = np.einsum("nj,nj->n", first.exact[i], second.exact[j]) / first.width
    return scaled(m, first.exponents[i] + second.exponents[j])


def half_angles(first: Inputs, second: Inputs, i: Indices, j: Indices, rho: Array) -> tuple[Array, Array]:
    """sin θ/2 and cos θ/2 of pairs whose cosine is `rho`, up to rounding."""
    rho = np.clip(rho, -1.0, 1.0)
    s, k = np.sqrt(0.5 * (1 - rho)), np.sqrt(0.5 * (1 + rho))
    size = np.abs(rho)
    chunk = max(1, _MOST_NUMBERS // first.units.shape[1])
    for m in _chunks((size > _NEAR) & (size <= _CLOSE), chunk):
        u, v = first.units[i[m]], second.units[j[m]]
        difference, sum_ = 0.5 * np.linalg.norm(u - v, axis=1), 0.5 * np.linalg.norm(u + v, axis=1)
        both = np.hypot(difference, sum_)
        s[m], k[m] = difference / both, sum_ / both
    for m in _chunks(size > _CLOSE, chunk):
        sine = _sine(first.exact[i[m]], second.exact[j[m]])
        wide = 0.5 * (1 + np.sqrt((1 - sine) * (1 + sine)))
        small, large = 0.5 * sine / np.sqrt(wide), np.sqrt(wide)
        s[m], k[m] = np.where(rho[m] > 0, (small, large), (large, small))
    return s, k


def _chunks(chosen: Mask, length: int) -> Iterator[Indices]:
    where = np.nonzero(chosen)[0]
    for start in range(0, len(where), length):
        yield where[start : start + length]


def _sine(x: Array, y: Array) -> Array:
    """|sin θ| of nearly parallel or opposite rows: |y − t x|/|y|, with the product t x exact in two parts."""
    square = np.einsum("ij,ij->i", x, x)
    t = (np.einsum("ij,ij->i", x, y) / square)[:, None]
    product = t * x
    beside = (y - product) - _product_error(product, t, x)
    beside -= (np.einsum("ij,ij->i", beside, x) / square)[:, None] * x  # t is rounded
    out: Array = np.linalg.norm(beside, axis=1) / np.linalg.norm(y, axis=1)
    return out


def _product_error(product: Array, x: Array, y: Array) -> Array:
    """x y − product, exactly (Dekker, Numer. Math. 18 (1971) 224)."""
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    out: Array = ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low
    return out


def _halves(x: Array) -> tuple[Array, Array]:
    """x as a sum of two numbers with half as many bits each."""
    stretched = _SPLIT * x
    high = stretched - (stretched - x)
    return high, x - high
