"""Figures drawn from their numbers: log-time axis, phases shaded, limits dashed; colours that the colour-blind tell apart."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.errors import InputError, InputTypeError, MissingExtraError, brief
from ndksym.output import files, records
from ndksym.output.figure import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = [
    "COLOURS",
    "COLUMN",
    "DASHES",
    "FORMATS",
    "NEUTRAL",
    "PAGE",
    "PHASES",
    "blank",
    "check",
    "draw",
    "need_matplotlib",
    "save",
    "write",
]

COLUMN, PAGE = (3.4, 3.8), (6.4, 4.4)
"""Inches: one column of a journal, and the width of a page."""
FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""From the palette of Okabe and Ito."""
NEUTRAL = "#555555"
PHASES = (("gradient-driven", "#E8F1F8", "#2F5F8A"), ("diffusive", "#FBF0DC", "#8A5A00"))
"""Name, shade, and a darker tone of it for the name."""
DASHES = ((5.0, 2.0), (1.5, 1.5))
_DECADES = 4
"""A training error may fall to rounding; the axis ends so far below the least test error."""


def write(panel: Panel, path: str | Path, *, title: str = "", size: tuple[float, float] = PAGE) -> None:
    """The figure as .png, .svg or .pdf, and its numbers as .json beside it; each whole or not at all.

    Errors: InputError for another ending or a place that cannot be written; MissingExtraError without matplotlib.
    """
    path = Path(path)
    check(path)
    figure = blank(size)
    # file names are part of the title: a $ in them begins no formula, and what cannot be printed is escaped
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in title)
    draw(panel, figure.subplots(), own=True, title=shown.replace("$", r"\$"))
    save(figure, path, {"title": title} | records.document(panel))


def save(figure: "Figure", path: Path, numbers: dict[str, Any]) -> None:
    """A figure and, beside it, its numbers as .json; whole or not at all, and where there is a figure, they are its own."""
    import matplotlib

    text = json.dumps({"schema": 1} | numbers, ensure_ascii=False, allow_nan=False) + "\n"
    # no dates and no random names inside: the same numbers give the same bytes
    unsigned: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "ndksym"}), warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing from font"
        )  # a title may have letters that the font has not
        with files.together(path.with_suffix(".json"), path) as (beside, stream):
            beside.write(files.encoded(text))
            figure.savefig(stream, format=path.suffix[1:], dpi=200, metadata=unsigned.get(path.suffix))


def check(path: Path) -> None:
    """Refuse a figure that could not be written: its ending, its place and that of its numbers, matplotlib."""
    if path.suffix not in FORMATS:
        raise InputError(f"a figure is written as {', '.join(FORMATS)}; got {path}")
    files.check_writable(path)
    files.check_writable(path.with_suffix(".json"))
    need_matplotlib()


def draw(
    panel: Panel,
    ax: "Axes | None" = None,
    *,
    own: bool = False,
    title: str = "",
    label: str | None = None,
    color: str | None = None,
) -> "Axes":
    """Draw the panel on `ax`, or on a figure of its own, which has its legend below the axes.

    On axes that show a panel already, the new one is added: limits and legend cover both, and the phases stay shaded only if they
    are the same. `label` names the panel's curves in the legend; `color` is that of all of them.
    """
    need_matplotlib()
    for name, text in (("title", title), ("label", label or "")):
        if not isinstance(text, str):
            raise InputTypeError(f"{name} must be text, got {brief(text)}")
    if ax is None:
        ax, own = blank(PAGE).subplots(), True
    first, last = _limits(panel)
    added = ax.has_data()
    paint = _painter(ax, color)
    panel = _labelled(panel, label)
    if added:
        _clear_other_phases(panel, ax)
        panel = replace(panel, boundary=None)
        first, last = min(first, ax.get_xlim()[0]), max(last, ax.get_xlim()[1])
    before = ax.get_ylim() if added else (np.inf, 0.0)
    ax.set_xscale("log")
    ax.set_xlim(first, last)
    if panel.log_y:
        ax.set_yscale("log", nonpositive="mask")
    ax.set_xlabel(panel.x_label)
    ax.set_ylabel(panel.y_label)
    handles = _curves(panel, ax, paint) + _points(panel, ax, paint) + _levels(panel, ax, paint) + _marks(panel, ax)
    named = _phases(panel, ax, first, last)
    _raise_floor(panel, ax, before)
    if title or not added:
        shown = files.encoded(title).decode()
        ax.set_title(shown, fontsize="medium", pad=18 if named else 6, wrap=True, parse_math=_is_mathtext(shown))
    if added:
        handles, own = _merged(ax, handles, own)
    if not own:
        ax.legend(handles=handles, fontsize="small")
        return ax
    ax.figure.legend(
        handles=handles, loc="outside lower center", ncols=1 if ax.bbox.width / ax.figure.dpi < 4 else 2, fontsize="small",
        frameon=False, title=panel.band or None, title_fontsize="small",
    )  # fmt: skip
    return ax


def blank(size: tuple[float, float]) -> "Figure":
    """An empty figure of that size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def need_matplotlib() -> None:
    """MissingExtraError without it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError('figures need matplotlib; install it with: pip install "ndksym[plot]"') from error


