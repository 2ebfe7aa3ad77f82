"""The diffusive limit: T → 0 at fixed T·t, to leading order.

With τ = T t, Δ = T r(τ) and a_0 = Θ⁻¹ y, y = G(τ, 0) a_0 + ∫_0^τ G(τ, τ') r(τ') dτ' (T12; arXiv 2309.04522).

The gradient-driven phase leaves the impulse a_0 at τ = 0. From there on r solves this Volterra equation of the first kind, and the
predictor is the same expression with the rows of f.
"""

import numpy as np

from ndksym.dynamics import checks, volterra
from ndksym.dynamics.collocation import integrals
from ndksym.dynamics.interpolation_error import pulses
from ndksym.dynamics.kernel_table import KernelTable
from ndksym.dynamics.methods import Option
from ndksym.dynamics.physics import HORIZON, PriorProcess
from ndksym.dynamics.problem import ROUNDING, Problem, Solution, posterior
from ndksym.dynamics.volterra_setup import VolterraSetup, refine_until_converged, requirements
from ndksym.runtime.types import Array

LABEL = "diffusive limit"
TIME_UNIT = "in units of 1/learning rate"
OPTIONS: tuple[Option, ...] = ()
THERMAL = True
COVARIANCE = False
MATRICES = checks.TABLE_MATRICES

_COLD = 0.0
"""The temperature of the limit."""
_FIRST = 1e-13
"""Length of the first panel in units of σ²; where φ has a kink, r starts as 1/√τ."""


def solve(problem: Problem, times: Array) -> Solution:
    """The mean at times (M,)."""
    tau = problem.physics.temperature * times
    within = tau <= HORIZON * problem.physics.prior_variance
    train, test, error = _mean(problem, tau[within])
    late = int(np.sum(~within))
    last = problem.split(posterior(problem, _COLD).mean[None])
    return Solution(
        np.concatenate([train, np.repeat(last[0], late, axis=0)]),
        np.concatenate([test, np.repeat(last[1], late, axis=0)]),
        np.append(error, np.full(late, ROUNDING * problem.size)),
    )


def _mean(problem: Problem, times: Array) -> tuple[Array, Array, Array]:
    """Mean on the training rows and on the further rows, and the error estimate, at `times` = τ."""
    physics = problem.physics
    if len(times) == 0:
        return np.zeros((0, *problem.y.shape)), np.zeros((0, len(problem.rows), problem.y.shape[1])), np.zeros(0)
    process = PriorProcess(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    required = requirements(problem, process, float(times[-1]), 0.0, _COLD)
    f, error = refine_until_converged(problem, process, required, lambda start: _predicted(start, times))
    train, test = problem.split(f)
    return train, test, error


def _predicted(start: VolterraSetup, times: Array) -> tuple[Array, Array]:
    """f on all rows, and its error, at `times`."""
    problem, ndk, last = start.problem, start.table, float(times[-1])
    vectors, impulse = start.required.vectors, start.required.impulse
    # in the modes that are learnt, so that the equation has a solution
    own = ndk.within(vectors)
    y, initial = vectors.T @ problem.y, vectors.T @ impulse
    f = _of_impulse(ndk, impulse, times)
    if last == 0 or not vectors.shape[1]:  # nothing more is learnt, or nothing at all: every input is 0
        return f, np.full(len(times), ROUNDING * problem.size)
    equation = volterra.VolterraEquation(own, lambda at: y[None] - _of_impulse(own, initial, at), identity=0.0)
    first = min(_FIRST * problem.physics.prior_variance, last)
    solved, defects = volterra.solve(equation, last, first, start.required.defect, progress=problem.progress)
    r = solved.spread(vectors)
    at, weights = np.append(0.0, r.nodes), np.append(1.0, r.quadrature)
    learnt = np.concatenate([impulse[None], r.values.reshape(-1, *problem.y.shape)])
    error = start.error(defects, pulses(at, weights, learnt), last)
    return f + integrals(ndk, r, times), error[r.panel_of(times)]


def _of_impulse(table: KernelTable, impulse: Array, at: Array) -> Array:
    """G(τ, 0) a_0."""
    u = table.weights(at, 0.0 * at) * np.exp(-table.process.rate * at)[:, None]
    return np.asarray(np.einsum("tk,xkp,po->txo", u, table.grams, impulse, optimize=True))
