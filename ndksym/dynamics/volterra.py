"""ι x(t) + ∫_0^t K(t, s) x(s) ds = g(t) on the training set, with ι = 1 or 0 and K from a table, by Radau collocation.

Right Radau nodes are stiffly accurate, and stable where the equation is, or nearly is, of the first kind. The length of each
panel follows the defect, the error in the equation between the nodes. The defect bounds the error of the predictor: the
resolvent of a positive kernel at most doubles it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, gmres

from ndksym.dynamics.collocation import (
    FORWARD,
    NODES,
    Integral,
    PiecewisePolynomial,
    integrals,
    lagrange,
    radau,
    weights,
)
from ndksym.dynamics.kernel_table import KernelTable, TooCoarseError
from ndksym.errors import InputError
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array

__all__ = ["VolterraEquation", "first_panel", "solve"]

_PROBES = np.array([0.03, 0.35, 0.78])
"""Points of a panel at which the defect is measured: between the first nodes, where it is largest, and farther on."""
_DIRECT = 1200
"""Number of unknowns of a panel up to which its system is factorised directly."""
_RESTART, _CYCLES = 40, 3
_LARGEST_STEP, _SMALLEST_STEP = 3.0, 0.2
_LONGEST = 1.0
"""Length of a panel in units of σ²/T up to which the product integrals resolve the kernel."""
_BEHIND, _AHEAD = 2.0, 0.6
"""Length of a panel relative to the distance from its start to the time where m(s, s) = 0: the kernel is singular there."""
_SHORTEST = 1e-2
"""Shortest panel relative to the time since the start (or until the end): all faster modes have relaxed by then."""
_DIGITS = 8.0
"""Multiple of one rounding error below which the defect is not reduced further."""
_LOST = 0.1
"""Rounding error, relative to the initial right-hand side, from which on the result is meaningless."""
_HELPS = 0.9
"""Halving a panel must reduce the defect by this factor; otherwise shorter panels do not help."""
_COARSE = 3.0
"""Multiple of the tolerance above which a defect that shorter panels do not reduce is ascribed to the table."""
_FADES = 0.97
"""Factor per panel by which such a defect is expected to decrease on the next panels."""


@dataclass(frozen=True)
class VolterraEquation:
    """Kernel and right-hand side, where `g` maps times (n,) to (n, P, columns). For ι = 0 the equation is of the first kind."""

    table: KernelTable
    g: Callable[[Array], Array]
    identity: float = 1.0
    integral: Integral = FORWARD
    end: float | None = None
    """The start of the training, where the equation runs backward in time."""

    def longest(self, start: float) -> float:
        """Length of a panel from `start` on which the kernel is smooth except for its cusp at t = s."""
        process = self.table.process
        nearest = 0.5 * min(1.0, process.init / process.level) / process.rate
        share = _BEHIND * (start + nearest) if self.end is None else _AHEAD * (max(self.end - start, 0.0) + nearest)
        return min(_LONGEST / process.rate, share)

    def shortest(self, start: float) -> float:
        """Length of a panel from `start` below which only rounding and the error of the table are left."""
        return _SHORTEST * min(start, np.inf if self.end is None else abs(self.end - start))


@dataclass(frozen=True)
class Preconditioner:
    """Eigenvectors of the kernel at coincident times, and the diagonals of all matrices of the table in this basis."""

    vectors: Array
    diagonals: Array

    def inverse(self, local: Array, identity: float) -> Callable[[Array], Array]:
        """The inverse of a panel's system without its off-diagonal entries: (NODES, P, columns) → the same."""
        blocks = np.einsum("ijk,km->mij", local, self.diagonals) + identity * np.eye(NODES)
        inverses = np.linalg.inv(blocks)
        return lambda f: np.einsum(
            "pm,mij,mjc->ipc",
            self.vectors,
            inverses,
            np.einsum("pm,jpc->mjc", self.vectors, f, optimize=True),
            optimize=True,
        )


def _preconditioner(table: KernelTable) -> Preconditioner:
    """From the symmetric part of the kernel at t = s, half-way between the initial and the stationary variance."""
    theta = table.gram(0.0, 0.5 * np.log(2) / table.process.rate)
    vectors = np.linalg.eigh(theta + theta.T)[1]
    diagonals = [np.sum(vectors * (table.grams[:, k] @ vectors), axis=0) for k in range(table.grams.shape[1])]
    return Preconditioner(vectors, np.array(diagonals))


def first_panel(table: KernelTable, last: float) -> float:
    """A fraction of the shortest time scale of the kernel at t = s."""
    fastest = max(float(np.linalg.norm(table.gram(0.0, s), 2)) for s in (0.0, np.inf))
    return min(0.3 / fastest, last) if fastest > 0 else last


