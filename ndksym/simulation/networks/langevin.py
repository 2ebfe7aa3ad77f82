"""Euler steps of Langevin dynamics, T = 0 (gradient descent) among them: Θ ← a Θ + √(2hT) ξ − h ∇E (theory T2, T3)."""

from collections.abc import Callable, Sequence

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import (
    SIGNS,
    Forward,
    Networks,
    Noise,
    Nonlinearity,
    backward,
    created,
    forward,
    scale,
    step,
)
from ndksym.simulation.networks.recorder import Report


def run(job: Job, hidden: Sequence[Nonlinearity], pairs: range, progress: Callable[[int], None]) -> Array:
    """What these pairs of networks output at the steps asked for: (pairs, 2, times, rows, outputs)."""
    draws = Noise(job.seed, pairs)
    of = created(hidden, job.shapes, job.bias, draws, np.sqrt(job.init_variance))
    report = Report(job, len(pairs))
    target = SIGNS * job.y
    for number in range(int(job.asked[-1]) + 1):
        seen = passed(of, job.X, f" at step {number}")
        report.at(number, of, seen)
        progress(len(pairs))
        if number == job.asked[-1]:
            break
        if job.signal or not 0 <= job.frozen <= number:
            learn(of, seen, target, job.kept, job.push)
        else:
            scale(of, job.kept)
        if job.noise:
            shake(of, draws, job.noise)
    return report.found


def passed(of: Networks, X: Array, when: str = "") -> Forward:
    """The forward pass. Errors: InputError where the outputs are no longer finite."""
    seen = forward(of, X)
    if not np.isfinite(seen.f).all():
        raise InputError(
            f"the networks' output left float64{when}: the step is too large for some network of this width, or the "
            "activation grows too fast; take a smaller step, or a larger width"
        )
    return seen


def learn(of: Networks, seen: Forward, y: Array, kept: float, push: float) -> None:
    """Θ ← kept Θ − push ∇½Σ(f − y)²."""
    step(of, kept, seen.inputs, backward(of, seen, -push * (seen.f - y)))


def shake(of: Networks, draws: Noise, size: float) -> None:
    """Add the same noise to both networks of a pair."""
    for each in of.parameters:
        noise = draws.like(each)
        noise *= size
        each += noise
