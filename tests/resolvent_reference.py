"""A dense oracle of mean and covariance at one time: rows of the resolvent, R C Rᵀ, with independent kernels.

ψ(ℓ) = ρ(t, t − ℓ)ᵀ obeys ψ(ℓ) + ∫_0^ℓ NDK(t − ℓ', t − ℓ)ᵀ ψ(ℓ') dℓ' = NDK(t, t − ℓ)ᵀ (theory T9). NDK and C are evaluated at
every pair of nodes; between near panels the integrals are taken in √(ℓ − ℓ'). The mesh is fixed: the caller refines it until two
results agree. Networks have no biases. The module shares no code with ndksym.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander
from numpy.polynomial.legendre import leggauss, legroots

NODES = 12
RADAU = 0.5 * (1 + legroots(np.eye(NODES + 1)[NODES - 1] - np.eye(NODES + 1)[NODES]))
"""Right Radau nodes on (0, 1]: the roots of P_11 − P_12."""
GAUSS = 18


def relu(a, b, c, gap):
    """Cho & Saul 2009, as a function of gap = 1 − ρ, which is free of rounding errors; and 1 − ρ of the result."""
    angle, sin = 2 * np.arcsin(np.sqrt(gap / 2)), np.sqrt(gap * (2 - gap))
    lost = gap - (sin - angle * (1 - gap)) / np.pi
    return np.sqrt(a * b) / 2 * (1 - lost), (np.pi - angle) / (2 * np.pi), lost


def erf(a, b, c, gap):
    """Williams 1997."""
    root = np.sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c * c)
    return 2 / np.pi * np.arctan2(2 * c, root), 4 / (np.pi * root), None


def gelu(a, b, c, gap):
    """Tsuchida et al. 2021: Stein's lemma on u Φ(u) v Φ(v)."""
    det = (1 + a) * (1 + b) - c * c
    density = 1 / (2 * np.pi * np.sqrt(det))
    both = 0.25 + np.arctan2(c, np.sqrt(det)) / (2 * np.pi)
    less = 1 / (1 + a) + 1 / (1 + b) - 1
    K = c * both + (a * b + c * c * less) * density
    return K, both + c * density * (1 + 2 * less + (a * b + c * c * less) / det), None


def by_trapezoid(phi, dphi, reach=8.0):
    """Any smooth φ: the two-dimensional trapezoidal rule (theory T17), with a step for the nearest singularity of tanh."""

    def dual(a, b, c, gap):
        a, b, c = np.broadcast_arrays(a, b, c)
        step = 0.3 / max(1.0, np.sqrt(max(a.max(), b.max())))
        z = np.arange(-reach, reach + step / 2, step)
        w = step * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        out = np.empty((2, a.size))
        for n in range(0, a.size, 128):
            p, q = np.sqrt(a.flat[n : n + 128]), np.sqrt(b.flat[n : n + 128])
            rho = np.clip(c.flat[n : n + 128] / (p * q), -1, 1)
            v = q[:, None, None] * (rho[:, None, None] * z[:, None] + np.sqrt(1 - rho * rho)[:, None, None] * z)
            for k, f in enumerate((phi, dphi)):
                out[k, n : n + 128] = np.sum((f(v) @ w) * f(p[:, None] * z) * w, axis=1)
        return *out.reshape(2, *a.shape), None

    return dual


TANH = by_trapezoid(np.tanh, lambda u: 1 - np.tanh(u) ** 2)
DUALS = {"relu": relu, "erf": erf, "gelu": gelu, "tanh": TANH}


