"""One side of the pairs at a layer: norms, the second moments of φ and φ', and what the numeric rules need of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .errors import DivergentKernelError
from . import mehler, quadrature, tails
from .mehler import CoefficientCache, MehlerSeries
from .panels import ActivationPanels, panels
from .types import Array, Indices, Mask, NumericLayer
from .wide import Wide, floats, root, wide

CANCELLATION = 10.0
"""Largest Σ|terms| / |Σ terms| at which a sum is trusted: it has lost at most one digit."""


_RANGE = (2.0**-60, 2.0**60)
"""Norms between which the powers of p and q in a closed form are float64 numbers."""
_SQUARES = (1e-250, 1e250)
"""Second moments outside this range are represented by their roots."""
_DEEP = 1e-14
_LIKELY, _VISIBLE = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]), 1e-4
_UNSEEN = 1e-9 * float(np.exp(0.25 * quadrature.Z**2))
"""Size of φ at the end of the usual rule, relative to its norm, that is negligible."""


class LayerRules:
    """A layer together with what its numeric rules compute once: its panels, and the Hermite coefficients of past calls."""

    def __init__(self, layer: NumericLayer) -> None:
        self.layer = layer
        self.coefficients = CoefficientCache()

    @cached_property
    def panels(self) -> ActivationPanels:
        """The intervals on which φ and φ' are resolved."""
        # E φ'² of a root as steep as √|u| does not exist, so its φ' need not be resolved
        slope = self.layer.phi if self.layer.smoothness == 0.5 else self.layer.dphi
        return panels(self.layer.phi, slope, self.layer.breaks)

    @property
    def largest_variance(self) -> float:
        """Variance of a preactivation up to which the layer has a kernel: it is finite, and closed or resolved by the panels."""
        return self.layer.reach if self.layer.closed else min(self.layer.reach, (self.panels.reach / quadrature.Z) ** 2)


