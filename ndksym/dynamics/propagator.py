"""The NDK at all pairs of times from a few Gram matrices (theory §6).

Θ(t, s) = e^{T(t−s)/σ²} NDK(t, s) depends on the times through q = √(1 − e^{−T(t−s)/σ²}) and p = e^{−2Ts/σ²} only, and
is analytic in both on [0, 1]², kinks of φ included: a Chebyshev series in (q, p), compressed over its index.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

FINEST = (40, 20)
"""Most nodes in q and p; theory §6 measured 24 × 12 for 1e-12."""
_SAMPLE = 5


@dataclass(frozen=True)
class Physics:
    """Temperature T, prior variance σ², initial variance σ0² and bias scale β of one training."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias: float

    @property
    def rate(self) -> float:
        """T/σ²: how fast the weights forget."""
        return self.temperature / self.prior_variance


@dataclass(frozen=True)
class Propagator:
    """Θ = Σ_r u_r(q, p) M_r between `rows` and the training set: `coefficients` (r, n_q, n_p), `grams` (r, rows, P).

    `error` is what the series leaves out, relative to the largest entry of Θ, measured on a sample of entries.
    """

    coefficients: Array
    grams: Array
    error: float

    def scaled(self, factor: float) -> "Propagator":
        """factor · Θ."""
        return Propagator(self.coefficients, factor * self.grams, self.error)

    def weights(self, q: Array, p: Array) -> Array:
        """u_r at the points: (r, points)."""
        _, n_q, n_p = self.coefficients.shape
        basis = chebvander(2 * q - 1, n_q - 1)[:, :, None] * chebvander(2 * p - 1, n_p - 1)[:, None, :]
        out: Array = self.coefficients.reshape(len(self.coefficients), -1) @ basis.reshape(len(q), -1).T
        return out

    def at(self, q: float, p: float) -> Array:
        """Θ itself."""
        out: Array = np.tensordot(self.weights(np.array([q]), np.array([p]))[:, 0], self.grams, 1)
        return out


def propagator(kernel: Kernel, rows: Array, X: Array, physics: Physics, tolerance: float) -> Propagator:
    """Θ between rows and X to a relative `tolerance` (of its largest entry), or as well as FINEST allows."""
    sample = [np.unique(np.linspace(0, len(x) - 1, _SAMPLE).astype(int)) for x in (rows, X)]
    n_q, n_p, error = _degrees(_tabulated(kernel, rows[sample[0]], X[sample[1]], physics, *FINEST), tolerance)
    values = _tabulated(kernel, rows, X, physics, n_q, n_p)
    flat = values.reshape(n_q * n_p, -1)
    # the few combinations of Gram matrices that matter
    vectors, size, _ = np.linalg.svd(flat, full_matrices=False)
    vectors = vectors[:, size > 0.01 * tolerance * size[0]]
    grams = (vectors.T @ flat).reshape(-1, len(rows), len(X))
    nodal = vectors.T.reshape(-1, n_q, n_p)
    return Propagator(np.einsum("aq,rqp,bp->rab", _transform(n_q), nodal, _transform(n_p)), grams, error)


def _tabulated(kernel: Kernel, rows: Array, X: Array, physics: Physics, n_q: int, n_p: int) -> Array:
    """Θ at the Chebyshev nodes: (n_q, n_p, rows, P). Time is measured in σ²/T, on which alone it depends."""
    q, p = (0.5 * (1 + chebpts1(n)) for n in (n_q, n_p))
    s = -0.5 * np.log(p)[None, :] + np.zeros((n_q, 1))
    lag = -np.log1p(-q * q)[:, None]
    found = kernel.ndk(
        rows,
        X,
        t=s + lag,
        s=s,
        temperature=physics.prior_variance,
        prior_variance=physics.prior_variance,
        init_variance=physics.init_variance,
        bias=physics.bias,
    )
    out: Array = found / (1 - q * q)[:, None, None, None]
    return out


def _transform(n: int) -> Array:
    """Values at first-kind nodes → Chebyshev coefficients."""
    weights = np.full((n, 1), 2 / n)
    weights[0] = 1 / n
    return np.asarray(weights * chebvander(chebpts1(n), n - 1).T, dtype=np.float64)


def _degrees(values: Array, tolerance: float) -> tuple[int, int, float]:
    """How many terms in q and p reach the tolerance on a sample, and what is left out then."""
    n_q, n_p = values.shape[:2]
    series = np.abs(np.einsum("aq,qpij,bp->abij", _transform(n_q), values, _transform(n_p))).max(axis=(2, 3))
    series /= np.abs(values).max()
    lengths = []
    for axis in (1, 0):
        long = np.nonzero(series.max(axis=axis) > 0.1 * tolerance)[0]
        lengths.append(min(int(long[-1]) + 2, series.shape[1 - axis]) if len(long) else 1)
    a, b = lengths
    left_out = max(series[a:].max(initial=0.0), series[:, b:].max(initial=0.0), series[-1].max(), series[:, -1].max())
    return a, b, float(left_out)
