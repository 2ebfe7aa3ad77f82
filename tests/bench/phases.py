"""Composite against the full solution: the slope of its error in T, which is to be the order claimed (±0.1).

python -m tests.bench.phases [ACTIVATION …] [--orders 1,2] [--depths 1,2,3]
"""

import argparse
import warnings

import numpy as np

import ndksym

TEMPERATURES = {1: (1e-3, 4e-4), 2: (2e-3, 1e-3)}


def data():
    """Three nearly orthogonal inputs of length √6 in six dimensions, and two more."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    X = np.sqrt(6) * (Q[:3] + 0.15 * rng.normal(size=(3, 6)) / np.sqrt(6))
    return X, np.array([1.0, -0.7, 0.4]), np.sqrt(6) * (0.9 * Q[:2] + 0.3 * Q[2:4])


def misses(name, depth, order, temperatures, points=40):
    """The largest error of the composite over the whole of learning, training and test rows, at each temperature."""
    X, y, X_test = data()
    d = ndksym.derive(name, depth=depth)
    kernel, expansion = d.compile(), ndksym.phases(d, order=order)
    found = []
    for T in temperatures:
        physics = {"times": np.geomspace(0.1, 10 / T, points), "temperature": T, "init_variance": 0.6}
        full = ndksym.solve(kernel, X, y, X_test, **physics, rtol=1e-11)
        close = expansion.on(X, y, X_test, **physics)
        found.append(max(np.abs(close.train - full.train).max(), np.abs(close.test - full.test).max()))
    return np.array(found), float(expansion.error_order)


def slopes(found, temperatures):
    """Of log error in log T, between neighbours."""
    return np.diff(np.log(found)) / np.diff(np.log(temperatures))


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
                temperatures = TEMPERATURES[order]
                found, claimed = misses(name, depth, order, temperatures)
                shown = ", ".join(f"{miss:.1e} at {T:g}" for miss, T in zip(found, temperatures, strict=True))
                measured = slopes(found, temperatures)[-1]
                print(f"| {name} | {depth} | {order} | {shown} | {measured:.2f} | {claimed:g} |", flush=True)


if __name__ == "__main__":
    main()
