"""The learning problem that every method solves, the Gram matrices that belong to it, and the form of a solution."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ndksym.dynamics.physics import Physics
from ndksym.runtime.arguments import Progress
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["ROUNDING", "Covariance", "GramMatrices", "Posterior", "Problem", "Solution", "posterior"]

ROUNDING = 1e-13
"""Relative error that rounding may leave in any solution."""

Covariance = bool | Literal["two-time"]
"""Whether the covariance is wanted: not at all, at each time, or at each pair of times."""


def _silent(fraction: float) -> None:
    """Progress that is not reported."""


@dataclass(frozen=True)
class Posterior:
    """The NNGP posterior, the law of the predictor of Langevin dynamics at t → ∞ (T9).

    Attributes
    ----------
    mean : array (rows[, outputs])
        Mean predictor.
    cov : array (rows, rows)
        Covariance, per output.
    """

    mean: Array
    cov: Array


@dataclass(frozen=True, eq=False)
class GramMatrices:
    """NNGP and NTK matrices of training rows X (P, N_0) and further rows. Each matrix is computed once, when it is needed."""

    kernel: Kernel
    X: Array
    rows: Array
    bias: float
    _computed: dict[tuple[str, str, float], Array] = field(default_factory=dict, repr=False)

    def ntk(self, variance: float) -> Array:
        """NTK between all rows and the training rows at this variance of the weights: (both, P)."""
        return self._onto_training("ntk", variance)

    def nngp(self, variance: float) -> Array:
        """NNGP kernel between all rows and the training rows: (both, P)."""
        return self._onto_training("nngp", variance)

    def training_ntk(self, variance: float) -> Array:
        """NTK between training rows: (P, P)."""
        return self._once("ntk", "training", variance)

    def complete_nngp(self, variance: float) -> Array:
        """NNGP kernel between all rows: (both, both)."""
        return self._once("nngp", "training" if self.rows is self.X else "complete", variance)

    def _onto_training(self, kind: str, variance: float) -> Array:
        own = self._once(kind, "training", variance)
        return own if self.rows is self.X else np.vstack([own, self._once(kind, "further", variance)])

    def _once(self, kind: str, block: str, variance: float) -> Array:
        key = (kind, block, variance)
        if key not in self._computed:
            gram = self.kernel.nngp if kind == "nngp" else self.kernel.ntk
            rows: tuple[Array, ...] = {
                "training": (self.X,), "further": (self.rows, self.X), "complete": (np.vstack([self.X, self.rows]),),
            }[block]  # fmt: skip
            self._computed[key] = gram(*rows, variance=variance, bias=self.bias)
        return self._computed[key]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be solved: network, data, physics and accuracy.

    X is (P, N_0) and y (P, outputs); `rows` are the further rows to predict at, the same object as X where there are none.
    `scale` multiplies the loss ½ Σ (y − f)². `options` are those of the method.
    """

    kernel: Kernel
    X: Array
    rows: Array
    y: Array
    physics: Physics
    scale: float
    rtol: float
    covariance: Covariance = False
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = _silent

    @cached_property
    def both(self) -> Array:
        """Training rows, followed by the further ones."""
        return self.X if self.rows is self.X else np.vstack([self.X, self.rows])

    @property
    def size(self) -> float:
        """The largest |y|."""
        return max(float(np.abs(self.y).max()), np.finfo(float).tiny)

    @cached_property
    def grams(self) -> GramMatrices:
        """The Gram matrices of the rows."""
        return GramMatrices(self.kernel, self.X, self.rows, self.physics.bias)

    @cached_property
    def initial_ntk(self) -> Array:
        """NTK at initialisation, times the scale of the loss: (both, P)."""
        return np.asarray(self.scale * self.grams.ntk(self.physics.init_variance))

    @cached_property
    def posterior(self) -> Posterior:
        """The NNGP posterior on all rows, at the temperature of the training."""
        return posterior(self, self.physics.temperature)

    def split(self, values: Array) -> tuple[Array, Array]:
        """Values (times, both, outputs) on the training rows and on the further rows."""
        return values[:, : len(self.X)], values[:, len(self.X) :] if self.rows is not self.X else values


@dataclass(frozen=True, eq=False)
class Solution:
    """What a method returns.

    `train` (M, P, outputs) and `test` (M, rows, outputs) are the mean predictor; `error` (M,) is an estimate of its error.
    `cov` is the covariance of all rows, (M, both, both) or (M, M, both, both), where it is wanted; `cov_error` is the larger
    of its errors relative to the largest |y| and to the largest variance without data. `unit` is the time 1/learning rate
    in the unit of the times.
    """

    train: Array
    test: Array
    error: Array
    cov: Array | None = None
    cov_error: float = 0.0
    unit: float = 1.0


def posterior(problem: Problem, temperature: float) -> Posterior:
    """C(·,X)(C + T I)⁻¹ y and C − C(·,X)(C + T I)⁻¹ C(X,·) on all rows, with C the NNGP kernel at σ² (T9)."""
    P, outputs = problem.y.shape
    C = problem.grams.complete_nngp(problem.physics.prior_variance)
    regularised = C[:P, :P] + temperature / problem.scale * np.eye(P)
    solved = np.linalg.lstsq(regularised, np.hstack([problem.y, C[:P]]), rcond=None)[0]
    return Posterior(C[:, :P] @ solved[:, :outputs], C - C[:, :P] @ solved[:, outputs:])
