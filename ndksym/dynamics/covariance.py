"""Covariance of the predictor over the ensemble: R C Rᵀ with R = (1 + NDK∘)⁻¹ (theory T9).

For a fixed time t the row of the resolvent ρ(t, s) obeys an equation of the same kind backward from t. With
ψ(ℓ) = ρ(t, t − ℓ)ᵀ,

    ψ(ℓ) + ∫_0^ℓ NDK(t − ℓ', t − ℓ)ᵀ ψ(ℓ') dℓ' = NDK_rows(t, t − ℓ)ᵀ,

and f(t) = ζ(t) + ∫ ρ(t, s) (y − ζ(s)) ds. Hence Cov[f(t), ζ(s)] = C(t, s) − ∫ ρ(t, s') C(s', s) ds' and
Cov[f(t), f(t')] = Cov[f(t), ζ(t')] − ∫ Cov[f(t), ζ(s)] ρ(t', s)ᵀ ds. C has a kink at equal times, so integrals over it are split
there.
"""

from dataclasses import dataclass, replace

import numpy as np

from ndksym.dynamics import volterra
from ndksym.dynamics.collocation import Integral, PiecewisePolynomial, integrals
from ndksym.dynamics.kernel_table import KernelTable, tabulate, two_time_kernel
from ndksym.dynamics.physics import HORIZON, PriorProcess
from ndksym.dynamics.problem import Problem
from ndksym.runtime.types import Array

__all__ = ["covariances"]

_TIGHTER = 0.1
"""Tolerance of the tables relative to the one that is asked for."""


@dataclass(frozen=True)
class CovarianceTables:
    """NDK (both, P), and C between all rows at the later time and all rows at the earlier time (both, both)."""

    ndk: KernelTable
    prior: KernelTable
    P: int


def tables(problem: Problem) -> CovarianceTables:
    """The tables of both kernels."""
    process, bias, both = PriorProcess.langevin(problem.physics), problem.physics.bias, problem.both
    tolerance = float(np.clip(_TIGHTER * problem.rtol / np.sqrt(len(problem.X)), 1e-13, 1e-3))
    ndk = two_time_kernel(problem.kernel, process, bias, "ntk")
    prior = two_time_kernel(problem.kernel, process, bias, "covariance")
    return CovarianceTables(
        tabulate(ndk, process, both, problem.X, tolerance).scaled(problem.scale),
        tabulate(prior, process, both, both, tolerance),
        len(problem.X),
    )


@dataclass(frozen=True)
class ResolventRow:
    """ψ(ℓ) at the lag ℓ before `time`, with values (panels, NODES, P, both); None where nothing has been learnt yet."""

    time: float
    psi: PiecewisePolynomial | None

    def mean(self, y: Array, size: int) -> Array:
        """∫ ρ(t, s) y ds, the mean predictor of all rows: (both, outputs)."""
        if self.psi is None:
            return np.zeros((size, y.shape[1]))
        psi = self.psi.values.reshape(-1, len(y), size)
        return np.asarray(np.einsum("n,npx,po->xo", self.psi.quadrature, psi, y, optimize=True))


def row(kernels: CovarianceTables, rate: float, time: float, tolerance: float) -> ResolventRow:
    """The rows of the resolvent at one time."""
    last = min(time, HORIZON / rate)
    if last == 0.0:
        return ResolventRow(time, None)
    P = kernels.P
    transposed = kernels.ndk.transposed()  # rows at the earlier time: (P, k, both)
    own = replace(transposed, grams=np.ascontiguousarray(transposed.grams[:, :, :P]))

    def kernel(lags: Array) -> Array:
        u = kernels.ndk.weights(lags, time - lags) * np.exp(-rate * lags)[:, None]
        return np.asarray(np.einsum("tk,pkx->tpx", u, transposed.grams, optimize=True))

    backward = Integral(earlier=lambda lag, _: time - lag)
    equation = volterra.VolterraEquation(own, kernel, integral=backward, end=time)
    scale = np.maximum(np.abs(kernel(np.zeros(1))).max(axis=(0, 1)), np.finfo(float).tiny)
    return ResolventRow(time, volterra.solve(equation, last, volterra.first_panel(own, last), tolerance, scale)[0])


