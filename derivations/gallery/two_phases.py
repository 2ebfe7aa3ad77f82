"""Learning in two phases, against T and against σ0²/σ²: fast to the NTK plateau, then slowly to the NNGP equilibrium."""

from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.sheet import RATIO, TEMPERATURE, Key, Plot, Series, Sheet, coloured, number
from ndksym.dynamics import Run
from ndksym.dynamics.curves import FEW, mse
from ndksym.dynamics.tasks import Task, load
from ndksym.runtime.types import Array


@dataclass(frozen=True)
class Chosen:
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
    moments: int = 90
    rtol: float = 1e-3
    seed: int = 0


def make(chosen: Chosen, tell: command.Tell) -> Sheet:
    """Predictor (orthogonal inputs) and error (digits) of training and test set, as the network learns."""
    tasks = (
        load(chosen.orthogonal, seed=chosen.seed),
        load(chosen.digits, train=chosen.train, seed=chosen.seed),
    )
    kernel = ndksym.derive(chosen.activation, depth=chosen.depth).compile()
    times = np.geomspace(chosen.first, chosen.last, chosen.moments)
    cold = [(T, chosen.ratio) for T in chosen.temperatures]
    wide = [(chosen.temperature, ratio) for ratio in chosen.ratios]
    both = list(dict.fromkeys(cold + wide))
    found: dict[tuple[int, float, float], Run] = {}
    for index, (place, (T, ratio)) in enumerate((place, each) for place in range(len(tasks)) for each in both):
        task = tasks[place]
        found[place, T, ratio] = ndksym.solve(
            kernel, task.X, task.y, task.X_test, times=times, temperature=T, init_variance=ratio, rtol=chosen.rtol,
            progress=command.part(tell, index, len(tasks) * len(both)),
        )  # fmt: skip
    panels = []
    for place, task in enumerate(tasks):
        runs = {number(T): found[place, T, ratio] for T, ratio in cold}
        left = _panel(task, runs, TEMPERATURE, "T", f"σ₀²/σ² = {chosen.ratio:g}")
        runs = {f"{ratio:g}": found[place, T, ratio] for T, ratio in wide}
        panels.append((left, _panel(task, runs, RATIO, "σ₀²/σ²", f"T = {number(chosen.temperature)}")))
    key = (
        Key("test", "line"), Key("training", "thin"), Key("NTK plateau", "dashed"), Key("NNGP equilibrium", "dotted"),
        Key("phases meet", "diamonds"),
    )  # fmt: skip
    caption = (
        f"{chosen.activation}, depth {chosen.depth}, σ² = 1. Above, {chosen.orthogonal.partition(':')[2]} orthonormal inputs "
        f"and a test input of cosine 0.9 with one of them; below, {chosen.digits}, {chosen.train} images for training. Shaded "
        "where all curves of a panel are in the same phase; the phases of a curve meet at its diamond, the geometric mean "
        "of the time that gradient flow takes and σ²/T. Black limits are those of several curves."
    )
    worst = max(float(run.error.max()) for run in found.values())
    return Sheet((6.8, 5.4), tuple(panels), key, caption=caption, facts={"largest_estimated_error_of_f": worst})


def _panel(task: Task, runs: dict[str, Run], colours: tuple[str, ...], legend_title: str, fixed: str) -> Plot:
    assert task.y_test is not None
    few = len(task.y_test) <= FEW
    curves: list[Series] = []
    levels: list[Series] = []
    times = next(iter(runs.values())).times
    for (label, run), colour in coloured(runs.items(), colours, f"values of {legend_title}"):
        test, training = _seen(run.test, task.y_test, few), _seen(run.train, task.y, few)
        curves += [Series(times, test, colour, label=label), Series(times, training, colour, "thin")]
        at = np.array([run.boundary])
        levels.append(Series(at, np.exp(np.interp(np.log(at), np.log(times), np.log(test))), colour, "diamonds"))
    for look, ends in (
        ("dashed", [run.ntk_plateau for run in runs.values()]),
        ("dotted", [run.equilibrium.mean for run in runs.values()]),
    ):
        values = [float(_seen(end[None], task.y_test, few)[0]) for end in ends]
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


def _seen(values: Array, y: Array, few: bool) -> Array:
    """Predictors in the direction of the labels, or what is missing to these."""
    return np.mean(values * y, axis=1) if few else mse(values, y)


if __name__ == "__main__":
    command.main("two_phases", Chosen(), make)
