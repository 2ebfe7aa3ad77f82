"""What the figures of a report show, as numbers: all that is drawn is in them, and nothing else is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from ndksym.figures import Curve, Panel
from ndksym.runtime.types import Array

__all__ = ["Absent", "Chart", "Figure", "Heat"]


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves over a linear axis; NaN where a curve has no value."""

    x_label: str
    y_label: str
    x: Array
    curves: tuple[Curve, ...]


@dataclass(frozen=True, eq=False)
class Heat:
    """values[i, j] at (t, s) = (axis[i], axis[j]), NaN for s > t."""

    x_label: str
    y_label: str
    value_label: str
    axis: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure with its name in the document, its title, and what a reader must know to make it again."""

    id: str
    title: str
    caption: str
    content: Chart | Heat | Panel


@dataclass(frozen=True)
class Absent:
    """A figure that there is none of, and why."""

    id: str
    title: str
    reason: str


Tell = Callable[[float], None]
"""To be called with the fraction done."""
