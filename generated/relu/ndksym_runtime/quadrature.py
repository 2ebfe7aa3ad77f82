"""The rule that is right everywhere: iterated Gauss–Legendre over panels that follow φ (theory T17, §6).

With unit normals z1, z2 and half-angle s = sin θ/2, k = cos θ/2:  u = p z1,  v = q (cos θ z1 + sin θ z2). The inner
integral is cut where v crosses a panel edge of φ; the outer one where u does, and where the inner one has a layer of
width tan θ. Nothing is assumed of p, q, θ: they may be tiny, huge, unequal, coincident or opposite.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from .errors import NotDerivableError
from .panels import ActivationPanels
from .types import Array, Indices, Mask, NumericLayer

Z = 12.0
"""Unit normals are cut off at ±Z: e^{−Z²/2} = 5e−32 leaves room for polynomial growth."""
WIDEST = 2.5
"""Widest panel, in standard deviations, on which the normal density itself is resolved."""
_STEPS = np.linspace(-Z, Z, int(np.ceil(2 * Z / WIDEST)) + 1)
_TOGETHER = 128
"""Pairs that `radial_PQ_minus_K` evaluates together: their nodes take a few MB."""
_ROUNDED = 1e-3
"""A sum that is this small beside its terms has lost digits that another form of it may have kept."""
_LAYER = np.linspace(-10.0, 10.0, 9)
NODES = 16


@dataclass(frozen=True)
class GaussianPair:
    """One pair of preactivations: norms p and q, half-angle s = sin θ/2, k = cos θ/2, and output norms P and Q."""

    p: float
    q: float
    s: float
    k: float
    P: float
    Q: float

    @property
    def cos(self) -> float:
        """cos θ."""
        return (self.k - self.s) * (self.k + self.s)

    @property
    def sin(self) -> float:
        """sin θ."""
        return 2 * self.s * self.k

    @property
    def degenerate(self) -> bool:
        """Whether one of the four norms is 0."""
        return 0.0 in (self.p, self.q, self.P, self.Q)


@dataclass(frozen=True)
class PairExpectation:
    """Expectations of one pair: K_dot = E φ'(u)φ'(v), and quantities without dimension.

    `ratio` = K/PQ, `slope` = pq K_dot/PQ, `narrow` and `broad` = E(φ(u)/P ∓ φ(v)/Q)²/2 = 1 ∓ K/PQ, and
    `size` = E|φ(u)φ(v)|/PQ.
    """

    P: float
    Q: float
    ratio: float
    K_dot: float
    slope: float
    narrow: float
    broad: float
    size: float

    @property
    def K(self) -> float:
        """E φ(u)φ(v)."""
        return self.P * self.Q * self.ratio

    @property
    def PQ_minus_K(self) -> float:
        """PQ − K."""
        return self.P * self.Q * self.narrow

    @property
    def PQ_plus_K(self) -> float:
        """PQ + K."""
        return self.P * self.Q * self.broad


@dataclass(frozen=True)
class Nodes:
    """Values at the nodes of one pair: φ(u)/P and φ(v)/Q, φ'(u) and φ'(v), unit normals z1 and z2, and weights."""

    values: tuple[Array, Array]
    slopes: tuple[Array, Array]
    normals: tuple[Array, Array]
    w: Array


SUMS = 9


def summed(nodes: Nodes, pair: GaussianPair) -> Array:
    """What one set of nodes contributes to the sums from which `pair_expectation` is computed."""
    (g1, g2), (d1, d2), (z1, z2), w = nodes.values, nodes.slopes, nodes.normals, nodes.w
    p, q, P, Q, cos, sin = pair.p, pair.q, pair.P, pair.Q, pair.cos, pair.sin
    both = w * (g1 * g2)
    slope = (w * (d1 * (p / P if P > 0 else 0.0))) * (d2 * (q / Q if Q > 0 else 0.0))
    score = both * (z1 * z2 * sin - cos * (z2 - 1) * (z2 + 1)) / (sin * sin) if sin > 0 else 0 * both
    squares = (0.5 * np.sum(w * (g1 - g2) ** 2), 0.5 * np.sum(w * (g1 + g2) ** 2))
    sizes = (np.sum(np.abs(x)) for x in (both, slope, score))
    return np.array([np.sum(both), np.sum(w * (d1 * d2)), np.sum(slope), *squares, *sizes, np.sum(score)])


def pair_expectation(pair: GaussianPair, sums: Array) -> PairExpectation:
    """The expectations of a pair from all its sums.

    Where φ' changes sign, as that of a peak does, E φ'φ' cancels. Integrated by parts, pq K_dot is the mean of φφ times
    the score of the density; of the two forms the one that has lost fewer digits is taken.
    """
    *values, slope_size, score_size, score = map(float, sums)
    out = PairExpectation(pair.P, pair.Q, *values)
    lost = slope_size * _ROUNDED > abs(out.slope) and score_size * abs(out.slope) < slope_size * abs(score)
    if not lost or pair.sin * pair.p * pair.q * pair.P * pair.Q == 0.0:
        return out
    return replace(out, slope=score, K_dot=score * (pair.P / pair.p) * (pair.Q / pair.q))


def gauss(edges: Array, nodes: int = NODES, widest: float = WIDEST) -> tuple[Array, Array]:
    """Nodes and weights of the unit normal over [−Z, Z], cut at the edges and wherever a panel would be too wide."""
    edges = np.unique(np.append(edges[np.abs(edges) < Z], [-Z, Z]))
    lo, hi, _ = _split(edges[:-1], edges[1:], widest)
    z, w = on_panels(lo, hi, nodes)
    return z.ravel(), w.ravel()


def _split(lo: Array, hi: Array, widest: float) -> tuple[Array, Array, Indices]:
    """Each (lo, hi) in equal parts no wider than `widest`, with the index of the panel each came from."""
    parts = np.ceil((hi - lo) / widest).astype(int)
    owner = np.repeat(np.arange(len(lo)), parts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    width = (hi - lo)[owner] / parts[owner]
    start = lo[owner] + place * width
    return start, start + width, owner


@lru_cache(maxsize=16)
def legendre(nodes: int) -> tuple[Array, Array]:
    """The Gauss–Legendre rule on [−1, 1]."""
    return np.polynomial.legendre.leggauss(nodes)


def on_panels(lo: Array, hi: Array, nodes: int = NODES) -> tuple[Array, Array]:
    """Nodes of the unit normal on each panel, and their weights: (panels, nodes) each."""
    x, w = legendre(nodes)
    half = 0.5 * (hi - lo)
    z = (lo + half)[:, None] + half[:, None] * x
    return z, half[:, None] * w * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def slope(layer: NumericLayer, u: Array) -> Array:
    """φ'(u), or 0 at a break where it is infinite: a node may coincide with a break by rounding, and has measure 0."""
    values = layer.dphi(u)
    infinite = np.isinf(values)
    return np.where(infinite & np.isin(u, layer.breaks), 0.0, values) if infinite.any() else values