def _is_mathtext(text: str) -> bool:
    """Whether Matplotlib can set what stands between dollars in it."""
    from matplotlib.mathtext import MathTextParser

    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def _limits(panel: Panel) -> tuple[float, float]:
    first, last = float(panel.times[0]), float(panel.times[-1])
    return (first, last) if first < last else (first / 2, 2 * last)


def _painter(ax: "Axes", color: str | None) -> Callable[[int], str]:
    """The colour of a curve by its number: `color` for all, or the palette from its first colour that the axes do not show."""
    from matplotlib.colors import is_color_like, to_hex

    if color is not None:
        if not is_color_like(color):
            raise InputError(f"color must be a Matplotlib color such as 'C1', 'red' or '#0072B2'; got {brief(color)}")
        return lambda number: color
    shown = {to_hex(line.get_color()).upper() for line in ax.lines}
    start = next((k for k, colour in enumerate(COLOURS) if colour not in shown), 0)
    return lambda number: NEUTRAL if number < 0 else COLOURS[(start + number) % len(COLOURS)]


def _labelled(panel: Panel, label: str | None) -> Panel:
    """The panel with this name before those of its curves, or instead of the only one."""
    if label is None:
        return panel
    alone = len(panel.curves) == 1
    curves = (replace(each, label=label if alone else f"{label}: {each.label}") for each in panel.curves)
    return replace(panel, curves=tuple(curves))


def _merged(ax: "Axes", handles: "list[Line2D]", own: bool) -> "tuple[list[Line2D], bool]":
    """The entries of the legend that stands there, followed by the new ones; and whether it stands below the axes."""
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


def _curves(panel: Panel, ax: "Axes", paint: Callable[[int], str]) -> "list[Line2D]":
    handles = []
    for curve in panel.curves:
        colour = paint(curve.colour)
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


def _points(panel: Panel, ax: "Axes", paint: Callable[[int], str]) -> "list[Line2D]":
    """Dots with error bars; one entry of the legend for all that are called alike."""
    from matplotlib.lines import Line2D

    for points in panel.points:
        ax.errorbar(
            panel.times, points.values, points.errors, fmt="o", color=paint(points.colour), mfc="white", ms=4, lw=1.2,
            zorder=3.5,
        )  # fmt: skip
    labels = dict.fromkeys(points.label for points in panel.points)
    return [Line2D([], [], color="black", marker="o", mfc="white", ms=4, lw=0, label=label) for label in labels]


def _levels(panel: Panel, ax: "Axes", paint: Callable[[int], str]) -> "list[Line2D]":
    """Dashed lines in the colour of their curve; one entry of the legend for each kind."""
    from matplotlib.lines import Line2D

    kinds = list(dict.fromkeys(level.kind for level in panel.levels))
    one = len({level.colour for level in panel.levels}) == 1
    for level in panel.levels:
        dashes = (0, DASHES[kinds.index(level.kind) % len(DASHES)])
        shared = sum(other.kind == level.kind and other.value == level.value for other in panel.levels) > 1
        ax.axhline(level.value, color="black" if shared else paint(level.colour), ls=dashes, lw=1.2, zorder=2.5)
    shown = paint(panel.levels[0].colour) if one else "black"
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


def _phases(panel: Panel, ax: "Axes", first: float, last: float) -> bool:
    """Shade the two phases and name them above the axes, where nothing is in the way."""
    if panel.boundary is None:
        return False
    cut = float(np.clip(panel.boundary, first, last))
    sides = ((first, cut, 0.0, "left"), (cut, last, 1.0, "right"))
    for (name, shade, dark), (start, end, edge, side) in zip(PHASES, sides, strict=True):
        if start < end:
            ax.axvspan(start, end, color=shade, lw=0, zorder=0, label=_phase_name(panel))
            ax.text(
                edge, 1.02, name, transform=ax.transAxes, ha=side, va="bottom", fontsize="small", color=dark,
                label=_phase_name(panel),
            )  # fmt: skip
    return True


def _phase_name(panel: Panel) -> str:
    """The label by which the shading of a panel's phases is found again; the underscore keeps it out of the legend."""
    return f"_phases at {panel.boundary}"


def _clear_other_phases(panel: Panel, ax: "Axes") -> None:
    """Remove the shading if the panel has another boundary, since it would be wrong for one of the two."""
    if panel.boundary is not None:
        for artist in (*ax.patches, *ax.texts):
            if str(artist.get_label()).startswith("_phases at") and artist.get_label() != _phase_name(panel):
                artist.remove()


def _raise_floor(panel: Panel, ax: "Axes", before: tuple[float, float]) -> None:
    """Do not let a curve that vanishes to rounding squeeze the others; the first curve is the test error.

    Limits that were there `before` are widened, never narrowed.
    """
    values = np.concatenate([panel.curves[0].values, [level.value for level in panel.levels]])
    if panel.log_y and np.any(values > 0):
        floor = min(before[0], 10.0**-_DECADES * values[values > 0].min())
        if ax.get_ylim()[0] < floor:
            highest = max(float(values.max()), *(float(curve.values.max()) for curve in panel.curves), *_highs(panel))
            ax.set_ylim(floor, max(before[1], 2 * highest))


def _highs(panel: Panel) -> list[float]:
    return [float(curve.high.max()) for curve in panel.curves if curve.high is not None]
