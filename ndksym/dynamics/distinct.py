"""Combinations of training rows that the kernel distinguishes at some pair of times.

Equal rows have equal columns in every Gram matrix. Opposite rows have equal or opposite columns where φ has a parity and there
are no biases. The difference of such rows is never learnt: its Δ keeps its initial value. In the equation it would be multiplied
by large numbers that cancel only to rounding.
"""

import numpy as np

from ndksym.dynamics.kernel_table import KernelTable
from ndksym.runtime.types import Array

__all__ = ["distinct"]

_EQUAL = 1e-10
"""Relative difference up to which columns count as equal; rows that are only similar are never merged."""


def distinct(table: KernelTable, X: Array) -> Array | None:
    """An orthonormal basis (P, r) of the combinations that the kernel distinguishes; None if these are all."""
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
    """s = ±1 where the rows are equal or opposite and their columns differ by the factor s; 0 otherwise."""
    if np.array_equal(row, other):
        return 1.0
    if np.array_equal(row, -other):
        for sign in (1.0, -1.0):
            if np.all(np.abs(column - sign * other_column) <= _EQUAL * np.abs(other_column).max()):
                return sign
    return 0.0
