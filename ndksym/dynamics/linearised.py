"""Gradient flow of the linearised network: closed in the eigenvectors of the NTK (theory T10; Lee et al. 2019)."""

from collections.abc import Callable

import numpy as np

from ndksym.runtime.types import Array

Decay = Callable[[Array, Array], Array]
"""What a mode of each rate has learnt, (times, modes), 0 where the rate is 0; `exponential` or `powers`."""


def exponential(values: Array, times: Array) -> Array:
    """1 − e^{−λt}: gradient flow; 0 where λ = 0 even as t → ∞."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(values > 0, -np.expm1(-np.outer(times, values)), 0.0)


def powers(step: float) -> Decay:
    """1 − (1 − hλ)^n at t = hn: gradient descent."""

    def learnt(values: Array, times: Array) -> Array:
        kept, n = 1 - step * values, np.rint(times / step)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slow = -np.expm1(n * np.log1p(-step * values))
        return np.asarray(np.where(kept > 0, slow, 1 - np.where(kept > 0, 0.0, kept) ** n))

    return learnt


def flow(theta: Array, across: Array, y: Array, times: Array, decay: Decay = exponential) -> tuple[Array, Array]:
    """Mean on the training set and on further rows: (1 − e^{−Θt}) y and Θ* Θ⁻¹ (1 − e^{−Θt}) y.

    theta (P, P), across (rows, P), y (P, outputs); (times, P, outputs) and (times, rows, outputs).
    """
    values, vectors = modes(theta)
    learnt = decay(values, times)
    train = vectors @ (learnt[:, :, None] * (vectors.T @ y))
    impulse = vectors @ (_over(learnt, values)[:, :, None] * (vectors.T @ y))
    return train, across @ impulse


def covariance(theta: Array, prior: Array, times: Array, two_time: bool, decay: Decay = exponential) -> Array:
    """Covariance over initialisations of training and further rows, at each time or at each pair of times.

    f(t) = ζ + Θ* Θ⁻¹(1 − e^{−Θt}) (y − ζ): theta (both, P); `prior` is the NNGP kernel at σ0² of all rows.
    """
    P = theta.shape[1]
    values, vectors = modes(theta[:P])
    moved = []
    for impulse in _over(decay(values, times), values):
        still = np.eye(len(theta))
        still[:, :P] -= theta @ (vectors * impulse) @ vectors.T
        moved.append(still)
    if two_time:
        return np.array([[left @ prior @ right.T for right in moved] for left in moved])
    return np.array([each @ prior @ each.T for each in moved])


def modes(theta: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors; what is 0 to rounding (duplicate inputs) is 0: such a mode is never learnt."""
    values, vectors = np.linalg.eigh(theta)
    return np.where(values > len(values) * np.finfo(float).eps * values[-1], values, 0.0), vectors


def _over(learnt: Array, values: Array) -> Array:
    """(1 − e^{−λt})/λ; 0 where λ = 0: no other input overlaps with such a mode."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Array = np.where(values > 0, learnt / values, 0.0)
    return out
