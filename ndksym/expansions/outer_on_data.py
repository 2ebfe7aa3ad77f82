"""The outer terms on data: r_k(τ) of the diffusive phase, Δ = T Σ T^k r_k, by collocation (T12).

∫_0^τ G(τ, τ') r_k dτ' = y δ_k0 − r_{k−1}(τ) − Σ_j a_kj ∂_2^j G(τ, 0) (Hadamard's finite part). The kicks a_kj are moments of the inner
terms, and r_k starts with the overlap terms ρ_kq τ^q. Those with q < 0, which occur if φ has a kink, are integrated separately.
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
from ndksym.expansions.chebyshev_table import ChebyshevTable
from ndksym.runtime.types import Array

_TOLERANCE = 1e-11


@dataclass(frozen=True)
class OuterTerm:
    """One r_k: its regular part on panels, its singular powers τ^q by q, and the kicks a_kj by j."""

    regular: PiecewisePolynomial
    singular: Mapping[float, Array]
    kicks: Mapping[int, Array]

    def values(self, table: ChebyshevTable, tau: Array) -> Array:
        """∫_0^τ g(τ, τ') r_k dτ' + Σ_j a_kj ∂_2^j g(τ, 0): (times, rows, outputs)."""
        return integrals(table, self.regular, tau) + explicit_part(table, tau, self.singular, self.kicks)


def explicit_part(
    table: ChebyshevTable, tau: Array, powers: Mapping[float, Array], kicks: Mapping[int, Array]
) -> Array:
    """The part of the predictor that is known before the equation is solved: overlap terms with q < 0, and kicks."""
    out = np.zeros((len(tau), len(table.grams), *next(iter(kicks.values())).shape[1:]))
    by_order = table_series.kicks(table, tau, max(kicks))
    for j, value in kicks.items():
        out += factorial(j) * np.einsum("tk,xkp,po->txo", by_order[j], table.grams, value, optimize=True)
    for q, value in powers.items():
        out += np.einsum("tk,xkp,po->txo", table_series.singular(table, tau, q), table.grams, value, optimize=True)
    return out


def terms(
    own: ChebyshevTable,
    y: Array,
    starts: Sequence[Mapping[float, Array]],
    kicks: Sequence[Mapping[int, Array]],
    last: float,
    first: float,
) -> list[OuterTerm]:
    """r_0, r_1, … up to τ = last, for given singular powers and kicks; `first` is the length of the first panel."""
    ends = _mesh(own, y, starts[0], kicks[0], last, first)
    nodes = PiecewisePolynomial(ends, np.zeros((len(ends) - 1, NODES))).nodes
    factors: list[tuple[Array, Array]] = []
    for low, high in pairwise(ends):
        at = nodes[len(factors) * NODES : (len(factors) + 1) * NODES]
        local = weights(own, np.array([low, high]), at)[:, 0]
        P = len(y)
        matrix = np.einsum("ijk,xky->ixjy", local, own.grams, optimize=True).reshape(NODES * P, NODES * P)
        factors.append(lu_factor(matrix, overwrite_a=True))
    solved_terms: list[OuterTerm] = []
    for k, (powers, kick) in enumerate(zip(starts, kicks, strict=True)):
        right = -explicit_part(own, nodes, powers, kick)
        if k == 0:
            right = right + y
        else:
            right = right - at_nodes(solved_terms[-1], nodes)
        right = right.reshape(-1, NODES, *y.shape)
        values = np.zeros((0, NODES, *y.shape))
        for n, factor in enumerate(factors):
            past = integrals(own, PiecewisePolynomial(ends[: n + 1], values), nodes[n * NODES : (n + 1) * NODES])
            solved = lu_solve(factor, (right[n] - past).reshape(NODES * len(y), -1)).reshape(1, NODES, *y.shape)
            values = np.concatenate([values, solved])
        solved_terms.append(OuterTerm(PiecewisePolynomial(ends, values), powers, kick))
    return solved_terms


def at_nodes(term: OuterTerm, nodes: Array) -> Array:
    """r_k at its own nodes: (times, P, outputs)."""
    out = term.regular.values.reshape(len(nodes), *term.regular.values.shape[2:])
    for q, value in term.singular.items():
        out = out + nodes[:, None, None] ** q * value
    return out


def _mesh(
    own: ChebyshevTable, y: Array, powers: Mapping[float, Array], kicks: Mapping[int, Array], last: float, first: float
) -> Array:
    """Halves of the panels on which r_0 has no defect, because each order depends on the derivative of the one before."""
    equation = volterra.VolterraEquation(own, lambda at: y - explicit_part(own, at, powers, kicks), identity=0.0)
    ends = volterra.solve(equation, last, min(first, last), _TOLERANCE * float(np.abs(y).max()))[0].ends
    return np.sort(np.concatenate([ends, 0.5 * (ends[1:] + ends[:-1])]))
