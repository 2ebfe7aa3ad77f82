"""Representational drift: hidden weights go on after the readout is frozen at equilibrium, for two pairs of digits."""

from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from ndksym.dynamics import tasks
from ndksym.dynamics.tasks import Task
from ndksym.output.figure import Key, Plot, Series, Sheet
from ndksym.output.style import COLOURS
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array

_FIRST, _SECOND = COLOURS[0], COLOURS[1]
_INFINITE = 1e3
"""A lag in units of σ²/T after which the hidden weights keep e^−1000 of their values: infinite in float64."""


@dataclass(frozen=True)
class Parameters:
    """σ² = σ0² = 1, no biases. Lags are in units of σ²/T; an infinite one follows."""

    activations: tuple[str, ...] = ("relu", "erf")
    depth: int = 1
    pairs: tuple[tuple[int, int], ...] = ((0, 1), (4, 9))
    train: int = 200
    temperature: float = 0.01
    lags: tuple[float, ...] = (0.0, 1.0, 3.0)
    reach: float = 1.5
    bins: int = 31
    rtol: float = 1e-4
    seed: int = 0


def make(parameters: Parameters, progress: Progress) -> Sheet:
    """Draw histograms of the predictor with frozen readout over test images, by class, at several lags."""
    columns = []
    cases = [(name, pair) for name in parameters.activations for pair in parameters.pairs]
    facts = []
    for place, (name, pair) in enumerate(cases):
        column, fact = _column(parameters, name, pair, command.part(progress, place, len(cases)))
        columns.append(column)
        facts.append(fact)
    key = (
        Key("first digit of the pair (+1)", "bars", _FIRST), Key("second (−1)", "bars", _SECOND),
        Key("with the learning signal left on", "outline"),
    )  # fmt: skip
    caption = (
        f"Depth {parameters.depth}, T = {parameters.temperature:g}, σ² = σ₀² = 1; {parameters.train} images for training, the "
        "others for the histograms. All images of a pair are scaled by one number, because a relu network at infinite lag "
        "tells images apart by their lengths alone. Right is the share of test images on the right side of 0; a predictor "
        "that is smaller than its estimated error counts half."
    )
    return Sheet(
        (6.8, 6.2), tuple(zip(*columns, strict=True)), key, shared=True, caption=caption, facts={"cases": facts}
    )


def pair_of_digits(pair: tuple[int, int], train: int, seed: int) -> Task:
    """Images of two digits with labels +1 and −1; they keep their relative lengths, and |x|² = N_0 on average."""
    images, classes = tasks.digits()
    kept = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(classes, pair)))
    X = images[kept] / np.sqrt(np.mean(images[kept] ** 2))
    y = np.where(classes[kept] == pair[0], 1.0, -1.0)
    return Task(X[:train], y[:train], X[train:], y[train:], f"digits {pair[0]}, {pair[1]}")


def _column(
    parameters: Parameters, name: str, pair: tuple[int, int], progress: Progress
) -> tuple[tuple[Plot, ...], dict[str, object]]:
    task = pair_of_digits(pair, parameters.train, parameters.seed)
    kernel = ndksym.derive(name, depth=parameters.depth).compile()
    lags = np.array([*parameters.lags, _INFINITE]) / parameters.temperature
    free, driven = (
        ndksym.drift(
            kernel, task.X, task.y, task.X_test, freeze_time=np.inf, times=lags, temperature=parameters.temperature,
            signal=signal, rtol=parameters.rtol, progress=command.part(progress, int(signal), 2),
        )
        for signal in (False, True)
    )  # fmt: skip
    assert task.y_test is not None
    plots, shares = [], []
    for row, lag in enumerate([*parameters.lags, np.inf]):
        without, with_ = (_right(run.test[row], task.y_test, float(run.error[row])) for run in (free, driven))
        shares.append({"lag": lags[row] * parameters.temperature, "without_signal": without, "with_signal": with_})
        bins = np.linspace(-parameters.reach, parameters.reach, parameters.bins + 1)
        series = tuple(
            Series(bins, _shares(run.test[row], task.y_test == side, bins), colour, look)
            for run, look in ((free, "bars"), (driven, "outline"))
            for side, colour in ((1.0, _FIRST), (-1.0, _SECOND))
        )
        shown = "∞" if np.isinf(lag) else f"{lag:g} σ²/T" if lag else "0"
        plots.append(
            Plot(
                f"{name}, {pair[0]} and {pair[1]}" if row == 0 else "", "predictor f (label units)",
                f"t − t₀ = {shown}\nshare of class (%)", series, x_limits=(-parameters.reach, parameters.reach),
                y_limits=(0.0, 140.0), y_ticks=(0.0, 50.0, 100.0), x_ticks=(-1.0, 0.0, 1.0),
                note=f"right: {100 * without:.0f} %\nwith signal: {100 * with_:.0f} %",
            )
        )  # fmt: skip
    predictors = {"without_signal": free.test, "with_signal": driven.test, "labels": task.y_test}
    return tuple(plots), {"activation": name, "pair": pair, "right": shares, "predictors": predictors}


def _shares(f: Array, members: Array, bins: Array) -> Array:
    """Percent of the members of a class in each bin."""
    return 100 * np.histogram(f[members], bins)[0] / max(1, int(np.sum(members)))


def _right(f: Array, y: Array, error: float) -> float:
    """Share of predictors with the sign of the label; one within the error of 0 counts half."""
    return float(np.mean(np.where(np.abs(f) <= error, 0.5, f * y > 0)))


if __name__ == "__main__":
    command.main("drift", Parameters(), make)
