"""A kernel at all pairs of times from a few Gram matrices (theory §6).

F(t, s)/e^{−r(t−s)} depends on the times through q = √(1 − e^{−r(t−s)}) and p = e^{−2rs} only, and is analytic in both on
[0, 1]², kinks of φ included: F = e^{−r(t−s)} Σ_k u_k(q, p) M_k. The M_k are F itself at a few pairs of times, chosen on a
sample of entries by a pivoted QR factorisation (an interpolative decomposition), so that only these few are computed in
full; the u_k are Chebyshev series.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.linalg import qr, solve_triangular

from ndksym.dynamics.memory import Memory
from ndksym.runtime.kernel import Kernel, Part
from ndksym.runtime.types import Array

FINEST = (96, 32)
"""Most terms in q and p; theory §6 measured 24 × 12 for 1e-12, small angles between inputs take more."""
_FINEST_TOLERANCE = 1e-13
_ACROSS = np.array([0.0, 0.5, 1.0])
_ANGLES, _SAME = 5, 1e-14
"""Pairs of different directions, and 1 − cosine of the same one."""
_FEW, _MANY = 4, 20
"""Rows and columns of the entries that fix the degrees, and of those that choose the times."""
_SEED = 2309
_LARGE = 2**15
_CHECKS = 4
_CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])

Field = Callable[[Array, Array, float, float], Array]
"""F/e^{−r(t−s)} between rows at the later time and rows at the earlier, at (q, p)."""


@dataclass(frozen=True)
class Table:
    """F = e^{−r(t−s)} Σ_k u_k(q, p) M_k: `coefficients` (k, n_q, n_p) of u_k, `grams` (rows, k, P) of M_k."""

    memory: Memory
    coefficients: Array
    grams: Array

    def scaled(self, factor: float) -> "Table":
        """factor · F."""
        return replace(self, grams=factor * self.grams)

    def rows(self, which: slice | NDArray[np.intp]) -> "Table":
        """F for some of the rows at the later time."""
        return replace(self, grams=self.grams[which])

    def transposed(self) -> "Table":
        """Rows at the earlier time, columns at the later."""
        return replace(self, grams=np.ascontiguousarray(self.grams.transpose(2, 1, 0)))

    def weights(self, lag: Array, earlier: Array) -> Array:
        """u_k at pairs of times of one shape: (*shape, k)."""
        return self.at(*self.place(lag.ravel(), earlier.ravel())).reshape(*lag.shape, -1)

    def place(self, lag: Array, earlier: Array) -> tuple[Array, Array]:
        """(q, p) of pairs of times."""
        rate = self.memory.rate
        return np.sqrt(-np.expm1(-rate * lag)), np.exp(-2 * rate * np.maximum(earlier, 0.0))

    def at(self, q: Array, p: Array) -> Array:
        """u_k at points: (points, k)."""
        _, n_q, n_p = self.coefficients.shape
        basis = chebvander(2 * q - 1, n_q - 1)[:, :, None] * chebvander(2 * p - 1, n_p - 1)[:, None, :]
        out: Array = basis.reshape(len(q), -1) @ self.coefficients.reshape(len(self.coefficients), -1).T
        return out

    def gram(self, q: float, p: float) -> Array:
        """F/e^{−r(t−s)} itself: (rows, P)."""
        return np.asarray(self.at(np.array([q]), np.array([p]))[0] @ self.grams)

    def apply(self, sums: Array) -> Array:
        """Σ_k M_k sums_k: (k, P, …) → (rows, …)."""
        flat = self.grams.reshape(len(self.grams), -1) @ sums.reshape(sums.shape[0] * sums.shape[1], -1)
        return np.asarray(flat).reshape(len(self.grams), *sums.shape[2:])


def field(kernel: Kernel, memory: Memory, bias: float, part: Part) -> Field:
    """One part of the recursion; C^{L+1}/e^{−r(t−s)} = m(s,s) (K^L + β²) has no division in it."""

    def evaluate(rows: Array, X: Array, q: float, p: float) -> Array:
        if part == "covariance":
            return memory.earlier(p) * kernel.gram(rows, X, memory.prior(q, p), bias=bias, part="readout")
        return kernel.gram(rows, X, memory.prior(q, p), bias=bias, part=part)

    return evaluate


def table(evaluate: Field, memory: Memory, rows: Array, X: Array, tolerance: float) -> Table:
    """F between `rows` at the later time and X at the earlier, to a `tolerance` relative to its largest entry."""
    few_rows, few = _sample(rows, X, _FEW)
    along_q = _length(lambda q: _on(evaluate, few_rows, few, _lines(q, memory)), FINEST[0], tolerance)
    along_p = _length(lambda p: _on(evaluate, few_rows, few, _lines(p, memory)[:, ::-1]), FINEST[1], tolerance)
    n_q, n_p = along_q, along_p if memory.init != memory.level else 1
    grid = np.stack(np.meshgrid(_nodes(n_q), _nodes(n_p), indexing="ij"), axis=-1).reshape(-1, 2)
    sample = _on(evaluate, *_sample(rows, X, _MANY), grid).reshape(len(grid), -1)
    pivots, spread = _interpolation(sample, tolerance)
    nodal = spread.reshape(n_q, n_p, len(pivots))
    coefficients = np.einsum("aq,qpk,bp->kab", _transform(n_q), nodal, _transform(n_p))
    grams = _on(evaluate, rows, X, grid[pivots])
    return Table(memory, coefficients, np.ascontiguousarray(grams.transpose(1, 0, 2)))


def fitted(
    evaluate: Field, memory: Memory, rows: Array, X: Array, tolerance: float, vectors: Array, allowed: float
) -> Table:
    """A table that leaves out no more than `allowed` of F · vectors; `tolerance` is the first guess of what that takes."""
    while True:
        found = table(evaluate, memory, rows, X, max(tolerance, _FINEST_TOLERANCE))
        left = missed(evaluate, found, rows, X, vectors)
        if left <= allowed or tolerance <= _FINEST_TOLERANCE:
            return found
        tolerance *= min(0.1, 0.3 * allowed / left)


def _on(evaluate: Field, rows: Array, X: Array, points: Array) -> Array:
    """F at each (q, p): (points, rows, P); large matrices are independent work for all cores."""

    def one(at: Array) -> Array:
        return evaluate(rows, X, float(at[0]), float(at[1]))

    if len(rows) * len(X) < _LARGE:
        return np.array([one(at) for at in points])
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return np.array(list(pool.map(one, points)))


def _sample(rows: Array, X: Array, most: int) -> tuple[Array, Array]:
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


def _nodes(n: int) -> Array:
    """First-kind Chebyshev nodes on [0, 1]."""
    return np.asarray(0.5 * (1 + chebpts1(n)))


def _lines(along: Array, memory: Memory) -> Array:
    """Points whose first coordinate is `along`, on a few lines of the second."""
    across = _ACROSS if memory.init != memory.level else _ACROSS[:1]
    return np.stack(np.meshgrid(along, across, indexing="ij"), axis=-1).reshape(-1, 2)


def _length(line: Callable[[Array], Array], most: int, tolerance: float) -> int:
    """Terms of a Chebyshev series that reach the tolerance, or `most`; the nodes are nested, so each is used."""
    n = 8
    values = line(0.5 * (1 + np.cos(np.pi * np.arange(n + 1) / n))).reshape(n + 1, -1)
    while True:
        series = np.abs(dct(values, type=1, axis=0)).max(axis=1) / n
        long = np.nonzero(series > 0.1 * tolerance * np.abs(values).max(initial=np.finfo(float).tiny))[0]
        length = int(long[-1]) + 2 if len(long) else 1
        if length < n or n >= most:
            return min(length, most)
        n *= 2
        finer = np.empty((n + 1, values.shape[1]))
        finer[::2] = values
        finer[1::2] = line(0.5 * (1 + np.cos(np.pi * np.arange(1, n, 2) / n))).reshape(n // 2, -1)
        values = finer


def _transform(n: int) -> Array:
    """Values at first-kind nodes → Chebyshev coefficients."""
    weights = np.full((n, 1), 2 / n)
    weights[0] = 1 / n
    return np.asarray(weights * chebvander(chebpts1(n), n - 1).T, dtype=np.float64)


def _interpolation(sample: Array, tolerance: float) -> tuple[NDArray[np.intp], Array]:
    """Grid points whose matrices span all others, and each grid point's weights on them: (k,), (grid, k)."""
    _, R, order = qr(sample.T, mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    k = max(1, int(np.sum(size > 0.1 * tolerance * size[0])))
    weights = np.zeros((len(sample), k))
    weights[order[:k]] = np.eye(k)
    weights[order[k:]] = solve_triangular(R[:k, :k], R[:k, k:]).T
    return order[:k], weights


def missed(evaluate: Field, found: Table, rows: Array, X: Array, vectors: Array) -> float:
    """The largest entry of (F − table) · vectors, (P, columns), on some rows, at times between the nodes and at both ends.

    Series are worst at the ends, and at p = 1, the first instant, acts the impulse.
    """
    i, rng = seen(rows, X), np.random.default_rng(_SEED)
    inside, first = rng.uniform(size=(_CHECKS, 2)), np.column_stack([rng.uniform(size=_CHECKS), np.ones(_CHECKS)])
    points = np.vstack([inside, first, _CORNERS])
    true = _on(evaluate, rows[i], X, points)
    return max(
        float(np.abs((found.rows(i).gram(q, p) - F) @ vectors).max()) for (q, p), F in zip(points, true, strict=True)
    )


def seen(rows: Array, X: Array) -> NDArray[np.intp]:
    """The rows that a table is judged on: some of all, and those at small angles to a column."""
    some = np.random.default_rng(_SEED).choice(len(rows), min(_MANY, len(rows)), replace=False)
    return np.unique(np.concatenate([some, _pairs(rows, X)[0]]))
