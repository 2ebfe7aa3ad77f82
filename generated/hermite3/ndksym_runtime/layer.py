"""One layer, evaluated: the dual kernel of many pairs at once, each by the cheapest rule that is right for it.

The closed form where its terms do not cancel → the Mehler series where it converges soon → quadrature, always right.
"""

from dataclasses import dataclass

import numpy as np

from . import mehler, near_parallel, quadrature, tails
from .preactivations import CANCELLATION, LayerRules, Preactivations, is_well_conditioned
from .quadrature import GaussianPair, PairExpectation
from .types import Array, Indices, Mask, NumericLayer
from .wide import Number

NARROW = 0.02
"""If PQ ∓ K is less than this share of PQ, it is not formed by subtraction: a deep network may amplify the lost digits."""
_SHARE = 1e-3
"""If E|φφ|/PQ is below this, the usual panels may miss most of it."""
_ALTERNATING = -0.2
"""At ρ below this an alternating series may cancel; nearer to 0 its first terms dominate."""


@dataclass(frozen=True)
class Pairs:
    """Pairs (i, j) of rows: covariance c and half-angles s = sin θ/2, k = cos θ/2, each to full relative precision."""

    i: Indices
    j: Indices
    c: Number
    s: Array
    k: Array


@dataclass(frozen=True)
class Values:
    """K, K_dot, PQ − K and PQ + K of every pair; P and Q are the norms after the activation."""

    K: Number
    K_dot: Number
    PQ_minus_K: Number
    PQ_plus_K: Number


@dataclass(frozen=True)
class Norms:
    """Norms of every pair before the activation, p and q, and after it, P and Q."""

    p: Array
    q: Array
    P: Array
    Q: Array


@dataclass(frozen=True)
class ClosedForm:
    """K, K_dot and the layer's `extra` for every pair by the closed form, each with the sum of its absolute terms."""

    K: Array
    K_size: Array
    K_dot: Array
    K_dot_size: Array
    extra: Array | None
    extra_size: Array | None


def evaluate(first: Preactivations, second: Preactivations, pairs: Pairs, last: bool, rough: bool = False) -> Values:
    """The dual kernel of all pairs. PQ ∓ K of the `last` layer is not used, so it may be inaccurate.

    Errors of K and K_dot are relative to the value itself or, if `rough`, to the value where the two inputs coincide.
    """
    layer = first.rules.layer
    s, k, K_sign, K_dot_sign, flip = unfold(layer, pairs, pairs.c < 0)
    c = np.where(flip, -pairs.c, pairs.c)
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    K, K_dot, PQ_minus_K = (np.zeros_like(s) for _ in range(3))
    needs_fallback = np.ones(len(s), dtype=bool)
    has_PQ_minus_K = np.zeros(len(s), dtype=bool)
    if layer.closed:
        with np.errstate(all="ignore"):
            form = ClosedForm(*layer.pair(p, q, c, s, k))
            K, K_dot = np.array(form.K, dtype=float), np.array(form.K_dot, dtype=float)
            # K is infinite where the true value is beyond float64, so no other rule is needed there.
            # A sum that cancels is accepted where the last digit of c, or of the angle, changes K by as much.
            moved = np.minimum(np.abs(c), 2 * s * k * p * q) * np.abs(K_dot)
            least = P * Q if rough else 0.0
            least_dot = np.sqrt(first.K_dot[pairs.i] * second.K_dot[pairs.j]) if rough else 0.0
            settled = is_well_conditioned(np.maximum(np.abs(K), moved) + least, form.K_size)
            settled_dot = is_well_conditioned(np.abs(K_dot) + least_dot, form.K_dot_size)
            needs_fallback = ~(settled & settled_dot) & ~np.isinf(K)
            if form.extra is not None:
                PQ_minus_K, has_PQ_minus_K, settled = _PQ_minus_K(first.rules, Norms(p, q, P, Q), form)
                needs_fallback &= ~settled
    same = (s == 0.0) & (p == q)
    K[same], K_dot[same] = first.K[pairs.i[same]], first.K_dot[pairs.i[same]]
    needs_fallback &= ~same
    has_PQ_minus_K |= same
    rho = (k - s) * (k + s)
    # of a small ρ the half-angles have no digits, so it comes from the covariance
    rho = np.where(np.abs(rho) < 0.5, c / np.where(p * q > 0, p * q, 1.0), rho)
    K, K_dot = _series(first, second, pairs, rho, needs_fallback, K, K_dot)
    with np.errstate(over="ignore", invalid="ignore"):
        PQ_minus_K = np.where(has_PQ_minus_K, PQ_minus_K, P * Q - K)
        PQ_plus_K = P * Q + K
        narrow = (np.minimum(PQ_minus_K, PQ_plus_K) < NARROW * P * Q) & ~has_PQ_minus_K & (not last)
    left = narrow & ~needs_fallback
    for rule in (near_parallel.by_series, near_parallel.by_price):
        m = np.nonzero(left & (PQ_minus_K < PQ_plus_K))[0]
        if len(m):
            value, done = rule(first, second, pairs.i[m], pairs.j[m], s[m], k[m])
            PQ_minus_K[m[done]] = value[done]
            left[m[done]] = False
    if layer.closed:  # where the panels end only the closed form is left, and an ulp of c changes PQ ∓ K by as much
        left &= quadrature.follows(first.rules.panels, np.maximum(p, q)) | needs_fallback
    for n in np.nonzero(needs_fallback | left)[0]:
        pair = GaussianPair(*(float(x[n]) for x in (p, q, s, k, P, Q)))
        exact = expectation(first, second, int(pairs.i[n]), int(pairs.j[n]), pair)
        PQ_minus_K[n], PQ_plus_K[n] = exact.PQ_minus_K, exact.PQ_plus_K
        if needs_fallback[n]:
            K[n], K_dot[n] = exact.K, exact.K_dot
    PQ_minus_K, PQ_plus_K = np.maximum(PQ_minus_K, 0.0), np.maximum(PQ_plus_K, 0.0)
    if layer.parity == "odd":
        PQ_minus_K, PQ_plus_K = np.where(flip, PQ_plus_K, PQ_minus_K), np.where(flip, PQ_minus_K, PQ_plus_K)
    return Values(K_sign * K, K_dot_sign * K_dot, PQ_minus_K, PQ_plus_K)


