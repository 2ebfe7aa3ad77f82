"""Training of the linearised network, in closed form in the eigenvectors of the NTK (theory T10; Lee et al. 2019)."""

from collections.abc import Callable

import numpy as np

from ndksym.runtime.types import Array

__all__ = ["Decay", "covariance", "eigenmodes", "exponential", "flow", "powers"]

Decay = Callable[[Array, Array], Array]
"""Learnt fraction of modes with these rates at these times, (times, modes), and 0 where the rate is 0."""


def exponential(values: Array, times: Array) -> Array:
    """1 − e^{−λt}, gradient flow; it is 0 where λ = 0, also for t → ∞."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(values > 0, -np.expm1(-np.outer(times, values)), 0.0)


def powers(step: float) -> Decay:
    """1 − (1 − hλ)^n at t = hn, gradient descent in steps h."""

    def learnt(values: Array, times: Array) -> Array:
        kept, n = 1 - step * values, np.rint(times / step)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slow = -np.expm1(n * np.log1p(-step * values))
        return np.asarray(np.where(kept > 0, slow, 1 - np.where(kept > 0, 0.0, kept) ** n))

    return learnt


def flow(theta: Array, across: Array, y: Array, times: Array, decay: Decay = exponential) -> tuple[Array, Array]:
    """Mean predictor on the training rows, (1 − e^{−Θt}) y, and on further rows, Θ* Θ⁻¹ (1 − e^{−Θt}) y.

    theta is (P, P), across (rows, P) and y (P, outputs); the results are (times, P, outputs) and (times, rows, outputs).
    """
    values, vectors = eigenmodes(theta)
    learnt = decay(values, times)
    train = vectors @ (learnt[:, :, None] * (vectors.T @ y))
    impulse = vectors @ (_over(learnt, values)[:, :, None] * (vectors.T @ y))
    return train, across @ impulse


def covariance(theta: Array, prior: Array, times: Array, two_time: bool, decay: Decay = exponential) -> Array:
    """Covariance over initialisations of training and further rows, at each time or at each pair of times.

    f(t) = ζ + Θ* Θ⁻¹(1 − e^{−Θt}) (y − ζ), where theta is (both, P) and `prior`, the covariance of ζ, is the NNGP kernel of
    all rows at σ0².
    """
    P = theta.shape[1]
    values, vectors = eigenmodes(theta[:P])
    propagators = []
    for impulse in _over(decay(values, times), values):
        propagator = np.eye(len(theta))
        propagator[:, :P] -= theta @ (vectors * impulse) @ vectors.T
        propagators.append(propagator)
    if two_time:
        return np.array([[left @ prior @ right.T for right in propagators] for left in propagators])
    return np.array([each @ prior @ each.T for each in propagators])


def eigenmodes(theta: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors. An eigenvalue that is 0 to rounding (duplicate inputs) is set to 0: it is never learnt."""
    values, vectors = np.linalg.eigh(theta)
    return np.where(values > len(values) * np.finfo(float).eps * values[-1], values, 0.0), vectors


def _over(learnt: Array, values: Array) -> Array:
    """(1 − e^{−λt})/λ, and 0 where λ = 0: no other input overlaps with such a mode."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Array = np.where(values > 0, learnt / values, 0.0)
    return out
