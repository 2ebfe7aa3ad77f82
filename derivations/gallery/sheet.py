"""A figure of several panels as numbers, and how it is drawn: what is not in the record is not in the picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ndksym.errors import InputError
from ndksym.output import draw as painter
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

__all__ = ["DEPTH", "RATIO", "TEMPERATURE", "WIDTH", "Key", "Plot", "Series", "Sheet", "coloured", "draw", "number"]

# one colour for one meaning in all figures; what is ordered runs from light to dark, so that grey tells it too
TEMPERATURE = ("#B9A3DA", "#8C6BB1", "#6A2C91", "#2D004B")
DEPTH = ("#DDB564", "#BF812D", "#8C510A", "#3B2300")
WIDTH = ("#E7A1C8", "#C2528B", "#7A0E4F")
RATIO = (painter.COLOURS[0], painter.NEUTRAL, painter.COLOURS[1])


def coloured(values: Iterable[Any], colours: Sequence[str], name: str) -> list[tuple[Any, str]]:
    """Each value with its colour. Errors: InputError where there are none, or more values than colours."""
    each = list(values)
    if not 1 <= len(each) <= len(colours):
        raise InputError(f"{name} must be between 1 and {len(colours)}, as many as there are colours; got {len(each)}")
    return list(zip(each, colours, strict=False))


_STYLE: dict[Any, Any] = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "legend.title_fontsize": 7,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "legend.handlelength": 1.8,
}  # fmt: skip
_LOOKS: dict[str, dict[str, Any]] = {
    "line": {"lw": 1.6},
    "thin": {"lw": 0.7},
    "dashed": {"lw": 1.1, "ls": (0, painter.DASHES[0])},
    "dotted": {"lw": 1.1, "ls": (0, painter.DASHES[1])},
    "dots": {"lw": 0, "marker": "o", "ms": 3.5},
    "open": {"lw": 0, "marker": "o", "ms": 3.5, "mfc": "white"},
    "diamonds": {"lw": 0, "marker": "D", "ms": 4, "mfc": "white"},
}
_FILLED = {"bars": 0.45, "band": 0.15}
"""How opaque."""


@dataclass(frozen=True, eq=False)
class Series:
    """Points (x, y) in one of the looks; of "bars" and "outline" x are the edges, one more than y.

    `errors` is one standard error, `low` and `high` bound a band; without a label it is not in the legend.
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
    """One panel. `phases`: all of its curves are gradient-driven before the first and diffusive after the second."""

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
    """What a look means in all panels."""

    label: str
    look: str
    colour: str = "black"


@dataclass(frozen=True, eq=False)
class Sheet:
    """Panels by rows, inches; with `shared` only the outer axes are labelled. Caption and facts are in the JSON alone."""

    size: tuple[float, float]
    rows: tuple[tuple[Plot, ...], ...]
    key: tuple[Key, ...] = ()
    shared: bool = False
    caption: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def draw(sheet: Sheet) -> "Figure":
    """The figure, not yet written."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figure = painter.blank(sheet.size)
        grid = figure.subplots(
            len(sheet.rows), len(sheet.rows[0]), squeeze=False, sharex=sheet.shared and "col", sharey=sheet.shared
        )
        for above, (row, cells) in enumerate(zip(sheet.rows, grid, strict=True)):
            for plot, ax in zip(row, cells, strict=True):
                _plot(plot, ax, named=above == 0)
                if sheet.shared:
                    ax.label_outer()
        if sheet.key:
            handles = [_artist(each.look, each.colour, each.label) for each in sheet.key]
            figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)), frameon=False)
        # fonts and sizes are read when text is laid out
        figure.draw_without_rendering()
    return figure


def number(value: float) -> str:
    """As it is printed in a figure: a small power of ten with its exponent raised."""
    mantissa, _, exponent = f"{value:e}".partition("e")
    return f"$10^{{{int(exponent)}}}$" if float(mantissa) == 1 and int(exponent) < -1 else f"{value:g}"


def _plot(plot: Plot, ax: "Axes", *, named: bool) -> None:
    if plot.log_x:
        ax.set_xscale("log")
    if plot.log_y:
        from matplotlib.ticker import LogLocator, NullFormatter

        # a decade or two: plain numbers, two to a decade
        ax.set_yscale("log", nonpositive="mask")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    handles = [_series(each, ax) for each in plot.series]
    if plot.x_ticks:
        ax.set_xticks(plot.x_ticks, [f"{tick:g}".replace("-", "−") for tick in plot.x_ticks])
    if plot.y_ticks:
        ax.set_yticks(plot.y_ticks)
    ax.set_xlim(plot.x_limits)
    ax.set_ylim(plot.y_limits)
    ax.set_xlabel(plot.x_label)
    ax.set_ylabel(plot.y_label)
    if plot.phases is not None:
        _phases(plot.phases, ax, named=named)
    ax.set_title(plot.title, loc="left", pad=14 if named and plot.phases is not None else 4)
    ax.text(0.03, 0.95, plot.note, transform=ax.transAxes, ha="left", va="top", fontsize=7)
    shown = [handle for handle, each in zip(handles, plot.series, strict=True) if each.label]
    if plot.legend and shown:
        where: Any = plot.legend
        ax.legend(handles=shown, loc=where, title=plot.legend_title, frameon=False, borderaxespad=0.3)


def _series(each: Series, ax: "Axes") -> "Line2D | Patch":
    if each.look in ("bars", "outline"):
        filled = each.look == "bars"
        look: dict[str, Any] = {"alpha": _FILLED["bars"], "lw": 0} if filled else {"lw": 1.0}
        return ax.stairs(each.y, each.x, fill=filled, color=each.colour, label=each.label, **look)
    (line,) = ax.plot(each.x, each.y, color=each.colour, label=each.label, zorder=3, **_LOOKS[each.look])
    if each.errors is not None:
        ax.errorbar(each.x, each.y, each.errors, fmt="none", ecolor=each.colour, elinewidth=0.9, zorder=2.9)
    if each.low is not None and each.high is not None:
        ax.fill_between(each.x, each.low, each.high, color=each.colour, alpha=_FILLED["band"], lw=0, zorder=1)
    return line


def _artist(look: str, colour: str, label: str) -> "Line2D | Patch":
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if look in _FILLED:
        return Patch(label=label, fc=colour, alpha=_FILLED[look], lw=0)
    if look == "outline":
        return Patch(label=label, fc="none", ec=colour)
    return Line2D([], [], color=colour, label=label, **_LOOKS[look])


def _phases(phases: tuple[float, float], ax: "Axes", *, named: bool) -> None:
    first, last = ax.get_xlim()
    spans = ((first, phases[0], 0.0, "left"), (phases[1], last, 1.0, "right"))
    for (name, shade, dark), (start, end, edge, side) in zip(painter.PHASES, spans, strict=True):
        if start < end:
            ax.axvspan(start, end, color=shade, lw=0, zorder=0)
            if named:
                ax.text(edge, 1.01, name, transform=ax.transAxes, ha=side, va="bottom", fontsize=7, color=dark)
    ax.set_xlim(first, last)