@dataclass(frozen=True)
class Network:
    """Activation, depth, T, σ² and σ0² of a network in training."""

    name: str
    depth: int
    T: float
    prior: float
    init: float

    @property
    def rate(self):
        return self.T / self.prior

    def moments(self, s, lag):
        """m(s,s), m(t,t), m(t,s), and one minus its correlation, for t = s + lag."""
        early = np.exp(-2 * self.rate * s)
        ss = self.prior * (1 - early) + self.init * early
        decay, lost = np.exp(-self.rate * lag), -self.prior * np.expm1(-2 * self.rate * lag)
        tt = lost + ss * decay**2
        return ss, tt, decay * ss, lost / tt / (1 + decay * np.sqrt(ss / tt))

    def kernels(self, rows, X, s, lag):
        """NDK and C^{L+1} by T5 and T6, `rows` at time s + lag and X at time s: (…, rows, X)."""
        ss, tt, ts, apart = (np.asarray(m)[..., None, None] for m in self.moments(s, lag))
        xx, zz = np.mean(rows**2, axis=1)[:, None], np.mean(X**2, axis=1)[None]
        xz = rows @ X.T / X.shape[1]
        units = rows / np.sqrt(xx), X / np.sqrt(zz.T)
        between = np.mean((units[0][:, None] - units[1]) ** 2, axis=-1) / 2
        dual = DUALS[self.name]
        a, b, c, theta = tt * xx, ss * zz, ts * xz, xz
        gap = apart + (1 - apart) * between
        for layer in range(self.depth):
            K, K_dot, lost = dual(a, b, c, gap)
            theta = ts * K_dot * theta + K
            c = ts * K
            if layer < self.depth - 1:
                a, b = tt * dual(a, a, a, 0 * a)[0], ss * dual(b, b, b, 0 * b)[0]
                gap = None if lost is None else apart + (1 - apart) * lost
        return np.exp(-self.rate * np.asarray(lag))[..., None, None] * theta, c


@dataclass(frozen=True)
class Tabulated:
    """Kernels as Chebyshev series in e^{−r lag} and e^{−2rs}: for an activation whose dual is a quadrature."""

    network: Network
    series: np.ndarray
    """Coefficients (2, n, m, rows, X) of Θ^{L+1} and C^{L+1}/e^{−r lag}."""

    @classmethod
    def of(cls, network, both, n=56, m=24):
        """The series for all pairs of rows."""
        m = m if network.init != network.prior else 1
        x, z = 0.5 * (1 + chebpts1(n)), 0.5 * (1 + chebpts1(m))
        lag, s = -np.log(x)[:, None] / network.rate, -np.log(z) / (2 * network.rate)
        values = np.array(network.kernels(both, both, s + 0 * lag, lag + 0 * s)) / x[:, None, None, None]
        for axis, size in ((1, n), (2, m)):
            transform = chebvander(chebpts1(size), size - 1).T * 2 / size
            transform[0] /= 2
            values = np.moveaxis(np.tensordot(transform, values, (1, axis)), 0, axis)
        return cls(network, values)

    def kernels(self, rows, X, s, lag):
        """NDK and C^{L+1} of the first rows of the network; s is (k, 1) and lag (k, points)."""
        n, m = self.series.shape[1:3]
        part = self.series[:, :, :, : len(rows), : len(X)]
        x = np.exp(-self.network.rate * lag)
        along = chebvander(2 * np.exp(-2 * self.network.rate * s[:, 0]) - 1, m - 1)
        here = np.einsum("km,anmxz->knaxz", along, part, optimize=True).reshape(len(s), n, -1)
        values = (chebvander(2 * x - 1, n - 1) @ here).reshape(*lag.shape, 2, len(rows), len(X))
        return x[..., None, None] * values[..., 0, :, :], x[..., None, None] * values[..., 1, :, :]


def mesh(fastest, last, rate, nearest, ratio):
    """Ends of panels that grow by `ratio` from a length far below all time scales, up to fractions of σ²/T and of the distance to the
    singular point s = −nearest, where m(s,s) = 0."""
    ends = [0.0, min(1e-7 / fastest, last)]
    while ends[-1] < last:
        grow = 4 if ends[-1] < 0.05 / fastest else ratio
        longest = (ratio - 1) * min(1 / rate, last - ends[-1] + nearest)
        ends.append(min(ends[-1] + min((grow - 1) * ends[-1], longest), last))
    return np.array(ends)


def lagrange(at):
    """The Lagrange polynomials of the Radau nodes; the last axis is the node."""
    out = np.ones((*at.shape, NODES))
    for j in range(NODES):
        for k in np.delete(np.arange(NODES), j):
            out[..., j] *= (at - RADAU[k]) / (RADAU[j] - RADAU[k])
    return out


