"""Langevin dynamics in continuous time or in Euler steps, exact at any temperature T > 0.

f(t) = ∫_0^t NDK(t, s) (y − f(s)) ds (T9; arXiv 2309.04522). With `step`=h it is the recursion of Euler–Langevin steps,
f_n = h Σ_{k<n} a^{n−k−1} Θ(n, k) (y − f_k) with a = 1 − hT/σ² (T3).
"""

from dataclasses import dataclass, replace

import numpy as np

from ndksym.dynamics import checks, covariance, steps, volterra
from ndksym.dynamics.collocation import Integral, PiecewisePolynomial, integrals
from ndksym.dynamics.distinct import distinct
from ndksym.dynamics.interpolation_error import pulses
from ndksym.dynamics.kernel_table import KernelTable
from ndksym.dynamics.methods import Option
from ndksym.dynamics.physics import HORIZON, PriorProcess
from ndksym.dynamics.problem import ROUNDING, Problem, Solution
from ndksym.dynamics.volterra_setup import VolterraSetup, refine_until_converged, requirements
from ndksym.errors import InputError
from ndksym.runtime.types import Array

LABEL = "Langevin dynamics"
TIME_UNIT = "in units of 1/learning rate"
OPTIONS = (Option("step", "length h of an Euler step, in units of 1/learning rate", checks.sized),)
THERMAL = True
COVARIANCE = True
MATRICES = checks.TABLE_MATRICES

_SLOW = 1e-3
"""Rate in units of T/σ²; a mode of the NTK that is slower is not learnt by gradient flow."""


def solve(problem: Problem, times: Array) -> Solution:
    """Mean, and covariance where it is wanted, at times (M,)."""
    if "step" in problem.options:
        step = problem.options["step"]
        return steps.solve(problem, times, steps.euler(problem, step), step)
    within = times <= HORIZON / problem.physics.rate
    early, late = times[within], int(np.sum(~within))
    train, test, error = mean(problem, early)
    last = problem.split(problem.posterior.mean[None])
    solution = Solution(
        np.concatenate([train, np.repeat(last[0], late, axis=0)]),
        np.concatenate([test, np.repeat(last[1], late, axis=0)]),
        np.append(error, np.full(late, ROUNDING * problem.size)),
    )
    if not problem.covariance:
        return solution
    if problem.covariance == "two-time" and late:
        raise InputError(
            f"covariance='two-time' wants times up to {HORIZON / problem.physics.rate:g} = 64 σ²/T, "
            f"beyond which the network is at equilibrium; got {times[-1]:g}"
        )
    end = problem.posterior.cov
    cov, cov_error = np.empty((0, *end.shape)), 0.0
    if len(early):
        on_all = train if problem.rows is problem.X else np.concatenate([train, test], axis=1)
        cov, cov_error = covariance.covariances(problem, early, on_all)
    if late:
        cov = np.concatenate([cov, np.repeat(end[None], late, axis=0)])
    return replace(solution, cov=cov, cov_error=cov_error)


@dataclass(frozen=True)
class Residual:
    """Δ = y − f on the training set as a function of time, the NDK's table (both, P), and the error at each panel's end.

    What is never learnt is missing in Δ.
    """

    delta: PiecewisePolynomial
    table: KernelTable
    error: Array


def residual(problem: Problem, last: float) -> Residual:
    """Δ from 0 to `last`, so accurate that the predictor has the accuracy rtol on all rows."""
    process, slowest = PriorProcess.langevin(problem.physics), _SLOW * problem.physics.rate

    def solved(start: VolterraSetup) -> tuple[tuple[PiecewisePolynomial, KernelTable], Array]:
        basis = distinct(start.table, problem.X)
        if basis is None:
            own, y, spread = start.table.rows(slice(0, len(problem.X))), problem.y, 1.0
        else:  # defects in the basis may add up on a row
            own, y, spread = start.table.within(basis), basis.T @ problem.y, float(np.sqrt(len(basis)))
        equation = volterra.VolterraEquation(own, lambda times: np.broadcast_to(y, (len(times), *y.shape)))
        first, tolerance = volterra.first_panel(own, last), start.required.defect / spread
        delta, defects = volterra.solve(
            equation, last, first, tolerance, progress=problem.progress, refinable=start.refinable
        )
        delta, defects = delta if basis is None else delta.spread(basis), spread * defects
        past = pulses(delta.nodes, delta.quadrature, delta.values.reshape(-1, *problem.y.shape))
        return (delta, start.table), start.error(defects, past, last)

    required = requirements(problem, process, last, slowest, problem.physics.temperature)
    (delta, table), error = refine_until_converged(problem, process, required, solved)
    return Residual(delta, table, error)


def mean(problem: Problem, times: Array) -> tuple[Array, Array, Array]:
    """Mean on the training rows and on the further rows, and the error estimate, at times up to the horizon."""
    if len(times) == 0 or times[-1] == 0.0:
        shape = (len(times), len(problem.X), problem.y.shape[1])
        return np.zeros(shape), np.zeros((len(times), len(problem.rows), shape[2])), np.zeros(len(times))
    solution = residual(problem, float(times[-1]))
    train, test = problem.split(integrals(solution.table, solution.delta, times, Integral(finer=True)))
    return train, test, solution.error[solution.delta.panel_of(times)]
