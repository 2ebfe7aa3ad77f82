"""A sheet of several plots, drawn from its record."""

from typing import TYPE_CHECKING, Any

from ndksym.output.figure import Plot, Series, Sheet
from ndksym.output.style import DASHES, blank, shade_phases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

__all__ = ["draw_sheet"]

_STYLE: dict[Any, Any] = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "legend.title_fontsize": 7,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "legend.handlelength": 1.8,
}  # fmt: skip
_LOOKS: dict[str, dict[str, Any]] = {
    "line": {"lw": 1.6},
    "thin": {"lw": 0.7},
    "dashed": {"lw": 1.1, "ls": (0, DASHES[0])},
    "dotted": {"lw": 1.1, "ls": (0, DASHES[1])},
    "dots": {"lw": 0, "marker": "o", "ms": 3.5},
    "open": {"lw": 0, "marker": "o", "ms": 3.5, "mfc": "white"},
    "diamonds": {"lw": 0, "marker": "D", "ms": 4, "mfc": "white"},
}
_OPACITY = {"bars": 0.45, "band": 0.15}


def draw_sheet(sheet: Sheet) -> "Figure":
    """Draw all plots of the sheet, with the key below them."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figure = blank(sheet.size)
        grid = figure.subplots(
            len(sheet.rows), len(sheet.rows[0]), squeeze=False, sharex=sheet.shared and "col", sharey=sheet.shared
        )
        for number, (row, cells) in enumerate(zip(sheet.rows, grid, strict=True)):
            for plot, ax in zip(row, cells, strict=True):
                _draw_plot(plot, ax, name_phases=number == 0)
                if sheet.shared:
                    ax.label_outer()
        if sheet.key:
            handles = [_key_artist(each.look, each.colour, each.label) for each in sheet.key]
            figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)), frameon=False)
        # the style must still hold when text is laid out
        figure.draw_without_rendering()
    return figure


def _draw_plot(plot: Plot, ax: "Axes", *, name_phases: bool) -> None:
    if plot.log_x:
        ax.set_xscale("log")
    if plot.log_y:
        from matplotlib.ticker import LogLocator, NullFormatter

        # a range of one or two decades: plain numbers, two in each decade
        ax.set_yscale("log", nonpositive="mask")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.yaxis.set_minor_formatter(NullFormatter())
    handles = [_draw_series(each, ax) for each in plot.series]
    if plot.x_ticks:
        ax.set_xticks(plot.x_ticks, [f"{tick:g}".replace("-", "−") for tick in plot.x_ticks])
    if plot.y_ticks:
        ax.set_yticks(plot.y_ticks)
    ax.set_xlim(plot.x_limits)
    ax.set_ylim(plot.y_limits)
    ax.set_xlabel(plot.x_label)
    ax.set_ylabel(plot.y_label)
    if plot.phases is not None:
        limits = ax.get_xlim()
        shade_phases(ax, plot.phases, limits, named=name_phases, fontsize=7)
        ax.set_xlim(limits)
    ax.set_title(plot.title, loc="left", pad=14 if name_phases and plot.phases is not None else 4)
    ax.text(0.03, 0.95, plot.note, transform=ax.transAxes, ha="left", va="top", fontsize=7)
    shown = [handle for handle, each in zip(handles, plot.series, strict=True) if each.label]
    if plot.legend and shown:
        place: Any = plot.legend  # Matplotlib's type lists the places
        ax.legend(handles=shown, loc=place, title=plot.legend_title, frameon=False, borderaxespad=0.3)


def _draw_series(each: Series, ax: "Axes") -> "Line2D | Patch":
    if each.look in ("bars", "outline"):
        filled = each.look == "bars"
        look: dict[str, Any] = {"alpha": _OPACITY["bars"], "lw": 0} if filled else {"lw": 1.0}
        return ax.stairs(each.y, each.x, fill=filled, color=each.colour, label=each.label, **look)
    (line,) = ax.plot(each.x, each.y, color=each.colour, label=each.label, zorder=3, **_LOOKS[each.look])
    if each.errors is not None:
        ax.errorbar(each.x, each.y, each.errors, fmt="none", ecolor=each.colour, elinewidth=0.9, zorder=2.9)
    if each.low is not None and each.high is not None:
        ax.fill_between(each.x, each.low, each.high, color=each.colour, alpha=_OPACITY["band"], lw=0, zorder=1)
    return line


def _key_artist(look: str, colour: str, label: str) -> "Line2D | Patch":
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if look in _OPACITY:
        return Patch(label=label, fc=colour, alpha=_OPACITY[look], lw=0)
    if look == "outline":
        return Patch(label=label, fc="none", ec=colour)
    return Line2D([], [], color=colour, label=label, **_LOOKS[look])
