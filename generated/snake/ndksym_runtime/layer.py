"""One layer, evaluated: the dual kernel of many pairs at once, each by the cheapest rule that is right for it.

closed form where its terms do not cancel → Mehler series where it is done in time → quadrature, which is always right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import mehler, near_parallel, quadrature, tails
from .preactivations import CANCELLATION, Preactivations, is_well_conditioned
from .types import Array, NumericLayer
from .wide import Number

NARROW = 0.02
"""Below this, relative to PQ, PQ ∓ K is not formed by subtraction: a deep network may amplify whatever is lost."""
_SHARE = 1e-3
"""E|φφ|/PQ below which the usual panels need not hold most of it."""
_ALTERNATING = -0.2
"""From this ρ down an alternating series may cancel; closer to 0 its first terms dominate."""


@dataclass(frozen=True)
class Pairs:
    """Pairs (i, j) of rows: covariance c, half-angle s = sin θ/2 and k = cos θ/2, each to full relative precision."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    c: Number
    s: Array
    k: Array


@dataclass(frozen=True)
class Values:
    """K, K_dot and PQ − K, PQ + K of every pair; P, Q are the norms after the activation."""

    K: Number
    K_dot: Number
    PQ_minus_K: Number
    PQ_plus_K: Number


def evaluate(first: Preactivations, second: Preactivations, pairs: Pairs, last: bool, rough: bool = False) -> Values:
    """The dual kernel of all pairs; the `last` layer hands no PQ ∓ K on, so there they may lose digits.

    Each of K and K_dot is right relative to itself, or, if `rough`, to what it is where the two inputs are one.
    """
    layer = first.rule.layer
    s, k, K_sign, K_dot_sign, flip = unfold(layer, pairs, pairs.c < 0)
    c = np.where(flip, -pairs.c, pairs.c)
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    K, K_dot, PQ_minus_K = (np.zeros_like(s) for _ in range(3))
    needs_fallback = np.ones(len(s), dtype=bool)
    settled_PQ_minus_K = np.zeros(len(s), dtype=bool)
    if layer.closed:
        with np.errstate(all="ignore"):
            K, K_size, K_dot, K_dot_size, extra, extra_size = layer.pair(p, q, c, s, k)
            K, K_dot = np.array(K, dtype=float), np.array(K_dot, dtype=float)
            # an infinite K has left float64, as the truth has: no other rule would bring it back
            # a sum that cancels stands where the last digit of c, or of the angle, moves it as far
            moved = np.minimum(np.abs(c), 2 * s * k * p * q) * np.abs(K_dot)
            least = P * Q if rough else 0.0
            least_dot = np.sqrt(first.K_dot[pairs.i] * second.K_dot[pairs.j]) if rough else 0.0
            settled = is_well_conditioned(np.maximum(np.abs(K), moved) + least, K_size)
            needs_fallback = ~(settled & is_well_conditioned(np.abs(K_dot) + least_dot, K_dot_size)) & ~np.isinf(K)
            if extra is not None:
                PQ_minus_K, settled_PQ_minus_K, settled = _separation(
                    first, p, q, P, Q, (K, K_size), K_dot, (extra, extra_size)
                )
                needs_fallback &= ~settled
    same = (s == 0.0) & (p == q)
    K[same], K_dot[same] = first.K[pairs.i[same]], first.K_dot[pairs.i[same]]
    needs_fallback &= ~same
    settled_PQ_minus_K |= same
    rho = (k - s) * (k + s)
    # far from ±1 the covariance knows it better: of a small one the half-angles have no digits
    rho = np.where(np.abs(rho) < 0.5, c / np.where(p * q > 0, p * q, 1.0), rho)
    K, K_dot = _series(first, second, pairs, rho, needs_fallback, K, K_dot)
    with np.errstate(over="ignore", invalid="ignore"):
        PQ_minus_K = np.where(settled_PQ_minus_K, PQ_minus_K, P * Q - K)
        PQ_plus_K = P * Q + K
        narrow = (np.minimum(PQ_minus_K, PQ_plus_K) < NARROW * P * Q) & ~settled_PQ_minus_K & (not last)
    left = narrow & ~needs_fallback
    for rule in (near_parallel.by_series, near_parallel.by_price):
        m = np.nonzero(left & (PQ_minus_K < PQ_plus_K))[0]
        if len(m):
            found, done = rule(first, second, pairs.i[m], pairs.j[m], s[m], k[m])
            PQ_minus_K[m[done]] = found[done]
            left[m[done]] = False
    if layer.closed:  # beyond the panels' reach only the closed form is left, and an ulp of c moves PQ ∓ K as much
        left &= quadrature.follows(first.rule.panels, np.maximum(p, q)) | needs_fallback
    for n in np.nonzero(needs_fallback | left)[0]:
        norms, angle = (float(p[n]), float(q[n])), (float(s[n]), float(k[n]))
        lengths = float(P[n]), float(Q[n])
        expected = expectation(first, second, int(pairs.i[n]), int(pairs.j[n]), (*norms, *angle, *lengths))
        PQ_minus_K[n], PQ_plus_K[n] = expected.PQ_minus_K, expected.PQ_plus_K
        if needs_fallback[n]:
            K[n], K_dot[n] = expected.K, expected.K_dot
    PQ_minus_K, PQ_plus_K = np.maximum(PQ_minus_K, 0.0), np.maximum(PQ_plus_K, 0.0)
    if layer.parity == "odd":
        PQ_minus_K, PQ_plus_K = np.where(flip, PQ_plus_K, PQ_minus_K), np.where(flip, PQ_minus_K, PQ_plus_K)
    return Values(K_sign * K, K_dot_sign * K_dot, PQ_minus_K, PQ_plus_K)


