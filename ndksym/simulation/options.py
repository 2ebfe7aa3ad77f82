"""Checks of a simulation's arguments, and the job that worker processes receive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndksym.codegen.module import module
from ndksym.dynamics import checks as physical
from ndksym.dynamics import stable_step
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.dynamics.problem import Problem
from ndksym.errors import InputError
from ndksym.kernels.network import Network
from ndksym.runtime import checks
from ndksym.runtime.arguments import choice, integer, listed
from ndksym.runtime.compiled import NUMPY
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array
from ndksym.simulation import acceptance
from ndksym.simulation.networks.job import DYNAMICS, Dynamics, Job

MOST_BYTES = 4 * 2**30
"""Largest size of the samples, and of the weights of one pair."""
MOST_DAYS = 7.0
_FLOPS, _CALLS = 1e10, 2e-6
"""Floating-point products per second; seconds that the calls of one layer take when many small networks share them."""


@dataclass(frozen=True)
class SimulationOptions:
    """Arguments of `simulate` beside the data and the physics. `width` is a number, or a sequence with one per hidden layer."""

    dynamics: str
    step: float | None
    strength: float | None
    freeze_time: float | None
    signal: bool
    seed: int
    pairs: int
    width: Any


def job(
    derivation: Network, kernel: Kernel, data: physical.Data, physics: Physics, scale: float, options: SimulationOptions
) -> Job:
    """The checked job.

    Raises InputError or InputTypeError, which name the argument; DivergentKernelError where an activation jumps.
    """
    choice(options.signal, "signal", (False, True))
    dynamics: Dynamics = choice(options.dynamics, "dynamics", DYNAMICS)
    widths = widths_of(options.width, derivation.depth)
    decay, noise, step_size, inverse_temperature = _step(kernel, data, physics, scale, options, widths)
    unit = 1.0 if options.dynamics == "mpl" else float(options.step or 1.0)
    numbers = physical.steps(data.times, unit)
    frozen = -1
    if options.freeze_time is not None:
        if options.dynamics == "mpl":
            raise InputError("freeze_time belongs to dynamics='langevin' and 'gradient', not to 'mpl'")
        when = checks.number(options.freeze_time, "freeze_time", zero=True)
        frozen = int(physical.steps(np.array([when]), unit, "freeze_time")[0])
        if frozen > numbers[0]:
            raise InputError(
                f"times must be ≥ freeze_time = {when:g}, where the readout is frozen; got {data.times[0]:g}"
            )
    distinct = list(dict.fromkeys(derivation.duals))
    X, rows = _columns(data)
    out = Job(
        module("(simulation)", distinct, NUMPY), tuple(distinct.index(each) for each in derivation.duals), widths,
        X, rows, np.ascontiguousarray(data.y.T), numbers.astype(np.int64), dynamics, physics.init_variance,
        physics.bias, decay, noise, step_size, inverse_temperature, frozen, options.signal, options.seed,
    )  # fmt: skip
    _require_fit(out, options.pairs)
    return out


def widths_of(width: Any, depth: int) -> tuple[int, ...]:
    """The width of each hidden layer, from one number for all of them or one number for each."""
    each = listed(width, "width") if isinstance(width, Sequence | np.ndarray) else (width,) * depth
    if len(each) != depth:
        raise InputError(f"width must be one number or one for each of {depth} hidden layers, got {len(each)} of them")
    return tuple(integer(n, "width", 1) for n in each)


def _step(
    kernel: Kernel,
    data: physical.Data,
    physics: Physics,
    scale: float,
    options: SimulationOptions,
    widths: tuple[int, ...],
) -> tuple[float, float, float, float]:
    """Decay factor, noise, step size, and inverse temperature of the acceptance, of one step of a parameter."""
    if options.dynamics == "mpl":
        if options.strength is None or options.step is not None:
            raise InputError("dynamics='mpl' needs strength=λ > 0 and no step; its times count steps")
        strength = physical.sized(options.strength, "strength", physical.LARGEST)
        decay = float(np.exp(-PriorProcess.proximal(physics, strength).rate))
        noise = float(np.sqrt(2 * physics.prior_variance * (1 - decay)))
        problem = Problem(kernel, data.X, data.X, data.y, physics, scale, 1e-6)
        acceptance.require_affordable(problem, strength, widths, options.pairs, int(data.times[-1]))
        return decay, noise, 0.0, scale / (2 * physics.temperature)
    if options.strength is not None:
        raise InputError(f"strength belongs to dynamics='mpl', not to {options.dynamics!r}")
    if options.step is None:
        raise InputError(
            f"step is needed; the largest stable one is {stable_step.largest_step(kernel, data.X, physics, scale):.4g}"
        )
    h = physical.sized(options.step, "step", physical.LARGEST)
    stable_step.require_stable(h, stable_step.largest_step(kernel, data.X, physics, scale), physics.rate)
    return 1 - h * physics.rate, float(np.sqrt(2 * h * physics.temperature)), h * scale, 0.0


def _columns(data: physical.Data) -> tuple[Array, Array]:
    """Training and further inputs as columns over √N_0, rotated into the subspace that they span.

    The law of the outputs depends on inner products only, so the rotation does not change it.
    """
    both = columns(data.both)
    if len(both) > both.shape[1]:
        both = np.asarray(np.linalg.qr(both, mode="r"))
        both *= np.where(np.diagonal(both) < 0, -1.0, 1.0)[:, None]
    P = len(data.X)
    return np.ascontiguousarray(both[:, :P]), np.ascontiguousarray(both[:, P:])


def columns(X: Array) -> Array:
    """Inputs as columns, divided by √N_0."""
    return np.ascontiguousarray(X.T / np.sqrt(X.shape[1]))


def _require_fit(out: Job, pairs: int) -> None:
    needs = {
        "the networks' outputs": 8 * pairs * int(np.prod(out.per_pair)),
        "the weights of one pair of networks": 24 * sum(n * m for n, m in out.shapes),
    }
    for what, size in needs.items():
        require_memory(size, what, "ask for less", MOST_BYTES)


def require_affordable(
    shapes: tuple[tuple[int, int], ...], rows: int, steps: float, networks: int, processes: int
) -> None:
    """Refuse a simulation that would take longer than MOST_DAYS, with an estimate of its duration.

    The estimate counts six products per weight, row and step, and a few calls per step and layer, on a typical machine.
    """
    weights = sum(n * m for n, m in shapes)
    once = 6 * weights * rows / _FLOPS + len(shapes) * _CALLS
    days = once * networks * steps / min(processes, networks) / 86400
    if days > MOST_DAYS:
        raise InputError(
            f"{steps:,.0f} steps of {networks:,} networks with {weights:,} weights would take about {days:.3g} days in "
            f"{min(processes, networks)} processes, and at most {MOST_DAYS:g} are allowed; ask for fewer steps, networks or weights"
        )
