"""The report: one page of HTML that needs no other file, and a JSON document with the numbers of its figures."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from ndksym.codegen.compile import kernel as compiled
from ndksym.kernels.network import Network
from ndksym.output import files, records
from ndksym.output.figure import Absent, Figure
from ndksym.report import html, kernel_figures, learning_figures, phases_section, sections, setting, text
from ndksym.report.learning_figures import Learning
from ndksym.runtime.arguments import Progress

if TYPE_CHECKING:
    from ndksym.verify import Evidence

__all__ = ["Report", "build_report", "write_report"]

_PACKAGES = ("sympy", "numpy", "scipy", "mpmath", "matplotlib", "python-flint")
_SCHEMA = 1


@dataclass(frozen=True)
class Report:
    """The page and the numbers of its figures."""

    html: str
    numbers: dict[str, object]


def write_report(report: Report, path: Path) -> None:
    """Write the page to `path` and the numbers to the same name with .json, both whole or neither."""
    numbers = json.dumps(report.numbers, ensure_ascii=False, allow_nan=False) + "\n"
    files.write_all({path.with_suffix(".json"): numbers, path: report.html})


def build_report(
    d: Network, certificate: "Sequence[Evidence]", *, command: str, numbers: str, nngp_only: bool, progress: Progress
) -> Report:
    """Make the page and its numbers.

    Parameters
    ----------
    d
        The network.
    certificate
        The checks that were made.
    command
        The command line, which the page states.
    numbers
        Name of the JSON file, which the page states.
    nngp_only
        Whether to leave out all but the NNGP kernel.
    progress
        Is called with the fraction done.
    """
    at = setting.chosen(d)
    kernel = compiled(d)
    drawn = list(kernel_figures.figures(d, kernel, at, nngp_only))
    progress(0.1)
    p = None if nngp_only else phases_section.expanded(d)
    phases = phases_section.record(p)
    progress(0.2)
    if nngp_only and not d.diverges:
        learning = Learning(Absent("learning", "Learning curves", "only the NNGP kernel was asked for"))
    else:
        learning = learning_figures.learning(d, kernel, at, lambda fraction: progress(0.2 + 0.7 * fraction))
    progress(0.9)
    expansions = [] if p is None else list(learning_figures.expansions(p, learning, at))
    figures = [*drawn, *expansions, learning.figure]
    activations = [each for each in drawn if each.id.startswith("activation")]
    kernels = [each for each in drawn if each not in activations]
    made_with = versions()
    parts: list[tuple[str, str, Markup]] = [
        ("network", "Activation", sections.network(d, activations)),
        ("derivation", "Derivation", sections.derivation(d)),
        ("dual", "Dual kernel", sections.duals(d)),
        ("recursion", "Recursion", sections.recursion(d)),
        ("kernels", "NNGP, NTK, NDK", sections.kernels(d, nngp_only, kernels)),
        ("phases", "Phases", phases_section.section(d, p)),
        ("learning", "Learning", sections.learning(learning, expansions)),
        ("certificate", "Certificate", sections.certificate(certificate)),
        ("code", "Code", sections.code(d)),
        ("made", "Versions", sections.made(command, numbers, made_with)),
    ]
    page = html.page(
        sections.title(d),
        sections.tally(certificate),
        contents=[(anchor, label) for anchor, label, _ in parts],
        sections=[markup for _, _, markup in parts[:-1]],
        closing=parts[-1][2],
    )
    document = {
        "schema": _SCHEMA,
        "command": command,
        "versions": made_with,
        "derivation": text.document(d, certificate, expand=False, nngp_only=nngp_only or d.diverges),
        "phases": phases,
        "physics": records.document(at),
        "simulation": learning_figures.agreement(learning),
        "figures": {each.id: _numbers(each) for each in figures},
    }
    return Report(page, document)


def versions() -> dict[str, str | None]:
    """Versions of ndksym, Python and the packages that compute; None for one that is not installed."""
    out: dict[str, str | None] = {"ndksym": metadata.version("ndksym"), "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            out[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            out[name] = None
    return out


def _numbers(figure: Figure | Absent) -> dict[str, object]:
    if isinstance(figure, Absent):
        return {"title": figure.title, "reason": figure.reason}
    return {"title": figure.title, "caption": figure.caption, **records.document(figure.content)}