def solve(
    equation: VolterraEquation,
    last: float,
    first: float,
    tolerance: float,
    scale: Array | float = 1.0,
    progress: Progress = lambda fraction: None,
    refinable: bool = False,
) -> tuple[PiecewisePolynomial, Array]:
    """x from 0 to `last`, and the largest defect up to the end of each panel, in units of `scale` (columns,).

    `first` is the length of the first panel. The mesh is refined until the defect is below `tolerance` · scale. If the table
    is `refinable` and its own error is larger than that, TooCoarseError is raised.
    """
    x = radau()[0]
    P, columns = equation.g(np.zeros(1)).shape[1:]
    ends, values, defects = [0.0], np.zeros((0, NODES, P, columns)), [0.0]
    preconditioner = _preconditioner(equation.table) if NODES * P > _DIRECT else None
    length, rejected, rounding, floor = first, np.inf, 0.0, 0.0
    given = float(np.max(np.abs(equation.g(np.zeros(1))) / scale))
    usual, finer = equation.integral, replace(equation.integral, finer=True)
    while ends[-1] < last:
        start = ends[-1]
        length = min(length, equation.longest(start))
        end = last if start + 1.2 * length >= last else start + length
        before, new = PiecewisePolynomial(np.array(ends), values), np.array([start, end])
        nodes, probes = start + x * (end - start), start + _PROBES * (end - start)
        past = integrals(equation.table, before, np.concatenate([nodes, probes]), usual)
        local = weights(equation.table, new, nodes, usual)[:, 0]
        right, residual = equation.g(nodes) - past[:NODES], 0.02 * tolerance * np.min(scale)
        solved = _panel(equation, local, right, residual, preconditioner)
        # the finer rule at the probes measures the defect of this panel and the quadrature error of the past ones
        local = weights(equation.table, new, probes, finer)[:, 0]
        there = (
            _interpolated(_PROBES, solved) * equation.identity
            + _local(equation.table, local, solved)
            - equation.g(probes)
        )
        own = float(np.max(np.abs(there + past[NODES:]) / scale))
        past = integrals(equation.table, before, probes, finer)
        defect = float(np.max(np.abs(there + past) / scale))
        rounded = rounding + _rounding(equation, start, end, solved, scale)
        noise = _DIGITS * rounded
        reachable = max(tolerance, noise, floor)
        if equation.identity and noise > _LOST * given:
            raise _no_digits(equation, end)
        change = 0.9 * (reachable / max(own, 1e-3 * reachable)) ** (1 / NODES)
        helps = own < _HELPS * rejected and end - start > equation.shortest(start)
        if own > reachable and helps:  # otherwise only rounding or the error of the table is left
            rejected, length = own, (end - start) * max(_SMALLEST_STEP, min(change, 0.5))
            continue
        if refinable and own > _COARSE * max(tolerance, noise):
            raise TooCoarseError(own / tolerance)
        floor = own if own > reachable else _FADES * floor
        rejected, rounding = np.inf, rounded
        ends.append(end)
        values = np.concatenate([values, solved[None]])
        defects.append(max(defects[-1], defect))
        length = max((end - start) * min(_LARGEST_STEP, max(change, 0.5)), equation.shortest(end))
        progress(_fraction(end, first, last))
    return PiecewisePolynomial(np.array(ends), values), np.array(defects)


def _no_digits(equation: VolterraEquation, end: float) -> InputError:
    earlier = equation.integral.earlier(np.array(end), np.array(end))
    kernel = np.abs(equation.table.gram(0.0, float(earlier))).max()
    return InputError(
        "float64 has no digits left for the predictor: rows of X whose kernels nearly agree, or differ by many orders of "
        f"magnitude, have different y, and the kernel at t = {end:.3g} is as large as {kernel:.1e}. Average y over equal rows, "
        "scale the rows of X to similar norms, or use a smaller init_variance or shorter times"
    )


def _rounding(equation: VolterraEquation, start: float, end: float, solved: Array, scale: Array | float) -> float:
    """Rounding error of a panel's integral: large terms cancel where rows agree and their labels do not."""
    earlier = float(equation.integral.earlier(np.array(start), np.array(start)))
    kernel = np.abs(equation.table.gram(0.0, earlier))
    size = np.max(kernel @ np.abs(solved).max(axis=0) / scale)
    return float(np.finfo(float).eps * size * min(end - start, 1 / equation.table.process.rate))


def _fraction(end: float, first: float, last: float) -> float:
    """The fraction done, on a logarithmic scale of time, on which the panels are spread."""
    return float(np.log1p(end / first) / np.log1p(last / first)) if last > 0 else 1.0


def _interpolated(at: Array, values: Array) -> Array:
    return np.asarray(np.einsum("ij,jpc->ipc", lagrange(at), values))


def _local(table: KernelTable, local: Array, values: Array) -> Array:
    """Σ_k M_k Σ_j local_ijk x_j: (times, P, columns)."""
    sums = np.einsum("ijk,jpc->kpci", local, values, optimize=True)
    return np.moveaxis(table.apply(sums), -1, 0)


def _panel(
    equation: VolterraEquation, local: Array, right: Array, residual: float, preconditioner: Preconditioner | None
) -> Array:
    """x at the nodes of one panel, by GMRES if there is a preconditioner and it converges, else directly: (NODES, P, columns)."""
    if preconditioner is not None:
        inverse = preconditioner.inverse(local, equation.identity)
        shape = right.shape

        def product(f: Array) -> Array:
            x = inverse(f.reshape(shape))
            return np.asarray(equation.identity * x + _local(equation.table, local, x)).ravel()

        operator = LinearOperator((right.size, right.size), matvec=product)
        atol = residual * np.sqrt(right.size / shape[1])
        solved, failed = gmres(operator, right.ravel(), rtol=0.0, atol=atol, restart=_RESTART, maxiter=_CYCLES)
        if not failed:
            return inverse(solved.reshape(shape))
    P = right.shape[1]
    matrix = np.einsum("ijk,xky->ixjy", local, equation.table.grams, optimize=True).reshape(NODES * P, NODES * P)
    matrix[np.diag_indices_from(matrix)] += equation.identity
    return np.asarray(lu_solve(lu_factor(matrix, overwrite_a=True), right.reshape(NODES * P, -1))).reshape(right.shape)
