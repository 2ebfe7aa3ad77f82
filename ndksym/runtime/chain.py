"""The layer recursion T5 for pairs of rows, in float64 or, outside its range, in numbers m·2^e.

Per pair, the covariance and the two half-angles pass from layer to layer. Between two times they are mixed with the
correlation of the prior μ = m(t,s)/√(m(t,t) m(s,s)), where 1 − μ is formed by expm1 (theory §6).
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from ndksym.runtime import angles, beyond
from ndksym.runtime.layer import Pairs, evaluate
from ndksym.runtime.preactivations import LayerRules, Preactivations
from ndksym.runtime.prior import Prior, Priors
from ndksym.runtime.types import Array, Indices
from ndksym.runtime.wide import Number, Wide, floats, pick, root, wide

__all__ = ["InputPairs", "Part", "Recursion", "chain", "diagonal", "input_pairs", "preactivations"]

Part = Literal["covariance", "ntk", "readout", "hidden"]
"""C^{L+1} = m(t,s) (K^L + β²); Θ^{L+1} = m(t,s) K_dot^L Θ^L + K^L + β²; K^L + β²; K_dot^L Θ^L."""


@dataclass(frozen=True)
class Recursion:
    """What distinguishes one recursion of a network from another: the prior at its times, β, and the part of the result."""

    prior: Prior | Priors
    beta: float
    part: Part


@dataclass(frozen=True)
class InputPairs:
    """Pairs of inputs before the first layer: norms, inner products (m·2^e if outside float64) and half-angles."""

    i: Indices
    j: Indices
    p: Array
    q: Array
    c: Number
    s: Array
    k: Array

    def tiled(self, count: int) -> "InputPairs":
        """All pairs, repeated `count` times; c must be in float64."""
        i, j = np.tile(self.i, count), np.tile(self.j, count)
        return InputPairs(i, j, *(np.tile(each, count) for each in (self.p, self.q, self.c, self.s, self.k)))


def input_pairs(first: angles.Inputs, second: angles.Inputs, far: bool, i: Indices, j: Indices) -> InputPairs:
    """The pairs (i, j), with inner products m·2^e if `far`."""
    p, q = first.norms[i], second.norms[j]
    c: Number = _inner_products(first.rows, second.rows, i, j)
    with np.errstate(all="ignore"):
        if far:
            c = pick((np.abs(c) > angles.SMALLEST) & np.isfinite(c), c, angles.inner_products(first, second, i, j))
        rho = np.where((p > 0) & (q > 0), floats(c / p / q), 0.0)
    return InputPairs(i, j, p, q, c, *angles.half_angles(first, second, i, j, rho))


def chain(
    rows: list[Preactivations], rows2: list[Preactivations], inputs: InputPairs, i: Indices, j: Indices, of: Recursion
) -> Number:
    """The recursion for the pairs (i, j) of `rows` and `rows2`, which hold one entry per layer.

    It is in float64 or, if the inner products of the inputs are wide, in numbers m·2^e.
    """
    prior, beta = of.prior, of.beta
    lift = wide if isinstance(inputs.c, Wide) else np.asarray
    rule = beyond.evaluate if isinstance(inputs.c, Wide) else partial(evaluate, rough=isinstance(prior, Priors))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        theta = hidden = inputs.c
        shift = lift(beta) * beta
        p, q = lift(inputs.p), lift(inputs.q)
        outputs = _Outputs(p, q, inputs.c, 2 * p * q * inputs.s**2, 2 * p * q * inputs.k**2)
        pairs = _next_pairs(i, j, outputs, prior, 0.0)
        for level, (row, row2) in enumerate(zip(rows, rows2, strict=True)):
            values = rule(row, row2, pairs, last=level + 1 == len(rows))
            if of.part in ("ntk", "hidden"):
                hidden = values.K_dot * theta
                theta = prior.cross * hidden + values.K + shift
            outputs = _Outputs(lift(row.P[i]), lift(row2.P[j]), values.K, values.PQ_minus_K, values.PQ_plus_K)
            pairs = _next_pairs(i, j, outputs, prior, beta)
        return _chosen(of.part, prior.cross, theta, hidden, outputs.K + shift)


def preactivations(
    rules: tuple[LayerRules, ...], squared_norms: Array, norms: Array, variance: float | Array, beta: float
) -> list[Preactivations]:
    """The rows at every layer: a^1 = m |x|²/N_0 (with the bias), a^{l+1} = m (K(a^l) + β²)."""
    out: list[Preactivations] = []
    for rule in rules:
        with np.errstate(over="ignore", under="ignore"):
            out.append(Preactivations(rule, variance * squared_norms, np.sqrt(variance) * norms))
            squared_norms, norms = out[-1].K + np.square(beta), np.hypot(out[-1].P, beta)
    return out


def diagonal(rows: list[Preactivations], inputs: angles.Inputs, of: Recursion) -> Array:
    """The same recursion for pairs of equal inputs at one time: a function of a alone, so always well conditioned."""
    variance, beta = of.prior.first, of.beta
    with np.errstate(all="ignore"):
        theta = hidden = inputs.squared_norms
        for row in rows:
            hidden = row.K_dot * theta
            theta = variance * hidden + row.K + beta * beta
        out: Array = _chosen(of.part, variance, theta, hidden, rows[-1].K + beta * beta)
        far = np.any([row.far for row in rows], axis=0)
        if far.any():
            shift, tangent = wide(beta) * beta, wide(inputs.norms[far]) ** 2
            for row in rows:
                K, K_dot = (wide(length[far]) ** 2 for length in row.lengths)
                within = K_dot * tangent
                tangent = variance * within + K + shift
            out[far] = floats(_chosen(of.part, variance, tangent, within, K + shift))
    return out


def _chosen(part: Part, cross: float | Array, theta: Number, hidden: Number, readout: Number) -> Number:
    """One part of what the last layer gives."""
    with np.errstate(over="ignore"):
        return {"covariance": cross * readout, "ntk": theta, "readout": readout, "hidden": hidden}[part]


@dataclass(frozen=True)
class _Outputs:
    """What a layer gives for every pair: norms P and Q, K, and PQ ∓ K."""

    P: Number
    Q: Number
    K: Number
    PQ_minus_K: Number
    PQ_plus_K: Number


def _next_pairs(i: Indices, j: Indices, outputs: _Outputs, prior: Prior | Priors, beta: float) -> Pairs:
    """C = m(t,s)(K + β²), and its half-angles from PQ ∓ K by a sum of nonnegative terms."""
    P, Q = outputs.P, outputs.Q
    with np.errstate(all="ignore"):
        R = P * Q
        bend: Number = 0.0
        shift = (wide(beta) if isinstance(P, Wide) else beta) * beta
        if beta:
            R = _hypot(P, beta) * _hypot(Q, beta)
            bend = (beta * (P - Q)) ** 2 / (R + P * Q + shift)
        narrow = prior.nu * R + prior.mu * (outputs.PQ_minus_K + bend)
        broad = prior.nu * R + prior.mu * (outputs.PQ_plus_K + bend + 2 * shift)
        total = narrow + broad
        s, k = _root(narrow / total), _root(broad / total)
        usual = np.isfinite(s) & np.isfinite(k)
        s, k = (np.where(usual, each, np.sqrt(0.5)) for each in (s, k))
        return Pairs(i, j, prior.cross * (outputs.K + shift), s, k)


def _hypot(x: Number, y: float) -> Number:
    return wide(np.hypot(x.floats, y)) if isinstance(x, Wide) else np.hypot(x, y)


def _root(x: Number) -> Array:
    return root(x).floats if isinstance(x, Wide) else np.sqrt(x)


def _inner_products(rows: Array, rows2: Array, i: Indices, j: Indices) -> Array:
    """x_i·x_j for a block of consecutive i."""
    lo, hi = int(i.min()), int(i.max()) + 1
    return np.asarray((rows[lo:hi] @ rows2.T)[i - lo, j], dtype=np.float64)
