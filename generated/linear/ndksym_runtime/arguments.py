"""Arguments that are integers, choices or functions: checked once, and named in the error."""

import operator
from collections.abc import Callable
from typing import Any

from .errors import FOREIGN, InputError, InputTypeError, brief

__all__ = ["Progress", "choice", "integer", "listed", "listener", "seed_number"]

MOST = 10**12
"""Of what is counted, such as networks: far beyond what is feasible."""
MOST_SEED = 2**128 - 1

Progress = Callable[[float], None]
"""Called with the fraction done."""


def integer(value: Any, name: str, least: int, most: int = MOST) -> int:
    """An integer between `least` and `most`; truth values and floats are none.

    >>> integer(3, "depth", 1)
    3
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except FOREIGN as error:
        raise InputTypeError(f"{name} must be an integer, got {brief(value)}") from error
    if not least <= number <= most:
        if most < MOST:
            allowed = f"between {least} and {most}"
        else:
            allowed = f"at least {least}" if number < least else f"at most {most:.3g}"
        raise InputError(f"{name} must be {allowed}, got {brief(number)}")
    return number


def seed_number(value: Any) -> int:
    """A seed: any integer ≥ 0 of at most 128 bits."""
    return integer(value, "seed", 0, MOST_SEED)


def choice(value: Any, name: str, allowed: tuple[Any, ...]) -> Any:
    """One of a few words or truth values."""
    if str(getattr(value, "dtype", "")) == "bool" and getattr(value, "ndim", None) == 0:  # a truth value of NumPy
        value = bool(value)
    if not isinstance(value, str | bool) or value not in allowed:
        words = list(map(str, allowed))
        raise InputError(f"{name} must be {', '.join(words[:-1])} or {words[-1]}; got {brief(value)}")
    return value


def listed(value: Any, name: str) -> tuple[Any, ...]:
    """The entries of a list, tuple or set, or of an array of one axis."""
    if isinstance(value, list | tuple | set | frozenset) or getattr(value, "ndim", None) == 1:
        return tuple(value)
    raise InputTypeError(f"{name} must be a list, got {brief(value)}")


def listener(value: Any) -> Progress:
    """Who hears of progress: a function of the fraction done, or nobody."""
    if value is None:
        return lambda fraction: None
    if not callable(value):
        raise InputTypeError(f"progress must be a function of the fraction done, or None, got {brief(value)}")
    heard: Progress = value
    return heard
