"""One family of errors: each names the object, what is wrong with it, and the way out."""


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
