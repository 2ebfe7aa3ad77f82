"""One process of a simulation, started as START FIRST LAST.

Simulates the pairs FIRST … LAST − 1 of the job on stdin, which is its length in BYTES bytes, then a .npz. The result goes to
stdout as a .npy; what has been done, a number of network steps a line, to stderr, and what is refused too, with exit code 2.
It ends when stdin is closed, from the first moment on.
"""

import io
import signal
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from ndksym.codegen.load import load_numpy
from ndksym.errors import InputError, NdksymError
from ndksym.runtime.types import Array
from ndksym.simulation.networks import job, langevin, proximal

START = (
    "-c",
    "from ndksym.simulation import lifeline; lifeline.follow(0); from ndksym.simulation.networks import worker; worker.main()",
)
BYTES = 8
CACHE = 2**20
"""Bytes that the weights of a batch of pairs may take: small networks go together, large ones alone."""


def main() -> None:
    """See above."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this process hears it too, and ends it
    given = sys.stdin.buffer
    packed = given.read(int.from_bytes(given.read(BYTES)))
    try:
        found = simulated(job.read(io.BytesIO(packed)), range(first, last))
    except NdksymError as error:
        print(error, file=sys.stderr)
        sys.exit(InputError.exit_code)
    out = io.BytesIO()  # NumPy asks files for their position, which a pipe has not
    np.save(out, found, allow_pickle=False)
    sys.stdout.buffer.write(out.getbuffer())


def simulated(task: job.Job, pairs: range) -> Array:
    """(pairs, 2, times, rows, outputs), batch by batch."""
    layers = load_numpy(task.text)
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
    """Counts, and says so a few times a second."""
    told, count = time.monotonic(), 0

    def tell(done: int) -> None:
        nonlocal told, count
        count += done
        if time.monotonic() - told > 0.2:
            print(count, file=sys.stderr, flush=True)
            told, count = time.monotonic(), 0

    return tell
