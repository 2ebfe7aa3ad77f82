"""Matrices of kernels between two sets of inputs: blocks of pairs through the recursion, at one pair of times or at many."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .angles import Inputs
from .chain import Recursion, chain, diagonal, input_pairs, preactivations
from .preactivations import LayerRules, Preactivations
from .prior import Prior, Priors
from .types import Array, Indices
from .wide import floats

_BLOCK = 2**17
"""Pairs that are evaluated together: enough for NumPy to be fast, few enough for the processor's cache."""
_TOGETHER = 2**14
"""The same for several pairs of times: Python's own time is then small, and so is the memory of all coefficients."""

Rules = tuple[LayerRules, ...]
"""One entry per hidden layer."""


def matrix(rules: Rules, first: Inputs, second: Inputs | None, of: Recursion) -> Array:
    """One part of the recursion, (n, n2); `second=None` means `first` again, which is symmetric at one time."""
    prior = of.prior
    symmetric = second is None and isinstance(prior, Prior) and prior.one_time
    other = first if second is None else second
    rows = rows2 = preactivations(rules, first.squared_norms, first.norms, prior.first, of.beta)
    if not symmetric:
        rows2 = preactivations(rules, other.squared_norms, other.norms, prior.second, of.beta)
    out = np.empty((len(first.norms), len(other.norms)))
    far = any(row.far.any() for row in (*rows, *rows2))
    for i, j in _blocks(*out.shape, symmetric=symmetric):
        if far:
            out[i, j] = _far_and_near(rows, rows2, (first, other), i, j, of)
        else:
            out[i, j] = floats(chain(rows, rows2, input_pairs(first, other, False, i, j), i, j, of))
        if symmetric:
            out[j, i] = out[i, j]
    if symmetric:
        np.fill_diagonal(out, diagonal(rows, first, of))
    return out


def matrices(rules: Rules, first: Inputs, other: Inputs, priors: Priors, of: Recursion) -> Array:
    """`matrix` at several pairs of times together, (pairs of times, n, n2); `priors` take the place of the prior of `of`.

    Errors are relative to the entries of coincident inputs, not to each entry itself.
    """

    def one_by_one(some: Priors) -> list[Array]:
        return [matrix(rules, first, other, replace(of, prior=each)) for each in some.each()]

    n, n2 = len(first.norms), len(other.norms)
    height = max(1, _TOGETHER // (n * n2))
    if height == 1:
        return np.array(one_by_one(priors))
    base = input_pairs(
        first, other, False, *(k.ravel() for k in np.meshgrid(np.arange(n), np.arange(n2), indexing="ij"))
    )
    out = np.empty((len(priors), n, n2))
    for start in range(0, len(priors), height):
        place = slice(start, start + height)
        some = priors.of(place)
        variances, which = _distinct(some.first)
        variances2, which2 = _distinct(some.second)
        rows = preactivations(rules, *first.tiled(len(variances)), np.repeat(variances, n), of.beta)
        rows2 = preactivations(rules, *other.tiled(len(variances2)), np.repeat(variances2, n2), of.beta)
        if any(row.far.any() for row in (*rows, *rows2)):
            out[place] = one_by_one(some)
            continue
        pairs = base.tiled(len(some))
        i, j = pairs.i + n * np.repeat(which, n * n2), pairs.j + n2 * np.repeat(which2, n * n2)
        values = chain(rows, rows2, pairs, i, j, replace(of, prior=some.repeated(n * n2)))
        out[place] = floats(values).reshape(len(some), n, n2)
    return out


def _far_and_near(
    rows: list[Preactivations], rows2: list[Preactivations], sides: tuple[Inputs, Inputs], i: Indices, j: Indices,
    of: Recursion,
) -> Array:  # fmt: skip
    """The pairs for which float64 has the range, and those that need numbers m·2^e."""
    far = np.any([row.far[i] | row2.far[j] for row, row2 in zip(rows, rows2, strict=True)], axis=0)
    out = np.empty(len(i))
    for beyond_float64 in (False, True):
        which = far == beyond_float64
        if which.any():
            at = i[which], j[which]
            out[which] = floats(chain(rows, rows2, input_pairs(*sides, beyond_float64, *at), *at, of))
    return out


def _distinct(variances: Array) -> tuple[Array, Indices]:
    """Each variance once, and the index of each into these."""
    values, which = np.unique(variances, return_inverse=True)
    return values, which


def _blocks(n: int, n2: int, symmetric: bool) -> Iterator[tuple[Indices, Indices]]:
    """All pairs (only i < j if symmetric), a block of rows at a time."""
    height = max(1, _BLOCK // n2)
    for start in range(0, n, height):
        i, j = np.meshgrid(np.arange(start, min(start + height, n)), np.arange(n2), indexing="ij")
        keep = (i < j) if symmetric else np.ones_like(i, dtype=bool)
        if keep.any():
            yield i[keep], j[keep]
