"""NTK and NDK of single networks of finite width; their limits are T5 and T6."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics import stable_step
from ndksym.dynamics.network_argument import NetworkArgument
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.runtime import checks
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array
from ndksym.simulation import options
from ndksym.simulation.ensemble import Ensemble, EnsembleOptions, ensemble
from ndksym.simulation.networks.gradients import Gradients, gradients, overlap
from ndksym.simulation.networks.network import NetworkBatch
from ndksym.simulation.networks.path import Segment, TrainingSet, trajectory
from ndksym.simulation.options import columns

__all__ = ["empirical_ndk", "empirical_ntk"]


def empirical_ntk(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    X2: ArrayLike | None = None,
    *,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
) -> Array:
    """Empirical NTK, ∇f(x)·∇f(x′), of networks of finite width at initialisation.

    Parameters
    ----------
    network : str, sympy.Expr, Activation, Derivation, Kernel, or sequence
        The network, as in `simulate`.
    X : array (n, N_0)
        Inputs.
    X2 : array (n2, N_0), optional
        Second inputs; X by default.
    depth : int, optional
        Number of hidden layers; that of `network` by default.
    width : int or sequence of int
        Width of all hidden layers, or of each.
    networks : int
        Number of independent networks.
    seed : int
        Seed of all random numbers.
    init_variance : float
        Variance σ0² of the weights.
    bias : float
        Scale β of the biases; 0 means none.

    Returns
    -------
    array (networks, n, n2)
        The kernel of each network. Computed in this process.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed, which the message names.
    DivergentKernelError
        For an activation with jumps, whose gradient does not exist.

    Notes
    -----
    Σ_l (δ_l·δ_l′)(a_{l−1}·a_{l−1}′ + β²) with a_{l−1} the input of layer l and δ_l = ∂f/∂h_l. Its limit at infinite width is
    ``Kernel.ntk`` (T5): the mean differs from it by O(1/N), a single network by O(1/√N) (T10).

    References
    ----------
    Jacot, Gabriel and Hongler, arXiv 1806.07572.

    Examples
    --------
    >>> import numpy as np, ndksym
    >>> X = [[1.0, 0.0], [0.6, 0.8]]
    >>> empirical = empirical_ntk("relu", X, width=1000, networks=50)
    >>> bool(abs(empirical.mean(axis=0) - ndksym.derive("relu").compile().ntk(X)).max() < 0.05)
    True
    """
    members = ensemble(EnsembleOptions(network, depth, width, networks, seed, init_variance, bias))
    first, second = _inputs(X, X2)
    _require_fit(members.count, first, second)
    return np.concatenate([overlap(*_gradients(net, first, second))[:, 0] for net, _ in members.draw(len(first))])


def empirical_ndk(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    X2: ArrayLike | None = None,
    *,
    t: ArrayLike,
    s: ArrayLike,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    temperature: float,
    step: float | None = None,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    training: tuple[Any, Any] | None = None,
    reduction: str = "sum",
) -> Array:
    """Empirical NDK, e^{−T(t−s)/σ²} ∇f(x, Θ_t)·∇f(x′, Θ_s), along the path of networks of finite width.

    Parameters
    ----------
    network, depth, width, networks, seed, init_variance, bias
        As in `empirical_ntk`.
    X : array (n, N_0)
        Inputs at time t.
    X2 : array (n2, N_0), optional
        Inputs at time s; X by default.
    t, s : float or array
        Times in units of 1/learning rate, 0 ≤ s ≤ t; they broadcast. With `step`, multiples of it.
    temperature : float
        Temperature T ≥ 0.
    step : float, optional
        Length h of an Euler step; without it, time is continuous.
    prior_variance : float
        Variance σ² of a weight in equilibrium without data.
    training : (X, y), optional
        A training set with one output. Without it, the path is that of the prior. It needs `step`.
    reduction : {"sum", "mean"}
        Whether the loss ½Σ(f − y)² of the training set is summed over examples or averaged.

    Returns
    -------
    array (networks, *shape of t and s, n, n2)
        The kernel of each network. Computed in this process.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed, which the message names; for an unstable step, with the largest stable one.
    DivergentKernelError
        For an activation with jumps, whose gradient does not exist.

    Notes
    -----
    The limit at infinite width is ``Kernel.ndk`` (T6). Without a training set the path is sampled exactly: an Ornstein–Uhlenbeck
    process or, with `step`, the chain of Euler steps, whose weight is a^{(t−s)/h} with a = 1 − hT/σ² (T3). A training set changes
    the path by Langevin steps, and the limit not at all.

    References
    ----------
    Avidan, Li and Sompolinsky, arXiv 2309.04522.

    Examples
    --------
    >>> import ndksym
    >>> args = {"t": [0.0, 5.0], "s": 0.0, "temperature": 0.1}
    >>> empirical = empirical_ndk("erf", [[1.0, 0.0]], width=1000, networks=50, **args)
    >>> bool(abs(empirical.mean(axis=0) - ndksym.derive("erf").compile().ndk([[1.0, 0.0]], **args)).max() < 0.05)
    True
    """
    members = ensemble(EnsembleOptions(network, depth, width, networks, seed, init_variance, bias))
    first, second = _inputs(X, X2)
    later, earlier = checks.times(t, s)
    physics = Physics(
        checks.number(temperature, "temperature", zero=True),
        physical.sized(prior_variance, "prior_variance", physical.LARGEST), members.init_variance, members.bias,
    )  # fmt: skip
    h = None if step is None else physical.sized(step, "step", physical.LARGEST)
    training_set = None if training is None else _training_set(members, physics, h, training, reduction)
    process = PriorProcess.langevin(physics) if h is None else stable_step.euler_process(physics, h)
    if h is not None:
        later, earlier = (physical.steps(each, h, name).astype(float) for each, name in ((later, "t"), (earlier, "s")))
    times, places = np.unique(np.append(later, earlier), return_inverse=True)
    segments = _segments(process, np.diff(times, prepend=0.0), physics, None if training_set is None else h)
    weight = np.exp(-process.rate * (later - earlier))[..., None, None]
    at_t, at_s = places.reshape(2, -1)
    _require_fit(members.count * later.size, first, second)
    steps = float(sum(segment.steps for segment in segments))
    options.require_affordable(members.shapes(len(first)), first.shape[1], steps, members.count, 1)
    out = np.empty((members.count, later.size, first.shape[1], (first if second is None else second).shape[1]))
    for kernels, (net, noise) in zip(out, members.draw(len(first)), strict=True):
        path = [_gradients(each, first, second) for each in trajectory(net, noise, segments, training_set)]
        for index, (i, j) in enumerate(zip(at_t, at_s, strict=True)):
            kernels[index] = overlap(path[i][0], path[j][1])[0, 0]
    return np.asarray(weight * out.reshape(members.count, *later.shape, *out.shape[2:]))


def _inputs(X: ArrayLike, X2: ArrayLike | None) -> tuple[Array, Array | None]:
    """Both sets of inputs as columns over √N_0."""
    first = checks.points(X, "X")
    return columns(first), None if X2 is None else columns(checks.points(X2, "X2", first.shape[1]))


def _require_fit(count: int, first: Array, second: Array | None) -> None:
    size = 8 * count * first.shape[1] * (first if second is None else second).shape[1]
    require_memory(size, f"{count:,} kernel matrices", "ask for fewer networks, times or rows")


def _gradients(net: NetworkBatch, first: Array, second: Array | None) -> tuple[Gradients, Gradients]:
    """The network's gradients at both sets of inputs."""
    own = gradients(net, first)
    return own, own if second is None else gradients(net, second)


