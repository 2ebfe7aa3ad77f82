"""The mean predictor by a dense graded solver with kernels typed by hand: the oracle at extreme ratios σ0²/σ².

NDK(t, s) is evaluated at every pair of times that the quadrature asks for, in extended precision where variances are large.
Panels double from far below every time scale, and none is longer than its distance to the point where m(s,s) = 0. Integrals
beside s = t run over pieces that halve towards t. The caller refines the mesh until two results agree. It shares no code with
ndksym.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss, legroots


def _angle(gap, cogap):
    return 2 * np.arctan2(np.sqrt(gap), np.sqrt(cogap))


def _linear(a, b, c, gap, cogap):
    return c, 1 + 0 * c


def _relu(a, b, c, gap, cogap):
    """Cho & Saul 2009."""
    angle, sin = _angle(gap, cogap), np.sqrt(gap * cogap)
    return np.sqrt(a * b) * (sin + (np.pi - angle) * (1 - gap)) / (2 * np.pi), (np.pi - angle) / (2 * np.pi)


def _abs(a, b, c, gap, cogap):
    angle, sin = _angle(gap, cogap), np.sqrt(gap * cogap)
    return np.sqrt(a * b) * (sin + (np.pi / 2 - angle) * (1 - gap)) * 2 / np.pi, 1 - 2 * angle / np.pi


def _leaky(a, b, c, gap, cogap, slope=0.2):
    K, K_dot = _relu(a, b, c, gap, cogap)
    mixed, kinked = slope, (1 - slope) ** 2
    return mixed * c + kinked * K, mixed + kinked * K_dot


def _square(a, b, c, gap, cogap):
    return a * b + 2 * c * c, 4 * c


def _cube(a, b, c, gap, cogap):
    return 9 * a * b * c + 6 * c**3, 9 * (a * b + 2 * c * c)


def _abs_square(a, b, c, gap, cogap):
    """|u| + u²."""
    K, K_dot = _abs(a, b, c, gap, cogap)
    A, B, rho, mean = np.sqrt(a), np.sqrt(b), 1 - gap, np.sqrt(2 / np.pi)
    mixed = mean * A * B * (B * (1 + rho**2) + A * (1 + rho**2))
    return K + mixed + a * b + 2 * c * c, K_dot + 2 * mean * rho * (A + B) + 4 * c


def _det(a, b, gap, cogap, k):
    """(1 + ka)(1 + kb) − k²c²."""
    return 1 + k * (a + b) + k * k * a * b * gap * cogap


def _erf(a, b, c, gap, cogap):
    """Williams 1997."""
    root = np.sqrt(_det(a, b, gap, cogap, 2))
    return 2 / np.pi * np.arctan2(2 * c, root), 4 / (np.pi * root)


def _gelu(a, b, c, gap, cogap):
    """Tsuchida et al. 2021: Stein's lemma on u Φ(u) v Φ(v)."""
    det = _det(a, b, gap, cogap, 1)
    density = 1 / (2 * np.pi * np.sqrt(det))
    both = np.where(c < 0, 0, 0.25) + np.where(
        c < 0, np.arctan2(np.sqrt(det), -c) / (2 * np.pi), np.arctan2(c, np.sqrt(det)) / (2 * np.pi)
    )
    less = 1 / (1 + a) + 1 / (1 + b) - 1
    return (
        c * both + (a * b + c * c * less) * density,
        both + c * density * (1 + 2 * less + (a * b + c * c * less) / det),
    )


def _gaussian(a, b, c, gap, cogap):
    """e^{−u²/2}."""
    det = _det(a, b, gap, cogap, 1)
    return det**-0.5, c * det**-1.5


def _waves(a, b, c, gap, cogap):
    """E sin u sin v, E cos u cos v."""
    root, least = 2 * np.sqrt(a * b), (np.sqrt(a) - np.sqrt(b)) ** 2
    apart, across = least + root * gap, least + root * cogap
    size = np.exp(-np.minimum(apart, across) / 2) / 2
    return -np.sign(c) * size * np.expm1(-2 * np.abs(c)), size * (1 + np.exp(-2 * np.abs(c)))


def _sin(a, b, c, gap, cogap):
    return _waves(a, b, c, gap, cogap)


def _cos(a, b, c, gap, cogap):
    return _waves(a, b, c, gap, cogap)[::-1]


def _fast(a, b, c, gap, cogap):
    """sin(3u)."""
    K, K_dot = _waves(9 * a, 9 * b, 9 * c, gap, cogap)
    return K, 9 * K_dot


def _winding(a, b, c, gap, cogap):
    """u + sin u."""
    K, K_dot = _waves(a, b, c, gap, cogap)
    mixed = np.exp(-a / 2) + np.exp(-b / 2)
    return c + c * mixed + K, 1 + mixed + K_dot


