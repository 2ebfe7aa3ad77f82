"""Figures of learning: theory with networks of finite width, and the expansions in T with the solution."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ndksym import dynamics
from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import Run, checks, tasks
from ndksym.dynamics.curves import mse
from ndksym.dynamics.tasks import Task
from ndksym.errors import NdksymError
from ndksym.expansions import Phases
from ndksym.kernels.network import Network
from ndksym.output.figure import Absent, Curve, Figure, Panel, Points
from ndksym.report.setting import Setting
from ndksym.runtime.arguments import Progress
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.simulation import Comparison, Simulation, simulate
from ndksym.simulation.defaults import step_length

__all__ = ["Learning", "agreement", "expansions", "learning"]

_TIMES = 60
_LAST, _FIRST = 20.0, 2.5e-5
"""Last time of the curves in units of σ²/T; first time in units of the last."""
_DOTS, _MEASURED = 14, 3.0
"""Number of dots; time of the last dot in units of σ²/T, if the steps reach it."""
_WORK = 1.2e9
"""Weights × steps × networks that take some ten seconds of one core."""
_FINER = 0.5
"""Factor on the usual step, so that the curve of continuous time fits the dots too."""
_LEAST, _MOST = 20, 1000
"""Numbers of steps."""
_DEEPEST = 20
"""Depth of the deepest network that is simulated for a report."""
_RTOL = 1e-4
"""Accuracy of the curves."""
_LARGEST = 1.5
"""Labels are ±1; an expansion that exceeds this is outside the phase that it describes."""
_WORTH = 0.01
"""Early stopping is marked if it saves more than this part of the test error at the end."""


@dataclass(frozen=True, eq=False)
class Learning:
    """The figure, the solution that it shows, and the comparison with networks of finite width."""

    figure: Figure | Absent
    run: Run | None = None
    task: Task | None = None
    simulated: Simulation | None = None
    comparison: Comparison | None = None
    note: str = ""


def learning(d: Network, kernel: Kernel, setting: Setting, progress: Progress) -> Learning:
    """The learning curves with both phases marked, and means over networks of finite width with their errors."""
    title = "Learning curves"
    if d.diverges:
        reason = "an activation jumps, so the NTK is infinite at coincident inputs and gradient flow does not exist"
        return Learning(Absent("learning", title, reason))
    task = tasks.load(setting.task, seed=setting.seed)
    simulated: Simulation | None = None
    note = ""
    try:
        simulated = _simulated(d, task, setting, progress)
    except NdksymError as error:
        note = f"No networks of finite width: {error}"
    last = _LAST * setting.prior_variance / setting.temperature
    seen = np.empty(0) if simulated is None else simulated.times
    times = np.union1d(np.geomspace(_FIRST * last, last, _TIMES), seen[seen > 0])
    try:
        run = dynamics.solve(kernel, task.X, task.y, task.X_test, times=times, rtol=_RTOL, **setting.physics)
    except NdksymError as error:
        return Learning(Absent("learning", title, str(error)))
    panel = run.panel(y=task.y, y_test=task.y_test)
    if not _worth_stopping(run, task):
        panel = replace(panel, marks=())
    comparison = None
    if simulated is not None:
        panel = replace(panel, points=_points(simulated, times, task.y))
        stepped = dynamics.solve(
            kernel, task.X, task.y, task.X_test, times=simulated.times, step=simulated.physics["step"], rtol=_RTOL,
            **setting.physics,
        )  # fmt: skip
        comparison = simulated.compare(stepped)
    return Learning(
        Figure("learning", title, _caption(d, setting, simulated), panel), run, task, simulated, comparison, note
    )


def expansions(p: Phases, shown: Learning, setting: Setting) -> Iterator[Figure | Absent]:
    """The test predictor in both phases: inner and outer expansion, their composite, and the solution."""
    run, task = shown.run, shown.task
    if run is None or task is None:
        return
    name, title = "expansion", "Expansion in T against the solution"
    try:
        composite = replace(p, order=1).on(task.X, task.y, task.X_test, times=run.times, **setting.physics)
    except NdksymError as error:
        yield Absent(name, title, str(error))
        return
    curves = []
    for number, (label, values) in enumerate((("inner", composite.inner), ("outer", composite.outer)), 1):
        curves.append(
            Curve(f"{label} expansion", np.where(np.abs(values[:, 0]) < _LARGEST, values[:, 0], np.nan), number)
        )
    curves.append(Curve("composite, to order T", composite.test[:, 0], 0))
    curves.append(Curve("solution", run.test[:, 0], -1))
    panel = Panel(
        "time t (in units of 1/learning rate)", "test predictor f(t, x) (label units)", False, run.times, tuple(curves),
        boundary=run.boundary,
    )  # fmt: skip
    distance = np.abs(composite.test[:, 0] - run.test[:, 0]).max()
    order = "T²" if composite.error_order == 2 else "T^(3/2)"
    caption = (
        f"The same network and task. The composite, to order T, has an error of O({order}); here it is at most {distance:.1e} "
        f"from the solution. Each expansion is drawn where it is smaller than {_LARGEST:g}."
    )
    yield Figure(name, title, caption, panel)


def _simulated(d: Network, task: Task, setting: Setting, progress: Progress) -> Simulation:
    if d.depth > _DEEPEST:
        raise NdksymError(f"{d.depth} layers take longer than a report may; use ndksym simulate")
    kernel = compiled(d)
    langevin = checks.physics(
        kernel, setting.temperature, setting.prior_variance, setting.init_variance, setting.bias, False
    )
    step = _FINER * step_length(kernel, task.X, langevin, 1.0)
    weights = setting.width * (task.X.shape[1] + (d.depth - 1) * setting.width + 1)
    steps = np.clip(_WORK / (2 * setting.pairs * weights), _LEAST, _MOST)
    count = int(min(steps, _MEASURED * setting.prior_variance / setting.temperature / step))
    with np.errstate(all="ignore"):
        simulated = simulate(
            d, task.X, task.y, task.X_test, width=setting.width, pairs=setting.pairs, seed=setting.seed, step=step,
            times=step * np.unique(np.rint(np.geomspace(1, max(2, count), _DOTS))), progress=progress, **setting.physics,
        )  # fmt: skip
    if not np.all(np.isfinite(simulated.samples)):
        raise NdksymError("some of them diverged")
    return simulated


def _worth_stopping(run: Run, task: Task) -> bool:
    """Whether early stopping saves a visible part of the test error."""
    if task.y_test is None:
        return False
    errors = mse(run.test, task.y_test)
    return bool(errors.min() < (1 - _WORTH) * errors[-1])


def _points(simulated: Simulation, times: Array, y: Array) -> tuple[Points, ...]:
    """The test row, and y·f/|y|² of the training set, at those of `times` that were simulated."""
    at = np.searchsorted(times, simulated.times)
    learnt = simulated.mean_estimate.terms[0][..., 0]
    P = simulated.trained
    label = f"width {simulated.widths[0]}, mean ± standard error"

    def spread(samples: Array, colour: int) -> Points:
        values, errors = np.full(len(times), np.nan), np.full(len(times), np.nan)
        values[at] = samples.mean(axis=0)
        errors[at] = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        return Points(label, values, errors, colour)

    return spread(learnt[:, :, P], 0), spread(learnt[:, :, :P] @ y / (y @ y), -1)


def _caption(d: Network, setting: Setting, simulated: Simulation | None) -> str:
    caption = (
        "Four orthogonal training inputs with balanced labels ±1, and a test input of cosine 0.9 with the first of them "
        f"(--data {setting.task}); T = {setting.temperature:g}, σ² = {setting.prior_variance:g}, "
        f"σ0² = {setting.init_variance:g}" + (f", β = {setting.bias:g}" if d.bias else "") + "."
    )
    if simulated is None:
        return caption
    return (
        f"{caption} Dots: Langevin training of {simulated.pairs} pairs of networks of width {setting.width} with labels ±y, "
        f"in steps of {simulated.physics['step']:g}, seed {setting.seed}; the curves are for continuous time."
    )


def agreement(shown: Learning) -> dict[str, dict[str, float]] | None:
    """The result of the comparison without its cells; None if nothing was simulated."""
    if shown.comparison is None:
        return None
    parts = {"mean": shown.comparison.mean, "variance": shown.comparison.var}
    return {
        name: {"largest_z": part.worst, "expected": part.expected, "chance": part.chance, "cells": int(part.z.size)}
        for name, part in parts.items()
        if part is not None
    }
