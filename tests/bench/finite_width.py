"""Networks of finite width compared with their limits: python -m tests.bench.finite_width [--quick] [--only TABLE]

Slopes are least-squares fits in log width, with jackknife standard errors. They must be, ± 0.1: NTK error −0.5; κ −0.5; movement −0.5
with one hidden layer, −1 with more. For the two-time NDK and drift the largest |z| must stay below the value that it exceeds by
chance with probability 1e-4, but not for the formula with the other value of `signal`, nor for that of continuous time.
"""

import argparse
import time
from collections.abc import Callable
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
    found = ndksym.drift(kernel, X, Y, X_TEST, signal=signal, step=step, rtol=1e-2, **LAGS)
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


def slopes(title: str, widths: list[int], samples: Callable[[str, int], list[Any]]) -> None:
    """One line for each activation and depth."""
    print(title)
    print(f"{'':12}" + "".join(f"{width:>10}" for width in widths) + f"{'slope':>10}{'±':>8}")
    for name in NAMES:
        for depth in (1, 2, 3):
            each = samples(name, depth)
            sizes = "".join(f"{root_mean_square(found):10.2e}" for found in each)
            rate, error = slope(widths, each, root_mean_square)
            print(f"{name + f', L = {depth}':12}{sizes}{rate:10.3f}{error:8.3f}", flush=True)


def scores(width: int, networks: int) -> None:
    """Of the two-time NDK and of drift, for three networks."""
    print(f"{'two-time NDK and drift':32}{'±':>10}{'chance':>8}{'|z|':>8}{'other':>8}{'h → 0':>8}")
    for name, depth in (("erf", 1), ("relu", 2), ("gelu", 2)):
        rows: dict[str, Any] = {"two-time NDK": two_time(name, depth, width, networks)}
        for title, signal in (("off", False), ("on", True)):
            limits = (
                drift(name, depth, signal, 1.0),
                drift(name, depth, not signal, 1.0),
                drift(name, depth, signal, None),
            )
            rows[f"drift, signal {title}"] = drifting(name, depth, signal, width, 4 * networks), *limits
        for title, (estimate, *limits) in rows.items():
            z = [score(estimate, limit) for limit in limits]
            line = "".join(f"{largest:8.2f}" for largest, _ in z)
            print(
                f"{name + f', L = {depth}':12}{title:20}{estimate.stderr.max():10.1e}{z[0][1]:8.2f}{line}", flush=True
            )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="widths to 512, fewer networks")
    parser.add_argument("--only", choices=("ntk", "lazy", "movement", "limits"), help="one of the tables")
    asked = parser.parse_args()
    widths = [64, 128, 256, 512] if asked.quick else [64, 128, 256, 512, 1024, 2048]
    networks = 32 if asked.quick else 64
    tables: dict[str, Callable[[], None]] = {
        "ntk": lambda: slopes(
            f"empirical NTK − Θ, rms relative to the largest entry, {2 * networks} networks, of narrow ones more",
            widths,
            lambda name, depth: ntk_errors(name, depth, widths, 2 * networks),
        ),
        "lazy": lambda: slopes(
            f"κ = |y − f| ‖∇²f‖/|∇f|², one input, rms of {networks} networks",
            widths,
            lambda name, depth: [
                lazy_measure(name, X[0], 1.0, depth=depth, width=n, networks=networks, seed=n) for n in widths
            ],
        ),
        "movement": lambda: slopes(
            f"|Θ_t − Θ_0|/|Θ_0|, t = 5, rms of {networks // 2} networks",
            widths[:5],
            lambda name, depth: [
                parameter_movement(name, X, Y, times=[5.0], depth=depth, width=n, networks=networks // 2, seed=n)
                for n in widths[:5]
            ],
        ),
        "limits": lambda: scores(256 if asked.quick else 512, 2 * networks),
    }
    for name, table in tables.items():
        if asked.only in (None, name):
            begin = time.perf_counter()
            table()
            print(f"{time.perf_counter() - begin:.0f} s\n")


if __name__ == "__main__":
    main()
