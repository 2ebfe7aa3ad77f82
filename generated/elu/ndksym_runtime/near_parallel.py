"""PQ − K of nearly parallel outputs without subtraction. The next layer's angle is computed from it.

There are two rules, and each says for which pairs it holds: the Mehler series, where its coefficients decay by themselves,
and Price's theorem, PQ − K(θ) = [PQ − K(0)] + pq ∫_0^θ K_dot sin θ' dθ', where K_dot has a closed form. Here
PQ − K(0) = PQ E(φ(pz)/P − φ(qz)/Q)²/2.
"""

import numpy as np

from . import mehler, quadrature
from .preactivations import Preactivations, is_well_conditioned
from .types import Array, Indices, Mask, NumericLayer

_STRAIGHT, _BENT = (8, 12), (24, 32)
"""Nodes of the two Gauss rules: for a K_dot that varies on the scale of θ only, and for one that also varies nearer to 0."""
_UNSEEN = 1e-6
"""A scale this small relative to θ is ignored: its share of the integral is of higher than second order."""
_AGREE = 1e-13
_WIDEST = 2.0
"""Largest angle at which Price's integral is tried. Beyond it outputs are hardly ever parallel, and K_dot varies fast again."""

Result = tuple[Array, Mask]
"""PQ − K, and the pairs for which it is right."""


def by_series(first: Preactivations, second: Preactivations, i: Indices, j: Indices, s: Array, k: Array) -> Result:
    """By the Mehler series of an analytic φ."""
    nothing = np.zeros_like(s), np.zeros(len(s), dtype=bool)
    if first.rules.layer.breaks:
        return nothing
    # the row of the largest norm has the longest series: if that does not decay, no other row need be integrated
    widest = i[[np.argmax(first.p[i])]], j[[np.argmax(second.p[j])]]
    for one, other in (widest, (i, j)):
        if not mehler.resolves_PQ_minus_K(first.series(one), second.series(other)):
            return nothing
    done = first.series(i).available[i] & second.series(j).available[j]
    out = np.zeros_like(s)
    out[done] = mehler.PQ_minus_K(
        first.series(i), second.series(j), i[done], j[done], s[done], first.P[i[done]], second.P[j[done]]
    )
    return out, done


def by_price(first: Preactivations, second: Preactivations, i: Indices, j: Indices, s: Array, k: Array) -> Result:
    """By Price's theorem. A result is accepted if two Gauss rules in θ agree: K_dot may vary on a finer scale than θ."""
    layer, panels = first.rules.layer, first.rules.panels
    out, done = np.zeros_like(s), np.zeros(len(s), dtype=bool)
    if not layer.closed or layer.smoothness < 1:
        return out, done
    p, q = first.p[i], second.p[j]
    angle = 2 * np.arctan2(s, k)
    # u and v cross a centre τ of φ at τ/p and τ/q. K_dot varies where θ is about the distance of these two points, and
    # a rule without a node there does not see it
    bend = np.abs(panels.centres).max(initial=0.0) * np.abs(p - q) / (p * q)
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
    done &= ~unequal | quadrature.follows(panels, np.maximum(p, q))
    unequal &= done
    out[unequal] += quadrature.radial_PQ_minus_K(
        layer, panels, p[unequal], q[unequal], first.P[i[unequal]], second.P[j[unequal]]
    )
    return out, done


def _area(layer: NumericLayer, p: Array, q: Array, angle: Array, stretch: Array, nodes: int) -> Result:
    """pq ∫_0^θ K_dot sin θ' dθ' by a Gauss rule in x, θ' = θ sinh(Xx)/sinh X, and where K_dot is well conditioned."""
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
