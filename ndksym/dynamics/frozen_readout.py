"""Representational drift (theory T15): the readout is frozen at t_0 while the hidden weights go on.

    f(t) = ∫_0^{t_0} [ m(t_0,s) e^{−T(t−s)/σ²} (K_dot^L Θ^L)(t,s) + e^{−T(t_0−s)/σ²} (K^L + β²)(t,s) ] Δ(s) ds,

the first term up to t where the learning signal stays on; at equilibrium, without it, σ² (K^L + β²)(t,t_0) (C + T)⁻¹ y.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics import checks, curves, frozen_readout_steps, langevin, threads
from ndksym.dynamics.collocation import integrals
from ndksym.dynamics.kernel_table import field, table
from ndksym.dynamics.network_argument import as_kernel
from ndksym.dynamics.physics import Memory
from ndksym.dynamics.physics import langevin as forgetting
from ndksym.dynamics.problem import Problem
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.runtime import checks as runtime
from ndksym.runtime.arguments import Progress, choice, listener
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAUSS = 64


@dataclass(frozen=True)
class Drift:
    """Mean predictor with the readout of `freeze_time`: train (M, P[, outputs]), test (M, rows[, outputs]).

    `times` are absolute; where `freeze_time` is ∞ (equilibrium) they count from it. `signal` says whether the network went
    on learning. `error` (M,) is an estimate.
    """

    freeze_time: float
    times: Array
    train: Array
    test: Array
    error: Array
    signal: bool

    def plot(self, ax: "Axes | None" = None, y_test: Any = None, *, title: str = "") -> "Axes":
        """Drift against the time since the readout was frozen; more than four predictors as errors, which need y_test.

        Errors: MissingExtraError without matplotlib; InputError for labels that do not fit.
        """
        frozen = self.freeze_time if np.isfinite(self.freeze_time) else 0.0
        return curves.drift_curves(self.times, frozen, self.test, ax, y_test=y_test, title=title)


def drift(
    network: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    freeze_time: float,
    times: Any,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    depth: int | None = None,
    signal: bool = False,
    step: float | None = None,
    loss: str = "sum",
    rtol: float = 1e-6,
    progress: Progress | None = None,
) -> Drift:
    """The mean predictor of Langevin dynamics read out by the weights of `freeze_time` (T15; arXiv 2309.04522).

    times ≥ freeze_time, ascending; with freeze_time=inf the network is at equilibrium and `times` ≥ 0 are what has passed
    since. With `signal` the hidden weights go on learning, else they drift freely. With `step`=h the exact Euler–Langevin
    recursion in steps of h instead of continuous time (T3); then both freeze_time and times are finite multiples of h.
    Network, shapes, units and errors as in `solve`.

    >>> lost = drift("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], freeze_time=np.inf, times=[0.0, 1e4], temperature=0.1)
    >>> bool(abs(lost.test[1]).max() < 1e-6)
    True
    """
    heard = listener(progress)
    data = checks.checked(X, y, X_test, times)
    kernel = as_kernel(network, depth, bias)
    physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=False)
    choice(signal, "signal", (False, True))
    frozen = _freeze_time(freeze_time, data.times)
    rows = data.X if data.rows is data.X else data.rows
    scale = checks.loss_scale(loss, len(data.X))
    problem = Problem(kernel, data.X, rows, data.y, physics, scale, checks.tolerance(rtol))
    checks.fits(data, "langevin", False)
    few = threads.suited(len(data.both))
    if step is not None:
        h = checks.sized(step, "step", checks.LARGEST)
        start, asked = _in_steps(frozen, data.times, h)
        with few:
            f, error = frozen_readout_steps.drift(problem, h, start, asked, signal, heard)
    elif frozen > langevin.HORIZON / physics.rate:
        lags = data.times if np.isinf(frozen) else data.times - frozen
        with few:
            f = _at_equilibrium(problem, lags, signal)
        error = np.full(len(lags), 0.1 * problem.rtol * problem.size)
    else:
        with few:
            f, error = _from(problem, frozen, data.times, signal, heard)
    heard(1.0)
    train, test = problem.split(f)
    return Drift(frozen, data.times, data.shaped(train), data.shaped(test), error, signal)


def _freeze_time(value: Any, times: Array) -> float:
    found = runtime.floats(value, "freeze_time", truth=False)
    if found.ndim:
        raise InputTypeError(f"freeze_time must be a number ≥ 0, or inf for equilibrium; got {brief(value)}")
    frozen = float(found)
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


def _from(problem: Problem, frozen: float, times: Array, signal: bool, progress: Progress) -> tuple[Array, Array]:
    """From any time, by the general formula."""
    both, outputs = problem.both, problem.y.shape[1]
    until = float(times[-1]) if signal else frozen
    if until == 0.0:
        return np.zeros((len(times), len(both), outputs)), np.zeros(len(times))
    memory = forgetting(problem.physics)
    until = min(until, 2 * langevin.HORIZON / memory.rate)
    learnt = langevin.solution(problem, until, progress)
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    hidden, readout = (
        table(field(problem.kernel, memory, problem.physics.bias, part), memory, both, problem.X, tolerance).scaled(
            problem.scale
        )
        for part in ("hidden", "readout")
    )
    f = integrals(
        readout,
        learnt.delta,
        times,
        until=frozen,
        factor=lambda t, s: np.exp(-memory.rate * np.maximum(frozen - s, 0.0)) + 0 * t,
    )
    for since, end in [(0.0, frozen)] + [(frozen, np.inf)] * signal:
        f = f + integrals(
            hidden,
            learnt.delta,
            times,
            since=since,
            until=end,
            factor=lambda t, s: memory.moment(frozen, s) * np.exp(-memory.rate * (t - s)),
        )
    return f, np.full(len(times), 2 * learnt.error.max())


def _at_equilibrium(problem: Problem, lags: Array, signal: bool) -> Array:
    """The readout is one of the posterior's."""
    physics, kernel, X = problem.physics, problem.kernel, problem.X
    C = kernel.nngp(X, variance=physics.prior_variance, bias=physics.bias)
    alpha = np.linalg.solve(C + physics.temperature / problem.scale * np.eye(len(X)), problem.y)
    memory = Memory(physics.rate, physics.prior_variance, physics.prior_variance)
    tolerance = float(np.clip(0.01 * problem.rtol, 1e-13, 1e-4))
    readout = table(field(kernel, memory, physics.bias, "readout"), memory, problem.both, X, tolerance)
    u = readout.weights(lags, np.zeros_like(lags))
    f: Array = memory.level * np.einsum("tk,xkp,po->txo", u, readout.grams, alpha, optimize=True)
    if signal:
        hidden = table(field(kernel, memory, physics.bias, "hidden"), memory, problem.both, X, tolerance)
        x, w = legendre(_GAUSS)
        z = 0.5 * np.sqrt(lags)[:, None] * (1 + x)
        u = np.einsum("tg,tgk->tk", 0.5 * np.sqrt(lags)[:, None] * w * 2 * z, hidden.weights(z * z, np.zeros_like(z)))
        u *= (physics.temperature * memory.level * np.exp(-memory.rate * lags))[:, None]
        f = f + np.einsum("tk,xkp,po->txo", u, hidden.grams, alpha, optimize=True)
    return f