DUALS = {
    "x": _linear,
    "relu": _relu,
    "abs": _abs,
    "Max(x,x/5)": _leaky,
    "x**2": _square,
    "x**3": _cube,
    "Abs(x)+x**2": _abs_square,
    "erf": _erf,
    "gelu": _gelu,
    "exp(-x**2/2)": _gaussian,
    "sin(x)": _sin,
    "cos(x)": _cos,
    "sin(3*x)": _fast,
    "x+sin(x)": _winding,
}
SCALE_FREE = ("x", "relu", "abs", "Max(x,x/5)", "x**2", "x**3")
"""Homogeneous: the variance of an input sets no time scale."""


@dataclass(frozen=True)
class Network:
    """An activation at some depth, in training: T, σ², σ0², β."""

    name: str
    depth: int
    T: float
    prior: float
    init: float
    bias: float = 0.0

    @property
    def rate(self):
        return self.T / self.prior

    @property
    def nearest(self):
        """How long before 0 m(s,s) would have been 0, as far as it matters."""
        return min(1.0, self.init / self.prior) / 2 / self.rate

    def kernel(self, rows, X, s, lag, kind):
        """NDK by T5 and T6 as they stand, rows at s + lag and X at s: (…, rows, X)."""
        s, lag = np.asarray(s, kind)[..., None, None], np.asarray(lag, kind)[..., None, None]
        early = np.exp(-2 * self.rate * s)
        ss = -self.prior * np.expm1(-2 * self.rate * s) + self.init * early
        decay, lost = np.exp(-self.rate * lag), -self.prior * np.expm1(-2 * self.rate * lag)
        tt = lost + ss * decay**2
        ts, apart = decay * ss, lost / tt / (1 + decay * np.sqrt(ss / tt))
        shift = kind(self.bias) ** 2
        rows, X = (
            np.column_stack(
                [np.asarray(each, kind) / np.sqrt(kind(each.shape[1])), np.full(len(each), kind(self.bias))]
            )
            for each in (rows, X)
        )
        xx, zz, xz = np.sum(rows**2, axis=1)[:, None], np.sum(X**2, axis=1)[None], rows @ X.T
        units = [each / np.maximum(np.sqrt(np.sum(each**2, axis=1, keepdims=True)), 1e-300) for each in (rows, X)]
        close = np.sum((units[0][:, None] - units[1]) ** 2, axis=-1) / 2
        opposite = np.sum((units[0][:, None] + units[1]) ** 2, axis=-1) / 2
        between, beyond = np.where(close < 1, (close, 2 - close), (2 - opposite, opposite))
        dual = DUALS[self.name]
        a, b, c, theta = tt * xx, ss * zz, ts * xz, xz
        gap, cogap = (apart + (1 - apart) * each for each in (between, beyond))
        for layer in range(self.depth):
            K, K_dot = dual(a, b, c, gap, cogap)
            theta = ts * K_dot * theta + K + shift
            if layer < self.depth - 1:
                own = [dual(each, each, each, 0 * each, 2 + 0 * each)[0] + shift for each in (a, b)]
                c = ts * (K + shift)
                root = np.sqrt(own[0] * own[1])
                rho = np.clip(np.where(root > 0, (K + shift) / np.where(root > 0, root, 1), 1), -1, 1)
                a, b = tt * own[0], ss * own[1]
                gap, cogap = (apart + (1 - apart) * each for each in (1 - rho, 1 + rho))
        return np.asarray(decay * theta, np.float64)


@dataclass(frozen=True)
class Rule:
    """How fine: the ratio of neighbouring panels, nodes on each, the longest panel in units of σ²/T, Gauss points on a piece."""

    ratio: float
    nodes: int
    longest: float
    gauss: int

    @property
    def radau(self):
        """Right Radau nodes on (0, 1], their weights and barycentric weights."""
        n = self.nodes
        x = 0.5 * (1 + np.sort(legroots(np.eye(n + 1)[n - 1] - np.eye(n + 1)[n])))
        x[-1] = 1.0
        gaps = 4 * (x[:, None] - x)
        barycentric = 1 / np.prod(gaps + np.eye(n), axis=1)
        points, w = leggauss(n)
        return x, 0.5 * w @ interpolate(0.5 * (1 + points), x, barycentric), barycentric


COARSE, FINE = Rule(2.2, 12, 0.5, 10), Rule(1.8, 16, 0.35, 14)


def interpolate(at, x, barycentric):
    """The polynomials of the nodes; a last axis for the node."""
    gaps = at[..., None] - x
    exact = np.abs(gaps) < 1e-15
    terms = barycentric / np.where(exact, 1.0, gaps)
    out = terms / terms.sum(axis=-1, keepdims=True)
    hit = exact.any(axis=-1)
    out[hit] = exact[hit]
    return out


