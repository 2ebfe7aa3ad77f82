"""What an infinitely wide network does: its predictor in time, from any compiled kernel (theory T9, T10)."""

from typing import Any

import numpy as np

from ndksym.dynamics import inputs, langevin, linearised
from ndksym.dynamics.propagator import Physics
from ndksym.dynamics.result import EarlyStop, Posterior, Run
from ndksym.dynamics.volterra import Progress
from ndksym.errors import InputError
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["METHODS", "EarlyStop", "Posterior", "Run", "solve"]

METHODS = ("langevin", "gradient")


def solve(
    kernel: Kernel,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    times: Any,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    method: str = "langevin",
    covariance: bool = False,
    loss: str = "sum",
    rtol: float = 1e-6,
    progress: Progress = lambda fraction: None,
) -> Run:
    """The mean predictor of an infinitely wide network in training, at the times asked for.

    "langevin": f(t) = ∫_0^t NDK(t, s) (y − f(s)) ds, exact at any temperature T > 0 (T9; arXiv 2309.04522).
    "gradient": the linearised network under gradient flow, f(t) = Θ Θ⁻¹(1 − e^{−Θt}) y (T10; Lee et al. 2019, arXiv
    1902.06720), with its covariance over initialisations if asked for.

    X (P, N_0), y (P,) or (P, outputs), X_test (rows, N_0); times ascending, in units where the learning rate is 1; the
    loss is ½ Σ (y − f)², or its mean over P with loss="mean". `rtol` is relative to the largest |y|.

    Errors: InputError and InputTypeError name the argument; DivergentKernelError for an activation with jumps;
    ToleranceWarning where rtol is not reached.

    >>> import ndksym
    >>> kernel = ndksym.derive("erf").compile()
    >>> run = solve(kernel, [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.1, 1000.0], temperature=0.1)
    >>> bool(np.allclose(run.train[1], run.equilibrium.mean))
    True
    """
    data = inputs.checked(X, y, X_test, times)
    physics = inputs.physics(kernel, temperature, prior_variance, init_variance, bias, zero=method == "gradient")
    rtol = inputs.tolerance(rtol)
    scale = inputs.loss_scale(loss, len(data.X))
    if method not in METHODS:
        raise InputError(f"method {method!r} is not known; allowed are {', '.join(METHODS)}")
    if covariance and method == "langevin":
        raise InputError("covariance=True is there for method='gradient' so far, not for 'langevin'")

    variance = {"variance": physics.init_variance, "bias": physics.bias}
    theta = scale * kernel.ntk(data.X, **variance)
    across = scale * kernel.ntk(data.rows, data.X, **variance)
    plateau = linearised.flow(theta, across, data.y, np.array([np.inf]))[1][0]
    posterior = _posterior(kernel, data, physics, scale)
    covs: tuple[Array, Array] | tuple[None, None] = (None, None)
    if method == "gradient":
        train, test = linearised.flow(theta, across, data.y, data.times)
        error = np.full(len(data.times), 1e-13 * np.abs(data.y).max())
        if covariance:
            both = np.vstack([data.X, data.rows])
            covs = linearised.covariance(theta, across, kernel.nngp(both, **variance), data.times)
    else:
        own = _posterior(kernel, data.on_training_rows(), physics, scale)
        early, early_test, error_early, within = langevin.mean(
            kernel, data.X, data.rows, data.y, data.times, physics, scale, rtol, progress
        )
        late = int(np.sum(~within))
        train = np.concatenate([early, np.repeat(own.mean[None], late, axis=0)])
        test = np.concatenate([early_test, np.repeat(posterior.mean[None], late, axis=0)])
        error = np.append(error_early, np.full(late, 1e-13 * np.abs(data.y).max()))
    shaped = data.shaped
    return Run(
        method, data.times, shaped(train), shaped(test), error, shaped(plateau),
        Posterior(shaped(posterior.mean), posterior.cov), _boundary(theta, physics, method), *covs,
    )  # fmt: skip


def _boundary(theta: Array, physics: Physics, method: str) -> float:
    """√(1/λ_min · σ²/T), λ_min the least eigenvalue of the NTK that is learnt at all; ∞ without diffusion."""
    rates = linearised.modes(theta)[0]
    if method == "gradient" or physics.rate == 0:
        return float("inf")
    return float(1 / np.sqrt(rates[rates > 0].min() * physics.rate))


def _posterior(kernel: Kernel, data: inputs.Data, physics: Physics, scale: float) -> Posterior:
    """C(·,X)(C + T I)⁻¹ y and C − C(·,X)(C + T I)⁻¹ C(X,·) at σ² (T9)."""
    variance = {"variance": physics.prior_variance, "bias": physics.bias}
    C = kernel.nngp(data.X, **variance) + physics.temperature / scale * np.eye(len(data.X))
    across, alone = kernel.nngp(data.rows, data.X, **variance), kernel.nngp(data.rows, **variance)
    solved = np.linalg.solve(C, np.hstack([data.y, across.T]))
    outputs = data.y.shape[1]
    return Posterior(across @ solved[:, :outputs], alone - across @ solved[:, outputs:])
