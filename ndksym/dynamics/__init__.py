"""What an infinitely wide network does: its predictor in time, from any compiled kernel (theory T8–T12, T15).

In reading order: `network_argument` and `checks` (what a user gave), `tasks` (data sets), `physics`, `methods` (which equation a
method means), `problem` (what every equation starts from), `kernel_table` with `chart` and `patches` (the NDK at all pairs of
times), `interpolation_error`, `collocation` and `volterra`; the methods `langevin`, `diffusive`, `discrete`, `linearised`, and
`covariance`, `frozen_readout`; `result` and `curves` (a Run and its figure). It may use all rooms up to `codegen`.
"""

from typing import Any

from ndksym.dynamics import checks, methods, threads
from ndksym.dynamics.frozen_readout import Drift, drift
from ndksym.dynamics.methods import METHODS
from ndksym.dynamics.network_argument import as_kernel
from ndksym.dynamics.result import EarlyStop, Posterior, Run
from ndksym.runtime.arguments import Progress, listener

__all__ = ["METHODS", "Drift", "EarlyStop", "Posterior", "Run", "drift", "solve"]


def solve(
    network: Any,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    times: Any,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    depth: int | None = None,
    method: str = "langevin",
    strength: float | None = None,
    step: float | None = None,
    covariance: bool | str = False,
    loss: str = "sum",
    rtol: float = 1e-6,
    progress: Progress | None = None,
) -> Run:
    """The predictor of an infinitely wide network in training, at the times asked for.

    "langevin": f(t) = ∫_0^t NDK(t, s) (y − f(s)) ds, exact at any temperature T > 0 (T9; arXiv 2309.04522); with `step`=h the
    exact Euler–Langevin recursion in steps of h instead, f_n = h Σ_{k<n} a^{n−k−1} Θ(n, k) (y − f_k) (T3).
    "mpl": Markov proximal learning of finite λ = `strength`, times in steps (T8).
    "gradient": the linearised network under gradient flow, f(t) = Θ Θ⁻¹(1 − e^{−Θt}) y (T10; Lee et al. 2019, arXiv
    1902.06720).
    "diffusive": the limit T → 0 at fixed T t, to leading order (T12).

    `network` is a compiled kernel, a derivation, or whatever `derive` takes, then of `depth` hidden layers and with biases
    if `bias` is not 0. X (P, N_0), y (P,) or (P, outputs), X_test (rows, N_0); times ascending, in units where the learning
    rate is 1; the loss is ½ Σ (y − f)², or its mean over P with loss="mean". `rtol` is relative to the largest |y|. With
    covariance=True the covariance over the ensemble comes too, with covariance="two-time" at all pairs of times.

    Errors: InputError and InputTypeError name the argument; DivergentKernelError for an activation with jumps;
    ToleranceWarning where rtol is not reached.

    >>> run = solve("erf", [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.1, 1000.0], temperature=0.1)
    >>> bool(abs(run.train[1] - run.equilibrium.mean).max() < 1e-6)
    True
    """
    heard = listener(progress)
    data = checks.checked(X, y, X_test, times)
    kernel = as_kernel(network, depth, bias)
    strength, step = checks.method(method, METHODS, strength, step, covariance)
    physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=method == "gradient")
    scale = checks.loss_scale(loss, len(data.X))
    checks.fits(data, method, covariance)
    options = methods.Options(strength, step, covariance, checks.tolerance(rtol), heard)
    with threads.suited(len(data.both)):
        return methods.run(method, kernel, data, physics, scale, options)
