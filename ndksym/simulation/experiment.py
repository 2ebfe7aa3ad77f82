"""`simulate` and `width_scan`: networks of finite width in training."""

from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks as physical
from ndksym.dynamics.network_argument import NetworkArgument, as_network
from ndksym.dynamics.settings import versions
from ndksym.kernels.network import Network
from ndksym.output.progress_argument import reported
from ndksym.runtime.arguments import Progress, choice, integer, listed, seed_number
from ndksym.simulation import pool
from ndksym.simulation.networks.job import DYNAMICS
from ndksym.simulation.options import SimulationOptions, require_affordable, widths_of
from ndksym.simulation.options import job as prepared
from ndksym.simulation.samples import Simulation
from ndksym.simulation.scan import Scan, require_widths

__all__ = ["simulate", "width_scan"]


def simulate(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    depth: int | None = None,
    width: Any,
    times: ArrayLike,
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
    progress: Progress | bool | None = None,
) -> Simulation:
    """Train pairs of networks of finite width and return the outputs of each of them.

    Parameters
    ----------
    network : str, sympy.Expr, Activation, Derivation, Kernel, or sequence
        The network, as in `solve`: an activation, one activation per hidden layer, a derivation or a compiled kernel.
    X : array (P, N_0)
        Training inputs.
    y : array (P,) or (P, outputs)
        Labels.
    X_test : array (rows, N_0), optional
        Test inputs.
    depth : int, optional
        Number of hidden layers; that of `network` by default.
    width : int or sequence of int
        Width of all hidden layers, or of each.
    times : array (M,)
        Ascending times of the outputs, in units of 1/learning rate: multiples of `step`. For "mpl", numbers of steps.
    temperature : float
        Temperature T > 0. "gradient" ignores it.
    step : float, optional
        Length h of a time step; needed unless dynamics is "mpl".
    pairs : int
        Number of pairs of networks, at least 2.
    seed : int
        Seed of all random numbers.
    prior_variance, init_variance : float
        Variance σ² of a weight in equilibrium without data, and variance σ0² at t = 0.
    bias : float
        Scale β of the biases; 0 means none.
    dynamics : {"langevin", "mpl", "gradient"}
        Euler steps of Langevin dynamics, Markov proximal learning, or gradient descent (T = 0).
    strength : float, optional
        Strength λ of proximal learning; for "mpl" only.
    freeze_time : float, optional
        Time at which the readout is frozen: later outputs use the readout of this time (T15).
    signal : bool
        Whether the hidden weights still learn after `freeze_time`, from the outputs of the unfrozen readout.
    reduction : {"sum", "mean"}
        Whether the loss ½Σ(f − y)² is summed over examples or averaged.
    processes : int, optional
        Number of processes; all cores by default. It does not change the result.
    progress : bool or callable, optional
        True shows a bar; a function receives the fraction done.

    Returns
    -------
    Simulation
        The outputs of every network, with estimates of mean and variance.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed, which the message names; for an unstable step, with the largest stable one; for a
        proximal step that is accepted too rarely.
    DivergentKernelError
        For an activation with jumps, whose gradient does not exist.

    Notes
    -----
    "langevin": Θ ← (1 − hT/σ²) Θ − h ∇½Σ(f − y)² + √(2hT) ξ (T2), to be compared with ``solve(..., step=h)``. "gradient": the same
    at T = 0. "mpl": exact samples of proximal learning by rejection from the chain without data (T1, T3). The two networks of a
    pair have the same initial weights and noise but labels y and −y; so the mean is free of the fluctuations that they share.
    The numbers of a pair depend on `seed` and on its place alone, not on `pairs` or `processes`.

    References
    ----------
    Avidan, Li and Sompolinsky, arXiv 2309.04522.

    Examples
    --------
    >>> import ndksym
    >>> sim = ndksym.simulate("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], width=20, times=[0.0, 10.0], temperature=0.01,
    ...     step=0.5, pairs=8)
    >>> sim
    Simulation(erf: depth 1, width 20, langevin, 8 pairs at 2 times, seed 0)
    >>> sim.mean.train.shape, bool(abs(sim.mean.train[0]).max() == 0.0)
    ((2, 2), True)
    """
    derivation = as_network(network, depth, bias)
    data = physical.checked(X, y, X_test, times)
    choice(dynamics, "dynamics", DYNAMICS)
    pairs, seed = integer(pairs, "pairs", 2), seed_number(seed)
    widths_of(width, derivation.depth)
    workers = pool.cores() if processes is None else integer(processes, "processes", 1, pool.most())
    kernel = compiled(derivation)
    physics = physical.physics(kernel, temperature, prior_variance, init_variance, bias, zero=dynamics == "gradient")
    if dynamics == "gradient":
        physics = replace(physics, temperature=0.0)
    options = SimulationOptions(dynamics, step, strength, freeze_time, signal, seed, pairs, width)
    job = prepared(derivation, kernel, data, physics, physical.loss_scale(reduction, len(data.X)), options)
    if dynamics != "mpl":  # the cost of proximal steps, their proposals, is checked with the options
        require_affordable(job.shapes, len(data.X), float(job.report_steps[-1]), 2 * pairs, workers)
    with reported(progress, "simulating") as report_progress:
        samples = pool.shared(job, pairs, workers, report_progress)
    arguments = {
        "temperature": physics.temperature, "prior_variance": physics.prior_variance,
        "init_variance": physics.init_variance, "bias": physics.bias, "reduction": reduction,
        "step": None if step is None else float(step), "strength": None if strength is None else float(strength),
        "freeze_time": None if freeze_time is None else float(freeze_time), "signal": bool(signal),
    }  # fmt: skip
    given = {name: value for name, value in arguments.items() if value is not None}
    plain = Network(derivation.activations, derivation.duals, derivation.bias)  # of a Derivation, its symbolic part
    return Simulation(dynamics, plain, job.widths, data.times, samples, len(data.X), seed, given, data, versions())


