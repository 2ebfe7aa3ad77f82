"""The methods of `ndksym.solve`, one file each. The name of the file is the name of the method.

To add a method, put a file into this folder. `solve` with its docstring, the command line and the axes of the figures find it by
themselves. The first paragraph of its docstring is one sentence that says what it solves, the second is the formula, its
T-number and source. The file defines what `Method` lists.
"""

import ast
import importlib
import importlib.util
import pkgutil
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

from ndksym.errors import InputError, InputTypeError, brief

if TYPE_CHECKING:
    from ndksym.dynamics.problem import Problem, Solution
    from ndksym.runtime.types import Array

__all__ = ["Method", "Option", "checked_options", "find", "listing", "names", "option_listing", "summary"]


@dataclass(frozen=True)
class Option:
    """A keyword of `solve` that belongs to a method. `check` returns the value, or raises an error that names the keyword."""

    name: str
    meaning: str
    check: Callable[[Any, str], Any]
    required: bool = False


class Method(Protocol):
    """What the file of a method defines."""

    @property
    def LABEL(self) -> str:
        """What the method is called in a table."""

    @property
    def TIME_UNIT(self) -> str:
        """The unit of `times`, as it stands in brackets on an axis."""

    @property
    def OPTIONS(self) -> tuple[Option, ...]:
        """The keywords of `solve` that belong to this method."""

    @property
    def THERMAL(self) -> bool:
        """Whether the dynamics has thermal noise; then the temperature must be given, and must be > 0."""

    @property
    def COVARIANCE(self) -> bool:
        """Whether the method gives the covariance over the ensemble."""

    @property
    def MATRICES(self) -> int:
        """How many matrices (P + rows, P) the method keeps in memory."""

    def solve(self, problem: "Problem", times: "Array") -> "Solution":
        """Mean, error estimate and, if problem.covariance asks for it, covariance at the times (M,)."""


_DEFINES = ("LABEL", "TIME_UNIT", "OPTIONS", "THERMAL", "COVARIANCE", "MATRICES", "solve")


def names() -> tuple[str, ...]:
    """The names of all methods, in alphabetical order.

    >>> "langevin" in names()
    True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(name: object) -> Method:
    """The method of this name. Raises InputError for another name; the message lists all methods."""
    available = names()
    if not isinstance(name, str) or name not in available:
        raise InputError(f"method must be {', '.join(available[:-1])} or {available[-1]}; got {brief(name)}")
    module: ModuleType = importlib.import_module(f"{__name__}.{name}")
    missing = [attribute for attribute in _DEFINES if not hasattr(module, attribute)]
    if missing:
        raise InputTypeError(f"the file of method {name!r} must define {', '.join(missing)}; see {__name__}.Method")
    return cast(Method, module)


def summary(name: str) -> str:
    """The first paragraph of the method's docstring, one sentence; the file is read, not loaded."""
    return _paragraphs(name)[0]


def listing() -> str:
    """All methods with the first two paragraphs of their docstrings, as a list for a docstring."""
    return _items(f'"{name}": {" ".join(_paragraphs(name)[:2])}' for name in names())


def _paragraphs(name: str) -> list[str]:
    spec = importlib.util.find_spec(f"{__name__}.{name}")
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def option_listing() -> str:
    """The options of all methods, as a list for a docstring."""
    owners = _owners()
    options = {option.name: option for name in names() for option in find(name).OPTIONS}
    return _items(f"{name} ({', '.join(owners[name])}): {option.meaning}" for name, option in options.items())


def _items(texts: Iterable[str]) -> str:
    return "\n".join(textwrap.fill(text, 115, initial_indent="- ", subsequent_indent="  ") for text in texts)


def checked_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given options of a method, checked; None means not given.

    Raises InputError where an option is missing or belongs to another method, and InputTypeError where there is none of
    that name.
    """
    own, owners = {option.name: option for option in find(name).OPTIONS}, _owners()
    for key, value in given.items():
        if key not in owners:
            raise InputTypeError(
                f"{key} is no argument of solve, nor an option of a method; these are {', '.join(owners)}"
            )
        if key not in own and value is not None:
            raise InputError(f"{key} belongs to method={' and '.join(map(repr, owners[key]))}, not to {name!r}")
    for option in own.values():
        if option.required and given.get(option.name) is None:
            raise InputError(f"method={name!r} needs {option.name}, the {option.meaning}")
    return {key: own[key].check(value, key) for key, value in given.items() if value is not None}


def _owners() -> dict[str, list[str]]:
    """The methods that take each option."""
    owners: dict[str, list[str]] = {}
    for name in names():
        for option in find(name).OPTIONS:
            owners.setdefault(option.name, []).append(name)
    return owners
