"""Representational drift in Euler–Langevin steps, exact at infinite width (theory T3, T15). The readout is frozen at step n_0.

    f_n = h Σ_{k<n_0} a^{n_0−k−1} (K^L + β²)(n, k) Δ_k  +  h Σ_{k<n_0} a^{n−k−1} m(n_0, k) (K_dot^L Θ^L)(n, k) Δ_k

The second sum runs up to k < n where the learning signal stays on. The first sum is the contribution of the steps to the frozen
readout: it does not decay, and acts through activations that go on changing. The second is their contribution to the hidden
weights: it decays with them, and acts through the frozen readout.
"""

import numpy as np

from ndksym.dynamics import steps
from ndksym.dynamics.kernel_table import KernelTable, table_residual, tabulate, two_time_kernel
from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.problem import ROUNDING, Problem
from ndksym.dynamics.steps import StepNumbers
from ndksym.runtime.chain import Part
from ndksym.runtime.types import Array

__all__ = ["drift"]


def drift(problem: Problem, step: float, frozen: int, numbers: StepNumbers, signal: bool) -> tuple[Array, Array]:
    """f at the steps `numbers`, (steps, both, outputs), and an estimate of its error, (steps,)."""
    euler = steps.euler(problem, step)
    process, factor = euler.process, problem.scale * step
    learnt, interpolation_error = steps.march(problem, euler, int(numbers[-1]) if signal else frozen)
    f = np.zeros((len(numbers), len(problem.both), problem.y.shape[1]))
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    error = 2 * interpolation_error + ROUNDING * problem.size
    parts: tuple[tuple[Part, bool], ...] = (("readout", False), ("hidden", signal))
    for part, continues in parts:
        evaluate = two_time_kernel(problem.kernel, process, problem.physics.bias, part)
        table = tabulate(evaluate, process, problem.both, problem.X, tolerance)
        for index, n in enumerate(numbers):
            earlier = np.arange(n if continues else frozen)
            kept = _kept(part, process, n, frozen, earlier)
            f[index] += factor * _summed(table, n, earlier, kept[:, None, None] * learnt.delta[: len(earlier)])
        total = factor * learnt.delta[: int(numbers[-1]) if continues else frozen].sum(axis=0)
        size = process.level if part == "hidden" else 1.0
        error += size * table_residual(evaluate, table, problem.both, problem.X, total)
    return f, np.full(len(numbers), error)


def _kept(part: Part, process: PriorProcess, n: int, frozen: int, earlier: StepNumbers) -> Array:
    """a^{n_0−k−1} for the readout, a^{n−k−1} m(n_0, k) for the hidden weights."""
    end = frozen if part == "readout" else n
    decay: Array = np.exp(-process.rate * (end - earlier - 1))
    return decay if part == "readout" else decay * process.covariance(frozen, earlier)


def _summed(table: KernelTable, n: int, earlier: StepNumbers, weighted: Array) -> Array:
    """Σ_k F(n, k) weighted_k."""
    u = table.weights((n - earlier).astype(float), earlier.astype(float))
    return table.apply(np.einsum("sk,spo->kpo", u, weighted, optimize=True))
