"""Pieces of a page: every text that comes from outside is escaped here, and nowhere else is markup made of text."""

from collections.abc import Iterable, Sequence
from html import escape

from sympy import Expr

from ndksym.output.figure import Absent, Figure
from ndksym.report import mathml
from ndksym.report.svg import svg

__all__ = ["code", "drawn", "equation", "folded", "formula", "listed", "paragraph", "section", "table"]


def paragraph(text: str, kind: str = "") -> str:
    """Text as a paragraph."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def equation(left: Expr, right: Expr) -> str:
    """A formula in a box of its own, which scrolls."""
    return f'<div class="formula">{mathml.equation(left, right)}</div>'


def formula(expr: Expr) -> str:
    """The same of an expression alone."""
    return f'<div class="formula">{mathml.formula(expr)}</div>'


def code(text: str) -> str:
    """Source as it stands."""
    return f"<pre><code>{escape(text)}</code></pre>"


def folded(summary: str, content: str) -> str:
    """What is shown when it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def listed(items: Iterable[tuple[str, str]]) -> str:
    """Terms and what they are."""
    rows = "".join(f"<dt>{escape(term)}</dt><dd>{escape(value)}</dd>" for term, value in items)
    return f"<dl>{rows}</dl>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kinds: Iterable[str] = (), kind: str = "") -> str:
    """A table in a box that scrolls; `kinds` are the classes of its rows, `kind` its own."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    names = iter(kinds)
    body = "".join(
        f"<tr{_class(next(names, ''))}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide"><table{_class(kind)}><thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'
    )


def drawn(figures: Iterable[Figure | Absent]) -> str:
    """Figures beside each other where there is room, each with its caption; one that is absent says why."""
    out = []
    for each in figures:
        if isinstance(each, Absent):
            out.append(paragraph(f"{each.title}: not drawn, because {each.reason}.", "note"))
            continue
        caption = f"<figcaption><strong>{escape(each.title)}.</strong> {escape(each.caption)}</figcaption>"
        out.append(f'<figure id="figure-{each.id}">\n{svg(each)}\n{caption}</figure>')
    return '<div class="figures">\n' + "\n".join(out) + "\n</div>"


def section(name: str, title: str, *parts: str) -> str:
    """One section, with the anchor that the contents point to."""
    return (
        f'<section id="{name}">\n<h2>{escape(title)}</h2>\n'
        + "\n".join(part for part in parts if part)
        + "\n</section>"
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
