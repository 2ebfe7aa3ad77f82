"""Gradient flow of the linearised network: closed in the eigenvectors of the NTK (theory T10; Lee et al. 2019)."""

import numpy as np

from ndksym.runtime.types import Array


def flow(theta: Array, across: Array, y: Array, times: Array) -> tuple[Array, Array]:
    """Mean on the training set and on further rows: (1 − e^{−Θt}) y and Θ* Θ⁻¹ (1 − e^{−Θt}) y.

    theta (P, P), across (rows, P), y (P, outputs); (times, P, outputs) and (times, rows, outputs).
    """
    values, vectors = modes(theta)
    learnt = -np.expm1(-_exponents(values, times))
    train = vectors @ (learnt[:, :, None] * (vectors.T @ y))
    impulse = vectors @ (_impulse(values, times)[:, :, None] * (vectors.T @ y))
    return train, across @ impulse


def covariance(theta: Array, across: Array, prior: Array, times: Array) -> tuple[Array, Array]:
    """Covariance over initialisations, train (times, P, P) and further rows (times, rows, rows).

    `prior` is the NNGP kernel at σ0² of the training rows followed by the further ones.
    """
    P = len(theta)
    values, vectors = modes(theta)
    train, rest = [], []
    for decay, impulse in zip(np.exp(-_exponents(values, times)), _impulse(values, times), strict=True):
        forget = (vectors * decay) @ vectors.T
        train.append(forget @ prior[:P, :P] @ forget)
        moved = np.hstack([-across @ (vectors * impulse) @ vectors.T, np.eye(len(across))])
        rest.append(moved @ prior @ moved.T)
    return np.array(train), np.array(rest)


def modes(theta: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors; what is 0 to rounding (duplicate inputs) is 0: such a mode is never learnt."""
    values, vectors = np.linalg.eigh(theta)
    return np.where(values > len(values) * np.finfo(float).eps * values[-1], values, 0.0), vectors


def _impulse(values: Array, times: Array) -> Array:
    """(1 − e^{−λt})/λ; 0 where λ = 0: no other input overlaps with such a mode."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Array = np.where(values > 0, -np.expm1(-_exponents(values, times)) / values, 0.0)
    return out


def _exponents(values: Array, times: Array) -> Array:
    """λt, 0 where λ = 0 even as t → ∞."""
    with np.errstate(invalid="ignore"):
        return np.where(values > 0, np.outer(times, values), 0.0)
