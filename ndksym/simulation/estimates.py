"""Estimates from independent samples with their standard errors, and values on training and test rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from ndksym.runtime.types import Array

__all__ = ["Estimate", "TrainTest"]


@dataclass(frozen=True, eq=False)
class TrainTest:
    """Values on the training rows, `train` (M, P[, outputs]), and on the test rows, `test` (M, rows[, outputs]).

    np.asarray gives `test`. Without test rows, `test` is `train`.
    """

    train: Array
    test: Array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        out: Array = np.asarray(self.test, dtype=dtype)
        return out


@dataclass(frozen=True, eq=False)
class Estimate:
    """Σ_k (mean over i of terms[k][i]) with its standard error; the terms, each (pairs, …), are independent of one another."""

    terms: tuple[Array, ...]

    @cached_property
    def value(self) -> Array:
        """The sum of means."""
        return np.asarray(sum(term.mean(axis=0) for term in self.terms))

    @cached_property
    def stderr(self) -> Array:
        """One standard error."""
        variance: Array = np.asarray(sum(term.var(axis=0, ddof=1) / len(term) for term in self.terms))
        return np.sqrt(variance)

    @property
    def freedom(self) -> int:
        """A lower bound of the degrees of freedom of the standard error."""
        return min(len(term) for term in self.terms) - 1

    def times(self, factor: float) -> "Estimate":
        """The estimate, multiplied by a factor."""
        return Estimate(tuple(factor * term for term in self.terms))

    def plus(self, other: "Estimate") -> "Estimate":
        """The sum of this and an independent estimate."""
        return Estimate(self.terms + other.terms)
