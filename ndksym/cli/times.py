"""The text of --times as an array of times."""

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.types import Array

__all__ = ["parse_times"]

_MOST = 100_000


def parse_times(text: str) -> Array:
    """The times (M,) that a text names: start:stop:count, log-spaced, or a list of numbers separated by commas.

    The solver, not this function, requires that they ascend.

    >>> parse_times("0.1:10:3").round(12), parse_times("0, 5")
    (array([ 0.1,  1. , 10. ]), array([0., 5.]))
    """
    parts = [part.strip() for part in (text.split(":") if ":" in text else text.split(","))]
    try:
        numbers = np.array([float(part) for part in parts])
        if ":" not in text:
            return numbers
        start, stop = numbers[:2]
        count = int(parts[2])
    except (ValueError, IndexError) as error:
        raise InputError(
            f"--times is start:stop:count, such as 1e-2:1e4:60, or a list such as 0.1,1,10; got {text!r}"
        ) from error
    if len(parts) != 3 or not 0 < start < stop < np.inf or not 2 <= count <= _MOST:
        raise InputError(
            f"--times start:stop:count is log-spaced, so 0 < start < stop, and count is 2 to {_MOST}; got {text!r}"
        )
    return np.geomspace(start, stop, count)
