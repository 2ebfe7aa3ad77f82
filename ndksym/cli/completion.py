"""What a shell completes after TAB: each function gives the words that begin with what is typed.

Where none does, the shell completes the names of files.
"""

from collections.abc import Iterable

__all__ = ["backends", "cases_and_networks", "dynamics", "methods", "networks", "reductions", "tasks", "texts"]


def networks(incomplete: str) -> list[str]:
    """Names of the catalogue.

    >>> networks("gel")
    ['gelu']
    """
    from ndksym.activation.catalogue import names

    return _beginning(incomplete, names())


def cases_and_networks(incomplete: str) -> list[str]:
    """Cases and names of the catalogue, each once."""
    from ndksym.activation.catalogue import names
    from ndksym.cases import FOLDER

    return _beginning(incomplete, {*names(), *(path.stem for path in FOLDER.glob("*.py"))})


def tasks(incomplete: str) -> list[str]:
    """The beginnings of the tasks that are no files."""
    return _beginning(incomplete, ("digits:", "openml:", "orthogonal:"))


def methods(incomplete: str) -> list[str]:
    """The methods of `ndksym solve`."""
    from ndksym.dynamics.methods import names

    return _beginning(incomplete, names())


def dynamics(incomplete: str) -> list[str]:
    """The dynamics of `ndksym simulate`."""
    from ndksym.simulation import DYNAMICS

    return _beginning(incomplete, DYNAMICS)


def backends(incomplete: str) -> list[str]:
    """The languages whose code is run."""
    from ndksym.codegen.backends import runnable_names

    return _beginning(incomplete, runnable_names())


def texts(incomplete: str) -> list[str]:
    """The languages in which code is printed."""
    from ndksym.codegen.backends import names

    return _beginning(incomplete, names())


def reductions(incomplete: str) -> list[str]:
    """How the loss is taken over examples."""
    return _beginning(incomplete, ("sum", "mean"))


def _beginning(incomplete: str, words: Iterable[str]) -> list[str]:
    return sorted(word for word in words if word.startswith(incomplete))
