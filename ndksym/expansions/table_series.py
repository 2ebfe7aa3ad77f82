"""The NDK near t = s = 0 from its table: the G_jl of G = Σ G_jl (τ−τ')^{j/2} τ'^l, and integrals of G times powers of τ'.

With r = 1/σ² a table holds G = e^{−r(τ−τ')} Σ_k u_k(q, p) M_k, q = √(1 − e^{−r(τ−τ')}), p = e^{−2rτ'}. Its Chebyshev polynomials are
differentiated exactly, so that there is no error beyond that of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from ndksym.dynamics.kernel_table import KernelTable
from ndksym.expansions.chebyshev_table import ChebyshevTable
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

_GAUSS = 24


@dataclass(frozen=True, eq=False)
class PowerTable(KernelTable):
    """The truncated series Σ_k lag^{j_k/2} s^{l_k} M_k as a table; `exponents` (k, 2) holds j and l."""

    exponents: Array

    def weights(self, lag: Array, earlier: Array) -> Array:
        """The powers at pairs of times: (*shape, k)."""
        half, whole = self.exponents.T
        return np.asarray(np.sqrt(lag)[..., None] ** half * np.maximum(earlier, 0.0)[..., None] ** whole)


@dataclass(frozen=True, eq=False)
class EvenTable(ChebyshevTable):
    """A table in q² and p for analytic φ. There are no odd powers of q, and those from rounding would grow with each order."""

    def at(self, q: Array, p: Array) -> Array:
        """u_k at points: (points, k)."""
        _, n_q, n_p = self.coefficients.shape
        basis = chebvander(2 * q * q - 1, n_q - 1)[:, :, None] * chebvander(2 * p - 1, n_p - 1)[:, None, :]
        out: Array = basis.reshape(len(q), -1) @ self.coefficients.reshape(len(self.coefficients), -1).T
        return out


def even(table: ChebyshevTable) -> EvenTable:
    """The same kernel in q²."""
    n_q = table.coefficients.shape[1]
    n = n_q // 2 + 4
    nodes = chebpts1(n)
    basis = chebvander(2 * np.sqrt(0.5 * (1 + nodes)) - 1, n_q - 1)
    values = np.einsum("ia,kab->kib", basis, table.coefficients)
    transform = np.full((n, 1), 2 / n)
    transform[0] = 1 / n
    coefficients = np.einsum("xi,kib->kxb", transform * chebvander(nodes, n - 1).T, values)
    return EvenTable(table.process, table.grams, coefficients)


def coefficients(table: ChebyshevTable, order: int) -> dict[tuple[int, int], Array]:
    """The G_jl for j + 2l ≤ order, each of shape (rows, P)."""
    rate, half = table.process.rate, order // 2
    n_q, n_p = table.coefficients.shape[1:]
    u = np.einsum("kab,ai,bm->kim", table.coefficients, _derivatives(n_q, order, -1), _derivatives(n_p, half, 1))
    decay = np.zeros(order + 2)  # of e^{−r w²} in w = √lag
    decay[::2] = [(-rate) ** i / factorial(i) for i in range((order + 3) // 2)]
    lost = np.where(np.arange(order + 2) == 0, 1.0, 0.0) - decay
    q = lost[:-1] if isinstance(table, EvenTable) else _root(lost)
    start = np.array([(-2 * rate) ** i / factorial(i) for i in range(half + 1)])
    start[0] = 0.0
    by_q, by_p = _powers(q, order), _powers(start, half)
    by_q = np.array([_times(decay[:-1], row) for row in by_q])
    weights = np.einsum("kim,ij,ml->jlk", u, by_q, by_p)
    return {
        (j, ell): np.einsum("k,xkp->xp", weights[j, ell], table.grams)
        for ell in range(half + 1)
        for j in range(order - 2 * ell + 1)
    }


def kicks(table: ChebyshevTable, tau: Array, order: int) -> Array:
    """∂_2^j G(τ, 0)/j! as weights of the M_k, j = 0 … order: (j, times, k)."""
    rate, n = table.process.rate, order + 1
    n_q, n_p = table.coefficients.shape[1:]
    grow = np.array([rate**i / factorial(i) for i in range(n)])
    decay = np.exp(-rate * tau)[:, None] * grow
    one = np.zeros(n)
    one[0] = 1.0
    lost = one - decay
    lost[:, 0] = -np.expm1(-rate * tau)
    q = lost
    if not isinstance(table, EvenTable):
        q = np.zeros_like(lost)
        q[:, 0] = np.sqrt(lost[:, 0])
        for i in range(1, n):
            q[:, i] = (lost[:, i] - sum(q[:, k] * q[:, i - k] for k in range(1, i))) / (2 * q[:, 0])
    p = np.array([(-2 * rate) ** i / factorial(i) for i in range(n)])
    basis_q, basis_p = _basis(2 * q - one, n_q), _basis((2 * p - one)[None], n_p)[:, 0]
    out = np.zeros((n, len(tau), len(table.coefficients)))
    for i in range(n):
        for j in range(n - i):
            for m in range(n - i - j):
                out[i + j + m] += decay[:, i, None] * np.einsum(
                    "kab,at,b->tk", table.coefficients, basis_q[:, :, j], basis_p[:, m]
                )
    return out


def singular(table: ChebyshevTable, tau: Array, power: float) -> Array:
    """Finite part of ∫_0^τ G(τ, x) x^power dx as weights of the M_k: (times, k)."""
    rate = table.process.rate
    out = np.zeros((len(tau), len(table.coefficients)))
    x, w = legendre(_GAUSS)
    x, w = 0.5 * (1 + x), 0.5 * w
    near = _finite_part(x, w, power)
    for n, t in enumerate(tau):
        edge = 0.5 * min(t, 1 / rate)
        at, size = [edge * x], [near * edge ** (power + 1)]
        while edge < 0.5 * t:
            length = min(edge, 0.5 / rate, 0.5 * t - edge)
            at.append(edge + length * x)
            size.append(length * w * at[-1] ** power)
            edge += length
        # from there up to t: in z = √(t − x), on intervals that follow the decay of the kernel
        reach = t - edge
        breaks = np.sqrt(np.linspace(0.0, reach, 1 + int(np.ceil(rate * reach))))
        lags = [t - a for a in at]
        for low, high in pairwise(breaks):
            z = low + (high - low) * x
            lags.append(z * z)
            size.append((high - low) * w * 2 * z * (t - z * z) ** power)
        lag, weight = np.concatenate(lags), np.concatenate(size)
        out[n] = (weight * np.exp(-rate * lag)) @ table.weights(lag, t - lag)
    return out


def _finite_part(x: Array, w: Array, power: float) -> Array:
    """Weights of h at Legendre's nodes x for the finite part of ∫_0^1 h(x) x^power dx; exact for polynomials."""
    moments, value = [], 1 / (power + 1)
    for m in range(len(x)):
        moments.append(value)
        value *= (power - m) / (power + m + 2)
    legendre_at = np.polynomial.legendre.legvander(2 * x - 1, len(x) - 1)
    norms = 2 * np.arange(len(x)) + 1
    return np.asarray(w * ((legendre_at * norms) @ np.array(moments)))


