"""How much memory there is, and an early error for results that cannot fit."""

import os

from .errors import InputError

SHARE = 0.5
"""Share of the machine's memory that one call may use."""
UNKNOWN = 8 * 2**30
"""Assumed memory, in bytes, if the system does not say how much there is."""


def limit() -> float:
    """Bytes that one call may use."""
    try:
        return SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return SHARE * UNKNOWN


def require_memory(size: float, what: str, advice: str, most: float | None = None) -> None:
    """Raise InputError if `what` needs more bytes than `most`, or more than `limit` allows."""
    most = limit() if most is None else min(most, limit())
    if size > most:
        size = min(size, 10**100)  # integers may be past the range of float64
        raise InputError(
            f"{what} would take about {size / 2**30:.3g} GiB of memory, and at most {most / 2**30:.3g} GiB may be taken; {advice}"
        )
