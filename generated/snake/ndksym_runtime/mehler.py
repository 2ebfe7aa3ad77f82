"""Mehler–Hermite series of any φ: K = Σ_k h_k(p) h_k(q) ρ^k (theory T17), where |ρ|^k or h_k decays fast enough.

h_k(p) = E φ(pz) He_k(z)/√k!. If φ is analytic and its variance moderate, the trapezoidal rule computes the coefficients of
all rows at once; its error is measured by shifting the grid by half a step. Every other row is integrated over its own
panels. Pairs whose series has not converged after MOST terms are left to quadrature.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import origin
from .panels import ActivationPanels
from .quadrature import follows, gauss, slope
from .types import Array, Indices, Mask, NumericLayer

MOST = 512
"""Most terms of a series. At this length a pair costs a few microseconds, a thousandth of the quadrature."""
SHORT, LAST, NOISE = 128, 16, 1e-16
"""If the last LAST of SHORT coefficients are rounding errors, the rest is not computed."""
STEP = 1 / 32
REACH = 14.0
TAIL = 2e-17
"""The series ends where h_k h'_k |ρ|^k, relative to its norms, stays below this."""
AGREE = 4e-15
_STEEP = 10.0
_NODES = 2**13
"""Nodes that are evaluated together: 512 Hermite functions on them take 34 MB."""
_BINS = np.array([0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0])


class CoefficientCache:
    """Coefficients of φ and φ' at norms of past calls: at all pairs of times, those of the earlier time occur again.

    It holds at most `MOST_NORMS` norms, 8 kB each, and is emptied when they would be exceeded.
    """

    MOST_NORMS = 2**12

    def __init__(self) -> None:
        self._held: dict[float, tuple[Array, Array]] = {}

    def get(self, p: float) -> tuple[Array, Array] | None:
        """The coefficients at norm p, or None."""
        return self._held.get(p)

    def add(self, fresh: dict[float, tuple[Array, Array]]) -> None:
        """Keep new coefficients."""
        if len(self._held) + len(fresh) > self.MOST_NORMS:
            self._held.clear()
        self._held.update(fresh)


def _hermite(z: Array, first: Array) -> Array:
    """He_k(z)/√k! · first(z) for k < MOST; `first` contains enough of the normal density to keep the recurrence in range."""
    rows = np.empty((MOST, len(z)))
    rows[0] = first
    rows[1] = z * first
    for k in range(1, MOST - 1):
        following = np.multiply(z, rows[k], out=rows[k + 1])
        following -= np.sqrt(k) * rows[k - 1]
        following /= np.sqrt(k + 1)
    return rows


@lru_cache(maxsize=2)
def _grid(shift: float) -> tuple[Array, Array]:
    """Trapezoidal nodes, and He_k(z)/√k! times their weight under the unit normal."""
    z = np.arange(-REACH, REACH, STEP) + shift
    root = np.exp(-0.25 * z * z) / (2 * np.pi) ** 0.25
    return z, _hermite(z, root) * (STEP * root)


@lru_cache(maxsize=1)
def _half_moments(powers: int) -> Array:
    """E[zⁿ He_k(z)/√k!; z > 0], n < powers."""
    z, w = gauss(np.zeros(1), widest=0.25)
    z, w = z[z > 0], w[z > 0]
    root = np.exp(-0.25 * z * z)
    out: Array = (w / root * z ** np.arange(powers)[:, None]) @ _hermite(z, root).T
    return out