def expectation(first: Preactivations, second: Preactivations, i: int, j: int, pair: GaussianPair) -> PairExpectation:
    """One pair by quadrature; by the rule for tails where φφ is large only there."""
    layer, panels = first.rules.layer, first.rules.panels
    if not (first.deep(i) or second.deep(j)):
        usual = quadrature.double(layer, panels, pair)
        if usual.size > _SHARE or pair.degenerate:
            return usual
    return tails.double(layer, panels, pair)


def _PQ_minus_K(rules: LayerRules, norms: Norms, form: ClosedForm) -> tuple[Array, Mask, Mask]:
    """PQ − K from the `extra` of the closed form; where it is right; and where K is accepted because of it.

    The `extra` is PQ − K itself, or E(φ(u) − φ(v))², from which (P − Q)² is subtracted. Where the panels end no other rule
    is left. There a sum that cancels is accepted if it loses no more than an ulp of c does, which changes K by
    pq K_dot ulp; an ulp of P or Q changes (P − Q)² likewise.
    """
    extra, size = np.asarray(form.extra), np.asarray(form.extra_size)
    right = is_well_conditioned(extra, size)
    if rules.layer.extra == "PQ_minus_K":
        return np.where(right, extra, 0.0), right, np.zeros_like(right)
    difference = 0.5 * (extra - (norms.P - norms.Q) ** 2)
    far = ~quadrature.follows(rules.panels, np.maximum(norms.p, norms.q))
    settled = far & is_well_conditioned(np.abs(form.K) + norms.p * norms.q * np.abs(form.K_dot), form.K_size)
    right &= far | (CANCELLATION * difference > extra)
    return np.where(right, difference, 0.0), right, settled


def unfold(layer: NumericLayer, pairs: Pairs, obtuse: Mask) -> tuple[Array, Array, Array, Array, Mask]:
    """Pairs at ρ < 0 as pairs at −ρ, if φ is even or odd: s, k, the signs of K and K_dot, and where that was done."""
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
    needs_fallback: Mask,
    K: Array,
    K_dot: Array,
) -> tuple[Array, Array]:
    """Set K and K_dot of the pairs whose Mehler series converges, and remove these from `needs_fallback`."""
    m = may_use_series(first, second, pairs, rho, needs_fallback)
    if len(m):
        i, j = pairs.i[m], pairs.j[m]
        value, slope, converges = mehler.pairs(first.series(i), second.series(j), i, j, rho[m])
        scale = first.P[i] * second.P[j]
        converges &= series_is_accurate(first, rho[m], value / scale, slope * (first.p[i] * second.p[j] / scale))
        K[m[converges]], K_dot[m[converges]] = value[converges], slope[converges]
        needs_fallback[m[converges]] = False
    return K, K_dot


def may_use_series(
    first: Preactivations, second: Preactivations, pairs: Pairs, rho: Array, needs_fallback: Mask
) -> Indices:
    """The pairs in need of a fallback for which the Mehler series is worth computing."""
    m = np.nonzero(needs_fallback & (rho > -0.9) & (rho < 0.996))[0]
    shallow = [
        not (first.deep(i) or second.deep(j)) for i, j in zip(pairs.i[m].tolist(), pairs.j[m].tolist(), strict=True)
    ]
    out: Indices = m[np.array(shallow, dtype=bool)]
    return out


def series_is_accurate(first: Preactivations, rho: Array, ratio: Array, slope: Array) -> Mask:
    """Whether K/PQ (`ratio`) and pq K_dot/PQ (`slope`) by the series kept their digits.

    If φ is neither even nor odd the terms alternate at ρ < 0; their sum must not be small relative to the effect of an
    ulp of c.
    """
    small = CANCELLATION * (np.abs(ratio) + np.abs(slope)) < 1
    out: Mask = ~(small & (rho < _ALTERNATING) & (first.rules.layer.parity is None))
    return out
