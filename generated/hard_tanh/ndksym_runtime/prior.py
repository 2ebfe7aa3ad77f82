"""Second moments of one parameter without data, at pairs of times (T3). The kernels depend on time through them only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .types import Array

__all__ = ["LangevinPrior", "Prior", "Priors", "static_prior"]


@dataclass(frozen=True)
class Prior:
    """Second moments of one parameter at two times: m(t,t), m(s,s), their correlation μ, and ν = 1 − μ."""

    first: float
    second: float
    mu: float
    nu: float

    @property
    def cross(self) -> float:
        """m(t,s)."""
        return float(np.sqrt(self.first) * np.sqrt(self.second) * self.mu)

    @property
    def one_time(self) -> bool:
        """Whether t = s."""
        return self.nu == 0.0 and self.first == self.second


@dataclass(frozen=True)
class Priors:
    """`Prior` at several pairs of times, as arrays of one length."""

    first: Array
    second: Array
    mu: Array
    nu: Array

    def __len__(self) -> int:
        return len(self.first)

    @property
    def cross(self) -> Array:
        """m(t,s)."""
        return np.asarray(np.sqrt(self.first) * np.sqrt(self.second) * self.mu)

    def repeated(self, count: int) -> "Priors":
        """Every pair of times `count` times in a row."""
        return Priors(*(np.repeat(each, count) for each in (self.first, self.second, self.mu, self.nu)))

    def each(self) -> Iterator[Prior]:
        """The pairs of times one by one."""
        for at in zip(self.first, self.second, self.mu, self.nu, strict=True):
            yield Prior(*map(float, at))

    def of(self, which: slice) -> "Priors":
        """The pairs of times of a slice."""
        return Priors(self.first[which], self.second[which], self.mu[which], self.nu[which])


def static_prior(variance: float) -> Prior:
    """One time, with second moment `variance`."""
    return Prior(variance, variance, 1.0, 0.0)


@dataclass(frozen=True)
class LangevinPrior:
    """A parameter under Langevin dynamics without data: temperature T, prior variance σ², initial variance σ0² (T3)."""

    temperature: float
    prior_variance: float
    init_variance: float

    @property
    def rate(self) -> float:
        """T/σ², the rate at which a parameter forgets its past."""
        return self.temperature / self.prior_variance

    def response(self, t: float, s: float) -> float:
        """e^{−T(t−s)/σ²}."""
        return float(np.exp(-self.rate * (t - s)))

    def at(self, t: float, s: float) -> Prior:
        """The second moments at t and s ≤ t, where 1 − μ² = σ²(1 − e^{−2T(t−s)/σ²})/m(t,t) is free of cancellation.

        >>> LangevinPrior(1.0, 1.0, 1.0).at(2.0, 2.0).one_time
        True
        """
        level, rate = self.prior_variance, self.rate

        def equal_time(time: float) -> float:
            return float(-level * np.expm1(-2 * rate * time) + self.init_variance * np.exp(-2 * rate * time))

        later, earlier = equal_time(t), equal_time(s)
        decay = np.exp(-rate * (t - s))
        if later == 0.0 or earlier == 0.0:
            return Prior(later, earlier, 1.0, 0.0)
        mu = float(decay * np.sqrt(earlier / later))
        nu = float(-level * np.expm1(-2 * rate * (t - s)) / later) / (1 + mu)
        return Prior(later, earlier, mu, nu)
