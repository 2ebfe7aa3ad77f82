"""Charts and heat maps, drawn from their records."""

from typing import TYPE_CHECKING

import numpy as np

from ndksym.output.figure import Chart, Heat
from ndksym.output.style import COLOURS, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_chart", "draw_heat"]

_DASHES = ("-", "--", "-.", ":")
_LEVELS = 24


def draw_chart(chart: Chart, ax: "Axes") -> None:
    """Curves against a linear axis, each with a line style of its own; an angle has ticks every 30 degrees."""
    for number, curve in enumerate(chart.curves):
        style = _DASHES[number % len(_DASHES)]
        ax.plot(chart.x, curve.values, style, color=COLOURS[curve.colour % len(COLOURS)], lw=2, label=curve.label)
    ax.axhline(0, color=NEUTRAL, lw=0.6, zorder=0)
    ax.margins(x=0)
    if "degrees" in chart.x_label:
        ax.set_xticks(np.arange(0, 181, 30))
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    ax.legend(frameon=False)


def draw_heat(heat: Heat, ax: "Axes") -> None:
    """Values in colour at the later time (right) and the earlier time (up); the half with s > t stays empty."""
    later, earlier = np.tril_indices(len(heat.axis))
    values = heat.values[later, earlier]
    mesh = ax.tricontourf(heat.axis[later], heat.axis[earlier], values, levels=_LEVELS, cmap="cividis")
    mesh.set_edgecolor("face")
    ax.set_aspect("equal")
    ax.set_xlabel(heat.x_label)
    ax.set_ylabel(heat.y_label)
    ax.figure.colorbar(mesh, ax=ax, label=heat.value_label)
