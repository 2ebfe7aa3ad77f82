"""A kernel at all pairs of times, interpolated from a few Gram matrices (theory.md, "Two time variables").

F(t, s)/e^{−r(t−s)} is smooth in two coordinates of the times (`time_coordinates`), also where φ has kinks:
F = e^{−r(t−s)} Σ_k u_k M_k. The M_k are F itself at a few pairs of times. A pivoted QR factorisation of a sample of entries (an
interpolative decomposition) chooses these times, so only a few Gram matrices are computed in full. The u_k are Chebyshev series
on patches of [0, 1]².
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from typing import Self

import numpy as np
from numpy.polynomial.chebyshev import chebfit, chebval
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular

from ndksym.dynamics import patches
from ndksym.dynamics.patches import Patch
from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.row_sample import FEW, MANY, judged_rows, sample
from ndksym.dynamics.time_coordinates import TimeCoordinates
from ndksym.runtime.chain import Part
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

FINEST_TOLERANCE = 1e-13
_SEED = 2309
_LARGE = 2**15
"""Number of entries of a Gram matrix from which on the matrices are computed in parallel threads."""
_CHECKS = 4
_SIZES, _DEGREE = 33, 4
"""Number of variances at which the size of F is measured, and the degree of the fit to its logarithm."""

TwoTimeKernel = Callable[[Array, Array, Array, Array], Array]
"""F/e^{−r(t−s)} between rows at the later time and columns X at the earlier one, at each (q, m): (points, rows, P)."""


@dataclass(frozen=True)
class KernelTable:
    """F = e^{−r(t−s)} Σ_k u_k(t, s) M_k: `grams` (rows, k, P) holds the M_k; a subclass evaluates the u_k."""

    process: PriorProcess
    grams: Array

    def scaled(self, factor: float) -> Self:
        """The table of factor · F."""
        return replace(self, grams=factor * self.grams)

    def rows(self, which: slice | NDArray[np.intp]) -> Self:
        """The table of F for some of the rows at the later time."""
        return replace(self, grams=self.grams[which])

    def within(self, basis: Array) -> Self:
        """The table of F between training rows in an orthonormal basis (P, r) of their combinations: (r, r)."""
        own = np.einsum("xm,xky,yn->mkn", basis, self.grams[: len(basis)], basis, optimize=True)
        return replace(self, grams=np.ascontiguousarray(own))

    def transposed(self) -> Self:
        """The table with rows at the earlier time and columns at the later time."""
        return replace(self, grams=np.ascontiguousarray(self.grams.transpose(2, 1, 0)))

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times, given by arrays of one shape: (*shape, k)."""
        raise NotImplementedError

    def shortest(self, earlier: Array) -> Array:
        """The shortest lag over which the kernel varies, by the earlier time; ∞ where one rule serves all lags."""
        return np.full(np.shape(earlier), np.inf)

    def gram(self, lag: float, earlier: float) -> Array:
        """F/e^{−r(t−s)} at one pair of times: (rows, P)."""
        return np.asarray(self.weights(np.array([lag]), np.array([earlier]))[0] @ self.grams)

    def apply(self, sums: Array) -> Array:
        """Σ_k M_k sums_k: (k, P, …) → (rows, …)."""
        flat = self.grams.reshape(len(self.grams), -1) @ sums.reshape(sums.shape[0] * sums.shape[1], -1)
        return np.asarray(flat).reshape(len(self.grams), *sums.shape[2:])


@dataclass(frozen=True)
class KernelSize:
    """The approximate size of F at two times: the geometric mean of its sizes at each of them, a series in w for the log."""

    coordinates: TimeCoordinates
    series: Array

    def __call__(self, q: Array, m: Array) -> Array:
        if len(self.series) == 1:
            return np.full(len(q), np.exp(self.series[0]))
        later = self.coordinates.process.priors(q, m).first
        w = (self.coordinates.coordinates(np.zeros_like(q), at)[1] for at in (m, later))
        return np.asarray(np.exp(0.5 * sum(chebval(2 * each - 1, self.series) for each in w)))


