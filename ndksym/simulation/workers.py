"""A job shared out to processes of one thread each: the same numbers however many there are, and all ended with us."""

import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import ndksym
from ndksym.errors import InputError, NdksymError
from ndksym.networks.job import Job
from ndksym.runtime.types import Array

_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


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
    edges = np.linspace(0, pairs, min(workers, pairs) + 1).astype(int)
    parts = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    whole = pairs * (int(job.asked[-1]) + 1)
    with tempfile.TemporaryDirectory(prefix="ndksym-") as name:
        folder = Path(name)
        job.save(folder / "job.npz")
        running = [_started(folder, first, last) for first, last in parts]
        try:
            _follow(running, whole, progress)
            for (first, _), process in zip(parts, running, strict=True):
                _require(folder, first, process)
        finally:
            for process in running:
                process.kill()
                process.wait()
        return np.concatenate([np.load(folder / f"{first}.npy", allow_pickle=False) for first, _ in parts])


def _started(folder: Path, first: int, last: int) -> "subprocess.Popen[bytes]":
    ours = str(Path(ndksym.__file__).parent.parent)
    path = os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "ndksym.networks.worker", str(folder), str(first), str(last)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **dict.fromkeys(_THREADS, "1")},
    )


def _follow(running: "list[subprocess.Popen[bytes]]", whole: int, progress: Callable[[float], None]) -> None:
    """Until all have closed their output, or one has failed."""
    done = 0
    with selectors.DefaultSelector() as streams:
        for process in running:
            assert process.stdout is not None
            streams.register(process.stdout, selectors.EVENT_READ, process)
        while streams.get_map():
            for key, _ in streams.select():
                line = key.data.stdout.readline()
                if line:
                    done += int(line)
                    progress(min(done / whole, 1.0))
                    continue
                streams.unregister(key.fileobj)
                if key.data.wait():
                    return


def _require(folder: Path, first: int, process: "subprocess.Popen[bytes]") -> None:
    if (folder / f"{first}.error").exists():
        raise InputError((folder / f"{first}.error").read_text(encoding="utf-8"))
    if process.poll():
        assert process.stderr is not None
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        raise NdksymError(
            f"a simulating process died (exit code {process.returncode}): {said[-1] if said else 'killed'}"
        )
