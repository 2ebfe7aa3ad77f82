"""Euler steps of Langevin dynamics and, at T = 0, of gradient descent: Θ ← a Θ + √(2hT) ξ − h ∇E (T2, T3)."""

from collections.abc import Callable, Sequence

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array
from ndksym.simulation.networks.job import Job
from ndksym.simulation.networks.network import (
    SIGNS,
    Forward,
    NetworkBatch,
    Noise,
    Nonlinearity,
    backward,
    created,
    forward,
    scale,
    step,
)
from ndksym.simulation.networks.recorder import Recorder


def run(job: Job, hidden: Sequence[Nonlinearity], pairs: range, progress: Callable[[int], None]) -> Array:
    """Train these pairs of networks; return their outputs at the reported steps: (pairs, 2, times, rows, outputs)."""
    noise = Noise(job.seed, pairs)
    nets = created(hidden, job.shapes, job.bias, noise, np.sqrt(job.init_variance))
    recorder = Recorder(job, len(pairs))
    target = SIGNS * job.y
    for number in range(int(job.report_steps[-1]) + 1):
        passed = finite_forward(nets, job.X, f" at step {number}")
        recorder.record(number, nets, passed)
        progress(len(pairs))
        if number == job.report_steps[-1]:
            break
        if job.signal or not 0 <= job.frozen <= number:
            learn(nets, passed, target, job.decay, job.step_size)
        else:
            scale(nets, job.decay)
        if job.noise:
            add_noise(nets, noise, job.noise)
    return recorder.outputs


def finite_forward(nets: NetworkBatch, X: Array, when: str = "") -> Forward:
    """The forward pass. Raises InputError where an output is not finite."""
    passed = forward(nets, X)
    if not np.isfinite(passed.f).all():
        raise InputError(
            f"the networks' output left float64{when}: the step is too large for some network of this width, or the "
            "activation grows too fast; take a smaller step, or a larger width"
        )
    return passed


def learn(nets: NetworkBatch, passed: Forward, y: Array, decay: float, step_size: float) -> None:
    """Θ ← decay Θ − step_size ∇½Σ(f − y)²."""
    step(nets, decay, passed.inputs, backward(nets, passed, -step_size * (passed.f - y)))


def add_noise(nets: NetworkBatch, noise: Noise, size: float) -> None:
    """Add the same noise of standard deviation `size` to both networks of a pair."""
    for each in nets.parameters:
        drawn = noise.like(each)
        drawn *= size
        each += drawn
