"""Networks of finite width against `solve`, and the cost of their steps: python -m tests.bench.simulation [grid|slopes|speed]

grid: for each activation, depth and σ0²/σ², max |z| of mean and variance over all cells, with the value expected for a right theory,
    from a polynomial in 1/width through all widths.
slopes: the decay of the bias with width.
speed: time per step, compared with its matrix products.
"""

import argparse
import itertools
import os
import time
import warnings

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in the simulating processes

import numpy as np

import ndksym
from ndksym.dynamics import checks as physical
from ndksym.simulation import options, width_scan
from ndksym.simulation.networks import langevin, network, worker
from ndksym.verify import simulation

_SEED = 29
_STEPS = 80


def main() -> None:
    """Print the tables asked for, all by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["speed", "slopes", "grid"])
    parser.add_argument("--activations", default="erf,relu,gelu,tanh")
    parser.add_argument("--depths", default="1,2,3")
    parser.add_argument("--ratios", default="0.3,1,2")
    parser.add_argument("--widths", default="64,128,256")
    parser.add_argument("--pairs", type=int, default=300)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for what in args.what:
        {"speed": speed, "slopes": slopes, "grid": grid}[what](args)


def training(name: str, depth: int, init: float):
    """Three inputs and two test inputs; steps, temperature and times in units of the network's own time scale."""
    rng = np.random.default_rng(_SEED)
    X, X_test, y = rng.normal(size=(3, 5)), rng.normal(size=(2, 5)), rng.normal(size=3)
    kernel = ndksym.derive(name, depth=depth).compile()
    h = 0.3 * simulation.stable_step(kernel, X, {"prior_variance": 1.0, "init_variance": init, "bias": 0.0})
    times = h * np.unique(np.rint(np.geomspace(1, _STEPS, 14)))
    return kernel, X, y, X_test, {"times": times, "temperature": 1 / (25 * h), "step": h, "init_variance": init}


def grid(args: argparse.Namespace) -> None:
    """Agreement over the whole curve."""
    print(f"widths {args.widths}, {args.pairs} pairs each, seed {_SEED}")
    print(
        f"{'φ':6}{'L':>3}{'σ0²':>6}{'mean: max|z|':>14}{'expected':>10}{'var: max|z|':>14}{'expected':>10}{'chance':>9}{'s':>6}"
    )
    worst, widths = 1.0, [int(n) for n in args.widths.split(",")]
    names = args.activations.split(",")
    for name, depth, init in itertools.product(
        names, map(int, args.depths.split(",")), map(float, args.ratios.split(","))
    ):
        begin = time.perf_counter()
        kernel, X, y, X_test, known = training(name, depth, init)
        found = width_scan(
            name,
            X,
            y,
            X_test,
            depth=depth,
            widths=widths,
            degree=len(widths) - 1,
            pairs=args.pairs,
            seed=_SEED,
            **known,
        )
        run = ndksym.solve(kernel, X, y, X_test, covariance=True, rtol=1e-4, **known)
        c = found.compare(run)
        chance = min(1.0, 2 * min(c.mean.chance, c.var.chance))
        worst = min(worst, chance)
        print(
            f"{name:6}{depth:3}{init:6.1f}{c.mean.worst:14.2f}{c.mean.expected:10.2f}{c.var.worst:14.2f}{c.var.expected:10.2f}"
            f"{chance:9.2g}{time.perf_counter() - begin:6.0f}",
            flush=True,
        )
    print(f"smallest chance: {worst:.2g}")


def slopes(args: argparse.Namespace) -> None:
    """Slope of the bias in width."""
    widths = [int(n) for n in args.widths.split(",")]
    print(f"{'φ':6}{'L':>3}  {'of':4}  widths, bias/standard error, slope")
    for name, depth in itertools.product(args.activations.split(","), map(int, args.depths.split(","))):
        kernel, X, y, X_test, known = training(name, depth, 0.3)
        found = width_scan(name, X, y, X_test, depth=depth, widths=widths, pairs=args.pairs, seed=_SEED, **known)
        run = ndksym.solve(kernel, X, y, X_test, covariance=True, rtol=1e-4, **known)
        for kind in ("mean", "var"):
            slope = found.slope(run, kind)
            said = f"{slope.value:.2f} ± {slope.error:.2f}" if slope.resolved else "not resolved"
            sizes = ", ".join(f"{size:.1f}" for size in slope.bias / slope.stderr)
            print(f"{name:6}{depth:3}  {kind:4}  {slope.widths}  {sizes}  {said}", flush=True)


def speed(args: argparse.Namespace) -> None:
    """One step of one pair at width 1000, P = 100, beside its matrix products, in one process of one thread."""
    for depth in (2, 3):
        step, products = cost(depth)
        print(
            f"depth {depth}, width 1000, P = 100: {1e3 * step:.1f} ms a step and pair, {1e3 * products:.1f} ms of matrix products: "
            f"ratio {step / products:.2f}",
            flush=True,
        )


def cost(depth: int) -> tuple[float, float]:
    """Processor seconds of a step and pair, and of its matrix products: the least of a dozen times each, in turns."""
    rng = np.random.default_rng(_SEED)
    d = ndksym.derive("relu", depth=depth)
    kernel, X, y, steps = d.compile(), rng.normal(size=(100, 100)), rng.normal(size=100), 8
    data = physical.checked(X, y, None, [steps * 1e-3])
    physics = physical.physics(kernel, 0.1, 1.0, 1.0, 0.0, zero=False)
    chosen = options.SimulationOptions("langevin", 1e-3, None, None, False, 1, 2, 1000)
    task = options.job(d, kernel, data, physics, 0.01, chosen)
    layers = worker.load(task.text, "numpy")
    hidden = [layers[n] for n in task.order]
    of = network.created(hidden, task.shapes, 0.0, network.Noise(1, [0]), 1.0)
    seen = network.forward(of, task.X)
    deltas = network.backward(of, seen, seen.f - task.y)
    rows = [np.ascontiguousarray(x.swapaxes(-1, -2)) for x in seen.inputs]

    def products() -> None:
        for layer, W in enumerate(of.weights):
            W @ seen.inputs[layer]
            deltas[layer] @ rows[layer]
            if layer:
                W.swapaxes(-1, -2) @ deltas[layer]

    def whole() -> None:
        langevin.run(task, hidden, range(1), lambda done: None)

    def ends() -> None:
        network.forward(network.created(hidden, task.shapes, 0.0, network.Noise(1, [0]), 1.0), task.X)

    times = {f: [] for f in (products, whole, ends)}
    for _ in range(12):
        for f, found in times.items():
            begin = time.process_time()
            f()
            found.append(time.process_time() - begin)
    unavoidable, all_steps, first_and_last = (min(each) for each in times.values())
    return (all_steps - first_and_last) / steps, unavoidable


if __name__ == "__main__":
    main()
