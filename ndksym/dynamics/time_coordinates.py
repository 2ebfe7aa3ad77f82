"""Coordinates of two times in which a kernel is smooth on [0, 1]², whatever σ0²/σ² is.

NDK(t, s)/e^{−r(t−s)} depends on the times through q = √(1 − e^{−r(t−s)}) and m = m(s, s) (theory.md, "Two time variables"). For
σ0² ≪ σ² it varies over lags of m/σ², and with log m. For σ0² ≫ σ² it varies over lags of √(σ²/m) until m(t, t) has reached σ².
Hence w = log(m/v)/log(σ0²/v), and z is an asinh of √lag whose unit is that scale. At σ0² = σ² the coordinates are q and e^{−2rs}.
"""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics.physics import PriorProcess
from ndksym.runtime.types import Array

__all__ = ["TimeCoordinates"]

_PLAIN = 1e-12
"""Excess below which the stretched lag is √lag to rounding."""


@dataclass(frozen=True)
class TimeCoordinates:
    """The change of coordinates between (q, m) and (z, w)."""

    process: PriorProcess

    def coordinates(self, q: Array, m: Array) -> tuple[Array, Array]:
        """(z, w) of (q, m)."""
        process = self.process
        excess, g, largest = self._scales(m)
        lag = q * q * (1 + g) / (1 + g * (1 - q) * (1 + q))
        change = np.log(process.init / process.level)
        w = np.log(m / process.level) / change if change else np.zeros_like(m)
        return np.clip(_stretched(lag, excess) / largest, 0.0, 1.0), np.clip(w, 0.0, 1.0)

    def times(self, z: Array, w: Array) -> tuple[Array, Array]:
        """(q, m) of (z, w)."""
        process = self.process
        m = process.level * (process.init / process.level) ** w
        excess, g, largest = self._scales(m)
        lag = np.minimum(_lag(z * largest, excess), 1 + g)
        return np.sqrt(lag * (1 + g) / (1 + g + lag * g)), m

    def _scales(self, m: Array) -> tuple[Array, Array, Array]:
        """The distance of the lag's unit from σ²/T, the excess of √m over σ, and the largest stretched lag."""
        ratio = m / self.process.level
        g = np.sqrt(np.maximum(ratio, 1.0)) - 1
        excess = np.maximum(1 / ratio - 1, g)
        return excess, g, _stretched(1 + g, excess)


def _stretched(lag: Array, excess: Array) -> Array:
    """asinh(√(excess · lag))/√excess, and √lag where the excess is 0."""
    root = np.sqrt(np.where(excess > _PLAIN, excess, 1.0))
    return np.asarray(np.where(excess > _PLAIN, np.arcsinh(root * np.sqrt(lag)) / root, np.sqrt(lag)))


def _lag(stretched: Array, excess: Array) -> Array:
    """The inverse of `_stretched`."""
    root = np.sqrt(np.where(excess > _PLAIN, excess, 1.0))
    return np.asarray(np.where(excess > _PLAIN, (np.sinh(root * stretched) / root) ** 2, stretched**2))
