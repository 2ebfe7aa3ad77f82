"""Representational drift: the readout frozen at equilibrium, hidden weights going on, for an easy and a hard pair of digits."""

from dataclasses import dataclass

import numpy as np

import ndksym
from derivations.gallery import command
from derivations.gallery.sheet import Key, Plot, Series, Sheet
from ndksym.dynamics import tasks
from ndksym.dynamics.tasks import Task
from ndksym.output import draw
from ndksym.runtime.types import Array

_FIRST, _SECOND = draw.COLOURS[0], draw.COLOURS[1]
_GONE = 1e3
"""A lag in units of σ²/T that leaves e^−1000 of what the hidden weights were: as good as ∞."""


@dataclass(frozen=True)
class Chosen:
    """σ² = σ0² = 1, no biases. Lags in units of σ²/T; then one that is as good as infinite."""

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


def make(chosen: Chosen, tell: command.Tell) -> Sheet:
    """Histograms over test images, by class, of what the frozen readout says at several lags."""
    columns = []
    cases = [(name, pair) for name in chosen.activations for pair in chosen.pairs]
    facts = []
    for place, (name, pair) in enumerate(cases):
        columns_found, said = _column(chosen, name, pair, command.part(tell, place, len(cases)))
        columns.append(columns_found)
        facts.append(said)
    key = (
        Key("first digit of the pair (+1)", "bars", _FIRST), Key("second (−1)", "bars", _SECOND),
        Key("with the learning signal left on", "outline"),
    )  # fmt: skip
    caption = (
        f"Depth {chosen.depth}, T = {chosen.temperature:g}, σ² = σ₀² = 1; {chosen.train} images for training, the others for "
        "the histograms. All images of a pair are scaled by one number: of equal length, all would look the same to a relu "
        "network at infinite lag. Right is the share of test images on the right side of 0; what is "
        "smaller than the estimated error counts half."
    )
    return Sheet(
        (6.8, 6.2), tuple(zip(*columns, strict=True)), key, shared=True, caption=caption, facts={"cases": facts}
    )


def pair_of_digits(pair: tuple[int, int], train: int, seed: int) -> Task:
    """Images of two digits that keep their relative lengths, |x|² = N_0 on average; labels +1 and −1."""
    images, classes = tasks.digits()
    kept = np.random.default_rng(seed).permutation(np.flatnonzero(np.isin(classes, pair)))
    X = images[kept] / np.sqrt(np.mean(images[kept] ** 2))
    y = np.where(classes[kept] == pair[0], 1.0, -1.0)
    return Task(X[:train], y[:train], X[train:], y[train:], f"digits {pair[0]}, {pair[1]}")


def _column(
    chosen: Chosen, name: str, pair: tuple[int, int], tell: command.Tell
) -> tuple[tuple[Plot, ...], dict[str, object]]:
    task = pair_of_digits(pair, chosen.train, chosen.seed)
    kernel = ndksym.derive(name, depth=chosen.depth).compile()
    lags = np.array([*chosen.lags, _GONE]) / chosen.temperature
    free, driven = (
        ndksym.drift(
            kernel, task.X, task.y, task.X_test, freeze_time=np.inf, times=lags, temperature=chosen.temperature,
            signal=signal, rtol=chosen.rtol, progress=command.part(tell, int(signal), 2),
        )
        for signal in (False, True)
    )  # fmt: skip
    assert task.y_test is not None
    panels, shares = [], []
    for row, lag in enumerate([*chosen.lags, np.inf]):
        without, with_ = (_right(found.test[row], task.y_test, float(found.error[row])) for found in (free, driven))
        shares.append({"lag": lags[row] * chosen.temperature, "without_signal": without, "with_signal": with_})
        bins = np.linspace(-chosen.reach, chosen.reach, chosen.bins + 1)
        series = tuple(
            Series(bins, _shares(found.test[row], task.y_test == side, bins), colour, look)
            for found, look in ((free, "bars"), (driven, "outline"))
            for side, colour in ((1.0, _FIRST), (-1.0, _SECOND))
        )
        said = "∞" if np.isinf(lag) else f"{lag:g} σ²/T" if lag else "0"
        panels.append(
            Plot(
                f"{name}, {pair[0]} and {pair[1]}" if row == 0 else "", "predictor f (label units)",
                f"t − t₀ = {said}\nshare of class (%)", series, x_limits=(-chosen.reach, chosen.reach),
                y_limits=(0.0, 140.0), y_ticks=(0.0, 50.0, 100.0), x_ticks=(-1.0, 0.0, 1.0),
                note=f"right: {100 * without:.0f} %\nwith signal: {100 * with_:.0f} %",
            )
        )  # fmt: skip
    predictors = {"without_signal": free.test, "with_signal": driven.test, "labels": task.y_test}
    return tuple(panels), {"activation": name, "pair": pair, "right": shares, "predictors": predictors}


def _shares(f: Array, chosen: Array, bins: Array) -> Array:
    """In percent of the class."""
    return 100 * np.histogram(f[chosen], bins)[0] / max(1, int(np.sum(chosen)))


def _right(f: Array, y: Array, doubt: float) -> float:
    return float(np.mean(np.where(np.abs(f) <= doubt, 0.5, f * y > 0)))


if __name__ == "__main__":
    command.main("drift", Chosen(), make)
