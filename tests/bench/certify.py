"""Every closed form of the catalogue against certified balls, at ordinary and at difficult points.

Run: python -m tests.bench.certify [ACTIVATION …]
"""

import sys
import time

import ndksym
from ndksym.activation.catalogue import names
from ndksym.verify.digits import certified
from ndksym.verify.points import EVERYWHERE


def main() -> None:
    """Print a line per activation."""
    for name in sys.argv[1:] or names():
        d = ndksym.derive(name)
        if d.closed_form or sys.argv[1:]:
            begin = time.perf_counter()
            for evidence in certified(d.duals, EVERYWHERE):
                print(
                    f"{name:14} {evidence.verdict:10} {time.perf_counter() - begin:5.1f} s  {evidence.detail}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
