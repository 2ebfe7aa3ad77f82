"""Composite against the full solution: the slope of its error in T, which is to be the order claimed (±0.1).

python -m tests.bench.phases [ACTIVATION …] [--orders 1,2] [--depths 1,2,3]
"""

import argparse
import warnings

import numpy as np

import ndksym

STEPS = {
    ("smooth", 1): (3e-3, 1.5e-3),
    ("smooth", 2): (4e-3, 2e-3),
    ("kinked", 1): (4e-4, 2e-4),
    ("kinked", 2): (4e-3, 2e-3),
}
"""What T |A|/λ² may be for the next order to be small beside the one measured; roots of it where φ has a kink.

At order 2 of a kinked φ no step is small enough: half a power apart, the next order still bends the slope (relu at depth 2: 2.31,
2.37, 2.40 as T is halved, which without that order is 2.53 and 2.47; at depth 3: 2.40, 2.53, 2.44), and below 2e-11 the error is
that of the solver.
"""
INIT = 0.6
"""σ0², at σ² = 1."""


def data():
    """Three nearly orthogonal inputs of length √6 in six dimensions, and two more."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    X = np.sqrt(6) * (Q[:3] + 0.15 * rng.normal(size=(3, 6)) / np.sqrt(6))
    return X, np.array([1.0, -0.7, 0.4]), np.sqrt(6) * (0.9 * Q[:2] + 0.3 * Q[2:4])


def temperatures(name, depth, order):
    """Two temperatures, in units of λ²/|vᵀAv| of the slowest mode v of the NTK: there the expansion's small number is 1."""
    X, _, _ = data()
    d = ndksym.derive(name, depth=depth)
    kernel, step = d.compile(), 1e-3
    theta = kernel.ntk(X, variance=INIT)
    later = kernel.ndk(X, t=step, s=0.0, temperature=1.0, init_variance=INIT)
    slowest = np.linalg.eigh(theta)[1][:, 0]
    unit = (slowest @ theta @ slowest) ** 2 / abs(slowest @ (later - theta) @ slowest / step)
    kind = "smooth" if ndksym.phases(d).first_root is None else "kinked"
    return tuple(float(unit * each) for each in STEPS[kind, order])


def misses(name, depth, order, at, points=40):
    """The largest error of the composite over the whole of learning, training and test rows, at each temperature."""
    X, y, X_test = data()
    d = ndksym.derive(name, depth=depth)
    kernel, expansion = d.compile(), ndksym.phases(d, order=order)
    found = []
    for T in at:
        physics = {"times": np.geomspace(0.1, 10 / T, points), "temperature": T, "init_variance": INIT}
        full = ndksym.solve(kernel, X, y, X_test, **physics, rtol=1e-12)
        close = expansion.on(X, y, X_test, **physics)
        found.append(max(np.abs(close.train - full.train).max(), np.abs(close.test - full.test).max()))
    return np.array(found), float(expansion.error_order)


def slopes(found, at):
    """Of log error in log T, between neighbours."""
    return np.diff(np.log(found)) / np.diff(np.log(at))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["linear", "erf", "gelu", "relu"])
    parser.add_argument("--orders", default="1,2")
    parser.add_argument("--depths", default="1,2,3")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| φ | depth | order | error at T | slope | claimed |\n|---|---|---|---|---|---|")
    for name in asked.names:
        for depth in map(int, asked.depths.split(",")):
            for order in map(int, asked.orders.split(",")):
                at = temperatures(name, depth, order)
                found, claimed = misses(name, depth, order, at)
                shown = ", ".join(f"{miss:.1e} at {T:.1e}" for miss, T in zip(found, at, strict=True))
                measured = slopes(found, at)[-1]
                print(f"| {name} | {depth} | {order} | {shown} | {measured:.2f} | {claimed:g} |", flush=True)


if __name__ == "__main__":
    main()
