"""Figures as SVG inside a page: text as paths, no dates, and ids that differ between figures."""

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.output import draw
from ndksym.output.figure import Chart, Figure, Heat, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["svg"]

_SIZE, _TALL = (4.9, 3.5), (4.9, 4.3)
"""Inches; a wide page has two figures side by side, a telephone has one."""
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "ndksym",
    "svg.fonttype": "path",
}
_LEVELS = 24
_DASHES = ("-", "--", "-.", ":")


def svg(figure: Figure) -> str:
    """The figure as an <svg> element; screen readers read its title."""
    import matplotlib

    content = figure.content
    with matplotlib.rc_context(_STYLE):
        sheet = draw.blank(_TALL if isinstance(content, Panel) else _SIZE)
        ax = sheet.subplots()
        if isinstance(content, Panel):
            draw.draw(content, ax, own=True)
        elif isinstance(content, Chart):
            _chart(content, ax)
        else:
            _heat(content, ax)
        stream = io.StringIO()
        sheet.savefig(stream, format="svg", dpi=200, transparent=True, metadata={"Date": None})
    return _inline(stream.getvalue(), figure.id, figure.title)


def _chart(chart: Chart, ax: "Axes") -> None:
    for number, curve in enumerate(chart.curves):
        colour = draw.COLOURS[curve.colour % len(draw.COLOURS)]
        ax.plot(chart.x, curve.values, _DASHES[number % len(_DASHES)], color=colour, lw=2, label=curve.label)
    ax.axhline(0, color=draw.NEUTRAL, lw=0.6, zorder=0)
    ax.margins(x=0)
    if "degrees" in chart.x_label:
        ax.set_xticks(np.arange(0, 181, 30))
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    ax.legend(frameon=False)


def _heat(heat: Heat, ax: "Axes") -> None:
    # x is the later time, y the earlier; the half with s > t stays empty
    later, earlier = np.tril_indices(len(heat.axis))
    values = heat.values[later, earlier]
    mesh = ax.tricontourf(heat.axis[later], heat.axis[earlier], values, levels=_LEVELS, cmap="cividis")
    mesh.set_edgecolor("face")
    ax.set_aspect("equal")
    ax.set_xlabel(heat.x_label)
    ax.set_ylabel(heat.y_label)
    ax.figure.colorbar(mesh, ax=ax, label=heat.value_label)


def _inline(text: str, name: str, title: str) -> str:
    """The element without prologue and metadata; all ids begin with the name of the figure."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).strip()
