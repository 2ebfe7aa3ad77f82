"""Compiled kernels of drawn activations against quadrature: NNGP, and the NTK where it is finite, at six pairs each.

Run: python -m tests.bench.compiled [--seed 2311] [--first 0] [--count 10000] [--open] [--log FILE]
`--open` draws activations without a closed form. NumPy for all, C for every tenth too. A line of the log is: number, backend,
largest error relative to PQ, how it was served (closed, numeric, quadrature: a closed form refused), seconds; or why it was
refused. A log is continued where it ends. The last lines count them.

Beside this file are the logs of seed 2311: `compiled_2311.log` as far as it has run, `compiled_2311_open.log` of the 2,000
with --open.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import ndksym
from ndksym.errors import NdksymError
from ndksym.runtime import Kernel
from tests.drawn import Drawn, alone, draw, expectation

ALLOWED = 1e-10
PAIRS = (
    (1.0, 0.7, 0.5),
    (2.0, 0.3, -0.6),
    (0.8, 1.5, 0.9999),
    (1.2, 1.0, -0.9999),
    (0.5, 3.0, -0.95),
    (1.0, 1.1, 0.02),
)


def errors(drawn: Drawn, kernel: Kernel, rng: np.random.Generator) -> Iterator[float]:
    """|error|/PQ of NNGP and of NTK − NNGP, relative to the same of φ′, at every pair and on the diagonal."""
    for pair in PAIRS:
        p, q = (float(norm * rng.uniform(0.8, 1.25)) for norm in pair[:2])
        x = np.sqrt(2) * p * np.array([[1.0, 0.0]])
        angle = float(np.arccos(pair[2])) * rng.uniform(0.9, 1.05)
        x2 = np.sqrt(2) * q * np.array([[np.cos(angle), np.sin(angle)]])
        rho, sine = x2[0] / np.hypot(*x2[0])
        p, q = float(np.hypot(*x[0]) / np.sqrt(2)), float(np.hypot(*x2[0]) / np.sqrt(2))
        a, b = alone(drawn, drawn.phi, p), alone(drawn, drawn.phi, q)
        K = kernel.nngp(x, x2)[0, 0]
        if a * b > 0:
            yield abs(K - expectation(drawn, drawn.phi, p, q, rho, sine)) / np.sqrt(a * b)
            yield abs(kernel.nngp(x)[0, 0] - a) / a
        if not drawn.jumps:
            slope = np.sqrt(alone(drawn, drawn.dphi, p) * alone(drawn, drawn.dphi, q))
            hidden = (kernel.ntk(x, x2)[0, 0] - K) / (p * q * rho)
            if slope > 0:  # K is subtracted, and its rounding with it
                scale = slope + abs(K / (p * q * rho))
                yield abs(hidden - expectation(drawn, drawn.dphi, p, q, rho, sine)) / scale


def judged(seed: int, n: int, closed: bool, backend: str) -> str:
    """The line of one activation."""
    drawn, begin = draw(seed, n, closed), time.process_time()
    try:
        kernel = ndksym.derive(drawn.text).compile(backend)
        worst = max((*errors(drawn, kernel, np.random.default_rng([seed, n])), 0.0), key=lambda e: (e != e, e))
    except NdksymError as error:
        return f"{n} {backend} refused {' '.join(str(error).split())[:120]} | {drawn.text}"
    layer = kernel.layers[0]
    served = "closed" if layer.closed else "numeric" if layer.proof.passed else "quadrature"
    wrong = "" if worst <= ALLOWED else f" WRONG {drawn.text}"
    return f"{n} {backend} {worst:.1e} {served} {time.process_time() - begin:.1f}{wrong}"


def main() -> None:
    """Write the log, and print what is in it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=2311)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--log", type=Path)
    args = parser.parse_args()
    done = args.log.read_text().splitlines() if args.log and args.log.exists() else []
    seen, lines = {int(line.split()[0]) for line in done}, list(done)
    for n in range(args.first, args.first + args.count):
        if n in seen:
            continue
        new = [judged(args.seed, n, not args.open, backend) for backend in ("numpy", "c")[: 1 + (n % 10 == 0)]]
        lines += new
        if args.log:
            with args.log.open("a") as log:
                log.write("\n".join(new) + "\n")
        else:
            print(*new, sep="\n", flush=True)
    kinds = Counter("refused" if line.split()[2] == "refused" else line.split()[3] for line in lines)
    numbers = [float(line.split()[2]) for line in lines if line.split()[2] != "refused"]
    wrong = sum(not number <= ALLOWED for number in numbers)
    print(
        f"{len(lines)} compiled: {dict(kinds)}; beyond {ALLOWED:g} of PQ: {wrong}; worst {max(numbers, default=0.0):.1e}"
    )


if __name__ == "__main__":
    main()
