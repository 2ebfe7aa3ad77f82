"""What a figure shows, as numbers: a figure is drawn from these records and from nothing else.

A Panel has a logarithmic axis of times: learning curves, the levels they are compared with, the phases, the best moment. A
Chart has a linear axis, a Heat two axes.
"""

from dataclasses import dataclass

from ndksym.runtime.types import Array

__all__ = ["Absent", "Chart", "Curve", "Figure", "Heat", "Level", "Mark", "Panel", "Points"]


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at the panel's times; `low` and `high` bound its band, `high` alone is a thin line beside it; `colour`
    counts, −1 is the neutral one."""

    label: str
    values: Array
    colour: int
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """Measured values at the panel's times with their standard errors; `colour` is that of the curve they belong to."""

    label: str
    values: Array
    errors: Array
    colour: int


@dataclass(frozen=True)
class Level:
    """A dashed line: `kind` is what it is, `colour` the curve it belongs to."""

    kind: str
    value: float
    colour: int


@dataclass(frozen=True)
class Mark:
    """A moment worth a line; `value` is where the curve stands then, None where there are several."""

    label: str
    time: float
    value: float | None


@dataclass(frozen=True, eq=False)
class Panel:
    """`boundary` separates the gradient-driven from the diffusive phase: ∞ if there is only the first, None if there
    is nothing of the kind. `band` says what the bands or thin lines are."""

    x_label: str
    y_label: str
    log_y: bool
    times: Array
    curves: tuple[Curve, ...]
    levels: tuple[Level, ...] = ()
    boundary: float | None = None
    marks: tuple[Mark, ...] = ()
    band: str = ""
    points: tuple[Points, ...] = ()


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
