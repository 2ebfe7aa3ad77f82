"""Figures of the predictor in time: learning curves, drift, errors; and `learning_curves`, `drift_curves`, which draw them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ndksym.dynamics.checks import labels
from ndksym.errors import InputError
from ndksym.output.draw import draw
from ndksym.output.figure import Curve, Level, Mark, Panel
from ndksym.runtime import checks
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ERROR", "FEW", "drift", "drift_curves", "fitting", "learning", "learning_curves", "mse", "positive"]

FEW = 4
"""Up to so many test predictors are shown one by one."""
ERROR = "mean squared error (label units²)"
"""The label of an axis of errors."""


class Solution(Protocol):
    """What is shown of a run."""

    @property
    def method(self) -> str: ...
    @property
    def times(self) -> Array: ...
    @property
    def train(self) -> Array: ...
    @property
    def test(self) -> Array: ...
    @property
    def train_cov(self) -> Array | None: ...
    @property
    def test_cov(self) -> Array | None: ...
    @property
    def ntk_plateau(self) -> Array: ...
    @property
    def equilibrium(self) -> Any: ...
    @property
    def boundary(self) -> float: ...
    def early_stopping(self, y_test: Any) -> Any: ...


def learning(run: Solution, *, y: Any = None, y_test: Any = None, rows: str = "test") -> Panel:
    """Learning curves: test predictors if there are at most FEW, otherwise mean squared errors (which need y_test).

    y adds how far the training labels are learnt, y·f/|y|², or the training error. `rows` names the run's test rows
    where they are not for testing. Times ≤ 0 have no place on a logarithmic axis and are left out.

    Errors: InputError where labels do not fit, or where no time is positive.
    """
    seen = positive(run.times)
    y = None if y is None else fitting(y, run.train, "y", "training")
    y_test = None if y_test is None else fitting(y_test, run.test, "y_test", "test")
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
    lag = np.asarray(times, dtype=np.float64) - checks.number(freeze_time, "freeze_time", zero=True)
    values = np.asarray(test, dtype=np.float64)
    if lag.ndim != 1 or values.ndim not in (2, 3) or len(values) != len(lag):
        raise InputError(f"test must have shape (times, rows[, outputs]) with {lag.shape} times; got {values.shape}")
    seen = positive(lag)
    end = None if limit is None else fitting(limit, values, "limit", "test")
    y_test = None if y_test is None else fitting(y_test, values, "y_test", "test")
    x_label = "time since the readout was frozen, t − t₀ (in units of 1/learning rate)"
    if y_test is None or values[0].size <= FEW:
        curves, levels = _few(values[seen], None if test_cov is None else np.asarray(test_cov)[seen], {"chance": end})
        return Panel(x_label, _PREDICTOR, False, lag[seen], curves, levels, band=_band(curves))
    curve = Curve("test", mse(values[seen], y_test), 0)
    chance = () if end is None else (Level("chance", float(mse(end[None], y_test)[0]), 0),)
    return Panel(x_label, ERROR, True, lag[seen], (curve,), chance)


_PREDICTOR = "predictor f(t, x) (label units)"


def _predictors(
    run: Solution, seen: Any, y: Array | None, marks: tuple[Mark, ...], rows: str, common: dict[str, Any]
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
    run: Solution, seen: Any, y: Array | None, y_test: Array, marks: tuple[Mark, ...], rows: str, common: dict[str, Any]
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
        y_label=ERROR, log_y=True, curves=tuple(curves), levels=levels, marks=marks, band=band, **common
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


def fitting(value: Any, curves: Array, name: str, which: str) -> Array:
    return labels(value, name, curves.shape[1:], which)


def positive(times: Array) -> Any:
    seen = times > 0
    if not np.any(seen):
        raise InputError("a logarithmic time axis needs a time > 0; there is none")
    return seen


def learning_curves(
    run: Solution, ax: "Axes | None" = None, *, y: Any = None, y_test: Any = None, title: str = ""
) -> "Axes":
    """What `Run.plot` draws; see there."""
    return draw(learning(run, y=y, y_test=y_test), ax, title=title)


def drift_curves(
    times: Any, freeze_time: float, test: Any, ax: "Axes | None" = None, *, limit: Any = None, y_test: Any = None,
    test_cov: Any = None, title: str = "",
) -> "Axes":  # fmt: skip
    """Representational drift after the readout was frozen at `freeze_time`; arguments as in `drift`."""
    panel = drift(times, freeze_time, test, limit=limit, y_test=y_test, test_cov=test_cov)
    return draw(panel, ax, title=title)
