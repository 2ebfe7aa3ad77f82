"""How the weights forget without data: m(t, s) = v e^{−r|t−s|} + (σ0² − v) e^{−r(t+s)} for every dynamics of theory T3.

Langevin dynamics has r = T/σ² and v = σ² in continuous time; its Euler steps and the proximal chain have the same form in
steps, with r = −log a and v = s², or r = −log λ~ and v = σ~².
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ndksym.runtime.prior import Priors
from ndksym.runtime.types import Array


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
class Memory:
    """Rate r, stationary variance v and initial variance σ0² of one parameter.

    Times enter through q = √(1 − e^{−r(t−s)}) and m = m(s,s), s ≤ t (theory.md, "Two time variables"); there is no
    cancellation in what follows, however close the times are.
    """

    rate: float
    level: float
    init: float

    def moment(self, t: ArrayLike, s: ArrayLike) -> Array:
        """m(t, s), in either order."""
        far, together = np.abs(np.subtract(t, s)), np.add(t, s)
        return np.asarray(
            self.level * np.exp(-self.rate * far) + (self.init - self.level) * np.exp(-self.rate * together)
        )

    def prior(self, q: Array, m: Array) -> Priors:
        """m(t,t), m(s,s) = m and their correlation."""
        decay = (1 - q) * (1 + q)
        later = self.level * q * q * (2 - q * q) + m * decay**2
        mu = decay * np.sqrt(m / later)
        return Priors(later, m, mu, self.level * q * q * (2 - q * q) / later / (1 + mu))

    def reduced(self, q: Array, m: Array) -> Priors:
        """The same with the cross moment that is left if the noise of the step to time s is another (T8)."""
        return self.between(q, m, 1.0)

    def between(self, q: Array, m: Array, share: float) -> Priors:
        """The cross moment less a share of what that noise contributes, v e^{−r(t−s)} (1 − e^{−2r})."""
        both = self.prior(q, m)
        size = np.sqrt(both.first) * np.sqrt(both.second)
        lost = share * (1 - q) * (1 + q) * self.level * -np.expm1(-2 * self.rate) / size
        return Priors(both.first, both.second, both.mu - lost, both.nu + lost)

    def earlier(self, s: ArrayLike) -> Array:
        """m(s,s), to its last digit however small σ0² is."""
        lost = -np.expm1(-2 * self.rate * np.maximum(s, 0.0))
        return np.asarray(self.level * lost + self.init * (1 - lost))

    def starting(self, time: float) -> "Memory":
        """The same, its clock set to 0 at that time."""
        return replace(self, init=float(self.earlier(time)))


def langevin(physics: Physics) -> Memory:
    """Continuous time."""
    return Memory(physics.rate, physics.prior_variance, physics.init_variance)


def euler(physics: Physics, step: float) -> Memory:
    """Euler–Langevin steps h: a = 1 − hT/σ², s² = σ²/(1 − hT/2σ²); time in steps."""
    lost = step * physics.rate
    return Memory(-float(np.log1p(-lost)), physics.prior_variance / (1 - lost / 2), physics.init_variance)


def proximal(physics: Physics, strength: float) -> Memory:
    """Markov proximal learning of strength λ: λ~ = λ/(λ + T/σ²), σ~² = 2σ²/(1 + λ~); time in steps."""
    excess = physics.rate / strength
    kept = 1 / (1 + excess)
    return Memory(float(np.log1p(excess)), 2 * physics.prior_variance / (1 + kept), physics.init_variance)
