"""One process of a simulation: python -m ndksym.networks.worker FOLDER FIRST LAST

Simulates the pairs FIRST … LAST − 1 of FOLDER/job.npz into FOLDER/FIRST.npy; on stdout, what has been done, a number of
network steps a line. What goes wrong is said in FOLDER/FIRST.error.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ndksym.codegen.load import load
from ndksym.errors import NdksymError
from ndksym.networks import job, langevin, proximal
from ndksym.runtime.types import Array

CACHE = 2**20
"""Bytes that the weights of a batch of pairs may take: small networks go together, large ones alone."""


def main() -> None:
    """See above."""
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process hears it too, and ends it
    task = job.read(folder / "job.npz")
    try:
        np.save(folder / f"{first}.npy", simulated(task, range(first, last)), allow_pickle=False)
    except NdksymError as error:
        (folder / f"{first}.error").write_text(str(error), encoding="utf-8")
        sys.exit(1)


def simulated(task: job.Job, pairs: range) -> Array:
    """(pairs, 2, times, rows, outputs), batch by batch."""
    layers = load(task.text, "numpy")
    hidden = [layers[n] for n in task.order]
    run = proximal.run if task.dynamics == "mpl" else langevin.run
    tell = _teller()
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([run(task, hidden, batch, tell) for batch in batches(task, pairs)])


def batches(task: job.Job, pairs: range) -> Iterator[range]:
    """As many pairs as the cache holds."""
    size = max(1, CACHE // (16 * sum(n * m for n, m in task.shapes)))
    for start in range(pairs.start, pairs.stop, size):
        yield range(start, min(start + size, pairs.stop))


def _teller() -> Callable[[int], None]:
    """Counts, and says so a few times a second; ends the process if nobody is left to listen."""
    told, count, parent = time.monotonic(), 0, os.getppid()

    def tell(done: int) -> None:
        nonlocal told, count
        count += done
        if time.monotonic() - told > 0.2:
            if os.getppid() != parent:
                sys.exit(1)
            print(count, flush=True)
            told, count = time.monotonic(), 0

    return tell


if __name__ == "__main__":
    main()
