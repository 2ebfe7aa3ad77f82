"""A kernel at all pairs of times as one polynomial in q = √(1 − e^{−r(t−s)}) and p = e^{−2rs}, which can be differentiated.

With r = 1/σ² the kernel is F = e^{−r(t−s)} Σ_k u_k(q, p) M_k; the u_k are Chebyshev series on [0, 1]².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from ndksym.dynamics.kernel_table import KernelTable, TwoTimeKernel, at_points, interpolation
from ndksym.dynamics.patches import length, transform
from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.row_sample import FEW, MANY, sample
from ndksym.runtime.types import Array

FINEST = (96, 32)
"""Largest numbers of terms in q and p. 24 × 12 give 1e-12 for most inputs; small angles between inputs need more."""
_ACROSS = np.array([0.0, 0.5, 1.0])


@dataclass(frozen=True)
class ChebyshevTable(KernelTable):
    """A table with Chebyshev `coefficients` (k, n_q, n_p) of the u_k."""

    coefficients: Array

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times of one shape: (*shape, k)."""
        rate = self.process.rate
        q, p = np.sqrt(-np.expm1(-rate * lag)), np.exp(-2 * rate * np.maximum(earlier, 0.0))
        return self.at(q.ravel(), p.ravel()).reshape(*lag.shape, self.grams.shape[1])

    def at(self, q: Array, p: Array) -> Array:
        """u_k at points: (points, k)."""
        _, n_q, n_p = self.coefficients.shape
        basis = chebvander(2 * q - 1, n_q - 1)[:, :, None] * chebvander(2 * p - 1, n_p - 1)[:, None, :]
        out: Array = basis.reshape(len(q), -1) @ self.coefficients.reshape(len(self.coefficients), -1).T
        return out


def chebyshev_table(
    evaluate: TwoTimeKernel, process: PriorProcess, rows: Array, X: Array, tolerance: float
) -> ChebyshevTable:
    """F between `rows` at the later time and X at the earlier, to a `tolerance` relative to its largest entry."""

    def on(some: tuple[Array, Array], q: Array, p: Array) -> Array:
        return at_points(evaluate, *some, q, process.level * (1 - p) + process.init * p)

    few = sample(rows, X, FEW)
    across = _ACROSS if process.init != process.level else _ACROSS[:1]

    def lines(along: Array) -> tuple[Array, Array]:
        return np.repeat(along, len(across)), np.tile(across, len(along))

    allowed = tolerance * float(np.abs(on(few, np.zeros(2), np.array([0.0, 1.0]))).max())
    n_q = length(lambda q: on(few, *lines(q)).reshape(len(q), -1), FINEST[0], allowed)
    n_p = length(lambda p: on(few, *lines(p)[::-1]).reshape(len(p), -1), FINEST[1], allowed) if len(across) > 1 else 1
    q, p = (0.5 * (1 + chebpts1(n)) for n in (n_q, n_p))
    grid = np.repeat(q, n_p), np.tile(p, n_q)
    values = on(sample(rows, X, MANY), *grid).reshape(n_q * n_p, -1)
    pivots, spread = interpolation(values, tolerance)
    coefficients = np.einsum("aq,qpk,bp->kab", transform(n_q), spread.reshape(n_q, n_p, -1), transform(n_p))
    grams = on((rows, X), grid[0][pivots], grid[1][pivots])
    return ChebyshevTable(process, np.ascontiguousarray(grams.transpose(1, 0, 2)), coefficients)
