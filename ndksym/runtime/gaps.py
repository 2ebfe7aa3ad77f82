"""PQ − K of nearly parallel outputs, without subtracting: what the next layer's angle is made of.

Two ways, each saying for which pairs it holds: the Mehler series where it dies out by itself, and Price's theorem,
PQ − K(θ) = [PQ − K(0)] + pq ∫_0^θ K_dot sin θ' dθ', where K_dot has a closed form. PQ − K(0) = PQ E(φ(pz)/P −
φ(qz)/Q)²/2.
"""

import numpy as np
from numpy.typing import NDArray

from ndksym.runtime import mehler, quadrature
from ndksym.runtime.rows import Rows, kept
from ndksym.runtime.types import Array

_COARSE, _FINE = 8, 12
_AGREE = 1e-13
_NARROWEST = 0.5

Indices = NDArray[np.intp]
Found = tuple[Array, NDArray[np.bool_]]


def by_series(first: Rows, second: Rows, i: Indices, j: Indices, s: Array, k: Array) -> Found:
    """By the Mehler series of an analytic φ."""
    nothing = np.zeros_like(s), np.zeros(len(s), dtype=bool)
    if first.rule.layer.breaks or not mehler.resolves_gap(first.series, second.series):
        return nothing
    done = (s < _NARROWEST) & first.series.found[i] & second.series.found[j]
    out = np.zeros_like(s)
    out[done] = mehler.gap(first.series, second.series, i[done], j[done], s[done], first.P[i[done]], second.P[j[done]])
    return out, done


def by_price(first: Rows, second: Rows, i: Indices, j: Indices, s: Array, k: Array) -> Found:
    """By Price's theorem; held to where two Gauss rules in θ agree, since K_dot may bend on a finer scale than θ."""
    layer = first.rule.layer
    if not layer.closed or layer.smoothness < 1:
        return np.zeros_like(s), np.zeros(len(s), dtype=bool)
    p, q = first.p[i], second.p[j]
    angle = 2 * np.arctan2(s, k)
    done = angle < _NARROWEST
    areas = []
    for nodes in (_COARSE, _FINE):
        x, w = quadrature.legendre(nodes)
        half = 0.25 * angle[:, None] * (1 + x)
        sin, cos = np.sin(half), np.cos(half)
        full = np.broadcast_to((p * q)[:, None], half.shape)
        with np.errstate(all="ignore"):
            P, Q = np.broadcast_to(p[:, None], half.shape), np.broadcast_to(q[:, None], half.shape)
            K_dot, size = layer.pair(P, Q, full * (cos - sin) * (cos + sin), sin, cos)[2:4]
            done &= kept(K_dot, size).all(axis=1)
            areas.append(p * q * angle * ((K_dot * sin * cos) @ w))
    with np.errstate(invalid="ignore"):
        done &= np.abs(areas[0] - areas[1]) <= _AGREE * np.abs(areas[1])
    out = areas[1]
    unequal = done & (p != q) & (layer.homogeneity is None)
    for m in np.nonzero(unequal)[0]:
        out[m] += quadrature.radial_gap(layer, first.rule.panels, p[m], q[m], first.P[i[m]], second.P[j[m]])
    return out, done
