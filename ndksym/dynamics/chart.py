"""Coordinates in which a kernel of two times is smooth on [0, 1]², whatever σ0²/σ² is.

NDK(t, s)/e^{−r(t−s)} depends on the times through q = √(1 − e^{−r(t−s)}) and m = m(s,s) (theory.md, "Two time variables"). Where
σ0² ≪ σ² it varies over lags of m/σ² and with log m; where σ0² ≫ σ² over lags of √(σ²/m), and until m(t,t) is σ².
So w = log(m/v)/log(σ0²/v), and
z is an asinh of √lag whose unit is that scale. At σ0² = σ² they are p = e^{−2rs} and q.
"""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics.physics import Memory
from ndksym.runtime.types import Array


@dataclass(frozen=True)
class Chart:
    """(q, m) ↔ (z, w)."""

    memory: Memory

    def coordinates(self, q: Array, m: Array) -> tuple[Array, Array]:
        """(z, w)."""
        memory = self.memory
        excess, g, largest = self._scales(m)
        lag = q * q * (1 + g) / (1 + g * (1 - q) * (1 + q))
        change = np.log(memory.init / memory.level)
        w = np.log(m / memory.level) / change if change else np.zeros_like(m)
        return np.clip(_stretched(lag, excess) / largest, 0.0, 1.0), np.clip(w, 0.0, 1.0)

    def times(self, z: Array, w: Array) -> tuple[Array, Array]:
        """(q, m)."""
        memory = self.memory
        m = memory.level * (memory.init / memory.level) ** w
        excess, g, largest = self._scales(m)
        lag = np.minimum(_shrunk(z * largest, excess), 1 + g)
        return np.sqrt(lag * (1 + g) / (1 + g + lag * g)), m

    def _scales(self, m: Array) -> tuple[Array, Array, Array]:
        """How far the unit of lag is from σ²/T, how far m is above σ², and the largest stretched lag."""
        ratio = m / self.memory.level
        g = np.sqrt(np.maximum(ratio, 1.0)) - 1
        excess = np.maximum(1 / ratio - 1, g)
        return excess, g, _stretched(1 + g, excess)


def _stretched(lag: Array, excess: Array) -> Array:
    """asinh(√(excess · lag))/√excess, √lag where excess is 0."""
    root = np.sqrt(np.where(excess > 1e-12, excess, 1.0))
    return np.asarray(np.where(excess > 1e-12, np.arcsinh(root * np.sqrt(lag)) / root, np.sqrt(lag)))


def _shrunk(stretched: Array, excess: Array) -> Array:
    """Its inverse."""
    root = np.sqrt(np.where(excess > 1e-12, excess, 1.0))
    return np.asarray(np.where(excess > 1e-12, (np.sinh(root * stretched) / root) ** 2, stretched**2))
