"""A job divided among single-threaded processes: its result does not depend on their number, and they end with this process.

Popen and pipes rather than ProcessPoolExecutor with spawn, because both were tried: the executor imports the caller's script again,
which breaks scripts without a __main__ guard, and its workers finish their task after the parent was killed.
"""

import contextlib
import io
import itertools
import os
import selectors
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

import ndksym
from ndksym.errors import InputError, NdksymError
from ndksym.runtime.types import Array
from ndksym.simulation.networks import worker
from ndksym.simulation.networks.job import Job

_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_CHUNK = 2**16


def cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most() -> int:
    """Largest number of processes allowed."""
    return max(64, 4 * cores())


def shared(job: Job, pairs: int, workers: int, progress: Callable[[float], None]) -> Array:
    """Outputs of all pairs: (pairs, 2, times, rows, outputs).

    Raises InputError for input that a worker refuses, and NdksymError if a worker dies.
    """
    edges = np.linspace(0, pairs, min(workers, pairs) + 1).astype(int).tolist()
    whole = pairs * (int(job.report_steps[-1]) + 1)
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        progress(min(done / whole, 1.0))

    packed = io.BytesIO()
    job.save(packed)
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(_Worker(*part, count)) for part in itertools.pairwise(edges)]
        for each in running:
            each.send(packed.getbuffer())
        _wait(running)
        return np.concatenate([np.load(io.BytesIO(each.result), allow_pickle=False) for each in running])


class _Worker:
    """A child process and its output so far. A child that still runs at the end of the `with` block is killed."""

    def __init__(self, first: int, last: int, count: Callable[[int], None]) -> None:
        ours = str(Path(ndksym.__file__).parent.parent)
        path = os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, *worker.START, str(first), str(last)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", **dict.fromkeys(_THREADS, "1")},
        )
        self.count = count
        self.result, self.messages, self.line = bytearray(), [""], b""
        self.open = len(self.streams)

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, *self.streams):
            assert stream is not None
            stream.close()

    @property
    def streams(self) -> "tuple[IO[bytes], IO[bytes]]":
        """stdout and stderr."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        return self.process.stdout, self.process.stderr

    def send(self, packed: memoryview) -> None:
        """Send the job. stdin stays open, because the worker ends when it is closed."""
        assert self.process.stdin is not None
        rest = memoryview(len(packed).to_bytes(worker.BYTES) + packed)
        with contextlib.suppress(BrokenPipeError):  # the worker has died; `check_exit` raises the reason
            while rest:
                rest = rest[self.process.stdin.write(rest) :]

    def read(self, stream: IO[bytes]) -> bool:
        """Read a piece of a stream; False at its end."""
        piece = stream.read(_CHUNK)
        if stream is self.process.stdout:
            self.result += piece
        else:
            *lines, self.line = (self.line + piece).split(b"\n")
            for line in lines:
                if line.isdigit():
                    self.count(int(line))
                else:
                    self.messages.append(line.decode(errors="replace").strip())
        return bool(piece)

    def check_exit(self) -> None:
        """Wait for the end of the process. Raises InputError for refused input, NdksymError if the process died."""
        code = self.process.wait()
        if code == InputError.exit_code:
            raise InputError("\n".join(self.messages).strip())
        if code:
            raise NdksymError(f"a simulating process died (exit code {code}): {self.messages[-1] or 'killed'}")


def _wait(running: list[_Worker]) -> None:
    """Read until all processes have closed their output; raise the error of a failed one at once."""
    with selectors.DefaultSelector() as streams:
        for each in running:
            for stream in each.streams:
                streams.register(stream, selectors.EVENT_READ, (each, stream))
        while streams.get_map():
            for key, _ in streams.select():
                each, stream = key.data
                if not each.read(stream):
                    streams.unregister(stream)
                    each.open -= 1
                    if not each.open:
                        each.check_exit()
