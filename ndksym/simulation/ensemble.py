"""Independent networks at initialisation, drawn one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndksym.codegen.load import load_numpy
from ndksym.codegen.module import module
from ndksym.dynamics.network_argument import NetworkArgument, as_network
from ndksym.errors import DivergentKernelError
from ndksym.kernels.network import Network
from ndksym.runtime import checks
from ndksym.runtime.arguments import integer, seed_number
from ndksym.runtime.compiled import NUMPY, Compiled
from ndksym.runtime.memory import require_memory
from ndksym.simulation import options
from ndksym.simulation.networks.network import NetworkBatch, Noise, created

_DRAWING = 20.0
"""Cost of drawing a network and computing its gradients once, in steps of training (a lower bound)."""


@dataclass(frozen=True)
class EnsembleOptions:
    """The arguments, unchecked, that all functions of single networks share: as in `simulate`; `networks` is their number."""

    network: NetworkArgument
    depth: Any
    width: Any
    networks: Any
    seed: Any
    init_variance: Any
    bias: Any


@dataclass(frozen=True)
class Ensemble:
    """The common properties of the networks. The numbers of a network depend on `seed` and on its place alone."""

    derivation: Network
    hidden: Sequence[Compiled]
    widths: tuple[int, ...]
    count: int
    seed: int
    init_variance: float
    bias: float

    def shapes(self, dimensions: int, outputs: int = 1) -> tuple[tuple[int, int], ...]:
        """Shapes of the weights of each layer."""
        sizes = (dimensions, *self.widths, outputs)
        return tuple(zip(sizes[1:], sizes[:-1], strict=True))

    def draw(self, dimensions: int, outputs: int = 1) -> Iterator[tuple[NetworkBatch, Noise]]:
        """Yield each network at initialisation, with the stream of its further random numbers."""
        shapes = self.shapes(dimensions, outputs)
        size = 24 * sum(n * m for n, m in shapes)
        require_memory(
            size, "the weights of one network and their gradients", "ask for a smaller width", options.MOST_BYTES
        )
        options.require_affordable(shapes, dimensions, _DRAWING, self.count, 1)
        for number in range(self.count):
            noise = Noise(self.seed, [number])
            std = float(np.sqrt(self.init_variance))
            yield created(self.hidden, shapes, self.bias, noise, std, per_pair=1), noise


def ensemble(given: EnsembleOptions, curvature: bool = False) -> Ensemble:
    """The ensemble of checked arguments; with `curvature`, its activations have a second derivative.

    Raises InputError or InputTypeError, which name the argument; DivergentKernelError where an activation jumps.
    """
    derivation = as_network(given.network, given.depth, given.bias)
    widths = options.widths_of(given.width, derivation.depth)
    count, seed = integer(given.networks, "networks", 1), seed_number(given.seed)
    init_variance = checks.number(given.init_variance, "init_variance", zero=False)
    bias = checks.bias_scale(given.bias, derivation.bias)
    distinct = list(dict.fromkeys(derivation.duals))
    layers = load_numpy(module("(simulation)", distinct, NUMPY, curvature=curvature))
    for layer in layers:
        if layer.smoothness < 1:
            raise DivergentKernelError(
                f"{layer.name} is discontinuous, so the gradients of its networks do not converge to the NTK at any width. Allowed "
                "here: continuous activations"
            )
    hidden = [layers[distinct.index(each)] for each in derivation.duals]
    return Ensemble(derivation, hidden, widths, count, seed, init_variance, bias)
