"""The layer recursion T5 for pairs of rows, in float64 or, where that ends, in numbers m·2^e.

What passes from layer to layer is, per pair, the covariance and the two half-angles; across times the prior's correlation
μ = m(t,s)/√(m(t,t) m(s,s)) is mixed in, 1 − μ formed by expm1
(theory.md, "Coincident inputs").
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import angles, beyond
from .layer import Pairs, evaluate
from .preactivations import Rows, Rule
from .prior import Prior, Priors
from .types import Array
from .wide import Number, Wide, floats, pick, root, wide

__all__ = ["Base", "Part", "base_pairs", "chain", "diagonal", "rows_of"]

Part = Literal["covariance", "ntk", "readout", "hidden"]
"""C^{L+1} = m(t,s) (K^L + β²); Θ^{L+1} = m(t,s) K_dot^L Θ^L + K^L + β²; K^L + β²; K_dot^L Θ^L."""


@dataclass(frozen=True)
class Base:
    """Pairs of inputs before the first layer: norms, inner products (m·2^e if beyond float64) and half-angles."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    p: Array
    q: Array
    c: Number
    s: Array
    k: Array

    def tiled(self, count: int) -> "Base":
        """All of them `count` times; c is in float64."""
        i, j = np.tile(self.i, count), np.tile(self.j, count)
        return Base(i, j, *(np.tile(each, count) for each in (self.p, self.q, self.c, self.s, self.k)))


def base_pairs(
    first: angles.Points, second: angles.Points, far: bool, i: NDArray[np.intp], j: NDArray[np.intp]
) -> Base:
    """The pairs (i, j), for numbers m·2^e if `far`."""
    p, q = first.norms[i], second.norms[j]
    c: Number = _inner_products(first.rows, second.rows, i, j)
    with np.errstate(all="ignore"):
        if far:
            c = pick((np.abs(c) > angles.SMALLEST) & np.isfinite(c), c, angles.inner_products(first, second, i, j))
        rho = np.where((p > 0) & (q > 0), floats(c / p / q), 0.0)
    return Base(i, j, p, q, c, *angles.half_angles(first, second, i, j, rho))


def chain(
    rows: list[Rows],
    rows2: list[Rows],
    base: Base,
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    prior: Prior | Priors,
    beta: float,
    part: Part,
) -> Number:
    """The recursion for the pairs (i, j) of `rows` and `rows2`, in float64 or, where c is wide, in numbers m·2^e."""
    lift = wide if isinstance(base.c, Wide) else np.asarray
    rule = beyond.evaluate if isinstance(base.c, Wide) else partial(evaluate, rough=isinstance(prior, Priors))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        theta = hidden = base.c
        shift = lift(beta) * beta
        p, q = lift(base.p), lift(base.q)
        pairs = _step(i, j, p, q, base.c, 2 * p * q * base.s**2, 2 * p * q * base.k**2, prior, 0.0)
        for level, (row, row2) in enumerate(zip(rows, rows2, strict=True)):
            values = rule(row, row2, pairs, last=level + 1 == len(rows))
            if part in ("ntk", "hidden"):
                hidden = values.K_dot * theta
                theta = prior.cross * hidden + values.K + shift
            output = values.K
            P, Q = lift(row.P[i]), lift(row2.P[j])
            pairs = _step(i, j, P, Q, output, values.gap, values.cogap, prior, beta)
        return _chosen(part, prior.cross, theta, hidden, output + shift)


def rows_of(rules: tuple[Rule, ...], moment: Array, norm: Array, variance: float | Array, beta: float) -> list[Rows]:
    """The rows at every layer: a^1 = m κ, a^{l+1} = m (K(a^l) + β²)."""
    out: list[Rows] = []
    for rule in rules:
        with np.errstate(over="ignore", under="ignore"):
            out.append(Rows(rule, variance * moment, np.sqrt(variance) * norm))
            moment, norm = out[-1].K + np.square(beta), np.hypot(out[-1].P, beta)
    return out


def diagonal(rows: list[Rows], points: angles.Points, variance: float, beta: float, part: Part) -> Array:
    """The same recursion where the two inputs are one: in a alone, so always well conditioned."""
    with np.errstate(all="ignore"):
        theta = hidden = points.moments
        for row in rows:
            hidden = row.K_dot * theta
            theta = variance * hidden + row.K + beta * beta
        out: Array = _chosen(part, variance, theta, hidden, rows[-1].K + beta * beta)
        far = np.any([row.far for row in rows], axis=0)
        if far.any():
            shift, tangent = wide(beta) * beta, wide(points.norms[far]) ** 2
            for row in rows:
                K, K_dot = (wide(length[far]) ** 2 for length in row.lengths)
                within = K_dot * tangent
                tangent = variance * within + K + shift
            out[far] = floats(_chosen(part, variance, tangent, within, K + shift))
    return out


def _chosen(part: Part, cross: float | Array, theta: Number, hidden: Number, readout: Number) -> Number:
    """The part asked for, of what the last layer left."""
    with np.errstate(over="ignore"):
        return {"covariance": cross * readout, "ntk": theta, "readout": readout, "hidden": hidden}[part]


def _step(
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    P: Number,
    Q: Number,
    K: Number,
    gap: Number,
    cogap: Number,
    prior: Prior | Priors,
    beta: float,
) -> Pairs:
    """C = m(t,s)(K + β²) and its half-angles from PQ ∓ K, every term of which is nonnegative."""
    with np.errstate(all="ignore"):
        R = P * Q
        bend: Number = 0.0
        shift = (wide(beta) if isinstance(P, Wide) else beta) * beta
        if beta:
            R = _hypot(P, beta) * _hypot(Q, beta)
            bend = (beta * (P - Q)) ** 2 / (R + P * Q + shift)
        narrow = prior.nu * R + prior.mu * (gap + bend)
        broad = prior.nu * R + prior.mu * (cogap + bend + 2 * shift)
        total = narrow + broad
        s, k = _root(narrow / total), _root(broad / total)
        usual = np.isfinite(s) & np.isfinite(k)
        s, k = (np.where(usual, each, np.sqrt(0.5)) for each in (s, k))
        return Pairs(i, j, prior.cross * (K + shift), s, k)


def _hypot(x: Number, y: float) -> Number:
    return wide(np.hypot(x.floats, y)) if isinstance(x, Wide) else np.hypot(x, y)


def _root(x: Number) -> Array:
    return root(x).floats if isinstance(x, Wide) else np.sqrt(x)


def _inner_products(rows: Array, rows2: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> Array:
    """x_i·x_j for a block of consecutive i."""
    lo, hi = int(i.min()), int(i.max()) + 1
    return np.asarray((rows[lo:hi] @ rows2.T)[i - lo, j], dtype=np.float64)
