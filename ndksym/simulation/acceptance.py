"""Acceptance rate of a proximal step, estimated before the simulation: Gaussian integrals at infinite width."""

import numpy as np

from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.problem import Problem
from ndksym.errors import InputError

HOURS = 1.0
_NORMALS, _FLOPS = 1e8, 1e10
"""Normal numbers and floating-point products per second on a typical machine."""


def proposals(problem: Problem, strength: float) -> float:
    """E[1/acceptance] of the first step at infinite width; ∞ where the mean does not exist. No later step needs more proposals.

    Given the old weights, f is Gaussian with mean μ and covariance S, and is accepted with probability
    |1 + S/2T|^{−1/2} exp(−½ (y − μ)ᵀ(S + 2T)⁻¹(y − μ)); μ is Gaussian with covariance C − S.
    """
    physics, P = problem.physics, len(problem.X)
    process = PriorProcess.proximal(physics, strength)
    now, first = np.zeros(1), process.variance([1.0])
    C, kept = (
        each.cross * problem.kernel.grams(problem.X, problem.X, each, bias=physics.bias, part="readout")[0]
        for each in (process.priors(now, first), process.priors_without_noise(now, first))
    )
    noise = 2 * physics.temperature / problem.scale * np.eye(P)
    spread = C - kept + noise
    # E exp(½ (y − μ)ᵀ A (y − μ)) with A = (S + 2T)⁻¹ and μ ~ N(0, kept)
    left = spread - kept
    if np.linalg.eigvalsh(left).min() <= 0:
        return float("inf")
    logs = [np.linalg.slogdet(each)[1] for each in (spread, noise, left)]
    each_output = 0.5 * (logs[0] - logs[1]) + 0.5 * (logs[0] - logs[2])
    quadratic = 0.5 * float(np.sum(problem.y * np.linalg.solve(left, problem.y)))
    with np.errstate(over="ignore"):
        return float(np.exp(problem.y.shape[1] * each_output + quadratic))


def require_affordable(problem: Problem, strength: float, widths: tuple[int, ...], pairs: int, steps: int) -> None:
    """Refuse a simulation that would take longer than HOURS, with an estimate of its duration."""
    sizes = (min(problem.X.shape[1], len(problem.X)), *widths, problem.y.shape[1])
    weights = sum(n * m for n, m in zip(sizes[1:], sizes[:-1], strict=True))
    once = weights * (1 / _NORMALS + 4 * len(problem.X) / _FLOPS)
    tries = proposals(problem, strength)
    hours = once * 2 * tries * pairs * steps / 3600
    if hours > HOURS:
        raise InputError(
            f"rejection sampling would take about {tries:.3g} proposals a step, {hours:.3g} hours for {pairs} pairs and {steps} "
            f"steps; at most {HOURS:g} is allowed: take a higher temperature, fewer examples, smaller labels or a smaller strength"
        )