def _segments(process: PriorProcess, gaps: Array, physics: Physics, step: float | None) -> list[Segment]:
    """The path between successive times. Without data the chain is Gaussian, so one step covers any interval (T3)."""
    if step is not None:
        noise = float(np.sqrt(2 * step * physics.temperature))
        return [Segment(int(gap), 1 - step * physics.rate, noise) for gap in gaps]
    decay, fresh = np.exp(-process.rate * gaps), -process.level * np.expm1(-2 * process.rate * gaps)
    return [Segment(1, float(a), float(np.sqrt(v))) for a, v in zip(decay, fresh, strict=True)]


def _training_set(
    members: Ensemble, physics: Physics, step: float | None, training: tuple[Any, Any], reduction: str
) -> TrainingSet:
    if step is None:
        raise InputError("training=(X, y) needs step, the length of one step of Langevin dynamics")
    if not isinstance(training, list | tuple) or len(training) != 2:
        raise InputTypeError(f"training must be a pair (X, y), got {brief(training)}")
    data = physical.checked(*training, None, [0.0])
    if data.y.shape[1] > 1:
        raise InputError(f"training=(X, y) takes one output here, got {data.y.shape[1]}; the outputs share one NDK")
    factor = physical.loss_scale(reduction, len(data.X))
    largest = stable_step.largest_step(compiled(members.derivation), data.X, physics, factor)
    stable_step.require_stable(step, largest, physics.rate)
    return TrainingSet(columns(data.X), np.ascontiguousarray(data.y.T), step * factor)
