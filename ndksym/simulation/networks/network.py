"""Fully connected networks, many at once: forward pass, back-propagation, and the change of their weights (theory.md,
"Model and conventions").

    h_1 = W_1 x/√N_0 + β b_1,  h_{l+1} = W_{l+1} φ(h_l)/√N_l + β b_{l+1},  f = h_{L+1}

Weights are (pairs, 2, N_l, N_{l−1}), biases (pairs, 2, N_l, 1), what they act on (pairs, 2, N_l, rows): a pair of networks
differs in the sign of its labels. Networks that are not to be compared so come alone: (networks, 1, …).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg.blas import dgemm

from ndksym.runtime.types import Array

SIGNS = np.array([1.0, -1.0])[:, None, None]
"""A pair's labels are y and −y."""


class Nonlinearity(Protocol):
    """φ and φ′ of one hidden layer."""

    @property
    def phi(self) -> Callable[[Array], Array]: ...
    @property
    def dphi(self) -> Callable[[Array], Array]: ...


@dataclass
class Networks:
    """The parameters; they change in place. Without biases (β = 0) there are none."""

    hidden: Sequence[Nonlinearity]
    weights: list[Array]
    biases: list[Array]
    beta: float

    @property
    def parameters(self) -> list[Array]:
        """Layer by layer, weights before biases: the order in which noise is drawn."""
        if not self.biases:
            return self.weights
        return [each for both in zip(self.weights, self.biases, strict=True) for each in both]


@dataclass(frozen=True)
class Forward:
    """Preactivations h_l of the hidden layers, what each layer acts on (x/√N_0, φ(h_l)/√N_l), and f."""

    before: list[Array]
    inputs: list[Array]
    f: Array


def forward(of: Networks, X: Array) -> Forward:
    """f at the columns of X, which are divided by √N_0 already."""
    before: list[Array] = []
    inputs = [np.broadcast_to(X, (*of.weights[0].shape[:2], *X.shape))]
    for layer, W in enumerate(of.weights):
        h = W @ inputs[-1]
        if of.biases:
            h += of.beta * of.biases[layer]
        if layer == len(of.hidden):
            return Forward(before, inputs, h)
        before.append(h)
        inputs.append(of.hidden[layer].phi(h) / np.sqrt(h.shape[-2]))
    raise AssertionError("the readout is the last layer")


def backward(of: Networks, seen: Forward, error: Array) -> list[Array]:
    """∂/∂h_l of Σ error·f at every layer, the readout last."""
    deltas = [error]
    for layer in range(len(of.hidden) - 1, -1, -1):
        h = seen.before[layer]
        back = of.weights[layer + 1].swapaxes(-1, -2) @ deltas[0]
        deltas.insert(0, of.hidden[layer].dphi(h) / np.sqrt(h.shape[-2]) * back)
    return deltas


def step(of: Networks, kept: float, inputs: list[Array], deltas: list[Array]) -> None:
    """W ← kept W + δ inᵀ and b ← kept b + β Σ δ, in place: one matrix product a layer and network, without temporaries."""
    for layer, (W, x, delta) in enumerate(zip(of.weights, inputs, deltas, strict=True)):
        for pair in np.ndindex(W.shape[:2]):
            # BLAS is column-major: (kept W + δ xᵀ)ᵀ
            dgemm(1.0, x[pair].T, delta[pair].T, kept, W[pair].T, trans_a=True, overwrite_c=True)
        if of.biases:
            b = of.biases[layer]
            b *= kept
            b += of.beta * delta.sum(axis=-1, keepdims=True)


def scale(of: Networks, kept: float) -> None:
    """Θ ← kept Θ."""
    for each in of.parameters:
        each *= kept


def created(
    hidden: Sequence[Nonlinearity],
    shapes: Sequence[tuple[int, int]],
    beta: float,
    draws: "Noise",
    std: float,
    together: int = 2,
) -> Networks:
    """Parameters N(0, std²), the same in both networks of a pair, or of as many as are `together`."""
    count = len(draws.streams), together
    weights = [np.empty((*count, *shape)) for shape in shapes]
    biases = [np.empty((*count, shape[0], 1)) for shape in shapes] if beta else []
    of = Networks(hidden, weights, biases, beta)
    for each in of.parameters:
        each[...] = std * draws.like(each)
    return of


class Noise:
    """Standard normal numbers from one stream for each pair, so that no pair's depend on which others are there."""

    def __init__(self, seed: int, pairs: Sequence[int]) -> None:
        seeds = [np.random.SeedSequence(seed, spawn_key=(pair,)) for pair in pairs]
        self.streams = [np.random.Generator(np.random.SFC64(each)) for each in seeds]
        self._room: dict[tuple[int, ...], Array] = {}

    def like(self, parameter: Array) -> Array:
        """(pairs, 1, …), to be broadcast over both signs; the next call of the same shape overwrites it."""
        shape = (len(self.streams), 1, *parameter.shape[2:])
        room = self._room.setdefault(shape, np.empty(shape))
        for stream, part in zip(self.streams, room, strict=True):
            stream.standard_normal(out=part)
        return room
