"""PQ − K of nearly parallel outputs, without subtracting: what the next layer's angle is made of.

Two ways, each saying for which pairs it holds: the Mehler series where it dies out by itself, and Price's theorem,
PQ − K(θ) = [PQ − K(0)] + pq ∫_0^θ K_dot sin θ' dθ', where K_dot has a closed form. PQ − K(0) = PQ E(φ(pz)/P −
φ(qz)/Q)²/2.
"""

import numpy as np
from numpy.typing import NDArray

from . import mehler, quadrature
from .preactivations import Preactivations, is_well_conditioned
from .types import Array, NumericLayer

_STRAIGHT, _BENT = (8, 12), (24, 32)
"""Nodes of the two rules, for a K_dot that bends with θ only, and for one that also bends much nearer to 0."""
_UNSEEN = 1e-6
"""A bend this near to 0, relative to θ, does not count: its share of the integral is of higher than second order."""
_AGREE = 1e-13
_WIDEST = 2.0
"""Angle up to which Price's integral is tried: beyond it, where outputs are hardly ever parallel, K_dot bends again."""

Indices = NDArray[np.intp]
Found = tuple[Array, NDArray[np.bool_]]


def by_series(first: Preactivations, second: Preactivations, i: Indices, j: Indices, s: Array, k: Array) -> Found:
    """By the Mehler series of an analytic φ."""
    nothing = np.zeros_like(s), np.zeros(len(s), dtype=bool)
    if first.rule.layer.breaks:
        return nothing
    # the longest row has the longest series: where it does not die out, no other row need be integrated
    widest = i[[np.argmax(first.p[i])]], j[[np.argmax(second.p[j])]]
    for one, other in (widest, (i, j)):
        if not mehler.resolves_PQ_minus_K(first.series(one), second.series(other)):
            return nothing
    done = first.series(i).found[i] & second.series(j).found[j]
    out = np.zeros_like(s)
    out[done] = mehler.PQ_minus_K(
        first.series(i), second.series(j), i[done], j[done], s[done], first.P[i[done]], second.P[j[done]]
    )
    return out, done


def by_price(first: Preactivations, second: Preactivations, i: Indices, j: Indices, s: Array, k: Array) -> Found:
    """By Price's theorem; held to where two Gauss rules in θ agree, since K_dot may bend on a finer scale than θ."""
    layer = first.rule.layer
    out, done = np.zeros_like(s), np.zeros(len(s), dtype=bool)
    if not layer.closed or layer.smoothness < 1:
        return out, done
    p, q = first.p[i], second.p[j]
    angle = 2 * np.arctan2(s, k)
    # u and v cross a centre τ of φ at τ/p and τ/q: K_dot bends where θ is about their distance, which no rule sees
    # that has no node there
    bend = np.abs(first.rule.panels.centres).max(initial=0.0) * np.abs(p - q) / (p * q)
    bent = (angle > 0) & (bend > _UNSEEN * angle)
    for which, rules in ((~bent, _STRAIGHT), (bent, _BENT)):
        m = np.nonzero(which & (angle < _WIDEST))[0]
        if len(m):
            stretch = np.where(bent[m], np.arcsinh(angle[m] / np.where(bent[m], bend[m], 1.0)), 1.0)
            (coarse, _), (area, fine) = (_area(layer, p[m], q[m], angle[m], stretch, nodes) for nodes in rules)
            with np.errstate(invalid="ignore"):
                done[m] = fine & (np.abs(coarse - area) <= _AGREE * np.abs(area))
            out[m] = area
    unequal = done & (p != q) & (layer.homogeneity is None)
    done &= ~unequal | quadrature.follows(first.rule.panels, np.maximum(p, q))
    unequal &= done
    out[unequal] += quadrature.radial_PQ_minus_K(
        layer, first.rule.panels, p[unequal], q[unequal], first.P[i[unequal]], second.P[j[unequal]]
    )
    return out, done


def _area(layer: NumericLayer, p: Array, q: Array, angle: Array, stretch: Array, nodes: int) -> Found:
    """pq ∫_0^θ K_dot sin θ' dθ' by a Gauss rule in x, θ' = θ sinh(Xx)/sinh X, and where K_dot kept its digits."""
    x, w = quadrature.legendre(nodes)
    stretch = np.where(stretch > 0, stretch, 1.0)  # at θ = 0 there is nothing to stretch
    steep = 0.5 * stretch[:, None] * (1 + x)
    half = 0.5 * (angle / np.sinh(stretch))[:, None] * np.sinh(steep)
    sin, cos = np.sin(half), np.cos(half)
    P, Q = (np.broadcast_to(norm[:, None], half.shape) for norm in (p, q))
    with np.errstate(all="ignore"):
        K_dot, size = layer.pair(P, Q, P * Q * (cos - sin) * (cos + sin), sin, cos)[2:4]
        rate = angle * stretch / np.sinh(stretch)
        area: Array = p * q * rate * ((K_dot * sin * cos * np.cosh(steep)) @ w)
    return area, np.asarray(is_well_conditioned(K_dot, size).all(axis=1))
