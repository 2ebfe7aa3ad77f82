"""Networks on their way from one moment to the next: forgetting, shaken, and learning or not (theory T2, T3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.langevin import learn, passed, shake
from ndksym.simulation.networks.network import Networks, Noise, scale


@dataclass(frozen=True)
class Leg:
    """From one moment to the next: so many steps Θ ← kept Θ + noise ξ."""

    steps: int
    kept: float
    noise: float


@dataclass(frozen=True)
class Lesson:
    """What each step adds, − push ∇½Σ(f − y)²: X (N_0, P) divided by √N_0, y (outputs, P)."""

    X: Array
    y: Array
    push: float


def along(of: Networks, draws: Noise, legs: Sequence[Leg], lesson: Lesson | None = None) -> Iterator[Networks]:
    """The networks after each leg; they change in place."""
    for leg in legs:
        for _ in range(leg.steps):
            if lesson is None:
                scale(of, leg.kept)
            else:
                with np.errstate(over="ignore", invalid="ignore"):
                    learn(of, passed(of, lesson.X), lesson.y, leg.kept, lesson.push)
            if leg.noise:
                shake(of, draws, leg.noise)
        yield of
