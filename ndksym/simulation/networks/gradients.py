"""∇f·∇f′ of finite networks, layer by layer: no gradient is ever formed, only what each layer sees and sends back.

∇f(x)·∇f′(x′) = Σ_l (δ_l·δ_l′) (a_{l−1}·a_{l−1}′ + β²),    a_0 = x/√N_0, a_l = φ(h_l)/√N_l, δ_l = ∂f/∂h_l
"""

from dataclasses import dataclass

import numpy as np

from ndksym.runtime.types import Array
from ndksym.simulation.networks.network import Networks, backward, forward


@dataclass(frozen=True)
class Gradients:
    """∇f at some rows: a_{l−1} (…, N_{l−1}, rows) and δ_l (…, N_l, rows) of every layer, and β."""

    inputs: list[Array]
    deltas: list[Array]
    beta: float


def gradients(of: Networks, X: Array) -> Gradients:
    """Of networks with one output, at the columns of X, which are divided by √N_0 already."""
    seen = forward(of, X)
    return Gradients(seen.inputs, backward(of, seen, np.ones_like(seen.f)), of.beta if of.biases else 0.0)


def overlap(first: Gradients, second: Gradients) -> Array:
    """∇f(x)·∇f′(x′) between the rows of both: (…, rows, rows2)."""

    def products(left: Array, right: Array) -> Array:
        return np.asarray(left.swapaxes(-1, -2) @ right)

    layers = zip(first.inputs, second.inputs, first.deltas, second.deltas, strict=True)
    beta2 = first.beta * second.beta
    return np.asarray(sum(products(d, d2) * (products(a, a2) + beta2) for a, a2, d, d2 in layers))
