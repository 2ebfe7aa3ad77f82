"""One layer for pairs whose norms or kernels may have left float64: the rules of `layer`, on numbers m·2^e.

The closed form is the same text, run on such numbers; the series and the quadrature work with φ(u)/P and φ(v)/Q, which
are of order 1, and give K/PQ and pq K_dot/PQ.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import layer as usual
from . import mehler, quadrature
from .layer import NARROW, Pairs, Values, expectation, series_may_serve, series_stands, unfold
from .preactivations import CANCELLATION, Preactivations, wide_is_well_conditioned
from .types import Array
from .wide import Wide, floats, pick, power, put, wide


@np.errstate(all="ignore")
def evaluate(first: Preactivations, second: Preactivations, pairs: Pairs, last: bool) -> Values:
    """The dual kernel of all pairs, as `layer.evaluate` has it."""
    layer, i, j = first.rule.layer, pairs.i, pairs.j
    if layer.homogeneity is not None:
        return _homogeneous(first, second, pairs, layer.homogeneity, last)
    s, k, K_sign, K_dot_sign, flip = unfold(layer, pairs, pairs.c.m < 0)
    c = pick(flip, -pairs.c, pairs.c)
    p, q, P, Q = (wide(x) for x in (first.p[i], second.p[j], first.P[i], second.P[j]))
    nothing = np.zeros(len(s))
    K, K_dot, PQ_minus_K = wide(nothing), wide(nothing), wide(nothing)
    needs_fallback, fine = nothing == 0, nothing != 0
    found = layer.wide("pair", p, q, c, s, k) if layer.closed else None
    if found is not None:
        K, K_size, K_dot, K_dot_size, extra, extra_size = found
        moved = [wide_is_well_conditioned(angle * K_dot, K_size) for angle in (c, 2 * p * q * s * k)]
        settled = wide_is_well_conditioned(K, K_size) | (moved[0] & moved[1])
        needs_fallback = ~(settled & wide_is_well_conditioned(K_dot, K_dot_size))
        if layer.extra == "PQ_minus_K":
            PQ_minus_K, fine = extra, wide_is_well_conditioned(extra, extra_size)
        elif layer.extra == "defect":
            PQ_minus_K = 0.5 * (extra - (P - Q) ** 2)
            within = quadrature.follows(first.rule.panels, np.maximum(first.p[i], second.p[j]))
            fine = wide_is_well_conditioned(extra, extra_size) & (~within | ((CANCELLATION * PQ_minus_K - extra).m > 0))
            needs_fallback &= within
    same = (s == 0.0) & (first.p[i] == second.p[j])
    K, K_dot = pick(same, P * P, K), pick(same, wide(first.lengths[1][i]) ** 2, K_dot)
    needs_fallback &= ~same
    fine |= same
    K, K_dot, needs_fallback = _by_series(first, second, pairs, (s, k, c), (K, K_dot), needs_fallback)
    PQ_minus_K = pick(fine, PQ_minus_K, P * Q - K)
    PQ_plus_K = P * Q + K
    smaller = pick((PQ_minus_K - PQ_plus_K).m < 0, PQ_minus_K, PQ_plus_K)
    narrow = ((smaller - NARROW * P * Q).m < 0) & ~fine & (not last)
    K, K_dot, PQ_minus_K, PQ_plus_K = _by_quadrature(
        first, second, pairs, (s, k), (K, K_dot, PQ_minus_K, PQ_plus_K), needs_fallback, needs_fallback | narrow
    )
    PQ_minus_K, PQ_plus_K = pick(PQ_minus_K.m > 0, PQ_minus_K, 0.0), pick(PQ_plus_K.m > 0, PQ_plus_K, 0.0)
    if layer.parity == "odd":
        PQ_minus_K, PQ_plus_K = pick(flip, PQ_plus_K, PQ_minus_K), pick(flip, PQ_minus_K, PQ_plus_K)
    return Values(K_sign * K, K_dot_sign * K_dot, PQ_minus_K, PQ_plus_K)


def _homogeneous(first: Preactivations, second: Preactivations, pairs: Pairs, degree: float, last: bool) -> Values:
    """(pq)ⁿ times the kernel at norms of 1."""
    pq = wide(first.p[pairs.i]) * second.p[pairs.j]
    one, zero = Preactivations(first.rule, np.ones(1)), np.zeros_like(pairs.i)
    cosine = np.nan_to_num(floats(pairs.c / pq))
    values = usual.evaluate(one, one, Pairs(zero, zero, cosine, pairs.s, pairs.k), last)
    scale = power(pq, degree)
    slope = pick(pq.m > 0, power(pq, degree - 1) * values.K_dot, 0.0)
    return Values(scale * values.K, slope, scale * values.PQ_minus_K, scale * values.PQ_plus_K)


Angle = tuple[Array, Array, Wide]


def _by_series(
    first: Preactivations,
    second: Preactivations,
    pairs: Pairs,
    where: Angle,
    found: tuple[Wide, Wide],
    needs_fallback: NDArray[np.bool_],
) -> tuple[Wide, Wide, NDArray[np.bool_]]:
    """K and K_dot, and which pairs are still poor."""
    (s, k, c), (K, K_dot) = where, found
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    rho = (k - s) * (k + s)
    rho = np.where(np.abs(rho) < 0.5, np.nan_to_num(floats(c / p / q)), rho)
    m = series_may_serve(first, second, pairs, rho, needs_fallback & (p > 0) & (q > 0) & (P > 0) & (Q > 0))
    if not len(m):
        return K, K_dot, needs_fallback
    sides = _of_unit_norm(first, pairs.i[m]), _of_unit_norm(second, pairs.j[m])
    ratio, slope, served = mehler.pairs(*sides, pairs.i[m], pairs.j[m], rho[m])
    served &= series_stands(first, rho[m], ratio, slope)
    m, ratio, slope = m[served], ratio[served], slope[served]
    size = wide(P[m]) * Q[m]
    needs_fallback = needs_fallback.copy()
    needs_fallback[m] = False
    return put(K, m, ratio * size), put(K_dot, m, slope * size / p[m] / q[m]), needs_fallback


def _of_unit_norm(rows: Preactivations, which: NDArray[np.intp]) -> mehler.MehlerSeries:
    """The series of φ(u)/P and of p φ'(u)/P."""
    series = rows.series(which)
    return replace(series, h=series.h / rows.P, h_dot=series.h_dot * (rows.p / rows.P))


