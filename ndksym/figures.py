"""What a figure shows, as numbers: the curves, the levels they are compared with, the phases, the best moment.

A figure is drawn from a Panel and from nothing else, so the JSON beside it holds all that is in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.dynamics import Run
from ndksym.dynamics.inputs import labels
from ndksym.errors import InputError
from ndksym.runtime import inputs
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from ndksym.simulation.samples import Estimated

__all__ = ["FEW", "Curve", "Level", "Mark", "Panel", "Points", "drift", "learning", "mse", "with_points"]

FEW = 4
"""Up to so many test predictors are shown one by one."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at the panel's times; `low` and `high` bound its band, `high` alone is a thin line beside it; `colour`
    counts, −1 is the neutral one."""

    label: str
    values: Array
    colour: int
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """Measured values at the panel's times with their standard errors; `colour` is that of the curve they belong to."""

    label: str
    values: Array
    errors: Array
    colour: int


@dataclass(frozen=True)
class Level:
    """A dashed line: `kind` is what it is, `colour` the curve it belongs to."""

    kind: str
    value: float
    colour: int


@dataclass(frozen=True)
class Mark:
    """A moment worth a line; `value` is where the curve stands then, None where there are several."""

    label: str
    time: float
    value: float | None


@dataclass(frozen=True, eq=False)
class Panel:
    """`boundary` separates the gradient-driven from the diffusive phase: ∞ if there is only the first, None if there
    is nothing of the kind. `band` says what the bands or thin lines are."""

    x_label: str
    y_label: str
    log_y: bool
    times: Array
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    boundary: float | None = None
    marks: tuple[Mark, ...] = ()
    band: str = ""
    points: tuple[Points, ...] = ()


def with_points(panel: Panel, simulated: "Estimated", y_test: Any = None) -> Panel:
    """The simulated means beside the curves of the test rows: errors where the panel shows errors, which need y_test.

    |mean − y|² is larger than the error of the mean by the squared standard error, which is taken off.
    """
    seen = _positive(simulated.times)
    mean, stderr = simulated.mean.test[seen], simulated.stderr.test[seen]
    if len(mean) != len(panel.times):
        raise InputError(f"the simulation has {len(mean)} times > 0, the panel {len(panel.times)}")
    if panel.y_label == _ERROR:
        away = mean - _fitting(y_test, simulated.mean.test, "y_test", "test")
        axes = tuple(range(1, away.ndim))
        errors = np.sqrt(np.sum((2 * away * stderr) ** 2, axis=axes)) / away[0].size
        return replace(panel, points=(Points("test, simulated", np.mean(away**2 - stderr**2, axis=axes), errors, 0),))
    flat, sizes = mean.reshape(len(mean), -1), stderr.reshape(len(mean), -1)
    shown = range(min(FEW, flat.shape[1]))
    return replace(panel, points=tuple(Points("simulated, ± its error", flat[:, k], sizes[:, k], k) for k in shown))


def learning(run: Run, *, y: Any = None, y_test: Any = None, rows: str = "test") -> Panel:
    """Learning curves: test predictors if there are at most FEW, otherwise mean squared errors (which need y_test).

    y adds how far the training labels are learnt, y·f/|y|², or the training error. `rows` names the run's test rows
    where they are not for testing. Times ≤ 0 have no place on a logarithmic axis and are left out.

    Errors: InputError where labels do not fit, or where no time is positive.
    """
    seen = _positive(run.times)
    y = None if y is None else _fitting(y, run.train, "y", "training")
    y_test = None if y_test is None else _fitting(y_test, run.test, "y_test", "test")
    x_label = "time t (steps)" if run.method == "mpl" else "time t (in units of 1/learning rate)"
    common = {"x_label": x_label, "times": run.times[seen], "boundary": run.boundary}
    marks: tuple[Mark, ...] = ()
    if y_test is not None and rows == "test":
        stop = run.early_stopping(y_test)
        if stop.time > 0:
            # the last of the times is no optimum: the error may go on falling
            label = "least test error, at the end" if stop.time == run.times[-1] else "least test error"
            marks = (Mark(label, stop.time, None),)
    if y_test is None or run.test[0].size <= FEW:
        return _predictors(run, seen, y, marks, rows, common)
    return _errors(run, seen, y, y_test, marks, rows, common)


def drift(
    times: Any, freeze_time: float, test: Any, *, limit: Any = None, y_test: Any = None, test_cov: Any = None
) -> Panel:
    """Representational drift against the time since the readout was frozen: predictors, or errors where there are many.

    times (M,), test (M, rows[, outputs]), test_cov (M, rows, rows); `limit` (rows[, outputs]) is where it ends, chance.
    """
    lag = np.asarray(times, dtype=np.float64) - inputs.number(freeze_time, "freeze_time", zero=True)
    values = np.asarray(test, dtype=np.float64)
    if lag.ndim != 1 or values.ndim not in (2, 3) or len(values) != len(lag):
        raise InputError(f"test must have shape (times, rows[, outputs]) with {lag.shape} times; got {values.shape}")
    seen = _positive(lag)
    end = None if limit is None else _fitting(limit, values, "limit", "test")
    y_test = None if y_test is None else _fitting(y_test, values, "y_test", "test")
    x_label = "time since the readout was frozen, t − t₀ (in units of 1/learning rate)"
    if y_test is None or values[0].size <= FEW:
        curves, levels = _few(values[seen], None if test_cov is None else np.asarray(test_cov)[seen], {"chance": end})
        return Panel(x_label, _PREDICTOR, False, lag[seen], curves, levels, band=_band(curves))
    curve = Curve("test", mse(values[seen], y_test), 0)
    chance = () if end is None else (Level("chance", float(mse(end[None], y_test)[0]), 0),)
    return Panel(x_label, _ERROR, True, lag[seen], (curve,), chance)


