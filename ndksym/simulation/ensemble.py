"""Networks that come one by one, each from its own random numbers, for what is measured in each of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ndksym.codegen.load import load_numpy
from ndksym.codegen.module import module
from ndksym.dynamics.network_argument import as_network
from ndksym.errors import DivergentKernelError
from ndksym.kernels.network import Network
from ndksym.runtime import checks
from ndksym.runtime.arguments import integer, seed_number
from ndksym.runtime.compiled import NUMPY, Compiled
from ndksym.runtime.memory import require_memory
from ndksym.simulation import options
from ndksym.simulation.networks.network import Networks, Noise, created

_DRAWING = 20.0
"""Steps of training that take as long as drawing a network and looking at it once, at least."""


@dataclass(frozen=True)
class Ensemble:
    """What all networks have in common; a network's numbers depend on `seed` and on its place alone."""

    derivation: Network
    hidden: Sequence[Compiled]
    widths: tuple[int, ...]
    count: int
    seed: int
    init_variance: float
    bias: float

    def shapes(self, dimensions: int, outputs: int = 1) -> tuple[tuple[int, int], ...]:
        """Of the weights of each layer."""
        sizes = (dimensions, *self.widths, outputs)
        return tuple(zip(sizes[1:], sizes[:-1], strict=True))

    def drawn(self, dimensions: int, outputs: int = 1) -> Iterator[tuple[Networks, Noise]]:
        """Each network at initialisation, and the rest of its random numbers."""
        shapes = self.shapes(dimensions, outputs)
        size = 24 * sum(n * m for n, m in shapes)
        require_memory(
            size,
            "the weights of one network and what is formed beside them",
            "ask for a smaller width",
            options.MOST_BYTES,
        )
        options.affordable(shapes, dimensions, _DRAWING, self.count, 1)
        for number in range(self.count):
            draws = Noise(self.seed, [number])
            yield (
                created(self.hidden, shapes, self.bias, draws, float(np.sqrt(self.init_variance)), together=1),
                draws,
            )


def ensemble(
    network: Any, depth: Any, width: Any, networks: Any, seed: Any, init_variance: Any, bias: Any,
    curvature: bool = False,
) -> Ensemble:  # fmt: skip
    """Errors: InputError and InputTypeError name the argument; DivergentKernelError where an activation jumps."""
    derivation = as_network(network, depth, bias)
    found = Ensemble(
        derivation,
        (),
        options.widths_of(width, derivation.depth),
        integer(networks, "networks", 1),
        seed_number(seed),
        checks.number(init_variance, "init_variance", zero=False),
        checks.bias_scale(bias, derivation.bias),
    )
    distinct = list(dict.fromkeys(derivation.duals))
    layers = load_numpy(module("(simulation)", distinct, NUMPY, curvature=curvature))
    for layer in layers:
        if layer.smoothness < 1:
            raise DivergentKernelError(
                f"{layer.name} is discontinuous, so its networks have gradients that no width makes those of the NTK. Allowed "
                "here: continuous activations"
            )
    return replace(found, hidden=[layers[distinct.index(each)] for each in derivation.duals])
