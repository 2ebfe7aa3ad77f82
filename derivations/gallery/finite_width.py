"""Theory against networks of finite width: mean and standard deviation over the ensemble, and what the width leaves."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.sheet import WIDTH, Key, Plot, Series, Sheet, coloured
from ndksym.dynamics import Run, tasks
from ndksym.errors import InputError
from ndksym.runtime.types import Array
from ndksym.simulation import Estimate, Simulation


@dataclass(frozen=True)
class Chosen:
    """σ² = 1, no biases; at most three widths. Theory takes the same steps, so these need not be small."""

    activation: str = "erf"
    depth: int = 2
    task: str = "orthogonal:4"
    widths: tuple[int, ...] = (30, 100, 300)
    pairs: tuple[int, ...] = (300, 100, 40)
    temperature: float = 0.05
    ratio: float = 4.0
    step: float = 0.1
    steps: int = 700
    moments: int = 60
    seed: int = 0


def make(chosen: Chosen, tell: command.Tell) -> Sheet:
    """Mean and standard deviation of the test predictor; simulated minus theory below each."""
    if len(chosen.widths) != len(chosen.pairs):
        raise InputError(f"pairs must be one number for each of {len(chosen.widths)} widths; got {len(chosen.pairs)}")
    shades = coloured(chosen.widths, WIDTH, "widths")
    task = tasks.load(chosen.task, seed=chosen.seed)
    physics: dict[str, Any] = {"temperature": chosen.temperature, "init_variance": chosen.ratio, "step": chosen.step}
    times = np.unique(np.rint(np.geomspace(1, chosen.steps, chosen.moments))) * chosen.step
    # each width at times of its own, so that dots do not cover one another
    each = len(chosen.widths)
    simulated = [
        ndksym.simulate(
            chosen.activation, task.X, task.y, task.X_test, depth=chosen.depth, width=width, times=times[place::each],
            pairs=pairs, seed=chosen.seed + place, progress=command.part(tell, place, each + 1), **physics,
        )
        for place, (width, pairs) in enumerate(zip(chosen.widths, chosen.pairs, strict=True))
    ]  # fmt: skip
    kernel = simulated[0].kernel
    run = ndksym.solve(
        kernel, task.X, task.y, task.X_test, times=times, covariance=True,
        progress=command.part(tell, each, each + 1), **physics,
    )  # fmt: skip
    colours = [(each, colour) for each, (_, colour) in zip(simulated, shades, strict=True)]
    limits = (float(times[0]) * 0.8, float(times[-1]) * 1.25)
    mean, std = _parts(run, colours)
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
        f"{chosen.activation}, depth {chosen.depth}, T = {chosen.temperature:g}, σ² = 1, σ₀² = {chosen.ratio:g}; "
        f"{chosen.task.partition(':')[2]} orthonormal inputs and a test input of cosine 0.9 with one of them. Langevin steps of "
        f"{chosen.step:g}, in theory as in the networks; {', '.join(map(str, chosen.pairs))} pairs of networks with labels ±y."
    )
    return Sheet((6.8, 4.6), rows, key, caption=caption, facts={"agreement": _agreement(simulated, run)})


def _parts(
    run: Run, simulated: list[tuple[Simulation, str]]
) -> tuple[tuple[tuple[Series, ...], tuple[Series, ...]], tuple[tuple[Series, ...], tuple[Series, ...]]]:
    """Of mean and of standard deviation: curves with dots, and residuals."""
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
    """The standard deviation, to first order in the error of the variance."""
    value = np.maximum(variance.value, np.finfo(float).tiny)
    return Estimate(tuple(np.sqrt(value) + 0.5 * (term - value) / np.sqrt(value) for term in variance.terms))


def _plot(title: str, y_label: str, series: tuple[Series, ...], limits: tuple[float, float], legend: str = "") -> Plot:
    return Plot(
        title, "time t (1/learning rate)", y_label, series, log_x=True, x_limits=limits, legend=legend,
        legend_title="width",
    )  # fmt: skip


def _at(run: Run, times: Array) -> Run:
    """The same at some of its times."""
    at = np.searchsorted(run.times, times)
    train_cov, test_cov = (None if cov is None else cov[at] for cov in (run.train_cov, run.test_cov))
    return replace(
        run, times=run.times[at], train=run.train[at], test=run.test[at], error=run.error[at], train_cov=train_cov,
        test_cov=test_cov,
    )  # fmt: skip


def _agreement(simulated: list[Simulation], run: Run) -> list[dict[str, Any]]:
    """The largest z-scores of each width, over training and test rows at the times of the dots."""
    found: list[dict[str, Any]] = []
    for sim in simulated:
        compared = sim.compare(_at(run, sim.times))
        parts = {"mean": compared.mean, "variance": compared.var}
        said = {
            name: {key: value for key, value in asdict(part).items() if key in ("worst", "expected", "chance")}
            for name, part in parts.items()
            if part is not None
        }
        found.append({"width": sim.widths[0], **said})
    return found


if __name__ == "__main__":
    command.main("finite_width", Chosen(), make)
