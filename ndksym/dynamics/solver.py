"""`solve`: the arguments checked, the method applied, and the result compared with the limits of theory."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndksym.dynamics import checks, linearised, methods, threads
from ndksym.dynamics.methods import Method
from ndksym.dynamics.network_argument import NetworkArgument, as_kernel
from ndksym.dynamics.problem import Covariance, Posterior, Problem, Solution
from ndksym.dynamics.result import Run
from ndksym.dynamics.settings import made_with
from ndksym.errors import InputError, ToleranceWarning
from ndksym.output.progress_argument import reported
from ndksym.runtime import arguments
from ndksym.runtime.arguments import Progress
from ndksym.runtime.types import Array

__all__ = ["solve"]


def solve(  # noqa: PLR0913 (public keyword contract)
    network: NetworkArgument,
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    *,
    times: ArrayLike,
    temperature: float | None = None,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    depth: int | None = None,
    method: str = "langevin",
    covariance: bool | str = False,
    reduction: str = "sum",
    rtol: float = 1e-6,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Run:
    """Solve for the predictor of an infinitely wide network in training, at the given times.

    Parameters
    ----------
    network : str, sympy.Expr, Activation, Derivation, Kernel, or sequence
        The network: a compiled kernel, a derivation, or whatever `derive` takes. A network that is still to be derived has
        biases if `bias` is not 0.
    X : array (P, N_0)
        Training inputs.
    y : array (P,) or (P, outputs)
        Labels.
    X_test : array (rows, N_0), optional
        Inputs at which the predictor is evaluated; the training inputs if not given.
    times : array (M,)
        Ascending times ≥ 0 in units of 1/learning rate; for "mpl" numbers of steps, with a step length its multiples. In
        continuous time the last may be ``inf``.
    temperature : float, optional
        Temperature T > 0 of the Langevin noise. "gradient" needs none: there T ≥ 0, by default 0, only enters the equilibrium
        that the run is compared with.
    prior_variance, init_variance : float
        Variance σ² of a weight in equilibrium without data, and variance σ0² at t = 0.
    bias : float
        Scale β of the biases; 0 means none.
    depth : int, optional
        Number of hidden layers of a network that is still to be derived; 1 if not given.
    method : str
        The equation that is solved:

        {methods}
    covariance : bool or "two-time"
        Whether to compute the covariance over the ensemble at each time, or at all pairs of times.
    reduction : {{"sum", "mean"}}
        Whether the loss ½ (y − f)² is summed or averaged over the P examples.
    rtol : float
        Accuracy of the predictor relative to the largest \\|y\\|, between 1e-12 and 0.1.
    progress : bool or callable, optional
        True shows a progress bar; a function is called with the fraction done.
    **options
        The options of the method:

        {options}

    Returns
    -------
    Run
        Mean predictor, error estimate, limits and, where it is wanted, covariance.

    Raises
    ------
    InputError, InputTypeError
        For an argument that is not allowed; the message names it.
    DivergentKernelError
        For an activation with jumps, whose NTK is infinite.

    Warns
    -----
    ToleranceWarning
        If rtol is not reached; `Run.error` holds the estimated error.

    Notes
    -----
    At infinite width and fixed P the predictor is a Gaussian process that the data drive through the NDK (T9; Avidan, Li and
    Sompolinsky, arXiv 2309.04522):

        f(t, x) = ζ(t, x) + ∫_0^t Σ_μ NDK(t, s; x, x_μ) (y_μ − f(s, x_μ)) ds,   ζ ~ GP(0, C^(L+1)).

    Its mean obeys the same equation with ζ = 0, and its covariance over the ensemble is R C Rᵀ with R = (1 + NDK∘)⁻¹.

    Examples
    --------
    >>> run = solve("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.1, 1000.0], temperature=0.1)
    >>> bool(abs(run.train[1] - run.equilibrium.mean).max() < 1e-6)
    True
    """
    by = methods.find(method)
    data = checks.checked(X, y, X_test, times, endless=True)
    kernel = as_kernel(network, depth, bias)
    chosen = methods.checked_options(method, options)
    wanted = _covariance(covariance, method, by)
    physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=not by.THERMAL)
    scale, tolerance = checks.loss_scale(reduction, len(data.X)), checks.tolerance(rtol)
    checks.fits(data, by.MATRICES, wanted)
    settings = made_with(
        kernel, physics, method=method, **chosen, covariance=wanted, reduction=str(reduction), rtol=tolerance
    )
    with reported(progress, "solving") as heard, threads.suited(len(data.both)):
        problem = Problem(
            kernel,
            data.X,
            data.rows,
            data.y,
            physics,
            scale,
            tolerance,
            covariance=wanted,
            options=chosen,
            progress=heard,
        )
        solution = by.solve(problem, data.times)
        heard(1.0)
        _warn(solution, problem, data.times)
        return _run(method, by, problem, data, solution, settings)


solve.__doc__ = inspect.cleandoc(solve.__doc__ or "").format(
    methods=methods.listing().replace("\n", "\n    "), options=methods.option_listing().replace("\n", "\n    ")
)


def _covariance(value: object, name: str, method: Method) -> Covariance:
    wanted: Covariance = arguments.choice(value, "covariance", (False, True, "two-time"))
    if wanted and not method.COVARIANCE:
        able = " and ".join(repr(each) for each in methods.names() if methods.find(each).COVARIANCE)
        raise InputError(f"method={name!r} gives the mean; covariance={value!r} goes with {able}")
    return wanted


def _warn(solution: Solution, problem: Problem, times: Array) -> None:
    """ToleranceWarning where the estimated error exceeds the tolerance."""
    if solution.error.max() > problem.rtol * problem.size:
        warnings.warn(
            f"rtol = {problem.rtol:g} was not reached: the estimated error is {solution.error.max() / problem.size:.1e} of the "
            f"largest |y| at t = {times[np.argmax(solution.error)]:g}; .error holds it for every time",
            ToleranceWarning,
            stacklevel=3,
        )
    if solution.cov_error > problem.rtol:
        warnings.warn(
            f"rtol = {problem.rtol:g} was not reached by the covariance: its estimated error is {solution.cov_error:.1e} of the "
            "largest variance without data",
            ToleranceWarning,
            stacklevel=3,
        )


def _run(
    name: str, method: Method, problem: Problem, data: checks.Data, solution: Solution, settings: dict[str, Any]
) -> Run:
    """The solution beside its limits, in the shape of y."""
    theta, P, rows = problem.initial_ntk, len(data.X), slice(-len(data.rows), None)
    plateau = linearised.flow(theta[:P], theta[rows], data.y, np.array([np.inf]))[1][0]
    end, cov, shaped = problem.posterior, solution.cov, data.shaped
    boundary = solution.unit * _boundary(theta[:P], data.y, problem.physics.rate) if method.THERMAL else np.inf
    return Run(
        name, data.times, shaped(solution.train), shaped(solution.test), solution.error, shaped(plateau),
        Posterior(shaped(end.mean[rows]), end.cov[rows, rows]), float(boundary),
        None if cov is None else cov[..., :P, :P], None if cov is None else cov[..., rows, rows], settings,
    )  # fmt: skip


def _boundary(theta: Array, y: Array, rate: float) -> float:
    """√(t_g/r), at most 1/r, with r = T/σ², in units of 1/learning rate.

    t_g = yᵀΘ⁻¹y/|y|² over the modes that are learnt at all is the mean time that gradient flow takes with these labels.
    """
    rates, vectors = linearised.eigenmodes(theta)
    power = np.sum((vectors.T @ y) ** 2, axis=1)[rates > 0]
    gradient = float(np.sum(power / rates[rates > 0]) / max(power.sum(), np.finfo(float).tiny))
    return float(min(np.sqrt(gradient / rate), 1 / rate))
