"""A command does its work in a child process, which can be stopped at any time, whatever it is doing."""

import contextlib
import os
import signal
import sys
import time
from types import FrameType

from ndksym.errors import NdksymError, OutOfTimeError
from ndksym.simulation import lifeline

_GRACE = 1.0
"""Seconds in which a child can remove its temporary files before it is killed."""
_POLL_FIRST, _POLL_LAST = 0.002, 0.05
"""Seconds between two looks at the child: short at first, so that a short command ends at once."""
_TERMINATIONS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals on which both processes end in order; one that is ignored at the start stays ignored."""


def run_in_child(seconds: float | None, default: float = 1800.0) -> None:
    """Return in a child process; the parent waits for it here and exits with its code.

    The child ends with the parent, even if the parent is killed. Call this before heavy imports and before any thread
    starts. On a system without `os.fork` the work goes on in this process without a time limit, which a line on stderr
    states if `seconds` was given.

    Parameters
    ----------
    seconds
        Time limit as the user gave it, None for the default.
    default
        Time limit in seconds if the user gave none.

    Raises
    ------
    OutOfTimeError
        In the parent, after the time limit.
    NdksymError
        In the parent, if a signal killed the child.
    """
    if not hasattr(os, "fork"):
        if seconds is not None:
            print(
                "ndksym: warning: --timeout has no effect, because this system cannot fork processes; "
                "stop the command with Ctrl-C",
                file=sys.stderr,
                flush=True,
            )
        return
    limit = default if seconds is None else seconds
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    for number in _TERMINATIONS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit_on)
    child = os.fork()
    if child == 0:
        os.close(writing)
        lifeline.follow(reading)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _exit_on)
        return
    os.close(reading)
    try:
        code = _wait(child, limit)
    except BaseException:
        _ignore_signals()
        _stop(child)
        raise
    if code is None:
        _stop(child)
        raise OutOfTimeError(
            f"not done after {limit:g} s, so it was stopped and nothing was written; allow more with --timeout, or ask for less"
        )
    if code < 0:
        raise NdksymError(
            f"the working process was ended by signal {-code} ({signal.strsignal(-code)}); if memory ran out, ask for less"
        )
    # the child has flushed its own streams; this process has nothing to add to them
    os._exit(code)


def _wait(child: int, seconds: float) -> int | None:
    """The exit code of the child, negative for a signal; None if it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    pause = _POLL_FIRST
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, _POLL_LAST)


def _stop(child: int) -> None:
    """Terminate the child, and kill it if it does not end within the grace."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(child, signal.SIGTERM)
        if _wait(child, _GRACE) is None:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _exit_on(number: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise SystemExit(128 + number)


def _ignore_signals() -> None:
    """A second signal must not interrupt the removal of temporary files."""
    for number in (*_TERMINATIONS, signal.SIGINT):
        signal.signal(number, _do_nothing)


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Unlike SIG_IGN this handler may be set while signals are pending."""
