"""Combinations of training rows that the kernel tells apart at some pair of times.

Equal rows have equal columns in every Gram matrix, opposite ones equal or opposite columns where φ has a parity and there
are no biases. What such rows differ in is never learnt: its Δ stays what it is at first. Left in the equation it would be
multiplied by large numbers that cancel to rounding only.
"""

import numpy as np

from ndksym.dynamics.kernel_table import Pieces
from ndksym.runtime.types import Array

__all__ = ["distinct"]

_EQUAL = 1e-10
"""Relative difference of columns that are equal: rows that merely resemble each other are not asked."""


def distinct(table: Pieces, X: Array) -> Array | None:
    """An orthonormal basis (P, r) of what is told apart; None if that is everything."""
    columns = np.moveaxis(table.grams, 2, 0).reshape(len(X), -1)
    groups: list[dict[int, float]] = []
    for i, row in enumerate(X):
        for group in groups:
            first = next(iter(group))
            sign = _sign(row, X[first], columns[i], columns[first])
            if sign:
                group[i] = sign
                break
        else:
            groups.append({i: 1.0})
    if len(groups) == len(X):
        return None
    basis = np.zeros((len(X), len(groups)))
    for n, group in enumerate(groups):
        basis[list(group), n] = np.array(list(group.values())) / np.sqrt(len(group))
    return basis


def _sign(row: Array, other: Array, column: Array, other_column: Array) -> float:
    """s where the rows are equal or opposite and their columns differ by the factor s = ±1; 0 otherwise."""
    if np.array_equal(row, other):
        return 1.0
    if np.array_equal(row, -other):
        for sign in (1.0, -1.0):
            if np.all(np.abs(column - sign * other_column) <= _EQUAL * np.abs(other_column).max()):
                return sign
    return 0.0
