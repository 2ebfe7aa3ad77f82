"""The operator norm of ∇²f, over all weights and biases, of one network at one input.

One input's Hessian maps any direction V to Rδ_l ã_{l−1}ᵀ + δ_l Rã_{l−1}ᵀ in layer l, where R is the derivative along V and ã
is a with β below it (a bias is a weight from β). All it sees and all it gives therefore lies in V_l = p_l âᵀ + δ̂_l q_lᵀ with
q_l ⟂ ã_{l−1}, hats for unit vectors. In (p_l, q_l), which are isometric coordinates, it has about (2L + 1) N rows, not LN².
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from ndksym.runtime.types import Array
from ndksym.simulation.networks.network import Networks, Nonlinearity, backward, forward

_FEW = 64
"""Rows up to which the matrix itself is formed."""
_TOLERANCE = 1e-8
_TINY = float(np.finfo(float).tiny) ** 0.25
"""For |ã| of layers whose units are all silent."""


class Curved(Nonlinearity, Protocol):
    """φ, φ′ and φ″ of one hidden layer."""

    def ddphi(self, u: Array) -> Array: ...


@dataclass(frozen=True)
class Hessian:
    """∇²f in the coordinates above. Of every layer: weights, ã, |ã|, δ, |δ|; of the hidden ones φ′(h)/√N, φ″(h)/√N ∘ Wᵀδ."""

    weights: list[Array]
    seen: list[Array]
    sent: list[Array]
    slopes: list[Array]
    bends: list[Array]

    @property
    def size(self) -> int:
        """Number of coordinates: p_1 … p_{L+1}, then q_2 … q_{L+1}; the first layer's input never changes."""
        return sum(len(delta) for delta in self.sent) + sum(len(each) for each in self.seen[1:])

    def apply(self, z: Array) -> Array:
        """∇²f z, by differentiating both passes along z."""
        p, q = self._parts(np.asarray(z, dtype=np.float64).ravel())
        forward_: list[Array] = []
        moved = np.zeros(0)
        for layer, (W, a) in enumerate(zip(self.weights, self.seen, strict=True)):
            Rh = p[layer] * np.linalg.norm(a)
            if layer:
                Rh = Rh + W @ moved
            forward_.append(Rh)
            if layer < len(self.slopes):
                moved = self.slopes[layer] * Rh
        back = np.zeros(1)
        out_p, out_q = [np.zeros(0)] * len(p), [np.zeros(0)] * len(p)
        for layer in range(len(self.weights) - 1, -1, -1):
            a, delta = self.seen[layer], self.sent[layer]
            size, length = max(float(np.linalg.norm(a)), _TINY), float(np.linalg.norm(delta))
            out_p[layer] = size * back
            if not layer:
                break
            Ra = np.zeros_like(a)
            units = len(self.slopes[layer - 1])
            Ra[:units] = self.slopes[layer - 1] * forward_[layer - 1]
            along = float(Ra @ a) / size**2
            out_p[layer] = out_p[layer] + delta * along * size
            out_q[layer] = length * (Ra - along * a)
            V = a[:units] * (float(p[layer] @ delta) / size) + length * q[layer][:units]
            back = self.bends[layer - 1] * forward_[layer - 1] + self.slopes[layer - 1] * (
                V + self.weights[layer].T @ back
            )
        return np.concatenate([*out_p, *out_q[1:]])

    def _parts(self, z: Array) -> tuple[list[Array], list[Array]]:
        """p_l and q_l, the latter made orthogonal to ã."""
        sizes = [len(delta) for delta in self.sent] + [len(each) for each in self.seen[1:]]
        parts = np.split(z, np.cumsum(sizes)[:-1])
        p, q = parts[: len(self.sent)], parts[len(self.sent) :]
        clean = [v - a * (float(v @ a) / max(float(a @ a), _TINY**2)) for v, a in zip(q, self.seen[1:], strict=True)]
        return p, [np.zeros(0), *clean]


def hessian(of: Networks, hidden: Sequence[Curved], x: Array) -> Hessian:
    """Of the first of these networks at a column x, which is divided by √N_0 already."""
    seen = forward(of, x)
    deltas = [delta[0, 0, :, 0] for delta in backward(of, seen, np.ones_like(seen.f))]
    weights = [W[0, 0] for W in of.weights]
    below = [of.beta] if of.biases else []
    slopes, bends = [], []
    for layer, (each, h) in enumerate(zip(hidden, (h[0, 0, :, 0] for h in seen.before), strict=True)):
        slopes.append(each.dphi(h) / np.sqrt(len(h)))
        bends.append(each.ddphi(h) / np.sqrt(len(h)) * (weights[layer + 1].T @ deltas[layer + 1]))
    inputs = [np.append(a[0, 0, :, 0], below) for a in seen.inputs]
    return Hessian(weights, inputs, deltas, slopes, bends)


def norm(of: Hessian) -> float:
    """The largest |eigenvalue|: Lanczos iteration, or of the matrix itself where that is small."""
    if of.size <= _FEW:
        matrix = np.array([of.apply(e) for e in np.eye(of.size)])
        return float(np.abs(np.linalg.eigvalsh(0.5 * (matrix + matrix.T))).max())
    start = np.random.default_rng(of.size).normal(size=of.size)
    operator = LinearOperator((of.size, of.size), matvec=of.apply, dtype=np.float64)
    return float(abs(eigsh(operator, k=1, which="LM", v0=start, tol=_TOLERANCE, return_eigenvectors=False)[0]))
