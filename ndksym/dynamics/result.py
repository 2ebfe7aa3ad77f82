"""What a solution is: curves, the limits they are to be compared with, and where the test error is least."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array


@dataclass(frozen=True)
class Posterior:
    """The NNGP posterior at the test rows (the training rows where there are none): mean and covariance per output."""

    mean: Array
    cov: Array


@dataclass(frozen=True)
class EarlyStop:
    """Least mean squared test error among the times asked for, and the phase it lies in."""

    time: float
    index: int
    error: float
    phase: str


@dataclass(frozen=True)
class Run:
    """The predictor's mean, and covariance where asked for, at each time.

    train (M, P[, outputs]) and test (M, rows[, outputs]); `error` (M,) estimates what the solver left out;
    `train_cov` (M, P, P) and `test_cov` (M, rows, rows) are per output; `ntk_plateau` is where gradient flow ends and
    `equilibrium` where Langevin dynamics does. Before `boundary`, the geometric mean of 1/λ_min(NTK) and σ²/T, the gradient drives;
    after it, diffusion.
    """

    method: str
    times: Array
    train: Array
    test: Array
    error: Array
    ntk_plateau: Array
    equilibrium: Posterior
    boundary: float
    train_cov: Array | None = None
    test_cov: Array | None = None

    def early_stopping(self, y_test: Any) -> EarlyStop:
        """Where the test curve is best, and in which phase (T14).

        Errors: InputError where y_test does not fit the test rows.
        """
        y = np.asarray(y_test, dtype=np.float64)
        if y.shape != self.test.shape[1:]:
            raise InputError(f"y_test must have shape {self.test.shape[1:]}, one row per test input; got {y.shape}")
        errors = np.mean((self.test - y) ** 2, axis=tuple(range(1, self.test.ndim)))
        best = int(np.argmin(errors))
        phase = "diffusive" if self.times[best] > self.boundary else "gradient-driven"
        return EarlyStop(float(self.times[best]), best, float(errors[best]), phase)
