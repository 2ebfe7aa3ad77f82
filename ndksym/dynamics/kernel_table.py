"""A kernel at all pairs of times from a few Gram matrices (theory.md, "Two time variables").

F(t, s)/e^{−r(t−s)} is smooth in two coordinates of the times (`chart`), kinks of φ included: F = e^{−r(t−s)} Σ_k u_k M_k. The
M_k are F itself at a few pairs of times, chosen on a sample of entries by a pivoted QR factorisation (an interpolative
decomposition), so that only these few are computed in full; the u_k are Chebyshev series on pieces of [0, 1]².
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
from ndksym.dynamics.chart import Chart
from ndksym.dynamics.patches import Patch
from ndksym.dynamics.physics import Memory
from ndksym.runtime.chain import Part
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

FINEST_TOLERANCE = 1e-13
_ANGLES, _SAME = 5, 1e-14
"""Pairs of different directions, and 1 − cosine of the same one."""
FEW, MANY = 4, 20
"""Rows and columns of the entries that fix the degrees, and of those that choose the times."""
_SEED = 2309
_LARGE = 2**15
_CHECKS = 4
_SIZES, _SERIES = 33, 4
"""Variances at which the size of F is looked at, and the degree of the series of its log: smooth, and near enough."""

Field = Callable[[Array, Array, Array, Array], Array]
"""F/e^{−r(t−s)} between rows at the later time and rows at the earlier, at each (q, m): (points, rows, P)."""


@dataclass(frozen=True)
class Table:
    """F = e^{−r(t−s)} Σ_k u_k(t, s) M_k: `grams` (rows, k, P) of M_k; a subclass knows the u_k."""

    memory: Memory
    grams: Array

    def scaled(self, factor: float) -> Self:
        """factor · F."""
        return replace(self, grams=factor * self.grams)

    def rows(self, which: slice | NDArray[np.intp]) -> Self:
        """F for some of the rows at the later time."""
        return replace(self, grams=self.grams[which])

    def within(self, basis: Array) -> Self:
        """F between training rows, in an orthonormal basis (P, r) of their combinations: (r, r)."""
        own = np.einsum("xm,xky,yn->mkn", basis, self.grams[: len(basis)], basis, optimize=True)
        return replace(self, grams=np.ascontiguousarray(own))

    def transposed(self) -> Self:
        """Rows at the earlier time, columns at the later."""
        return replace(self, grams=np.ascontiguousarray(self.grams.transpose(2, 1, 0)))

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times of one shape: (*shape, k)."""
        raise NotImplementedError

    def shortest(self, earlier: Array) -> Array:
        """The shortest lag over which the kernel changes, by the earlier time; ∞ where one rule serves all lags."""
        return np.full(np.shape(earlier), np.inf)

    def gram(self, lag: float, earlier: float) -> Array:
        """F/e^{−r(t−s)} itself: (rows, P)."""
        return np.asarray(self.weights(np.array([lag]), np.array([earlier]))[0] @ self.grams)

    def apply(self, sums: Array) -> Array:
        """Σ_k M_k sums_k: (k, P, …) → (rows, …)."""
        flat = self.grams.reshape(len(self.grams), -1) @ sums.reshape(sums.shape[0] * sums.shape[1], -1)
        return np.asarray(flat).reshape(len(self.grams), *sums.shape[2:])


@dataclass(frozen=True)
class Size:
    """About how large F is: the geometric mean of what it is at s = t, at the two times; its log is a series in w."""

    chart: Chart
    series: Array

    def __call__(self, q: Array, m: Array) -> Array:
        if len(self.series) == 1:
            return np.full(len(q), np.exp(self.series[0]))
        w = (self.chart.coordinates(np.zeros_like(q), at)[1] for at in (m, self.chart.memory.prior(q, m).first))
        return np.asarray(np.exp(0.5 * sum(chebval(2 * each - 1, self.series) for each in w)))


class TooCoarseError(Exception):
    """The table is not exact enough for the solution: its error exceeds the allowed defect `by` this factor."""

    def __init__(self, by: float) -> None:
        super().__init__(by)
        self.by = by


