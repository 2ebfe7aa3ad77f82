"""The errors and warnings of ndksym. Each message names the argument, its value, what is allowed, and the way out.

All errors derive from `NdksymError`. Those about arguments are also a ValueError or a TypeError.
"""

import reprlib

__all__ = [
    "CheckFailedError",
    "DivergentKernelError",
    "FileError",
    "InputError",
    "InputTypeError",
    "MissingExtraError",
    "NdksymError",
    "NoValueError",
    "NotDerivableError",
    "OutOfTimeError",
    "ParseError",
    "ToleranceWarning",
]

FOREIGN = (
    ArithmeticError, AssertionError, AttributeError, BufferError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
    ValueError, Warning,
)  # fmt: skip
"""Exceptions that the conversion of a foreign object may raise: torch a RuntimeError, pandas a TypeError, …"""


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxother = self.maxstring = self.maxlong = 60
        self.maxlevel = 2

    def repr_int(self, value: int, level: int) -> str:
        # Python does not print integers of several thousand digits
        return super().repr_int(value, level) if value.bit_length() < 2000 else f"of {value.bit_length()} bits"


def brief(value: object) -> str:
    """Type and value of an argument in one short line for a message, for any repr.

    >>> brief("1"), brief(10**9999)
    ("str '1'", 'int of 33216 bits')
    """
    return f"{type(value).__name__} {' '.join(_Short().repr(value).split())}"


class NdksymError(Exception):
    """Base class of all errors that ndksym raises.

    Attributes
    ----------
    exit_code : int
        The exit code of the command line for this error.

    Examples
    --------
    >>> issubclass(ParseError, NdksymError), issubclass(ParseError, ValueError), ParseError.exit_code
    (True, True, 2)
    """

    exit_code = 2


class InputError(NdksymError, ValueError):
    """An argument has a value that is not allowed."""


class InputTypeError(NdksymError, TypeError):
    """An argument has a type that is not allowed."""


class ParseError(InputError):
    """The text is not an activation; the message gives the place and the reason."""


class NoValueError(InputError):
    """An expression has no value at a point: it is infinite or undefined there, or complex where it must be real."""


class FileError(NdksymError, OSError):
    """A file cannot be read or written; the message gives its name and the reason."""


class MissingExtraError(NdksymError, ImportError):
    """An optional dependency or tool is not installed; the message gives the command that installs it."""


class NotDerivableError(NdksymError, ValueError):
    """The requested kernel, or the derivation of it, does not exist."""

    exit_code = 3


class DivergentKernelError(NotDerivableError):
    """The requested kernel is infinite: everywhere, at coincident inputs, or from the stated variance on."""


class ToleranceWarning(UserWarning):
    """A result is less accurate than requested; the message gives its accuracy."""


class CheckFailedError(NdksymError):
    """A check failed."""

    exit_code = 4


class OutOfTimeError(NdksymError, TimeoutError):
    """The computation did not finish within the time limit."""

    exit_code = 5


def __dir__() -> list[str]:
    return __all__
