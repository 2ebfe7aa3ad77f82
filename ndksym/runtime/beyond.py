"""One layer for pairs whose norms or kernels may leave the range of float64: the rules of `layer`, on numbers m·2^e.

The closed form is the same text, run on such numbers. The series and the quadrature work with φ(u)/P and φ(v)/Q, which are
of order 1, and give K/PQ and pq K_dot/PQ.
"""

from dataclasses import replace

import numpy as np

from ndksym.runtime import layer as usual
from ndksym.runtime import mehler, quadrature
from ndksym.runtime.layer import NARROW, Pairs, Values, expectation, may_use_series, series_is_accurate, unfold
from ndksym.runtime.preactivations import CANCELLATION, Preactivations, wide_is_well_conditioned
from ndksym.runtime.quadrature import GaussianPair
from ndksym.runtime.types import Indices, Mask
from ndksym.runtime.wide import Wide, floats, pick, power, put, wide


@np.errstate(all="ignore")
def evaluate(first: Preactivations, second: Preactivations, pairs: Pairs, last: bool) -> Values:
    """The dual kernel of all pairs, as in `layer.evaluate`."""
    layer, i, j = first.rules.layer, pairs.i, pairs.j
    if layer.homogeneity is not None:
        return _homogeneous(first, second, pairs, layer.homogeneity, last)
    s, k, K_sign, K_dot_sign, flip = unfold(layer, pairs, pairs.c.m < 0)
    folded = Pairs(i, j, pick(flip, -pairs.c, pairs.c), s, k)
    p, q, P, Q = (wide(x) for x in (first.p[i], second.p[j], first.P[i], second.P[j]))
    nothing = np.zeros(len(s))
    K, K_dot, PQ_minus_K = wide(nothing), wide(nothing), wide(nothing)
    needs_fallback, right = nothing == 0, nothing != 0
    form = layer.wide("pair", p, q, folded.c, s, k) if layer.closed else None
    if form is not None:
        K, K_size, K_dot, K_dot_size, extra, extra_size = form
        moved = [wide_is_well_conditioned(angle * K_dot, K_size) for angle in (folded.c, 2 * p * q * s * k)]
        settled = wide_is_well_conditioned(K, K_size) | (moved[0] & moved[1])
        needs_fallback = ~(settled & wide_is_well_conditioned(K_dot, K_dot_size))
        if layer.extra == "PQ_minus_K":
            PQ_minus_K, right = extra, wide_is_well_conditioned(extra, extra_size)
        elif layer.extra == "defect":
            PQ_minus_K = 0.5 * (extra - (P - Q) ** 2)
            within = quadrature.follows(first.rules.panels, np.maximum(first.p[i], second.p[j]))
            kept = ~within | ((CANCELLATION * PQ_minus_K - extra).m > 0)
            right = wide_is_well_conditioned(extra, extra_size) & kept
            needs_fallback &= within
    same = (s == 0.0) & (first.p[i] == second.p[j])
    K, K_dot = pick(same, P * P, K), pick(same, wide(first.lengths[1][i]) ** 2, K_dot)
    needs_fallback &= ~same
    right |= same
    K, K_dot, needs_fallback = _by_series(first, second, folded, (K, K_dot), needs_fallback)
    PQ_minus_K = pick(right, PQ_minus_K, P * Q - K)
    PQ_plus_K = P * Q + K
    smaller = pick((PQ_minus_K - PQ_plus_K).m < 0, PQ_minus_K, PQ_plus_K)
    narrow = ((smaller - NARROW * P * Q).m < 0) & ~right & (not last)
    values = Values(K, K_dot, PQ_minus_K, PQ_plus_K)
    values = _by_quadrature(first, second, folded, values, needs_fallback, needs_fallback | narrow)
    PQ_minus_K, PQ_plus_K = (pick(x.m > 0, x, 0.0) for x in (values.PQ_minus_K, values.PQ_plus_K))
    if layer.parity == "odd":
        PQ_minus_K, PQ_plus_K = pick(flip, PQ_plus_K, PQ_minus_K), pick(flip, PQ_minus_K, PQ_plus_K)
    return Values(K_sign * values.K, K_dot_sign * values.K_dot, PQ_minus_K, PQ_plus_K)


