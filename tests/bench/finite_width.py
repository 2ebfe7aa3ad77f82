"""Networks of finite width beside their limits: python -m tests.bench.finite_width [--quick]

Slopes are of least squares in log width, with standard errors by leaving out one network in turn. Bars: NTK error −0.5 ± 0.1;
κ −0.5 ± 0.1; movement −0.5 (one hidden layer) and −1 (more) ± 0.1; two-time NDK and drift |z| below what happens by chance
once in 10⁴ runs of a table.
"""

import argparse
import time
from typing import Any

import numpy as np
from scipy.stats import t as student

import ndksym
from ndksym.simulation import Estimate, empirical_ndk, empirical_ntk, lazy_measure, parameter_movement

RNG = np.random.default_rng(2309)
X, X_TEST, Y = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 5)), np.array([1.0, -0.8, 0.6])
NAMES = ("erf", "relu", "gelu", "tanh")


def slope(widths: Any, each: list[Any], summary: Any) -> tuple[float, float]:
    """d log summary/d log width, and its jackknife standard error: `each` holds samples (networks, …) at each width."""
    x = np.log(np.asarray(widths, dtype=float))
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    variance = 0.0
    for w, samples in zip(weights, each, strict=True):
        logs = [np.log(summary(np.delete(samples, k, axis=0))) for k in range(len(samples))]
        variance += w**2 * (len(logs) - 1) * np.var(logs)
    return float(weights @ [np.log(summary(samples)) for samples in each]), float(np.sqrt(variance))


def root_mean_square(samples: Any) -> float:
    """Over networks and entries."""
    return float(np.sqrt(np.mean(np.square(samples))))


def ntk_errors(name: str, depth: int, widths: Any, networks: int) -> list[Any]:
    """Empirical NTK − Θ, relative to the largest entry of Θ, at each width: (networks, n, n), of narrow networks more."""
    limit = ndksym.derive(name, depth=depth).compile().ntk(X)
    return [
        (empirical_ntk(name, X, depth=depth, width=width, networks=networks * max(1, 512 // width), seed=width) - limit)
        / limit.max()
        for width in widths
    ]


def threshold(count: int, freedom: int, alarm: float = 1e-4) -> float:
    """|z| that the largest of `count` exceeds by chance with probability ≤ `alarm`."""
    return float(student.isf(alarm / 2 / count, freedom))


def score(estimate: Estimate, limit: Any) -> tuple[float, float]:
    """The largest |z|, and what it must stay below."""
    z = np.abs(estimate.value - limit) / estimate.stderr
    return float(z.max()), threshold(z.size, estimate.freedom)


LAGS: dict[str, Any] = {
    "freeze_time": 2.0,
    "times": [2.0, 4.0, 8.0],
    "temperature": 0.1,
    "init_variance": 0.5,
    "bias": 0.3,
}
"""Drift: readout of t = 2 at three lags."""


def drifting(name: str, depth: int, signal: bool, width: int, pairs: int, processes: int | None = None) -> Estimate:
    """Mean output of networks, in steps of 1; 1/width extrapolated away."""
    common = {"depth": depth, "pairs": pairs, "step": 1.0, "signal": signal, "processes": processes, **LAGS}
    half, whole = (
        ndksym.simulate(name, X, Y, X_TEST, width=n, seed=n, **common).mean_estimate for n in (width // 2, width)
    )
    return whole.times(2.0).plus(half.times(-1.0))


def drift(name: str, depth: int, signal: bool, step: float | None) -> Any:
    """The exact drift, all rows."""
    kernel = ndksym.derive(name, depth=depth, bias=True).compile()
    found = ndksym.drift(kernel, X, Y, X_TEST, signal=signal, step=step, rtol=1e-4, **LAGS)
    return np.hstack([found.train, found.test])[..., None]


def two_time(name: str, depth: int, width: int, networks: int, **more: Any) -> tuple[Estimate, Any]:
    """Empirical NDK at three pairs of times, 1/width extrapolated away, and the limit in continuous time."""
    args: dict[str, Any] = {
        "t": [0.0, 3.0, 8.0],
        "s": [0.0, 3.0, 1.0],
        "temperature": 0.1,
        "init_variance": 0.5,
        "bias": 0.3,
    }
    half, whole = (
        Estimate((empirical_ndk(name, X, depth=depth, width=n, networks=networks, seed=n, **args, **more),))
        for n in (width // 2, width)
    )
    limit = ndksym.derive(name, depth=depth, bias=True).compile().ndk(X, **args)
    return whole.times(2.0).plus(half.times(-1.0)), limit


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="widths to 512, fewer networks")
    quick = parser.parse_args().quick
    widths = [64, 128, 256, 512] if quick else [64, 128, 256, 512, 1024, 2048]
    networks = 32 if quick else 64
    depths = (1, 2, 3)
    begin = time.perf_counter()
    print(f"empirical NTK − Θ, rms relative to the largest entry, {2 * networks} networks or more")
    print(f"{'':12}" + "".join(f"{width:>10}" for width in widths) + f"{'slope':>10}{'±':>8}")
    for name in NAMES:
        for depth in depths:
            errors = ntk_errors(name, depth, widths, 2 * networks)
            line = "".join(f"{root_mean_square(each):10.2e}" for each in errors)
            print(
                f"{name + f', L = {depth}':12}{line}"
                + "{:10.3f}{:8.3f}".format(*slope(widths, errors, root_mean_square)),
                flush=True,
            )
    for title, measured in (
        (
            "κ = |y − f| ‖∇²f‖/|∇f|², one input, root mean square",
            lambda n, L, w: lazy_measure(n, X[0], 1.0, depth=L, width=w, networks=networks, seed=w),
        ),
        (
            "|Θ_t − Θ_0|/|Θ_0|, t = 20, root mean square",
            lambda n, L, w: parameter_movement(n, X, Y, times=[20.0], depth=L, width=w, networks=networks // 4, seed=w)[
                :, 0
            ],
        ),
    ):
        print(title)
        for name in NAMES:
            for depth in depths:
                found = [measured(name, depth, width) for width in widths]
                line = "".join(f"{root_mean_square(each):10.2e}" for each in found)
                print(
                    f"{name + f', L = {depth}':12}{line}"
                    + "{:10.3f}{:8.3f}".format(*slope(widths, found, root_mean_square)),
                    flush=True,
                )
    print(
        "two-time NDK and drift beside the exact limit: largest standard error, the |z| that chance may reach, the largest |z|;"
    )
    print("then, of drift, that of the formula for the other signal, and of continuous time")
    for name, depth in (("erf", 1), ("relu", 2), ("gelu", 2)):
        rows: dict[str, Any] = {"two-time NDK": two_time(name, depth, 256 if quick else 1024, 2 * networks)}
        off, on = (drift(name, depth, signal, 1.0) for signal in (False, True))
        for title, signal, limits in (("off", False, (off, on)), ("on", True, (on, off))):
            estimate = drifting(name, depth, signal, 256 if quick else 512, 8 * networks)
            rows[f"drift, signal {title}"] = estimate, *limits, drift(name, depth, signal, None)
        for title, (estimate, *limits) in rows.items():
            z = [score(estimate, limit) for limit in limits]
            scores = "".join(f"{largest:8.2f}" for largest, _ in z)
            print(
                f"{name + f', L = {depth}':12}{title:20}{estimate.stderr.max():10.1e}{z[0][1]:8.2f}{scores}", flush=True
            )
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
