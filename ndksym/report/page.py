"""The page around the sections: one file, with its style inside, that asks the network for nothing and runs nothing."""

from collections.abc import Iterable
from html import escape
from importlib import resources

__all__ = ["page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even where a text were mistaken for markup, a browser would load and run none of it."""


def page(title: str, verdict: str, contents: Iterable[tuple[str, str]], sections: Iterable[str], closing: str) -> str:
    """HTML5; `contents` are anchors and what they lead to. Title and verdict are text, sections and closing markup."""
    style = resources.files("ndksym.report").joinpath("style.css").read_text(encoding="utf-8")
    links = " ".join(f'<a href="#{name}">{escape(label)}</a>' for name, label in contents)
    body = "\n\n".join(sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="verdict">{escape(verdict)}</p>
<nav>{links}</nav>
</header>
<main>
{body}
</main>
<footer>
{closing}
</footer>
</body>
</html>
"""
