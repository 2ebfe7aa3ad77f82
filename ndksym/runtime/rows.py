"""One side of the pairs at a layer: its norms, the second moments of φ and φ' there, and what the numeric rules
need."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ndksym.errors import DivergentKernelError
from ndksym.runtime import mehler, quadrature
from ndksym.runtime.panels import Panels, panels
from ndksym.runtime.types import Array, Layer

CANCELLATION = 10.0
"""Largest Σ|terms| / |Σ terms| at which a sum is trusted: it then has lost no more than a digit."""


@dataclass(frozen=True)
class Rule:
    """A layer together with what its numeric rules need, found once."""

    layer: Layer
    known: mehler.Known = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def panels(self) -> Panels:
        return panels(self.layer.phi, self.layer.dphi, self.layer.breaks)


@dataclass(frozen=True)
class Rows:
    """One side of the pairs at a layer: variances a, norms p = √a, and E φ(u)², E φ'(u)² there."""

    rule: Rule
    a: Array

    def __post_init__(self) -> None:
        limit = self.rule.layer.reach
        worst = float(np.max(self.a, initial=0.0))
        if not np.isfinite(worst):
            raise DivergentKernelError(
                f"{self.rule.layer.name}: row {int(np.argmax(self.a))} reaches a preactivation variance beyond float64 "
                "(1.8e308) at a hidden layer. Use smaller inputs, variance or bias, or fewer layers"
            )
        if worst >= limit:
            raise DivergentKernelError(
                f"{self.rule.layer.name}: the kernel is finite only for variances below {limit:.6g}; "
                f"a preactivation here has variance {worst:.6g}. Use smaller inputs, variance or bias, or fewer layers"
            )

    @cached_property
    def p(self) -> Array:
        return np.sqrt(self.a)

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        layer, K, K_dot = self.rule.layer, np.zeros_like(self.a), np.zeros_like(self.a)
        poor = np.ones(len(self.a), dtype=bool)
        if layer.closed:
            with np.errstate(all="ignore"):
                K, K_size, K_dot, K_dot_size = (np.array(x, dtype=float) for x in layer.diag(self.a))
            poor = ~(kept(K, K_size) & (kept(K_dot, K_dot_size) | np.isposinf(K_dot))) & ~np.isposinf(K)
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
    def _coefficients(self) -> list[mehler.Series]:
        """Those found so far, the last of them with all rows that have been asked for."""
        h, h_dot = np.zeros((2, mehler.MOST, len(self.a)))
        return [mehler.Series(h, h_dot, np.zeros(mehler.MOST), np.zeros(len(self.a), dtype=bool))]

    @cached_property
    def _asked(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.a), dtype=bool)

    def series(self, which: NDArray[np.intp]) -> mehler.Series:
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
            self._coefficients.append(mehler.Series(held.h, held.h_dot, envelope, held.found))
            self._asked[new] = True
        return self._coefficients[0]


def kept(value: Array, size: Array) -> NDArray[np.bool_]:
    """Entries whose digits survived the summation."""
    out: NDArray[np.bool_] = np.isfinite(size) & (size <= CANCELLATION * np.abs(value))
    return out
