"""What a Volterra method starts from: the kernel table, its required accuracy, and the effect of errors on the predictor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ndksym.dynamics import linearised
from ndksym.dynamics.interpolation_error import Pulses, interpolation_error
from ndksym.dynamics.kernel_table import (
    FINEST_TOLERANCE,
    PatchedTable,
    TooCoarseError,
    TwoTimeKernel,
    tabulate_within,
    two_time_kernel,
)
from ndksym.dynamics.physics import PriorProcess
from ndksym.dynamics.problem import ROUNDING, Problem
from ndksym.runtime.types import Array

__all__ = ["Requirements", "VolterraSetup", "refine_until_converged", "requirements", "setup"]

Result = TypeVar("Result")

_SHARE = 0.2
"""Share of the tolerance that is allowed for the defect, and for the interpolation error of the table."""
_UNSEEN = 3.0
"""Factor on the interpolation error measured at a few points, since it may be larger between them."""
_LEAP = 100.0
"""Factor by which a table that is too coarse is made finer; the equation is then solved again from the start."""
_AFFORDABLE = 10.0
"""Amplification, relative to that at initialisation, up to which the mesh is refined; a larger one only raises the error."""
_MARGIN = 0.3
"""Share of the tolerance that would do if every entry of the table had its largest error; the measured one may be tenfold."""


@dataclass(frozen=True)
class _Modes:
    """Modes of a kernel (both, P) on the training set that are learnt: `vectors` (P, n), and `gain` = 1/eigenvalue (n,).

    `amplification` is the factor from a defect on the training set to the error on the other rows.
    """

    vectors: Array
    gain: Array
    amplification: float


def _learnt_modes(gram: Array, floor: float) -> _Modes:
    """The modes with positive eigenvalues; the gain is at most 1/`floor`. Conflicting labels of one input are never learnt."""
    values, vectors = linearised.eigenmodes(gram[: gram.shape[1]])
    values, vectors = values[values > 0], vectors[:, values > 0]
    gain = 1 / np.maximum(values, floor)
    amplification = float(np.linalg.norm((gram @ vectors) * gain, axis=1).max(initial=1.0))
    return _Modes(vectors, gain, amplification)


@dataclass(frozen=True)
class Requirements:
    """The required accuracy of the solution; it is the same for every refinement of the table.

    `vectors` are the modes of the NTK that are learnt. On them `impulse` = Θ⁻¹y is what gradient flow leaves behind.
    `amplification` is the factor from a defect on the training set to the error on the other rows, `defect` the defect that
    rtol allows, and `tolerance` the tolerance of the table that this requires.
    """

    vectors: Array
    impulse: Array
    amplification: float
    defect: float
    tolerance: float


def requirements(
    problem: Problem, process: PriorProcess, last: float, slowest: float, temperature: float
) -> Requirements:
    """The required accuracy up to time `last`. A mode of the NTK slower than `slowest` counts as if it had that rate."""
    theta, P = problem.initial_ntk, len(problem.X)
    own = _learnt_modes(theta, slowest)
    amplification = max(own.amplification, _later_amplification(problem, process, last, slowest, temperature))
    impulse = own.vectors @ (own.gain[:, None] * (own.vectors.T @ problem.y))
    defect = _SHARE * problem.rtol * problem.size / min(amplification, _AFFORDABLE * own.amplification)
    # effect on the predictor of an error of the table that is the same in a whole row
    reach = float(np.linalg.norm(impulse, axis=0).max()) * float(np.abs(theta).max()) * np.sqrt(P)
    tolerance = min(_MARGIN * defect / max(problem.size, reach), 1e-2)
    return Requirements(own.vectors, impulse, amplification, defect, tolerance)


def _later_amplification(
    problem: Problem, process: PriorProcess, last: float, slowest: float, temperature: float
) -> float:
    """The amplification of what is learnt up to `last`.

    Kernels of rows with very different norms grow by different powers of the variance, and diffusion turns the NTK into the
    NNGP kernel to the extent that the weights are renewed by then.
    """
    variance = float(process.variance(last))
    nngp, ntk = problem.scale * problem.grams.nngp(variance), problem.scale * problem.grams.ntk(variance)
    renewed = -float(np.expm1(-2 * process.rate * last))
    return max(_learnt_modes(ntk, slowest).amplification, renewed * _learnt_modes(nngp, temperature).amplification)


@dataclass(frozen=True)
class VolterraSetup:
    """The table of the NDK between all rows and the training set, and the accuracy that it must have."""

    problem: Problem
    required: Requirements
    evaluate: TwoTimeKernel
    table: PatchedTable
    refinable: bool
    """Whether the table can be made more accurate."""

    def error(self, defects: Array, past: Pulses, last: float) -> Array:
        """A bound on the predictor's error up to `last`: the resolvent of a positive kernel at most doubles a defect."""
        problem = self.problem
        plain = self.table.scaled(1 / problem.scale)
        residual = problem.scale * interpolation_error(self.evaluate, plain, problem.both, problem.X, past, last)
        return 2 * self.required.amplification * (defects + _UNSEEN * residual) + ROUNDING * problem.size


def setup(problem: Problem, process: PriorProcess, required: Requirements, finer: float = 1.0) -> VolterraSetup:
    """The table, `finer` times as accurate as the impulse requires, for what is learnt later."""
    tolerance = required.tolerance / finer
    evaluate = two_time_kernel(problem.kernel, process, problem.physics.bias, "ntk")
    impulse, allowed = problem.scale * required.impulse, required.defect / (_UNSEEN * finer)
    table = tabulate_within(evaluate, process, problem.both, problem.X, tolerance, impulse, allowed)
    return VolterraSetup(problem, required, evaluate, table.scaled(problem.scale), tolerance > FINEST_TOLERANCE)


def refine_until_converged(
    problem: Problem,
    process: PriorProcess,
    required: Requirements,
    solve: Callable[[VolterraSetup], tuple[Result, Array]],
) -> tuple[Result, Array]:
    """The result of `solve` and its error. The table is refined while this error exceeds rtol and refining halves it."""
    finer, before = 1.0, np.inf
    while True:
        try:
            result, error = solve(setup(problem, process, required, finer))
        except TooCoarseError as coarse:
            finer *= _LEAP * coarse.by
            continue
        excess = float(error.max(initial=0.0)) / (problem.rtol * problem.size)
        if excess <= 1 or excess > 0.5 * before:
            return result, error
        finer, before = 3 * excess * finer, excess