def _homogeneous(first: Preactivations, second: Preactivations, pairs: Pairs, degree: float, last: bool) -> Values:
    """(pq)ⁿ times the kernel at norms of 1."""
    pq = wide(first.p[pairs.i]) * second.p[pairs.j]
    one, zero = Preactivations(first.rules, np.ones(1)), np.zeros_like(pairs.i)
    cosine = np.nan_to_num(floats(pairs.c / pq))
    values = usual.evaluate(one, one, Pairs(zero, zero, cosine, pairs.s, pairs.k), last)
    scale = power(pq, degree)
    slope = pick(pq.m > 0, power(pq, degree - 1) * values.K_dot, 0.0)
    return Values(scale * values.K, slope, scale * values.PQ_minus_K, scale * values.PQ_plus_K)


def _by_series(
    first: Preactivations, second: Preactivations, pairs: Pairs, values: tuple[Wide, Wide], needs_fallback: Mask
) -> tuple[Wide, Wide, Mask]:
    """K and K_dot with those of converging Mehler series set, and the pairs that still need a fallback."""
    K, K_dot = values
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    rho = (pairs.k - pairs.s) * (pairs.k + pairs.s)
    rho = np.where(np.abs(rho) < 0.5, np.nan_to_num(floats(pairs.c / p / q)), rho)
    m = may_use_series(first, second, pairs, rho, needs_fallback & (p > 0) & (q > 0) & (P > 0) & (Q > 0))
    if not len(m):
        return K, K_dot, needs_fallback
    sides = _of_unit_norm(first, pairs.i[m]), _of_unit_norm(second, pairs.j[m])
    ratio, slope, converges = mehler.pairs(*sides, pairs.i[m], pairs.j[m], rho[m])
    converges &= series_is_accurate(first, rho[m], ratio, slope)
    m, ratio, slope = m[converges], ratio[converges], slope[converges]
    size = wide(P[m]) * Q[m]
    needs_fallback = needs_fallback.copy()
    needs_fallback[m] = False
    return put(K, m, ratio * size), put(K_dot, m, slope * size / p[m] / q[m]), needs_fallback


def _of_unit_norm(rows: Preactivations, which: Indices) -> mehler.MehlerSeries:
    """The series of φ(u)/P and of p φ'(u)/P."""
    series = rows.series(which)
    return replace(series, h=series.h / rows.P, h_dot=series.h_dot * (rows.p / rows.P))


def _by_quadrature(
    first: Preactivations, second: Preactivations, pairs: Pairs, values: Values, needs_fallback: Mask, angles: Mask
) -> Values:
    """The values with K and K_dot set where a fallback is needed, and PQ ∓ K where `angles` is set and the panels reach."""
    K, K_dot, PQ_minus_K, PQ_plus_K = values.K, values.K_dot, values.PQ_minus_K, values.PQ_plus_K
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    if first.rules.layer.closed and not needs_fallback.any() and not angles.any():
        return values
    within = quadrature.follows(first.rules.panels, np.maximum(p, q))
    for n in np.nonzero(needs_fallback | (angles & within))[0]:
        at = np.array([n])
        pair = GaussianPair(*(float(x[n]) for x in (p, q, pairs.s, pairs.k, P, Q)))
        exact = expectation(first, second, int(pairs.i[n]), int(pairs.j[n]), pair)
        size = wide(P[at]) * Q[at]
        PQ_minus_K, PQ_plus_K = put(PQ_minus_K, at, exact.narrow * size), put(PQ_plus_K, at, exact.broad * size)
        if needs_fallback[n]:
            K = put(K, at, exact.ratio * size)
            slope = np.array([exact.K_dot]) if pair.degenerate else exact.slope * size / p[at] / q[at]
            K_dot = put(K_dot, at, slope)
    return Values(K, K_dot, PQ_minus_K, PQ_plus_K)
