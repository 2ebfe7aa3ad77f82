"""Figures as SVG inside a page: text as paths, no dates, and ids that differ between figures."""

import io
import re
from html import escape
from typing import Any

from ndksym.output.chart import draw_chart, draw_heat
from ndksym.output.draw import draw
from ndksym.output.figure import Chart, Figure, Panel
from ndksym.output.style import blank

__all__ = ["svg"]

_SIZE, _PANEL_SIZE = (4.9, 3.5), (4.9, 4.3)
"""Inches; a wide page has two figures side by side, a telephone has one."""
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "ndksym",
    "svg.fonttype": "path",
}


def svg(figure: Figure) -> str:
    """The figure as an <svg> element; screen readers read its title."""
    import matplotlib

    content = figure.content
    with matplotlib.rc_context(_STYLE):
        canvas = blank(_PANEL_SIZE if isinstance(content, Panel) else _SIZE)
        ax = canvas.subplots()
        if isinstance(content, Panel):
            draw(content, ax, own=True)
        elif isinstance(content, Chart):
            draw_chart(content, ax)
        else:
            draw_heat(content, ax)
        stream = io.StringIO()
        canvas.savefig(stream, format="svg", dpi=200, transparent=True, metadata={"Date": None})
    return _inline(stream.getvalue(), figure.id, figure.title)


def _inline(text: str, name: str, title: str) -> str:
    """The element without prologue and metadata; all ids begin with the name of the figure."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1).strip()
