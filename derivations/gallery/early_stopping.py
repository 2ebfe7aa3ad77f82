"""Early stopping: the test error in time, the best time, and the error that it saves, for several depths and σ0²/σ²."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.style import DEPTH, RATIO, coloured, number
from ndksym.dynamics import Run, curves
from ndksym.dynamics.tasks import Task, load
from ndksym.output.figure import Key, Plot, Series, Sheet
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array

Runs = dict[tuple[int, float], Run]
"""By depth and ratio."""
_WORTH = 1.0
"""Early stopping is marked if it saves more than this percentage of the error at equilibrium."""
_HIGHEST = 12.0
"""Upper end of the axis in units of the least error; above it, all curves fall from 1 in the same way."""


@dataclass(frozen=True)
class Parameters:
    """σ² = 1, no biases; at most four depths, and three ratios σ0²/σ². Each task has a temperature of its own."""

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
    time_count: int = 120
    rtol: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Solved:
    """A task at a temperature, with the run of each depth and ratio."""

    task: Task
    temperature: float
    runs: Runs

    @property
    def labels(self) -> Array:
        """Of the test set, which each task of this figure has."""
        assert self.task.y_test is not None
        return self.task.y_test

    @property
    def has_few_rows(self) -> bool:
        return len(self.labels) <= curves.FEW

    def error(self, values: Array) -> Array:
        """The test error (M,) of predictors (M, rows)."""
        return curves.mse(values, self.labels)

    def best_time(self, run: Run) -> float:
        """The time of the least test error, in units of σ²/T."""
        return self.temperature * run.early_stopping(self.labels).time

    def gain(self, run: Run) -> float:
        """The part of the error at equilibrium that stopping saves, in percent; 0 if it saves nothing."""
        equilibrium = float(self.error(run.equilibrium.mean[None])[0])
        return max(0.0, 100 * (1 - run.early_stopping(self.labels).error / equilibrium))

    def is_worth_stopping(self, run: Run) -> bool:
        return self.gain(run) > _WORTH


def make(parameters: Parameters, progress: Progress) -> Sheet:
    """Draw the test error in time for several depths and ratios, the best time, and the error that stopping saves."""
    tasks = (
        (load(parameters.orthogonal, seed=parameters.seed), parameters.orthogonal_temperature),
        (load(parameters.digits, train=parameters.train, seed=parameters.seed), parameters.digits_temperature),
    )
    columns = []
    largest_error, largest_distance = 0.0, 0.0
    for place, (task, T) in enumerate(tasks):
        solved = _Solved(task, T, _solve(parameters, task, T, command.part(progress, place, len(tasks))))
        for run in solved.runs.values():
            largest_error = max(largest_error, float(run.error.max()))
            largest_distance = max(largest_distance, float(np.abs(run.test[-1] - run.equilibrium.mean).max()))
        columns.append(_column(parameters, solved, parameters.ratio[place]))
    key = (Key("best time, diffusive phase", "dots"), Key("best time, gradient-driven phase", "open"))
    caption = (
        f"{parameters.activation}, σ² = 1. Left, {parameters.orthogonal.partition(':')[2]} orthonormal inputs and a test input "
        f"of cosine 0.9 with one of them; right, {parameters.digits}, {parameters.train} images for training. The best time "
        "is that of the least test error among the times drawn, marked if stopping saves more than "
        f"{_WORTH} % of the error at equilibrium. In units of σ²/T it is of order 1 where diffusion sets it."
    )
    facts = {
        "largest_estimated_error_of_f": largest_error,
        "largest_distance_to_equilibrium_at_the_last_time": largest_distance,
    }
    return Sheet((6.8, 8.2), tuple(zip(*columns, strict=True)), key, caption=caption, facts=facts)


def _solve(parameters: Parameters, task: Task, T: float, progress: Progress) -> Runs:
    times = np.geomspace(parameters.first, parameters.last / T, parameters.time_count)
    runs: Runs = {}
    total = len(parameters.depths) * len(parameters.ratios)
    for depth in parameters.depths:
        kernel = ndksym.derive(parameters.activation, depth=depth).compile()
        for ratio in parameters.ratios:
            runs[depth, ratio] = ndksym.solve(
                kernel, task.X, task.y, task.X_test, times=times, temperature=T, init_variance=ratio,
                rtol=parameters.rtol, progress=command.part(progress, len(runs), total),
            )  # fmt: skip
    return runs


def _column(parameters: Parameters, solved: _Solved, ratio: float) -> tuple[Plot, ...]:
    """The four plots of a task."""
    inputs = "orthogonal inputs" if solved.has_few_rows else "digits 0 and 1"
    name = f"{inputs}, T = {number(solved.temperature)}"
    deep = {f"{depth}": solved.runs[depth, ratio] for depth in parameters.depths}
    wide = {f"{each:g}": solved.runs[parameters.depth, each] for each in parameters.ratios}
    legend = "lower left" if solved.has_few_rows else "upper right"
    by_depth = _against_time(solved, deep, DEPTH, "depth")
    by_ratio = _against_time(solved, wide, RATIO, "σ₀²/σ²")
    best_time = _against_depth(parameters, solved, solved.best_time, everywhere=False)
    gain = _against_depth(parameters, solved, solved.gain, everywhere=True)
    return (
        replace(by_depth, title=f"{name}, σ₀²/σ² = {ratio:g}", legend=legend),
        replace(by_ratio, title=f"{name}, depth {parameters.depth}", legend=legend),
        replace(best_time, title=name, y_label="best time t* (σ²/T)", y_limits=(0.0, 1.0), legend="upper right"),
        replace(gain, y_label="test error saved (%)", y_limits=(-1.0, 35.0)),
    )


def _against_time(solved: _Solved, runs: dict[str, Run], colours: tuple[str, ...], legend_title: str) -> Plot:
    """Test errors in time, with the best times that are worth stopping at."""
    series: list[Series] = []
    for (label, run), colour in coloured(runs.items(), colours, f"values of {legend_title}"):
        series.append(Series(run.times, solved.error(run.test), colour, label=label))
        if solved.is_worth_stopping(run):
            stop = run.early_stopping(solved.labels)
            series.append(Series(np.array([stop.time]), np.array([stop.error]), colour, _look(stop.phase)))
    times = series[0].x
    least = min(float(each.y.min()) for each in series)
    return Plot(
        "", "time t (1/learning rate)", "mean squared test error\n(label units²)", tuple(series), log_x=True, log_y=True,
        x_limits=(float(times[0]), float(times[-1])), y_limits=(0.75 * least, _HIGHEST * least), legend_title=legend_title,
    )  # fmt: skip


def _against_depth(parameters: Parameters, solved: _Solved, value: Callable[[Run], float], *, everywhere: bool) -> Plot:
    """A value against depth: dots where stopping is worth it, joined by a line, or a line through all depths."""
    series: list[Series] = []
    for ratio, colour in coloured(parameters.ratios, RATIO, "ratios"):
        runs = {depth: solved.runs[depth, ratio] for depth in parameters.depths}
        values = {depth: value(run) for depth, run in runs.items()}
        worth = {depth: run for depth, run in runs.items() if solved.is_worth_stopping(run)}
        line = values if everywhere else {depth: values[depth] for depth in worth}
        series.append(_series(line, colour, "thin", f"{ratio:g}"))
        for phase in ("diffusive", "gradient-driven"):
            dots = {
                depth: values[depth] for depth, run in worth.items() if run.early_stopping(solved.labels).phase == phase
            }
            if dots:
                series.append(_series(dots, colour, _look(phase)))
    return Plot(
        "", "depth (hidden layers)", "", tuple(series), x_ticks=tuple(map(float, parameters.depths)),
        x_limits=(parameters.depths[0] - 0.3, parameters.depths[-1] + 0.3), legend_title="σ₀²/σ²",
    )  # fmt: skip


def _series(values: dict[int, float], colour: str, look: str, label: str = "") -> Series:
    return Series(np.array(list(values), dtype=float), np.array(list(values.values())), colour, look, label)


def _look(phase: str) -> str:
    return "dots" if phase == "diffusive" else "open"


if __name__ == "__main__":
    command.main("early_stopping", Parameters(), make)
