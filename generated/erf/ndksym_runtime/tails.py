"""Expectations that live far out in the normal density, where φ is small or 0 on all that is likely.

Panels lie where the integrand does, not where the density does: each is no wider than the density's own fall there, and
those where a few samples are e^{−50} of the largest are left out. So a value of 1e−200 has its digits.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import NotDerivableError
from .panels import ActivationPanels
from .quadrature import (
    SUMS,
    Nodes,
    PairExpectation,
    check_reach,
    length,
    on_panels,
    outer_edges,
    pair_expectation,
    slope,
    summed,
)
from .types import Array, NumericLayer

END = 38.6
"""e^{−END²/2} is the smallest number there is."""
_FALL = 8.0
"""Exponent by which an integrand may fall over one panel: 16 nodes resolve that to rounding."""
_DEPTH = 50.0
_LEFT = 1e-9
"""Root of the share of a second moment that may lie beyond the reach of the panels."""
_LEAST = -740.0
"""e^_LEAST is the least positive number, nearly."""
_SAMPLES = np.array([0.05, 0.5, 0.95])
_ROUNDS = 12
_ROWS = 256
"""Outer nodes at once."""


def _grid() -> Array:
    """Edges on [0, END] between which the density falls by no more than e^{−_FALL}."""
    out = [0.0]
    while out[-1] < END:
        z = out[-1]
        out.append(z + min(2.5, _FALL / (0.5 * z + np.sqrt(0.25 * z * z + 0.5 * _FALL))))
    return np.array([*out[:-1], END])


GRID = np.concatenate([-_grid()[:0:-1], _grid()])


@dataclass(frozen=True)
class Pair:
    """φ and φ' relative to their norms P, Q (or to 1 where those are 0), at u = p z1 and v = q (cos z1 + sin z2)."""

    layer: NumericLayer
    panels: ActivationPanels
    p: float
    q: float
    cos: float
    sin: float
    P: float
    Q: float


@np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")
def single(layer: NumericLayer, panels: ActivationPanels, p: float) -> tuple[float, float]:
    """√E φ(u)² and √E φ'(u)² at norm p, however small or large their squares are."""
    check_reach(panels, p)
    end = min(END, panels.reach / p) if p > 0 else END
    edges = np.unique(np.clip(np.concatenate([GRID, panels.edges / p if p > 0 else np.zeros(0)]), -end, end))
    z, w = on_panels(edges[:-1], edges[1:])
    found = length(w, layer.phi(p * z)), length(w, slope(layer, p * z))
    if end < END:
        last, fall = np.array([-p * end, p * end]), np.exp(-0.25 * end * end)
        if any((np.abs(f(last)) * fall > _LEFT * x).any() for f, x in zip((layer.phi, layer.dphi), found, strict=True)):
            raise NotDerivableError(
                f"{layer.name} grows so fast that its kernel at variance {p * p:.3g} lives where |u| > {panels.reach:.3g}, "
                "which the numeric rule does not resolve. Use smaller inputs, variance or bias, or fewer layers"
            )
    return found


@np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")
def double(
    layer: NumericLayer, panels: ActivationPanels, p: float, q: float, s: float, k: float, P: float, Q: float
) -> PairExpectation:
    """As quadrature.double, wherever the integrands live."""
    check_reach(panels, max(p, q))
    pair = Pair(layer, panels, p, q, (k - s) * (k + s), 2 * s * k, P or 1.0, Q or 1.0)
    lo, hi = _outer(pair)
    sums = np.zeros(SUMS)
    z1, w1 = (x.ravel() for x in on_panels(lo, hi))
    for start in range(0, len(z1), _ROWS):
        part = slice(start, start + _ROWS)
        sums += _inner(pair, z1[part], w1[part])
    return pair_expectation(p, q, pair.sin, P, Q, sums)


