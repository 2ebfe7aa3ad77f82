"""The step length of a simulation when none is given."""

import numpy as np

from ndksym.dynamics import stable_step
from ndksym.dynamics.physics import Physics
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["step_length"]

_SAFE = 0.25
"""Default step, as a fraction of the largest stable step."""


def step_length(kernel: Kernel, X: Array, physics: Physics, scale: float) -> float:
    """A quarter of the largest stable step of gradient descent, rounded down to one digit."""
    wanted = _SAFE * stable_step.largest_step(kernel, X, physics, scale)
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(f"{np.floor(wanted / power) * power:.1g}")
