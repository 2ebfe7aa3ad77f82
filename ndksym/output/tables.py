"""Tables as text: numbers are never cut, text wraps, and a table that is wider than the terminal is shown in parts."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Literal

__all__ = ["Column", "table"]

_GAP = 2
"""Spaces between columns."""
_UNLIMITED = 100_000
"""Characters in a line of a file or a pipe: more than any table has."""


@dataclass(frozen=True)
class Column:
    """A heading; the cells below it are numbers, on the right and in one piece, or text, on the left, which may wrap."""

    heading: str
    text: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """The rows below their headings, in lines of at most `width` characters, which defaults to those of the terminal.

    Where stdout is no terminal, lines are as long as they need to be. Columns that do not fit follow in a second table
    below, beside the first column again.

    >>> print(table([Column("time"), Column("phase", text=True)], [("0.1", "first"), ("10", "second")]))
    time  phase
     0.1  first
      10  second
    """
    if width is None:
        width = get_terminal_size().columns if sys.stdout is not None and sys.stdout.isatty() else _UNLIMITED
    cells = [list(row) for row in rows]
    least = [_least_width(column, [column.heading, *(row[k] for row in cells)]) for k, column in enumerate(columns)]
    return "\n\n".join(
        _rendered(
            [columns[k] for k in part], [[row[k] for k in part] for row in cells], [least[k] for k in part], width
        )
        for part in _parts(least, width)
    )


def _least_width(column: Column, cells: Iterable[str]) -> int:
    """Characters of the longest cell, or, where text wraps, of the longest word."""
    from rich.cells import cell_len

    return max(cell_len(piece) for cell in cells for piece in ((cell.split() or [""]) if column.text else [cell]))


def _parts(least: Sequence[int], width: int) -> list[list[int]]:
    """The columns of each table, the first column in all of them."""
    parts = [[0]]
    used = least[0]
    for place, room in enumerate(least[1:], 1):
        if used + _GAP + room > width and len(parts[-1]) > 1:
            parts.append([0])
            used = least[0]
        parts[-1].append(place)
        used += _GAP + room
    return parts


def _rendered(columns: Sequence[Column], rows: Iterable[Sequence[str]], least: Sequence[int], width: int) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="")
    for column, room in zip(columns, least, strict=True):
        side: Literal["left", "right"] = "left" if column.text else "right"
        shown.add_column(Text(column.heading), justify=side, no_wrap=not column.text, min_width=room)
    for row in rows:
        # not markup: a bracket is a bracket
        shown.add_row(*map(Text, row))
    stream = StringIO()
    needed = sum(least) + _GAP * (len(columns) - 1)
    Console(file=stream, width=max(width, needed), color_system=None, legacy_windows=False).print(shown)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