Four = tuple[Wide, Wide, Wide, Wide]


def _by_quadrature(
    first: Preactivations,
    second: Preactivations,
    pairs: Pairs,
    angle: tuple[Array, Array],
    found: Four,
    needs_fallback: NDArray[np.bool_],
    gaps: Any,
) -> Four:
    """K and K_dot where they are poor, PQ ∓ K where `gaps` says so and the panels reach."""
    K, K_dot, PQ_minus_K, PQ_plus_K = found
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    if first.rule.layer.closed and not needs_fallback.any() and not gaps.any():
        return found
    within = quadrature.follows(first.rule.panels, np.maximum(p, q))
    for n in np.nonzero(needs_fallback | (gaps & within))[0]:
        at = np.array([n])
        norms, lengths, half_angles = ((float(x[n]), float(y[n])) for x, y in ((p, q), (P, Q), angle))
        where = (*norms, *half_angles, *lengths)
        expected = expectation(first, second, int(pairs.i[n]), int(pairs.j[n]), where)
        size = wide(P[at]) * Q[at]
        PQ_minus_K, PQ_plus_K = put(PQ_minus_K, at, expected.narrow * size), put(PQ_plus_K, at, expected.broad * size)
        if needs_fallback[n]:
            K = put(K, at, expected.ratio * size)
            plain = p[n] == 0 or q[n] == 0 or P[n] == 0 or Q[n] == 0
            K_dot = put(K_dot, at, np.array([expected.K_dot]) if plain else expected.slope * size / p[at] / q[at])
    return K, K_dot, PQ_minus_K, PQ_plus_K
