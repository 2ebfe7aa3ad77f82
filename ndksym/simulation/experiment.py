"""`simulate` and `width_scan`: networks of finite width in training."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics.network_argument import as_network
from ndksym.runtime.arguments import Progress, choice, integer, listed, listener, seed_number
from ndksym.simulation import pool
from ndksym.simulation.networks.job import DYNAMICS
from ndksym.simulation.options import Asked, affordable, widths_of
from ndksym.simulation.options import job as prepared
from ndksym.simulation.samples import Simulation
from ndksym.simulation.scan import Scan, enough

__all__ = ["simulate", "width_scan"]


def simulate(
    network: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    depth: int | None = None,
    width: Any,
    times: Any,
    temperature: float,
    step: float | None = None,
    pairs: int = 64,
    seed: int = 0,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    dynamics: str = "langevin",
    strength: float | None = None,
    freeze_time: float | None = None,
    signal: bool = False,
    reduction: str = "sum",
    processes: int | None = None,
    progress: Progress | None = None,
) -> Simulation:
    """Train `pairs` pairs of networks of finite `width`, and return what each of them outputs.

    "langevin": Euler steps Θ ← (1 − hT/σ²) Θ − h ∇½Σ(f − y)² + √(2hT) ξ of length h = `step` (T2; arXiv 2309.04522), to be
    compared with `solve(..., step=h)`. "gradient": the same at T = 0. "mpl": Markov proximal learning of `strength` λ sampled
    exactly, by rejection from the chain without data (T1, T3); times count steps.
    With `freeze_time` the outputs are those of the readout frozen then, `signal` as in `drift` (T15).

    Arguments as in `solve`; `width` is one number, or one for each hidden layer; times are multiples of `step`.
    The two networks of a pair share initial weights and noise but have labels y and −y. A pair's numbers depend on `seed` and
    on its place alone, not on how many pairs or `processes` (all cores, if not given) there are.

    Errors: InputError and InputTypeError name the argument, among them an unstable step, with the largest stable one, and
    rejection that would take hours; DivergentKernelError for an activation with jumps.

    >>> import ndksym
    >>> sim = ndksym.simulate("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], width=20, times=[0.0, 10.0], temperature=0.01,
    ...     step=0.5, pairs=8)
    >>> sim.mean.train.shape, bool(abs(sim.mean.train[0]).max() == 0.0)
    ((2, 2), True)
    """
    heard = listener(progress)
    derivation = as_network(network, depth, bias)
    data = physical.checked(X, y, X_test, times)
    choice(dynamics, "dynamics", DYNAMICS)
    pairs, seed = integer(pairs, "pairs", 2), seed_number(seed)
    widths_of(width, derivation.depth)
    many = pool.cores() if processes is None else integer(processes, "processes", 1, pool.most())
    kernel = compiled(derivation)
    physics = physical.physics(kernel, temperature, prior_variance, init_variance, bias, zero=dynamics == "gradient")
    if dynamics == "gradient":
        physics = replace(physics, temperature=0.0)
    asked = Asked(dynamics, step, strength, freeze_time, signal, seed, pairs, width)
    job = prepared(derivation, kernel, data, physics, physical.loss_scale(reduction, len(data.X)), asked)
    if dynamics != "mpl":  # judged by its proposals, before
        affordable(job.shapes, len(data.X), float(job.asked[-1]), 2 * pairs, many)
    samples = pool.shared(job, pairs, many, heard)
    about = {
        "temperature": physics.temperature, "prior_variance": physics.prior_variance,
        "init_variance": physics.init_variance, "bias": physics.bias, "reduction": reduction,
        "step": None if step is None else float(step), "strength": None if strength is None else float(strength),
        "freeze_time": None if freeze_time is None else float(freeze_time), "signal": bool(signal),
    }  # fmt: skip
    return Simulation(
        dynamics, tuple(each.name for each in derivation.activations), job.widths, data.times, samples, len(data.X),
        data.flat, seed, {name: value for name, value in about.items() if value is not None}, data, kernel,
    )  # fmt: skip


def width_scan(
    network: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    widths: Any,
    degree: int = 1,
    depth: int | None = None,
    seed: int = 0,
    bias: float = 0.0,
    progress: Progress | None = None,
    **options: Any,
) -> Scan:
    """`simulate` at several widths with seeds of their own: the slope of what finite width leaves, and the limit without it.

    The limit is that of a polynomial in 1/width of this `degree`; other arguments as in `simulate`, errors too.
    """
    heard, first = listener(progress), seed_number(seed)
    derivation = as_network(network, depth, bias)
    each = listed(widths, "widths")
    enough([min(widths_of(width, derivation.depth)) for width in each], degree)

    def part(index: int) -> Callable[[float], None]:
        return lambda fraction: heard((index + fraction) / len(each))

    return Scan(
        tuple(
            simulate(
                derivation, X, y, X_test, width=width, seed=first + index, bias=bias, progress=part(index), **options
            )
            for index, width in enumerate(each)
        ),
        degree,
    )
