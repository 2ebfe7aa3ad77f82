"""What a solution is: curves, the limits they are to be compared with, and where the test error is least."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.dynamics import checks, curves
from ndksym.output import records
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    `train_cov` (M, P, P) and `test_cov` (M, rows, rows) are per output, (M, M, …) at pairs of times; `ntk_plateau` is where
    gradient flow ends and `equilibrium` where Langevin dynamics does. Before `boundary`, the geometric mean of
    the time that gradient flow takes with these labels and σ²/T, the gradient drives; after it, diffusion.
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

        Errors: InputError and InputTypeError where y_test does not fit the test rows, or is not finite.
        """
        y = checks.labels(y_test, "y_test", self.test.shape[1:])
        errors = np.mean((self.test - y) ** 2, axis=tuple(range(1, self.test.ndim)))
        best = int(np.argmin(errors))
        phase = "diffusive" if self.times[best] > self.boundary else "gradient-driven"
        return EarlyStop(float(self.times[best]), best, float(errors[best]), phase)

    def plot(self, ax: "Axes | None" = None, y_test: Any = None, *, y: Any = None, title: str = "") -> "Axes":
        """Learning curves on a log-time axis: phases shaded, NTK plateau and NNGP equilibrium dashed, ±1 std bands.

        Up to four test predictors as they are; more, or several outputs, as mean squared errors, which need `y_test`.
        `y` adds the training set. Returns the axes, new ones without `ax`; `.figure.savefig(…)` writes them.

        Errors: MissingExtraError without matplotlib; InputError for labels that do not fit.
        """
        return curves.learning_curves(self, ax, y=y, y_test=y_test, title=title)

    def record(self) -> dict[str, Any]:
        """All of it as dictionaries, lists and numbers, for JSON; infinity is None."""
        out: dict[str, Any] = records.document(self)
        return out

    def save(self, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write a .npz of plain arrays, whole or not at all; np.load reads it with allow_pickle=False.

        Its names are those of the fields, with equilibrium.mean and equilibrium.cov; `about` adds numbers or text of
        yours, such as the temperature, as about.temperature.

        Errors: InputError for a path that is no .npz or cannot be written, InputTypeError for what is no plain array.
        """
        records.save(path, self, about or {})
