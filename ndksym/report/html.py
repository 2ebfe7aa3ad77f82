"""Pieces of a page as markup, from the templates of this folder.

Jinja2 escapes every `str`. Only `Markup` is written as it stands: formulas, figures and what the functions of this module
return.
"""

from collections.abc import Iterable, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sympy import Expr

from ndksym.output.figure import Absent, Figure
from ndksym.report import mathml
from ndksym.report.svg import svg

__all__ = [
    "code", "equation", "figures", "folded", "heading", "lines", "page", "paragraph", "section", "steps", "table", "terms",
]  # fmt: skip

_TEMPLATES = Environment(
    loader=PackageLoader("ndksym.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    keep_trailing_newline=True,
)  # fmt: skip
_PARTS = _TEMPLATES.get_template("parts.html").module


def page(
    title: str, verdict: str, contents: Iterable[tuple[str, str]], sections: Iterable[Markup], closing: Markup
) -> str:
    """A whole HTML5 page, style included; it loads nothing and runs nothing. `contents` are (anchor, label)."""
    template = _TEMPLATES.get_template("page.html")
    return template.render(
        title=title, verdict=verdict, contents=list(contents), sections=list(sections), closing=closing
    )


def section(anchor: str, title: str, *parts: Markup) -> Markup:
    """A section; empty parts are left out."""
    return _part("section", anchor=anchor, title=title, parts=parts)


def heading(text: str) -> Markup:
    """A heading inside a section."""
    return _part("heading", text=text)


def paragraph(text: str, kind: str = "") -> Markup:
    """A paragraph; `kind` is its class.

    >>> paragraph("a < b", "note")
    Markup('<p class="note">a &lt; b</p>')
    """
    return _part("paragraph", text=text, kind=kind)


def equation(left: Expr, right: Expr) -> Markup:
    """The formula left = right in a line of its own, which scrolls if it is too long."""
    return _part("formula", mathml=Markup(mathml.equation(left, right)))


def steps(items: Iterable[tuple[str, Markup]]) -> Markup:
    """A numbered list of rules, each with its equation."""
    return _part("steps", items=list(items))


def code(text: str) -> Markup:
    """Source code."""
    return _part("code", text=text)


def folded(summary: str, content: Markup) -> Markup:
    """A summary that unfolds to the content."""
    return _part("folded", summary=summary, content=content)


def terms(items: Iterable[tuple[str, str]]) -> Markup:
    """A list of terms with their values."""
    return _part("terms", items=list(items))


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], kind: str = "") -> Markup:
    """A table that scrolls if it is too wide; each row is (class, cells), and `kind` is the class of the table."""
    return _part("table", head=head, rows=list(rows), kind=kind)


def figures(items: Iterable[Figure | Absent]) -> Markup:
    """Figures with their captions, side by side where there is room; an absent figure states its reason."""
    return _part("figures", items=[_figure(item) for item in items])


def lines(parts: Iterable[Markup]) -> Markup:
    """Parts one below the other."""
    return Markup("\n").join(parts)


def _figure(item: Figure | Absent) -> Markup:
    if isinstance(item, Absent):
        return paragraph(f"{item.title}: not drawn, because {item.reason}.", "note")
    return _part("figure", id=item.id, svg=Markup(svg(item)), title=item.title, caption=item.caption)


def _part(name: str, **values: object) -> Markup:
    """The macro of parts.html with that name."""
    return Markup(getattr(_PARTS, name)(**values))
