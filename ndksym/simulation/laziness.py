"""Distance of a network of finite width from its linearisation: curvature at initialisation, movement in training (T10)."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics import stable_step
from ndksym.dynamics.network_argument import NetworkArgument
from ndksym.dynamics.physics import Physics
from ndksym.errors import InputError
from ndksym.runtime import checks
from ndksym.runtime.types import Array
from ndksym.simulation import options
from ndksym.simulation.ensemble import EnsembleOptions, ensemble
from ndksym.simulation.networks.gradients import gradients, overlap
from ndksym.simulation.networks.hessian import hessian, norm
from ndksym.simulation.networks.network import forward
from ndksym.simulation.networks.path import Segment, TrainingSet, trajectory
from ndksym.simulation.options import columns

__all__ = ["lazy_measure", "parameter_movement"]

_FRACTION = 0.1
"""Step of gradient flow, as a fraction of the largest stable step of gradient descent."""


def lazy_measure(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    x: ArrayLike,
    y: float,
    *,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
) -> Array:
    """Lazy measure κ = |y − f(x)| ‖∇²f(x)‖ / |∇f(x)|² of networks of finite width at initialisation.

    Parameters
    ----------
    network, depth, width, networks, seed, init_variance, bias
        As in `empirical_ntk`.
    x : array (N_0,)
        One input.
    y : float
        Its label.

    Returns
    -------
    array (networks,)
        κ of each network. Computed in this process.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed, which the message names, and for an x where the gradient is 0.
    DivergentKernelError
        For an activation with jumps, whose gradient does not exist.

    Notes
    -----
    ‖∇²f‖ is the operator norm of the Hessian over all parameters, by Lanczos iteration with exact products; kinks of φ do not
    count. If κ ≪ 1, f learns y before its gradient changes. κ → 0 as width^{−1/2} (T10).

    References
    ----------
    Chizat, Oyallon and Bach, arXiv 1812.07956.

    Examples
    --------
    >>> import numpy as np
    >>> narrow, wide = (lazy_measure("erf", [1.0, 0.5], 1.0, width=n, networks=40).mean() for n in (16, 1024))
    >>> bool(4 < narrow / wide < 16)
    True
    """
    given = EnsembleOptions(network, depth, width, networks, seed, init_variance, bias)
    members = ensemble(given, curvature=True)
    at_one = np.atleast_2d(checks.floats(x, "x")), np.atleast_1d(checks.floats(y, "y"))
    data = physical.checked(*at_one, None, [0.0])
    if data.y.size > 1:
        raise InputError(f"x must be one input and y its label; got {len(data.X)} and {data.y.size}")
    column = columns(data.X)
    out = []
    for net, _ in members.draw(len(column)):
        misfit = abs(float(data.y[0, 0] - forward(net, column).f[0, 0, 0, 0]))
        own = gradients(net, column)
        slope = float(overlap(own, own)[0, 0, 0, 0])
        if slope == 0:
            raise InputError("x has no gradient: f(x) does not change with any parameter, as at x = 0 without biases")
        out.append(misfit * norm(hessian(net, members.hidden, column)) / slope)
    return np.array(out)


def parameter_movement(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    y: ArrayLike,
    *,
    times: ArrayLike,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    step: float | None = None,
    reduction: str = "sum",
) -> Array:
    """Relative movement |Θ_t − Θ_0|/|Θ_0| of the parameters of networks of finite width under gradient flow.

    Parameters
    ----------
    network, depth, width, networks, seed, init_variance, bias
        As in `empirical_ntk`.
    X : array (P, N_0)
        Training inputs.
    y : array (P,) or (P, outputs)
        Labels.
    times : array (M,)
        Ascending times, in units of 1/learning rate.
    step : float, optional
        Largest step of the integration; a tenth of the largest stable step by default.
    reduction : {"sum", "mean"}
        Whether the loss ½Σ(f − y)² is summed over examples or averaged.

    Returns
    -------
    array (networks, M)
        The movement of each network at each time. Computed in this process.

    Raises
    ------
    InputError, InputTypeError, DivergentKernelError
        As in `simulate`.

    Notes
    -----
    |Θ_t − Θ_0|² → gᵀ Θ g with g = Θ⁻¹ (1 − e^{−Θt})(y − f_0), independent of the width, and |Θ_0|² is σ0² times the number of
    parameters. So the ratio decays as width^{−1/2} with one hidden layer and as width^{−1} with more (T10).

    References
    ----------
    Lee et al., arXiv 1902.06720.

    Examples
    --------
    >>> moved = parameter_movement("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.0, 50.0], width=100, networks=4)
    >>> moved.shape, bool(moved[:, 0].max() == 0.0), bool(0.0 < moved[:, 1].min() <= moved[:, 1].max() < 1.0)
    ((4, 2), True, True)
    """
    members = ensemble(EnsembleOptions(network, depth, width, networks, seed, init_variance, bias))
    data = physical.checked(X, y, None, times)
    factor = physical.loss_scale(reduction, len(data.X))
    physics = Physics(0.0, 1.0, members.init_variance, members.bias)
    at_start = compiled(members.derivation), data.X, physics, factor
    largest = stable_step.largest_step(*at_start)
    most = _FRACTION * largest if step is None else physical.sized(step, "step", physical.LARGEST)
    stable_step.require_stable(most, largest, physics.rate)
    shapes = members.shapes(len(data.X), data.y.shape[1])
    options.require_affordable(shapes, len(data.X), float(data.times[-1]) / most, members.count, 1)
    X_, y_ = columns(data.X), np.ascontiguousarray(data.y.T)
    out = np.zeros((members.count, len(data.times)))
    for movement, (net, noise) in zip(out, members.draw(len(X_), len(y_)), strict=True):
        start = [each.copy() for each in net.parameters]
        size = np.sqrt(sum(np.sum(each**2) for each in start))
        for index, gap in enumerate(np.diff(data.times, prepend=0.0)):
            count = int(np.ceil(gap / most))
            training = TrainingSet(X_, y_, factor * gap / max(count, 1))
            for moved in trajectory(net, noise, [Segment(count, 1.0, 0.0)], training):
                square = sum(np.sum((now - then) ** 2) for now, then in zip(moved.parameters, start, strict=True))
                movement[index] = np.sqrt(square) / size
    return out
