"""Table T13: plateau, extremum and NNGP of a test input, from the outer equation alone, beside the criterion's verdict.

python -m tests.bench.shape [ACTIVATION …] [--depths 1,3] [--ratios 0.1,1,4] [--overlap 0.9]

Two orthonormal inputs with balanced labels ±1 (with more of them the equation is the same), a test input that overlaps one. The
inputs have x·x/N_0 = 1: for relu any other length gives the same plateau, extremum and NNGP, for erf it does not.
"""

import argparse
import functools
import warnings

import numpy as np

import ndksym

LATEST = 8.0
"""τ/σ² at which f is compared with NNGP by its sign: e^{−16} is left of the start, far above the solver's error."""
_SEEN = 1e-4
"""Of what moves: beyond this an extremum is one."""


@functools.cache
def network(name, depth):
    """Kernel and criterion, derived once."""
    d = ndksym.derive(name, depth=depth)
    return d.compile(), ndksym.phases(d, order=0).overshoot


def inputs(k11, o):
    """Two orthogonal inputs with x·x/N_0 = k11, and a test input as long, of overlap o with the first."""
    size = np.sqrt(3 * k11)
    return size * np.eye(3)[:2], size * np.array([[o, 0, np.sqrt(1 - o * o)]])


def curve(kernel, tau, k11=1.0, o=0.9, sigma2=1.0, ratio=1.0, rtol=1e-8):
    """f(τ) per unit of the label, from the diffusive equation T12."""
    X, test = inputs(k11, o)
    run = ndksym.solve(
        kernel, X, [1.0, -1.0], test, times=tau, temperature=1.0, prior_variance=sigma2, init_variance=ratio * sigma2,
        method="diffusive", rtol=rtol,
    )  # fmt: skip
    return run.test[:, 0]


def extremum(f, verdict):
    """The farthest that f goes beyond plateau or NNGP, or None."""
    low, high = sorted((verdict.plateau, verdict.nngp))
    over, under = f.max() - high, low - f.min()
    if max(over, under) < _SEEN * (high - low):
        return None
    return f.max() if over > under else f.min()


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["relu", "erf"])
    parser.add_argument("--depths", default="1,3")
    parser.add_argument("--ratios", default="0.1,1,4")
    parser.add_argument("--overlap", default="0.9")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    tau = np.geomspace(1e-5, LATEST, 400)
    print(
        "| φ, L | σ0²/σ² | NTK plateau | extremum | NNGP | slope | late | criterion |\n|---|---|---|---|---|---|---|---|"
    )
    for name in asked.names:
        for depth in map(int, asked.depths.split(",")):
            kernel, criterion = network(name, depth)
            for ratio in asked.ratios.split(","):
                verdict = criterion.at(k11=1, o=asked.overlap, sigma2=1, ratio=ratio)
                f = curve(kernel, tau, o=float(asked.overlap), ratio=float(ratio))
                peak = extremum(f, verdict)
                print(
                    f"| {name}, {depth} | {ratio} | {verdict.plateau:.3f} | {'none' if peak is None else f'{peak:.3f}'} "
                    f"| {f[-1]:.3f} | {verdict.slope:.2e} | {verdict.late:.2e} | {verdict} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
