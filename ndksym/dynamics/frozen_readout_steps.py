"""Representational drift in Euler–Langevin steps, exact at infinite width (theory T3, T15): readout frozen at step n_0.

    f_n = h Σ_{k<n_0} a^{n_0−k−1} (K^L + β²)(n, k) Δ_k  +  h Σ_{k<n_0} a^{n−k−1} m(n_0, k) (K_dot^L Θ^L)(n, k) Δ_k,

the second sum up to k < n where the learning signal stays on: what a step gave the frozen readout stays and is seen through
activations that go on, what it gave the hidden weights fades with them and is seen through the frozen readout.
"""

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics import discrete
from ndksym.dynamics.kernel_table import Table, field, missed, table
from ndksym.dynamics.physics import Memory
from ndksym.dynamics.problem import ROUNDING, Problem
from ndksym.dynamics.volterra import Progress
from ndksym.runtime.chain import Part
from ndksym.runtime.types import Array


def drift(
    problem: Problem, step: float, frozen: int, asked: NDArray[np.intp], signal: bool, progress: Progress
) -> tuple[Array, Array]:
    """f at the steps asked for, (asked, both, outputs), and an estimate of its error, (asked,)."""
    steps = discrete.euler_steps(problem, step)
    memory, factor = steps.memory, problem.scale * step
    learnt, left_out = discrete.march(problem, steps, int(asked[-1]) if signal else frozen, progress)
    f = np.zeros((len(asked), len(problem.both), problem.y.shape[1]))
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    error = 2 * left_out + ROUNDING * problem.size
    parts: tuple[tuple[Part, bool], ...] = (("readout", False), ("hidden", signal))
    for part, goes_on in parts:
        evaluate = field(problem.kernel, memory, problem.physics.bias, part)
        found = table(evaluate, memory, problem.both, problem.X, tolerance)
        for index, n in enumerate(asked):
            earlier = np.arange(n if goes_on else frozen)
            kept = _kept(part, memory, n, frozen, earlier)
            f[index] += factor * _summed(found, memory, n, earlier, kept[:, None, None] * learnt.delta[: len(earlier)])
        total = factor * learnt.delta[: int(asked[-1]) if goes_on else frozen].sum(axis=0)
        size = memory.level if part == "hidden" else 1.0
        error += size * missed(evaluate, found, problem.both, problem.X, total)
    return f, np.full(len(asked), error)


def _kept(part: Part, memory: Memory, n: int, frozen: int, earlier: NDArray[np.intp]) -> Array:
    """a^{n_0−k−1}, or a^{n−k−1} m(n_0, k)."""
    end = frozen if part == "readout" else n
    fading: Array = np.exp(-memory.rate * (end - earlier - 1))
    return fading if part == "readout" else fading * memory.moment(frozen, earlier)


def _summed(of: Table, memory: Memory, n: int, earlier: NDArray[np.intp], weighted: Array) -> Array:
    """Σ_k F(n, k) weighted_k."""
    u = of.weights((n - earlier).astype(float), earlier.astype(float))
    return of.apply(np.einsum("sk,spo->kpo", u, weighted, optimize=True))
