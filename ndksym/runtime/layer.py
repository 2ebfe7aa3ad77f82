"""One layer, evaluated: the dual kernel of many pairs at once, each by the cheapest rule that is right for it.

closed form where its terms do not cancel → Mehler series where it is done in time → quadrature, which is always right.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ndksym.errors import DivergentKernelError
from ndksym.runtime import mehler, quadrature
from ndksym.runtime.panels import Panels, panels
from ndksym.runtime.types import Array, Layer

CANCELLATION = 30.0
"""Largest Σ|terms| / |Σ terms| at which a closed form is trusted: it then has lost less than two digits."""
NARROW = 1e-4
"""Below this PQ ∓ K relative to PQ, the difference has lost more than half-angles may lose where the next layer is
sharp."""


@dataclass(frozen=True)
class Pairs:
    """Pairs (i, j) of rows: covariance c, half-angle s = sin θ/2 and k = cos θ/2, each to full relative precision."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    c: Array
    s: Array
    k: Array


@dataclass(frozen=True)
class Values:
    """K, K_dot and PQ − K, PQ + K of every pair; P, Q are the norms after the activation."""

    K: Array
    K_dot: Array
    gap: Array
    cogap: Array


@dataclass(frozen=True)
class Rule:
    """A layer together with what its numeric rules need, found once."""

    layer: Layer

    @cached_property
    def panels(self) -> Panels:
        return panels(self.layer.phi, self.layer.dphi, self.layer.breaks)

    def is_sharp(self, p: Array) -> bool:
        """Does K_dot, at these norms, feel the angle to first order as θ → 0 (a kink, or a bend that looks like
        one)?"""
        if self.layer.homogeneity is not None and self.layer.smoothness > 1:
            return False
        if self.layer.smoothness <= 1:
            return True
        return bool(p.max(initial=0.0) > 4 * np.diff(self.panels.edges).min())


@dataclass(frozen=True)
class Rows:
    """One side of the pairs at a layer: norms p = √a, and E φ(u)², E φ'(u)² there."""

    rule: Rule
    p: Array

    def __post_init__(self) -> None:
        limit = self.rule.layer.reach
        worst = float(np.max(self.p, initial=0.0)) ** 2
        if worst >= limit:
            raise DivergentKernelError(
                f"{self.rule.layer.name}: the kernel is finite only for variances below {limit:.6g}; "
                f"a preactivation here has variance {worst:.6g}. Use smaller inputs, variance or bias, or fewer layers"
            )

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        layer, K, K_dot = self.rule.layer, np.zeros_like(self.p), np.zeros_like(self.p)
        poor = np.ones(len(self.p), dtype=bool)
        if layer.closed:
            with np.errstate(all="ignore"):
                K, K_size, K_dot, K_dot_size = (np.array(x, dtype=float) for x in layer.diag(self.p * self.p))
            poor = ~(_kept(K, K_size) & (_kept(K_dot, K_dot_size) | np.isposinf(K_dot)))
        for i in np.nonzero(poor)[0]:
            K[i], K_dot[i] = quadrature.single(layer, self.rule.panels, float(self.p[i]))
        return K, K_dot

    @property
    def K(self) -> Array:
        return self.moments[0]

    @property
    def K_dot(self) -> Array:
        return self.moments[1]

    @cached_property
    def P(self) -> Array:
        return np.sqrt(self.K)

    @cached_property
    def series(self) -> mehler.Series:
        return mehler.series(self.rule.layer, self.rule.panels, self.p)


def _kept(value: Array, size: Array) -> NDArray[np.bool_]:
    """Entries whose digits survived the summation."""
    out: NDArray[np.bool_] = np.isfinite(size) & (size <= CANCELLATION * np.abs(value))
    return out


