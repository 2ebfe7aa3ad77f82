"""Dynamics in steps, exact at infinite width: Euler–Langevin with a finite step, and Markov proximal learning (T3, T8).

    Euler:     f_n = h Σ_{k<n} a^{n−k−1} Θ(n, k) (y − f_k)
    proximal:  f_n = (1/2T) Σ_{k=1..n} D(n, k) (y − f_k),  D(n, k) = C[m(n, k)] − C[λ~ m(n, k−1)]

Fluctuations about the mean are e = ζ − L ζ + L η with L = K (1 + K)⁻¹, K the sum over steps. A proximal step draws from a
posterior whose data have noise of variance 2T, so there η is white of that variance; an Euler step has η = 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

from ndksym.dynamics.interpolation_error import left_out, pulses
from ndksym.dynamics.kernel_table import Field, Pieces, Table, field, table
from ndksym.dynamics.physics import Memory, Physics, euler, proximal
from ndksym.dynamics.problem import Problem
from ndksym.dynamics.volterra import Progress
from ndksym.errors import InputError
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

MOST_STEPS = 20_000
MOST_UNKNOWNS = 6_000
"""Steps × training rows up to which the covariance's matrices fit."""
_BLOCK = 64
_POINTS = 2**15
_FINE = 1e-3
"""Below this, relative to m, C[m] − C[m − δ] is integrated instead of subtracted."""
_GAUSS = 4


Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Steps:
    """One dynamics in steps: what a step k adds to f_n, as a table; `first` is the first k, `implicit` if k = n counts."""

    memory: Memory
    evaluate: Field
    factor: float
    first: int
    implicit: bool
    noise: float


def euler_steps(problem: Problem, step: float) -> Steps:
    """Euler–Langevin: h/a · a^{n−k} Θ."""
    physics = problem.physics
    memory = stepping(physics, step)
    kept = 1 - step * physics.rate
    require_stable(problem.kernel, problem.X, physics, problem.scale, step)
    evaluate = field(problem.kernel, memory, physics.bias, "ntk")
    return Steps(memory, evaluate, problem.scale * step / kept, 0, False, 0.0)


def stepping(physics: Physics, step: float) -> Memory:
    """The memory of Euler steps, time in steps. Errors: InputError for a step that forgets everything."""
    if step * physics.rate >= 1:
        raise InputError(
            f"step must be below σ²/T = {1 / physics.rate:g}, where a step forgets everything; got {step:g}"
        )
    return euler(physics, step)


def require_stable(kernel: Kernel, X: Array, physics: Physics, scale: float, step: float) -> None:
    """Errors: InputError where the fastest mode of the network would grow under such steps."""
    largest = largest_step(kernel, X, physics, scale)
    if step >= largest:
        raise InputError(
            f"step = {step:g} makes Euler–Langevin dynamics unstable: the largest eigenvalue of the NTK is "
            f"{2 / largest - physics.rate:.4g}; the largest stable step is {largest:.4g}"
        )


def largest_step(kernel: Kernel, X: Array, physics: Physics, scale: float) -> float:
    """2/(λ_max + T/σ²), λ_max that of the NTK at the beginning or, if T > 0, at equilibrium, where it is larger."""
    variances = {physics.init_variance} | ({physics.prior_variance} if physics.temperature else set())
    fastest = max(
        float(np.linalg.norm(scale * kernel.ntk(X, variance=variance, bias=physics.bias), 2)) for variance in variances
    )
    return 2 / (fastest + physics.rate)


def proximal_steps(problem: Problem, strength: float) -> Steps:
    """MPL: D/(2T)."""
    physics, memory = problem.physics, proximal(problem.physics, strength)
    cut = -float(np.expm1(-2 * memory.rate))
    x, w = legendre(_GAUSS)
    bias, kernel = physics.bias, problem.kernel

    def evaluate(rows: Array, X: Array, q: Array, m: Array) -> Array:
        if cut > _FINE:
            kept = (m - memory.level * cut)[:, None, None]
            whole = kernel.grams(rows, X, memory.prior(q, m), bias=bias, part="readout")
            return m[:, None, None] * whole - kept * kernel.grams(
                rows, X, memory.reduced(q, m), bias=bias, part="readout"
            )
        out = np.zeros((len(q), len(rows), len(X)))
        for node, weight in zip(0.5 * (1 + x), w, strict=True):  # m − δ z², dm = 2δ z dz: a kink's cusp is at z = 0
            at = memory.between(q, m, float(node**2))
            out += weight * node * kernel.grams(rows, X, at, bias=bias, part="ntk")
        return memory.level * cut * out

    noise = 2 * physics.temperature / problem.scale
    return Steps(memory, evaluate, problem.scale / (2 * physics.temperature), 1, True, noise)


@dataclass(frozen=True)
class March:
    """Δ at every step (steps + 1, P, outputs), and the table between all rows and the training set."""

    steps: Steps
    table: Pieces
    delta: Array

    def predict(self, asked: Numbers) -> Array:
        """f at some steps, all rows: (asked, both, outputs)."""
        flat = self.delta.reshape(len(self.delta), -1)
        out = np.empty((len(asked), len(self.table.grams), self.delta.shape[2]))
        for start in range(0, len(asked), 16):
            block = asked[start : start + 16]
            sums = _history(self.table, self.steps, block, len(self.delta), flat)
            sums = sums.reshape(len(block), -1, *self.delta.shape[1:])
            out[start : start + 16] = np.moveaxis(self.table.apply(np.moveaxis(sums, 0, -1)), -1, 0)
        return out


