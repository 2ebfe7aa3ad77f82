"""Work that may run away is done in a child process, which can always be stopped, whatever it is busy with."""

import contextlib
import os
import signal
import sys
import time
from types import FrameType

from ndksym.errors import NdksymError, OutOfTimeError
from ndksym.simulation import lifeline

_GRACE = 1.0
"""Seconds a child has to tidy up before it is killed."""
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Requests to end, which both processes meet in order; one that is ignored at the start stays ignored."""


def run_in_child(seconds: float | None) -> None:
    """Return in a child process; the parent waits for it there, exits with its code, or raises OutOfTimeError after
    `seconds`.

    The child ends with the parent, even if that is killed. Where processes cannot fork, the work goes on unguarded in this
    one. Call it before heavy imports and before any thread starts.

    Errors: NdksymError in the parent for a child that a signal has killed.
    """
    if seconds is None or not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    child = os.fork()
    if child == 0:
        os.close(writing)
        lifeline.follow(reading)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end)
        return
    os.close(reading)
    try:
        code = _wait(child, seconds)
    except BaseException:
        _hear_no_more()
        _stop(child)
        raise
    if code is None:
        _stop(child)
        raise OutOfTimeError(
            f"not done after {seconds:g} s, so it was stopped and nothing was written; allow more with --timeout, or ask for less"
        )
    if code < 0:
        raise NdksymError(
            f"the working process was ended by signal {-code} ({signal.strsignal(-code)}); if memory ran out, ask for less"
        )
    # the child has flushed its own streams; this process has nothing to add to them
    os._exit(code)


def _wait(child: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
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


def _end(number: int, _frame: FrameType | None) -> None:
    _hear_no_more()
    raise SystemExit(128 + number)


def _hear_no_more() -> None:
    """Once is enough: a second signal must not interrupt the tidying up."""
    for number in (*_ENDING, signal.SIGINT):
        signal.signal(number, _go_on)


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Unlike SIG_IGN this may be set while signals wait to be handled."""
