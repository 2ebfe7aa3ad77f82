"""Colours of the gallery: one colour has one meaning in all figures, and ordered values run from light to dark."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ndksym.errors import InputError
from ndksym.output.style import COLOURS, NEUTRAL

__all__ = ["DEPTH", "RATIO", "TEMPERATURE", "WIDTH", "coloured", "number"]

TEMPERATURE = ("#B9A3DA", "#8C6BB1", "#6A2C91", "#2D004B")
DEPTH = ("#DDB564", "#BF812D", "#8C510A", "#3B2300")
WIDTH = ("#E7A1C8", "#C2528B", "#7A0E4F")
RATIO = (COLOURS[0], NEUTRAL, COLOURS[1])

Value = TypeVar("Value")


def coloured(values: Iterable[Value], colours: Sequence[str], name: str) -> list[tuple[Value, str]]:
    """Pair each value with a colour; raise InputError if there are no values, or more values than colours."""
    each = list(values)
    if not 1 <= len(each) <= len(colours):
        raise InputError(f"{name} must be between 1 and {len(colours)}, as many as there are colours; got {len(each)}")
    return list(zip(each, colours, strict=False))


def number(value: float) -> str:
    """A number as text for a figure; a small power of ten has a raised exponent.

    >>> number(1e-3), number(0.02)
    ('$10^{-3}$', '0.02')
    """
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"$10^{{{int(exponent)}}}$" if float(mantissa) == 1 and int(exponent) < -1 else f"{value:g}"
