"""Langevin dynamics at any temperature: the mean predictor (theory T9)."""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics import linearised, volterra
from ndksym.dynamics.memory import Physics, langevin
from ndksym.dynamics.panels import Panels, integrals
from ndksym.dynamics.table import Table, field, fitted, missed
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

HORIZON = 64.0
"""In units of σ²/T: by then every memory of the initial weights is below rounding."""
ROUNDING = 1e-13
_SHARE = 0.2
"""Of the tolerance, for the defect, and for what the table leaves out."""
_MARGIN = 0.3
"""Of what would do if the largest error of the table were that of every entry; measured, it may be tenfold."""
_SLOW = 1e-3
"""In units of σ²/T: a mode of the NTK that is slower is not learnt by gradient flow, and takes no such impulse."""


@dataclass(frozen=True)
class Problem:
    """What every method starts from. y is (P, outputs); `rows` are further inputs; `scale` multiplies the loss."""

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

    def theta(self) -> Array:
        """NTK at initialisation: (both, P)."""
        known = {"variance": self.physics.init_variance, "bias": self.physics.bias}
        own = self.kernel.ntk(self.X, **known)
        if self.rows is self.X:
            return self.scale * own
        return self.scale * np.vstack([own, self.kernel.ntk(self.rows, self.X, **known)])


@dataclass(frozen=True)
class Solution:
    """Δ in time, the table of the NDK (both, P) it was found with, and the error estimate on each panel."""

    delta: Panels
    table: Table
    error: Array


def solution(problem: Problem, last: float, progress: volterra.Progress) -> Solution:
    """Δ + ∫ NDK Δ = y from 0 to `last`, so well that the predictor is right to rtol on all rows."""
    theta, physics, P = problem.theta(), problem.physics, len(problem.X)
    values, vectors = linearised.modes(theta[:P])
    gain = np.where(values > 0, 1 / np.maximum(values, _SLOW * physics.rate), 0.0)
    impulse = vectors @ (gain[:, None] * (vectors.T @ problem.y))
    # how the defect on the training set reaches the other rows
    across = max(1.0, float(np.linalg.norm((theta @ vectors) * gain, axis=1).max()))
    wanted = _SHARE * problem.rtol * problem.size / across
    # what an error of the table, the same in a whole row, does to the predictor
    reach = max(problem.size, float(np.linalg.norm(impulse, axis=0).max()) * float(np.abs(theta).max()) * np.sqrt(P))
    evaluate, memory = field(problem.kernel, langevin(physics), physics.bias, "ntk"), langevin(physics)
    known = problem.scale * impulse
    ndk = fitted(evaluate, memory, problem.both, problem.X, min(_MARGIN * wanted / reach, 1e-2), known, wanted)
    ndk = ndk.scaled(problem.scale)
    own = ndk.rows(slice(0, P))
    equation = volterra.Equation(own, lambda times: np.broadcast_to(problem.y, (len(times), *problem.y.shape)))
    fastest = max(float(np.linalg.norm(own.gram(0.0, p), 2)) for p in (0.0, 1.0))
    first = min(0.3 / fastest, last) if fastest > 0 else last
    delta, defects = volterra.solve(equation, last, first, wanted, progress=progress)
    total = np.einsum("n,npc->pc", delta.quadrature, delta.values.reshape(-1, *problem.y.shape))
    left_out = missed(evaluate, ndk.scaled(1 / problem.scale), problem.both, problem.X, problem.scale * total)
    return Solution(delta, ndk, 2 * across * (defects + left_out) + ROUNDING * problem.size)


def mean(problem: Problem, times: Array, progress: volterra.Progress) -> tuple[Array, Array, Array]:
    """Mean on the training set and on the further rows, and the error estimate, at times up to the horizon."""
    if len(times) == 0 or times[-1] == 0.0:
        shape = (len(times), len(problem.X), problem.y.shape[1])
        return np.zeros(shape), np.zeros((len(times), len(problem.rows), shape[2])), np.zeros(len(times))
    found = solution(problem, float(times[-1]), progress)
    f = integrals(found.table, found.delta, times)
    train, test = problem.split(f)
    return train, test, found.error[np.minimum(np.searchsorted(found.delta.ends, times), len(found.error) - 1)]