def outer_edges(panels: ActivationPanels, pair: GaussianPair) -> Array:
    """Where the outer integrand changes: u or v is at an edge of φ, or the inner integral at a centre."""
    parts = [panels.edges / pair.p] if pair.p > 0 else []
    q, cos, sin = pair.q, pair.cos, pair.sin
    if abs(cos) > 0 and q > 0:
        parts.append(panels.edges / (q * cos))
        width = sin / abs(cos)
        if 10 * width < Z:
            sharp = panels.centres[panels.widths < WIDEST * q * sin]
            parts.extend(centre / (q * cos) + width * _LAYER for centre in sharp)
    return np.concatenate([*parts, np.zeros(0)])


def follows(panels: ActivationPanels, p: Array) -> Mask:
    """Whether the panels extend as far as a preactivation of norm p does."""
    out: Mask = (p * Z <= panels.reach) & ((p >= panels.finest) | (p == 0.0))
    return out


def check_reach(panels: ActivationPanels, p: float) -> None:
    """Raise NotDerivableError unless the panels `follow` norm p."""
    if 0 < p < panels.finest:
        raise NotDerivableError(
            f"the numeric rule resolves this activation beside 0 for norms above {panels.finest:.3g} only; got {p:.3g}"
        )
    if p * Z > panels.reach:
        raise NotDerivableError(
            f"the numeric rule resolves this activation for |u| ≤ {panels.reach:.3g} only, "
            f"which allows variances up to {(panels.reach / Z) ** 2:.3g}; got {p * p:.3g}"
        )


