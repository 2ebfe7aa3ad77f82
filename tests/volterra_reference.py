"""A dense solver of the predictor's Volterra equation with independent kernels: the oracle of `ndksym.solve`.

The kernel is evaluated at every pair of times of the quadrature, without a table, on a fixed mesh, and the system of every panel is
solved directly; the caller halves the mesh until two results agree. The module shares no code with ndksym.dynamics.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

GAUSS = np.polynomial.legendre.leggauss(14)
NODES = 0.5 * (1 + np.polynomial.legendre.legroots(np.eye(9)[7] - np.eye(9)[8]))
"""Right Radau nodes on (0, 1]: the roots of P_7 − P_8."""


def relu(a, b, c):
    """Cho & Saul 2009."""
    root = np.sqrt(np.maximum(a * b - c * c, 0.0))
    angle = np.arctan2(root, c)
    return (root + (np.pi - angle) * c) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)


def erf(a, b, c):
    """Williams 1997."""
    det = (1 + 2 * a) * (1 + 2 * b) - 4 * c * c
    return 2 / np.pi * np.arctan2(2 * c, np.sqrt(det)), 4 / (np.pi * np.sqrt(det))


def by_trapezoid(phi, dphi, step=0.25, reach=8.0):
    """Any smooth φ: the two-dimensional trapezoidal rule (theory T17)."""
    z = np.arange(-reach, reach + step / 2, step)
    w = step * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)

    def dual(a, b, c):
        a, b, c = (np.broadcast_to(x, np.broadcast_shapes(np.shape(a), np.shape(b), np.shape(c))) for x in (a, b, c))
        out = np.empty((2, a.size))
        for n in range(0, a.size, 256):
            p, q = np.sqrt(a.flat[n : n + 256]), np.sqrt(b.flat[n : n + 256])
            rho = np.clip(c.flat[n : n + 256] / (p * q), -1, 1)
            u = p[:, None] * z
            v = q[:, None, None] * (rho[:, None, None] * z[:, None] + np.sqrt(1 - rho * rho)[:, None, None] * z)
            for k, f in enumerate((phi, dphi)):
                out[k, n : n + 256] = np.einsum("ni,nij,i,j->n", f(u), f(v), w, w, optimize=True)
        return out.reshape(2, *a.shape)

    return dual


DUALS = {
    "relu": relu,
    "erf": erf,
    "tanh": by_trapezoid(np.tanh, lambda u: np.cosh(u) ** -2.0),
    "gelu": by_trapezoid(lambda u: u * ndtr(u), lambda u: ndtr(u) + u * np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi)),
}


@dataclass(frozen=True)
class Network:
    """Dual kernels, depth, T, σ², σ0² and β of a network in training."""

    dual: Any
    depth: int
    T: float
    prior: float
    init: float
    bias: float = 0.0

    @property
    def rate(self):
        """T/σ²."""
        return self.T / self.prior

    def kernels(self, gram, t, s):
        """NDK and C^{L+1} by T5 and T6: `gram` holds x·x, x'·x', x·x' over N_0; t, s are arrays, s ≤ t."""
        dual, prior, rate, bias = self.dual, self.prior, self.rate, self.bias

        def m(x, y):
            return prior * np.exp(-rate * (x - y)) + (self.init - prior) * np.exp(-rate * (x + y))

        tt, ss, ts = m(t, t), m(s, s), m(t, s)
        theta = gram[2] + bias**2
        a, b, c = tt * (gram[0] + bias**2), ss * (gram[1] + bias**2), ts * (gram[2] + bias**2)
        for _ in range(self.depth):
            K, K_dot = dual(a, b, c)
            theta = ts * K_dot * theta + K + bias**2
            a, b, c = tt * (dual(a, a, a)[0] + bias**2), ss * (dual(b, b, b)[0] + bias**2), ts * (K + bias**2)
        return np.exp(-rate * (t - s)) * theta, c


def mesh(fastest, last, rate, ratio):
    """Ends of panels that grow by `ratio` up to a fraction of σ²/T."""
    ends = [0.0, min(0.1 / fastest, last)]
    while ends[-1] < last:
        ends.append(min(ends[-1] + min((ratio - 1) * ends[-1], (ratio - 1) / (2 * rate)), last))
    return np.array(ends)


