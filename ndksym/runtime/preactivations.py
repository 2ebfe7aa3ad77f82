"""One side of the pairs at a layer: its norms, the second moments of φ and φ' there, and what the numeric rules
need."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ndksym.errors import DivergentKernelError
from ndksym.runtime import mehler, quadrature, tails
from ndksym.runtime.panels import ActivationPanels, panels
from ndksym.runtime.types import Array, NumericLayer
from ndksym.runtime.wide import Wide, floats, root, wide

CANCELLATION = 10.0
"""Largest Σ|terms| / |Σ terms| at which a sum is trusted: it then has lost no more than a digit."""


_RANGE = (2.0**-60, 2.0**60)
"""Norms between which the powers of p and q that a closed form is made of are float64 numbers."""
_SQUARES = (1e-250, 1e250)
"""Beyond these a second moment is known by its root."""
_DEEP = 1e-14
_LIKELY, _VISIBLE = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]), 1e-4
_UNSEEN = 1e-9 * float(np.exp(0.25 * quadrature.Z**2))
"""Size of φ at the end of the usual rule that counts for nothing."""


@dataclass(frozen=True)
class LayerRules:
    """A layer together with what its numeric rules need, found once."""

    layer: NumericLayer
    known: mehler.Coefficients = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def panels(self) -> ActivationPanels:
        # of a root as steep as √|u| there is no E φ'², and nothing to resolve φ' for
        slope = self.layer.phi if self.layer.smoothness == 0.5 else self.layer.dphi
        return panels(self.layer.phi, slope, self.layer.breaks)


@dataclass(frozen=True)
class Preactivations:
    """One side of the pairs at a layer: variances a, norms p = √a, and E φ(u)², E φ'(u)² there.

    `norms` are p where a may have left float64.
    """

    rule: LayerRules
    a: Array
    norms: Array | None = None
    _tails: dict[int, tuple[float, float, bool]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        limit = self.rule.layer.reach
        worst = float(np.max(self.p, initial=0.0))
        if not np.isfinite(worst):
            raise DivergentKernelError(
                f"{self.rule.layer.name}: row {int(np.argmax(self.p))} reaches a preactivation beyond float64 "
                "(1.8e308) at a hidden layer. Use smaller inputs, variance or bias, or fewer layers"
            )
        if np.isfinite(limit) and worst**2 >= limit:
            raise DivergentKernelError(
                f"{self.rule.layer.name}: the kernel is finite only for variances below {limit:.6g}; "
                f"a preactivation here has variance {worst**2:.6g}. Use smaller inputs, variance or bias, or fewer "
                "layers"
            )

    @cached_property
    def p(self) -> Array:
        root: Array = np.sqrt(self.a)
        return root if self.norms is None else np.where(_within(self.a, _SQUARES), root, self.norms)

    @cached_property
    def _usual(self) -> tuple[Array, Array]:
        """E φ(u)² and E φ'(u)² by float64 numbers."""
        layer, K, K_dot = self.rule.layer, np.zeros_like(self.a), np.zeros_like(self.a)
        needs_fallback = np.ones(len(self.a), dtype=bool)
        if layer.closed:
            with np.errstate(all="ignore"):
                K, K_size, K_dot, K_dot_size = (np.array(x, dtype=float) for x in layer.diag(self.a))
            needs_fallback = ~(
                is_well_conditioned(K, K_size) & (is_well_conditioned(K_dot, K_dot_size) | np.isposinf(K_dot))
            ) & ~np.isposinf(K)
        for i in np.nonzero(needs_fallback & (_within(self.p, _RANGE) | (self.p == 0)))[0]:
            K[i], K_dot[i] = quadrature.single(layer, self.rule.panels, float(self.p[i]))
            P, D, deep = self.tail(int(i))
            if deep:
                K[i], K_dot[i] = P * P, D * D
        return K, K_dot

    @cached_property
    def far(self) -> NDArray[np.bool_]:
        """Rows that only numbers m·2^e have the range for."""
        return (self.p > 0) & ~(_within(self.p, _RANGE) & _within(self._usual[0], _SQUARES))

    def deep(self, i: int) -> bool:
        """Whether φ or φ' of row i lives in the tails of u, where the usual rules have few nodes or none."""
        return not self._shallow[i] and self.tail(i)[2]

    def tail(self, i: int) -> tuple[float, float, bool]:
        """P and √E φ'(u)² by the rule for tails, and whether the usual one differs."""
        if i not in self._tails:
            layer, panels, p = self.rule.layer, self.rule.panels, float(self.p[i])
            near, (P, D) = quadrature.lengths(layer, panels, p), tails.single(layer, panels, p)
            away = abs(near[0] - P) > _DEEP * P or abs(near[1] - D) > _DEEP * D
            self._tails[i] = P, D, away and p > 0
        return self._tails[i]

    @cached_property
    def _shallow(self) -> NDArray[np.bool_]:
        """Rows for which φ and φ' are not small where u is likely, nor large where it is not: a cheap proof that they are not
        deep."""
        likely, end = np.outer(_LIKELY, self.p), np.outer([-quadrature.Z, quadrature.Z], self.p)
        with np.errstate(all="ignore"):
            P, D = (
                (np.abs(f(likely)).max(axis=0) >= _VISIBLE * length) & (np.abs(f(end)).max(axis=0) <= _UNSEEN * length)
                for f, length in zip((self.rule.layer.phi, self.rule.layer.dphi), self.lengths, strict=True)
            )
        return np.asarray(P & (D | np.isinf(self.lengths[1])))

    @cached_property
    def lengths(self) -> tuple[Array, Array]:
        """P = √E φ(u)² and √E φ'(u)², whether or not their squares are float64 numbers."""
        P, D = np.sqrt(self._usual)
        far = np.nonzero(self.far)[0]
        if len(far):
            P[far], D[far] = self._closed_lengths(far)
            for i in far[np.isnan(P[far]) | np.isnan(D[far])]:
                P[i], D[i] = tails.single(self.rule.layer, self.rule.panels, float(self.p[i]))
        return P, D

    def _closed_lengths(self, far: NDArray[np.intp]) -> tuple[Array, Array]:
        """nan where there is no closed form or its terms cancel."""
        layer, nothing = self.rule.layer, np.full(len(far), np.nan)
        p = wide(self.p[far])
        found = layer.wide("diag", p * p) if layer.closed else None
        if found is None:
            return nothing, nothing
        K, K_size, K_dot, K_dot_size = found
        sound = wide_is_well_conditioned(K, K_size) & (
            wide_is_well_conditioned(K_dot, K_dot_size) | np.isposinf(floats(K_dot))
        )
        with np.errstate(invalid="ignore"):
            P, D = (np.where(sound, floats(root(value)), np.nan) for value in (K, K_dot))
        return P, D

    @cached_property
    def second_moments(self) -> tuple[Array, Array]:
        """E φ(u)² and E φ'(u)², ∞ or 0 where they have left float64."""
        if not self.far.any():
            return self._usual
        with np.errstate(over="ignore", under="ignore"):
            K, K_dot = (np.where(self.far, x * x, known) for x, known in zip(self.lengths, self._usual, strict=True))
        return K, K_dot

    @property
    def K(self) -> Array:
        return self.second_moments[0]

    @property
    def K_dot(self) -> Array:
        return self.second_moments[1]

    @cached_property
    def P(self) -> Array:
        return self.lengths[0]

    @cached_property
    def _coefficients(self) -> list[mehler.MehlerSeries]:
        """Those found so far, the last of them with all rows that have been asked for."""
        h, h_dot = np.zeros((2, mehler.MOST, len(self.a)))
        return [mehler.MehlerSeries(h, h_dot, np.zeros(mehler.MOST), np.zeros(len(self.a), dtype=bool))]

    @cached_property
    def _asked(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.a), dtype=bool)

    def series(self, which: NDArray[np.intp]) -> mehler.MehlerSeries:
        """The Mehler series of all rows, filled in for these at least: each row is computed once, when it is first needed."""
        new = np.unique(which)
        new = new[~self._asked[new]]
        if len(new):
            held, found = (
                self._coefficients.pop(),
                mehler.series(self.rule.layer, self.rule.panels, self.p[new], self.rule.known),
            )
            held.h[:, new], held.h_dot[:, new], held.found[new] = found.h, found.h_dot, found.found
            envelope = np.maximum(held.envelope, found.envelope)
            self._coefficients.append(mehler.MehlerSeries(held.h, held.h_dot, envelope, held.found))
            self._asked[new] = True
        return self._coefficients[0]


def is_well_conditioned(value: Array, size: Array) -> NDArray[np.bool_]:
    """Entries whose digits survived the summation."""
    out: NDArray[np.bool_] = np.isfinite(size) & (size <= CANCELLATION * np.abs(value))
    return out


def wide_is_well_conditioned(value: Wide, size: Wide) -> NDArray[np.bool_]:
    """The same, of numbers of any size."""
    with np.errstate(all="ignore"):
        out: NDArray[np.bool_] = (size.m == 0) | (floats(size / abs(value)) <= CANCELLATION)
    return out


def _within(x: Array, ends: tuple[float, float]) -> NDArray[np.bool_]:
    out: NDArray[np.bool_] = (x >= ends[0]) & (x <= ends[1])
    return out
