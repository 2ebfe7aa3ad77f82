"""The mean predictor: Δ(t) + ∫_0^t NDK(t, s) Δ(s) ds = y on the training set (theory T9), by Radau collocation.

On each panel of a graded mesh Δ is a polynomial through right Radau nodes (stiffly accurate, and stable where the
equation is nearly of the first kind). Integrals are product integrals in z = √(t − s), where the kernel of a kinked
activation is smooth too. Past panels enter through a few sums, one for each Gram matrix of the propagator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.special import roots_jacobi

from ndksym.dynamics.propagator import Propagator
from ndksym.runtime.types import Array

NODES = 7
_GAUSS = 14
_POINTS = 2**17
"""Quadrature points at once: a few hundred megabytes of basis values."""
Progress = Callable[[float], None]


@dataclass(frozen=True)
class History:
    """Δ at the Radau nodes of every panel: `ends` (panels + 1,), `values` (panels, NODES, P, outputs)."""

    propagator: Propagator
    rate: float
    ends: Array
    values: Array


def mesh(first: float, last: float, rate: float, ratio: float) -> Array:
    """0, first, then growing by `ratio`, no panel longer than (ratio − 1)/(2 rate): where the kernel itself changes."""
    ends = [0.0, first]
    while ends[-1] < last:
        step = min((ratio - 1) * ends[-1], (ratio - 1) / (2 * rate))
        ends.append(min(ends[-1] + step, last))
    return np.array(ends)


def solve(
    propagator: Propagator, y: Array, ends: Array, rate: float, progress: Progress = lambda fraction: None
) -> History:
    """Δ on the whole mesh; y is (P, outputs). The kernel is that of the training set against itself."""
    P = len(y)
    values = np.zeros((len(ends) - 1, NODES, *y.shape))
    for n in range(len(ends) - 1):
        times = ends[n] + radau()[0] * (ends[n + 1] - ends[n])
        history = History(propagator, rate, ends[: n + 1], values[:n])
        known = y[None] - integrals(history, propagator.grams, times)
        local = _weights(propagator, rate, times, ends[n : n + 2])[:, 0]  # (times, NODES, r)
        matrix = np.einsum("ijr,rxy->ixjy", local, propagator.grams, optimize=True).reshape(NODES * P, NODES * P)
        matrix[np.diag_indices_from(matrix)] += 1.0
        values[n] = lu_solve(lu_factor(matrix, overwrite_a=True), known.reshape(NODES * P, -1)).reshape(known.shape)
        progress((n + 1) / (len(ends) - 1))
    return History(propagator, rate, ends, values)


def integrals(history: History, grams: Array, times: Array) -> Array:
    """∫_0^t Σ_r u_r e^{−T(t−s)/σ²} M_r Δ(s) ds at each time, M_r = `grams` (r, rows, P): (times, rows, outputs)."""
    outputs = history.values.shape[-1]
    out = np.zeros((len(times), grams.shape[1], outputs))
    if len(history.values) == 0:
        return out
    height = max(1, _POINTS // (len(history.values) * _GAUSS))
    for start in range(0, len(times), height):
        block = slice(start, start + height)
        weights = _weights(history.propagator, history.rate, times[block], history.ends)
        sums = np.einsum("tmjr,mjxo->rxto", weights, history.values, optimize=True)
        flat = sums.reshape(len(grams), sums.shape[1], -1)
        found = sum(gram @ part for gram, part in zip(grams, flat, strict=True))
        out[block] = np.moveaxis(np.asarray(found).reshape(grams.shape[1], -1, outputs), 1, 0)
    return out


def _weights(propagator: Propagator, rate: float, times: Array, ends: Array) -> Array:
    """∫ over each panel, up to t, of u_r e^{−rate (t−s)} ℓ_j(s) ds: (times, panels, NODES, r)."""
    x, w = np.polynomial.legendre.leggauss(_GAUSS)
    a, b = ends[:-1], ends[1:]
    low = np.sqrt(np.maximum(times[:, None] - b, 0.0))
    high = np.sqrt(np.maximum(times[:, None] - a, 0.0))
    half = 0.5 * (high - low)
    z = (0.5 * (high + low))[..., None] + half[..., None] * x  # (times, panels, GAUSS)
    lag = z * z
    s = times[:, None, None] - lag
    q, p = np.sqrt(-np.expm1(-rate * lag)), np.exp(-2 * rate * s)
    factor = (half[..., None] * w) * 2 * z * np.exp(-rate * lag)
    nodes = (s - a[:, None]) / (b - a)[:, None]
    basis = _lagrange(nodes)  # (times, panels, GAUSS, NODES)
    u = propagator.weights(q.ravel(), np.clip(p, 0.0, 1.0).ravel()).reshape(-1, *z.shape)
    out: Array = np.einsum("tmg,tmgj,rtmg->tmjr", factor, basis, u, optimize=True)
    return out


@lru_cache(maxsize=1)
def radau() -> tuple[Array, Array]:
    """Right Radau nodes on (0, 1], and the barycentric weights of their polynomial."""
    inner = roots_jacobi(NODES - 1, 1, 0)[0]
    x = 0.5 * (1 + np.append(inner, 1.0))
    weights = np.array([1 / np.prod(x[j] - np.delete(x, j)) for j in range(NODES)])
    return x, weights


def _lagrange(at: Array) -> Array:
    """ℓ_j at points of a panel's own coordinate; a last axis for j."""
    nodes, weights = radau()
    gaps = at[..., None] - nodes
    products = np.stack([np.prod(np.delete(gaps, j, axis=-1), axis=-1) for j in range(NODES)], axis=-1)
    return np.asarray(products * weights)
