"""How a command ends: what stops it becomes one line on stderr and an exit code, and a result that is cut off is an error."""

import contextlib
import io
import os
import sys
from collections.abc import Callable

from ndksym.errors import InputError, NdksymError

__all__ = ["exit_code"]

_INTERRUPTED = 130


def exit_code(work: Callable[[], object], name: str) -> int:
    """Run a command of that name and say what stopped it: its exit code, 0 if a reader has closed the pipe early.

    Errors of the system end as wrong input does; a SystemExit with a code is passed on.
    """
    said = None
    try:
        _prepare()
        code = _ran(work)
        sys.stdout.flush()
    except NdksymError as error:
        said, code = str(error), error.exit_code
    except BrokenPipeError:
        code = 0
    except OSError as error:
        said, code = _told(error), NdksymError.exit_code
    except MemoryError:
        said, code = "not enough memory; ask for less", NdksymError.exit_code
    except KeyboardInterrupt:
        said, code = "interrupted; nothing was left half-written", _INTERRUPTED
    if said is not None:
        print(f"{name}: {said}", file=sys.stderr)
    _give_up_unwritable()
    return code


class _Aside(io.TextIOWrapper):
    """stderr where nobody may listen: that the progress cannot be said is no reason to stop."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _prepare() -> None:
    """Both streams are there, and print any text: what their encoding has not as an escape."""
    given = sys.__stderr__
    if given is None:
        sys.stderr = io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    elif sys.stderr is given:
        raw = io.BufferedWriter(io.FileIO(given.fileno(), "w", closefd=False))
        sys.stderr = _Aside(raw, given.encoding, "backslashreplace", line_buffering=True)
    if sys.stdout is None:
        raise InputError("stdout is closed, so the result would be lost; send it to /dev/null if it is not wanted")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _ran(work: Callable[[], object]) -> int:
    """Typer turns interruptions and closed pipes into a SystemExit of its own; it is said here what they were."""
    try:
        work()
    except SystemExit as end:
        behind = end.__context__
        while behind is not None:
            if isinstance(behind, BrokenPipeError | KeyboardInterrupt):
                raise behind from None
            behind = behind.__context__
        if end.code is not None and not isinstance(end.code, int):
            raise
        return end.code or 0
    return 0


def _told(error: OSError) -> str:
    said = error.strerror or str(error) or type(error).__name__
    return said if error.filename is None else f"{said}: {error.filename}"


def _give_up_unwritable() -> None:
    """What cannot be printed is dropped, or Python would complain of it once more as it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