def _derivatives(n: int, order: int, end: int) -> Array:
    """d^m/dx^m T_a(2x − 1)/m! at x = 0 (end −1) or x = 1 (end 1): (a, m)."""
    a = np.arange(n)
    out = np.empty((n, order + 1))
    value = np.ones(n)
    for m in range(order + 1):
        out[:, m] = value * float(2**m) / factorial(m) * (1.0 if end > 0 else (-1.0) ** (a + m))
        value = value * (a * a - m * m) / (2 * m + 1)
    return out


def _basis(y: Array, n: int) -> Array:
    """T_0 … T_{n−1} of power series y (points, order + 1): (n, points, order + 1)."""
    one = np.zeros_like(y)
    one[:, 0] = 1.0
    rows = [one, y]
    while len(rows) < n:
        rows.append(2 * np.array([_times(a, b) for a, b in zip(y, rows[-1], strict=True)]) - rows[-2])
    return np.array(rows[:n])


def _times(f: Array, g: Array) -> Array:
    return np.asarray(np.convolve(f, g)[: len(f)])


def _powers(f: Array, order: int) -> Array:
    """f^0 … f^order of a power series."""
    rows = [np.where(np.arange(len(f)) == 0, 1.0, 0.0)]
    for _ in range(order):
        rows.append(_times(rows[-1], f))
    return np.array(rows)


def _root(f: Array) -> Array:
    """√f of a series that starts with w²; the result starts with w and has one term less."""
    g = np.zeros(len(f) - 1)
    for i in range(1, len(g)):
        rest = f[i + 1] - sum(g[k] * g[i + 1 - k] for k in range(2, i))
        g[i] = np.sqrt(rest) if i == 1 else rest / (2 * g[1])
    return g
