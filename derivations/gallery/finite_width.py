"""Networks of finite width and theory: mean and standard deviation over the ensemble, and their differences."""

from dataclasses import asdict, dataclass, replace

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.style import WIDTH, coloured
from ndksym.dynamics import Run, tasks
from ndksym.errors import InputError
from ndksym.output.figure import Key, Plot, Series, Sheet
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array
from ndksym.simulation import Estimate, Simulation


@dataclass(frozen=True)
class Parameters:
    """σ² = 1, no biases; at most three widths. Theory takes the same steps, so they need not be small."""

    activation: str = "erf"
    depth: int = 2
    task: str = "orthogonal:4"
    widths: tuple[int, ...] = (30, 100, 300)
    pairs: tuple[int, ...] = (300, 100, 40)
    temperature: float = 0.05
    ratio: float = 4.0
    step: float = 0.1
    steps: int = 700
    time_count: int = 60
    seed: int = 0


def make(parameters: Parameters, progress: Progress) -> Sheet:
    """Draw mean and standard deviation of the test predictor, and the difference to theory below each."""
    if len(parameters.widths) != len(parameters.pairs):
        raise InputError(
            f"pairs must be one number for each of {len(parameters.widths)} widths; got {len(parameters.pairs)}"
        )
    shades = coloured(parameters.widths, WIDTH, "widths")
    task = tasks.load(parameters.task, seed=parameters.seed)
    physics = {"temperature": parameters.temperature, "init_variance": parameters.ratio, "step": parameters.step}
    times = np.unique(np.rint(np.geomspace(1, parameters.steps, parameters.time_count))) * parameters.step
    # each width has times of its own, so that dots do not cover one another
    each = len(parameters.widths)
    simulated = [
        ndksym.simulate(
            parameters.activation, task.X, task.y, task.X_test, depth=parameters.depth, width=width, times=times[place::each],
            pairs=pairs, seed=parameters.seed + place, progress=command.part(progress, place, each + 1), **physics,
        )
        for place, (width, pairs) in enumerate(zip(parameters.widths, parameters.pairs, strict=True))
    ]  # fmt: skip
    kernel = simulated[0].kernel
    run = ndksym.solve(
        kernel, task.X, task.y, task.X_test, times=times, covariance=True,
        progress=command.part(progress, each, each + 1), **physics,
    )  # fmt: skip
    colours = [(each, colour) for each, (_, colour) in zip(simulated, shades, strict=True)]
    limits = (float(times[0]) * 0.8, float(times[-1]) * 1.25)
    mean, std = _columns(run, colours)
    rows = (
        (
            _plot("mean over networks", "test predictor f (label units)", mean[0], limits, legend="lower right"),
            _plot("standard deviation over networks", "standard deviation of f\n(label units)", std[0], limits),
        ),
        (
            _plot("", "simulated − theory\n(label units)", mean[1], limits),
            _plot("", "simulated − theory\n(label units)", std[1], limits),
        ),
    )
    key = (
        Key("theory, infinite width", "line"),
        Key("± standard deviation", "band"),
        Key("networks ± standard error", "dots"),
    )
    caption = (
        f"{parameters.activation}, depth {parameters.depth}, T = {parameters.temperature:g}, σ² = 1, σ₀² = {parameters.ratio:g}; "
        f"{parameters.task.partition(':')[2]} orthonormal inputs and a test input of cosine 0.9 with one of them. Langevin steps of "
        f"{parameters.step:g}, in theory as in the networks; {', '.join(map(str, parameters.pairs))} pairs of networks with labels ±y."
    )
    return Sheet((6.8, 4.6), rows, key, caption=caption, facts={"agreement": _agreement(simulated, run)})


SeriesAndDifferences = tuple[tuple[Series, ...], tuple[Series, ...]]
"""Curves with dots, and the differences below them."""


def _columns(run: Run, simulated: list[tuple[Simulation, str]]) -> tuple[SeriesAndDifferences, SeriesAndDifferences]:
    """The column of the mean, and that of the standard deviation."""
    assert run.test_cov is not None
    f, std = run.test[:, 0], np.sqrt(run.test_cov[:, 0, 0])
    zero = Series(run.times[[0, -1]], np.zeros(2), "black", "thin")
    above = [[Series(run.times, f, "black", low=f - std, high=f + std)], [Series(run.times, std, "black")]]
    below = [[zero], [zero]]
    for sim, colour in simulated:
        label, at = f"{sim.widths[0]}", np.searchsorted(run.times, sim.times)
        for place, (theory, estimate) in enumerate(((f, sim.mean_estimate), (std, _root(sim.var_estimate)))):
            value, error = estimate.value[:, -1, 0], estimate.stderr[:, -1, 0]
            above[place].append(Series(sim.times, value, colour, "dots", label, errors=error))
            below[place].append(Series(sim.times, value - theory[at], colour, "dots", label, errors=error))
    return (tuple(above[0]), tuple(below[0])), (tuple(above[1]), tuple(below[1]))


def _root(variance: Estimate) -> Estimate:
    """The estimate of the standard deviation, to first order in the error of the variance."""
    value = np.maximum(variance.value, np.finfo(float).tiny)
    return Estimate(tuple(np.sqrt(value) + 0.5 * (term - value) / np.sqrt(value) for term in variance.terms))


def _plot(title: str, y_label: str, series: tuple[Series, ...], limits: tuple[float, float], legend: str = "") -> Plot:
    return Plot(
        title, "time t (1/learning rate)", y_label, series, log_x=True, x_limits=limits, legend=legend,
        legend_title="width",
    )  # fmt: skip


def _at(run: Run, times: Array) -> Run:
    """The run at some of its times."""
    at = np.searchsorted(run.times, times)
    train_cov, test_cov = (None if cov is None else cov[at] for cov in (run.train_cov, run.test_cov))
    return replace(
        run, times=run.times[at], train=run.train[at], test=run.test[at], error=run.error[at], train_cov=train_cov,
        test_cov=test_cov,
    )  # fmt: skip


def _agreement(simulated: list[Simulation], run: Run) -> list[dict[str, object]]:
    """The largest z-scores of each width, over training and test rows at the times of the dots."""
    out: list[dict[str, object]] = []
    for sim in simulated:
        comparison = sim.compare(_at(run, sim.times))
        parts = {"mean": comparison.mean, "variance": comparison.var}
        scores = {
            name: {key: value for key, value in asdict(part).items() if key in ("worst", "expected", "chance")}
            for name, part in parts.items()
            if part is not None
        }
        out.append({"width": sim.widths[0], **scores})
    return out


if __name__ == "__main__":
    command.main("finite_width", Parameters(), make)
