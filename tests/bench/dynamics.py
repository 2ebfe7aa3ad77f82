"""The mean predictor at real size, beside the direct method, in one run: python -m tests.bench.dynamics [--quick]

P training and P/5 test inputs in 100 dimensions, L = 3, T = 1e-3, σ0² = 0.3, 200 log-spaced times from 1e-2 to 10 σ²/T, mean
to 1e-6. The direct method takes one Gram matrix for each pair of time points; its time is extrapolated from matrices and
eliminations of a size that fits. Bars: under 60 s and 6 GB; the direct method at least 50 times slower.
"""

import argparse
import resource
import time
from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

import ndksym
from ndksym.dynamics import collocation

T, INIT, DIM = 1e-3, 0.3, 100


def task(P: int) -> tuple[Any, Any, Any]:
    """A noisy linear rule."""
    rng = np.random.default_rng(5)
    X, rule = rng.normal(size=(P + P // 5, DIM)), rng.normal(size=DIM)
    return X[:P], np.sign(X[:P] @ rule), X[P:]


def solved(name: str, depth: int, P: int, count: int) -> tuple[float, Any]:
    """Seconds, compiling apart."""
    kernel = ndksym.derive(name, depth=depth).compile("c")
    X, y, X_test = task(P)
    kernel.nngp(X[:2])
    begin = time.perf_counter()
    run = ndksym.solve(
        kernel, X, y, X_test, times=np.geomspace(1e-2, 10 / T, count), temperature=T, init_variance=INIT, rtol=1e-6
    )
    return time.perf_counter() - begin, run


def direct(name: str, depth: int, P: int, points: int) -> float:
    """Seconds that `points` times take by one Gram matrix a pair and one elimination a time."""
    kernel = ndksym.derive(name, depth=depth).compile("c")
    X, y, X_test = task(P)
    both = np.vstack([X, X_test])
    pairs = [(1.0, 0.3), (1200.0, 800.0), (9000.0, 2.0), (400.0, 399.0)]
    begin = time.perf_counter()
    for t, s in pairs:
        gram = kernel.ndk(both, X, t=t, s=s, temperature=T, init_variance=INIT)
        gram @ y
    each = (time.perf_counter() - begin) / len(pairs)
    begin = time.perf_counter()
    lu_solve(lu_factor(np.eye(P) + gram[:P]), y)
    return each * points * (points + 1) / 2 + (time.perf_counter() - begin) * points


def time_points() -> int:
    """Nodes that a mesh of the same accuracy has: the direct method is granted the same panels and order."""
    return 28 * collocation.NODES


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="P = 200 instead of 1000")
    P = 200 if parser.parse_args().quick else 1000
    print(f"{'':22}{'seconds':>9}{'GB':>7}{'error':>10}{'direct method':>16}{'ratio':>8}")
    for name in ("erf", "relu"):
        seconds, run = solved(name, 3, P, 200)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        slow = direct(name, 3, P, time_points())
        label = f"{name}, L = 3, P = {P}"
        print(
            f"{label:22}{seconds:9.1f}{memory:7.2f}{run.error.max():10.1e}{slow:14.0f} s{slow / seconds:8.0f}",
            flush=True,
        )
    print(f"(the direct method on the {time_points()} time points that a mesh of this accuracy has)")
    for title, cases in (
        ("number of times", [("erf", 3, P // 2, count) for count in (20, 200, 2000)]),
        ("P", [("erf", 3, size, 200) for size in (P // 8, P // 4, P // 2)]),
        ("L", [("erf", depth, P // 4, 200) for depth in (1, 2, 3, 4)]),
    ):
        for name, depth, size, count in cases:
            seconds, _ = solved(name, depth, size, count)
            print(
                f"cost against {title:16} {name}, L = {depth}, P = {size:4}, {count:4} times: {seconds:6.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
