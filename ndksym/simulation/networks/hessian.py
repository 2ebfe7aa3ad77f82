"""The operator norm of ∇²f, over all weights and biases, of one network at one input.

At one input the Hessian maps a direction V to Rδ_l ã_{l−1}ᵀ + δ_l Rã_{l−1}ᵀ in layer l. Here R is the derivative along V, and ã is
a with β appended (a bias is a weight from a unit of value β). So only directions V_l = p_l âᵀ + δ̂_l q_lᵀ with q_l ⟂ ã_{l−1}
contribute, where hats mark unit vectors. (p_l, q_l) are isometric coordinates: about (2L + 1) N of them instead of LN².
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from ndksym.runtime.types import Array
from ndksym.simulation.networks.network import NetworkBatch, Nonlinearity, backward, forward

_FEW = 64
"""Up to this size the matrix itself is formed."""
_TOLERANCE = 1e-8
_TINY = float(np.finfo(float).tiny) ** 0.25
"""Least |ã|, for layers whose units are all zero."""


class Curved(Nonlinearity, Protocol):
    """φ, φ′ and φ″ of one hidden layer."""

    def ddphi(self, u: Array) -> Array: ...


@dataclass(frozen=True)
class Hessian:
    """∇²f in the coordinates (p, q).

    `weights`, `inputs` (ã) and `deltas` (δ) are those of every layer; `slopes`, φ′(h)/√N, and `bends`, φ″(h)/√N ∘ Wᵀδ, those of
    the hidden layers.
    """

    weights: list[Array]
    inputs: list[Array]
    deltas: list[Array]
    slopes: list[Array]
    bends: list[Array]

    @property
    def size(self) -> int:
        """Number of coordinates: p_1 … p_{L+1}, then q_2 … q_{L+1}, since the first layer's input is fixed."""
        return sum(len(delta) for delta in self.deltas) + sum(len(each) for each in self.inputs[1:])

    def apply(self, z: Array) -> Array:
        """∇²f z: the derivatives of the forward and the backward pass along z."""
        p, q = self._parts(np.asarray(z, dtype=np.float64).ravel())
        changes: list[Array] = []
        output_change = np.zeros(0)
        for layer, (W, a) in enumerate(zip(self.weights, self.inputs, strict=True)):
            Rh = p[layer] * np.linalg.norm(a)
            if layer:
                Rh = Rh + W @ output_change
            changes.append(Rh)
            if layer < len(self.slopes):
                output_change = self.slopes[layer] * Rh
        back = np.zeros(1)
        out_p, out_q = [np.zeros(0)] * len(p), [np.zeros(0)] * len(p)
        for layer in range(len(self.weights) - 1, -1, -1):
            a, delta = self.inputs[layer], self.deltas[layer]
            size, length = max(float(np.linalg.norm(a)), _TINY), float(np.linalg.norm(delta))
            out_p[layer] = size * back
            if not layer:
                break
            Ra = np.zeros_like(a)
            units = len(self.slopes[layer - 1])
            Ra[:units] = self.slopes[layer - 1] * changes[layer - 1]
            along = float(Ra @ a) / size**2
            out_p[layer] = out_p[layer] + delta * along * size
            out_q[layer] = length * (Ra - along * a)
            V = a[:units] * (float(p[layer] @ delta) / size) + length * q[layer][:units]
            back = self.bends[layer - 1] * changes[layer - 1] + self.slopes[layer - 1] * (
                V + self.weights[layer].T @ back
            )
        return np.concatenate([*out_p, *out_q[1:]])

    def _parts(self, z: Array) -> tuple[list[Array], list[Array]]:
        """p_l and q_l, with the component of q_l along ã reoutput_change."""
        sizes = [len(delta) for delta in self.deltas] + [len(each) for each in self.inputs[1:]]
        parts = np.split(z, np.cumsum(sizes)[:-1])
        p, q = parts[: len(self.deltas)], parts[len(self.deltas) :]
        clean = [v - a * (float(v @ a) / max(float(a @ a), _TINY**2)) for v, a in zip(q, self.inputs[1:], strict=True)]
        return p, [np.zeros(0), *clean]


def hessian(nets: NetworkBatch, hidden: Sequence[Curved], x: Array) -> Hessian:
    """The Hessian of the first of these networks at a column x, which is already divided by √N_0."""
    passed = forward(nets, x)
    deltas = [delta[0, 0, :, 0] for delta in backward(nets, passed, np.ones_like(passed.f))]
    weights = [W[0, 0] for W in nets.weights]
    constant = [nets.beta] if nets.biases else []
    slopes, bends = [], []
    for layer, (each, h) in enumerate(zip(hidden, (h[0, 0, :, 0] for h in passed.before), strict=True)):
        slopes.append(each.dphi(h) / np.sqrt(len(h)))
        bends.append(each.ddphi(h) / np.sqrt(len(h)) * (weights[layer + 1].T @ deltas[layer + 1]))
    inputs = [np.append(a[0, 0, :, 0], constant) for a in passed.inputs]
    return Hessian(weights, inputs, deltas, slopes, bends)


def norm(H: Hessian) -> float:
    """The largest |eigenvalue|, by Lanczos iteration or, for small matrices, by a dense eigenvalue solver."""
    if H.size <= _FEW:
        matrix = np.array([H.apply(e) for e in np.eye(H.size)])
        return float(np.abs(np.linalg.eigvalsh(0.5 * (matrix + matrix.T))).max())
    start = np.random.default_rng(H.size).normal(size=H.size)
    operator = LinearOperator((H.size, H.size), matvec=H.apply, dtype=np.float64)
    return float(abs(eigsh(operator, k=1, which="LM", v0=start, tol=_TOLERANCE, return_eigenvectors=False)[0]))