def row(kernels, X, both, time, rate, nearest, ratio):
    """Weights of the labels in f(time), (both, P), and the covariance of f(time), (both, both)."""
    P, Z = len(X), len(both)

    def at(rows, columns, s, lag):
        return kernels(rows, columns, s.reshape(len(s), -1), lag.reshape(len(s), -1))

    start = np.zeros((1, 1))
    fastest = max(np.linalg.norm(at(X, X, start + s, start)[0][0, 0], 2) for s in (0.0, time))
    ends = mesh(fastest, time, rate, nearest, ratio)
    count, sizes = len(ends) - 1, np.diff(ends)
    lags = ends[:-1, None] + RADAU * sizes[:, None]
    x, w = leggauss(GAUSS)
    simple = 0.5 * w @ lagrange(0.5 * (1 + x))
    psi, inner = np.zeros((count, NODES, P, Z)), np.zeros((count, NODES, P, Z))
    first, onto = at(both, X, np.maximum(time - lags.reshape(-1, 1), 0.0), lags.reshape(-1, 1))
    right = first.reshape(count, NODES, Z, P).transpose(0, 1, 3, 2)
    for n in range(count):
        s = np.maximum(time - lags[n], 0.0)[:, None]
        far = int(
            np.sum(ends[1 : n + 1] <= ends[n] - sizes[:n])
        )  # the integrals over nearer panels are taken in z = √(ℓ − ℓ')
        K, C = at(X, X, s, lags[n][:, None] - lags[:far].reshape(1, -1))  # (NODES, far · NODES, P, P)
        history, prior = (
            np.einsum(
                "g,ignxz,gnxc->izc", sizes[:far], M.reshape(NODES, far, NODES, P, P) * simple[:, None, None], psi[:far]
            )
            for M in (K, C)
        )
        a, b = ends[far : n + 1], np.minimum(ends[far + 1 : n + 2], lags[n][:, None])
        low, high = np.sqrt(np.maximum(lags[n][:, None] - b, 0.0)), np.sqrt(lags[n][:, None] - a)
        z = 0.5 * (low + high)[..., None] + 0.5 * (high - low)[..., None] * x  # (NODES, near, GAUSS)
        weights = (high - low)[..., None] * w * z
        basis = lagrange((lags[n][:, None, None] - z * z - a[:, None]) / sizes[far : n + 1, None])
        K, C = (
            np.einsum("ngq,ngqj,ngqxz->ngjzx", weights, basis, M.reshape(*z.shape, P, P), optimize=True)
            for M in at(X, X, s, z * z)
        )
        history += np.einsum("ngjzx,gjxc->nzc", K[:, :-1], psi[far:n])
        system = K[:, -1].transpose(0, 2, 1, 3).reshape(NODES * P, NODES * P) + np.eye(NODES * P)
        psi[n] = np.linalg.solve(system, (right[n] - history).reshape(NODES * P, Z)).reshape(NODES, P, Z)
        inner[n] = prior + np.einsum("ngjzx,gjxc->nzc", C, psi[far : n + 1])
    weights = (sizes[:, None] * simple).ravel()
    psi, inner = psi.reshape(-1, P, Z), inner.reshape(-1, P, Z)
    cross = np.einsum("n,nxp,npz->xz", weights, onto[:, 0], psi)
    twice = np.einsum("n,npx,npz->xz", weights, inner, psi)
    C = at(both, both, start + time, start)[1][0, 0]
    return np.einsum("n,npz->zp", weights, psi), C - cross - cross.T + twice + twice.T


def solve(network, X, test, y, times, ratio):
    """Mean (times, both) and covariance (times, both, both) at training and test rows."""
    both = np.vstack([X, test])
    source = Tabulated.of(network, both) if DUALS[network.name] is TANH else network
    nearest = min(1.0, network.init / network.prior) / 2 / network.rate
    solutions = [row(source.kernels, X, both, float(t), network.rate, nearest, ratio) for t in times]
    return np.array([weights @ y for weights, _ in solutions]), np.array([cov for _, cov in solutions])
