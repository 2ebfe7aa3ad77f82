"""Work that may run away is done in a child process, which can always be stopped, whatever it is busy with."""

import contextlib
import os
import signal
import sys
import time
from types import FrameType

from ndksym.errors import OutOfTimeError

_GRACE = 1.0
"""Seconds a child has to tidy up before it is killed."""


def run_in_child(seconds: float | None) -> None:
    """Return in a child process; the parent waits for it there, exits with its code, or raises OutOfTimeError after
    `seconds`.

    Where processes cannot fork, the work goes on unguarded in this one. Call it before heavy imports and before any
    thread starts.
    """
    if seconds is None or not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, _tidy_up)
        return
    try:
        code = _wait(child, seconds)
    except KeyboardInterrupt:
        _wait(child, _GRACE)
        _stop(child)
        raise
    if code is None:
        _stop(child)
        raise OutOfTimeError(
            f"not done after {seconds:g} s, so it was stopped and nothing was written; allow more with --timeout, or ask for less"
        )
    # the child has flushed its own streams; this process has nothing to add to them
    os._exit(code)


def _wait(child: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status) % 256
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, 0.05)


def _stop(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGTERM)
        if _wait(child, _GRACE) is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _tidy_up(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(OutOfTimeError.exit_code)
