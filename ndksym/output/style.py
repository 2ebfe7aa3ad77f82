"""What all figures share: sizes, colours that colour-blind readers tell apart, dashes, and the shades of the two phases."""

from typing import TYPE_CHECKING

import numpy as np

from ndksym.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "COLUMN", "DASHES", "NEUTRAL", "PAGE", "blank", "require_matplotlib", "shade_phases"]

COLUMN, PAGE = (3.4, 3.8), (6.4, 4.4)
"""Inches: one column of a journal, and the width of a page."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""From the palette of Okabe and Ito."""
NEUTRAL = "#555555"
DASHES = ((5.0, 2.0), (1.5, 1.5))
"""Lengths of dash and gap."""
_PHASES = (("gradient-driven", "#E8F1F8", "#2F5F8A"), ("diffusive", "#FBF0DC", "#8A5A00"))
"""Name, shade, and a darker tone of the shade for the name."""


def require_matplotlib() -> None:
    """Raise MissingExtraError if Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise MissingExtraError('figures need matplotlib; install it with: pip install "ndksym[plot]"') from error


def blank(size: tuple[float, float]) -> "Figure":
    """An empty figure, its size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained")


def shade_phases(
    ax: "Axes",
    ends: tuple[float, float],
    limits: tuple[float, float],
    *,
    named: bool,
    fontsize: str | float = "small",
    mark: str = "_phases",
) -> None:
    """Shade both phases, with their names above the axes if `named`.

    `ends` are the last time of the gradient-driven phase and the first of the diffusive phase, `limits` those of the axis;
    `mark` is the label of the shades and texts, by which they are found again; an underscore keeps it out of legends.
    """
    first, last = limits
    before, after = np.clip(ends, first, last)
    sides = ((first, float(before), 0.0, "left"), (float(after), last, 1.0, "right"))
    for (name, shade, dark), (start, end, edge, side) in zip(_PHASES, sides, strict=True):
        if start < end:
            ax.axvspan(start, end, color=shade, lw=0, zorder=0, label=mark)
            if named:
                ax.text(
                    edge,
                    1.02,
                    name,
                    transform=ax.transAxes,
                    ha=side,
                    va="bottom",
                    fontsize=fontsize,
                    color=dark,
                    label=mark,
                )
