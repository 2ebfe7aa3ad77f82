"""Figures are drawn from their records alone, and written together with their numbers.

`draw` draws a Panel; `chart` and `sheet` have the other kinds of figures.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ndksym.errors import InputError, InputTypeError, brief
from ndksym.output import files, records
from ndksym.output.figure import Panel
from ndksym.output.style import COLOURS, DASHES, NEUTRAL, PAGE, blank, require_matplotlib, shade_phases

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["FORMATS", "check", "draw", "save", "write"]

FORMATS = (".png", ".svg", ".pdf")
_DECADES = 4
"""The axis ends 4 decades below the least test error, because a training error may fall to rounding."""


def check(path: Path) -> None:
    """Raise InputError for another suffix or if the figure or its .json cannot be written; require Matplotlib."""
    if path.suffix not in FORMATS:
        raise InputError(f"a figure is written as {', '.join(FORMATS)}; got {path}")
    files.check_writable(path)
    files.check_writable(path.with_suffix(".json"))
    require_matplotlib()


def write(panel: Panel, path: str | Path, *, title: str = "", size: tuple[float, float] = PAGE) -> None:
    """Write the figure as .png, .svg or .pdf, and its numbers as .json beside it; both whole or neither.

    Raises InputError for another suffix or a place that cannot be written, MissingExtraError without Matplotlib.
    """
    path = Path(path)
    check(path)
    figure = blank(size)
    # a title contains file names: a $ begins no formula, and characters that cannot be printed are escaped
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in title)
    draw(panel, figure.subplots(), own=True, title=shown.replace("$", r"\$"))
    save(figure, path, {"title": title} | records.document(panel))


def save(figure: "Figure", path: Path, numbers: dict[str, object]) -> None:
    """Write a figure and, as .json beside it, its numbers; a figure never lies beside the numbers of another one."""
    import matplotlib

    text = json.dumps({"schema": 1} | numbers, ensure_ascii=False, allow_nan=False) + "\n"
    # without dates and random names, the same numbers give the same bytes
    undated: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "ndksym"}), warnings.catch_warnings():
        # a title may contain letters that the font lacks
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        with files.together(path.with_suffix(".json"), path) as (beside, stream):
            beside.write(files.encoded(text))
            figure.savefig(stream, format=path.suffix[1:], dpi=200, metadata=undated.get(path.suffix))


def draw(
    panel: Panel,
    ax: "Axes | None" = None,
    *,
    own: bool = False,
    title: str = "",
    label: str | None = None,
    color: str | None = None,
) -> "Axes":
    """Draw the panel on `ax`, or on a new figure; a figure of its `own`, as a new one is, has its legend below the axes.

    If the axes show a panel already, limits and legend cover both, and the phases stay shaded only if they are the same.
    `label` names the curves of the panel in the legend; `color` replaces the colours of all of them.
    """
    require_matplotlib()
    for name, text in (("title", title), ("label", label or "")):
        if not isinstance(text, str):
            raise InputTypeError(f"{name} must be text, got {brief(text)}")
    if ax is None:
        ax, own = blank(PAGE).subplots(), True
    added = ax.has_data()
    colour_of = _colours(ax, color)
    panel = _labelled(panel, label)
    limits, heights = _limits(panel), (np.inf, 0.0)
    if added:
        limits = min(limits[0], ax.get_xlim()[0]), max(limits[1], ax.get_xlim()[1])
        heights = ax.get_ylim()
        _remove_other_phases(panel, ax)
    ax.set_xscale("log")
    ax.set_xlim(*limits)
    if panel.log_y:
        ax.set_yscale("log", nonpositive="mask")
    ax.set_xlabel(panel.x_label)
    ax.set_ylabel(panel.y_label)
    handles = _curves(panel, ax, colour_of) + _points(panel, ax, colour_of) + _levels(panel, ax, colour_of)
    handles += _marks(panel, ax)
    pad = 6
    if panel.boundary is not None and not added:
        pad = 18
        shade_phases(ax, (panel.boundary, panel.boundary), limits, named=True, mark=_phases_mark(panel))
    _raise_floor(panel, ax, heights)
    if title or not added:
        shown = files.encoded(title).decode()
        ax.set_title(shown, fontsize="medium", pad=pad, wrap=True, parse_math=_is_mathtext(shown))
    if added:
        handles, own = _merged_legend(ax, handles, own)
    if not own:
        ax.legend(handles=handles, fontsize="small")
        return ax
    ax.figure.legend(
        handles=handles, loc="outside lower center", ncols=1 if ax.bbox.width / ax.figure.dpi < 4 else 2, fontsize="small",
        frameon=False, title=panel.band or None, title_fontsize="small",
    )  # fmt: skip
    return ax


def _is_mathtext(text: str) -> bool:
    """Whether Matplotlib can typeset the formulas between the dollars of a text."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def _limits(panel: Panel) -> tuple[float, float]:
    first, last = float(panel.times[0]), float(panel.times[-1])
    return (first, last) if first < last else (first / 2, 2 * last)


def _colours(ax: "Axes", color: str | None) -> Callable[[int], str]:
    """The colour of a curve by its number: `color` for all, or the palette from the first colour that the axes lack."""
    from matplotlib.colors import is_color_like, to_hex

    if color is not None:
        if not is_color_like(color):
            raise InputError(f"color must be a Matplotlib color such as 'C1', 'red' or '#0072B2'; got {brief(color)}")
        return lambda number: color
    shown = {to_hex(line.get_color()).upper() for line in ax.lines}
    start = next((k for k, colour in enumerate(COLOURS) if colour not in shown), 0)
    return lambda number: NEUTRAL if number < 0 else COLOURS[(start + number) % len(COLOURS)]


