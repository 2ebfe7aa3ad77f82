"""Small samples of the rows, on which a kernel is tabulated and its table is judged.

A sample holds rows from the shortest to the longest, and pairs from nearly parallel to opposite ones. A pair at a small angle δ
varies on the scale q ≈ δ, unlike coincident and other pairs, so a sample must contain some.
"""

import numpy as np
from numpy.typing import NDArray

from ndksym.runtime.types import Array

__all__ = ["FEW", "MANY", "judged_rows", "sample"]

FEW, MANY = 4, 20
"""Number of rows and columns of the sample that fixes the degrees, and of the sample that chooses the times."""
_ANGLES, _SAME = 5, 1e-14
"""Number of pairs of different directions, and the 1 − cosine up to which two directions are the same."""
_SEED = 2309


def sample(rows: Array, X: Array, most: int) -> tuple[Array, Array]:
    """Some of the rows and some of the columns X.

    The chosen columns are among the chosen rows, since coincident inputs vary most with time.
    """
    i, j = _pairs(rows, X)
    columns = np.vstack([_by_length(X, most), X[j]])
    return np.vstack([columns, _by_length(rows, max(2, most // 2)), rows[i]]), columns


def judged_rows(rows: Array, X: Array) -> NDArray[np.intp]:
    """Indices of the rows on which a table is judged: a random sample, and the rows at small angles to a column."""
    some = np.random.default_rng(_SEED).choice(len(rows), min(MANY, len(rows)), replace=False)
    return np.unique(np.concatenate([some, _pairs(rows, X)[0]]))


def _by_length(rows: Array, most: int) -> Array:
    """Some rows, equally spaced in the order of their lengths."""
    order = np.argsort(np.linalg.norm(rows, axis=1), kind="stable")
    out: Array = rows[order[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]]
    return out


def _pairs(rows: Array, X: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A few pairs of different directions, from the most parallel to the most opposite, spaced evenly in the log of their rank."""
    units = [each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), np.finfo(float).tiny) for each in (rows, X)]
    cosines = (units[0] @ units[1].T).ravel()
    order = np.argsort(-cosines, kind="stable")
    order = order[np.searchsorted(-cosines[order], _SAME - 1) :]
    if not len(order):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    chosen = order[np.unique(np.geomspace(1, len(order), _ANGLES).astype(int)) - 1]
    i, j = np.unravel_index(chosen, (len(rows), len(X)))
    return i, j
