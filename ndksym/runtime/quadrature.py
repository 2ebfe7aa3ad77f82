"""The rule that is right everywhere: iterated Gauss–Legendre over panels that follow φ (theory T17, §6).

With unit normals z1, z2 and half-angle s = sin θ/2, k = cos θ/2:  u = p z1,  v = q (cos θ z1 + sin θ z2). The inner
integral
is cut where v crosses a panel edge of φ; the outer where u does, and where the inner one has a layer of width tan θ.
Nothing is assumed of p, q, θ: they may be tiny, huge, unequal, coincident or opposite.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ndksym.errors import NotDerivableError
from ndksym.runtime.panels import Panels
from ndksym.runtime.types import Array, Layer

Z = 12.0
"""Unit normals are cut off at ±Z: e^{−Z²/2} = 5e−32 leaves room for polynomial growth."""
WIDEST = 2.5
"""Widest panel, in standard deviations, on which the normal density itself is resolved."""
_LAYER = np.linspace(-10.0, 10.0, 9)
NODES = 16


@dataclass(frozen=True)
class Moments:
    """K = E φ(u)φ(v), K_dot = E φ'(u)φ'(v), and the two half-angle gaps E(φ(u)/P ∓ φ(v)/Q)²·PQ/2 = PQ ∓ K."""

    K: float
    K_dot: float
    gap: float
    cogap: float


def gauss(edges: Array, nodes: int = NODES, widest: float = WIDEST) -> tuple[Array, Array]:
    """Nodes and weights of the unit normal over [−Z, Z], cut at the edges and wherever a panel would be too wide."""
    edges = np.unique(np.append(edges[np.abs(edges) < Z], [-Z, Z]))
    lo, hi, _ = _split(edges[:-1], edges[1:], widest)
    z, w = _on_panels(lo, hi, nodes)
    return z.ravel(), w.ravel()


def _split(lo: Array, hi: Array, widest: float) -> tuple[Array, Array, NDArray[np.intp]]:
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


def _on_panels(lo: Array, hi: Array, nodes: int) -> tuple[Array, Array]:
    x, w = legendre(nodes)
    half = 0.5 * (hi - lo)
    z = (lo + half)[:, None] + half[:, None] * x
    return z, half[:, None] * w * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _outer_edges(panels: Panels, p: float, q: float, cos: float, sin: float) -> Array:
    parts = [panels.edges / p] if p > 0 else []
    if abs(cos) > 0 and q > 0:
        parts.append(panels.edges / (q * cos))
        width = sin / abs(cos)
        if 10 * width < Z:
            sharp = panels.centres[panels.widths < WIDEST * q * sin]
            parts.extend(centre / (q * cos) + width * _LAYER for centre in sharp)
    return np.concatenate([*parts, np.zeros(0)])


def follows(panels: Panels, p: Array) -> NDArray[np.bool_]:
    """Do the panels reach as far as a preactivation of norm p does?"""
    out: NDArray[np.bool_] = (p * Z <= panels.reach) & ((p >= panels.finest) | (p == 0.0))
    return out


def _check_reach(panels: Panels, p: float) -> None:
    if 0 < p < panels.finest:
        raise NotDerivableError(
            f"the numeric rule resolves this activation beside 0 for norms above {panels.finest:.3g} only; got {p:.3g}"
        )
    if p * Z > panels.reach:
        raise NotDerivableError(
            f"the numeric rule resolves this activation for |u| ≤ {panels.reach:.3g} only, "
            f"which allows variances up to {(panels.reach / Z) ** 2:.3g}; got {p * p:.3g}"
        )


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def single(layer: Layer, panels: Panels, p: float, nodes: int = NODES) -> tuple[float, float]:
    """E φ(u)², E φ'(u)² at variance p²."""
    _check_reach(panels, p)
    z, w = gauss(panels.edges / p if p > 0 else np.zeros(0), nodes)
    return float(w @ layer.phi(p * z) ** 2), float(w @ layer.dphi(p * z) ** 2)


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def radial_gap(layer: Layer, panels: Panels, p: float, q: float, P: float, Q: float) -> float:
    """PQ − K(a, b, pq) = PQ E(φ(pz)/P − φ(qz)/Q)²/2: what is left of the gap when the two inputs are parallel."""
    _check_reach(panels, max(p, q))
    z, w = gauss(np.concatenate([panels.edges / p, panels.edges / q]))
    return float(0.5 * P * Q * (w @ (layer.phi(p * z) / P - layer.phi(q * z) / Q) ** 2))


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def double(
    layer: Layer,
    panels: Panels,
    p: float,
    q: float,
    s: float,
    k: float,
    P: float,
    Q: float,
    nodes: int = NODES,
) -> Moments:
    """All moments of one pair (norms p, q, half-angle s, k); P² = E φ(u)², Q² = E φ(v)² at those norms."""
    _check_reach(panels, max(p, q))
    cos, sin = (k - s) * (k + s), 2 * s * k
    z1, w1 = gauss(_outer_edges(panels, p, q, cos, sin), nodes)
    f1, d1 = layer.phi(p * z1), layer.dphi(p * z1)
    ip, iq = (1 / P if P > 0 else 0.0), (1 / Q if Q > 0 else 0.0)
    if sin * q == 0.0:
        v = q * cos * z1
        f2, d2, w, i = layer.phi(v), layer.dphi(v), w1, slice(None)
    else:
        cuts = np.sort((panels.edges / q - cos * z1[:, None]) / sin, axis=1)
        ends = np.full((len(z1), 1), Z)
        edges = np.clip(np.concatenate([-ends, cuts, ends], axis=1), -Z, Z)
        rows, columns = np.nonzero(np.diff(edges, axis=1) > 0)
        lo, hi, owner = _split(edges[rows, columns], edges[rows, columns + 1], WIDEST)
        z2, w2 = _on_panels(lo, hi, nodes)
        rows = rows[owner]
        v = q * (cos * z1[rows, None] + sin * z2)
        f2, d2 = layer.phi(v), layer.dphi(v)
        w = w1[rows, None] * w2
        i = (rows, None)  # type: ignore[assignment]
    g1, g2 = f1[i] * ip, f2 * iq
    half_pq = 0.5 * P * Q
    return Moments(
        K=float(np.sum(w * (f1[i] * f2))),
        K_dot=float(np.sum(w * (d1[i] * d2))),
        gap=float(half_pq * np.sum(w * (g1 - g2) ** 2)),
        cogap=float(half_pq * np.sum(w * (g1 + g2) ** 2)),
    )
