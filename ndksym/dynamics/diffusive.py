"""The diffusive limit T → 0 at fixed τ = T t (theory T12): a Volterra equation of the first kind.

The gradient-driven phase leaves the impulse a_0 = Θ⁻¹ y at τ = 0; from there on Δ = T r(τ), with
y = G(τ, 0) a_0 + ∫_0^τ G(τ, τ') r(τ') dτ' and f(τ) the same with the rows of f.
"""

import numpy as np

from ndksym.dynamics import volterra
from ndksym.dynamics.approach import ROUNDING, Problem, approach
from ndksym.dynamics.memory import Memory
from ndksym.dynamics.panels import Panels, integrals
from ndksym.dynamics.table import Table
from ndksym.runtime.types import Array

_FIRST = 1e-13
"""Length of the first panel in units of σ²: where φ has a kink, r starts as 1/√τ."""


def mean(problem: Problem, times: Array, progress: volterra.Progress) -> tuple[Array, Array, Array]:
    """Mean on the training set and on the further rows, and the error estimate, at `times` = τ."""
    physics = problem.physics
    if len(times) == 0:
        return np.zeros((0, *problem.y.shape)), np.zeros((0, len(problem.rows), problem.y.shape[1])), np.zeros(0)
    memory = Memory(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    start = approach(problem, memory, 0.0)
    vectors, ndk, last = start.vectors, start.table, float(times[-1])
    # in the modes that are learnt, so that the equation has a solution
    reduced = np.einsum("xm,xky,yn->mkn", vectors, ndk.grams[: len(problem.X)], vectors, optimize=True)
    own = Table(memory, ndk.coefficients, np.ascontiguousarray(reduced))
    known, begin = vectors.T @ problem.y, vectors.T @ start.impulse
    f, error = _left(ndk, start.impulse, times), np.full(len(times), ROUNDING * problem.size)
    if last > 0 and vectors.shape[1]:  # else nothing is learnt: every input is 0
        equation = volterra.Equation(own, lambda at: known[None] - _left(own, begin, at), identity=0.0)
        first = min(_FIRST * physics.prior_variance, last)
        found, defects = volterra.solve(equation, last, first, start.wanted, progress=progress)
        r = Panels(found.ends, np.einsum("xm,njmo->njxo", vectors, found.values))
        f = f + integrals(ndk, r, times)
        error = start.error(defects, start.impulse + r.integral)[r.panel_of(times)]
    train, test = problem.split(f)
    return train, test, error


def _left(of: Table, impulse: Array, at: Array) -> Array:
    """G(τ, 0) a_0."""
    u = of.weights(at, 0.0 * at) * np.exp(-of.memory.rate * at)[:, None]
    return np.asarray(np.einsum("tk,xkp,po->txo", u, of.grams, impulse, optimize=True))
