"""Text tables: right in a pipe, on a terminal of any width, and for any characters; no number is ever cut."""

import re

import pytest
from rich.cells import cell_len

from ndksym.output import tables
from ndksym.output.tables import Column, table

COLUMNS = [Column("time"), Column("phase", text=True), Column("simulated"), Column("z"), Column("σ² of f")]
ROWS = [
    ("0.01", "gradient-driven", "0.12345 ± 0.00012", "1.25", "1e-05"),
    ("1e+04", "diffusive", "−12.12345 ± 0.00012", "−31.00", "重み"),
]


def test_a_pipe_has_one_line_for_each_row():
    lines = table(COLUMNS, ROWS).splitlines()
    assert len(lines) == 3
    assert re.split(r"\s{2,}", lines[1].strip()) == list(ROWS[0])
    # numbers end where their heading ends, text begins where it begins
    ends = [
        cell_len(line[: line.index(cell) + len(cell)])
        for line, cell in zip(lines, ["simulated", *(r[2] for r in ROWS)], strict=True)
    ]
    assert len(set(ends)) == 1
    assert len({line.index(cell) for line, cell in zip(lines, ["phase", *(r[1] for r in ROWS)], strict=True)}) == 1


@pytest.mark.parametrize("width", [1, 5, 20, 40, 60, 80, 200])
def test_no_number_is_cut_however_narrow_the_terminal(width):
    shown = table(COLUMNS, ROWS, width)
    for row in ROWS:
        assert all(re.search(rf"(?<!\S){re.escape(cell)}(?!\S)", shown) for cell in row)
    widest = 2 + max(len(row[0]) for row in ROWS) + max(len(cell) for row in ROWS for cell in row)
    assert all(cell_len(line) <= max(width, widest) for line in shown.splitlines())
    # each part repeats the times
    parts = shown.split("\n\n")
    assert all(part.split()[0] == "time" for part in parts)
    assert sorted({word for part in parts for word in part.splitlines()[0].split()}) == [
        "f",
        "of",
        "phase",
        "simulated",
        "time",
        "z",
        "σ²",
    ]


def test_text_wraps_between_words_and_is_no_markup():
    claim = "[bold]K_dot[/bold] = ∂K/∂c at every pair of inputs " * 3
    shown = table([Column("rung", text=True), Column("claim", text=True)], [("exact", claim)], 40)
    assert all(cell_len(line) <= 40 for line in shown.splitlines())
    assert " ".join(shown.split()) == " ".join(f"rung claim exact {claim}".split())


def test_a_terminal_sets_the_width(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    whole = table(COLUMNS, ROWS)
    monkeypatch.setattr(tables.sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    assert table(COLUMNS, ROWS) == table(COLUMNS, ROWS, 40) != whole
    monkeypatch.setattr(tables.sys, "stdout", None)
    assert table(COLUMNS, ROWS) == whole


def test_a_table_without_rows_has_its_headings():
    assert table(COLUMNS, []).split() == ["time", "phase", "simulated", "z", "σ²", "of", "f"]
