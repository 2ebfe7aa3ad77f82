"""Results: the predictor in time, the limits to compare it with, and the settings that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ndksym.dynamics import checks, curves, methods
from ndksym.dynamics.problem import Posterior
from ndksym.output import records
from ndksym.output.draw import draw
from ndksym.output.figure import Panel
from ndksym.output.notebook import html_table
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Drift", "EarlyStop", "Posterior", "Run"]

_LETTERS = {
    "network": ("", "activation of each hidden layer"),
    "depth": ("L", "number of hidden layers"),
    "temperature": ("T", "temperature of the Langevin noise"),
    "prior_variance": ("σ²", "variance of a weight in equilibrium without data"),
    "init_variance": ("σ0²", "variance of a weight at t = 0"),
    "bias": ("β", "scale of the biases"),
    "step": ("h", "length of an Euler step"),
    "strength": ("λ", "strength of the proximal term"),
    "freeze_time": ("t₀", "time at which the readout was frozen"),
    "signal": ("", "whether the hidden weights go on learning after t₀"),
    "reduction": ("", "whether the loss ½ (y − f)² is summed or averaged over examples"),
    "rtol": ("", "required accuracy relative to the largest |y|"),
}
"""Settings of a table with their letters and meanings."""


@dataclass(frozen=True)
class EarlyStop:
    """The least mean squared test error.

    Attributes
    ----------
    time : float
        The time of the least error among the times of the run.
    index : int
        The index of that time.
    error : float
        The mean squared error.
    phase : str
        "gradient-driven" or "diffusive", the phase in which the time lies.
    """

    time: float
    index: int
    error: float
    phase: str


class _Record:
    """Comparison, JSON and files of a result; a result is a frozen dataclass of arrays, numbers and text."""

    def __eq__(self, other: object) -> bool:
        return records.same(self, other) if type(other) is type(self) else NotImplemented

    def record(self) -> dict[str, Any]:
        """The result as dictionaries, lists and numbers, for JSON. Infinity becomes None."""
        out: dict[str, Any] = records.document(self)
        return out

    def save(self, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write the result to a .npz file of plain arrays, completely or not at all.

        `ndksym.load` reads it back; so does ``np.load(path, allow_pickle=False)``.

        Parameters
        ----------
        path : str or Path
            A path that ends in .npz.
        about : mapping, optional
            Further numbers and texts, stored as about.NAME.

        Raises
        ------
        InputError
            If the path does not end in .npz, or cannot be written.
        InputTypeError
            If `about` holds something other than arrays of numbers, truth values or text.

        Notes
        -----
        The arrays have the names of the attributes; those of an inner record or mapping are joined by a dot, as in
        equilibrium.mean and settings.temperature.
        """
        records.save(path, {"kind": type(self).__name__, **vars(self)}, about or {})


