"""What `solve` says of its own error, on random problems: python -m tests.bench.solver_errors [--count 500] [--first 0]

P ≤ 6 rows (parallel, opposite, duplicate and zero ones among them), L ≤ 3, σ0²/σ² from 1e-8, the least that is allowed, to
1e8, T from 1e-6 to 100, activations with and without kinks, biases or none, rtol from 1e-3 to 1e-7. The truth is
tests.graded_reference. Wanted in all: true error ≤ 3 × run.error, and true error ≤ rtol or a warning. A truth that does not
settle when its mesh is refined, or takes over --seconds, decides nothing, and is counted. Each failure is printed with
its number; --first N --count 1 runs it alone.
"""

import argparse
import signal
import time
import warnings
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

import ndksym
from ndksym.errors import NdksymError, ToleranceWarning
from tests import graded_reference as reference

FINEST = reference.Rule(1.5, 20, 0.25, 18)


@dataclass(frozen=True)
class Problem:
    """Everything that `solve` is asked."""

    network: reference.Network
    X: np.ndarray
    X_test: np.ndarray
    y: np.ndarray
    times: np.ndarray
    rtol: float

    @property
    def size(self):
        return np.abs(self.y).max()


def drawn(seed, number, names=tuple(reference.DUALS)):
    """One of them."""
    rng = np.random.default_rng([seed, number])
    name, depth, P, width = (
        str(rng.choice(names)),
        int(rng.integers(1, 4)),
        int(rng.integers(1, 7)),
        int(rng.integers(1, 5)),
    )
    ratio = 1.0001e-8 if rng.uniform() < 0.1 else 10 ** rng.uniform(-8, 8)
    prior, T = 10 ** rng.uniform(-0.5, 0.5), 10 ** rng.uniform(-6, 2)
    bias = rng.uniform(0.1, 1) if rng.uniform() < 0.4 else 0.0
    X = rng.normal(size=(P, width)) * 10 ** rng.uniform(-0.7, 0.5)
    for i in range(1, P):
        other = X[rng.integers(0, i)]
        kind = rng.uniform()
        if kind < 0.1:
            X[i] = other
        elif kind < 0.2:
            X[i] = -other
        elif kind < 0.3:
            X[i] = rng.uniform(0.2, 2) * other
        elif kind < 0.37:
            X[i] = 0.0
    X_test = X[:1] + 0.1 if rng.uniform() < 0.3 else rng.normal(size=(2, width))
    y = rng.normal(size=P) * 10 ** rng.uniform(-1, 1)
    last = 10 ** rng.uniform(-2, 1.3) * prior / T
    times = np.geomspace(last * 10 ** rng.uniform(-5, -1), last, 5)
    network = reference.Network(name, depth, T, prior, ratio * prior, bias)
    return Problem(network, X, X_test, y, times, 10 ** rng.uniform(-7, -3))


@lru_cache
def layer(name):
    """One hidden layer, compiled; it may have biases of scale 0."""
    return ndksym.derive(name, bias=True).compile("numpy")


def solved(problem):
    """The run, and whether it warned."""
    network = problem.network
    kernel = replace(layer(network.name), layers=layer(network.name).layers * network.depth)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = ndksym.solve(
            kernel, problem.X, problem.y, problem.X_test, times=problem.times, temperature=network.T,
            prior_variance=network.prior, init_variance=network.init, bias=network.bias, rtol=problem.rtol,
        )  # fmt: skip
    return run, any(issubclass(each.category, ToleranceWarning) for each in caught)


def truth(problem, rule):
    """On training and test rows: (times, rows)."""
    return reference.mean(problem.network, problem.X, problem.X_test, problem.y[:, None], problem.times, rule)[..., 0]


def judged(problem, run, warned):
    """True error by the coarsest oracle that decides, what the oracle may be off, and whether both promises hold."""
    got, before = np.hstack([run.train, run.test]), None
    off, moved, right = np.zeros(len(run.error)), np.inf, False
    for rule in (reference.COARSE, reference.FINE, FINEST):
        try:
            with np.errstate(all="ignore"):
                f = truth(problem, rule)
        except np.linalg.LinAlgError:  # its mesh leaves float64: this rule decides nothing
            continue
        off = np.abs(got - f).max(axis=1)
        right = bool(np.all(off <= 3 * run.error)) and bool(warned or off.max() <= problem.rtol * problem.size)
        moved = np.inf if before is None else np.abs(f - before).max()
        if right or moved < 0.1 * off.max():
            return off, moved, right
        before = f
    return off, moved, right


def in_time(seconds, do, *args):
    """What a function returns, or None where it takes more processor time than that."""

    def stop(*_):
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return do(*args)
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def told(problem):
    """In one line."""
    n = problem.network
    return (
        f"{n.name} L={n.depth} P={len(problem.X)} T={n.T:.1e} σ²={n.prior:.2f} ratio={n.init / n.prior:.1e} β={n.bias:.2f} "
        f"rtol={problem.rtol:.0e} t={problem.times[0]:.1e}…{problem.times[-1]:.1e}"
    )


def main():
    """Run them, print the failures, then the count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120, help="processor time of the solver, and of the oracle")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    tally = dict.fromkeys(("right", "wrong", "undecided", "refused", "slow", "warned"), 0)
    slowest = (0.0, 0)
    for number in range(args.first, args.first + args.count, args.every):
        problem = drawn(args.seed, number)
        begin = time.process_time()
        try:
            found = in_time(args.seconds, solved, problem)
        except NdksymError as error:
            tally["refused"] += 1
            print(f"{number}: refused: {type(error).__name__}: {str(error)[:150]} | {told(problem)}", flush=True)
            continue
        seconds = time.process_time() - begin
        slowest = max(slowest, (seconds, number))
        if found is None:
            tally["slow"] += 1
            print(f"{number}: slow: no answer in {args.seconds:g} s | {told(problem)}", flush=True)
            continue
        run, warned = found
        off, moved, right = in_time(args.seconds, judged, problem, run, warned) or (
            np.zeros(len(run.error)),
            np.inf,
            False,
        )
        verdict = "right" if right else "wrong" if moved < 0.1 * off.max() else "undecided"
        tally[verdict] += 1
        tally["warned"] += warned
        if not right or args.verbose or seconds > 20:
            worst = int(np.argmax(off / run.error))
            print(
                f"{number}: {verdict}: true {off[worst]:.1e} said {run.error[worst]:.1e} (largest {off.max():.1e} of "
                f"{problem.rtol * problem.size:.1e}{', warned' if warned else ''}), oracle ±{moved:.0e}, {seconds:.1f} + "
                f"{time.process_time() - begin - seconds:.1f} s | {told(problem)}",
                flush=True,
            )
    print(f"seed {args.seed}, {tally}, slowest {slowest[0]:.1f} s (number {slowest[1]})")


if __name__ == "__main__":
    main()