@np.errstate(over="ignore", divide="ignore", invalid="ignore", under="ignore")
def single(layer: NumericLayer, panels: ActivationPanels, p: float, nodes: int = NODES) -> tuple[float, float]:
    """E φ(u)² and E φ'(u)² at variance p²."""
    check_reach(panels, p)
    z, w = gauss(panels.edges / p if p > 0 else np.zeros(0), nodes)
    return float(w @ layer.phi(p * z) ** 2), float(w @ slope(layer, p * z) ** 2)


def lengths(layer: NumericLayer, panels: ActivationPanels, p: float) -> tuple[float, float]:
    """√E φ(u)² and √E φ'(u)², without over- or underflow of the squares."""
    check_reach(panels, p)
    z, w = gauss(panels.edges / p if p > 0 else np.zeros(0))
    return length(w, layer.phi(p * z)), length(w, slope(layer, p * z))


@np.errstate(over="ignore", invalid="ignore", under="ignore")
def length(w: Array, x: Array) -> float:
    """√Σ w x², without over- or underflow of the squares."""
    x = np.nan_to_num(np.abs(np.sqrt(w) * x), nan=0.0, posinf=np.inf)
    top = float(x.max())
    return top * float(np.linalg.norm(x / top)) if 0 < top < np.inf else top


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def radial_PQ_minus_K(layer: NumericLayer, panels: ActivationPanels, p: Array, q: Array, P: Array, Q: Array) -> Array:
    """PQ − K of many pairs of parallel inputs: K(a, b, pq) leaves PQ E(φ(pz)/P − φ(qz)/Q)²/2."""
    check_reach(panels, float(np.max(np.maximum(p, q), initial=0.0)))
    out = np.zeros(len(p))
    for begin in range(0, len(p), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        norms, lengths = (p[part, None], q[part, None]), (P[part, None], Q[part, None])
        edges = np.hstack(
            [*(panels.edges / norm for norm in norms), np.broadcast_to(_STEPS, (len(norms[0]), len(_STEPS)))]
        )
        edges = np.sort(np.clip(edges, -Z, Z), axis=1)
        owner, column = np.nonzero(np.diff(edges, axis=1) > 0)
        z, w = on_panels(edges[owner, column], edges[owner, column + 1])
        first, second = (
            layer.phi(norm[owner] * z) / length[owner] for norm, length in zip(norms, lengths, strict=True)
        )
        out[part] = np.bincount(owner, np.sum(w * (first - second) ** 2, axis=1), len(norms[0]))
    return 0.5 * P * Q * out


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def double(layer: NumericLayer, panels: ActivationPanels, pair: GaussianPair, nodes: int = NODES) -> PairExpectation:
    """All expectations of one pair; P² = E φ(u)² and Q² = E φ(v)² at its norms."""
    p, q, P, Q, cos, sin = pair.p, pair.q, pair.P, pair.Q, pair.cos, pair.sin
    check_reach(panels, max(p, q))
    z1, w1 = gauss(outer_edges(panels, pair), nodes)
    f1, d1 = layer.phi(p * z1), slope(layer, p * z1)
    if sin * q == 0.0:
        v = q * cos * z1
        z2, w = np.zeros(1), w1
    else:
        cuts = np.sort((panels.edges / q - cos * z1[:, None]) / sin, axis=1)
        ends = np.full((len(z1), 1), Z)
        edges = np.clip(np.concatenate([-ends, cuts, ends], axis=1), -Z, Z)
        rows, columns = np.nonzero(np.diff(edges, axis=1) > 0)
        lo, hi, owner = _split(edges[rows, columns], edges[rows, columns + 1], WIDEST)
        z2, w2 = on_panels(lo, hi, nodes)
        rows = rows[owner]
        v = q * (cos * z1[rows, None] + sin * z2)
        w = w1[rows, None] * w2
        z1, f1, d1 = z1[rows, None], f1[rows, None], d1[rows, None]
    values = f1 * (1 / P if P > 0 else 0.0), layer.phi(v) * (1 / Q if Q > 0 else 0.0)
    return pair_expectation(pair, summed(Nodes(values, (d1, slope(layer, v)), (z1, z2), w), pair))