def _outer(pair: Pair) -> tuple[Array, Array]:
    """Panels in z1, so narrow that the largest of each integrand falls by _FALL at most over one of them."""
    edges = outer_edges(pair.panels, pair.p, pair.q, pair.cos, pair.sin)
    end = min(END, pair.panels.reach / pair.p) if pair.p > 0 else END
    edges = np.unique(np.clip(np.concatenate([GRID, edges]), -end, end))
    lo, hi = edges[:-1], edges[1:]
    top = np.full((4, 1, 1), _LEAST)
    done: list[tuple[Array, Array]] = []
    for n in range(_ROUNDS):
        z = lo + (hi - lo) * _SAMPLES[:, None]
        found = _largest(pair, z.ravel()).reshape(4, *z.shape)
        top = np.maximum(top, found.max(axis=(1, 2), initial=_LEAST)[:, None, None])
        found[top[:, 0, 0] == _LEAST] = -np.inf
        relative = np.maximum(found - top, -_DEPTH - 2 * _FALL)
        counts = (relative > -_DEPTH).any(axis=(0, 1))
        fall = (relative.max(axis=1) - relative.min(axis=1)).max(axis=0)
        split = counts & (fall > _FALL) & (n < _ROUNDS - 1)
        done.append((lo[counts & ~split], hi[counts & ~split]))
        middle = 0.5 * (lo[split] + hi[split])
        lo, hi = np.concatenate([lo[split], middle]), np.concatenate([middle, hi[split]])
        if not len(lo):
            break
    return np.concatenate([x for x, _ in done]), np.concatenate([x for _, x in done])


def _inner_panels(pair: Pair, z1: Array) -> tuple[Array, Array, NDArray[np.intp], NDArray[np.intp]]:
    """Ends of the panels in z2 for each z1, which z1 each belongs to, and where those of each z1 begin."""
    cuts = (pair.panels.edges / pair.q - pair.cos * z1[:, None]) / pair.sin
    grid = np.broadcast_to(GRID, (len(z1), len(GRID)))
    edges = np.sort(np.clip(np.concatenate([cuts, grid], axis=1), -END, END), axis=1)
    rows, columns = np.nonzero(np.diff(edges, axis=1) > 0)
    return edges[rows, columns], edges[rows, columns + 1], rows, np.searchsorted(rows, np.arange(len(z1)))


def _sizes(pair: Pair, z1: Array, z2: Array) -> Array:
    """|φφ|, |φ'φ'|, φ(u)² and φ(v)² times the density, the largest along the first axis: (4, …)."""
    u, v = pair.p * z1, pair.q * (pair.cos * z1 + pair.sin * z2)
    density = np.exp(-0.5 * (z1 * z1 + z2 * z2))
    f1, f2 = pair.layer.phi(u) / pair.P, pair.layer.phi(v) / pair.Q
    both = f1 * f2, slope(pair.layer, u) * slope(pair.layer, v), f1 * f1, f2 * f2
    out = np.stack([np.fmax.reduce(np.abs(density * each), axis=0) for each in both])
    sizes: Array = np.nan_to_num(out, copy=False, posinf=0.0)
    return sizes


def _largest(pair: Pair, z1: Array) -> Array:
    """The logarithm of the largest of each integrand over z2, for each z1; _LEAST where that is 0."""
    out = np.zeros((4, len(z1)))
    if pair.sin * pair.q == 0.0:
        out = _sizes(pair, z1[None], np.zeros((1, len(z1))))
    else:
        for start in range(0, len(z1), _ROWS):
            part = z1[start : start + _ROWS]
            lo, hi, rows, begins = _inner_panels(pair, part)
            found = _sizes(pair, part[rows], lo + (hi - lo) * _SAMPLES[:, None])
            out[:, start : start + _ROWS] = np.maximum.reduceat(found, begins, 1)
    logarithms: Array = np.log(np.maximum(out, np.exp(_LEAST)))
    return logarithms


def _inner(pair: Pair, z1: Array, w1: Array) -> Array:
    """Σ over z2 of what Moments holds, for some of the outer nodes."""
    if pair.sin * pair.q == 0.0:
        rows, z2, w = np.arange(len(z1))[:, None], np.zeros((len(z1), 1)), w1[:, None]
    else:
        lo, hi, rows, begins = _inner_panels(pair, z1)
        found = _sizes(pair, z1[rows], lo + (hi - lo) * _SAMPLES[:, None])
        top = np.maximum.reduceat(found, begins, 1)[:, rows]
        kept = (found > np.exp(-_DEPTH) * top).any(axis=0)
        z2, w2 = on_panels(lo[kept], hi[kept])
        w, rows = w1[rows[kept], None] * w2, rows[kept, None]
    u, v = pair.p * z1, pair.q * (pair.cos * z1[rows] + pair.sin * z2)
    g1, g2 = (pair.layer.phi(u) / pair.P)[rows], pair.layer.phi(v) / pair.Q
    slopes = slope(pair.layer, u)[rows], slope(pair.layer, v)
    nodes = Nodes((g1, g2), slopes, (z1[rows], z2), w)
    return summed(nodes, pair.p, pair.q, pair.cos, pair.sin, pair.P, pair.Q)