def sized(evaluate: Field, memory: Memory, rows: Array, X: Array) -> Size:
    """Of F between these rows."""
    chart, at = Chart(memory), np.linspace(0.0, 1.0, _SIZES if memory.init != memory.level else 1)
    q, m = chart.times(np.zeros_like(at), at)
    large = np.maximum(np.abs(evaluate(rows, X, q, m)).max(axis=(1, 2)), np.finfo(float).tiny)
    return Size(chart, chebfit(2 * at - 1, np.log(large), min(_SERIES, len(at) - 1)))


@dataclass(frozen=True)
class Pieces(Table):
    """u_k = size · Chebyshev series on patches of the chart: `coefficients` (k, n_z, n_w) for each."""

    size: Size
    patches: tuple[Patch, ...]
    coefficients: tuple[Array, ...]

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times of one shape: (*shape, k)."""
        q, m = self.place(lag.ravel(), earlier.ravel())
        return self.at(q, m).reshape(*lag.shape, self.grams.shape[1])

    def place(self, lag: Array, earlier: Array) -> tuple[Array, Array]:
        """(q, m) of pairs of times."""
        return np.sqrt(-np.expm1(-self.memory.rate * lag)), self.memory.earlier(earlier)

    def at(self, q: Array, m: Array) -> Array:
        """u_k at points: (points, k)."""
        z, w = Chart(self.memory).coordinates(q, m)
        out = np.empty((len(z), len(self.coefficients[0])))
        for patch, coefficients in zip(self.patches, self.coefficients, strict=True):
            own = patch.holds(z, w) if len(self.patches) > 1 else np.ones(len(z), dtype=bool)
            if own.any():
                out[own] = patch.evaluated(coefficients, z[own], w[own])
        return self.size(q, m)[:, None] * out

    def shortest(self, earlier: Array) -> Array:
        """The shortest lag over which the kernel changes, by the earlier time: that of the patch at t = s."""
        chart, m = Chart(self.memory), self.memory.earlier(earlier)
        w, high = chart.coordinates(np.zeros_like(m), m)[1], np.ones_like(m)
        for patch in self.patches:
            high[patch.holds(np.zeros_like(w), w)] = patch.high[0]
        q = chart.times(high, w)[0]
        return np.where(high < 1.0, -np.log1p(-np.minimum(q * q, 0.5)) / self.memory.rate, np.inf)


def field(kernel: Kernel, memory: Memory, bias: float, part: Part) -> Field:
    """One part of the recursion; C^{L+1}/e^{−r(t−s)} = m(s,s) (K^L + β²) has no division in it."""

    def evaluate(rows: Array, X: Array, q: Array, m: Array) -> Array:
        if part == "covariance":
            return m[:, None, None] * kernel.grams(rows, X, memory.prior(q, m), bias=bias, part="readout")
        return kernel.grams(rows, X, memory.prior(q, m), bias=bias, part=part)

    return evaluate


def table(evaluate: Field, memory: Memory, rows: Array, X: Array, tolerance: float) -> Pieces:
    """F between `rows` at the later time and X at the earlier, to a `tolerance` relative to what it is then."""
    chart, few, many = Chart(memory), sample(rows, X, FEW), sample(rows, X, MANY)
    size = sized(evaluate, memory, *few)

    def on(some: tuple[Array, Array]) -> patches.Line:
        def field(z: Array, w: Array) -> Array:
            q, m = chart.times(z, w)
            return at_points(evaluate, *some, q, m) / size(q, m)[:, None, None]

        return field

    found = patches.divided(on(few), on(many), memory.init == memory.level, tolerance)
    fields = np.concatenate([values.reshape(len(values), -1) for _, values in found])
    pivots, spread = interpolation(fields, tolerance)
    q, m = chart.times(
        *(np.concatenate(each)[pivots] for each in zip(*(patch.nodes for patch, _ in found), strict=True))
    )
    parts = np.split(spread / size(q, m), np.cumsum([len(values) for _, values in found])[:-1])
    coefficients = tuple(patch.coefficients(own) for (patch, _), own in zip(found, parts, strict=True))
    grams = np.ascontiguousarray(at_points(evaluate, rows, X, q, m).transpose(1, 0, 2))
    return Pieces(memory, grams, size, tuple(patch for patch, _ in found), coefficients)


def fitted(
    evaluate: Field, memory: Memory, rows: Array, X: Array, tolerance: float, vectors: Array, allowed: float
) -> Pieces:
    """A table that leaves out no more than `allowed` of F · vectors; `tolerance` is the first guess of what that takes."""
    while True:
        found = table(evaluate, memory, rows, X, max(tolerance, FINEST_TOLERANCE))
        left = missed(evaluate, found, rows, X, vectors)
        if left <= allowed or tolerance <= FINEST_TOLERANCE:
            return found
        tolerance *= min(0.1, 0.3 * allowed / left)


def at_points(evaluate: Field, rows: Array, X: Array, q: Array, m: Array) -> Array:
    """F at each (q, m): (points, rows, P); large matrices are independent work for all cores."""
    if len(rows) * len(X) < _LARGE:
        return np.asarray(evaluate(rows, X, q, m))

    def one(n: int) -> Array:
        return np.asarray(evaluate(rows, X, q[n : n + 1], m[n : n + 1])[0])

    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return np.array(list(pool.map(one, range(len(q)))), dtype=np.float64)


def sample(rows: Array, X: Array, most: int) -> tuple[Array, Array]:
    """Some of both, from the shortest to the longest, and pairs from nearly parallel to opposite ones.

    The columns are among the rows, since coincident inputs bend most with time.
    """
    i, j = _pairs(rows, X)
    columns = np.vstack([_spread(X, most), X[j]])
    return np.vstack([columns, _spread(rows, max(2, most // 2)), rows[i]]), columns


def _spread(rows: Array, most: int) -> Array:
    """Some rows, evenly in the order of their lengths."""
    order = np.argsort(np.linalg.norm(rows, axis=1), kind="stable")
    out: Array = rows[order[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]]
    return out


def _pairs(rows: Array, X: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A few pairs of different directions, from the most parallel one to the most opposite one, even in the log of their rank.

    A pair at a small angle δ bends where q is about δ, as neither coincident nor other inputs do.
    """
    units = [each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), np.finfo(float).tiny) for each in (rows, X)]
    cosines = (units[0] @ units[1].T).ravel()
    order = np.argsort(-cosines, kind="stable")
    order = order[np.searchsorted(-cosines[order], _SAME - 1) :]
    if not len(order):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    chosen = order[np.unique(np.geomspace(1, len(order), _ANGLES).astype(int)) - 1]
    i, j = np.unravel_index(chosen, (len(rows), len(X)))
    return i, j


