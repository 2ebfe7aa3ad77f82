"""The sign of the diffusive slope against the full solution, on drawn networks: python -m tests.bench.slope [--cases 200]

Two orthonormal inputs with labels ±1, a test input of overlap o with the first. `seen` is how f moves between thirty and sixty
decay times, at a temperature so low that this is early in the diffusive phase.
"""

import argparse
import functools
import warnings

import numpy as np

import ndksym

NAMES = ("erf", "relu", "gelu", "sin", "abs")
_AFTER, _LAG = 30.0, 1e-5
"""Decay times of the mode, and τ/σ² that has then passed."""


def case(rng):
    """A network and a test input, as exact decimals."""
    return {
        "name": NAMES[rng.integers(len(NAMES))],
        "depth": int(rng.integers(1, 4)),
        "k11": f"{10 ** rng.uniform(-1, 0.3):.3f}",
        "o": f"{rng.uniform(0.1, 0.95):.3f}",
        "sigma02": f"{10 ** rng.uniform(-1, 1):.3f}",
    }


@functools.cache
def network(name, depth):
    """Its kernel and the slope it is predicted to have, derived once."""
    d = ndksym.derive(name, depth=depth)
    return d.compile(), ndksym.phases(d).slope


def compare(drawn):
    """What is predicted, how f moves, and that over what is predicted for it."""
    kernel, slope = network(drawn["name"], drawn["depth"])
    found = slope.at(sigma2="1", **{name: drawn[name] for name in ("k11", "o", "sigma02")})
    o, size, init = float(drawn["o"]), np.sqrt(3 * float(drawn["k11"])), float(drawn["sigma02"])
    X, test = size * np.eye(3)[:2], size * np.array([[o, 0, np.sqrt(1 - o * o)]])
    theta = kernel.ntk(X, variance=init)
    rate = theta[0, 0] - theta[0, 1]
    T = _LAG * rate / _AFTER
    run = ndksym.solve(
        kernel,
        X,
        [1.0, -1.0],
        test,
        times=[_AFTER / rate, 2 * _AFTER / rate],
        temperature=T,
        init_variance=init,
        rtol=1e-11,
    )
    seen, power = float(run.test[1, 0] - run.test[0, 0]), float(slope.power)
    return found, seen, seen / (found["slope"] * ((2 * _LAG) ** power - _LAG**power))


def main():
    """Print how many agree, and each that does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2309)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rng, agree = np.random.default_rng(asked.seed), 0
    ratios = []
    for _ in range(asked.cases):
        drawn = case(rng)
        found, seen, ratio = compare(drawn)
        ratios.append(ratio)
        if ratio > 0:
            agree += 1
        else:
            print(f"against: {drawn}, slope {found['slope']:.2e}, gap {found['gap']:.2e}, seen {seen:.2e}", flush=True)
    print(f"{agree} of {asked.cases} agree in sign; seen/predicted {np.min(ratios):.2f} … {np.max(ratios):.2f}")


if __name__ == "__main__":
    main()
