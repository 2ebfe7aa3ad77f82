"""ι x(t) + ∫_0^t K(t, s) x(s) ds = g(t) on the training set, ι = 1 or 0, K from a table: Radau collocation.

Right Radau nodes are stiffly accurate, and stable where the equation is of the first kind, or nearly so. Each panel's length
follows the defect (what the equation misses between the nodes), which bounds the error of the predictor: the resolvent of a
positive kernel at most doubles it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, gmres

from ndksym.dynamics.collocation import NODES, Earlier, Panels, between, integrals, lagrange, radau, weights
from ndksym.dynamics.kernel_table import Table, TooCoarseError
from ndksym.errors import InputError
from ndksym.runtime.arguments import Progress as Progress
from ndksym.runtime.types import Array

_PROBES = np.array([0.03, 0.35, 0.78])
"""Where in a panel the defect is looked at: between the first nodes, where it is largest, and farther on."""
_DIRECT = 1200
"""Unknowns of a panel up to which its system is factorised as it stands."""
_RESTART, _CYCLES = 40, 3
_LARGEST_STEP, _SMALLEST_STEP = 3.0, 0.2
_LONGEST = 1.0
"""Panel in units of σ²/T: on a longer one the product integrals would not follow the kernel."""
_BEHIND, _AHEAD = 2.0, 0.6
"""Panel in units of the distance from its start to where m(s,s) would be 0: the kernel is singular there."""
_SHORTEST = 1e-2
"""Panel in units of the time since the start (or until the end): all modes that are faster have settled by then."""
_DIGITS = 8.0
"""Times what one rounding leaves, below which a defect is not pressed."""
_LOST = 0.1
"""Of the right-hand side at first: where rounding leaves as much, nothing is known."""
_HELPS = 0.9
"""Half a panel has a defect smaller by this much, or there is nothing to gain from it."""
_COARSE = 3.0
"""Times the tolerance: a defect as large that shorter panels do not lessen is the table's."""
_FADES = 0.97
"""A defect that shorter panels do not lessen is expected of the next panels too, of each less by this factor."""


@dataclass(frozen=True)
class Equation:
    """Kernel and right-hand side: `g` of times (n,) is (n, P, columns). With ι = 0 the equation is of the first kind."""

    table: Table
    g: Callable[[Array], Array]
    identity: float = 1.0
    earlier: Earlier = between
    end: float | None = None
    """The time at which the network begins, where the equation runs backward in time."""

    def longest(self, start: float) -> float:
        """Panel from `start` on which the kernel is smooth but for its cusp at t = s."""
        memory = self.table.memory
        nearest = 0.5 * min(1.0, memory.init / memory.level) / memory.rate
        share = _BEHIND * (start + nearest) if self.end is None else _AHEAD * (max(self.end - start, 0.0) + nearest)
        return min(_LONGEST / memory.rate, share)

    def shortest(self, start: float) -> float:
        """Panel from `start` on which nothing is left to resolve but rounding and the table's own error."""
        return _SHORTEST * min(start, np.inf if self.end is None else abs(self.end - start))


@dataclass(frozen=True)
class Modes:
    """Eigenvectors of the kernel at coincident times, and each matrix of the table in them, off-diagonals left out."""

    vectors: Array
    sizes: Array

    def inverse(self, local: Array, identity: float) -> Callable[[Array], Array]:
        """What solves a panel's system up to that: (NODES, P, columns) → the same."""
        blocks = np.einsum("ijk,km->mij", local, self.sizes) + identity * np.eye(NODES)
        inverses = np.linalg.inv(blocks)
        return lambda f: np.einsum(
            "pm,mij,mjc->ipc",
            self.vectors,
            inverses,
            np.einsum("pm,jpc->mjc", self.vectors, f, optimize=True),
            optimize=True,
        )


def modes(table: Table) -> Modes:
    """Of the symmetric part at t = s, half-way between the first and the last prior."""
    theta = table.gram(0.0, 0.5 * np.log(2) / table.memory.rate)
    vectors = np.linalg.eigh(theta + theta.T)[1]
    sizes = [np.sum(vectors * (table.grams[:, k] @ vectors), axis=0) for k in range(table.grams.shape[1])]
    return Modes(vectors, np.array(sizes))


def first_panel(table: Table, last: float) -> float:
    """A part of the shortest time that the kernel at t = s knows of."""
    fastest = max(float(np.linalg.norm(table.gram(0.0, s), 2)) for s in (0.0, np.inf))
    return min(0.3 / fastest, last) if fastest > 0 else last


