"""Figures of the predictor in time, as numbers: learning curves, errors, and representational drift.

The functions take plain arrays, so that results, simulations and reports can all use them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndksym.dynamics.checks import labels
from ndksym.errors import InputError
from ndksym.output.figure import Curve, Level, Mark, Panel
from ndksym.runtime import checks
from ndksym.runtime.types import Array

__all__ = ["ERROR", "FEW", "Predictor", "TimeAxis", "drift", "fitting", "learning", "mse", "positive"]

FEW = 4
"""Largest number of test predictors that are shown one by one."""
ERROR = "mean squared error (label units²)"
"""The label of an axis of errors."""
_PREDICTOR = "predictor f(t, x) (label units)"


@dataclass(frozen=True, eq=False)
class TimeAxis:
    """Times (M,) with the label of their axis, and the boundary between the phases (None: not shown)."""

    label: str
    times: Array
    boundary: float | None


@dataclass(frozen=True, eq=False)
class Predictor:
    """Mean predictor (M, rows[, outputs]) and, where it is known, its covariance (M, rows, rows) or (M, M, rows, rows)."""

    mean: Array
    cov: Array | None = None

    def at(self, seen: NDArray[np.bool_]) -> "Predictor":
        """The predictor at some of the times, with the covariance at each time."""
        cov = self.cov
        if cov is not None and cov.ndim == 4:
            cov = cov[np.arange(len(cov)), np.arange(len(cov))]
        return Predictor(self.mean[seen], None if cov is None else cov[seen])


def learning(
    axis: TimeAxis,
    train: Predictor,
    test: Predictor,
    limits: Mapping[str, Array],
    *,
    y: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    rows: str = "test",
) -> Panel:
    """Learning curves: the test predictors if there are at most FEW, otherwise mean squared errors, which need y_test.

    `limits` (rows[, outputs]) are shown as dashed lines. y adds the learnt part of the training labels, y·f/|y|², or the
    training error. `rows` names the test rows where they are not for testing. Times that a logarithmic axis cannot show are
    left out.

    Raises InputError where labels do not fit, or where no time is positive.
    """
    seen = positive(axis.times)
    y = None if y is None else fitting(y, train.mean, "y", "training")
    y_test = None if y_test is None else fitting(y_test, test.mean, "y_test", "test")
    marks = _least_error(axis.times, mse(test.mean, y_test)) if y_test is not None and rows == "test" else ()
    axis, train, test = replace(axis, times=axis.times[seen]), train.at(seen), test.at(seen)
    if y_test is None or test.mean[0].size <= FEW:
        return _predictors(axis, train, test, limits, y, marks, rows)
    curves = [_error(rows, test, y_test, 0)] + ([] if y is None else [_error("training", train, y, 1)])
    levels = tuple(Level(f"{kind}, {rows}", float(mse(end[None], y_test)[0]), 0) for kind, end in limits.items())
    band = "" if curves[0].high is None else "thin lines: expected error of one network of the ensemble"
    return Panel(
        axis.label, ERROR, True, axis.times, tuple(curves), levels, axis.boundary,
        _placed(marks, axis.times, curves[0].values), band,
    )  # fmt: skip


def drift(
    times: ArrayLike,
    freeze_time: float,
    test: ArrayLike,
    *,
    limit: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    test_cov: ArrayLike | None = None,
) -> Panel:
    """Representational drift against the time since the readout was frozen: predictors, or errors where there are many.

    times (M,), test (M, rows[, outputs]), test_cov (M, rows, rows). `limit` (rows[, outputs]) is where the drift ends, chance.
    """
    lag = np.asarray(times, dtype=np.float64) - checks.number(freeze_time, "freeze_time", zero=True)
    values = np.asarray(test, dtype=np.float64)
    if lag.ndim != 1 or values.ndim not in (2, 3) or len(values) != len(lag):
        raise InputError(f"test must have shape (times, rows[, outputs]) with {lag.shape} times; got {values.shape}")
    seen = positive(lag)
    end = None if limit is None else fitting(limit, values, "limit", "test")
    y_test = None if y_test is None else fitting(y_test, values, "y_test", "test")
    x_label = "time since the readout was frozen, t − t₀ (in units of 1/learning rate)"
    shown = Predictor(values, None if test_cov is None else np.asarray(test_cov, dtype=np.float64)).at(seen)
    if y_test is None or values[0].size <= FEW:
        curves, levels = _few(shown, {} if end is None else {"chance": end})
        return Panel(x_label, _PREDICTOR, False, lag[seen], curves, levels, band=_band(curves))
    curve = Curve("test", mse(shown.mean, y_test), 0)
    chance = () if end is None else (Level("chance", float(mse(end[None], y_test)[0]), 0),)
    return Panel(x_label, ERROR, True, lag[seen], (curve,), chance)


def _predictors(
    axis: TimeAxis,
    train: Predictor,
    test: Predictor,
    limits: Mapping[str, Array],
    y: Array | None,
    marks: tuple[Mark, ...],
    rows: str,
) -> Panel:
    curves, levels = _few(test, limits, rows)
    if len(curves) == 1:
        marks = _placed(marks, axis.times, curves[0].values)
    if y is not None and np.any(y):
        axes = tuple(range(1, train.mean.ndim))
        curves += (Curve("training set, y·f/|y|²", np.sum(train.mean * y, axis=axes) / np.sum(y * y), -1),)
    return Panel(axis.label, _PREDICTOR, False, axis.times, curves, levels, axis.boundary, marks, _band(curves))


def _few(
    test: Predictor, limits: Mapping[str, Array], which: str = "test"
) -> tuple[tuple[Curve, ...], tuple[Level, ...]]:
    """The first FEW test predictors with bands of ±1 standard deviation, and their limits."""
    rows, outputs = test.mean.shape[1], int(np.prod(test.mean.shape[2:]))
    flat = test.mean.reshape(len(test.mean), -1)
    curves, levels = [], []
    for k in range(min(FEW, flat.shape[1])):
        row, output = divmod(k, outputs)
        label = f"{which} input" + (f" {row}" if rows > 1 else "") + (f", output {output}" if outputs > 1 else "")
        if k == 0 and flat.shape[1] > FEW:
            label += f" (of {rows})"
        std = None if test.cov is None else np.sqrt(np.maximum(test.cov[:, row, row], 0.0))
        low, high = (None, None) if std is None else (flat[:, k] - std, flat[:, k] + std)
        curves.append(Curve(label, flat[:, k], k, low, high))
        levels += [Level(kind, float(end.reshape(-1)[k]), k) for kind, end in limits.items()]
    return tuple(curves), tuple(levels)


def _error(label: str, predictor: Predictor, y: Array, colour: int) -> Curve:
    """The error of the mean. The expected error of one network, E (f − y)², is larger by the variance."""
    error = mse(predictor.mean, y)
    if predictor.cov is None:
        return Curve(label, error, colour)
    variance = np.mean(np.diagonal(predictor.cov, axis1=1, axis2=2), axis=1)
    return Curve(label, error, colour, high=error + np.maximum(variance, 0.0))


def _least_error(times: Array, errors: Array) -> tuple[Mark, ...]:
    """A mark at the time of the least error, if a logarithmic axis shows it."""
    best = float(times[np.argmin(errors)])
    if not 0 < best < np.inf:
        return ()
    # at the last time there is no optimum: the error may decrease further
    return (Mark("least test error, at the end" if best == times[-1] else "least test error", best, None),)


def _placed(marks: tuple[Mark, ...], times: Array, values: Array) -> tuple[Mark, ...]:
    """The marks on the curve with these values."""
    return tuple(replace(mark, value=float(values[np.argmin(np.abs(times - mark.time))])) for mark in marks)


def _band(curves: tuple[Curve, ...]) -> str:
    return "bands: ±1 standard deviation over the ensemble" if curves[0].low is not None else ""


def mse(values: Array, y: Array) -> Array:
    """Mean squared error (M,) of values (M, rows[, outputs]) at each time."""
    out: Array = np.mean((values - y) ** 2, axis=tuple(range(1, values.ndim)))
    return out


def fitting(value: ArrayLike, curves: Array, name: str, which: str) -> Array:
    """Labels that have the shape of the curves at one time."""
    return labels(value, name, curves.shape[1:], which)


def positive(times: Array) -> NDArray[np.bool_]:
    """Which times a logarithmic axis can show: those in (0, ∞)."""
    seen: NDArray[np.bool_] = (times > 0) & (times < np.inf)
    if not np.any(seen):
        raise InputError("a logarithmic time axis needs a finite time > 0; there is none")
    return seen
