"""The criterion against the full solution, on networks that hypothesis draws: python -m tests.bench.slope [--cases 200]

Two orthonormal inputs with labels ±1, a test input of overlap o with the first, at a temperature so low that thirty decay times
of the mode are early in the diffusive phase. Seen: how f moves between thirty and sixty of them, and whether it then goes beyond
equilibrium.
"""

import argparse
import time
import warnings
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import ndksym
from tests.bench.shape import inputs, network

NAMES = ("erf", "relu", "gelu", "sin", "abs")
_AFTER, _LAG = 30.0, 1e-5
"""Decay times of the mode, and τ/σ² that has then passed."""
_LATEST, _POINTS = 6.0, 40
_TOLERANCE = 1e-10
"""Of the solver."""


@dataclass(frozen=True)
class Seen:
    """`moved`: f between thirty and sixty decay times, over what `slope` predicts; `beyond`: the farthest past equilibrium."""

    moved: float
    beyond: float
    resolved: float

    @property
    def overshoots(self):
        """Whether f went past equilibrium by more than temperature and solver blur."""
        return self.beyond > self.resolved


def cases(names=NAMES, depths=(1, 2, 3)):
    """Networks and test inputs, as exact decimals."""
    return st.fixed_dictionaries(
        {
            "name": st.sampled_from(names),
            "depth": st.sampled_from(depths),
            "k11": st.integers(-100, 30).map(lambda n: f"{10 ** (n / 100):.3f}"),
            "o": st.integers(100, 950).map(lambda n: f"{n / 1000:.3f}"),
            "ratio": st.integers(-100, 100).map(lambda n: f"{10 ** (n / 100):.3f}"),
        }
    )


def compare(case, tolerance=_TOLERANCE):
    """What is predicted, and what f does."""
    kernel, criterion = network(case["name"], case["depth"])
    said = criterion.at(sigma2=1, **{name: case[name] for name in ("k11", "o", "ratio")})
    X, test = inputs(float(case["k11"]), float(case["o"]))
    init = float(case["ratio"])
    theta = kernel.ntk(X, variance=init)
    rate = theta[0, 0] - theta[0, 1]
    T = _LAG * rate / _AFTER
    times = np.concatenate([[_AFTER / rate, 2 * _AFTER / rate], np.geomspace(4 * _LAG, _LATEST, _POINTS) / T])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = ndksym.solve(kernel, X, [1.0, -1.0], test, times=times, temperature=T, init_variance=init, rtol=tolerance)
    f, power = run.test[:, 0], float(criterion.slope.power)
    expected = said.slope * ((2 * _LAG) ** power - _LAG**power)
    beyond = float(np.max((f - run.equilibrium.mean[0]) * np.sign(said.gap)))
    # the posterior is known to rounding; f to the solver's tolerance
    return said, Seen(float(f[1] - f[0]) / expected, beyond, 10 * tolerance)


def agrees(said, did):
    """Whether f leaves as predicted, and overshoots or not as predicted."""
    return did.moved > 0 and did.overshoots == said.overshoots


def why(said, did):
    """What was said and seen, for who looks at an exception."""
    return (
        f"said {said} (slope {said.slope:.2e}, gap {said.gap:.2e}, late {said.late:.2e}); moved {did.moved:.2f} of that, "
        f"beyond equilibrium by {did.beyond:.1e} (resolved: {did.resolved:.0e})"
    )


def main():
    """Print how many agree, and each that does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=2309)
    asked = parser.parse_args()
    found, started = [], time.perf_counter()

    @seed(asked.seed)
    @settings(
        max_examples=asked.cases, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck), derandomize=False,
    )  # fmt: skip
    @given(case=cases())
    def look(case):
        said, did = compare(case)
        found.append((said, did))
        if not agrees(said, did):
            print(f"against: {case}: {why(said, did)}", flush=True)

    look()
    good = [agrees(*each) for each in found]
    kinds = {kind: sum(str(said) == kind for said, _ in found) for kind in sorted({str(said) for said, _ in found})}
    moved = [did.moved for _, did in found]
    print(f"{sum(good)} of {len(found)} agree, in {time.perf_counter() - started:.0f} s; verdicts {kinds}")
    print(f"slope: {sum(m > 0 for m in moved)} signs agree, seen/predicted {min(moved):.2f} … {max(moved):.2f}")
    print(f"overshoot: {sum(did.overshoots == said.overshoots for said, did in found)} agree")


if __name__ == "__main__":
    main()
