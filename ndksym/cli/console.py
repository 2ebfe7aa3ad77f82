"""How a command ends: an error becomes one line on stderr and an exit code, and a truncated result is an error."""

import contextlib
import io
import os
import sys
from collections.abc import Callable

from ndksym.errors import InputError, NdksymError

__all__ = ["exit_code"]

_INTERRUPTED = 130


def exit_code(work: Callable[[], object], name: str) -> int:
    """Run the work of the command `name` and return its exit code; an error is printed as one line on stderr.

    The code is 0 if a reader has closed the pipe early, and that of wrong input for errors of the system. A SystemExit with a
    code passes its code on.
    """
    message = None
    try:
        _prepare_streams()
        code = _run(work)
        sys.stdout.flush()
    except NdksymError as error:
        message, code = str(error), error.exit_code
    except BrokenPipeError:
        code = 0
    except OSError as error:
        message, code = _system_message(error), NdksymError.exit_code
    except MemoryError:
        message, code = "not enough memory; ask for less", NdksymError.exit_code
    except KeyboardInterrupt:
        message, code = "interrupted; nothing was left half-written", _INTERRUPTED
    if message is not None:
        print(f"{name}: {message}", file=sys.stderr)
    _drop_unwritable()
    return code


class _QuietStream(io.TextIOWrapper):
    """A stderr that may be closed or full: progress that cannot be printed does not stop the work."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _prepare_streams() -> None:
    """Make both streams print any text, with escapes for characters that their encoding lacks; stdout must be open."""
    original = sys.__stderr__
    if original is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    elif sys.stderr is original:
        raw = io.BufferedWriter(io.FileIO(original.fileno(), "w", closefd=False))
        sys.stderr = _QuietStream(raw, original.encoding, "backslashreplace", line_buffering=True)
    if sys.stdout is None:
        raise InputError("stdout is closed, so the result would be lost; send it to /dev/null if you do not need it")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(work: Callable[[], object]) -> int:
    """Run the work; Typer turns interruptions and closed pipes into SystemExit, and this raises the original again."""
    try:
        work()
    except SystemExit as end:
        cause = end.__context__
        while cause is not None:
            if isinstance(cause, BrokenPipeError | KeyboardInterrupt):
                raise cause from None
            cause = cause.__context__
        if end.code is not None and not isinstance(end.code, int):
            raise
        return end.code or 0
    return 0


def _system_message(error: OSError) -> str:
    message = error.strerror or str(error) or type(error).__name__
    return message if error.filename is None else f"{message}: {error.filename}"


def _drop_unwritable() -> None:
    """Drop what cannot be printed; otherwise Python would report it a second time at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
