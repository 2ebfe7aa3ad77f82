"""A job shared out to processes of one thread each: the same numbers however many there are, and all ended with us."""

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
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def most() -> int:
    """Processes that may be asked for."""
    return max(64, 4 * cores())


def shared(job: Job, pairs: int, workers: int, progress: Callable[[float], None]) -> Array:
    """What all pairs output: (pairs, 2, times, rows, outputs).

    Errors: what a worker refuses is raised here; one that dies is a NdksymError.
    """
    edges = np.linspace(0, pairs, min(workers, pairs) + 1).astype(int).tolist()
    whole = pairs * (int(job.asked[-1]) + 1)
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
            each.give(packed.getbuffer())
        _follow(running)
        return np.concatenate([np.load(io.BytesIO(each.found), allow_pickle=False) for each in running])


class _Worker:
    """A process and what it has said so far; killed, if it still runs, when the block ends."""

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
        self.found, self.said, self.line = bytearray(), [""], b""
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

    def give(self, packed: memoryview) -> None:
        """Hand over the job; stdin stays open, for the worker ends when it is closed."""
        assert self.process.stdin is not None
        rest = memoryview(len(packed).to_bytes(worker.BYTES) + packed)
        with contextlib.suppress(BrokenPipeError):  # it has died, and `require` says of what
            while rest:
                rest = rest[self.process.stdin.write(rest) :]

    def heard(self, stream: IO[bytes]) -> bool:
        """Take in a piece of a stream; False at its end."""
        piece = stream.read(_CHUNK)
        if stream is self.process.stdout:
            self.found += piece
        else:
            *lines, self.line = (self.line + piece).split(b"\n")
            for line in lines:
                if line.isdigit():
                    self.count(int(line))
                else:
                    self.said.append(line.decode(errors="replace").strip())
        return bool(piece)

    def require(self) -> None:
        """Wait for its end: InputError for what it refused, NdksymError if it died."""
        code = self.process.wait()
        if code == InputError.exit_code:
            raise InputError("\n".join(self.said).strip())
        if code:
            raise NdksymError(f"a simulating process died (exit code {code}): {self.said[-1] or 'killed'}")


def _follow(running: list[_Worker]) -> None:
    """Until all have closed their output; what one refuses, or dies of, is raised at once."""
    with selectors.DefaultSelector() as streams:
        for each in running:
            for stream in each.streams:
                streams.register(stream, selectors.EVENT_READ, (each, stream))
        while streams.get_map():
            for key, _ in streams.select():
                each, stream = key.data
                if not each.heard(stream):
                    streams.unregister(stream)
                    each.open -= 1
                    if not each.open:
                        each.require()