def between(kernels: CovarianceTables, later: ResolventRow, earlier: ResolventRow) -> Array:
    """Cov[f(t), f(t')] of all rows, t ≥ t': (both, both)."""
    times = np.array([earlier.time])
    at_end = np.asarray(_with_prior(kernels, later, times, every=True)[0])
    if earlier.psi is None:
        return at_end
    s = np.maximum(earlier.time - earlier.psi.nodes, 0.0)
    onto = _with_prior(kernels, later, s, every=False)  # (nodes, P, both of t)
    psi = earlier.psi.values.reshape(len(s), *onto.shape[1:])
    return np.asarray(at_end - np.einsum("n,npx,npy->xy", earlier.psi.quadrature, onto, psi, optimize=True))


def _with_prior(kernels: CovarianceTables, at: ResolventRow, times: Array, every: bool) -> Array:
    """Cov[f(t), ζ(s)] at times s ≤ t: (times, both, both), f first, for `every` row; otherwise (times, P, both), ζ first."""
    prior, P = kernels.prior, kernels.P
    rate = prior.process.rate
    lags = at.time - times
    u = prior.weights(lags, times) * np.exp(-rate * lags)[:, None]
    count = len(prior.grams) if every else P
    out: Array = np.einsum("tk,xkp->tpx", u, prior.grams[:, :, :count], optimize=True)  # (times, ζ, f)
    if at.psi is not None:
        trained = replace(prior, grams=prior.grams[:P, :, :count]).transposed()  # ζ at the earlier time s
        out = out - integrals(trained, at.psi, lags, Integral("below", lambda lag, _: at.time - lag))
        sooner = replace(prior, grams=np.ascontiguousarray(prior.grams[:count, :, :P]))  # ζ at the later time s
        out = out - integrals(sooner, at.psi, lags, Integral("above", lambda _, lag: at.time - lag))
    return out.transpose(0, 2, 1) if every else out


def covariances(problem: Problem, times: Array, mean: Array) -> tuple[Array, float]:
    """Covariance of all rows at each time (times, both, both), or at each pair of times (times, times, both, both).

    `mean` (times, both, outputs) is the predictor computed forward in time. The second result is an error estimate, the
    larger of two: the difference between `mean` and the predictor from the resolvent, which is computed backward in time, in
    units of the largest |y|; and the asymmetry of a covariance at one time, which is due to the quadrature, in units of the
    largest prior or final variance.
    """
    kernels, rate, size = tables(problem), problem.physics.rate, len(problem.both)
    rows: list[ResolventRow] = []
    for n, time in enumerate(times):
        rows.append(row(kernels, rate, float(time), _TIGHTER * problem.rtol))
        problem.progress((n + 1) / len(times))
    plain = np.array([between(kernels, each, each) for each in rows])
    off = np.abs(np.array([each.mean(problem.y, size) for each in rows]) - mean).max() / problem.size
    largest = max(float(np.abs(kernels.prior.gram(0.0, s)).max()) for s in (0.0, np.inf))
    asymmetry = np.abs(plain - plain.transpose(0, 2, 1)).max() / max(largest, np.finfo(float).tiny)
    error = float(max(off, asymmetry))
    if problem.covariance != "two-time":
        return _symmetric(plain), error
    out = np.empty((len(times), len(times), size, size))
    for i, later in enumerate(rows):
        for j, earlier in enumerate(rows[:i]):
            out[i, j] = between(kernels, later, earlier)
            out[j, i] = out[i, j].T
        out[i, i] = _symmetric(plain[i])
    return out, error


def _symmetric(matrices: Array) -> Array:
    return 0.5 * (matrices + matrices.swapaxes(-1, -2))
