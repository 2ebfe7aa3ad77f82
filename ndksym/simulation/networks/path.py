"""The path of networks in time: weight decay and noise, with or without a training set (T2, T3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.langevin import add_noise, finite_forward, learn
from ndksym.simulation.networks.network import NetworkBatch, Noise, scale


@dataclass(frozen=True)
class Segment:
    """The path between two times: `steps` equal steps Θ ← decay Θ + noise ξ."""

    steps: int
    decay: float
    noise: float


@dataclass(frozen=True)
class TrainingSet:
    """Data that add − step_size ∇½Σ(f − y)² to each step: X (N_0, P) divided by √N_0, y (outputs, P)."""

    X: Array
    y: Array
    step_size: float


def trajectory(
    nets: NetworkBatch, noise: Noise, segments: Sequence[Segment], training: TrainingSet | None = None
) -> Iterator[NetworkBatch]:
    """Yield the networks after each segment; they change in place."""
    for segment in segments:
        for _ in range(segment.steps):
            if training is None:
                scale(nets, segment.decay)
            else:
                with np.errstate(over="ignore", invalid="ignore"):
                    passed = finite_forward(nets, training.X)
                    learn(nets, passed, training.y, segment.decay, training.step_size)
            if segment.noise:
                add_noise(nets, noise, segment.noise)
        yield nets
