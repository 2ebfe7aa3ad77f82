"""Learning in two phases at several T and σ0²/σ²: fast to the NTK plateau, then slowly to the NNGP equilibrium."""

from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.style import RATIO, TEMPERATURE, coloured, number
from ndksym.dynamics import Run
from ndksym.dynamics.curves import FEW, mse
from ndksym.dynamics.tasks import Task, load
from ndksym.output.figure import Key, Plot, Series, Sheet
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array


@dataclass(frozen=True)
class Parameters:
    """σ² = 1, no biases; at most four temperatures, and three ratios σ0²/σ²."""

    activation: str = "erf"
    depth: int = 2
    orthogonal: str = "orthogonal:40"
    digits: str = "digits:0,1"
    train: int = 200
    temperatures: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
    ratio: float = 4.0
    ratios: tuple[float, ...] = (0.1, 1.0, 4.0)
    temperature: float = 1e-3
    first: float = 1e-2
    last: float = 3e5
    time_count: int = 90
    rtol: float = 1e-3
    seed: int = 0


def make(parameters: Parameters, progress: Progress) -> Sheet:
    """Draw the predictor (orthogonal inputs) and the error (digits) of training and test set as the network learns."""
    tasks = (
        load(parameters.orthogonal, seed=parameters.seed),
        load(parameters.digits, train=parameters.train, seed=parameters.seed),
    )
    kernel = ndksym.derive(parameters.activation, depth=parameters.depth).compile()
    times = np.geomspace(parameters.first, parameters.last, parameters.time_count)
    cold = [(T, parameters.ratio) for T in parameters.temperatures]
    wide = [(parameters.temperature, ratio) for ratio in parameters.ratios]
    both = list(dict.fromkeys(cold + wide))
    solved: dict[tuple[int, float, float], Run] = {}
    for index, (place, (T, ratio)) in enumerate((place, each) for place in range(len(tasks)) for each in both):
        task = tasks[place]
        solved[place, T, ratio] = ndksym.solve(
            kernel, task.X, task.y, task.X_test, times=times, temperature=T, init_variance=ratio, rtol=parameters.rtol,
            progress=command.part(progress, index, len(tasks) * len(both)),
        )  # fmt: skip
    rows = []
    for place, task in enumerate(tasks):
        runs = {number(T): solved[place, T, ratio] for T, ratio in cold}
        left = _plot(task, runs, TEMPERATURE, "T", f"σ₀²/σ² = {parameters.ratio:g}")
        runs = {f"{ratio:g}": solved[place, T, ratio] for T, ratio in wide}
        rows.append((left, _plot(task, runs, RATIO, "σ₀²/σ²", f"T = {number(parameters.temperature)}")))
    key = (
        Key("test", "line"), Key("training", "thin"), Key("NTK plateau", "dashed"), Key("NNGP equilibrium", "dotted"),
        Key("phases meet", "diamonds"),
    )  # fmt: skip
    caption = (
        f"{parameters.activation}, depth {parameters.depth}, σ² = 1. Above, {parameters.orthogonal.partition(':')[2]} "
        f"orthonormal inputs and a test input of cosine 0.9 with one of them; below, {parameters.digits}, {parameters.train} "
        "images for training. Shades are where all curves of a plot are in the same phase; the phases of a curve meet at its "
        "diamond, the geometric mean of the time scale of gradient flow and σ²/T. Black limits belong to several curves."
    )
    worst = max(float(run.error.max()) for run in solved.values())
    return Sheet((6.8, 5.4), tuple(rows), key, caption=caption, facts={"largest_estimated_error_of_f": worst})


def _plot(task: Task, runs: dict[str, Run], colours: tuple[str, ...], legend_title: str, fixed: str) -> Plot:
    assert task.y_test is not None
    few = len(task.y_test) <= FEW
    curves: list[Series] = []
    levels: list[Series] = []
    times = next(iter(runs.values())).times
    for (label, run), colour in coloured(runs.items(), colours, f"values of {legend_title}"):
        test, training = _shown(run.test, task.y_test, few), _shown(run.train, task.y, few)
        curves += [Series(times, test, colour, label=label), Series(times, training, colour, "thin")]
        at = np.array([run.boundary])
        levels.append(Series(at, np.exp(np.interp(np.log(at), np.log(times), np.log(test))), colour, "diamonds"))
    for look, ends in (
        ("dashed", [run.ntk_plateau for run in runs.values()]),
        ("dotted", [run.equilibrium.mean for run in runs.values()]),
    ):
        values = [float(_shown(end[None], task.y_test, few)[0]) for end in ends]
        for value, colour in zip(values, colours, strict=False):
            shared = sum(np.isclose(value, other, rtol=1e-6) for other in values) > 1
            levels.append(Series(times[[0, -1]], np.full(2, value), "black" if shared else colour, look))
    cuts = [run.boundary for run in runs.values()]
    lowest = min(float(each.y.min()) for each in curves if each.look == "line")
    return Plot(
        f"{'orthogonal inputs' if few else task.name.replace(':', ' ').replace(',', ' and ')}, {fixed}",
        "time t (1/learning rate)",
        "predictor y·f (label units)" if few else "mean squared error (label units²)",
        (*curves, *levels), log_x=True, log_y=not few, x_limits=(float(times[0]), float(times[-1])),
        y_limits=(0.0, 1.05) if few else (0.5 * lowest, 1.3), legend="lower right" if few else "upper right",
        legend_title=legend_title, phases=(min(cuts), max(cuts)),
    )  # fmt: skip


def _shown(values: Array, y: Array, few: bool) -> Array:
    """y·f averaged over few rows, the mean squared error over many."""
    return np.mean(values * y, axis=1) if few else mse(values, y)


if __name__ == "__main__":
    command.main("two_phases", Parameters(), make)
