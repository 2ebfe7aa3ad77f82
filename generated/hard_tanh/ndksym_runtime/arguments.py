"""Checks of arguments that are integers, words, lists or functions; each error names the argument and what is allowed."""

import operator
from collections.abc import Callable
from typing import TypeVar

from .errors import FOREIGN, InputError, InputTypeError, brief

__all__ = ["Progress", "choice", "integer", "listed", "listener", "seed_number"]

MOST = 10**12
"""Largest value of a count, such as a number of networks: far beyond what is feasible."""
MOST_SEED = 2**128 - 1

Progress = Callable[[float], None]
"""A function that is called with the fraction done, between 0 and 1."""

Choice = TypeVar("Choice")


def integer(value: object, name: str, least: int, most: int = MOST) -> int:
    """An integer between `least` and `most`; truth values and floats are refused.

    >>> integer(3, "depth", 1)
    3
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]  # a TypeError is the answer to other types
    except FOREIGN as error:
        raise InputTypeError(f"{name} must be an integer, got {brief(value)}") from error
    if not least <= number <= most:
        if most < MOST:
            allowed = f"between {least} and {most}"
        else:
            allowed = f"at least {least}" if number < least else f"at most {most:.3g}"
        raise InputError(f"{name} must be {allowed}, got {brief(number)}")
    return number


def seed_number(value: object) -> int:
    """A seed: any integer ≥ 0 of at most 128 bits."""
    return integer(value, "seed", 0, MOST_SEED)


def choice(value: object, name: str, allowed: tuple[Choice, ...]) -> Choice:
    """One of a few words or truth values.

    >>> choice("sum", "reduction", ("sum", "mean"))
    'sum'
    """
    if str(getattr(value, "dtype", "")) == "bool" and getattr(value, "ndim", None) == 0:  # a truth value of NumPy
        value = bool(value)
    if isinstance(value, str | bool):
        for option in allowed:
            if option == value:
                return option
    *words, last = map(str, allowed)
    raise InputError(f"{name} must be {', '.join(words)}{' or ' if words else ''}{last}; got {brief(value)}")


def listed(value: object, name: str) -> tuple[object, ...]:
    """The entries of a list, tuple or set, or of an array with one axis."""
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(value)
    if getattr(value, "ndim", None) == 1:
        return tuple(value)  # type: ignore[arg-type]  # an array
    raise InputTypeError(f"{name} must be a list, got {brief(value)}")


def listener(value: object) -> Progress:
    """A function that receives the fraction done; None gives one that ignores it."""
    if value is None:
        return lambda fraction: None
    if not callable(value):
        raise InputTypeError(f"progress must be a function of the fraction done, or None, got {brief(value)}")
    progress: Progress = value
    return progress
