"""`solve` against the dense oracle over a grid: python -m tests.bench.oracle [--activations erf,relu] [--depths 1,2,3,4]

P = 2, one test input, σ0²/σ² ∈ {0.1, 1, 4}, T ∈ {1, 1e-1, 1e-3, 1e-5}, seven times from 0.05 to 20 σ²/T. Each row: how far
the oracle moves when its mesh is refined, and how far the solver is from it. Bar: 1e-8.
"""

import argparse
import itertools
import warnings

import numpy as np

import ndksym
from tests import volterra_reference


def main() -> None:
    """Print the table, and the worst of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--activations", default="erf,relu")
    parser.add_argument("--depths", default="1,2,3,4")
    parser.add_argument("--temperatures", default="1,1e-1,1e-3,1e-5")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(7)
    X, test, y = rng.normal(size=(2, 5)), rng.normal(size=(1, 5)), np.array([1.0, -0.7])
    worst = 0.0
    print(f"{'φ':6}{'L':>3}{'σ0²':>6}{'T':>8}{'oracle':>10}{'miss':>10}{'estimate':>10}")
    for name, depth, init, T in itertools.product(
        args.activations.split(","),
        map(int, args.depths.split(",")),
        (0.1, 1.0, 4.0),
        map(float, args.temperatures.split(",")),
    ):
        times, both = np.geomspace(0.05, 20 / T, 7), np.vstack([X, test])
        coarse, fine = (
            volterra_reference.mean(volterra_reference.DUALS[name], depth, X, both, y, times, T, 1.0, init, ratio)
            for ratio in (1.6, 1.3)
        )
        kernel = ndksym.derive(name, depth=depth).compile()
        run = ndksym.solve(kernel, X, y, test, times=times, temperature=T, init_variance=init, rtol=1e-9)
        miss = float(np.abs(np.hstack([run.train, run.test]) - fine).max())
        worst = max(worst, miss)
        settled = np.abs(coarse - fine).max()
        print(f"{name:6}{depth:3}{init:6.1f}{T:8.0e}{settled:10.1e}{miss:10.1e}{run.error.max():10.1e}", flush=True)
    print(f"worst: {worst:.1e}")


if __name__ == "__main__":
    main()
