"""Gradient flow of the linearised network, or gradient descent in steps.

f(t) = Θ* Θ⁻¹ (1 − e^{−Θt}) y (T10; Lee et al. 2019, arXiv 1902.06720). With `step`=h, (1 − hΘ)^n replaces e^{−Θt} at t = hn.
"""

import numpy as np

from ndksym.dynamics import checks, linearised
from ndksym.dynamics.methods import Option
from ndksym.dynamics.problem import ROUNDING, Problem, Solution
from ndksym.dynamics.stable_step import largest_stable, require_stable
from ndksym.runtime.types import Array

LABEL = "gradient flow of the linearised network"
TIME_UNIT = "in units of 1/learning rate"
OPTIONS = (Option("step", "length h of an Euler step, in units of 1/learning rate", checks.sized),)
THERMAL = False
COVARIANCE = True
MATRICES = 8
"""Measured: 10, with those that the posterior takes."""


def solve(problem: Problem, times: Array) -> Solution:
    """Mean, and covariance over initialisations where it is wanted, at times (M,)."""
    theta, P, physics = problem.initial_ntk, len(problem.X), problem.physics
    decay: linearised.Decay = linearised.exponential
    if "step" in problem.options:
        step = problem.options["step"]
        require_stable(step, largest_stable(problem.grams.training_ntk, physics, problem.scale), physics.rate)
        checks.steps(times, step)
        decay = linearised.powers(step)
    train, test = linearised.flow(theta[:P], theta[-len(problem.rows) :], problem.y, times, decay)
    cov = None
    if problem.covariance:
        prior = problem.grams.complete_nngp(physics.init_variance)
        cov = linearised.covariance(theta, prior, times, problem.covariance == "two-time", decay)
    return Solution(train, test, np.full(len(times), ROUNDING * problem.size), cov)
