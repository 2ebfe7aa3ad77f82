"""`ndksym derive`: what to show of a derivation, and the report on it."""

import importlib.util
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ndksym.errors import CheckFailedError, InputError, MissingExtraError

if TYPE_CHECKING:
    from ndksym.derivation import Derivation
    from ndksym.verify import Evidence

__all__ = ["DeriveOptions", "check", "generated_code", "report", "require_passed"]

REPORT_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class DeriveOptions:
    """What the command shows, and which files it writes."""

    expand: bool = False
    nngp_only: bool = False
    code: str | None = None
    latex: Path | None = None
    report: Path | None = None

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs of the certificate; a report has two more."""
        return ("exact", "precise", "oracle", "code") + (() if self.report is None else ("laws", "backends"))


def check(options: DeriveOptions) -> None:
    """Raise InputError, before any work, for options that exclude each other and for files that cannot be written."""
    from ndksym.output import files

    for option, path in {"--latex": options.latex, "--report": options.report}.items():
        if path is None:
            continue
        if options.code is not None:
            raise InputError(f"--code prints the code and nothing else; leave out {option}, or --code")
        files.check_writable(path)
    if options.report is not None:
        _check_report(options.report)


def _check_report(path: Path) -> None:
    """Raise InputError if the path is not a writable .html file; MissingExtraError without Matplotlib."""
    from ndksym.output import files

    if path.suffix not in REPORT_SUFFIXES:
        raise InputError(f"a report is one page of HTML, so the file must be called something.html; got {path}")
    files.check_writable(path.with_suffix(".json"))
    # searched for, not imported: the child process that does the work is not started yet
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('a report needs matplotlib; install it with: pip install "ndksym[plot]"')


def generated_code(d: "Derivation", backend: str) -> str:
    """The source of the module that `compile(backend)` runs."""
    from ndksym.codegen import files

    return files.source(" ".join(act.name for act in d.activations), d, backend)


def report(
    d: "Derivation", certificate: "Sequence[Evidence]", options: DeriveOptions, arguments: Sequence[str]
) -> None:
    """Write the page of --report and its numbers; `arguments` are those of the command line, which the page states."""
    from ndksym.output import progress
    from ndksym.report.build import build_report, write_report

    if options.report is None:
        return
    with progress.plain_warnings(), progress.bar("writing the report") as advance:
        page = build_report(
            d, certificate, command=shlex.join(["ndksym", *arguments]), numbers=options.report.with_suffix(".json").name,
            nngp_only=options.nngp_only, progress=advance,
        )  # fmt: skip
        write_report(page, options.report)
    print(f"wrote {options.report}", file=sys.stderr)


def require_passed(results: "Iterable[tuple[str, Sequence[Evidence]]]") -> None:
    """Raise CheckFailedError that names each failed check."""
    failed = [f"{name}: {e.rung}: {e.claim}" for name, evidence in results for e in evidence if e.failed]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))
