"""Fully connected networks, many at once: forward pass, back-propagation and weight updates (theory.md, "Model and
conventions").

    h_1 = W_1 x/√N_0 + β b_1,  h_{l+1} = W_{l+1} φ(h_l)/√N_l + β b_{l+1},  f = h_{L+1}

Weights have shape (pairs, 2, N_l, N_{l−1}), biases (pairs, 2, N_l, 1) and the inputs of a layer (pairs, 2, N_l, rows): the two
networks of a pair differ in the sign of their labels. Unpaired networks have a second axis of length 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg.blas import dgemm

from ndksym.runtime.types import Array

SIGNS = np.array([1.0, -1.0])[:, None, None]
"""The two networks of a pair have labels y and −y."""


class Nonlinearity(Protocol):
    """φ and φ′ of one hidden layer."""

    @property
    def phi(self) -> Callable[[Array], Array]: ...
    @property
    def dphi(self) -> Callable[[Array], Array]: ...


@dataclass
class NetworkBatch:
    """The parameters of many networks; training changes them in place. `biases` is empty where β = 0."""

    hidden: Sequence[Nonlinearity]
    weights: list[Array]
    biases: list[Array]
    beta: float

    @property
    def parameters(self) -> list[Array]:
        """All parameter arrays, layer by layer, weights before biases. Random numbers are drawn in this order."""
        if not self.biases:
            return self.weights
        return [each for both in zip(self.weights, self.biases, strict=True) for each in both]


@dataclass(frozen=True)
class Forward:
    """Result of a forward pass: preactivations h_l of the hidden layers, inputs of each layer (x/√N_0, φ(h_l)/√N_l), and f."""

    before: list[Array]
    inputs: list[Array]
    f: Array


def forward(nets: NetworkBatch, X: Array) -> Forward:
    """Outputs at the columns of X, which are already divided by √N_0."""
    before: list[Array] = []
    inputs = [np.broadcast_to(X, (*nets.weights[0].shape[:2], *X.shape))]
    for layer, W in enumerate(nets.weights):
        h = W @ inputs[-1]
        if nets.biases:
            h += nets.beta * nets.biases[layer]
        if layer == len(nets.hidden):
            return Forward(before, inputs, h)
        before.append(h)
        inputs.append(nets.hidden[layer].phi(h) / np.sqrt(h.shape[-2]))
    raise AssertionError("the readout is the last layer")


def backward(nets: NetworkBatch, passed: Forward, error: Array) -> list[Array]:
    """Derivatives of Σ error·f with respect to h_l of every layer, the readout last."""
    deltas = [error]
    for layer in range(len(nets.hidden) - 1, -1, -1):
        h = passed.before[layer]
        back = nets.weights[layer + 1].swapaxes(-1, -2) @ deltas[0]
        deltas.insert(0, nets.hidden[layer].dphi(h) / np.sqrt(h.shape[-2]) * back)
    return deltas


def step(nets: NetworkBatch, decay: float, inputs: list[Array], deltas: list[Array]) -> None:
    """W ← decay W + δ inᵀ and b ← decay b + β Σ δ, in place: one matrix product per layer and network, no temporaries."""
    for layer, (W, x, delta) in enumerate(zip(nets.weights, inputs, deltas, strict=True)):
        for pair in np.ndindex(W.shape[:2]):
            # BLAS is column-major: (decay W + δ xᵀ)ᵀ
            dgemm(1.0, x[pair].T, delta[pair].T, decay, W[pair].T, trans_a=True, overwrite_c=True)
        if nets.biases:
            b = nets.biases[layer]
            b *= decay
            b += nets.beta * delta.sum(axis=-1, keepdims=True)


def scale(nets: NetworkBatch, factor: float) -> None:
    """Multiply all parameters by a factor."""
    for each in nets.parameters:
        each *= factor


def created(
    hidden: Sequence[Nonlinearity],
    shapes: Sequence[tuple[int, int]],
    beta: float,
    noise: "Noise",
    std: float,
    per_pair: int = 2,
) -> NetworkBatch:
    """Networks with parameters N(0, std²), equal in all `per_pair` networks of a pair."""
    count = len(noise.streams), per_pair
    weights = [np.empty((*count, *shape)) for shape in shapes]
    biases = [np.empty((*count, shape[0], 1)) for shape in shapes] if beta else []
    nets = NetworkBatch(hidden, weights, biases, beta)
    for each in nets.parameters:
        each[...] = std * noise.like(each)
    return nets


class Noise:
    """Standard normal numbers. Each pair has its own stream, so its numbers do not depend on which other pairs there are."""

    def __init__(self, seed: int, pairs: Sequence[int]) -> None:
        seeds = [np.random.SeedSequence(seed, spawn_key=(pair,)) for pair in pairs]
        self.streams = [np.random.Generator(np.random.SFC64(each)) for each in seeds]
        self._buffers: dict[tuple[int, ...], Array] = {}

    def like(self, parameter: Array) -> Array:
        """Numbers of shape (pairs, 1, …), to be broadcast over both signs. The next call for the same shape overwrites them."""
        shape = (len(self.streams), 1, *parameter.shape[2:])
        buffer = self._buffers.setdefault(shape, np.empty(shape))
        for stream, part in zip(self.streams, buffer, strict=True):
            stream.standard_normal(out=part)
        return buffer
