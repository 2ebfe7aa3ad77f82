"""Markov proximal learning, sampled exactly: propose from the chain without data, accept by the data (theory T1, T3).

Θ′ = λ~ Θ + √(2σ²(1 − λ~)) ξ, accepted with probability exp(−Σ(f − y)²/4T)
"""

from collections.abc import Callable, Sequence

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import SIGNS, Networks, Noise, Nonlinearity, created, forward
from ndksym.simulation.networks.recorder import Report

MOST = 10_000_000
"""Proposals of one step after which a pair gives up."""


def run(job: Job, hidden: Sequence[Nonlinearity], pairs: range, progress: Callable[[int], None]) -> Array:
    """What these pairs output after each step asked for: (pairs, 2, times, rows, outputs)."""
    found = np.empty((len(pairs), *job.per_pair))
    for index, pair in enumerate(pairs):
        draws = Noise(job.seed, [pair])
        of = created(hidden, job.shapes, job.bias, draws, np.sqrt(job.init_variance))
        report = Report(job, 1)
        for number in range(int(job.asked[-1]) + 1):
            if number:
                _advance(job, of, draws)
            report.at(number, of, forward(of, job.X))
            progress(1)
        found[index] = report.found[0]
    return found


def _advance(job: Job, of: Networks, draws: Noise) -> None:
    """One step of one pair: both networks hear the same proposals until each has accepted one."""
    old = [each.copy() for each in of.parameters]
    waiting = np.ones(2, dtype=bool)
    for _ in range(MOST):
        for each, before in zip(of.parameters, old, strict=True):
            noise = draws.like(each)
            each[:, waiting] = job.kept * before[:, waiting] + job.noise * noise
        misfit = 0.5 * np.sum((forward(of, job.X).f - SIGNS * job.y) ** 2, axis=(0, 2, 3))
        waiting &= np.log(draws.streams[0].random()) > -job.hardness * misfit
        if not waiting.any():
            return
    raise InputError(
        f"a proximal step was not accepted in {MOST:,} proposals: the data are too hard to meet by chance; take a higher "
        "temperature, fewer examples or a larger strength"
    )
