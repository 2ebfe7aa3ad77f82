"""Representational drift (theory T15): the readout is frozen at t_0 while the hidden weights go on changing.

    f(t) = ∫_0^{t_0} [ m(t_0,s) e^{−T(t−s)/σ²} (K_dot^L Θ^L)(t,s) + e^{−T(t_0−s)/σ²} (K^L + β²)(t,s) ] Δ(s) ds

Where the learning signal stays on, the integral of the first term runs up to t. At equilibrium, without the signal, f(t) is
σ² (K^L + β²)(t,t_0) (C + T)⁻¹ y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndksym.dynamics import checks, frozen_readout_steps, threads
from ndksym.dynamics.collocation import Integral, integrals
from ndksym.dynamics.kernel_table import tabulate, two_time_kernel
from ndksym.dynamics.methods import langevin
from ndksym.dynamics.network_argument import NetworkArgument, as_kernel
from ndksym.dynamics.physics import HORIZON, PriorProcess
from ndksym.dynamics.problem import Problem
from ndksym.dynamics.result import Drift
from ndksym.dynamics.settings import made_with
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.output.progress_argument import reported
from ndksym.runtime import checks as runtime
from ndksym.runtime.arguments import Progress, choice
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

__all__ = ["drift"]

_GAUSS = 64


def drift(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    freeze_time: float,
    times: ArrayLike,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    depth: int | None = None,
    signal: bool = False,
    step: float | None = None,
    reduction: str = "sum",
    rtol: float = 1e-6,
    progress: Progress | bool | None = None,
) -> Drift:
    """Solve for the mean predictor of Langevin dynamics whose readout is frozen at one time.

    Parameters
    ----------
    network : str, sympy.Expr, Activation, Derivation, Kernel, or sequence
        The network, as in `solve`.
    X : array (P, N_0)
        Training inputs.
    y : array (P,) or (P, outputs)
        Labels.
    X_test : array (rows, N_0), optional
        Inputs at which the predictor is evaluated; the training inputs if not given.
    freeze_time : float
        Time t_0 ≥ 0 at which the readout is frozen, in units of 1/learning rate; ``inf`` means at equilibrium.
    times : array (M,)
        Ascending times ≥ freeze_time. If freeze_time is ``inf``, they are the times ≥ 0 that have passed since.
    temperature : float
        Temperature T > 0 of the Langevin noise.
    prior_variance, init_variance : float
        Variance σ² of a weight in equilibrium without data, and variance σ0² at t = 0.
    bias : float
        Scale β of the biases; 0 means none.
    depth : int, optional
        Number of hidden layers of a network that is still to be derived; 1 if not given.
    signal : bool
        Whether the hidden weights go on learning after t_0 with the error of the unfrozen network; otherwise they diffuse
        freely.
    step : float, optional
        Length h of an Euler–Langevin step (T3). Then freeze_time and times are finite multiples of h; otherwise time is
        continuous.
    reduction : {"sum", "mean"}
        Whether the loss ½ (y − f)² is summed or averaged over the P examples.
    rtol : float
        Accuracy of the predictor relative to the largest \\|y\\|, between 1e-12 and 0.1.
    progress : bool or callable, optional
        True shows a progress bar; a function is called with the fraction done.

    Returns
    -------
    Drift
        The mean predictor on training and test rows at each time.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed; the message names it.
    DivergentKernelError
        For an activation with jumps, whose NTK is infinite.

    Notes
    -----
    With Δ = y − f the residual of the unfrozen network, the predictor is (T15; Avidan, Li and Sompolinsky, arXiv 2309.04522)

        f(t) = ∫_0^{t_0} [ m(t_0,s) e^{−T(t−s)/σ²} (K_dot^L Θ^L)(t,s) + e^{−T(t_0−s)/σ²} (K^L + β²)(t,s) ] Δ(s) ds,

    where the integral of the first term runs up to t with the signal. As t − t_0 → ∞ without the signal, only mean activations
    survive: 0 for an odd activation.

    Examples
    --------
    >>> import numpy as np
    >>> lost = drift("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], freeze_time=np.inf, times=[0.0, 1e4], temperature=0.1)
    >>> bool(abs(lost.test[1]).max() < 1e-6)
    True
    """
    data = checks.checked(X, y, X_test, times)
    kernel = as_kernel(network, depth, bias)
    physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=False)
    signal = bool(choice(signal, "signal", (False, True)))
    frozen = _freeze_time(freeze_time, data.times)
    scale, tolerance = checks.loss_scale(reduction, len(data.X)), checks.tolerance(rtol)
    checks.fits(data, langevin.MATRICES, False)
    h = None if step is None else checks.sized(step, "step")
    settings = made_with(
        kernel, physics, reduction=str(reduction), rtol=tolerance, freeze_time=frozen, signal=signal, step=h
    )
    with reported(progress, "solving") as heard, threads.suited(len(data.both)):
        problem = Problem(kernel, data.X, data.rows, data.y, physics, scale, tolerance, progress=heard)
        f, error = _solved(problem, frozen, data.times, signal, h)
        heard(1.0)
    train, test = problem.split(f)
    return Drift(frozen, data.times, data.shaped(train), data.shaped(test), error, signal, settings)


def _solved(problem: Problem, frozen: float, times: Array, signal: bool, step: float | None) -> tuple[Array, Array]:
    """f on all rows, (times, both, outputs), and an estimate of its error, (times,)."""
    if step is not None:
        start, numbers = _in_steps(frozen, times, step)
        return frozen_readout_steps.drift(problem, step, start, numbers, signal)
    if frozen > HORIZON / problem.physics.rate:
        lags = times if np.isinf(frozen) else times - frozen
        return _at_equilibrium(problem, lags, signal), np.full(len(lags), 0.1 * problem.rtol * problem.size)
    return _from(problem, frozen, times, signal)


def _freeze_time(value: object, times: Array) -> float:
    number = runtime.floats(value, "freeze_time", truth=False)
    if number.ndim:
        raise InputTypeError(f"freeze_time must be a number ≥ 0, or inf for equilibrium; got {brief(value)}")
    frozen = float(number)
    if not frozen >= 0:
        raise InputError(f"freeze_time must be ≥ 0, or inf for equilibrium; got {frozen:g}")
    if np.isfinite(frozen) and times[0] < frozen:
        raise InputError(f"times must be ≥ freeze_time = {frozen:g}, where the readout is frozen; got {times[0]:g}")
    return frozen


def _in_steps(frozen: float, times: Array, step: float) -> tuple[int, NDArray[np.intp]]:
    if np.isinf(frozen):
        raise InputError(
            "freeze_time=inf is equilibrium in continuous time; with step it must be a finite multiple of step, and 20 σ²/T or "
            "more are as good as inf"
        )
    return int(checks.steps(np.array([frozen]), step, "freeze_time")[0]), checks.steps(times, step)


def _from(problem: Problem, frozen: float, times: Array, signal: bool) -> tuple[Array, Array]:
    """From any time, by the general formula."""
    both, outputs = problem.both, problem.y.shape[1]
    until = float(times[-1]) if signal else frozen
    if until == 0.0:
        return np.zeros((len(times), len(both), outputs)), np.zeros(len(times))
    process = PriorProcess.langevin(problem.physics)
    until = min(until, 2 * HORIZON / process.rate)
    learnt = langevin.residual(problem, until)
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    hidden, readout = (
        tabulate(
            two_time_kernel(problem.kernel, process, problem.physics.bias, part), process, both, problem.X, tolerance
        ).scaled(problem.scale)
        for part in ("hidden", "readout")
    )

    def of_readout(t: Array, s: Array) -> Array:
        return np.asarray(np.exp(-process.rate * np.maximum(frozen - s, 0.0)) + 0 * t)

    def of_hidden(t: Array, s: Array) -> Array:
        return process.covariance(frozen, s) * np.exp(-process.rate * (t - s))

    f = integrals(readout, learnt.delta, times, Integral(until=frozen, factor=of_readout))
    for since, end in [(0.0, frozen)] + [(frozen, np.inf)] * signal:
        f = f + integrals(hidden, learnt.delta, times, Integral(since=since, until=end, factor=of_hidden))
    return f, np.full(len(times), 2 * learnt.error.max())


def _at_equilibrium(problem: Problem, lags: Array, signal: bool) -> Array:
    """From equilibrium, where the readout is drawn from the posterior."""
    physics, kernel, X = problem.physics, problem.kernel, problem.X
    C = kernel.nngp(X, variance=physics.prior_variance, bias=physics.bias)
    alpha = np.linalg.solve(C + physics.temperature / problem.scale * np.eye(len(X)), problem.y)
    process = PriorProcess(physics.rate, physics.prior_variance, physics.prior_variance)
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    readout = tabulate(two_time_kernel(kernel, process, physics.bias, "readout"), process, problem.both, X, tolerance)
    u = readout.weights(lags, np.zeros_like(lags))
    f: Array = process.level * np.einsum("tk,xkp,po->txo", u, readout.grams, alpha, optimize=True)
    if signal:
        hidden = tabulate(two_time_kernel(kernel, process, physics.bias, "hidden"), process, problem.both, X, tolerance)
        x, w = legendre(_GAUSS)
        z = 0.5 * np.sqrt(lags)[:, None] * (1 + x)
        u = np.einsum("tg,tgk->tk", 0.5 * np.sqrt(lags)[:, None] * w * 2 * z, hidden.weights(z * z, np.zeros_like(z)))
        u *= (physics.temperature * process.level * np.exp(-process.rate * lags))[:, None]
        f = f + np.einsum("tk,xkp,po->txo", u, hidden.grams, alpha, optimize=True)
    return f
