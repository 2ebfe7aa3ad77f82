"""Langevin dynamics at any temperature: the mean predictor (theory T9)."""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics import volterra
from ndksym.dynamics.collocation import Panels, integrals
from ndksym.dynamics.distinct import distinct
from ndksym.dynamics.interpolation_error import pulses
from ndksym.dynamics.kernel_table import Table
from ndksym.dynamics.physics import langevin
from ndksym.dynamics.problem import Approach, Problem, settled
from ndksym.runtime.types import Array

HORIZON = 64.0
"""In units of σ²/T: by then every memory of the initial weights is below rounding."""
_SLOW = 1e-3
"""In units of T/σ²: a mode of the NTK that is slower is not learnt by gradient flow."""


@dataclass(frozen=True)
class Solution:
    """Δ in time save what is never learnt, the table of the NDK (both, P) it was found with, and the error at each panel's end."""

    delta: Panels
    table: Table
    error: Array


def solution(problem: Problem, last: float, progress: volterra.Progress) -> Solution:
    """Δ + ∫ NDK Δ = y from 0 to `last`, so well that the predictor is right to rtol on all rows."""

    def solved(start: Approach) -> tuple[tuple[Panels, Table], Array]:
        basis = distinct(start.table, problem.X)
        if basis is None:
            own, y, spread = start.table.rows(slice(0, len(problem.X))), problem.y, 1.0
        else:  # a defect in the basis may add up on a row
            own, y, spread = start.table.within(basis), basis.T @ problem.y, float(np.sqrt(len(basis)))
        equation = volterra.Equation(own, lambda times: np.broadcast_to(y, (len(times), *y.shape)))
        first = volterra.first_panel(own, last)
        delta, defects = volterra.solve(
            equation, last, first, start.wanted / spread, progress=progress, refinable=start.refinable
        )
        delta, defects = delta if basis is None else delta.spread(basis), spread * defects
        past = pulses(delta.nodes, delta.quadrature, delta.values.reshape(-1, *problem.y.shape))
        return (delta, start.table), start.error(defects, past, last)

    (delta, table), error = settled(problem, langevin(problem.physics), last, _SLOW * problem.physics.rate, solved)
    return Solution(delta, table, error)


def mean(problem: Problem, times: Array, progress: volterra.Progress) -> tuple[Array, Array, Array]:
    """Mean on the training set and on the further rows, and the error estimate, at times up to the horizon."""
    if len(times) == 0 or times[-1] == 0.0:
        shape = (len(times), len(problem.X), problem.y.shape[1])
        return np.zeros(shape), np.zeros((len(times), len(problem.rows), shape[2])), np.zeros(len(times))
    found = solution(problem, float(times[-1]), progress)
    train, test = problem.split(integrals(found.table, found.delta, times, finer=True))
    return train, test, found.error[found.delta.panel_of(times)]