def _rows(layer: NumericLayer, panels: ActivationPanels, p: Array) -> tuple[Array, Array]:
    """Coefficients of φ and φ' at several norms, each over the panels of its row: (MOST, norms)."""
    h, h_dot = np.zeros((2, MOST, len(p)))
    rules = [gauss(panels.edges / each if each > 0 else np.zeros(0), widest=0.5) for each in p]
    lengths, begin = np.array([len(z) for z, _ in rules], dtype=int), 0
    while begin < len(p):  # the cost of the recurrence is per step, so as many rows as fit in memory share it
        ends = np.cumsum(lengths[begin:])
        count = max(1, int(np.searchsorted(ends, _NODES, side="right")))
        part = slice(begin, begin + count)
        z, w = (np.concatenate(each) for each in zip(*rules[part], strict=True))
        root = np.exp(-0.25 * z * z)
        basis, w = _hermite(z, root), w / root
        u = np.repeat(p[part], lengths[part]) * z
        values = w * layer.phi(u), w * slope(layer, u)
        for n, end in enumerate(ends[:count]):
            own = slice(ends[n - 1] if n else 0, end)
            for out, value in zip((h, h_dot), values, strict=True):
                out[:, begin + n] = basis[:, own] @ value[own]
        begin += count
    return h, h_dot


@dataclass
class MehlerSeries:
    """Coefficients of φ and φ' for each row, (MOST, rows), how they decay, and the rows for which they are available.

    `envelope[k]` bounds every later coefficient of every row, relative to the row's norm.
    """

    h: Array
    h_dot: Array
    envelope: Array
    available: Mask

    def __post_init__(self) -> None:
        if self.h.shape != self.h_dot.shape or len(self.h) != MOST:
            raise AssertionError("MOST coefficients of φ and of φ' per row")

    def put(self, which: Indices, new: "MehlerSeries") -> None:
        """Set the coefficients of some rows."""
        self.h[:, which], self.h_dot[:, which], self.available[which] = new.h, new.h_dot, new.available
        self.envelope = np.maximum(self.envelope, new.envelope)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def series(
    layer: NumericLayer, panels: ActivationPanels, p: Array, cache: CoefficientCache | None = None
) -> MehlerSeries:
    """Coefficients for every norm in p; those that need the row's own panels are taken from the cache, or added to it."""
    h, h_dot = np.zeros((2, MOST, len(p)))
    ready = np.zeros(len(p), dtype=bool)
    if not layer.breaks:
        values = [(f(np.outer(_grid(0.0)[0], p)), f(np.outer(_grid(STEP / 2)[0], p))) for f in (layer.phi, layer.dphi)]
        for length in (SHORT, MOST):
            ready[:], ended = True, True
            for out, (straight, shifted) in zip((h, h_dot), values, strict=True):
                first, second = _grid(0.0)[1][:length] @ straight, _grid(STEP / 2)[1][:length] @ shifted
                norm = _norm(first)
                ready &= np.isfinite(norm) & (np.abs(first - second).max(axis=0) <= AGREE * norm)
                out[:length] = 0.5 * (first + second)
                ended &= bool(np.all(np.abs(first[-LAST:]) <= NOISE * norm))
            if ended:
                break
    h[:, ~ready], h_dot[:, ~ready] = 0.0, 0.0
    within = follows(panels, p)
    small = origin.small(layer, p)
    if small.any():
        h[:, small], h_dot[:, small] = origin.coefficients(layer, p[small], _half_moments(origin.TERMS))
        ready |= small
    cache = CoefficientCache() if cache is None else cache
    held = {i: cache.get(float(p[i])) for i in np.nonzero(~ready & within)[0]}
    left = [i for i, pair in held.items() if pair is None]
    new, new_dot = _rows(layer, panels, p[left])
    fresh = {float(p[i]): (new[:, n], new_dot[:, n]) for n, i in enumerate(left)}
    cache.add(fresh)
    for i, pair in held.items():
        h[:, i], h_dot[:, i] = fresh[float(p[i])] if pair is None else pair
    envelope = np.maximum(_envelope(h), _envelope(h_dot))
    if layer.smoothness >= 1:
        _by_parts(h, h_dot, p)
    return MehlerSeries(h, h_dot, envelope, ready | within)


