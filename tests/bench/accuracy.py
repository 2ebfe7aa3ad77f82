"""Measured error of compiled kernels, per activation and backend, against 50 digits on the exact float64 inputs.

Run: python -m tests.bench.accuracy [ACTIVATION …] [--depths 1,3,10] [--scales 1e-8,1e-4,1,1e4,1e8] [--backends numpy,c]
     [--digits 50] [--near 2,4,6,8,10,12,14,16]
Each row: the worst over all scales and depths; `of allowed` is error / (1e-13, or ten times how far half an ulp in X
moves the truth).
"""

import argparse
import time

import ndksym
from ndksym.errors import NdksymError
from ndksym.verify import closed_form_values
from ndksym.verify.accuracy import DIGITS, family, score, truth


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("activations", nargs="*")
    parser.add_argument("--depths", default="1,3,10")
    parser.add_argument("--scales", default="1e-8,1e-4,1,1e4,1e8")
    parser.add_argument("--backends", default="numpy,c")
    parser.add_argument("--bias", type=float, default=0.0)
    parser.add_argument("--variance", type=float, default=1.3)
    parser.add_argument("--near", default="2,4,6,8,10,12,14,16")
    parser.add_argument(
        "--digits", type=int, default=DIGITS, help="of the truth; 30 are quicker where it is a quadrature"
    )
    args = parser.parse_args()
    depths = [int(x) for x in args.depths.split(",")]
    scales = [float(x) for x in args.scales.split(",")]
    near = tuple(int(x) for x in args.near.split(","))
    print(
        f"{'activation':14} {'backend':8} {'kernel':6} {'diagonal':>9} {'off, well':>10} {'of allowed':>10}   worst at"
    )
    for name in args.activations or ndksym.activation.catalogue.names():
        rows: dict[tuple[str, str], list[float | str]] = {}
        begin = time.perf_counter()
        for depth in depths:
            d = ndksym.derive(name, depth=depth, bias=args.bias > 0)
            tangent = not d.activations[0].discontinuities
            kernels = {backend: d.compile(backend) for backend in args.backends.split(",")}
            for scale in scales:
                X = family(scale, near)
                try:
                    for kernel in kernels.values():  # refused before its truth is sought: a tower of exp has no end
                        kernel.nngp(X[:1], X[1:], variance=args.variance, bias=args.bias)
                    true = truth(
                        d.activations,
                        X,
                        variance=args.variance,
                        bias=args.bias,
                        dual=closed_form_values.layers(d.duals),
                        digits=args.digits,
                    )
                    results = [
                        (backend, r) for backend, kernel in kernels.items() for r in score(kernel, true, tangent)
                    ]
                except (NdksymError, OverflowError) as error:
                    print(f"{name}: depth {depth}, |x| ~ {scale:g}: not compared: {str(error)[:90]}")
                    continue
                for backend, r in results:
                    row = rows.setdefault((backend, r.kernel), [0.0, 0.0, 0.0, ""])
                    if r.ratio >= float(row[2]):
                        row[3] = f"depth {depth}, |x| ~ {scale:g}, pair {r.worst}"
                    row[:3] = [
                        max(float(x), y) for x, y in zip(row[:3], (r.diagonal, r.conditioned, r.ratio), strict=True)
                    ]
        for (backend, which), (diagonal, off, ratio, place) in rows.items():
            print(f"{name:14} {backend:8} {which:6} {diagonal:9.1e} {off:10.1e} {ratio:10.2g}   {place}", flush=True)
        print(f"{'':14} {time.perf_counter() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
