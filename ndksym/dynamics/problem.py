"""What every Volterra method starts from: the NDK's table, how well it must be known, and how errors reach the test rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ndksym.dynamics import linearised
from ndksym.dynamics.interpolation_error import Pulses, left_out
from ndksym.dynamics.kernel_table import FINEST_TOLERANCE, Field, Pieces, TooCoarseError, field, fitted
from ndksym.dynamics.physics import Memory, Physics
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

Solved = TypeVar("Solved")

ROUNDING = 1e-13
_SHARE = 0.2
"""Of the tolerance, for the defect, and for what the table leaves out."""
_UNSEEN = 3.0
"""Times what a table is seen to leave out at a few points: it may leave out as much more between them."""
_LEAP = 100.0
"""Times what a table must become finer by: while it does not suffice, the equation is solved from the start again."""
_BOUGHT = 10.0
"""Times `across` at initialisation: what grows by more later is not met by a finer mesh, but said."""
_MARGIN = 0.3
"""Of what would do if the largest error of the table were that of every entry; measured, it may be tenfold."""


@dataclass(frozen=True)
class Problem:
    """What is asked. y is (P, outputs); `rows` are further inputs; `scale` multiplies the loss."""

    kernel: Kernel
    X: Array
    rows: Array
    y: Array
    physics: Physics
    scale: float
    rtol: float

    @property
    def both(self) -> Array:
        """Training rows, then the further ones."""
        return self.X if self.rows is self.X else np.vstack([self.X, self.rows])

    @property
    def size(self) -> float:
        """The largest |y|."""
        return max(float(np.abs(self.y).max()), np.finfo(float).tiny)

    def split(self, values: Array) -> tuple[Array, Array]:
        """(…, training rows, …) and (…, further rows, …) of (times, both, outputs)."""
        return values[:, : len(self.X)], values[:, len(self.X) :] if self.rows is not self.X else values

    def kernels(self, variance: float) -> tuple[Array, Array]:
        """NNGP and NTK of weights of this variance: (both, P) each."""
        return self._gram("nngp", variance), self._gram("ntk", variance)

    def theta(self) -> Array:
        """NTK at initialisation: (both, P)."""
        return self._gram("ntk", self.physics.init_variance)

    def _gram(self, kind: str, variance: float) -> Array:
        gram, known = getattr(self.kernel, kind), {"variance": variance, "bias": self.physics.bias}
        own = gram(self.X, **known)
        if self.rows is self.X:
            return np.asarray(self.scale * own)
        return np.asarray(self.scale * np.vstack([own, gram(self.rows, self.X, **known)]))


@dataclass(frozen=True)
class Modes:
    """Modes of a kernel (both, P) on the training set that are learnt, as columns, and 1/value of each, no more than 1/`floor`.

    `across` is what a defect on the training set is multiplied by on its way to the other rows.
    """

    vectors: Array
    gain: Array
    across: float


def modes(gram: Array, floor: float) -> Modes:
    """Of a kernel; what is never learnt (conflicting labels of one input) has none."""
    values, vectors = linearised.modes(gram[: gram.shape[1]])
    values, vectors = values[values > 0], vectors[:, values > 0]
    gain = 1 / np.maximum(values, floor)
    across = float(np.linalg.norm((gram @ vectors) * gain, axis=1).max(initial=1.0))
    return Modes(vectors, gain, across)


def later_across(problem: Problem, memory: Memory, last: float, slowest: float) -> float:
    """`across` of what is learnt up to `last`: kernels of rows far apart in norm grow by different powers of the variance, and
    diffusion turns the NTK into the NNGP kernel, as far as weights are renewed by then."""
    nngp, ntk = problem.kernels(float(memory.earlier(last)))
    renewed = -float(np.expm1(-2 * memory.rate * last))
    return max(modes(ntk, slowest).across, renewed * modes(nngp, problem.physics.temperature).across)


@dataclass(frozen=True)
class Approach:
    """The table of the NDK between all rows and the training set, and the scales of its errors.

    `vectors` are the modes of the NTK that are learnt, `impulse` = Θ⁻¹y on them is what gradient flow leaves behind, `across`
    what a defect on the training set is multiplied by on its way to the other rows, and `wanted` the defect that rtol allows.
    """

    problem: Problem
    evaluate: Field
    table: Pieces
    vectors: Array
    impulse: Array
    across: float
    wanted: float
    refinable: bool
    """Whether the table can be made more exact."""

    def error(self, defects: Array, past: Pulses, last: float) -> Array:
        """What bounds the predictor's error up to `last`: the resolvent of a positive kernel at most doubles a defect."""
        problem = self.problem
        plain = self.table.scaled(1 / problem.scale)
        missed = problem.scale * left_out(self.evaluate, plain, problem.both, problem.X, past, last)
        return 2 * self.across * (defects + _UNSEEN * missed) + ROUNDING * problem.size


def approach(problem: Problem, memory: Memory, last: float, slowest: float, finer: float = 1.0) -> Approach:
    """Up to time `last`. A mode of the NTK slower than `slowest` takes no larger impulse than if it were that fast.

    The table is `finer` times as exact as the impulse needs, for what is learnt later.
    """
    theta, P = problem.theta(), len(problem.X)
    own = modes(theta, slowest)
    across = max(own.across, later_across(problem, memory, last, slowest))
    impulse = own.vectors @ (own.gain[:, None] * (own.vectors.T @ problem.y))
    wanted = _SHARE * problem.rtol * problem.size / min(across, _BOUGHT * own.across)
    # what an error of the table, the same in a whole row, does to the predictor
    reach = float(np.linalg.norm(impulse, axis=0).max()) * float(np.abs(theta).max()) * np.sqrt(P)
    tolerance = min(_MARGIN * wanted / max(problem.size, reach), 1e-2) / finer
    evaluate = field(problem.kernel, memory, problem.physics.bias, "ntk")
    found = fitted(
        evaluate, memory, problem.both, problem.X, tolerance, problem.scale * impulse, wanted / (_UNSEEN * finer)
    )
    return Approach(
        problem,
        evaluate,
        found.scaled(problem.scale),
        own.vectors,
        impulse,
        across,
        wanted,
        tolerance > FINEST_TOLERANCE,
    )


def settled(
    problem: Problem, memory: Memory, last: float, slowest: float, solve: Callable[[Approach], tuple[Solved, Array]]
) -> tuple[Solved, Array]:
    """What `solve` finds and its error, from a table made finer while that error misses rtol and has more than halved."""
    finer, before = 1.0, np.inf
    while True:
        try:
            found, error = solve(approach(problem, memory, last, slowest, finer))
        except TooCoarseError as coarse:
            finer *= _LEAP * coarse.by
            continue
        over = float(error.max(initial=0.0)) / (problem.rtol * problem.size)
        if over <= 1 or over > 0.5 * before:
            return found, error
        finer, before = 3 * over * finer, over
