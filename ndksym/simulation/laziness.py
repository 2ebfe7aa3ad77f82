"""How far a network of finite width is from its linearisation: curvature at the beginning, movement in training (T10)."""

from typing import Any

import numpy as np

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics import stable_step
from ndksym.dynamics.physics import Physics
from ndksym.errors import InputError
from ndksym.runtime import checks
from ndksym.runtime.types import Array
from ndksym.simulation import options
from ndksym.simulation.ensemble import ensemble
from ndksym.simulation.networks.gradients import gradients, overlap
from ndksym.simulation.networks.hessian import hessian, norm
from ndksym.simulation.networks.network import forward
from ndksym.simulation.networks.path import Leg, Lesson, along
from ndksym.simulation.options import columns

__all__ = ["lazy_measure", "parameter_movement"]

_FRACTION = 0.1
"""Of the largest stable step of gradient descent, for one step of gradient flow."""


def lazy_measure(
    network: Any,
    x: Any,
    y: float,
    *,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
) -> Array:
    """κ = |y − f(x)| ‖∇²f(x)‖ / |∇f(x)|² of each network at initialisation, for one input x with label y: (networks,).

    ‖∇²f‖ is the operator norm of the Hessian over all parameters, by Lanczos iteration with exact products; where φ has
    kinks, that of the smooth pieces. κ ≪ 1 means that f learns y before its gradient changes; κ → 0 as width^{−1/2} (T10;
    Chizat, Oyallon and Bach 2019, arXiv 1812.07956). Other arguments as in `simulate`; runs in this process.

    Errors: as in `empirical_ntk`; InputError if y is not one label of one input.

    >>> import numpy as np
    >>> narrow, wide = (lazy_measure("erf", [1.0, 0.5], 1.0, width=n, networks=40).mean() for n in (16, 1024))
    >>> bool(4 < narrow / wide < 16)
    True
    """
    of = ensemble(network, depth, width, networks, seed, init_variance, bias, curvature=True)
    at_one = np.atleast_2d(checks.floats(x, "x")), np.atleast_1d(checks.floats(y, "y"))
    data = physical.checked(*at_one, None, [0.0])
    if data.y.size > 1:
        raise InputError(f"x must be one input and y its label; got {len(data.X)} and {data.y.size}")
    at = columns(data.X)
    out = []
    for net, _ in of.drawn(len(at)):
        misfit = abs(float(data.y[0, 0] - forward(net, at).f[0, 0, 0, 0]))
        own = gradients(net, at)
        slope = float(overlap(own, own)[0, 0, 0, 0])
        if slope == 0:
            raise InputError("x has no gradient: f(x) does not change with any parameter, as at x = 0 without biases")
        out.append(misfit * norm(hessian(net, of.hidden, at)) / slope)
    return np.array(out)


def parameter_movement(
    network: Any,
    X: Any,
    y: Any,
    *,
    times: Any,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    step: float | None = None,
    reduction: str = "sum",
) -> Array:
    """|Θ_t − Θ_0|/|Θ_0| of each network under gradient flow at the times asked for: (networks, M).

    |Θ_t − Θ_0|² → gᵀ Θ g with g = Θ⁻¹ (1 − e^{−Θt})(y − f_0), which does not depend on the width, while |Θ_0|² is σ0² times
    the number of parameters: the ratio falls as width^{−1/2} with one hidden layer and as width^{−1} with more (T10; Lee et
    al. 2019, arXiv 1902.06720). The flow is followed in equal steps of at most `step`, by default a tenth of the largest
    stable one. Other arguments as in `simulate`; runs in this process.

    Errors: as in `simulate`.

    >>> moved = parameter_movement("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.0, 50.0], width=100, networks=4)
    >>> moved.shape, bool(moved[:, 0].max() == 0.0), bool(0.0 < moved[:, 1].min() <= moved[:, 1].max() < 1.0)
    ((4, 2), True, True)
    """
    of = ensemble(network, depth, width, networks, seed, init_variance, bias)
    data = physical.checked(X, y, None, times)
    factor = physical.loss_scale(reduction, len(data.X))
    physics = Physics(0.0, 1.0, of.init_variance, of.bias)
    at_start = compiled(of.derivation), data.X, physics, factor
    largest = stable_step.largest_step(*at_start)
    most = _FRACTION * largest if step is None else physical.sized(step, "step", physical.LARGEST)
    stable_step.require_stable(most, largest, physics.rate)
    options.affordable(of.shapes(len(data.X), data.y.shape[1]), len(data.X), float(data.times[-1]) / most, of.count, 1)
    X_, y_ = columns(data.X), np.ascontiguousarray(data.y.T)
    out = np.zeros((of.count, len(data.times)))
    for found, (net, draws) in zip(out, of.drawn(len(X_), len(y_)), strict=True):
        start = [each.copy() for each in net.parameters]
        size = np.sqrt(sum(np.sum(each**2) for each in start))
        for index, gap in enumerate(np.diff(data.times, prepend=0.0)):
            count = int(np.ceil(gap / most))
            lesson = Lesson(X_, y_, factor * gap / max(count, 1))
            for moved in along(net, draws, [Leg(count, 1.0, 0.0)], lesson):
                apart = sum(np.sum((now - then) ** 2) for now, then in zip(moved.parameters, start, strict=True))
                found[index] = np.sqrt(apart) / size
    return out
