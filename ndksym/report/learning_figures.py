"""The figures of learning: theory with finite networks beside it, and the expansions in T beside theory."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ndksym import dynamics
from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import Run, checks, tasks
from ndksym.dynamics.tasks import Task
from ndksym.errors import NdksymError
from ndksym.expansions import Phases
from ndksym.kernels.network import Network
from ndksym.output.figure import Absent, Curve, Figure, Panel, Points
from ndksym.report.setting import Physics
from ndksym.runtime.arguments import Progress
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.simulation import Comparison, Simulation, simulate
from ndksym.simulation.defaults import step_length

__all__ = ["Learning", "expansions", "learning"]

_TIMES = 60
_LAST, _FIRST = 20.0, 2.5e-5
"""In units of σ²/T, and of the last."""
_DOTS, _MEASURED = 14, 3.0
"""Dots, and the last of them in units of σ²/T, where so many steps can be taken."""
_WORK = 1.2e9
"""Weights times steps times networks: some ten seconds of one core."""
_FINER = 0.5
"""Of the usual step, so that the curve of continuous time is that of the dots too."""
_LEAST, _MOST = 20, 1000
"""Steps."""
_DEEPEST = 20
_RTOL = 1e-4
"""Of what is drawn."""
_ABOUT = 1.5
"""Labels are ±1; an expansion beyond this has left the phase it is for."""


@dataclass(frozen=True, eq=False)
class Learning:
    """The figure, and what stands behind it: the solution, and how the networks of finite width compare with it."""

    figure: Figure | Absent
    run: Run | None = None
    task: Task | None = None
    simulated: Simulation | None = None
    comparison: Comparison | None = None
    note: str = ""


def learning(d: Network, kernel: Kernel, physics: Physics, progress: Progress) -> Learning:
    """Learning curves with the phases marked, and means over networks of finite width with their errors."""
    title = "Learning curves"
    if d.diverges:
        reason = "an activation jumps, so that the NTK is infinite at coincident inputs and there is no gradient flow to follow"
        return Learning(Absent("learning", title, reason))
    task = tasks.load(physics.task, seed=physics.seed)
    simulated: Simulation | None = None
    note = ""
    try:
        simulated = _simulated(d, task, physics, progress)
    except NdksymError as error:
        note = f"No networks of finite width: {error}"
    last = _LAST * physics.prior_variance / physics.temperature
    seen = np.empty(0) if simulated is None else simulated.times
    times = np.union1d(np.geomspace(_FIRST * last, last, _TIMES), seen[seen > 0])
    try:
        run = dynamics.solve(kernel, task.X, task.y, task.X_test, times=times, rtol=_RTOL, **physics.common)
    except NdksymError as error:
        return Learning(Absent("learning", title, str(error)))
    panel = run.panel(y=task.y, y_test=task.y_test)
    if not _worth_stopping(run, task):
        panel = replace(panel, marks=())
    comparison = None
    if simulated is not None:
        panel = replace(panel, points=_points(simulated, times, task.y))
        asked = {"times": simulated.times, "step": simulated.physics["step"], "rtol": _RTOL}
        comparison = simulated.compare(dynamics.solve(kernel, task.X, task.y, task.X_test, **asked, **physics.common))
    return Learning(
        Figure("learning", title, _caption(d, physics, simulated), panel), run, task, simulated, comparison, note
    )


def expansions(p: Phases, found: Learning, physics: Physics) -> Iterator[Figure | Absent]:
    """The test predictor in both phases: inner and outer expansion, what they make together, and the solution itself."""
    run, task = found.run, found.task
    if run is None or task is None:
        return
    name, title = "expansion", "Expansion in T against the solution"
    try:
        composite = replace(p, order=1).on(task.X, task.y, task.X_test, times=run.times, **physics.common)
    except NdksymError as error:
        yield Absent(name, title, str(error))
        return
    curves = []
    for number, (label, values) in enumerate((("inner", composite.inner), ("outer", composite.outer)), 1):
        curves.append(
            Curve(f"{label} expansion", np.where(np.abs(values[:, 0]) < _ABOUT, values[:, 0], np.nan), number)
        )
    curves.append(Curve("composite, to order T", composite.test[:, 0], 0))
    curves.append(Curve("solution", run.test[:, 0], -1))
    panel = Panel(
        "time t (in units of 1/learning rate)", "test predictor f(t, x) (label units)", False, run.times, tuple(curves),
        boundary=run.boundary,
    )  # fmt: skip
    away = np.abs(composite.test[:, 0] - run.test[:, 0]).max()
    left = "T²" if composite.error_order == 2 else "T^(3/2)"
    caption = (
        f"The same network and task. The composite, to order T, leaves out O({left}); here it is at most {away:.1e} from "
        f"the solution. Each expansion is drawn where it is smaller than {_ABOUT:g}."
    )
    yield Figure(name, title, caption, panel)


def _simulated(d: Network, task: Task, physics: Physics, progress: Progress) -> Simulation:
    if d.depth > _DEEPEST:
        raise NdksymError(f"{d.depth} layers take longer than a report should; ndksym simulate takes the time")
    kernel = compiled(d, "numpy")
    langevin = checks.physics(
        kernel, physics.temperature, physics.prior_variance, physics.init_variance, physics.bias, False
    )
    step = _FINER * step_length(kernel, task.X, langevin, 1.0)
    weights = physics.width * (task.X.shape[1] + (d.depth - 1) * physics.width + 1)
    most = np.clip(_WORK / (2 * physics.pairs * weights), _LEAST, _MOST)
    count = int(min(most, _MEASURED * physics.prior_variance / physics.temperature / step))
    with np.errstate(all="ignore"):
        found = simulate(
            d, task.X, task.y, task.X_test, width=physics.width, pairs=physics.pairs, seed=physics.seed, step=step,
            times=step * np.unique(np.rint(np.geomspace(1, max(2, count), _DOTS))), progress=progress, **physics.common,
        )  # fmt: skip
    if not np.all(np.isfinite(found.samples)):
        raise NdksymError("some of them diverged")
    return found


def _worth_stopping(run: Run, task: Task) -> bool:
    """Whether the test error at its least is smaller than at the end by more than a hundredth."""
    if task.y_test is None:
        return False
    errors = np.mean((run.test - task.y_test) ** 2, axis=1)
    return bool(errors.min() < 0.99 * errors[-1])


def _points(simulated: Simulation, times: Array, y: Array) -> tuple[Points, ...]:
    """Test row, and y·f/|y|² of the training set, at those of `times` that were simulated."""
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


def _caption(d: Network, physics: Physics, simulated: Simulation | None) -> str:
    said = (
        "Four orthogonal training inputs with balanced labels ±1, and a test input of cosine 0.9 with the first of them "
        f"(--data {physics.task}); T = {physics.temperature:g}, σ² = {physics.prior_variance:g}, "
        f"σ0² = {physics.init_variance:g}" + (f", β = {physics.bias:g}" if d.bias else "") + "."
    )
    if simulated is None:
        return said
    return (
        f"{said} Dots: Langevin training of {simulated.pairs} pairs of networks of width {physics.width} with labels ±y, "
        f"in steps of {simulated.physics['step']:g}, seed {physics.seed}; the curves are for continuous time."
    )


def agreement(found: Learning) -> dict[str, Any] | None:
    """What the comparison says, without its cells; None where nothing was simulated."""
    if found.comparison is None:
        return None
    parts = {"mean": found.comparison.mean, "variance": found.comparison.var}
    return {
        name: {"largest_z": part.worst, "expected": part.expected, "chance": part.chance, "cells": int(part.z.size)}
        for name, part in parts.items()
        if part is not None
    }
