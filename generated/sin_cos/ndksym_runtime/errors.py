"""One family of errors: each names the object, what is wrong with it, and the way out."""

import reprlib
from typing import Any

__all__ = [
    "CheckFailedError",
    "DivergentKernelError",
    "FileError",
    "InputError",
    "InputTypeError",
    "MissingExtraError",
    "NdksymError",
    "NotDerivableError",
    "OutOfTimeError",
    "ParseError",
    "ToleranceWarning",
]

FOREIGN = (
    ArithmeticError, AssertionError, AttributeError, BufferError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError, Warning,
)  # fmt: skip
"""What the conversion of an object of another library may raise: torch a RuntimeError, pandas a TypeError, …"""


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = self.maxlong = 60
        self.maxlevel = 2

    def repr_int(self, value: int, level: int) -> str:
        # Python refuses to print integers of some thousand digits
        return super().repr_int(value, level) if value.bit_length() < 2000 else f"of {value.bit_length()} bits"


def brief(value: Any) -> str:
    """Type and value of an argument in one short line for a message, whatever its repr does.

    >>> brief("1"), brief(10**9999)
    ("str '1'", 'int of 33216 bits')
    """
    return f"{type(value).__name__} {' '.join(_Short().repr(value).split())}"


class NdksymError(Exception):
    """Base of everything ndksym raises on purpose; `exit_code` is what the command line returns for it."""

    exit_code = 2


class InputError(NdksymError, ValueError):
    """An argument has a value that is not allowed."""


class InputTypeError(NdksymError, TypeError):
    """An argument has a type that is not allowed."""


class ParseError(InputError):
    """The text is not an activation; the message shows where and says what may stand there."""


class FileError(NdksymError, OSError):
    """The system cannot write a file; the message says which one and why."""


class MissingExtraError(NdksymError, ImportError):
    """An optional dependency or tool is not installed; the message says how to install it."""


class NotDerivableError(NdksymError, ValueError):
    """The object has no kernel, or none of the kind asked for."""

    exit_code = 3


class DivergentKernelError(NotDerivableError):
    """The kernel asked for is infinite: everywhere, at coincident inputs, or beyond a stated variance."""


class ToleranceWarning(UserWarning):
    """A result is less accurate than was asked for; it says how accurate it is."""


class CheckFailedError(NdksymError):
    """A verification reached a verdict, and it is no."""

    exit_code = 4


class OutOfTimeError(NdksymError, TimeoutError):
    """The work did not finish within the time allowed."""

    exit_code = 5


def __dir__() -> list[str]:
    return __all__