@dataclass(frozen=True, eq=False, repr=False)
class Run(_Record):
    """The predictor of an infinitely wide network in training; the result of `solve`.

    Attributes
    ----------
    method : str
        The method of `solve`.
    times : array (M,)
        The times t, in units of 1/learning rate; for "mpl" the numbers of steps.
    train : array (M, P[, outputs])
        Mean predictor on the training rows.
    test : array (M, rows[, outputs])
        Mean predictor on the test rows; on the training rows where no test rows were given.
    error : array (M,)
        Estimate of the numerical error of the predictor at each time.
    ntk_plateau : array (rows[, outputs])
        The predictor at the end of gradient flow of the linearised network, Θ* Θ⁻¹ y (T10).
    equilibrium : Posterior
        The predictor of Langevin dynamics at t → ∞, the NNGP posterior (T9), on the test rows: `.mean` and `.cov`.
    boundary : float
        The boundary between the gradient-driven and the diffusive phase, in the unit of the times: the geometric mean of σ²/T
        and of the time that gradient flow takes with these labels, at most σ²/T. It is ∞ without diffusion.
    train_cov : array (M, P, P) or None
        Covariance over the ensemble on the training rows, per output; (M, M, P, P) at pairs of times.
    test_cov : array (M, rows, rows) or None
        The same on the test rows.
    settings : dict
        Everything that made the run: network, physics, method and versions of the software.
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
    settings: Mapping[str, Any] = field(default_factory=dict)

    def early_stopping(self, y_test: ArrayLike) -> EarlyStop:
        """Find the time of the least mean squared test error, and the phase it lies in (T14).

        Parameters
        ----------
        y_test : array (rows[, outputs])
            Labels of the test rows.

        Returns
        -------
        EarlyStop
            Time, index, error and phase.

        Raises
        ------
        InputError, InputTypeError
            If y_test does not fit the test rows, or is not finite.
        """
        errors = curves.mse(self.test, checks.labels(y_test, "y_test", self.test.shape[1:]))
        best = int(np.argmin(errors))
        phase = "diffusive" if self.times[best] > self.boundary else "gradient-driven"
        return EarlyStop(float(self.times[best]), best, float(errors[best]), phase)

    def panel(self, *, y: ArrayLike | None = None, y_test: ArrayLike | None = None, rows: str = "test") -> Panel:
        """The learning curves as numbers, for `ndksym.output.draw`.

        Parameters
        ----------
        y, y_test : array, optional
            Labels of the training rows, whose curve they add, and of the test rows.
        rows : str
            What the test rows are called.

        Returns
        -------
        Panel
            Curves, limits, phases and marks.
        """
        axis = curves.TimeAxis(f"time t ({methods.find(self.method).TIME_UNIT})", self.times, self.boundary)
        train, test = curves.Predictor(self.train, self.train_cov), curves.Predictor(self.test, self.test_cov)
        limits = {"NTK plateau": self.ntk_plateau, "NNGP equilibrium": self.equilibrium.mean}
        return curves.learning(axis, train, test, limits, y=y, y_test=y_test, rows=rows)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        label: str | None = None,
        color: str | None = None,
        phases: bool = True,
        y: ArrayLike | None = None,
        y_test: ArrayLike | None = None,
        title: str = "",
    ) -> Axes:
        """Draw learning curves on a logarithmic axis of time.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The axes to draw on, new ones if not given. Axes with another run on them show both.
        label : str, optional
            The name of the run in the legend.
        color : str, optional
            A Matplotlib color for all curves of the run; the next colors of the palette if not given.
        phases : bool
            Whether to shade the two phases. Where the runs on the axes have different phases, none are shaded.
        y : array (P[, outputs]), optional
            Training labels; they add the training set.
        y_test : array (rows[, outputs]), optional
            Test labels. With more than four test predictors they are needed for errors to be shown.
        title : str
            The title of the axes.

        Returns
        -------
        matplotlib Axes
            The axes; ``ax.figure.savefig(…)`` writes the figure.

        Raises
        ------
        MissingExtraError
            Without Matplotlib.
        InputError
            For labels that do not fit, or something that is no color.

        Notes
        -----
        Up to four test predictors are drawn one by one, more of them as mean squared errors. NTK plateau and NNGP equilibrium
        are dashed, and bands are ±1 standard deviation over the ensemble where the covariance is known.
        """
        panel = self.panel(y=y, y_test=y_test)
        return draw(panel if phases else replace(panel, boundary=None), ax, title=title, label=label, color=color)

    def __repr__(self) -> str:
        return f"Run({_summary(self.method, self.settings)}{_size(self.times, self.train, self.test, self.error)})"

    def _repr_html_(self) -> str:
        limits = (
            ("boundary", "", f"{self.boundary:.4g}", "time at which diffusion begins to dominate"),
            ("error", "", f"{np.max(self.error):.1e}", "largest estimated numerical error in f"),
            ("times", "t", f"{len(self.times)} up to {self.times[-1]:.4g}", methods.find(self.method).TIME_UNIT),
        )
        head = ("method", "", self.method, methods.find(self.method).LABEL)
        return _table(repr(self), (head, *_described(self.settings), *limits))


@dataclass(frozen=True, eq=False, repr=False)
class Drift(_Record):
    """The mean predictor with a frozen readout; the result of `drift`.

    Attributes
    ----------
    freeze_time : float
        The time t₀ at which the readout was frozen; ∞ means at equilibrium.
    times : array (M,)
        The times t, counted from freeze_time where that is ∞.
    train : array (M, P[, outputs])
        Mean predictor on the training rows.
    test : array (M, rows[, outputs])
        Mean predictor on the test rows; on the training rows where no test rows were given.
    error : array (M,)
        Estimate of the numerical error of the predictor at each time.
    signal : bool
        Whether the hidden weights went on learning.
    settings : dict
        Everything that made the result: network, physics and versions of the software.
    """

    freeze_time: float
    times: Array
    train: Array
    test: Array
    error: Array
    signal: bool
    settings: Mapping[str, Any] = field(default_factory=dict)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        label: str | None = None,
        color: str | None = None,
        y_test: ArrayLike | None = None,
        title: str = "",
    ) -> Axes:
        """Draw the drift against the time since the readout was frozen.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The axes to draw on, new ones if not given. Axes with another drift on them show both.
        label, color : str, optional
            The name in the legend, and a Matplotlib color.
        y_test : array (rows[, outputs]), optional
            Test labels. More than four test predictors are shown as mean squared errors, which need them.
        title : str
            The title of the axes.

        Returns
        -------
        matplotlib Axes
            The axes.

        Raises
        ------
        MissingExtraError
            Without Matplotlib.
        InputError
            For labels that do not fit, or something that is no color.
        """
        frozen = self.freeze_time if np.isfinite(self.freeze_time) else 0.0
        panel = curves.drift(self.times, frozen, self.test, y_test=y_test)
        return draw(panel, ax, title=title, label=label, color=color)

    def __repr__(self) -> str:
        what = _summary(f"readout frozen at {self.freeze_time:g}", self.settings)
        return f"Drift({what}{_size(self.times, self.train, self.test, self.error)})"

    def _repr_html_(self) -> str:
        error = ("error", "", f"{np.max(self.error):.1e}", "largest estimated numerical error in f")
        times = ("times", "t", f"{len(self.times)} up to {self.times[-1]:.4g}", "in units of 1/learning rate")
        return _table(repr(self), (*_described(self.settings), error, times))


def _summary(head: str, settings: Mapping[str, Any]) -> str:
    if "network" not in settings:
        return f"{head}: "
    names = ", ".join(dict.fromkeys(settings["network"]))
    return f"{head}, {names}, depth {settings['depth']}, T = {settings['temperature']:g}: "


def _size(times: Array, train: Array, test: Array, error: Array) -> str:
    return f"{len(times)} times, {train.shape[1]} training and {test.shape[1]} test rows, error ≤ {np.max(error):.0e}"


def _described(settings: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Name, letter, value and meaning of each setting."""
    return [
        (
            name,
            letter,
            f"{value:g}" if isinstance(value, float) else ", ".join(value) if name == "network" else str(value),
            meaning,
        )
        for name, (letter, meaning) in _LETTERS.items()
        if (value := settings.get(name)) is not None
    ]


def _table(caption: str, rows: tuple[tuple[str, str, str, str], ...]) -> str:
    return html_table(caption, ("", "letter", "value", "meaning"), rows)
