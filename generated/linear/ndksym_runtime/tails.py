"""Expectations whose integrand is large only far out in the normal density, because φ is small or 0 where u is likely.

The panels lie where the integrand is large, not where the density is. Each is no wider than the distance over which the
density falls by a fixed factor; those where a few samples are e^{−50} of the largest are left out. So a value of 1e−200
has its digits.
"""

from dataclasses import dataclass, replace

import numpy as np

from .errors import NotDerivableError
from .panels import ActivationPanels
from .quadrature import (
    SUMS,
    GaussianPair,
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
from .types import Array, Indices, NumericLayer

END = 38.6
"""e^{−END²/2} is the smallest positive number."""
_FALL = 8.0
"""Exponent by which an integrand may fall over one panel: 16 nodes resolve that to rounding."""
_DEPTH = 50.0
_LEFT = 1e-9
"""Root of the share of a second moment that may lie outside the panels."""
_LEAST = -740.0
"""e^_LEAST is nearly the smallest positive number."""
_SAMPLES = np.array([0.05, 0.5, 0.95])
_ROUNDS = 12
_ROWS = 256
"""Outer nodes that are evaluated together."""


def _grid() -> Array:
    """Edges on [0, END] between which the density falls by no more than e^{−_FALL}."""
    out = [0.0]
    while out[-1] < END:
        z = out[-1]
        out.append(z + min(2.5, _FALL / (0.5 * z + np.sqrt(0.25 * z * z + 0.5 * _FALL))))
    return np.array([*out[:-1], END])


GRID = np.concatenate([-_grid()[:0:-1], _grid()])


@dataclass(frozen=True)
class Integrand:
    """φ and φ' of one pair, with φ relative to the norms P and Q of `at` (1 where the true norms are 0)."""

    layer: NumericLayer
    panels: ActivationPanels
    at: GaussianPair

    def v(self, z1: Array, z2: Array) -> Array:
        """q (cos θ z1 + sin θ z2)."""
        return self.at.q * (self.at.cos * z1 + self.at.sin * z2)


@np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")
def single(layer: NumericLayer, panels: ActivationPanels, p: float) -> tuple[float, float]:
    """√E φ(u)² and √E φ'(u)² at norm p, whatever the size of their squares."""
    check_reach(panels, p)
    end = min(END, panels.reach / p) if p > 0 else END
    edges = np.unique(np.clip(np.concatenate([GRID, panels.edges / p if p > 0 else np.zeros(0)]), -end, end))
    z, w = on_panels(edges[:-1], edges[1:])
    lengths = length(w, layer.phi(p * z)), length(w, slope(layer, p * z))
    if end < END:
        last, fall = np.array([-p * end, p * end]), np.exp(-0.25 * end * end)
        functions = zip((layer.phi, layer.dphi), lengths, strict=True)
        if any((np.abs(f(last)) * fall > _LEFT * x).any() for f, x in functions):
            raise NotDerivableError(
                f"{layer.name} grows so fast that its kernel at variance {p * p:.3g} lives where |u| > {panels.reach:.3g}, "
                "which the numeric rule does not resolve. Use smaller inputs, variance or bias, or fewer layers"
            )
    return lengths


@np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")
def double(layer: NumericLayer, panels: ActivationPanels, pair: GaussianPair) -> PairExpectation:
    """The expectations of `quadrature.double`, wherever the integrands are large."""
    check_reach(panels, max(pair.p, pair.q))
    of = Integrand(layer, panels, replace(pair, P=pair.P or 1.0, Q=pair.Q or 1.0))
    lo, hi = _outer(of)
    sums = np.zeros(SUMS)
    z1, w1 = (x.ravel() for x in on_panels(lo, hi))
    for start in range(0, len(z1), _ROWS):
        part = slice(start, start + _ROWS)
        sums += _inner(of, z1[part], w1[part])
    return pair_expectation(pair, sums)


def _outer(of: Integrand) -> tuple[Array, Array]:
    """Panels in z1, so narrow that over one of them the maximum of each integrand falls by at most e^{−_FALL}."""
    edges = outer_edges(of.panels, of.at)
    end = min(END, of.panels.reach / of.at.p) if of.at.p > 0 else END
    edges = np.unique(np.clip(np.concatenate([GRID, edges]), -end, end))
    lo, hi = edges[:-1], edges[1:]
    top = np.full((4, 1, 1), _LEAST)
    done: list[tuple[Array, Array]] = []
    for n in range(_ROUNDS):
        z = lo + (hi - lo) * _SAMPLES[:, None]
        sampled = _largest(of, z.ravel()).reshape(4, *z.shape)
        top = np.maximum(top, sampled.max(axis=(1, 2), initial=_LEAST)[:, None, None])
        sampled[top[:, 0, 0] == _LEAST] = -np.inf
        relative = np.maximum(sampled - top, -_DEPTH - 2 * _FALL)
        counts = (relative > -_DEPTH).any(axis=(0, 1))
        fall = (relative.max(axis=1) - relative.min(axis=1)).max(axis=0)
        split = counts & (fall > _FALL) & (n < _ROUNDS - 1)
        done.append((lo[counts & ~split], hi[counts & ~split]))
        middle = 0.5 * (lo[split] + hi[split])
        lo, hi = np.concatenate([lo[split], middle]), np.concatenate([middle, hi[split]])
        if not len(lo):
            break
    return np.concatenate([x for x, _ in done]), np.concatenate([x for _, x in done])


def _inner_panels(of: Integrand, z1: Array) -> tuple[Array, Array, Indices, Indices]:
    """Ends of the panels in z2 for each z1, the z1 to which each belongs, and where the panels of each z1 begin."""
    cuts = (of.panels.edges / of.at.q - of.at.cos * z1[:, None]) / of.at.sin
    grid = np.broadcast_to(GRID, (len(z1), len(GRID)))
    edges = np.sort(np.clip(np.concatenate([cuts, grid], axis=1), -END, END), axis=1)
    rows, columns = np.nonzero(np.diff(edges, axis=1) > 0)
    return edges[rows, columns], edges[rows, columns + 1], rows, np.searchsorted(rows, np.arange(len(z1)))


def _sizes(of: Integrand, z1: Array, z2: Array) -> Array:
    """|φφ|, |φ'φ'|, φ(u)² and φ(v)² times the density; the largest along the first axis: (4, …)."""
    u, v = of.at.p * z1, of.v(z1, z2)
    density = np.exp(-0.5 * (z1 * z1 + z2 * z2))
    f1, f2 = of.layer.phi(u) / of.at.P, of.layer.phi(v) / of.at.Q
    both = f1 * f2, slope(of.layer, u) * slope(of.layer, v), f1 * f1, f2 * f2
    out = np.stack([np.fmax.reduce(np.abs(density * each), axis=0) for each in both])
    sizes: Array = np.nan_to_num(out, copy=False, posinf=0.0)
    return sizes


def _largest(of: Integrand, z1: Array) -> Array:
    """The logarithm of the maximum of each integrand over z2, for each z1; _LEAST if that is 0."""
    out = np.zeros((4, len(z1)))
    if of.at.sin * of.at.q == 0.0:
        out = _sizes(of, z1[None], np.zeros((1, len(z1))))
    else:
        for start in range(0, len(z1), _ROWS):
            part = z1[start : start + _ROWS]
            lo, hi, rows, begins = _inner_panels(of, part)
            sampled = _sizes(of, part[rows], lo + (hi - lo) * _SAMPLES[:, None])
            out[:, start : start + _ROWS] = np.maximum.reduceat(sampled, begins, 1)
    logarithms: Array = np.log(np.maximum(out, np.exp(_LEAST)))
    return logarithms


def _inner(of: Integrand, z1: Array, w1: Array) -> Array:
    """The sums over z2 of `quadrature.summed`, for some of the outer nodes."""
    if of.at.sin * of.at.q == 0.0:
        rows, z2, w = np.arange(len(z1))[:, None], np.zeros((len(z1), 1)), w1[:, None]
    else:
        lo, hi, rows, begins = _inner_panels(of, z1)
        sampled = _sizes(of, z1[rows], lo + (hi - lo) * _SAMPLES[:, None])
        top = np.maximum.reduceat(sampled, begins, 1)[:, rows]
        visible = (sampled > np.exp(-_DEPTH) * top).any(axis=0)
        z2, w2 = on_panels(lo[visible], hi[visible])
        w, rows = w1[rows[visible], None] * w2, rows[visible, None]
    u, v = of.at.p * z1, of.v(z1[rows], z2)
    g1, g2 = (of.layer.phi(u) / of.at.P)[rows], of.layer.phi(v) / of.at.Q
    slopes = slope(of.layer, u)[rows], slope(of.layer, v)
    return summed(Nodes((g1, g2), slopes, (z1[rows], z2), w), of.at)