def mesh(fastest, last, network, rule):
    """Ends of the panels."""
    ends = [0.0, min(1e-7 / fastest, 0.1 * network.nearest, last)]
    while ends[-1] < last:
        longest = rule.longest * min(2 * (ends[-1] + network.nearest), 1 / network.rate)
        grow = 3.0 if ends[-1] < 0.03 / fastest else rule.ratio
        ends.append(min(ends[-1] + min((grow - 1) * ends[-1], longest), last))
    return np.array(ends)


def mean(network, X, rows, y, times, rule):
    """f (times, X and rows, outputs) for y (P, outputs); of equal rows of X only the mean of y is ever learnt."""
    distinct, which, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    which = which.ravel()
    means = np.zeros((len(distinct), y.shape[1]))
    np.add.at(means, which, y / counts[which, None])
    f = _distinct_mean(network, distinct, counts, rows, means, times, rule)
    return np.concatenate([f[:, which], f[:, len(distinct) :]], axis=1)


def _distinct_mean(network, X, counts, rows, y, times, rule):
    """The same for distinct rows, each of which occurs so many times."""
    P, both, rate = len(X), np.vstack([X, rows]), network.rate
    x, w, barycentric = rule.radau
    points, v = leggauss(rule.gauss)
    size = max(1.0, network.init, network.prior) * (np.mean(both**2, axis=1).max() + network.bias**2)
    kind = np.longdouble if size > 30 and network.name not in SCALE_FREE else np.float64
    sharp = 1.0 if network.name in SCALE_FREE else max(1.0, 9 * size) ** network.depth
    finest = 0.3 / rate / sharp

    def kernel(rows, s, lag):
        return counts * network.kernel(rows, X, s, lag, kind)

    fastest = np.linalg.norm(kernel(X, 0.0, 0.0), 2)
    ends = mesh(max(fastest, rate), times[-1], network, rule)
    sizes, count = np.diff(ends), len(ends) - 1
    nodes = ends[:-1, None] + x * sizes[:, None]
    delta = np.zeros((count, rule.nodes, P, y.shape[1]))

    def near(t, first, n, rows):
        """∫_{ends[first]}^t K(t, s) ℓ_j(s) ds for panels first … n: (panels, nodes, rows, P)."""
        reach = t - ends[first]
        halves = int(np.clip(np.ceil(np.log2(max(reach / finest, 1.0))), 2, 90))
        cuts = np.concatenate([[0.0], reach * 2.0 ** -np.arange(halves, -1, -1), t - ends[first + 1 : n + 1]])
        cuts = np.unique(cuts[cuts >= 0])
        low, high = np.sqrt(cuts[:-1]), np.sqrt(cuts[1:])
        z = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * points
        lag, weight = (z * z).ravel(), ((high - low)[:, None] * v * z).ravel()
        s = np.maximum(t - lag, 0.0)
        middle = np.repeat(t - 0.5 * (cuts[:-1] + cuts[1:]), len(points))
        panel = np.clip(np.searchsorted(ends, middle) - 1, first, n)
        basis = interpolate((s - ends[panel]) / sizes[panel], x, barycentric) * weight[:, None]
        K = kernel(rows, s, lag)
        return np.array([np.einsum("gj,gxz->jxz", basis[panel == m], K[panel == m]) for m in range(first, n + 1)])

    def far_panels(start):
        """How many panels lie at least their own length before `start`."""
        return int(np.sum(ends[1:] <= start - sizes)) if start > 0 else 0

    def history(t, far, rows):
        """Sum over the far panels: (times, rows, outputs)."""
        if far == 0:
            return np.zeros((len(t), len(rows), y.shape[1]))
        s = nodes[:far].ravel()
        K = kernel(rows, np.broadcast_to(s, (len(t), len(s))), t[:, None] - s)
        return np.einsum(
            "txmp,m,mpo->txo",
            K.transpose(0, 2, 1, 3),
            (sizes[:far, None] * w).ravel(),
            delta[:far].reshape(-1, P, y.shape[1]),
        )

    for n in range(count):
        far = far_panels(ends[n])
        beside = np.array([near(t, far, n, X) for t in nodes[n]])  # (nodes, panels, nodes, P, P)
        known = y - history(nodes[n], far, X)
        known = known - np.einsum("imjxz,mjzo->ixo", beside[:, :-1], delta[far:n])
        system = beside[:, -1].transpose(0, 2, 1, 3).reshape(rule.nodes * P, -1) + np.eye(rule.nodes * P)
        delta[n] = np.linalg.solve(system, known.reshape(rule.nodes * P, -1)).reshape(delta[n].shape)
    out = np.zeros((len(times), len(both), y.shape[1]))
    for k, t in enumerate(times):
        if t > 0:
            n = min(int(np.searchsorted(ends, t)) - 1, count - 1)
            far = min(far_panels(ends[n]), n)
            out[k] = history(np.array([t]), far, both)[0]
            out[k] += np.einsum("mjxz,mjzo->xo", near(t, far, n, both), delta[far : n + 1])
    return out
