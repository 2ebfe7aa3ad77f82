"""A derivation as one page of HTML that stands by itself, with every number of its figures in a JSON beside it.

In reading order: `sections` (what the page says), `kernel_figures`, `learning_figures`, `phases_section`, `setting` (the physics
shown), `text` (the same on a terminal and as JSON), `page`, `html`, `mathml` and `svg` (how it is set). It may use all rooms
up to `verify`.
"""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ndksym
from ndksym.codegen.compile import kernel as compiled
from ndksym.kernels.network import Network
from ndksym.output import files, records
from ndksym.output.figure import Absent, Figure
from ndksym.report import html, kernel_figures, learning_figures, page, phases_section, sections, setting, text
from ndksym.runtime.arguments import Progress

if TYPE_CHECKING:
    from ndksym.verify import Evidence

__all__ = ["Report", "build", "write"]

_PACKAGES = ("sympy", "numpy", "scipy", "mpmath", "matplotlib", "python-flint")
_SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """The page and the numbers behind it."""

    html: str
    numbers: dict[str, Any]


def write(report: Report, path: Path) -> None:
    """Page and numbers, whole or not at all; where there is a page, the numbers are its own."""
    text = json.dumps(report.numbers, ensure_ascii=False, allow_nan=False) + "\n"
    files.write_all({path.with_suffix(".json"): text, path: report.html})


def build(
    d: Network,
    certificate: "Sequence[Evidence]",
    *,
    command: str,
    numbers: str,
    nngp_only: bool,
    progress: Progress,
) -> Report:
    """All of it; `command` is what made it, `numbers` the name of the JSON beside it."""
    at = setting.chosen(d)
    kernel = compiled(d)
    shown = list(kernel_figures.figures(d, kernel, at, nngp_only))
    progress(0.1)
    p = None if nngp_only else phases_section.expanded(d)
    told = phases_section.record(p)
    progress(0.2)
    without = nngp_only and not d.diverges
    if without:
        learnt = learning_figures.Learning(Absent("learning", "Learning curves", "only the NNGP kernel was asked for"))
    else:
        learnt = learning_figures.learning(d, kernel, at, lambda fraction: progress(0.2 + 0.7 * fraction))
    progress(0.9)
    expansions = [] if p is None else list(learning_figures.expansions(p, learnt, at))
    functions = [each for each in shown if each.id.startswith("activation")]
    others = [each for each in shown if each not in functions]
    recursion, results = sections.kernels(d, nngp_only, others)
    parts = {
        "Activation": sections.network(d, functions),
        "Derivation": sections.derivation(d),
        "Dual kernel": sections.duals(d),
        "Recursion": recursion,
        "NNGP, NTK, NDK": results,
        "Phases": phases_section.section(d, p),
        "Learning": _learning(learnt, expansions),
        "Certificate": sections.certificate(certificate),
        "Code": sections.code(d),
        "Versions": _versions(command, numbers),
    }
    anchors = [
        "network",
        "derivation",
        "dual",
        "recursion",
        "kernels",
        "phases",
        "learning",
        "certificate",
        "code",
        "made",
    ]
    title = sections.title(d)
    html = page.page(
        title, sections.tally(certificate), list(zip(anchors, parts, strict=True)), list(parts.values())[:-1],
        parts["Versions"],
    )  # fmt: skip
    figures = [*shown, *expansions, learnt.figure]
    document = {
        "schema": _SCHEMA,
        "command": command,
        "versions": versions(),
        "derivation": text.document(d, certificate, expand=False, nngp_only=nngp_only or d.diverges),
        "phases": told,
        "physics": records.document(at),
        "simulation": learning_figures.agreement(learnt),
        "figures": {each.id: _numbers(each) for each in figures},
    }
    return Report(html, document)


def versions() -> dict[str, str | None]:
    """Of ndksym, Python and what it computes with; None for what is not installed."""
    found: dict[str, str | None] = {"ndksym": ndksym.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def _numbers(figure: Figure | Absent) -> Any:
    if isinstance(figure, Absent):
        return {"title": figure.title, "reason": figure.reason}
    return {"title": figure.title, "caption": figure.caption} | records.document(figure.content)


def _learning(found: learning_figures.Learning, expansions: Sequence[Figure | Absent]) -> str:
    parts = [html.drawn([found.figure, *expansions])]
    if found.note:
        parts.append(html.paragraph(found.note, "note"))
    told = learning_figures.agreement(found)
    if told is not None:
        rows = [
            (name, f"{part['largest_z']:.2f}", f"{part['expected']:.2f}", f"{part['chance']:.2g}", str(part["cells"]))
            for name, part in told.items()
        ]
        head = ("of the predictor", "largest |z|", "expected", "chance of more", "cells")
        parts += [
            html.paragraph(
                "Networks of finite width against theory at infinite width, for the very same steps of finite length. "
                "z is their distance in standard errors; what is left beyond chance is the finite width."
            ),
            html.table(head, rows),
        ]
    return html.section("learning", "Learning curves", *parts)


def _versions(command: str, numbers: str) -> str:
    known = [(name, version or "not installed") for name, version in versions().items()]
    return html.section(
        "made", "How this was made", html.code(command),
        html.paragraph(f"The numbers of every figure, and all formulas as text, are in {numbers} beside this page."),
        html.listed(known),
    )  # fmt: skip
