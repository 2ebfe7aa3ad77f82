"""The inner terms on data: Δ_k(t) of the gradient-driven phase, by collocation in the eigenvectors of the NTK (T11).

Δ_k + Θ ∫_0^t Δ_k = y δ_k0 − Σ_{j+2l≥1} G_jl ∫_0^t (t−s)^{j/2} s^l Δ_{k−j−2l}(s) ds, order by order on the same mesh.
"""

from __future__ import annotations

import numpy as np

from ndksym.dynamics.collocation import NODES, Integral, PiecewisePolynomial, integrals, radau, weights
from ndksym.dynamics.physics import PriorProcess
from ndksym.expansions.table_series import PowerTable
from ndksym.runtime.types import Array

_FIRST, _GROWTH = 1e-6, 1.25
"""Length of the first panel in units of 1/λ_max (short, because the terms start with roots if φ has a kink), and growth factor."""
_FLAT = PriorProcess(1.0, 1.0, 1.0)

Numbers = dict[tuple[int, int], Array]
"""G_jl by (j, l)."""


def terms(own: Numbers, y: Array, order: int, last: float) -> list[PiecewisePolynomial]:
    """Δ_0 … Δ_order (powers of ε) up to time `last`; own G_jl (P, P), y (P, outputs)."""
    theta = own[0, 0]
    rates, vectors = np.linalg.eigh(0.5 * (theta + theta.T))
    ends = _mesh(float(rates[-1]), last)
    solved_terms: list[PiecewisePolynomial] = []
    for k in range(order + 1):
        times = PiecewisePolynomial(ends, np.zeros((len(ends) - 1, NODES))).nodes
        right = np.broadcast_to(y if k == 0 else np.zeros_like(y), (len(times), *y.shape)) - memory_integrals(
            own, solved_terms, k, times
        )
        modes = np.einsum("pm,tpo->tmo", vectors, right)
        solved = _relaxed(rates, ends, modes.reshape(-1, NODES, *y.shape))
        solved_terms.append(PiecewisePolynomial(ends, np.einsum("pm,njmo->njpo", vectors, solved)))
    return solved_terms


def memory_integrals(coefficients: Numbers, before: list[PiecewisePolynomial], k: int, times: Array) -> Array:
    """Σ G_jl ∫_0^t (t−s)^{j/2} s^l Δ_{k−j−2l} over the terms `before`: (times, rows, outputs)."""
    total: Array | float = 0.0
    for i, term in enumerate(before):
        at = [(j, ell) for (j, ell) in coefficients if j + 2 * ell == k - i]
        if at:
            grams = np.stack([coefficients[each] for each in at], axis=1)
            kernel = PowerTable(_FLAT, grams, np.array(at, dtype=float))
            total = total + integrals(kernel, term, times, Integral(factor=_one))
    return np.asarray(total)


def _one(t: Array, s: Array) -> Array:
    return np.ones(np.broadcast(t, s).shape)


def _mesh(fastest: float, last: float) -> Array:
    first = min(_FIRST / fastest, 0.1 * last)
    count = int(np.ceil(np.log(last / first) / np.log(_GROWTH)))
    return np.concatenate([[0.0], np.geomspace(first, last, count + 1)])


def _relaxed(rates: Array, ends: Array, right: Array) -> Array:
    """x + rate ∫_0^t x = right, mode by mode: (panels, NODES, modes, outputs)."""
    unit = PowerTable(_FLAT, np.ones((1, 1, 1)), np.zeros((1, 2)))
    nodes, whole = radau()[0], radau()[1]
    local = weights(unit, np.array([0.0, 1.0]), nodes, Integral(factor=_one))[:, 0, :, 0]
    out, past = np.empty_like(right), np.zeros(right.shape[2:])
    for n, length in enumerate(np.diff(ends)):
        systems = np.eye(NODES) + (rates * length)[:, None, None] * local
        driving = right[n] - rates[:, None] * past
        out[n] = np.moveaxis(np.linalg.solve(systems, np.moveaxis(driving, 1, 0)), 0, 1)
        past = past + length * np.tensordot(whole, out[n], 1)
    return out
