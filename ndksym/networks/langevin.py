"""Euler steps of Langevin dynamics, T = 0 (gradient descent) among them: Θ ← a Θ + √(2hT) ξ − h ∇E (theory T2, T3)."""

from collections.abc import Callable, Sequence

import numpy as np

from ndksym.errors import InputError
from ndksym.networks.job import Job
from ndksym.networks.network import SIGNS, Networks, Noise, Nonlinearity, backward, created, forward, scale, step
from ndksym.networks.report import Report
from ndksym.runtime.types import Array


def run(job: Job, hidden: Sequence[Nonlinearity], pairs: range, progress: Callable[[int], None]) -> Array:
    """What these pairs of networks output at the steps asked for: (pairs, 2, times, rows, outputs)."""
    draws = Noise(job.seed, pairs)
    of = created(hidden, job.shapes, job.bias, draws, np.sqrt(job.init_variance))
    report = Report(job, len(pairs))
    target = SIGNS * job.y
    for number in range(int(job.asked[-1]) + 1):
        seen = forward(of, job.X)
        if not np.isfinite(seen.f).all():
            raise InputError(
                f"the networks' output left float64 at step {number}: the step is too large for some network of this width, "
                "or the activation grows too fast; take a smaller step, or a larger width"
            )
        report.at(number, of, seen)
        learns = job.signal or not 0 <= job.frozen <= number
        if learns:
            step(of, job.kept, seen.inputs, backward(of, seen, -job.push * (seen.f - target)))
        else:
            scale(of, job.kept)
        if job.noise:
            shake(of, draws, job.noise)
        progress(len(pairs))
    return report.found


def shake(of: Networks, draws: Noise, size: float) -> None:
    """Add the same noise to both networks of a pair."""
    for each in of.parameters:
        noise = draws.like(each)
        noise *= size
        each += noise
