"""The outer terms on data: r_k(τ) of the diffusive phase, Δ = T Σ T^k r_k, by collocation (theory T12).

∫_0^τ G(τ, τ') r_k dτ' = y δ_k0 − r_{k−1}(τ) − Σ_j a_kj ∂_2^j G(τ, 0), Hadamard's finite part: a_kj is what the gradient-driven phase
leaves, and r_k starts with the overlap terms ρ_kq τ^q. Those with q < 0 (φ has a kink) are split off and integrated as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from ndksym.dynamics import volterra
from ndksym.dynamics.collocation import NODES, PiecewisePolynomial, integrals, weights
from ndksym.expansions import table_series
from ndksym.expansions.square import Square
from ndksym.runtime.types import Array

_TOLERANCE = 1e-11


@dataclass(frozen=True)
class Outside:
    """One r_k: regular part on panels, and the powers τ^q that start it by q; `kicks` are the a_kj by j."""

    regular: PiecewisePolynomial
    singular: Mapping[float, Array]
    kicks: Mapping[int, Array]

    def values(self, table: Square, tau: Array) -> Array:
        """∫_0^τ g(τ, τ') r_k dτ' + Σ_j a_kj ∂_2^j g(τ, 0): (times, rows, outputs)."""
        return integrals(table, self.regular, tau) + known(table, tau, self.singular, self.kicks)


def known(table: Square, tau: Array, powers: Mapping[float, Array], kicks: Mapping[int, Array]) -> Array:
    """The part of the predictor that needs no solution: of the overlap terms with q < 0, and of the kicks."""
    out = np.zeros((len(tau), len(table.grams), *next(iter(kicks.values())).shape[1:]))
    by_order = table_series.kicks(table, tau, max(kicks))
    for j, value in kicks.items():
        out += factorial(j) * np.einsum("tk,xkp,po->txo", by_order[j], table.grams, value, optimize=True)
    for q, value in powers.items():
        out += np.einsum("tk,xkp,po->txo", table_series.singular(table, tau, q), table.grams, value, optimize=True)
    return out


def terms(
    own: Square,
    y: Array,
    starts: Sequence[Mapping[float, Array]],
    kicks: Sequence[Mapping[int, Array]],
    last: float,
    first: float,
) -> list[Outside]:
    """r_0, r_1, … up to τ = last, given the singular powers each starts with and its kicks; `first` is the first panel."""
    ends = _mesh(own, y, starts[0], kicks[0], last, first)
    nodes = PiecewisePolynomial(ends, np.zeros((len(ends) - 1, NODES))).nodes
    factors: list[tuple[Array, Array]] = []
    for low, high in pairwise(ends):
        at = nodes[len(factors) * NODES : (len(factors) + 1) * NODES]
        local = weights(own, np.array([low, high]), at)[:, 0]
        P = len(y)
        matrix = np.einsum("ijk,xky->ixjy", local, own.grams, optimize=True).reshape(NODES * P, NODES * P)
        factors.append(lu_factor(matrix, overwrite_a=True))
    found: list[Outside] = []
    for k, (powers, kick) in enumerate(zip(starts, kicks, strict=True)):
        right = -known(own, nodes, powers, kick)
        if k == 0:
            right = right + y
        else:
            right = right - at_nodes(found[-1], nodes)
        right = right.reshape(-1, NODES, *y.shape)
        values = np.zeros((0, NODES, *y.shape))
        for n, factor in enumerate(factors):
            past = integrals(own, PiecewisePolynomial(ends[: n + 1], values), nodes[n * NODES : (n + 1) * NODES])
            solved = lu_solve(factor, (right[n] - past).reshape(NODES * len(y), -1)).reshape(1, NODES, *y.shape)
            values = np.concatenate([values, solved])
        found.append(Outside(PiecewisePolynomial(ends, values), powers, kick))
    return found


def at_nodes(term: Outside, nodes: Array) -> Array:
    """r_k at its own nodes: (times, P, outputs)."""
    out = term.regular.values.reshape(len(nodes), *term.regular.values.shape[2:])
    for q, value in term.singular.items():
        out = out + nodes[:, None, None] ** q * value
    return out


def _mesh(
    own: Square, y: Array, powers: Mapping[float, Array], kicks: Mapping[int, Array], last: float, first: float
) -> Array:
    """PiecewisePolynomial on which r_0 leaves no defect, each halved: every further order rests on the slope of the one before."""
    equation = volterra.VolterraEquation(own, lambda at: y - known(own, at, powers, kicks), identity=0.0)
    ends = volterra.solve(equation, last, min(first, last), _TOLERANCE * float(np.abs(y).max()))[0].ends
    return np.sort(np.concatenate([ends, 0.5 * (ends[1:] + ends[:-1])]))