_PREDICTOR = "predictor f(t, x) (label units)"
_ERROR = "mean squared error (label units²)"


def _predictors(
    run: Run, seen: Any, y: Array | None, marks: tuple[Mark, ...], rows: str, common: dict[str, Any]
) -> Panel:
    limits = {"NTK plateau": run.ntk_plateau, "NNGP equilibrium": run.equilibrium.mean}
    cov = _at_one_time(run.test_cov)
    curves, levels = _few(run.test[seen], None if cov is None else cov[seen], limits, rows)
    if marks and len(curves) == 1:
        at = int(np.argmin(np.abs(common["times"] - marks[0].time)))
        marks = (Mark(marks[0].label, marks[0].time, float(curves[0].values[at])),)
    if y is not None and np.any(y):
        axes = tuple(range(1, run.train.ndim))
        curves += (Curve("training set, y·f/|y|²", np.sum(run.train[seen] * y, axis=axes) / np.sum(y * y), -1),)
    return Panel(
        y_label=_PREDICTOR, log_y=False, curves=curves, levels=levels, marks=marks, band=_band(curves), **common
    )


def _few(
    test: Array, cov: Array | None, limits: Mapping[str, Array | None], which: str = "test"
) -> tuple[tuple[Curve, ...], tuple[Level, ...]]:
    """The first FEW test predictors with ±1 std, and their limits."""
    rows, outputs = test.shape[1], int(np.prod(test.shape[2:]))
    flat = test.reshape(len(test), -1)
    curves, levels = [], []
    for k in range(min(FEW, flat.shape[1])):
        row, output = divmod(k, outputs)
        label = f"{which} input" + (f" {row}" if rows > 1 else "") + (f", output {output}" if outputs > 1 else "")
        if k == 0 and flat.shape[1] > FEW:
            label += f" (of {rows})"
        std = None if cov is None else np.sqrt(np.maximum(cov[:, row, row], 0.0))
        low, high = (None, None) if std is None else (flat[:, k] - std, flat[:, k] + std)
        curves.append(Curve(label, flat[:, k], k, low, high))
        levels += [Level(kind, float(end.reshape(-1)[k]), k) for kind, end in limits.items() if end is not None]
    return tuple(curves), tuple(levels)


def _errors(
    run: Run, seen: Any, y: Array | None, y_test: Array, marks: tuple[Mark, ...], rows: str, common: dict[str, Any]
) -> Panel:
    test = mse(run.test[seen], y_test)
    curves = [_with_variance(rows, test, run.test_cov, seen, 0)]
    if y is not None:
        curves.append(_with_variance("training", mse(run.train[seen], y), run.train_cov, seen, 1))
    limits = {"NTK plateau": run.ntk_plateau, "NNGP equilibrium": run.equilibrium.mean}
    levels = tuple(Level(f"{kind}, {rows}", float(mse(end[None], y_test)[0]), 0) for kind, end in limits.items())
    marks = tuple(Mark(m.label, m.time, float(test[np.argmin(np.abs(common["times"] - m.time))])) for m in marks)
    band = "" if curves[0].high is None else "thin lines: expected error of one network of the ensemble"
    return Panel(
        y_label=_ERROR, log_y=True, curves=tuple(curves), levels=levels, marks=marks, band=band, **common
    )  # fmt: skip


def _with_variance(label: str, error: Array, cov: Array | None, seen: Any, colour: int) -> Curve:
    """E (f − y)² over the ensemble is the error of the mean plus the variance."""
    cov = _at_one_time(cov)
    if cov is None:
        return Curve(label, error, colour)
    variance = np.mean(np.diagonal(cov[seen], axis1=1, axis2=2), axis=1)
    return Curve(label, error, colour, high=error + np.maximum(variance, 0.0))


def _at_one_time(cov: Array | None) -> Array | None:
    """Of a covariance at all pairs of times, that at each time."""
    return cov[np.arange(len(cov)), np.arange(len(cov))] if cov is not None and cov.ndim == 4 else cov


def _band(curves: tuple[Curve, ...]) -> str:
    return "bands: ±1 standard deviation over the ensemble" if curves[0].low is not None else ""


def mse(values: Array, y: Array) -> Array:
    """Mean squared error at each time (M,) of values (M, rows[, outputs])."""
    out: Array = np.mean((values - y) ** 2, axis=tuple(range(1, values.ndim)))
    return out


def _fitting(value: Any, curves: Array, name: str, which: str) -> Array:
    return labels(value, name, curves.shape[1:], which)


def _positive(times: Array) -> Any:
    seen = times > 0
    if not np.any(seen):
        raise InputError("a logarithmic time axis needs a time > 0; there is none")
    return seen
