"""When to stop: the test error in time, and the best moment and what it gains, against depth and σ0²/σ²."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.sheet import DEPTH, RATIO, Key, Plot, Series, Sheet, coloured, number
from ndksym.dynamics import Run, curves
from ndksym.dynamics.tasks import Task, load
from ndksym.runtime.types import Array

Runs = dict[tuple[int, float], Run]
"""By depth and ratio."""
_WORTH = 1.0
"""Percent of the error at equilibrium."""
_ABOVE = 12.0
"""Times the least error: what comes before is the same fall from 1 in all curves."""


@dataclass(frozen=True)
class Chosen:
    """σ² = 1, no biases; at most four depths, and three ratios σ0²/σ². Each task with its temperature."""

    activation: str = "relu"
    orthogonal: str = "orthogonal:40"
    orthogonal_temperature: float = 1e-5
    digits: str = "digits:0,1"
    digits_temperature: float = 1e-3
    train: int = 200
    depths: tuple[int, ...] = (1, 2, 3, 4)
    depth: int = 2
    ratios: tuple[float, ...] = (0.1, 1.0, 4.0)
    ratio: tuple[float, float] = (0.1, 4.0)
    first: float = 1e-3
    last: float = 30.0
    moments: int = 120
    rtol: float = 1e-4
    seed: int = 0


def make(chosen: Chosen, tell: command.Tell) -> Sheet:
    """Test error in time for depths and ratios, the best moment, and how much smaller the error is there than at the end."""
    columns = []
    tasks = (
        (load(chosen.orthogonal, seed=chosen.seed), chosen.orthogonal_temperature),
        (load(chosen.digits, train=chosen.train, seed=chosen.seed), chosen.digits_temperature),
    )
    worst, missed = 0.0, 0.0
    for place, (task, T) in enumerate(tasks):
        runs = _solved(chosen, task, T, command.part(tell, place, len(tasks)))
        worst = max(worst, *(float(run.error.max()) for run in runs.values()))
        missed = max(missed, *(float(np.abs(run.test[-1] - run.equilibrium.mean).max()) for run in runs.values()))
        columns.append(_column(chosen, task, T, chosen.ratio[place], runs))
    key = (Key("best moment, diffusive phase", "dots"), Key("best moment, gradient-driven phase", "open"))
    caption = (
        f"{chosen.activation}, σ² = 1. Left, {chosen.orthogonal.partition(':')[2]} orthonormal inputs and a test input of "
        f"cosine 0.9 with one of them; right, {chosen.digits}, {chosen.train} images for training. The best moment is that of "
        f"the least test error among the times drawn, marked where stopping saves more than {_WORTH} % of the error at "
        "equilibrium. In units of σ²/T it is of order 1 where diffusion sets it."
    )
    return Sheet(
        (6.8, 8.2), tuple(zip(*columns, strict=True)), key, caption=caption,
        facts={"largest_estimated_error_of_f": worst, "largest_distance_to_equilibrium_at_the_last_time": missed},
    )  # fmt: skip


def _solved(chosen: Chosen, task: Task, T: float, tell: command.Tell) -> Runs:
    times = np.geomspace(chosen.first, chosen.last / T, chosen.moments)
    found: Runs = {}
    total = len(chosen.depths) * len(chosen.ratios)
    for depth in chosen.depths:
        kernel = ndksym.derive(chosen.activation, depth=depth).compile()
        for ratio in chosen.ratios:
            found[depth, ratio] = ndksym.solve(
                kernel, task.X, task.y, task.X_test, times=times, temperature=T, init_variance=ratio, rtol=chosen.rtol,
                progress=command.part(tell, len(found), total),
            )  # fmt: skip
    return found


def _column(chosen: Chosen, task: Task, T: float, ratio: float, runs: Runs) -> tuple[Plot, ...]:
    few = task.y_test is not None and len(task.y_test) <= curves.FEW
    name = f"{'orthogonal inputs' if few else 'digits 0 and 1'}, T = {number(T)}"
    deep = {f"{depth}": runs[depth, ratio] for depth in chosen.depths}
    wide = {f"{each:g}": runs[chosen.depth, each] for each in chosen.ratios}
    free = "lower left" if few else "upper right"
    return (
        _errors(task, deep, DEPTH, f"{name}, σ₀²/σ² = {ratio:g}", legend=free, legend_title="depth"),
        _errors(task, wide, RATIO, f"{name}, depth {chosen.depth}", legend=free, legend_title="σ₀²/σ²"),
        _against_depth(
            chosen, task, runs, lambda run: T * _best_time(task, run), name, "best time t* (σ²/T)", y_limits=(0.0, 1.0),
            legend="upper right",
        ),
        _against_depth(
            chosen, task, runs, lambda run: _gain(task, run), "", "test error saved (%)", y_limits=(-1.0, 35.0),
            everywhere=True,
        ),
    )  # fmt: skip


def _errors(
    task: Task, runs: dict[str, Run], colours: tuple[str, ...], title: str, legend: str, legend_title: str
) -> Plot:
    series: list[Series] = []
    for (label, run), colour in coloured(runs.items(), colours, f"values of {legend_title}"):
        series.append(Series(run.times, _error(task, run.test), colour, label=label))
        if stops(task, run):
            stop = run.early_stopping(task.y_test)
            series.append(Series(np.array([stop.time]), np.array([stop.error]), colour, _look(stop.phase)))
    times = series[0].x
    least = min(float(each.y.min()) for each in series)
    return Plot(
        title, "time t (1/learning rate)", "mean squared test error\n(label units²)", tuple(series), log_x=True, log_y=True,
        x_limits=(float(times[0]), float(times[-1])), y_limits=(0.75 * least, _ABOVE * least), legend=legend,
        legend_title=legend_title,
    )  # fmt: skip


def _against_depth(
    chosen: Chosen, task: Task, runs: Runs, value: Callable[[Run], float], title: str, y_label: str, *,
    y_limits: tuple[float, float], everywhere: bool = False, legend: str = "",
) -> Plot:  # fmt: skip
    """Dots where stopping is worth it; the line beneath joins these, or all depths."""
    series: list[Series] = []
    for ratio, colour in coloured(chosen.ratios, RATIO, "ratios"):
        values = {depth: value(runs[depth, ratio]) for depth in chosen.depths}
        worth = {depth: runs[depth, ratio] for depth in chosen.depths if stops(task, runs[depth, ratio])}
        series.append(
            _points(values if everywhere else {depth: values[depth] for depth in worth}, colour, "thin", f"{ratio:g}")
        )
        for phase in ("diffusive", "gradient-driven"):
            there = {
                depth: values[depth] for depth, run in worth.items() if run.early_stopping(task.y_test).phase == phase
            }
            if there:
                series.append(_points(there, colour, _look(phase)))
    return Plot(
        title, "depth (hidden layers)", y_label, tuple(series), x_ticks=tuple(map(float, chosen.depths)), y_limits=y_limits,
        x_limits=(chosen.depths[0] - 0.3, chosen.depths[-1] + 0.3), legend=legend, legend_title="σ₀²/σ²",
    )  # fmt: skip


def _points(values: dict[int, float], colour: str, look: str, label: str = "") -> Series:
    return Series(np.array(list(values), dtype=float), np.array(list(values.values())), colour, look, label)


def stops(task: Task, run: Run) -> bool:
    """Whether stopping saves enough to be worth a mark."""
    return _gain(task, run) > _WORTH


def _best_time(task: Task, run: Run) -> float:
    return run.early_stopping(task.y_test).time


def _gain(task: Task, run: Run) -> float:
    """In percent of the error at equilibrium; 0 where stopping gains nothing."""
    equilibrium = float(_error(task, run.equilibrium.mean[None])[0])
    return max(0.0, 100 * (1 - run.early_stopping(task.y_test).error / equilibrium))


def _error(task: Task, values: Array) -> Array:
    assert task.y_test is not None
    return curves.mse(values, task.y_test)


def _look(phase: str) -> str:
    return "dots" if phase == "diffusive" else "open"


if __name__ == "__main__":
    command.main("early_stopping", Chosen(), make)
