"""Second moments of a parameter without data, at two times (T3): what a pair of times is to the kernels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .types import Array

__all__ = ["Prior", "Priors", "static_prior", "two_time_prior"]


@dataclass(frozen=True)
class Prior:
    """Second moments of one parameter at the two times: m(t,t), m(s,s), and μ with ν = 1 − μ."""

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
        """Whether the two times are one."""
        return self.nu == 0.0 and self.first == self.second


@dataclass(frozen=True)
class Priors:
    """`Prior` at several pairs of times: arrays of one length."""

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
        """Each of them `count` times."""
        return Priors(*(np.repeat(each, count) for each in (self.first, self.second, self.mu, self.nu)))

    def each(self) -> Iterator[Prior]:
        """One by one."""
        for at in zip(self.first, self.second, self.mu, self.nu, strict=True):
            yield Prior(*map(float, at))

    def of(self, which: slice) -> "Priors":
        """Some of them."""
        return Priors(self.first[which], self.second[which], self.mu[which], self.nu[which])


def static_prior(variance: float) -> Prior:
    """One time."""
    return Prior(variance, variance, 1.0, 0.0)


def two_time_prior(t: float, s: float, temperature: float, prior_variance: float, init_variance: float) -> Prior:
    """T3 at λ → ∞, with 1 − μ² = σ²(1 − e^{−2T(t−s)/σ²})/m(t,t) free of cancellation."""
    rate = temperature / prior_variance

    def equal_time(time: float) -> float:
        return float(-prior_variance * np.expm1(-2 * rate * time) + init_variance * np.exp(-2 * rate * time))

    later, earlier = equal_time(t), equal_time(s)
    decay = np.exp(-rate * (t - s))
    if later == 0.0 or earlier == 0.0:
        return Prior(later, earlier, 1.0, 0.0)
    mu = float(decay * np.sqrt(earlier / later))
    nu = float(-prior_variance * np.expm1(-2 * rate * (t - s)) / later) / (1 + mu)
    return Prior(later, earlier, mu, nu)
