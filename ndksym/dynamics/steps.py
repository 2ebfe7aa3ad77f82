"""Dynamics in discrete steps, exact at infinite width: Euler–Langevin steps and Markov proximal learning (T3, T8).

    Euler:     f_n = h Σ_{k<n} a^{n−k−1} Θ(n, k) (y − f_k)
    proximal:  f_n = (1/2T) Σ_{k=1..n} D(n, k) (y − f_k),  D(n, k) = C[m(n, k)] − C[λ~ m(n, k−1)]

The fluctuations about the mean are e = ζ − L ζ + L η with L = K (1 + K)⁻¹, where K is the sum over steps. A proximal step draws
from a posterior whose data have noise of variance 2T, so η is white noise of this variance; in an Euler step η = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

from ndksym.dynamics import checks
from ndksym.dynamics.interpolation_error import interpolation_error, pulses
from ndksym.dynamics.kernel_table import KernelTable, PatchedTable, TwoTimeKernel, tabulate, two_time_kernel
from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.problem import ROUNDING, Problem, Solution
from ndksym.dynamics.stable_step import euler_process, largest_stable, require_stable
from ndksym.errors import InputError
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

__all__ = ["MOST_STEPS", "MOST_UNKNOWNS", "StepDynamics", "StepNumbers", "euler", "march", "proximal", "solve"]

MOST_STEPS = 20_000
MOST_UNKNOWNS = 6_000
"""Largest product of steps and training rows for which the matrices of the covariance fit into memory."""
_BLOCK = 64
_POINTS = 2**15
_FINE = 1e-3
"""Noise of a step, relative to m, below which C[m] − C[m − δ] is integrated instead of subtracted."""
_GAUSS = 4

StepNumbers = NDArray[np.intp]


@dataclass(frozen=True)
class StepDynamics:
    """One dynamics in steps: `evaluate` times `factor` is the contribution of step k to f_n.

    `first` is the first k that contributes; `implicit` says whether k = n contributes. `noise` is the variance of η.
    """

    process: PriorProcess
    evaluate: TwoTimeKernel
    factor: float
    first: int
    implicit: bool
    noise: float


def euler(problem: Problem, step: float) -> StepDynamics:
    """Euler–Langevin steps of length h: the contribution is h/a · a^{n−k} Θ."""
    physics = problem.physics
    process = euler_process(physics, step)
    kept = 1 - step * physics.rate
    require_stable(step, largest_stable(problem.grams.training_ntk, physics, problem.scale), physics.rate)
    evaluate = two_time_kernel(problem.kernel, process, physics.bias, "ntk")
    return StepDynamics(process, evaluate, problem.scale * step / kept, 0, False, 0.0)


def proximal(problem: Problem, strength: float) -> StepDynamics:
    """Markov proximal learning of strength λ: the contribution is D/(2T)."""
    physics, process = problem.physics, PriorProcess.proximal(problem.physics, strength)
    fresh = -float(np.expm1(-2 * process.rate))
    x, w = legendre(_GAUSS)
    bias, kernel = physics.bias, problem.kernel

    def evaluate(rows: Array, X: Array, q: Array, m: Array) -> Array:
        if fresh > _FINE:
            kept = (m - process.level * fresh)[:, None, None]
            whole = kernel.grams(rows, X, process.priors(q, m), bias=bias, part="readout")
            return m[:, None, None] * whole - kept * kernel.grams(
                rows, X, process.priors_without_noise(q, m), bias=bias, part="readout"
            )
        out = np.zeros((len(q), len(rows), len(X)))
        for node, weight in zip(0.5 * (1 + x), w, strict=True):  # m − δ z², dm = 2δ z dz: a kink's cusp is at z = 0
            at = process.priors_without_noise(q, m, float(node**2))
            out += weight * node * kernel.grams(rows, X, at, bias=bias, part="ntk")
        return process.level * fresh * out

    noise = 2 * physics.temperature / problem.scale
    return StepDynamics(process, evaluate, problem.scale / (2 * physics.temperature), 1, True, noise)


def solve(problem: Problem, times: Array, steps: StepDynamics, step: float) -> Solution:
    """Mean and covariance at times that are multiples of `step`."""
    numbers = checks.steps(times, step)
    if problem.covariance:
        _check_size(int(numbers[-1]), len(problem.X))
    residual, error = march(problem, steps, int(numbers[-1]))
    train, test = problem.split(residual.predict(numbers))
    errors = np.full(len(times), 2 * error + ROUNDING * problem.size)
    cov = _covariances(problem, residual, numbers) if problem.covariance else None
    return Solution(train, test, errors, cov)


@dataclass(frozen=True)
class StepResidual:
    """Δ at every step (steps + 1, P, outputs), and the kernel table between all rows and the training set."""

    steps: StepDynamics
    table: PatchedTable
    delta: Array

    def predict(self, numbers: StepNumbers) -> Array:
        """f on all rows at some steps: (steps, both, outputs)."""
        flat = self.delta.reshape(len(self.delta), -1)
        out = np.empty((len(numbers), len(self.table.grams), self.delta.shape[2]))
        for start in range(0, len(numbers), 16):
            block = numbers[start : start + 16]
            sums = _history(self.table, self.steps, block, len(self.delta), flat)
            sums = sums.reshape(len(block), -1, *self.delta.shape[1:])
            out[start : start + 16] = np.moveaxis(self.table.apply(np.moveaxis(sums, 0, -1)), -1, 0)
        return out


def march(problem: Problem, steps: StepDynamics, count: int) -> tuple[StepResidual, float]:
    """Δ at all steps up to `count`, and the interpolation error of the table."""
    if count > MOST_STEPS:
        raise InputError(
            f"{count:,} steps are more than the {MOST_STEPS:,} this method takes; use method='langevin', or larger steps"
        )
    P, outputs = problem.y.shape
    tolerance = float(np.clip(0.05 * problem.rtol / np.sqrt(P), 1e-13, 1e-4))
    since = steps.process.starting_at(steps.first)  # time 0 of the table is the first step that contributes
    table = tabulate(steps.evaluate, since, problem.both, problem.X, tolerance).scaled(steps.factor)
    own = table.rows(slice(0, P))
    delta = np.zeros((count + 1, P, outputs))
    delta[0] = problem.y
    flat = delta.reshape(count + 1, -1)
    decomposed = None
    for start in range(1, count + 1, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, count + 1))
        past = _history(own, steps, block, start, flat)
        within = _weights(own, steps, block, block)
        for i, n in enumerate(block):
            sums = past[i] + np.einsum("sk,sf->kf", within[i, :i], flat[start:n], optimize=True)
            delta[n] = problem.y - own.apply(sums.reshape(-1, P, outputs))
            if steps.implicit:
                if decomposed is None or steps.process.init != steps.process.level:
                    decomposed = lu_factor(np.eye(P) + np.tensordot(own.grams, within[i, i], (1, 0)))
                delta[n] = lu_solve(decomposed, delta[n])
        problem.progress(block[-1] / count)
    contributing = delta[steps.first :]
    numbers, ones = np.arange(len(contributing), dtype=float), np.ones(len(contributing))
    learnt = pulses(numbers, ones, steps.factor * contributing)
    plain = table.scaled(1 / steps.factor)
    last = float(count - steps.first)
    error = interpolation_error(steps.evaluate, plain, problem.both, problem.X, learnt, last)
    return StepResidual(steps, table, delta), error


def _weights(table: KernelTable, steps: StepDynamics, later: StepNumbers, earlier: StepNumbers) -> Array:
    """u_k e^{−r(n−s)} for the steps s that contribute to f_n, and 0 for the others: (later, earlier, k)."""
    lag = later[:, None] - earlier[None, :]
    contributes = (lag >= (0 if steps.implicit else 1)) & (earlier >= steps.first)
    lag = np.maximum(lag, 0).astype(float)
    since = np.broadcast_to(np.maximum(earlier - steps.first, 0).astype(float), lag.shape)
    u = table.weights(lag, since) * np.exp(-steps.process.rate * lag)[..., None]
    return np.asarray(np.where(contributes[..., None], u, 0.0))


def _history(table: KernelTable, steps: StepDynamics, later: StepNumbers, end: int, flat: Array) -> Array:
    """Σ over steps s < end of the weights times Δ_s: (later, k, P · outputs)."""
    out = np.zeros((len(later), table.grams.shape[1], flat.shape[1]))
    height = max(1, _POINTS // len(later))
    for start in range(0, end, height):
        earlier = np.arange(start, min(start + height, end))
        w = _weights(table, steps, later, earlier)
        out += np.tensordot(w, flat[earlier], (1, 0))
    return out


def _check_size(count: int, P: int) -> None:
    """Raise InputError if the matrices of the covariance over `count` steps do not fit."""
    unknowns = (count + 1) * P
    if unknowns > MOST_UNKNOWNS:
        raise InputError(
            f"the covariance over {count:,} steps of {P} training rows needs matrices of {unknowns:,} rows; at most "
            f"{MOST_UNKNOWNS:,} are allowed: ask for fewer steps or rows, or for method='langevin'"
        )


def _covariances(problem: Problem, residual: StepResidual, numbers: StepNumbers) -> Array:
    """Covariance of all rows at each of the steps, or at each pair of them."""
    steps, table = residual.steps, residual.table
    count, P, size = int(numbers[-1]), len(problem.X), len(problem.both)
    unknowns = (count + 1) * P
    every = np.arange(count + 1)
    K = np.einsum("nsk,xky->nxsy", _weights(table, steps, every, every), table.grams, optimize=True)
    C = _prior_covariance(problem, steps.process, every)
    onto = K[numbers].reshape(len(numbers) * size, unknowns)
    system = np.eye(unknowns) + K[:, :P].reshape(unknowns, unknowns)
    L = np.linalg.solve(system.T, onto.T).T
    own = C[:, :P, :, :P].reshape(unknowns, unknowns).copy()
    own[np.diag_indices_from(own)] += steps.noise
    cross = C[numbers][:, :, :, :P].reshape(len(numbers) * size, unknowns)
    alone = C[numbers][:, :, numbers].reshape(len(numbers) * size, -1)
    moved = L @ cross.T
    out = (alone - moved - moved.T + L @ own @ L.T).reshape(len(numbers), size, len(numbers), size)
    out = out.transpose(0, 2, 1, 3)
    one = np.arange(len(numbers))
    return np.asarray(out if problem.covariance == "two-time" else out[one, one])


def _prior_covariance(problem: Problem, process: PriorProcess, every: StepNumbers) -> Array:
    """C^{L+1} of all rows at all pairs of steps: (steps, both, steps, both)."""
    evaluate = two_time_kernel(problem.kernel, process, problem.physics.bias, "covariance")
    tolerance = float(np.clip(0.05 * problem.rtol, 1e-13, 1e-4))
    table = tabulate(evaluate, process, problem.both, problem.both, tolerance)
    lag = np.abs(every[:, None] - every[None, :]).astype(float)
    u = table.weights(lag, np.minimum(every[:, None], every[None, :]).astype(float))
    u *= np.exp(-process.rate * lag)[..., None]
    C = np.einsum("nsk,xky->nxsy", u, table.grams, optimize=True)
    later = every[:, None] >= every[None, :]
    return np.asarray(np.where(later[:, None, :, None], C, C.transpose(2, 3, 0, 1)))