def _by_parts(h: Array, h_dot: Array, p: Array) -> None:
    """Replace h_dot by p h_dot_k = √(k+1) h_{k+1} where φ' is a peak or a step narrow beside p: h has more digits there."""
    steep = np.nonzero(_STEEP * _norm(h) < p * _norm(h_dot))[0]
    k = np.arange(1, MOST)[:, None]
    h_dot[:-1, steep] = np.sqrt(k) * h[1:, steep] / p[steep]


def _norm(h: Array) -> Array:
    """√Σh² of each column, without underflow of the squares."""
    top = np.abs(h).max(axis=0)
    out: Array = top * np.sqrt(np.sum((h / np.where(top > 0, top, 1.0)) ** 2, axis=0))
    return out


def _envelope(h: Array) -> Array:
    norm = _norm(h)
    relative = np.abs(h) / np.where(norm > 0, norm, 1.0)
    out: Array = np.maximum.accumulate(relative.max(axis=1, initial=0.0)[::-1])[::-1]
    return out


def _length(envelope: Array, rho: float) -> int:
    """Number of terms that suffices for every pair with |ρ| ≤ rho, or MOST + 1."""
    k = np.arange(MOST)
    short = np.nonzero(envelope * rho**k > TAIL * np.maximum(1.0 - rho, 1.0 / (k + 1)))[0]
    return int(short[-1]) + 2 if len(short) else 1


def _sum(h: Array, h2: Array, i: Indices, j: Indices, rho: Array, length: int) -> Array:
    out: Array = h[length - 1, i] * h2[length - 1, j]
    for k in range(length - 2, -1, -1):
        out *= rho
        out += h[k, i] * h2[k, j]
    return out


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def pairs(first: MehlerSeries, second: MehlerSeries, i: Indices, j: Indices, rho: Array) -> tuple[Array, Array, Mask]:
    """K and K_dot of the pairs (i, j) at correlation rho, and the mask of the pairs whose series converges."""
    K, K_dot = np.zeros_like(rho), np.zeros_like(rho)
    converges = first.available[i] & second.available[j]
    envelope = first.envelope * second.envelope
    which = np.searchsorted(_BINS, np.abs(rho) - 1e-12)
    for bin_ in np.unique(which):
        length = _length(envelope, float(_BINS[min(bin_, len(_BINS) - 1)]))
        if length > MOST:
            converges &= which != bin_
            continue
        m = np.nonzero(which == bin_)[0]
        K[m] = _sum(first.h, second.h, i[m], j[m], rho[m], length)
        K_dot[m] = _sum(first.h_dot, second.h_dot, i[m], j[m], rho[m], length)
    return K, K_dot, converges


def resolves_PQ_minus_K(first: MehlerSeries, second: MehlerSeries) -> bool:
    """Whether the coefficients of both sides decay by themselves, so that `PQ_minus_K` may be summed."""
    return _PQ_minus_K_length(first, second) <= MOST


def _PQ_minus_K_length(first: MehlerSeries, second: MehlerSeries) -> int:
    """Number of terms of `PQ_minus_K`, which contains the squares of either side's coefficients, not only their products."""
    return _length(np.maximum(first.envelope, second.envelope) ** 2, 1.0)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def PQ_minus_K(
    first: MehlerSeries, second: MehlerSeries, i: Indices, j: Indices, s: Array, P: Array, Q: Array
) -> Array:
    """PQ − K without cancellation, as θ → 0 or as φ becomes a constant:

    PQ [½ Σ (h_k/P − h'_k/Q)² + Σ h_k h'_k/(PQ) (1 − ρ^k)].
    """
    rho = 1 - 2 * s * s
    near, log_rho = rho > 0.5, np.log1p(-2 * s * s)
    out = np.zeros_like(s)
    for k in range(_PQ_minus_K_length(first, second)):
        hp, hq = first.h[k, i] / P, second.h[k, j] / Q
        out += 0.5 * (hp - hq) ** 2 + hp * hq * np.where(near, -np.expm1(k * log_rho), 1 - rho**k)
    return P * Q * out
