"""The diffusive limit T → 0 at fixed τ = T t (theory T12): a Volterra equation of the first kind.

The gradient-driven phase leaves the impulse a_0 = Θ⁻¹ y at τ = 0; from there on Δ = T r(τ), with
y = G(τ, 0) a_0 + ∫_0^τ G(τ, τ') r(τ') dτ' and f(τ) the same with the rows of f.
"""

from dataclasses import replace

import numpy as np

from ndksym.dynamics import volterra
from ndksym.dynamics.collocation import integrals
from ndksym.dynamics.interpolation_error import pulses
from ndksym.dynamics.kernel_table import Table
from ndksym.dynamics.physics import Memory
from ndksym.dynamics.problem import ROUNDING, Approach, Problem, settled
from ndksym.runtime.types import Array

_FIRST = 1e-13
"""Length of the first panel in units of σ²: where φ has a kink, r starts as 1/√τ."""


def mean(problem: Problem, times: Array, progress: volterra.Progress) -> tuple[Array, Array, Array]:
    """Mean on the training set and on the further rows, and the error estimate, at `times` = τ."""
    physics = problem.physics
    if len(times) == 0:
        return np.zeros((0, *problem.y.shape)), np.zeros((0, len(problem.rows), problem.y.shape[1])), np.zeros(0)
    memory = Memory(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    cold = replace(problem, physics=replace(physics, temperature=0.0))
    f, error = settled(cold, memory, float(times[-1]), 0.0, lambda start: _predicted(start, times, progress))
    train, test = problem.split(f)
    return train, test, error


def _predicted(start: Approach, times: Array, progress: volterra.Progress) -> tuple[Array, Array]:
    """f on all rows, and its error, at `times`."""
    problem, vectors, ndk, last = start.problem, start.vectors, start.table, float(times[-1])
    # in the modes that are learnt, so that the equation has a solution
    own = ndk.within(vectors)
    known, begin = vectors.T @ problem.y, vectors.T @ start.impulse
    f = _left(ndk, start.impulse, times)
    if last == 0 or not vectors.shape[1]:  # nothing more is learnt, or nothing at all: every input is 0
        return f, np.full(len(times), ROUNDING * problem.size)
    equation = volterra.Equation(own, lambda at: known[None] - _left(own, begin, at), identity=0.0)
    first = min(_FIRST * problem.physics.prior_variance, last)
    found, defects = volterra.solve(equation, last, first, start.wanted, progress=progress)
    r = found.spread(vectors)
    moments, weights = np.append(0.0, r.nodes), np.append(1.0, r.quadrature)
    learnt = np.concatenate([start.impulse[None], r.values.reshape(-1, *problem.y.shape)])
    error = start.error(defects, pulses(moments, weights, learnt), last)
    return f + integrals(ndk, r, times), error[r.panel_of(times)]


def _left(of: Table, impulse: Array, at: Array) -> Array:
    """G(τ, 0) a_0."""
    u = of.weights(at, 0.0 * at) * np.exp(-of.memory.rate * at)[:, None]
    return np.asarray(np.einsum("tk,xkp,po->txo", u, of.grams, impulse, optimize=True))
