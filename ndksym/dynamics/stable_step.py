"""The largest stable step of Euler–Langevin dynamics and of gradient descent."""

from collections.abc import Callable

import numpy as np

from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.errors import InputError
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["euler_process", "largest_stable", "largest_step", "require_stable"]


def largest_step(kernel: Kernel, X: Array, physics: Physics, scale: float) -> float:
    """The largest stable step, from the NTK of the training rows X; `scale` multiplies the loss."""
    return largest_stable(lambda variance: kernel.ntk(X, variance=variance, bias=physics.bias), physics, scale)


def largest_stable(ntk: Callable[[float], Array], physics: Physics, scale: float) -> float:
    """2/(λ_max + T/σ²), where λ_max is the largest eigenvalue of the NTK (P, P), a function of the variance of the weights.

    The variance is that of initialisation and, if T > 0, that of equilibrium; the larger eigenvalue counts.
    """
    variances = {physics.init_variance} | ({physics.prior_variance} if physics.temperature else set())
    fastest = max(float(np.linalg.norm(scale * ntk(variance), 2)) for variance in variances)
    return 2 / (fastest + physics.rate)


def require_stable(step: float, largest: float, rate: float) -> None:
    """Raise InputError if the fastest mode of the network grows in such steps; `rate` is T/σ²."""
    if step >= largest:
        raise InputError(
            f"step = {step:g} makes Euler–Langevin dynamics unstable: the largest eigenvalue of the NTK is "
            f"{2 / largest - rate:.4g}; the largest stable step is {largest:.4g}"
        )


def euler_process(physics: Physics, step: float) -> PriorProcess:
    """The prior process of Euler steps; InputError for a step in which weights forget everything."""
    if step * physics.rate >= 1:
        raise InputError(
            f"step must be below σ²/T = {1 / physics.rate:g}, where a step forgets everything; got {step:g}"
        )
    return PriorProcess.euler(physics, step)
