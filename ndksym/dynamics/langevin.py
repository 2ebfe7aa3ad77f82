"""Langevin dynamics at any temperature: the Volterra solution, refined until two meshes agree (theory T9)."""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics import volterra
from ndksym.dynamics.propagator import Physics, propagator
from ndksym.errors import ToleranceWarning
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

_RATIOS = (2.0, 1.5, 1.25, 1.125, 1.0625)
_GAIN = 8.0
"""A finer mesh of the sequence is better by this much at least; measured, by 50 to 100."""
_HORIZON = 64.0
"""In units of σ²/T: by then every memory of the initial weights is below rounding."""
_ROUNDING = 1e-13


def mean(
    kernel: Kernel, X: Array, rows: Array, y: Array, times: Array, physics: Physics, scale: float, rtol: float,
    progress: volterra.Progress,
) -> tuple[Array, Array, Array, NDArray[np.bool_]]:  # fmt: skip
    """Mean on the training set and on further rows at times up to the horizon, the error estimate, and which those are.

    y is (P, outputs); `scale` multiplies the loss. ToleranceWarning where `rtol` (of the largest |y|) is not reached.
    """
    within: NDArray[np.bool_] = times <= _HORIZON / physics.rate
    asked = times[within]
    if len(asked) == 0:
        progress(1.0)
        return np.empty((0, *y.shape)), np.empty((0, len(rows), y.shape[1])), np.empty(0), within
    own = propagator(kernel, X, X, physics, 0.1 * rtol)
    other = own if rows is X else propagator(kernel, rows, X, physics, 0.1 * rtol)
    size = max(float(np.abs(y).max()), np.finfo(float).tiny)
    own, other = own.scaled(scale), other.scaled(scale)
    fastest = max(float(np.linalg.norm(own.at(0.0, p), 2)) for p in (0.0, 1.0))
    found, error = np.full((len(asked), len(X) + len(rows), y.shape[1]), np.nan), np.full(len(asked), np.inf)
    for step, ratio in enumerate(_RATIOS):
        ends = volterra.mesh(0.3 / fastest, float(asked[-1]), physics.rate, ratio)
        history = volterra.solve(own, y, ends, physics.rate, _part(progress, step))
        train = volterra.integrals(history, own.grams, asked)
        test = volterra.integrals(replace(history, propagator=other), other.grams, asked)
        coarse, found = found, np.concatenate([train, test], axis=1)
        if step:
            error = np.abs(found - coarse).max(axis=(1, 2)) / _GAIN
            if error.max(initial=0.0) <= 0.5 * rtol * size:
                break
    progress(1.0)
    left_out = max(own.error, other.error)
    error = error + (left_out + _ROUNDING) * np.abs(found).max(axis=(1, 2), initial=0.0)
    if error.max(initial=0.0) > rtol * size:
        warnings.warn(
            f"rtol = {rtol:g} was not reached: the estimated error is {error.max() / size:.1e} of the largest |y| "
            f"at t = {asked[np.argmax(error)]:g}; .error holds it for every time",
            ToleranceWarning,
            stacklevel=3,
        )
    return found[:, : len(X)], found[:, len(X) :], error, within


def _part(progress: volterra.Progress, step: int) -> volterra.Progress:
    """Each mesh costs about three times the one before."""
    shares = [3.0 ** (k - len(_RATIOS)) for k in range(len(_RATIOS) + 1)]
    return lambda fraction: progress(shares[step] + fraction * (shares[step + 1] - shares[step]))
