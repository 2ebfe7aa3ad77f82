"""Estimates from independent samples, with their standard errors, and values on training and test rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ndksym.runtime.types import Array

__all__ = ["Estimate", "Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """train (M, P[, outputs]) and test (M, rows[, outputs]); as an array it is `test`, as a Run's test rows are."""

    train: Array
    test: Array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        out: Array = np.asarray(self.test, dtype=dtype)
        return out


@dataclass(frozen=True, eq=False)
class Estimate:
    """Σ_k mean over i of terms[k][i], each term (pairs, …) independent of the others: its value and its standard error."""

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
        """Degrees of freedom of the standard error, at least."""
        return min(len(term) for term in self.terms) - 1

    def times(self, factor: float) -> "Estimate":
        """factor · this."""
        return Estimate(tuple(factor * term for term in self.terms))

    def plus(self, other: "Estimate") -> "Estimate":
        """The sum with an independent one."""
        return Estimate(self.terms + other.terms)