def width_scan(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    widths: Any,
    degree: int = 1,
    depth: int | None = None,
    seed: int = 0,
    bias: float = 0.0,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Scan:
    """Simulate networks of several widths and extrapolate to infinite width.

    Parameters
    ----------
    network, X, y, X_test, depth, bias, progress
        As in `simulate`.
    widths : sequence
        More than `degree` different widths; each is a number, or a sequence with one number per hidden layer.
    degree : int
        Degree of the polynomial in 1/width, at least 1.
    seed : int
        Seed of the first width; the next ones have seed + 1, seed + 2, …
    **options
        The other arguments of `simulate`.

    Returns
    -------
    Scan
        Mean and variance at infinite width; `simulations` holds each width, `slope` the decay of the bias with width.

    Raises
    ------
    InputError, InputTypeError, DivergentKernelError
        As in `simulate`; InputError for too few different widths.

    Notes
    -----
    Mean and variance of the output differ from their limits by O(1/N); the polynomial's value at 1/N = 0 is the limit.

    Examples
    --------
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0]
    >>> width_scan("erf", X, y, widths=[10, 20], times=[2.0], temperature=0.01, step=0.5, pairs=8)
    Scan(erf: depth 1, widths 10, 20, langevin, extrapolated with degree 1)
    """
    first_seed = seed_number(seed)
    derivation = as_network(network, depth, bias)
    each = listed(widths, "widths")
    require_widths([min(widths_of(width, derivation.depth)) for width in each], degree)

    def one(index: int, width: Any, report_progress: Progress) -> Simulation:
        def part(fraction: float) -> None:
            report_progress((index + fraction) / len(each))

        settings = {"width": width, "seed": first_seed + index, "bias": bias, "progress": part, **options}
        return simulate(derivation, X, y, X_test, **settings)

    with reported(progress, "simulating") as report_progress:
        return Scan(tuple(one(index, width, report_progress) for index, width in enumerate(each)), degree)
