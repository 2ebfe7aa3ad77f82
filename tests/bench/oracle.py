"""`solve` against the dense oracle over a grid: python -m tests.bench.oracle [--activations erf,relu,gelu,tanh] [--inputs 2]

Mean and covariance at P training inputs and one test input, L = 1 … 4, σ0²/σ² ∈ {0.1, 1, 4}, T ∈ {1, 1e-1, 1e-3, 1e-5}, four
times from 0.05 to 20 σ²/T. Each row: how far the oracle moves when its mesh is refined, how far the solver is from it, and what
the solver says of its own error. Asked for and allowed: 1e-8 on the mean, 1e-6 on the covariance.
"""

import argparse
import itertools
import time
import warnings

import numpy as np

import ndksym
from tests import resolvent_reference

MEAN, COVARIANCE = 1e-8, 1e-6
RATIOS = (1.6, 1.3)
"""Of the lengths of the oracle's panels."""


def main() -> None:
    """Print the table, and the worst of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--activations", default="erf,relu,gelu,tanh")
    parser.add_argument("--depths", default="1,2,3,4")
    parser.add_argument("--inits", default="0.1,1,4")
    parser.add_argument("--temperatures", default="1,1e-1,1e-3,1e-5")
    parser.add_argument("--inputs", type=int, default=2)
    args = parser.parse_args()
    P = args.inputs
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(7)
    X, test, y = rng.normal(size=(P, 5)), rng.normal(size=(1, 5)), np.resize([1.0, -0.7, 0.4], P)
    print(
        f"{'φ':6}{'L':>3}{'σ0²':>6}{'T':>8} |{'oracle':>9}{'mean':>9}{'estimate':>10} |{'oracle':>9}{'cov':>9} |{'s':>6}"
    )
    for name in args.activations.split(","):
        worst = np.zeros(4)
        for depth, init, T in itertools.product(
            map(int, args.depths.split(",")),
            map(float, args.inits.split(",")),
            map(float, args.temperatures.split(",")),
        ):
            times = np.geomspace(0.05, 20 / T, 4)
            network = resolvent_reference.Network(name, depth, T, 1.0, init)
            coarse, fine = (resolvent_reference.solve(network, X, test, y, times, ratio) for ratio in RATIOS)
            kernel = ndksym.derive(name, depth=depth).compile()
            begin = time.perf_counter()
            run, ensemble = (
                ndksym.solve(
                    kernel, X, y, test, times=times, temperature=T, init_variance=init, rtol=rtol, covariance=also
                )
                for rtol, also in ((MEAN, False), (COVARIANCE, True))
            )
            seconds = time.perf_counter() - begin
            settled = [np.abs(one - two).max() for one, two in zip(coarse, fine, strict=True)]
            mean = np.abs(np.hstack([run.train, run.test]) - fine[0]).max()
            cov = max(
                np.abs(ensemble.train_cov - fine[1][:, :P, :P]).max(),
                np.abs(ensemble.test_cov - fine[1][:, P:, P:]).max(),
            )
            worst = np.maximum(worst, [settled[0], mean, settled[1], cov])
            print(
                f"{name:6}{depth:3}{init:6.1f}{T:8.0e} |{settled[0]:9.1e}{mean:9.1e}{run.error.max():10.1e} |"
                f"{settled[1]:9.1e}{cov:9.1e} |{seconds:6.1f}",
                flush=True,
            )
        print(f"{name}: worst {worst[1]:.1e} on the mean, {worst[3]:.1e} on the covariance", flush=True)


if __name__ == "__main__":
    main()
