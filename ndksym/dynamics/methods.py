"""From checked arguments to a Run: which equation a method means, and the limits it is to be compared with."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ndksym.dynamics import checks, covariance, diffusive, discrete, langevin, linearised
from ndksym.dynamics.physics import Physics
from ndksym.dynamics.problem import ROUNDING, Problem
from ndksym.dynamics.result import Posterior, Run
from ndksym.dynamics.volterra import Progress
from ndksym.errors import InputError, ToleranceWarning
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

METHODS = ("langevin", "mpl", "gradient", "diffusive")


@dataclass(frozen=True)
class Options:
    """λ of "mpl", h of Euler–Langevin, False, True or "two-time", the tolerance, and who hears of progress."""

    strength: float | None
    step: float | None
    covariance: bool | str
    rtol: float
    progress: Progress


@dataclass(frozen=True)
class Found:
    """Mean on the training set and on the further rows, error estimate, and covariance of all rows if asked for.

    `cov_error` is relative to the largest |y| and to the largest variance without data.
    """

    train: Array
    test: Array
    error: Array
    cov: Array | None = None
    cov_error: float = 0.0


def run(method: str, kernel: Kernel, data: checks.Data, physics: Physics, scale: float, options: Options) -> Run:
    """Solve by one method."""
    problem = Problem(kernel, data.X, data.rows, data.y, physics, scale, options.rtol)
    by = {"langevin": _langevin, "mpl": _in_steps, "gradient": _gradient, "diffusive": _diffusive}[method]
    found = (_in_steps if method == "langevin" and options.step is not None else by)(problem, data.times, options)
    options.progress(1.0)
    if found.error.max() > options.rtol * problem.size:
        warnings.warn(
            f"rtol = {options.rtol:g} was not reached: the estimated error is {found.error.max() / problem.size:.1e} of the "
            f"largest |y| at t = {data.times[np.argmax(found.error)]:g}; .error holds it for every time",
            ToleranceWarning,
            stacklevel=3,
        )
    if found.cov_error > options.rtol:
        warnings.warn(
            f"rtol = {options.rtol:g} was not reached by the covariance: its estimated error is {found.cov_error:.1e} of the "
            "largest variance without data",
            ToleranceWarning,
            stacklevel=3,
        )
    theta, P = problem.theta(), len(data.X)
    plateau = linearised.flow(theta[:P], theta[-len(data.rows) :], data.y, np.array([np.inf]))[1][0]
    posterior, shaped = equilibrium(problem), data.shaped
    train_cov = test_cov = None
    if found.cov is not None:
        train_cov = found.cov[..., :P, :P]
        test_cov = found.cov[..., -len(data.rows) :, -len(data.rows) :]
    return Run(
        method, data.times, shaped(found.train), shaped(found.test), found.error, shaped(plateau),
        Posterior(shaped(posterior.mean), posterior.cov), _boundary(theta[:P], data.y, physics, method, options), train_cov, test_cov,
    )  # fmt: skip


def equilibrium(problem: Problem) -> Posterior:
    """C(·,X)(C + T I)⁻¹ y and C − C(·,X)(C + T I)⁻¹ C(X,·) at σ², on the further rows (T9)."""
    P = len(problem.X)
    whole = _posterior(problem)
    return whole if problem.rows is problem.X else Posterior(whole.mean[P:], whole.cov[P:, P:])


def _posterior(problem: Problem) -> Posterior:
    """On all rows."""
    physics, P = problem.physics, len(problem.X)
    C = problem.kernel.nngp(problem.both, variance=physics.prior_variance, bias=physics.bias)
    known = C[:P, :P] + physics.temperature / problem.scale * np.eye(P)
    solved = np.linalg.lstsq(known, np.hstack([problem.y, C[:P]]), rcond=None)[0]
    outputs = problem.y.shape[1]
    return Posterior(C[:, :P] @ solved[:, :outputs], C - C[:, :P] @ solved[:, outputs:])


def _langevin(problem: Problem, times: Array, options: Options) -> Found:
    within = times <= langevin.HORIZON / problem.physics.rate
    early = times[within]
    train, test, error = langevin.mean(problem, early, options.progress)
    late, end = int(np.sum(~within)), _posterior(problem)
    last = problem.split(end.mean[None])
    found = Found(
        np.concatenate([train, np.repeat(last[0], late, axis=0)]),
        np.concatenate([test, np.repeat(last[1], late, axis=0)]),
        np.append(error, np.full(late, ROUNDING * problem.size)),
    )
    if not options.covariance:
        return found
    mean = train if problem.rows is problem.X else np.concatenate([train, test], axis=1)
    if options.covariance == "two-time":
        if late:
            raise InputError(
                f"covariance='two-time' wants times up to {langevin.HORIZON / problem.physics.rate:g} = 64 σ²/T, "
                f"beyond which the network is at equilibrium; got {times[-1]:g}"
            )
        cov, off = covariance.covariances(problem, early, True, mean, options.progress)
        return replace(found, cov=cov, cov_error=off)
    cov, off = np.empty((0, *end.cov.shape)), 0.0
    if len(early):
        cov, off = covariance.covariances(problem, early, False, mean, options.progress)
    return replace(found, cov=np.concatenate([cov, np.repeat(end.cov[None], late, axis=0)]), cov_error=off)


def _in_steps(problem: Problem, times: Array, options: Options) -> Found:
    if options.step is not None:
        steps, unit = discrete.euler_steps(problem, options.step), options.step
    else:
        assert options.strength is not None
        steps, unit = discrete.proximal_steps(problem, options.strength), 1.0
    asked = checks.steps(times, unit)
    if options.covariance:
        discrete.check_fits(int(asked[-1]), len(problem.X))
    march, missed = discrete.march(problem, steps, int(asked[-1]), options.progress)
    train, test = problem.split(march.predict(asked))
    error = np.full(len(times), 2 * missed + ROUNDING * problem.size)
    cov = None
    if options.covariance:
        cov = discrete.covariances(problem, steps, march, asked, options.covariance == "two-time")
    return Found(train, test, error, cov)


def _gradient(problem: Problem, times: Array, options: Options) -> Found:
    theta, P = problem.theta(), len(problem.X)
    decay: linearised.Decay = linearised.exponential
    if options.step is not None:
        discrete.require_stable(problem.kernel, problem.X, problem.physics, problem.scale, options.step)
        checks.steps(times, options.step)
        decay = linearised.powers(options.step)
    train, test = linearised.flow(theta[:P], theta[-len(problem.rows) :], problem.y, times, decay)
    cov = None
    if options.covariance:
        prior = problem.kernel.nngp(problem.both, variance=problem.physics.init_variance, bias=problem.physics.bias)
        cov = linearised.covariance(theta, prior, times, options.covariance == "two-time", decay)
    return Found(train, test, np.full(len(times), ROUNDING * problem.size), cov)


def _diffusive(problem: Problem, times: Array, options: Options) -> Found:
    tau = problem.physics.temperature * times
    within = tau <= langevin.HORIZON * problem.physics.prior_variance
    train, test, error = diffusive.mean(problem, tau[within], options.progress)
    late = int(np.sum(~within))
    cold = replace(problem, physics=replace(problem.physics, temperature=0.0))
    last = problem.split(_posterior(cold).mean[None])
    return Found(
        np.concatenate([train, np.repeat(last[0], late, axis=0)]),
        np.concatenate([test, np.repeat(last[1], late, axis=0)]),
        np.append(error, np.full(late, ROUNDING * problem.size)),
    )


def _boundary(theta: Array, y: Array, physics: Physics, method: str, options: Options) -> float:
    """√(t_g σ²/T), at most σ²/T, in the units of the times; ∞ without diffusion.

    t_g = yᵀΘ⁻¹y/|y|² over the modes that are learnt at all: the mean time that gradient flow takes with these labels.
    """
    if method == "gradient" or physics.rate == 0:
        return float("inf")
    rates, vectors = linearised.modes(theta)
    power = np.sum((vectors.T @ y) ** 2, axis=1)[rates > 0]
    slow = float(np.sum(power / rates[rates > 0]) / max(power.sum(), np.finfo(float).tiny))
    unit = options.strength if method == "mpl" and options.strength is not None else 1.0
    return float(unit * min(np.sqrt(slow / physics.rate), 1 / physics.rate))
