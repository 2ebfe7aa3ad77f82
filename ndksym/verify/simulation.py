"""Rung 7: the predictor of the infinitely wide network against networks of finite width, trained by Langevin steps.

Networks of two widths are extrapolated linearly in 1/N. Every cell of the learning curves has a z-score; a result with a probability
below FALSE_ALARM under a right theory refutes. The step is a fraction of the largest stable one, and the temperature is such that
initial weights decay within the run, so that every part of the NDK matters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import solve
from ndksym.dynamics.physics import Physics
from ndksym.dynamics.stable_step import largest_step
from ndksym.errors import NdksymError
from ndksym.kernels.network import Network
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.simulation import Scan, compare, width_scan
from ndksym.verify.evidence import Evidence

FALSE_ALARM = 1e-4
"""Probability of refuting a right theory, per comparison, for mean and variance together."""
_SEED = 17
_STEPS, _STABLE, _FORGETTING = 60, 0.3, 25.0
"""Number of steps; their length as a fraction of the largest stable one; decay time of the weights, in steps."""
_INIT, _PRIOR, _BIAS = 0.4, 1.0, 0.3
_COLD = 1e-300
_RTOL = 1e-3
"""Tolerance of the theory: small compared with the standard errors."""


@dataclass(frozen=True)
class EnsembleSize:
    """Widths, and the number of pairs of networks at each of them."""

    widths: tuple[int, ...]
    pairs: int


SMALL = EnsembleSize((48, 96), 150)
LARGE = EnsembleSize((100, 200), 600)


def simulated(d: Network, size: EnsembleSize) -> list[Evidence]:
    """Compare mean and variance of the predictor on three training inputs and a test input."""
    claim = f"predictor at widths {', '.join(map(str, size.widths))}"
    if any(each.rough for each in d.activations):
        return [
            Evidence(
                "simulation",
                claim,
                "skipped",
                "a jump or a root has no gradient of finite variance, and its NTK is infinite",
            )
        ]
    rng = np.random.default_rng(_SEED)
    X, X_test = rng.normal(size=(3, 5)), rng.normal(size=(1, 5))
    kernel, bias = compiled(d), _BIAS if d.bias else 0.0
    reach = min((float(act.reach) for act in d.activations if act.reach is not None), default=np.inf)
    shrink = min(1.0, reach / 16)
    y = rng.normal(size=3) * np.sqrt(np.diag(kernel.nngp(X, variance=shrink * _INIT, bias=bias)).mean())
    physics: dict[str, Any] = {"prior_variance": shrink * _PRIOR, "init_variance": shrink * _INIT, "bias": bias}
    h = _STABLE * stable_step(kernel, X, physics)
    T = shrink * _PRIOR / (_FORGETTING * h)
    times = h * np.array([1, 3, 8, 20, 40, _STEPS])
    try:
        scan = width_scan(
            list(d.activations), X, y, X_test, widths=size.widths, times=times, temperature=T, step=h, pairs=size.pairs,
            seed=_SEED, depth=d.depth, **physics,
        )  # fmt: skip
        run = solve(kernel, X, y, X_test, times=times, temperature=T, step=h, covariance=True, rtol=_RTOL, **physics)
        compared = compare(scan, run)
    except NdksymError as error:
        return [Evidence("simulation", claim, "unknown", str(error))]
    return [_verdict(claim, compared.agrees(FALSE_ALARM), str(compared).splitlines()[:2], scan)]


def stable_step(kernel: Kernel, X: Array, physics: dict[str, Any]) -> float:
    """The largest stable step at T → 0."""
    cold = Physics(_COLD, physics["prior_variance"], physics["init_variance"], physics["bias"])
    return largest_step(kernel, X, cold, 1.0)


def _verdict(claim: str, agrees: bool, summary: list[str], scan: Scan) -> Evidence:
    detail = f"{'; '.join(summary)}; {scan.simulations[0].pairs} pairs each, seed {_SEED}, false alarms {FALSE_ALARM:g}"
    return Evidence("simulation", claim, "holds" if agrees else "refuted", detail)