def solve(
    equation: Equation,
    last: float,
    first: float,
    tolerance: float,
    scale: Array | float = 1.0,
    progress: Progress = lambda fraction: None,
    refinable: bool = False,
) -> tuple[Panels, Array]:
    """x from 0 to `last`, and the largest defect up to the end of each panel, in units of `scale` (columns,).

    `first` is the length of the first panel. The mesh is refined until the defect is below `tolerance` · scale;
    with a `refinable` table, TooCoarseError where its own error is larger than that.
    """  # fmt: skip
    x = radau()[0]
    P, columns = equation.g(np.zeros(1)).shape[1:]
    ends, values, defects = [0.0], np.zeros((0, NODES, P, columns)), [0.0]
    shared = modes(equation.table) if NODES * P > _DIRECT else None
    length, refused, rounding, floor = first, np.inf, 0.0, 0.0
    given = float(np.max(np.abs(equation.g(np.zeros(1))) / scale))
    while ends[-1] < last:
        start = ends[-1]
        length = min(length, equation.longest(start))
        end = last if start + 1.2 * length >= last else start + length
        before, new = Panels(np.array(ends), values), np.array([start, end])
        nodes, probes = start + x * (end - start), start + _PROBES * (end - start)
        past = integrals(equation.table, before, np.concatenate([nodes, probes]), earlier=equation.earlier)
        local = weights(equation.table, new, nodes, earlier=equation.earlier)[:, 0]
        found = _panel(equation, local, equation.g(nodes) - past[:NODES], 0.02 * tolerance * np.min(scale), shared)
        # at the probes by a finer rule: what the panel itself misses, and with it what the rule has missed before
        local = weights(equation.table, new, probes, earlier=equation.earlier, finer=True)[:, 0]
        there = _between(_PROBES, found) * equation.identity + _local(equation.table, local, found) - equation.g(probes)
        own = float(np.max(np.abs(there + past[NODES:]) / scale))
        past = integrals(equation.table, before, probes, earlier=equation.earlier, finer=True)
        defect = float(np.max(np.abs(there + past) / scale))
        rounded = rounding + _rounding(equation, start, end, found, scale)
        noise = _DIGITS * rounded
        reachable = max(tolerance, noise, floor)
        if equation.identity and noise > _LOST * given:
            raise _lost(equation, end)
        change = 0.9 * (reachable / max(own, 1e-3 * reachable)) ** (1 / NODES)
        helps = own < _HELPS * refused and end - start > equation.shortest(start)
        if own > reachable and helps:  # else what is left is rounding, or the table's own error
            refused, length = own, (end - start) * max(_SMALLEST_STEP, min(change, 0.5))
            continue
        if refinable and own > _COARSE * max(tolerance, noise):
            raise TooCoarseError(own / tolerance)
        floor = own if own > reachable else _FADES * floor
        refused, rounding = np.inf, rounded
        ends.append(end)
        values = np.concatenate([values, found[None]])
        defects.append(max(defects[-1], defect))
        length = max((end - start) * min(_LARGEST_STEP, max(change, 0.5)), equation.shortest(end))
        progress(_fraction(end, first, last))
    return Panels(np.array(ends), values), np.array(defects)


def _lost(equation: Equation, end: float) -> InputError:
    kernel = np.abs(equation.table.gram(0.0, float(equation.earlier(np.array(end), np.array(end))))).max()
    return InputError(
        "float64 has no digits left for the predictor: rows of X whose kernels nearly agree, or differ by many orders of "
        f"magnitude, have different y, and the kernel at t = {end:.3g} is as large as {kernel:.1e}. Average y over equal rows, "
        "scale the rows of X to similar norms, or use a smaller init_variance or shorter times"
    )


def _rounding(equation: Equation, start: float, end: float, found: Array, scale: Array | float) -> float:
    """What rounding may leave of a panel's integral: where rows agree and labels do not, large terms cancel there."""
    earlier = float(equation.earlier(np.array(start), np.array(start)))
    kernel = np.abs(equation.table.gram(0.0, earlier))
    size = np.max(kernel @ np.abs(found).max(axis=0) / scale)
    return float(np.finfo(float).eps * size * min(end - start, 1 / equation.table.memory.rate))


def _fraction(end: float, first: float, last: float) -> float:
    """How far along, on the logarithmic scale on which panels are spent."""
    return float(np.log1p(end / first) / np.log1p(last / first)) if last > 0 else 1.0


def _between(at: Array, values: Array) -> Array:
    return np.asarray(np.einsum("ij,jpc->ipc", lagrange(at), values))


def _local(table: Table, local: Array, values: Array) -> Array:
    """Σ_k M_k Σ_j local_ijk x_j: (times, P, columns)."""
    sums = np.einsum("ijk,jpc->kpci", local, values, optimize=True)
    return np.moveaxis(table.apply(sums), -1, 0)


def _panel(equation: Equation, local: Array, known: Array, small: float, shared: Modes | None) -> Array:
    """x at the nodes of one panel: (NODES, P, columns)."""
    if shared is not None:
        inverse = shared.inverse(local, equation.identity)
        shape = known.shape

        def product(f: Array) -> Array:
            x = inverse(f.reshape(shape))
            return np.asarray(equation.identity * x + _local(equation.table, local, x)).ravel()

        operator = LinearOperator((known.size, known.size), matvec=product)
        atol = small * np.sqrt(known.size / shape[1])
        found, failed = gmres(operator, known.ravel(), rtol=0.0, atol=atol, restart=_RESTART, maxiter=_CYCLES)
        if not failed:
            return inverse(found.reshape(shape))
    P = known.shape[1]
    matrix = np.einsum("ijk,xky->ixjy", local, equation.table.grams, optimize=True).reshape(NODES * P, NODES * P)
    matrix[np.diag_indices_from(matrix)] += equation.identity
    return np.asarray(lu_solve(lu_factor(matrix, overwrite_a=True), known.reshape(NODES * P, -1))).reshape(known.shape)