def march(problem: Problem, steps: Steps, count: int, progress: Progress) -> tuple[March, float]:
    """All steps up to `count`, and the error that the table leaves."""
    if count > MOST_STEPS:
        raise InputError(
            f"{count:,} steps are more than the {MOST_STEPS:,} this method takes; use method='langevin', or larger steps"
        )
    P, outputs = problem.y.shape
    tolerance = float(np.clip(0.05 * problem.rtol / np.sqrt(P), 1e-13, 1e-4))
    since = steps.memory.starting(steps.first)  # time 0 of the table is the first step that counts
    found = table(steps.evaluate, since, problem.both, problem.X, tolerance).scaled(steps.factor)
    own = found.rows(slice(0, P))
    delta = np.zeros((count + 1, P, outputs))
    delta[0] = problem.y
    flat = delta.reshape(count + 1, -1)
    decomposed = None
    for start in range(1, count + 1, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, count + 1))
        past = _history(own, steps, block, start, flat)
        within = _weights(own, steps, block, block)
        for i, n in enumerate(block):
            sums = past[i] + np.einsum("sk,sf->kf", within[i, :i], flat[start:n], optimize=True)
            delta[n] = problem.y - own.apply(sums.reshape(-1, P, outputs))
            if steps.implicit:
                if decomposed is None or steps.memory.init != steps.memory.level:
                    decomposed = lu_factor(np.eye(P) + np.tensordot(own.grams, within[i, i], (1, 0)))
                delta[n] = lu_solve(decomposed, delta[n])
        progress(block[-1] / count)
    known = delta[steps.first :]
    learnt = pulses(np.arange(len(known), dtype=float), np.ones(len(known)), steps.factor * known)
    plain = found.scaled(1 / steps.factor)
    missed = left_out(steps.evaluate, plain, problem.both, problem.X, learnt, float(count - steps.first))
    return March(steps, found, delta), missed


def _weights(of: Table, steps: Steps, later: Numbers, earlier: Numbers) -> Array:
    """u_k e^{−r(n−s)} for the steps s that count for n, else 0: (later, earlier, k)."""
    lag = later[:, None] - earlier[None, :]
    counts = (lag >= (0 if steps.implicit else 1)) & (earlier >= steps.first)
    lag = np.maximum(lag, 0).astype(float)
    since = np.broadcast_to(np.maximum(earlier - steps.first, 0).astype(float), lag.shape)
    u = of.weights(lag, since) * np.exp(-steps.memory.rate * lag)[..., None]
    return np.asarray(np.where(counts[..., None], u, 0.0))


def _history(of: Table, steps: Steps, later: Numbers, end: int, flat: Array) -> Array:
    """Σ over steps s < end of the weights · Δ_s: (later, k, P · outputs)."""
    out = np.zeros((len(later), of.grams.shape[1], flat.shape[1]))
    height = max(1, _POINTS // len(later))
    for start in range(0, end, height):
        earlier = np.arange(start, min(start + height, end))
        w = _weights(of, steps, later, earlier)
        out += np.tensordot(w, flat[earlier], (1, 0))
    return out


def check_fits(count: int, P: int) -> None:
    """Whether the covariance's matrices over `count` steps fit."""
    unknowns = (count + 1) * P
    if unknowns > MOST_UNKNOWNS:
        raise InputError(
            f"the covariance over {count:,} steps of {P} training rows needs matrices of {unknowns:,} rows; at most "
            f"{MOST_UNKNOWNS:,} are allowed: ask for fewer steps or rows, or for method='langevin'"
        )


def covariances(problem: Problem, steps: Steps, found: March, asked: Numbers, two_time: bool) -> Array:
    """Cov of all rows at each asked step, or at each pair of them."""
    count, P, size = int(asked[-1]), len(problem.X), len(problem.both)
    unknowns = (count + 1) * P
    every = np.arange(count + 1)
    K = np.einsum("nsk,xky->nxsy", _weights(found.table, steps, every, every), found.table.grams, optimize=True)
    prior_field = field(problem.kernel, steps.memory, problem.physics.bias, "covariance")
    prior = table(
        prior_field, steps.memory, problem.both, problem.both, float(np.clip(0.05 * problem.rtol, 1e-13, 1e-4))
    )
    lag = np.abs(every[:, None] - every[None, :]).astype(float)
    u = prior.weights(lag, np.minimum(every[:, None], every[None, :]).astype(float))
    u *= np.exp(-steps.memory.rate * lag)[..., None]
    C = np.einsum("nsk,xky->nxsy", u, prior.grams, optimize=True)
    later = every[:, None] >= every[None, :]
    C = np.where(later[:, None, :, None], C, C.transpose(2, 3, 0, 1))
    onto = K[asked].reshape(len(asked) * size, unknowns)
    system = np.eye(unknowns) + K[:, :P].reshape(unknowns, unknowns)
    L = np.linalg.solve(system.T, onto.T).T
    own = C[:, :P, :, :P].reshape(unknowns, unknowns).copy()
    own[np.diag_indices_from(own)] += steps.noise
    cross = C[asked][:, :, :, :P].reshape(len(asked) * size, unknowns)
    alone = C[asked][:, :, asked].reshape(len(asked) * size, -1)
    moved = L @ cross.T
    out = (alone - moved - moved.T + L @ own @ L.T).reshape(len(asked), size, len(asked), size).transpose(0, 2, 1, 3)
    return np.asarray(out if two_time else out[np.arange(len(asked)), np.arange(len(asked))])
