"""Every symbol once: its assumptions, and the meaning it has in the formulas T1–T17."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

import sympy
from sympy.printing.latex import LatexPrinter

from ndksym.errors import InputError

__all__ = [
    "T",
    "a",
    "b",
    "beta",
    "c",
    "k11",
    "k12",
    "k22",
    "lam",
    "n",
    "pick",
    "s",
    "sigma02",
    "sigma2",
    "step",
    "t",
    "x",
]

_LATEX = {"sigma2": r"\sigma^2", "sigma02": r"\sigma_0^2"}
"""The LaTeX of the variances: SymPy would read a subscript out of their names."""


class Symbol(sympy.Symbol):  # type: ignore[misc]  # mypy skips SymPy
    """A SymPy symbol with a LaTeX of its own.

    It has the class name of a plain symbol and equals it, so that hash, order, str and srepr are the plain symbol's.

    >>> str(sigma02), sympy.latex(sigma02 + k11) == r"k_{11} + \\sigma_0^2", sigma02 == sympy.Symbol("sigma02", positive=True)
    ('sigma02', True, True)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, sympy.Symbol):
            return bool(self._hashable_content() == other._hashable_content())
        return NotImplemented  # no symbol equals anything else

    __hash__ = sympy.Symbol.__hash__

    def _latex(self, printer: LatexPrinter) -> str:
        return str(printer._settings["symbol_names"].get(self, _LATEX[self.name]))


def pick(name: str, among: Collection[sympy.Symbol]) -> sympy.Symbol:
    """The symbol of that name; InputError with the nearest name if it is not among them.

    >>> pick("sigma2", (sigma2, sigma02))
    sigma2
    """
    by_name = {each.name: each for each in among}
    if name not in by_name:
        close = get_close_matches(name, by_name, 1)
        hint = f"the nearest name is {close[0]!r}; " if close else ""
        raise InputError(
            f"no symbol is called {name!r}; {hint}the names are {', '.join(sorted(by_name, key=str.lower))}"
        )
    return by_name[name]


x = sympy.Symbol("x", real=True)
"""Argument of an activation φ(x)."""

a = sympy.Symbol("a", positive=True)
"""E u², variance of the first preactivation."""
b = sympy.Symbol("b", positive=True)
"""E v², variance of the second preactivation."""
c = sympy.Symbol("c", real=True)
"""E uv, their covariance."""

k11 = sympy.Symbol("k11", positive=True)
"""x·x / N_0."""
k12 = sympy.Symbol("k12", real=True)
"""x·x' / N_0."""
k22 = sympy.Symbol("k22", positive=True)
"""x'·x' / N_0."""

t = sympy.Symbol("t", nonnegative=True)
"""Later time."""
s = sympy.Symbol("s", nonnegative=True)
"""Earlier time, s ≤ t."""
T = sympy.Symbol("T", positive=True)
"""Temperature."""
sigma2 = Symbol("sigma2", positive=True)
"""σ², variance of the equilibrium prior of each parameter."""
sigma02 = Symbol("sigma02", positive=True)
"""σ0², variance of each parameter at initialisation."""
beta = sympy.Symbol("beta", nonnegative=True)
"""Bias scale β; 0 means no biases."""

lam = sympy.Symbol("lambda", positive=True)
"""λ, strength of Markov proximal learning."""
step = sympy.Symbol("h", positive=True)
"""Step of the Euler–Langevin discretisation."""
n = sympy.Symbol("n", integer=True, nonnegative=True)
"""A number of discrete steps."""


def __dir__() -> list[str]:
    return __all__
