"""Inner products ∇f·∇f′ of finite networks, layer by layer, without forming the gradients.

∇f(x)·∇f′(x′) = Σ_l (δ_l·δ_l′) (a_{l−1}·a_{l−1}′ + β²),    a_0 = x/√N_0, a_l = φ(h_l)/√N_l, δ_l = ∂f/∂h_l
"""

from dataclasses import dataclass

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.network import NetworkBatch, backward, forward


@dataclass(frozen=True)
class Gradients:
    """∇f at some rows: a_{l−1} (…, N_{l−1}, rows) and δ_l (…, N_l, rows) of every layer, and β."""

    inputs: list[Array]
    deltas: list[Array]
    beta: float


def gradients(nets: NetworkBatch, X: Array) -> Gradients:
    """Gradients of networks with one output at the columns of X, which are already divided by √N_0."""
    passed = forward(nets, X)
    return Gradients(passed.inputs, backward(nets, passed, np.ones_like(passed.f)), nets.beta if nets.biases else 0.0)


def overlap(first: Gradients, second: Gradients) -> Array:
    """∇f(x)·∇f′(x′) for all pairs of rows: (…, rows, rows2)."""

    def products(left: Array, right: Array) -> Array:
        return np.asarray(left.swapaxes(-1, -2) @ right)

    layers = zip(first.inputs, second.inputs, first.deltas, second.deltas, strict=True)
    beta2 = first.beta * second.beta
    return np.asarray(sum(products(d, d2) * (products(a, a2) + beta2) for a, a2, d, d2 in layers))