class TooCoarseError(Exception):
    """The table is not accurate enough for the solution: its error exceeds the allowed defect `by` this factor."""

    def __init__(self, by: float) -> None:
        super().__init__(by)
        self.by = by


@dataclass(frozen=True)
class PatchedTable(KernelTable):
    """A table whose u_k are size · Chebyshev series on patches: `coefficients` (k, n_z, n_w) for each patch."""

    size: KernelSize
    patches: tuple[Patch, ...]
    coefficients: tuple[Array, ...]

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times, given by arrays of one shape: (*shape, k)."""
        q, m = self.place(lag.ravel(), earlier.ravel())
        return self.at(q, m).reshape(*lag.shape, self.grams.shape[1])

    def place(self, lag: Array, earlier: Array) -> tuple[Array, Array]:
        """(q, m) of pairs of times."""
        return np.sqrt(-np.expm1(-self.process.rate * lag)), self.process.variance(earlier)

    def at(self, q: Array, m: Array) -> Array:
        """u_k at points: (points, k)."""
        z, w = TimeCoordinates(self.process).coordinates(q, m)
        out = np.empty((len(z), len(self.coefficients[0])))
        for patch, coefficients in zip(self.patches, self.coefficients, strict=True):
            own = patch.holds(z, w) if len(self.patches) > 1 else np.ones(len(z), dtype=bool)
            if own.any():
                out[own] = patch.evaluated(coefficients, z[own], w[own])
        return self.size(q, m)[:, None] * out

    def shortest(self, earlier: Array) -> Array:
        """The shortest lag over which the kernel varies, by the earlier time: that of the patch at t = s."""
        coordinates, m = TimeCoordinates(self.process), self.process.variance(earlier)
        w, high = coordinates.coordinates(np.zeros_like(m), m)[1], np.ones_like(m)
        for patch in self.patches:
            high[patch.holds(np.zeros_like(w), w)] = patch.high[0]
        q = coordinates.times(high, w)[0]
        return np.where(high < 1.0, -np.log1p(-np.minimum(q * q, 0.5)) / self.process.rate, np.inf)


def two_time_kernel(kernel: Kernel, process: PriorProcess, bias: float, part: Part) -> TwoTimeKernel:
    """One part of the layer recursion T5 as a function of the times.

    C^{L+1}/e^{−r(t−s)} is computed as m(s, s) (K^L + β²), which needs no division.
    """

    def evaluate(rows: Array, X: Array, q: Array, m: Array) -> Array:
        if part == "covariance":
            return m[:, None, None] * kernel.grams(rows, X, process.priors(q, m), bias=bias, part="readout")
        return kernel.grams(rows, X, process.priors(q, m), bias=bias, part=part)

    return evaluate


def kernel_size(evaluate: TwoTimeKernel, process: PriorProcess, rows: Array, X: Array) -> KernelSize:
    """The size of F between these rows."""
    coordinates = TimeCoordinates(process)
    at = np.linspace(0.0, 1.0, _SIZES if process.init != process.level else 1)
    q, m = coordinates.times(np.zeros_like(at), at)
    largest = np.maximum(np.abs(evaluate(rows, X, q, m)).max(axis=(1, 2)), np.finfo(float).tiny)
    return KernelSize(coordinates, chebfit(2 * at - 1, np.log(largest), min(_DEGREE, len(at) - 1)))


def tabulate(evaluate: TwoTimeKernel, process: PriorProcess, rows: Array, X: Array, tolerance: float) -> PatchedTable:
    """The table of F between `rows` at the later time and X at the earlier; `tolerance` is relative to the size of F there."""
    coordinates, few, many = TimeCoordinates(process), sample(rows, X, FEW), sample(rows, X, MANY)
    size = kernel_size(evaluate, process, *few)

    def on(some: tuple[Array, Array]) -> patches.MatrixFunction:
        def normalised(z: Array, w: Array) -> Array:
            q, m = coordinates.times(z, w)
            return at_points(evaluate, *some, q, m) / size(q, m)[:, None, None]

        return normalised

    pieces = patches.divided(on(few), on(many), process.init == process.level, tolerance)
    values = np.concatenate([own.reshape(len(own), -1) for _, own in pieces])
    pivots, spread = interpolation(values, tolerance)
    q, m = coordinates.times(
        *(np.concatenate(each)[pivots] for each in zip(*(patch.nodes for patch, _ in pieces), strict=True))
    )
    parts = np.split(spread / size(q, m), np.cumsum([len(own) for _, own in pieces])[:-1])
    coefficients = tuple(patch.coefficients(own) for (patch, _), own in zip(pieces, parts, strict=True))
    grams = np.ascontiguousarray(at_points(evaluate, rows, X, q, m).transpose(1, 0, 2))
    return PatchedTable(process, grams, size, tuple(patch for patch, _ in pieces), coefficients)


def tabulate_within(
    evaluate: TwoTimeKernel,
    process: PriorProcess,
    rows: Array,
    X: Array,
    tolerance: float,
    vectors: Array,
    allowed: float,
) -> PatchedTable:
    """A table whose error in F · vectors is at most `allowed`; `tolerance` is the first estimate of what this requires."""
    while True:
        table = tabulate(evaluate, process, rows, X, max(tolerance, FINEST_TOLERANCE))
        residual = table_residual(evaluate, table, rows, X, vectors)
        if residual <= allowed or tolerance <= FINEST_TOLERANCE:
            return table
        tolerance *= min(0.1, 0.3 * allowed / residual)


def at_points(evaluate: TwoTimeKernel, rows: Array, X: Array, q: Array, m: Array) -> Array:
    """F at each (q, m): (points, rows, P). Large matrices are computed in parallel threads."""
    if len(rows) * len(X) < _LARGE:
        return np.asarray(evaluate(rows, X, q, m))

    def one(n: int) -> Array:
        return np.asarray(evaluate(rows, X, q[n : n + 1], m[n : n + 1])[0])

    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return np.array(list(pool.map(one, range(len(q)))), dtype=np.float64)


def interpolation(values: Array, tolerance: float) -> tuple[NDArray[np.intp], Array]:
    """Points whose matrices span those of all points, and the weights of each point on them: (k,), (points, k)."""
    _, R, order = qr(values.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    k = max(1, int(np.sum(size > 0.1 * tolerance * size[0])))
    weights = np.zeros((len(values), k))
    weights[order[:k]] = np.eye(k)
    weights[order[k:]] = solve_triangular(R[:k, :k], R[:k, k:]).T
    return order[:k], weights


def table_residual(evaluate: TwoTimeKernel, table: PatchedTable, rows: Array, X: Array, vectors: Array) -> float:
    """The largest entry of (F − table) · vectors, with vectors (P, columns), on some rows and at some pairs of times.

    The times lie between the nodes, at the ends of the coordinates, where series are worst, and at s = 0, where the initial
    impulse acts. Where F has grown with m since then, its error is divided by this growth, because what is learnt later is
    smaller in proportion.
    """
    i, rng = judged_rows(rows, X), np.random.default_rng(_SEED)
    inside, first = rng.uniform(size=(_CHECKS, 2)), np.column_stack([rng.uniform(size=_CHECKS), np.ones(_CHECKS)])
    corners = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    q, m = TimeCoordinates(table.process).times(*np.vstack([corners, inside, first]).T)
    true = at_points(evaluate, rows[i], X, q, m)
    error = np.abs(np.einsum("nk,xkp,po->nxo", table.at(q, m), table.grams[i], vectors, optimize=True) - true @ vectors)
    later = table.process.priors(q, m).first
    tiny = np.finfo(float).tiny
    early, late = (
        np.sqrt(np.abs(at_points(evaluate, rows[i], X, 0.0 * q, at)).max(axis=(1, 2), initial=tiny))
        for at in (m, later)
    )
    return float((error.max(axis=(1, 2)) / np.maximum(early / early[0] * late / late[0], 1.0)).max())
