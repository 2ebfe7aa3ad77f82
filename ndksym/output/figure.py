"""The numbers that a figure shows: a figure is drawn from one of these records and from nothing else.

A Panel has a logarithmic axis of times, with learning curves, the levels that they approach, both phases and the time of the
least error. A Chart has a linear axis, a Heat has two axes of times, a Sheet has several plots in rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ndksym.runtime.types import Array

__all__ = [
    "Absent",
    "Chart",
    "Curve",
    "Figure",
    "Heat",
    "Key",
    "Level",
    "Mark",
    "Panel",
    "Plot",
    "Points",
    "Series",
    "Sheet",
]


@dataclass(frozen=True, eq=False)
class Curve:
    """Values at the times of the panel.

    `low` and `high` bound a band; `high` alone is a thin line. `colour` is a number from 0, or −1 for the neutral colour.
    """

    label: str
    values: Array
    colour: int
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, eq=False)
class Points:
    """Measured values at the times of the panel with their standard errors; `colour` is that of the curve they belong to."""

    label: str
    values: Array
    errors: Array
    colour: int


@dataclass(frozen=True)
class Level:
    """A dashed line at a value; `kind` names what it is, `colour` is that of the curve it belongs to."""

    kind: str
    value: float
    colour: int


@dataclass(frozen=True)
class Mark:
    """A vertical line at a time; `value` is that of the curve, None if there are several curves."""

    label: str
    time: float
    value: float | None


@dataclass(frozen=True, eq=False)
class Panel:
    """Curves at logarithmic times.

    `boundary` is the time between the gradient-driven and the diffusive phase: ∞ if all times are gradient-driven, None if
    there are no phases. `band` says what bands or thin lines are.
    """

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
    """Curves against a linear axis; NaN where a curve has no value."""

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
    """A figure of a document: its anchor, its title, and a caption that says how it was made."""

    id: str
    title: str
    caption: str
    content: Chart | Heat | Panel


@dataclass(frozen=True)
class Absent:
    """A figure that a document lacks, and the reason."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True, eq=False)
class Series:
    """Points (x, y) of a plot; for the looks "bars" and "outline", x are the edges, one more than y.

    `errors` are standard errors, `low` and `high` bound a band; a series without a label is not in the legend.
    """

    x: Array
    y: Array
    colour: str
    look: str = "line"
    label: str = ""
    errors: Array | None = None
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, eq=False)
class Plot:
    """One plot of a sheet.

    `phases` are two times: all curves are gradient-driven before the first and diffusive after the second.
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    x_ticks: tuple[float, ...] = ()
    y_ticks: tuple[float, ...] = ()
    legend: str = ""
    legend_title: str = ""
    phases: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Key:
    """What a look means in all plots of a sheet."""

    label: str
    look: str
    colour: str = "black"


@dataclass(frozen=True, eq=False)
class Sheet:
    """Plots in rows; `size` in inches.

    If `shared`, only the outer axes have labels. Caption and facts are written to the JSON, not drawn.
    """

    size: tuple[float, float]
    rows: tuple[tuple[Plot, ...], ...]
    key: tuple[Key, ...] = ()
    shared: bool = False
    caption: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