Where = tuple[float, float, float, float, float, float]
"""p, q, s, k, P, Q."""


def expectation(
    first: Preactivations, second: Preactivations, i: int, j: int, where: Where
) -> quadrature.PairExpectation:
    """One pair by quadrature, in the tails where φφ lives there."""
    layer, panels = first.rule.layer, first.rule.panels
    if not (first.deep(i) or second.deep(j)):
        found = quadrature.double(layer, panels, *where)
        if found.size > _SHARE or 0.0 in where[:2] or 0.0 in where[4:]:
            return found
    return tails.double(layer, panels, *where)


def _separation(
    first: Preactivations,
    p: Array,
    q: Array,
    P: Array,
    Q: Array,
    K: tuple[Array, Array],
    K_dot: Array,
    extra: tuple[Array, Array],
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """PQ − K by its own closed form or as ½[E(φ(u) − φ(v))² − (P − Q)²], where it is right, and where K is settled.

    Beyond the reach of the panels no other rule is left. There a sum that cancels is accepted if it loses no more than
    an ulp of c costs, which moves K by pq K_dot ulp; an ulp of P or Q moves (P − Q)² likewise.
    """
    layer = first.rule.layer
    sound = is_well_conditioned(*extra)
    if layer.extra == "PQ_minus_K":
        return np.where(sound, extra[0], 0.0), sound, np.zeros_like(sound)
    PQ_minus_K = 0.5 * (extra[0] - (P - Q) ** 2)
    far = ~quadrature.follows(first.rule.panels, np.maximum(p, q))
    settled = far & is_well_conditioned(np.abs(K[0]) + p * q * np.abs(K_dot), K[1])
    sound &= far | (CANCELLATION * PQ_minus_K > extra[0])
    return np.where(sound, PQ_minus_K, 0.0), sound, settled


def unfold(
    layer: NumericLayer, pairs: Pairs, obtuse: NDArray[np.bool_]
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """For φ of a parity, ρ < 0 is ρ > 0 with a sign: s, k, the signs of K and K_dot, and where that was done."""
    one = np.ones_like(pairs.s)
    flip = obtuse & (layer.parity is not None)
    s, k = np.where(flip, pairs.k, pairs.s), np.where(flip, pairs.s, pairs.k)
    sign = np.where(flip, -1.0, one)
    K_sign, K_dot_sign = (sign, one) if layer.parity == "odd" else (one, sign)
    return s, k, K_sign, K_dot_sign, flip


def _series(
    first: Preactivations,
    second: Preactivations,
    pairs: Pairs,
    rho: Array,
    needs_fallback: NDArray[np.bool_],
    K: Array,
    K_dot: Array,
) -> tuple[Array, Array]:
    """Fill in what the Mehler series serves; `poor` shrinks to what it does not."""
    m = series_may_serve(first, second, pairs, rho, needs_fallback)
    if len(m):
        i, j = pairs.i[m], pairs.j[m]
        value, slope, served = mehler.pairs(first.series(i), second.series(j), i, j, rho[m])
        scale = first.P[i] * second.P[j]
        served &= series_stands(first, rho[m], value / scale, slope * (first.p[i] * second.p[j] / scale))
        K[m[served]], K_dot[m[served]] = value[served], slope[served]
        needs_fallback[m[served]] = False
    return K, K_dot


def series_may_serve(
    first: Preactivations, second: Preactivations, pairs: Pairs, rho: Array, needs_fallback: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """The poor pairs for which the Mehler series is worth while."""
    m = np.nonzero(needs_fallback & (rho > -0.9) & (rho < 0.996))[0]
    shallow = [
        not (first.deep(i) or second.deep(j)) for i, j in zip(pairs.i[m].tolist(), pairs.j[m].tolist(), strict=True)
    ]
    out: NDArray[np.intp] = m[np.array(shallow, dtype=bool)]
    return out


def series_stands(first: Preactivations, rho: Array, ratio: Array, slope: Array) -> NDArray[np.bool_]:
    """Whether K/PQ and pq K_dot/PQ by the series kept their digits.

    At ρ < 0 the terms of a φ without parity alternate: what is left must not be small, beside what an ulp of c costs.
    """
    small = CANCELLATION * (np.abs(ratio) + np.abs(slope)) < 1
    out: NDArray[np.bool_] = ~(small & (rho < _ALTERNATING) & (first.rule.layer.parity is None))
    return out
