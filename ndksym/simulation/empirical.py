"""NTK and NDK of networks of finite width, network by network: what T5 and T6 are the limits of."""

from typing import Any

import numpy as np

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics import stable_step
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.runtime import checks
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array
from ndksym.simulation import options
from ndksym.simulation.ensemble import Ensemble, ensemble
from ndksym.simulation.networks.gradients import Gradients, gradients, overlap
from ndksym.simulation.networks.network import Networks
from ndksym.simulation.networks.path import Leg, Lesson, along
from ndksym.simulation.options import columns

__all__ = ["empirical_ndk", "empirical_ntk"]


def empirical_ntk(
    network: Any,
    X: Any,
    X2: Any = None,
    *,
    depth: int | None = None,
    width: Any,
    networks: int = 64,
    seed: int = 0,
    init_variance: float = 1.0,
    bias: float = 0.0,
) -> Array:
    """∇f(x)·∇f(x′) of networks at initialisation, which `Kernel.ntk` is the limit of: (networks, n, n2).

    Σ_l (δ_l·δ_l′)(a_{l−1}·a_{l−1}′ + β²), a_{l−1} what layer l acts on and δ_l = ∂f/∂h_l; mean and fluctuations are off by
    1/N and 1/√N (T5, T10; Jacot et al. 2018, arXiv 1806.07572). Arguments as in `simulate`; runs in this process.

    Errors: InputError and InputTypeError name the argument; DivergentKernelError for an activation with jumps.

    >>> import numpy as np, ndksym
    >>> X = [[1.0, 0.0], [0.6, 0.8]]
    >>> found = empirical_ntk("relu", X, width=1000, networks=50)
    >>> bool(abs(found.mean(axis=0) - ndksym.derive("relu").compile().ntk(X)).max() < 0.05)
    True
    """
    of = ensemble(network, depth, width, networks, seed, init_variance, bias)
    first, second = _rows(X, X2)
    _fits(of.count, first, second)
    return np.concatenate([overlap(*_seen(net, first, second))[:, 0] for net, _ in of.drawn(len(first))])


def empirical_ndk(
    network: Any,
    X: Any,
    X2: Any = None,
    *,
    t: Any,
    s: Any,
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
    """e^{−T(t−s)/σ²} ∇f(x, Θ_t)·∇f(x′, Θ_s) along each network's path, which `Kernel.ndk` is the limit of.

    Shape (networks, *shape of t and s broadcast, n, n2), s ≤ t, X at t and X2 at s (T6; arXiv 2309.04522). Without data the
    path is the prior's, and exact: the Ornstein–Uhlenbeck process, or with `step`=h the chain of Euler steps, at whose times
    the weight is a^{(t−s)/h}, a = 1 − hT/σ² (T3). With `training`=(X, y) it is that of Langevin dynamics in steps h, which
    the limit does not notice. Other arguments as in `simulate`; runs in this process.

    Errors: InputError and InputTypeError name the argument, among them a step too large to be stable; DivergentKernelError
    for an activation with jumps.

    >>> import ndksym
    >>> args = {"t": [0.0, 5.0], "s": 0.0, "temperature": 0.1}
    >>> found = empirical_ndk("erf", [[1.0, 0.0]], width=1000, networks=50, **args)
    >>> bool(abs(found.mean(axis=0) - ndksym.derive("erf").compile().ndk([[1.0, 0.0]], **args)).max() < 0.05)
    True
    """
    of = ensemble(network, depth, width, networks, seed, init_variance, bias)
    first, second = _rows(X, X2)
    later, earlier = checks.times(t, s)
    physics = Physics(
        checks.number(temperature, "temperature", zero=True),
        physical.sized(prior_variance, "prior_variance", physical.LARGEST), of.init_variance, of.bias,
    )  # fmt: skip
    h = None if step is None else physical.sized(step, "step", physical.LARGEST)
    lesson = None if training is None else _lesson(of, physics, h, training, reduction)
    process = PriorProcess.langevin(physics) if h is None else stable_step.euler_process(physics, h)
    if h is not None:
        later, earlier = (physical.steps(each, h, name).astype(float) for each, name in ((later, "t"), (earlier, "s")))
    moments, places = np.unique(np.append(later, earlier), return_inverse=True)
    legs = _legs(process, np.diff(moments, prepend=0.0), physics, None if lesson is None else h)
    weight = np.exp(-process.rate * (later - earlier))[..., None, None]
    at_t, at_s = places.reshape(2, -1)
    _fits(of.count * later.size, first, second)
    options.affordable(of.shapes(len(first)), first.shape[1], float(sum(leg.steps for leg in legs)), of.count, 1)
    out = np.empty((of.count, later.size, first.shape[1], (first if second is None else second).shape[1]))
    for found, (net, draws) in zip(out, of.drawn(len(first)), strict=True):
        seen = [_seen(each, first, second) for each in along(net, draws, legs, lesson)]
        for index, (i, j) in enumerate(zip(at_t, at_s, strict=True)):
            found[index] = overlap(seen[i][0], seen[j][1])[0, 0]
    return np.asarray(weight * out.reshape(of.count, *later.shape, *out.shape[2:]))


def _rows(X: Any, X2: Any) -> tuple[Array, Array | None]:
    """Both as columns over √N_0."""
    first = checks.points(X, "X")
    return columns(first), None if X2 is None else columns(checks.points(X2, "X2", first.shape[1]))


def _fits(count: int, first: Array, second: Array | None) -> None:
    size = 8 * count * first.shape[1] * (first if second is None else second).shape[1]
    require_memory(size, f"{count:,} kernel matrices", "ask for fewer networks, times or rows")


def _seen(of: Networks, first: Array, second: Array | None) -> tuple[Gradients, Gradients]:
    own = gradients(of, first)
    return own, own if second is None else gradients(of, second)


def _legs(process: PriorProcess, gaps: Array, physics: Physics, step: float | None) -> list[Leg]:
    """Without data a leg is one step, however long: the chain is Gaussian (T3)."""
    if step is not None:
        noise = float(np.sqrt(2 * step * physics.temperature))
        return [Leg(int(gap), 1 - step * physics.rate, noise) for gap in gaps]
    kept, fresh = np.exp(-process.rate * gaps), -process.level * np.expm1(-2 * process.rate * gaps)
    return [Leg(1, float(a), float(np.sqrt(v))) for a, v in zip(kept, fresh, strict=True)]


def _lesson(of: Ensemble, physics: Physics, step: float | None, training: tuple[Any, Any], reduction: str) -> Lesson:
    if step is None:
        raise InputError("training=(X, y) needs step, the length of one step of Langevin dynamics")
    if not isinstance(training, list | tuple) or len(training) != 2:
        raise InputTypeError(f"training must be a pair (X, y), got {brief(training)}")
    data = physical.checked(*training, None, [0.0])
    if data.y.shape[1] > 1:
        raise InputError(f"training=(X, y) takes one output here, got {data.y.shape[1]}; the outputs share one NDK")
    factor = physical.loss_scale(reduction, len(data.X))
    largest = stable_step.largest_step(compiled(of.derivation), data.X, physics, factor)
    stable_step.require_stable(step, largest, physics.rate)
    return Lesson(columns(data.X), np.ascontiguousarray(data.y.T), step * factor)
