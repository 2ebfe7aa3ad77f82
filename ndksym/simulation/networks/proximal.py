"""Exact samples of Markov proximal learning: propose from the chain without data, accept by the data (T1, T3).

Θ′ = λ~ Θ + √(2σ²(1 − λ~)) ξ, accepted with probability exp(−Σ(f − y)²/4T)
"""

from collections.abc import Callable, Sequence

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import SIGNS, NetworkBatch, Noise, Nonlinearity, created, forward
from ndksym.simulation.networks.recorder import Recorder

MOST = 10_000_000
"""Largest number of proposals for one step of a pair."""


def run(job: Job, hidden: Sequence[Nonlinearity], pairs: range, progress: Callable[[int], None]) -> Array:
    """Train these pairs of networks; return their outputs at the reported steps: (pairs, 2, times, rows, outputs)."""
    outputs = np.empty((len(pairs), *job.per_pair))
    for index, pair in enumerate(pairs):
        noise = Noise(job.seed, [pair])
        nets = created(hidden, job.shapes, job.bias, noise, np.sqrt(job.init_variance))
        recorder = Recorder(job, 1)
        for number in range(int(job.report_steps[-1]) + 1):
            if number:
                _advance(job, nets, noise)
            recorder.record(number, nets, forward(nets, job.X))
            progress(1)
        outputs[index] = recorder.outputs[0]
    return outputs


def _advance(job: Job, nets: NetworkBatch, noise: Noise) -> None:
    """One step of one pair: both networks receive the same proposals until each has accepted one."""
    old = [each.copy() for each in nets.parameters]
    waiting = np.ones(2, dtype=bool)
    for _ in range(MOST):
        for each, before in zip(nets.parameters, old, strict=True):
            drawn = noise.like(each)
            each[:, waiting] = job.decay * before[:, waiting] + job.noise * drawn
        misfit = 0.5 * np.sum((forward(nets, job.X).f - SIGNS * job.y) ** 2, axis=(0, 2, 3))
        waiting &= np.log(noise.streams[0].random()) > -job.inverse_temperature * misfit
        if not waiting.any():
            return
    raise InputError(
        f"none of {MOST:,} proposals for a proximal step was accepted: random weights almost never fit these data; take a "
        "higher temperature, fewer examples or a larger strength"
    )