@dataclass(eq=False)
class Preactivations:
    """One side of the pairs at a layer: variances a, norms p = √a, and E φ(u)², E φ'(u)² there.

    `norms` are given where a may have left the range of float64. Everything else is computed when it is first needed.
    """

    rules: LayerRules
    a: Array
    norms: Array | None = None

    def __post_init__(self) -> None:
        self._tails: dict[int, tuple[float, float, bool]] = {}
        layer, limit = self.rules.layer, self.rules.layer.reach
        largest = float(np.max(self.p, initial=0.0))
        if not np.isfinite(largest):
            raise DivergentKernelError(
                f"{layer.name}: row {int(np.argmax(self.p))} reaches a preactivation beyond float64 "
                "(1.8e308) at a hidden layer. Use smaller inputs, variance or bias, or fewer layers"
            )
        if np.isfinite(limit) and largest**2 >= limit:
            raise DivergentKernelError(
                f"{layer.name}: the kernel is finite only for variances below {limit:.6g}; "
                f"a preactivation here has variance {largest**2:.6g}. Use smaller inputs, variance or bias, or fewer "
                "layers"
            )

    @cached_property
    def p(self) -> Array:
        """Norms √a."""
        root: Array = np.sqrt(self.a)
        return root if self.norms is None else np.where(_within(self.a, _SQUARES), root, self.norms)

    @cached_property
    def _usual(self) -> tuple[Array, Array]:
        """E φ(u)² and E φ'(u)² as float64 numbers."""
        layer, K, K_dot = self.rules.layer, np.zeros_like(self.a), np.zeros_like(self.a)
        needs_fallback = np.ones(len(self.a), dtype=bool)
        if layer.closed:
            with np.errstate(all="ignore"):
                K, K_size, K_dot, K_dot_size = (np.array(x, dtype=float) for x in layer.diag(self.a))
            settled = is_well_conditioned(K, K_size) & (is_well_conditioned(K_dot, K_dot_size) | np.isposinf(K_dot))
            needs_fallback = ~settled & ~np.isposinf(K)
        for i in np.nonzero(needs_fallback & (_within(self.p, _RANGE) | (self.p == 0)))[0]:
            K[i], K_dot[i] = quadrature.single(layer, self.rules.panels, float(self.p[i]))
            P, D, deep = self.tail(int(i))
            if deep:
                K[i], K_dot[i] = P * P, D * D
        return K, K_dot

    @cached_property
    def far(self) -> Mask:
        """Rows that need numbers m·2^e."""
        return (self.p > 0) & ~(_within(self.p, _RANGE) & _within(self._usual[0], _SQUARES))

    def deep(self, i: int) -> bool:
        """Whether φ or φ' of row i is large only in the tails of u, where the usual rules have few nodes or none."""
        return not self._shallow[i] and self.tail(i)[2]

    def tail(self, i: int) -> tuple[float, float, bool]:
        """√E φ(u)² and √E φ'(u)² by the rule for tails, and whether the usual rule gives something else."""
        if i not in self._tails:
            layer, panels, p = self.rules.layer, self.rules.panels, float(self.p[i])
            near, (P, D) = quadrature.lengths(layer, panels, p), tails.single(layer, panels, p)
            differs = abs(near[0] - P) > _DEEP * P or abs(near[1] - D) > _DEEP * D
            self._tails[i] = P, D, differs and p > 0
        return self._tails[i]

    @cached_property
    def _shallow(self) -> Mask:
        """Rows that are certainly not deep: φ and φ' are not small at likely u, nor large at unlikely u. A cheap test."""
        likely, end = np.outer(_LIKELY, self.p), np.outer([-quadrature.Z, quadrature.Z], self.p)
        with np.errstate(all="ignore"):
            P, D = (
                (np.abs(f(likely)).max(axis=0) >= _VISIBLE * length) & (np.abs(f(end)).max(axis=0) <= _UNSEEN * length)
                for f, length in zip((self.rules.layer.phi, self.rules.layer.dphi), self.lengths, strict=True)
            )
        return np.asarray(P & (D | np.isinf(self.lengths[1])))

    @cached_property
    def lengths(self) -> tuple[Array, Array]:
        """P = √E φ(u)² and √E φ'(u)², even where their squares leave the range of float64."""
        P, D = np.sqrt(self._usual)
        far = np.nonzero(self.far)[0]
        if len(far):
            P[far], D[far] = self._closed_lengths(far)
            for i in far[np.isnan(P[far]) | np.isnan(D[far])]:
                P[i], D[i] = tails.single(self.rules.layer, self.rules.panels, float(self.p[i]))
        return P, D

    def _closed_lengths(self, far: Indices) -> tuple[Array, Array]:
        """The lengths of far rows by the closed form; nan if there is none or its terms cancel."""
        layer, nothing = self.rules.layer, np.full(len(far), np.nan)
        p = wide(self.p[far])
        diagonal = layer.wide("diag", p * p) if layer.closed else None
        if diagonal is None:
            return nothing, nothing
        K, K_size, K_dot, K_dot_size = diagonal
        infinite = np.isposinf(floats(K_dot))
        settled = wide_is_well_conditioned(K, K_size) & (wide_is_well_conditioned(K_dot, K_dot_size) | infinite)
        with np.errstate(invalid="ignore"):
            P, D = (np.where(settled, floats(root(value)), np.nan) for value in (K, K_dot))
        return P, D

    @cached_property
    def second_moments(self) -> tuple[Array, Array]:
        """E φ(u)² and E φ'(u)²; ∞ or 0 outside the range of float64."""
        if not self.far.any():
            return self._usual
        with np.errstate(over="ignore", under="ignore"):
            K, K_dot = (np.where(self.far, x * x, usual) for x, usual in zip(self.lengths, self._usual, strict=True))
        return K, K_dot

    @property
    def K(self) -> Array:
        """E φ(u)²."""
        return self.second_moments[0]

    @property
    def K_dot(self) -> Array:
        """E φ'(u)²."""
        return self.second_moments[1]

    @cached_property
    def P(self) -> Array:
        """Norms √E φ(u)² of the outputs."""
        return self.lengths[0]

    @cached_property
    def _series(self) -> MehlerSeries:
        """The Mehler series of all rows; those that nobody has needed so far are 0."""
        h, h_dot = np.zeros((2, mehler.MOST, len(self.a)))
        return MehlerSeries(h, h_dot, np.zeros(mehler.MOST), np.zeros(len(self.a), dtype=bool))

    @cached_property
    def _has_series(self) -> Mask:
        """Rows that `_series` holds."""
        return np.zeros(len(self.a), dtype=bool)

    def series(self, which: Indices) -> MehlerSeries:
        """The Mehler series of all rows, computed at least for `which`: each row once, when it is first needed."""
        new = np.unique(which)
        new = new[~self._has_series[new]]
        if len(new):
            layer, panels = self.rules.layer, self.rules.panels
            self._series.put(new, mehler.series(layer, panels, self.p[new], self.rules.coefficients))
            self._has_series[new] = True
        return self._series


def is_well_conditioned(value: Array, size: Array) -> Mask:
    """Entries whose digits survived the summation; `size` is the sum of the absolute terms."""
    out: Mask = np.isfinite(size) & (size <= CANCELLATION * np.abs(value))
    return out


def wide_is_well_conditioned(value: Wide, size: Wide) -> Mask:
    """`is_well_conditioned` for numbers m·2^e."""
    with np.errstate(all="ignore"):
        out: Mask = (size.m == 0) | (floats(size / abs(value)) <= CANCELLATION)
    return out


def _within(x: Array, ends: tuple[float, float]) -> Mask:
    out: Mask = (x >= ends[0]) & (x <= ends[1])
    return out
