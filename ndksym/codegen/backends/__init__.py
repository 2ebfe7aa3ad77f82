"""One file per backend. A new file in this folder is a new backend.

Such a file defines `BACKEND`, an object with the members of the protocol `Backend` in `base`. No other code contains the
name of a backend: `compile`, `ndksym generate`, the command line, verification and reports go through the functions below.
They import what they need when they are called: the help of the command line shows `names` and loads neither SymPy nor
NumPy.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ndksym.codegen.backends.base import Backend

__all__ = ["backend", "backends", "names", "runnable", "runnable_names", "text_only"]

_BASE = "base"


def names() -> tuple[str, ...]:
    """Names of all backends, in alphabetical order, without importing them (so SymPy is not loaded).

    >>> names()
    ('c', 'latex', 'numpy')
    """
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name != _BASE))


def backends() -> "tuple[Backend, ...]":
    """All backends. NumPy, the reference, comes first; the others follow by name."""
    from ndksym.runtime.compiled import NUMPY

    unsorted: list[Backend] = [import_module(f"{__name__}.{name}").BACKEND for name in names()]
    return tuple(sorted(unsorted, key=lambda each: (each.name != NUMPY, each.name)))


def runnable() -> "tuple[Backend, ...]":
    """The backends whose code can be loaded and run in this process.

    >>> [each.name for each in runnable()]
    ['numpy', 'c']
    """
    return tuple(each for each in backends() if each.open is not None)


def runnable_names() -> tuple[str, ...]:
    """Names of the backends that run: the values of `compile(backend=…)`."""
    return tuple(each.name for each in runnable())


def text_only() -> "tuple[Backend, ...]":
    """The backends whose text is for readers and cannot be run."""
    return tuple(each for each in backends() if each.open is None)


def backend(name: str) -> "Backend":
    """The backend of that name.

    Raises
    ------
    InputError
        If there is no such backend; the message lists those there are.
    """
    from ndksym.runtime.arguments import choice

    by_name = {each.name: each for each in backends()}
    return by_name[choice(name, "backend", tuple(by_name))]
