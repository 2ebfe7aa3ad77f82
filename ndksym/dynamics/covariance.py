"""Covariance of the predictor over the ensemble: R C Rᵀ with R = (1 + NDK∘)⁻¹ (theory T9).

For one time t, the row of the resolvent ρ(t, s) obeys an equation of the same kind backward from t: with ψ(ℓ) = ρ(t, t − ℓ)ᵀ,

    ψ(ℓ) + ∫_0^ℓ NDK(t − ℓ', t − ℓ)ᵀ ψ(ℓ') dℓ' = NDK_rows(t, t − ℓ)ᵀ,

and f(t) = ζ(t) + ∫ ρ(t, s) (y − ζ(s)) ds. So Cov[f(t), ζ(s)] = C(t, s) − ∫ ρ(t, s') C(s', s) ds', and
Cov[f(t), f(t')] = Cov[f(t), ζ(t')] − ∫ Cov[f(t), ζ(s)] ρ(t', s)ᵀ ds. C has a kink at equal times, so integrals over it are
split there.
"""

from dataclasses import dataclass, replace

import numpy as np

from ndksym.dynamics import volterra
from ndksym.dynamics.collocation import Panels, integrals
from ndksym.dynamics.kernel_table import Table, field, table
from ndksym.dynamics.langevin import HORIZON
from ndksym.dynamics.physics import langevin
from ndksym.dynamics.problem import Problem
from ndksym.runtime.types import Array

_TIGHTER = 0.1
"""The tables' tolerance, of what is asked for."""


@dataclass(frozen=True)
class Tables:
    """NDK (both, P), and C of all rows at the later time with all rows at the earlier (both, both)."""

    ndk: Table
    prior: Table
    P: int


def tables(problem: Problem) -> Tables:
    """Of both kernels."""
    memory, bias, both = langevin(problem.physics), problem.physics.bias, problem.both
    tolerance = float(np.clip(_TIGHTER * problem.rtol / np.sqrt(len(problem.X)), 1e-13, 1e-3))
    ndk = table(field(problem.kernel, memory, bias, "ntk"), memory, both, problem.X, tolerance)
    prior = table(field(problem.kernel, memory, bias, "covariance"), memory, both, both, tolerance)
    return Tables(ndk.scaled(problem.scale), prior, len(problem.X))


@dataclass(frozen=True)
class Row:
    """ψ(ℓ), a lag ℓ before `time`: values (panels, NODES, P, both); None where nothing has been learnt yet."""

    time: float
    psi: Panels | None

    def mean(self, y: Array, size: int) -> Array:
        """∫ ρ(t, s) y ds, which is the mean predictor of all rows: (both, outputs)."""
        if self.psi is None:
            return np.zeros((size, y.shape[1]))
        psi = self.psi.values.reshape(-1, len(y), size)
        return np.asarray(np.einsum("n,npx,po->xo", self.psi.quadrature, psi, y, optimize=True))


def row(found: Tables, rate: float, time: float, tolerance: float) -> Row:
    """The resolvent's rows at one time."""
    last = min(time, HORIZON / rate)
    if last == 0.0:
        return Row(time, None)
    P = found.P
    transposed = found.ndk.transposed()  # rows at the earlier time: (P, k, both)
    own = replace(transposed, grams=np.ascontiguousarray(transposed.grams[:, :, :P]))

    def kernel(lags: Array) -> Array:
        u = found.ndk.weights(lags, time - lags) * np.exp(-rate * lags)[:, None]
        return np.asarray(np.einsum("tk,pkx->tpx", u, transposed.grams, optimize=True))

    equation = volterra.Equation(own, kernel, earlier=lambda lag, _: time - lag, end=time)
    scale = np.maximum(np.abs(kernel(np.zeros(1))).max(axis=(0, 1)), np.finfo(float).tiny)
    return Row(time, volterra.solve(equation, last, volterra.first_panel(own, last), tolerance, scale)[0])


def between(found: Tables, later: Row, earlier: Row) -> Array:
    """Cov[f(t), f(t')] of all rows, t ≥ t': (both, both)."""
    times = np.array([earlier.time])
    at_end = np.asarray(_with_prior(found, later, times, every=True)[0])
    if earlier.psi is None:
        return at_end
    s = np.maximum(earlier.time - earlier.psi.nodes, 0.0)
    onto = _with_prior(found, later, s, every=False)  # (nodes, P, both of t)
    psi = earlier.psi.values.reshape(len(s), *onto.shape[1:])
    return np.asarray(at_end - np.einsum("n,npx,npy->xy", earlier.psi.quadrature, onto, psi, optimize=True))


def _with_prior(found: Tables, at: Row, times: Array, every: bool) -> Array:
    """Cov[f(t), ζ(s)] at times s ≤ t: (times, both, both) with f first where `every`, else (times, P, both), ζ first."""
    prior, P = found.prior, found.P
    rate = prior.memory.rate
    lags = at.time - times
    u = prior.weights(lags, times) * np.exp(-rate * lags)[:, None]
    count = len(prior.grams) if every else P
    out: Array = np.einsum("tk,xkp->tpx", u, prior.grams[:, :, :count], optimize=True)  # (times, ζ, f)
    if at.psi is not None:
        trained = replace(prior, grams=prior.grams[:P, :, :count]).transposed()  # ζ at s earlier
        out = out - integrals(trained, at.psi, lags, side="below", earlier=lambda lag, _: at.time - lag)
        sooner = replace(prior, grams=np.ascontiguousarray(prior.grams[:count, :, :P]))  # ζ at s later
        out = out - integrals(sooner, at.psi, lags, side="above", earlier=lambda _, lag: at.time - lag)
    return out.transpose(0, 2, 1) if every else out


def covariances(
    problem: Problem, times: Array, two_time: bool, mean: Array, progress: volterra.Progress
) -> tuple[Array, float]:
    """Cov of all rows at each time (times, both, both), or at each pair of them (times, times, both, both), and its error.

    `mean` (times, both, outputs) is the predictor found forward in time. What the resolvent, found backward, makes of the
    same labels differs from it by the errors of both; and a covariance at one time is symmetric but for those of the
    quadrature. The error is the larger, in units of the largest |y| and of the largest prior or final variance.
    """
    found, rate, size = tables(problem), problem.physics.rate, len(problem.both)
    rows: list[Row] = []
    for n, time in enumerate(times):
        rows.append(row(found, rate, float(time), _TIGHTER * problem.rtol))
        progress((n + 1) / len(times))
    plain = np.array([between(found, each, each) for each in rows])
    off = np.abs(np.array([each.mean(problem.y, size) for each in rows]) - mean).max() / problem.size
    largest = max(float(np.abs(found.prior.gram(0.0, s)).max()) for s in (0.0, np.inf))
    askew = np.abs(plain - plain.transpose(0, 2, 1)).max() / max(largest, np.finfo(float).tiny)
    error = float(max(off, askew))
    if not two_time:
        return _symmetric(plain), error
    out = np.empty((len(times), len(times), size, size))
    for i, later in enumerate(rows):
        for j, earlier in enumerate(rows[:i]):
            out[i, j] = between(found, later, earlier)
            out[j, i] = out[i, j].T
        out[i, i] = _symmetric(plain[i])
    return out, error


def _symmetric(matrices: Array) -> Array:
    return 0.5 * (matrices + matrices.swapaxes(-1, -2))