def mean(network, X, rows, y, times, ratio):
    """The mean at `rows` and `times`; y is (P,)."""
    both = np.vstack([X, rows])
    width, P = X.shape[1], len(X)

    def kernel(t, s, i, j):
        x, z = both[i], X[j]
        return network.kernels((x @ x / width, z @ z / width, x @ z / width), t, s)[0]

    fastest = P * max(kernel(t, t, i, i) for t in (0.0, 40 / network.rate) for i in range(P))
    ends = mesh(fastest, times[-1], network.rate, ratio)
    delta = np.zeros((len(ends) - 1, len(NODES), P))

    def integral_weights(t, n):
        """Quadrature in z = √(t − s) over the first n panels, up to t: s, its weights, and the basis functions of the nodes at s."""
        a, b = ends[:n], np.minimum(ends[1 : n + 1], t)
        low, high = np.sqrt(np.maximum(t - b, 0)), np.sqrt(np.maximum(t - a, 0))
        z = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * GAUSS[0]
        s = t - z * z
        at = (s - ends[:n, None]) / np.diff(ends[: n + 1])[:, None]
        basis = np.ones((*at.shape, len(NODES)))
        for j in range(len(NODES)):
            for k in range(len(NODES)):
                if k != j:
                    basis[..., j] *= (at - NODES[k]) / (NODES[j] - NODES[k])
        return s, (high - low)[:, None] * GAUSS[1] * z, basis

    def matrix(t, n, row):
        """∫ over the first n panels as a matrix on Δ at their nodes: (n, NODES, P)."""
        s, w, basis = integral_weights(t, n)
        return np.stack([np.einsum("ng,ngj->nj", w * kernel(t, s, row, j), basis) for j in range(P)], axis=-1)

    for n in range(len(ends) - 1):
        nodes = ends[n] + NODES * (ends[n + 1] - ends[n])
        parts = np.array([[matrix(t, n + 1, i) for i in range(P)] for t in nodes])  # (NODES, P, n + 1, NODES, P)
        right = y - np.einsum("tinjp,njp->ti", parts[:, :, :n], delta[:n])
        system = parts[:, :, n].reshape(len(NODES) * P, -1) + np.eye(len(NODES) * P)
        delta[n] = np.linalg.solve(system, right.ravel()).reshape(len(NODES), P)
    out = np.empty((len(times), len(rows)))
    for k, t in enumerate(times):
        n = int(np.searchsorted(ends, t))
        for i in range(len(rows)):
            out[k, i] = np.sum(matrix(t, n, P + i) * delta[:n])
    return out


def covariance(network, X, rows, end, steps):
    """Covariance R C Rᵀ at `rows` and one time by the trapezoidal rule on a mesh graded to both ends."""
    x = 0.5 * (1 - np.cos(np.linspace(0, np.pi, steps)))
    times, both = end * x, np.vstack([X, rows])
    width, P, Z = X.shape[1], len(X), len(both)
    later, earlier = np.tril_indices(steps)
    K, C = np.zeros((steps, steps, Z, P)), np.zeros((steps, steps, Z, Z))
    for i in range(Z):
        for j in range(Z):
            gram = (both[i] @ both[i] / width, both[j] @ both[j] / width, both[i] @ both[j] / width)
            ndk, prior = network.kernels(gram, times[later], times[earlier])
            C[later, earlier, i, j] = prior
            C[earlier, later, j, i] = prior
            if j < P:
                K[later, earlier, i, j] = ndk
    W = np.zeros((steps, steps))
    for n in range(1, steps):
        gaps = np.diff(times[: n + 1])
        W[n, :n] += gaps / 2
        W[n, 1 : n + 1] += gaps / 2
    system = np.einsum("ts,tsij->tisj", W, K[:, :, :P]).reshape(steps * P, -1) + np.eye(steps * P)
    onto = np.einsum("s,sij->isj", W[-1], K[-1]).reshape(Z, -1)
    L = np.linalg.solve(system.T, onto.T).T
    prior_cov = C[:, :, :P, :P].transpose(0, 2, 1, 3).reshape(steps * P, -1)
    cross = C[-1, :, :, :P].transpose(1, 0, 2).reshape(Z, -1)
    full = C[-1, -1] - L @ cross.T - cross @ L.T + L @ prior_cov @ L.T
    return full[P:, P:]
