"""The picture of the README: learning curves in both phases, with networks of finite width beside theory."""

from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.style import RATIO, coloured
from ndksym.dynamics import tasks
from ndksym.output.figure import Key, Plot, Series, Sheet
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array


@dataclass(frozen=True)
class Parameters:
    """σ² = 1, no biases; at most three ratios σ0²/σ². Theory takes the same steps as the networks."""

    activation: str = "erf"
    depth: int = 1
    task: str = "orthogonal:4"
    width: int = 1000
    pairs: int = 24
    temperature: float = 0.01
    ratios: tuple[float, ...] = (1.0, 4.0, 16.0)
    step: float = 0.05
    steps: int = 6000
    time_count: int = 200
    dots: int = 20
    seed: int = 0


def make(parameters: Parameters, progress: Progress) -> Sheet:
    """Draw the test predictor as the network learns: theory as lines, networks as dots, both limits dashed and dotted."""
    task = tasks.load(parameters.task, seed=parameters.seed)
    assert task.y_test is not None
    sign = float(task.y_test[0])
    kernel = ndksym.derive(parameters.activation, depth=parameters.depth).compile()
    series: list[Series] = []
    cuts: list[float] = []
    agreement: list[dict[str, float]] = []
    # each ratio has times of its own, so that dots do not cover one another
    dots = _multiples(parameters, parameters.dots * len(parameters.ratios))
    times = np.union1d(dots, _multiples(parameters, parameters.time_count))
    limits = np.array([0.85 * times[0], 1.15 * times[-1]])
    for place, (ratio, colour) in enumerate(coloured(parameters.ratios, RATIO, "ratios")):
        physics = {"temperature": parameters.temperature, "init_variance": ratio, "step": parameters.step}
        seen = dots[place :: len(parameters.ratios)]
        sim = ndksym.simulate(
            parameters.activation, task.X, task.y, task.X_test, depth=parameters.depth, width=parameters.width, pairs=parameters.pairs,
            times=seen, seed=parameters.seed + place, progress=command.part(progress, place, len(parameters.ratios)), **physics,
        )  # fmt: skip
        run = ndksym.solve(kernel, task.X, task.y, task.X_test, times=times, **physics)
        z = (sim.mean.test - run.test[np.searchsorted(times, seen)]) / sim.stderr.test
        series += [
            Series(run.times, sign * run.test[:, 0], colour, label=f"{ratio:g}"),
            Series(seen, sign * sim.mean.test[:, 0], colour, "open", errors=sim.stderr.test[:, 0]),
            Series(limits, np.full(2, sign * run.ntk_plateau[0]), colour, "dashed"),
        ]
        cuts.append(run.boundary)
        agreement.append({"ratio": ratio, "largest_z": float(np.abs(z).max())})
    series.append(Series(limits, np.full(2, sign * run.equilibrium.mean[0]), "black", "dotted"))
    plot = Plot(
        "", "training time t (1/learning rate)", "mean test predictor (label units)", tuple(series), log_x=True,
        x_limits=(float(limits[0]), float(limits[1])), y_limits=(0.0, 1.0), legend="lower right",
        legend_title="σ₀²/σ²", phases=(min(cuts), max(cuts)),
    )  # fmt: skip
    key = (
        Key("theory, infinite width", "line"), Key(f"networks of width {parameters.width}", "open"),
        Key("NTK plateau", "dashed"), Key("NNGP equilibrium", "dotted"),
    )  # fmt: skip
    caption = (
        f"{parameters.activation}, depth {parameters.depth}, T = {parameters.temperature:g}, σ² = 1; "
        f"{parameters.task.partition(':')[2]} orthonormal inputs and a test input of cosine 0.9 with one of them. Langevin "
        f"steps of {parameters.step:g}, in theory as in the networks; {parameters.pairs} pairs of networks with labels ±y, "
        "± standard error."
    )
    return Sheet((6.8, 3.7), ((plot,),), key, caption=caption, facts={"agreement": agreement})


def _multiples(parameters: Parameters, count: int) -> Array:
    """Times that are multiples of the step, evenly spaced on a logarithmic axis."""
    return np.unique(np.rint(np.geomspace(1, parameters.steps, count))) * parameters.step


if __name__ == "__main__":
    command.main("learning", Parameters(), make)