def interpolation(fields: Array, tolerance: float) -> tuple[NDArray[np.intp], Array]:
    """Points whose matrices span all others, and each point's weights on them: (k,), (points, k)."""
    _, R, order = qr(fields.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    k = max(1, int(np.sum(size > 0.1 * tolerance * size[0])))
    weights = np.zeros((len(fields), k))
    weights[order[:k]] = np.eye(k)
    weights[order[k:]] = solve_triangular(R[:k, :k], R[:k, k:]).T
    return order[:k], weights


def missed(evaluate: Field, found: Pieces, rows: Array, X: Array, vectors: Array) -> float:
    """The largest entry of (F − table) · vectors, (P, columns), on some rows, at times between the nodes and at both ends.

    Series are worst at the ends, and at the first instant acts the impulse. What F gains in size as m grows to σ² counts
    by what it was at first, since what is learnt then is smaller in proportion.
    """
    i, rng = seen(rows, X), np.random.default_rng(_SEED)
    inside, first = rng.uniform(size=(_CHECKS, 2)), np.column_stack([rng.uniform(size=_CHECKS), np.ones(_CHECKS)])
    corners = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    q, m = Chart(found.memory).times(*np.vstack([corners, inside, first]).T)
    true = at_points(evaluate, rows[i], X, q, m)
    off = np.abs(np.einsum("nk,xkp,po->nxo", found.at(q, m), found.grams[i], vectors, optimize=True) - true @ vectors)
    later = found.memory.prior(q, m).first
    tiny = np.finfo(float).tiny
    early, late = (
        np.sqrt(np.abs(at_points(evaluate, rows[i], X, 0.0 * q, at)).max(axis=(1, 2), initial=tiny))
        for at in (m, later)
    )
    return float((off.max(axis=(1, 2)) / np.maximum(early / early[0] * late / late[0], 1.0)).max())


def seen(rows: Array, X: Array) -> NDArray[np.intp]:
    """The rows that a table is judged on: some of all, and those at small angles to a column."""
    some = np.random.default_rng(_SEED).choice(len(rows), min(MANY, len(rows)), replace=False)
    return np.unique(np.concatenate([some, _pairs(rows, X)[0]]))
