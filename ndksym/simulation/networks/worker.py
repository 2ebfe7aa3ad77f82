"""One worker process of a simulation, started as START FIRST LAST.

It simulates the pairs FIRST … LAST − 1 of the job on stdin: the job's length in BYTES bytes, then a .npz. It writes the result to
stdout as a .npy, and the numbers of network steps done since the last line to stderr. Refused input gives a message on stderr and
exit code 2. From the first moment on, the process ends when stdin is closed.
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
"""Bytes that the weights of a batch of pairs may take: small networks are trained together, large ones one by one."""
_INTERVAL = 0.2
"""Seconds between two reports of progress."""


def main() -> None:
    """Run the process that the module's docstring describes."""
    first, last = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives the same signal and ends this process
    stdin = sys.stdin.buffer
    packed = stdin.read(int.from_bytes(stdin.read(BYTES)))
    try:
        outputs = simulated(job.read(io.BytesIO(packed)), range(first, last))
    except NdksymError as error:
        print(error, file=sys.stderr)
        sys.exit(InputError.exit_code)
    out = io.BytesIO()  # np.save needs a file with a position, and a pipe has none
    np.save(out, outputs, allow_pickle=False)
    sys.stdout.buffer.write(out.getbuffer())


def simulated(task: job.Job, pairs: range) -> Array:
    """Outputs of these pairs, computed batch by batch: (pairs, 2, times, rows, outputs)."""
    layers = load_numpy(task.text)
    hidden = [layers[n] for n in task.order]
    run = proximal.run if task.dynamics == "mpl" else langevin.run
    report = _progress_reporter()
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([run(task, hidden, batch, report) for batch in batches(task, pairs)])


def batches(task: job.Job, pairs: range) -> Iterator[range]:
    """Groups of as many pairs as the cache holds."""
    size = max(1, CACHE // (16 * sum(n * m for n, m in task.shapes)))
    for start in range(pairs.start, pairs.stop, size):
        yield range(start, min(start + size, pairs.stop))


def _progress_reporter() -> Callable[[int], None]:
    """A function that counts steps and prints the count a few times a second."""
    printed, count = time.monotonic(), 0

    def report_progress(steps: int) -> None:
        nonlocal printed, count
        count += steps
        if time.monotonic() - printed > _INTERVAL:
            print(count, file=sys.stderr, flush=True)
            printed, count = time.monotonic(), 0

    return report_progress