def evaluate(
    first: Rows, second: Rows, pairs: Pairs, sharp_next: bool, tick: Callable[[], None] = lambda: None
) -> Values:
    """The dual kernel of all pairs; `sharp_next` asks for PQ ∓ K to keep their digits as the outputs become
    parallel."""
    layer = first.rule.layer
    s, k, c, K_sign, K_dot_sign, flip = _unfold(layer, pairs)
    p, q, P, Q = first.p[pairs.i], second.p[pairs.j], first.P[pairs.i], second.P[pairs.j]
    K, K_dot, gap = (np.zeros_like(s) for _ in range(3))
    poor = np.ones(len(s), dtype=bool)
    fine_gap = np.zeros(len(s), dtype=bool)
    if layer.closed:
        with np.errstate(all="ignore"):
            K, K_size, K_dot, K_dot_size, closed_gap, gap_size = layer.pair(p, q, c, s, k)
            K, K_dot = np.array(K, dtype=float), np.array(K_dot, dtype=float)
            poor = ~(_kept(K, K_size) & _kept(K_dot, K_dot_size))
            if closed_gap is not None:
                fine_gap = _kept(closed_gap, gap_size)
                gap = np.where(fine_gap, closed_gap, 0.0)
    same = (s == 0.0) & (p == q)
    K[same], K_dot[same] = first.K[pairs.i[same]], first.K_dot[pairs.i[same]]
    poor &= ~same
    fine_gap |= same
    K, K_dot = _series(first, second, pairs, s, k, poor, K, K_dot)
    gap = np.where(fine_gap, gap, P * Q - K)
    cogap = P * Q + K
    narrow = (np.minimum(gap, cogap) < NARROW * P * Q) & sharp_next & ~fine_gap
    narrow = _series_gap(first, second, pairs, s, narrow & ~poor, gap) | (narrow & poor)
    for m in np.nonzero(poor | narrow)[0]:
        tick()
        moments = quadrature.double(layer, first.rule.panels, p[m], q[m], s[m], k[m], P[m], Q[m])
        gap[m], cogap[m] = moments.gap, moments.cogap
        if poor[m]:
            K[m], K_dot[m] = moments.K, moments.K_dot
    gap, cogap = np.maximum(gap, 0.0), np.maximum(cogap, 0.0)
    if layer.parity == "odd":
        gap, cogap = np.where(flip, cogap, gap), np.where(flip, gap, cogap)
    return Values(K_sign * K, K_dot_sign * K_dot, gap, cogap)


def _unfold(layer: Layer, pairs: Pairs) -> tuple[Array, Array, Array, Array, Array, NDArray[np.bool_]]:
    """For φ of a parity, ρ < 0 is ρ > 0 with a sign: s, k, c and the signs of K and K_dot."""
    one = np.ones_like(pairs.s)
    flip = (pairs.c < 0) & (layer.parity is not None)
    s, k = np.where(flip, pairs.k, pairs.s), np.where(flip, pairs.s, pairs.k)
    sign = np.where(flip, -1.0, one)
    K_sign, K_dot_sign = (sign, one) if layer.parity == "odd" else (one, sign)
    return s, k, np.where(flip, -pairs.c, pairs.c), K_sign, K_dot_sign, flip


def _series(
    first: Rows,
    second: Rows,
    pairs: Pairs,
    s: Array,
    k: Array,
    poor: NDArray[np.bool_],
    K: Array,
    K_dot: Array,
) -> tuple[Array, Array]:
    """Fill in what the Mehler series serves; `poor` shrinks to what it does not."""
    rho = (k - s) * (k + s)
    candidates = np.nonzero(poor & (rho > -0.9) & (rho < 0.996))[0]
    if len(candidates):
        values = mehler.pairs(first.series, second.series, pairs.i[candidates], pairs.j[candidates], rho[candidates])
        served = candidates[values[2]]
        K[served], K_dot[served] = values[0][values[2]], values[1][values[2]]
        poor[served] = False
    return K, K_dot


def _series_gap(
    first: Rows, second: Rows, pairs: Pairs, s: Array, narrow: NDArray[np.bool_], gap: Array
) -> NDArray[np.bool_]:
    """Fill in the gaps that the series resolves, in place; what is left over."""
    m = np.nonzero(narrow & (s < 0.5))[0]
    if len(m) and mehler.resolves_gap(first.series, second.series):
        i, j = pairs.i[m], pairs.j[m]
        gap[m] = mehler.gap(first.series, second.series, i, j, s[m], first.P[i], second.P[j])
        narrow = narrow.copy()
        narrow[m] = False
    return narrow
