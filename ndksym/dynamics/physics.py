"""The physical parameters of one training, and the law of a weight in training without data (theory T3).

Without data every weight is an Ornstein–Uhlenbeck process with covariance

    m(t, s) = v e^{−r|t−s|} + (σ0² − v) e^{−r(t+s)}.

Langevin dynamics in continuous time has r = T/σ² and v = σ². Its Euler steps and Markov proximal learning have the same form
with time counted in steps: r = −log a and v = s², or r = −log λ~ and v = σ~².
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ndksym.runtime.prior import Priors
from ndksym.runtime.types import Array

__all__ = ["HORIZON", "Physics", "PriorProcess"]

HORIZON = 64.0
"""Time in units of σ²/T after which the initial weights are forgotten to below rounding."""


@dataclass(frozen=True)
class Physics:
    """Temperature T, prior variance σ², initial variance σ0² and bias scale β of one training."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias: float

    @property
    def rate(self) -> float:
        """T/σ², the rate at which weights forget their initial values."""
        return self.temperature / self.prior_variance


@dataclass(frozen=True)
class PriorProcess:
    """Ornstein–Uhlenbeck process of one weight: rate r, stationary variance `level` = v, initial variance `init` = σ0².

    A pair of times s ≤ t is given by q = √(1 − e^{−r(t−s)}) and m = m(s, s) (theory.md, "Two time variables"). No formula below
    cancels, however close the two times are.
    """

    rate: float
    level: float
    init: float

    @classmethod
    def langevin(cls, physics: Physics) -> "PriorProcess":
        """Langevin dynamics in continuous time."""
        return cls(physics.rate, physics.prior_variance, physics.init_variance)

    @classmethod
    def euler(cls, physics: Physics, step: float) -> "PriorProcess":
        """Euler–Langevin steps of length h: a = 1 − hT/σ² and s² = σ²/(1 − hT/2σ²), with time in steps."""
        lost = step * physics.rate
        return cls(-float(np.log1p(-lost)), physics.prior_variance / (1 - lost / 2), physics.init_variance)

    @classmethod
    def proximal(cls, physics: Physics, strength: float) -> "PriorProcess":
        """Markov proximal learning of strength λ: λ~ = λ/(λ + T/σ²) and σ~² = 2σ²/(1 + λ~), with time in steps."""
        excess = physics.rate / strength
        kept = 1 / (1 + excess)
        return cls(float(np.log1p(excess)), 2 * physics.prior_variance / (1 + kept), physics.init_variance)

    def covariance(self, t: ArrayLike, s: ArrayLike) -> Array:
        """m(t, s), in either order of the times."""
        lag, total = np.abs(np.subtract(t, s)), np.add(t, s)
        return np.asarray(self.level * np.exp(-self.rate * lag) + (self.init - self.level) * np.exp(-self.rate * total))

    def variance(self, s: ArrayLike) -> Array:
        """m(s, s), accurate to the last digit however small σ0² is."""
        forgotten = -np.expm1(-2 * self.rate * np.maximum(s, 0.0))
        return np.asarray(self.level * forgotten + self.init * (1 - forgotten))

    def priors(self, q: Array, m: Array) -> Priors:
        """m(t, t), m(s, s) = m and the correlation of the weight at the two times."""
        decay = (1 - q) * (1 + q)
        later = self.level * q * q * (2 - q * q) + m * decay**2
        mu = decay * np.sqrt(m / later)
        return Priors(later, m, mu, self.level * q * q * (2 - q * q) / later / (1 + mu))

    def priors_without_noise(self, q: Array, m: Array, share: float = 1.0) -> Priors:
        """The same with this `share` of the noise of step s, v e^{−r(t−s)} (1 − e^{−2r}), removed from the covariance (T8)."""
        whole = self.priors(q, m)
        size = np.sqrt(whole.first) * np.sqrt(whole.second)
        removed = share * (1 - q) * (1 + q) * self.level * -np.expm1(-2 * self.rate) / size
        return Priors(whole.first, whole.second, whole.mu - removed, whole.nu + removed)

    def starting_at(self, time: float) -> "PriorProcess":
        """The same process with its clock set to 0 at that time."""
        return replace(self, init=float(self.variance(time)))