def _labelled(panel: Panel, label: str | None) -> Panel:
    """The panel with this label before the labels of its curves, or in place of the label of its only curve."""
    if label is None:
        return panel
    alone = len(panel.curves) == 1
    curves = (replace(each, label=label if alone else f"{label}: {each.label}") for each in panel.curves)
    return replace(panel, curves=tuple(curves))


def _merged_legend(ax: "Axes", handles: "list[Line2D]", own: bool) -> "tuple[list[Line2D], bool]":
    """The entries of the old legend and the new ones; and whether the legend is below the axes."""
    legend = ax.get_legend()
    if legend is None and ax.figure.legends:
        legend, own = ax.figure.legends[0], True
    if legend is None:
        return handles, own
    before = [handle for handle in legend.legend_handles if isinstance(handle, type(ax.lines[0]))]
    legend.remove()
    entries: dict[str, Line2D] = {}
    for handle in (*before, *handles):
        name = str(handle.get_label())
        if name in entries and entries[name].get_color() != handle.get_color():
            handle.set_color("black")  # the entry stands for lines of several colours
        entries[name] = handle
    return list(entries.values()), own


def _phases_mark(panel: Panel) -> str:
    """The label of the shades of the panel; an SVG does not contain it, as it would a gid."""
    return f"_phases at {panel.boundary}"


def _remove_other_phases(panel: Panel, ax: "Axes") -> None:
    """Remove the shades of another boundary, which would be wrong for this panel."""
    if panel.boundary is not None:
        for artist in (*ax.patches, *ax.texts):
            if str(artist.get_label()).startswith("_phases at") and artist.get_label() != _phases_mark(panel):
                artist.remove()


def _curves(panel: Panel, ax: "Axes", colour_of: Callable[[int], str]) -> "list[Line2D]":
    handles = []
    for curve in panel.curves:
        colour = colour_of(curve.colour)
        (line,) = ax.plot(
            panel.times, curve.values, color=colour, label=curve.label, lw=1.2 if curve.colour < 0 else 2,
            marker="o" if len(panel.times) == 1 else None, zorder=3,
        )  # fmt: skip
        handles.append(line)
        if curve.low is not None and curve.high is not None:
            ax.fill_between(panel.times, curve.low, curve.high, color=colour, alpha=0.2, lw=0, zorder=2)
        elif curve.high is not None:
            ax.plot(panel.times, curve.high, color=colour, lw=0.9, zorder=2.8)
    return handles


def _points(panel: Panel, ax: "Axes", colour_of: Callable[[int], str]) -> "list[Line2D]":
    """Dots with error bars; the legend has one entry for each label."""
    from matplotlib.lines import Line2D

    for points in panel.points:
        ax.errorbar(
            panel.times, points.values, points.errors, fmt="o", color=colour_of(points.colour), mfc="white", ms=4, lw=1.2,
            zorder=3.5,
        )  # fmt: skip
    labels = dict.fromkeys(points.label for points in panel.points)
    return [Line2D([], [], color="black", marker="o", mfc="white", ms=4, lw=0, label=label) for label in labels]


def _levels(panel: Panel, ax: "Axes", colour_of: Callable[[int], str]) -> "list[Line2D]":
    """Dashed lines in the colours of their curves; the legend has one entry for each kind."""
    from matplotlib.lines import Line2D

    kinds = list(dict.fromkeys(level.kind for level in panel.levels))
    one_colour = len({level.colour for level in panel.levels}) == 1
    for level in panel.levels:
        dashes = (0, DASHES[kinds.index(level.kind) % len(DASHES)])
        shared = sum(other.kind == level.kind and other.value == level.value for other in panel.levels) > 1
        ax.axhline(level.value, color="black" if shared else colour_of(level.colour), ls=dashes, lw=1.2, zorder=2.5)
    shown = colour_of(panel.levels[0].colour) if one_colour else "black"
    return [
        Line2D([], [], color=shown, ls=(0, DASHES[k % len(DASHES)]), lw=1.2, label=kind) for k, kind in enumerate(kinds)
    ]


def _marks(panel: Panel, ax: "Axes") -> "list[Line2D]":
    handles = []
    for mark in panel.marks:
        label = f"{mark.label}, t = {float(f'{mark.time:.3g}'):g}"
        ax.axvline(mark.time, color="black", lw=0.8, zorder=2.6)
        if mark.value is None:
            handles += ax.plot([], [], "|", color="black", ms=10, label=label)
        else:
            handles += ax.plot(
                [mark.time], [mark.value], "o", color="black", mfc="white", zorder=4, label=label, clip_on=False
            )
    return handles


def _raise_floor(panel: Panel, ax: "Axes", before: tuple[float, float]) -> None:
    """Raise the lower end of the axis if a curve falls to rounding; the first curve is the test error.

    The limits `before` are widened, never narrowed.
    """
    values = np.concatenate([panel.curves[0].values, [level.value for level in panel.levels]])
    if panel.log_y and np.any(values > 0):
        floor = min(before[0], 10.0**-_DECADES * values[values > 0].min())
        if ax.get_ylim()[0] < floor:
            highs = [float(curve.high.max()) for curve in panel.curves if curve.high is not None]
            highest = max(float(values.max()), *(float(curve.values.max()) for curve in panel.curves), *highs)
            ax.set_ylim(floor, max(before[1], 2 * highest))
