"""What `ndksym derive` does, and what other commands share with it: from the words of a command line to a network."""

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
    from ndksym.dynamics.tasks import Task
    from ndksym.verify import Evidence

__all__ = ["Options", "asked", "check", "judge", "network", "report", "source"]

REPORTS = (".html", ".htm")


@dataclass(frozen=True)
class Options:
    """What is to be shown of a derivation, and where."""

    expand: bool
    nngp_only: bool
    code: str | None = None
    latex: Path | None = None
    report: Path | None = None

    @property
    def rungs(self) -> tuple[str, ...]:
        """Those of the certificate: a report has them all but the slow one."""
        return ("exact", "precise", "oracle", "code") + (() if self.report is None else ("laws", "backends"))


def check(options: Options) -> None:
    """Refuse, before any work, what does not go together or cannot be written."""
    from ndksym.output import files

    given = {"--latex": options.latex, "--report": options.report}
    for option, path in given.items():
        if path is None:
            continue
        if options.code is not None:
            raise InputError(f"--code prints the code and nothing else; leave out {option}, or --code")
        files.check_writable(path)
    if options.report is not None:
        check_report(options.report)


def check_report(path: Path) -> None:
    """Refuse what a report cannot be called, and what it would be put in the place of."""
    from ndksym.output import files

    if path.suffix not in REPORTS:
        raise InputError(f"a report is one page of HTML, so the file must be called something.html; got {path}")
    files.check_writable(path.with_suffix(".json"))
    # found, not imported: the work is still to be handed to a child
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('a report needs matplotlib; install it with: pip install "ndksym[plot]"')


def network(activations: list[str], depth: int | None, bias: bool) -> "Derivation":
    """One activation for every hidden layer, or one for each; errors are those of `ndksym.derive`."""
    from ndksym.derivation import derive

    if len(activations) == 1:
        return derive(activations[0], depth=1 if depth is None else depth, bias=bias)
    if depth is not None and depth != len(activations):
        raise InputError(f"{len(activations)} activations make depth {len(activations)}, but --depth says {depth}")
    return derive(activations, depth=len(activations), bias=bias)


def asked(
    source: str, train: int | None, seed: int, activation: list[str], depth: int | None, bias_scale: float
) -> "tuple[Task, Derivation]":
    """The task and the network of a command, with what is being done on stderr."""
    from ndksym.dynamics import tasks
    from ndksym.output import progress

    with progress.spinner(f"reading {source}"):
        task = tasks.load(source, train=train, seed=seed)
    with progress.spinner(f"deriving {', '.join(activation)}"):
        return task, network(activation, depth, bias_scale != 0)


def source(d: "Derivation", backend: str) -> str:
    """The generated module of a network."""
    from ndksym.codegen import files

    return files.source(" ".join(act.name for act in d.activations), d, backend)


def report(d: "Derivation", certificate: "Sequence[Evidence]", options: Options, words: Sequence[str]) -> None:
    """Write the page and the numbers of its figures; `words` are those of the command."""
    from ndksym import report as pages
    from ndksym.output import progress

    if options.report is None:
        return
    with progress.plain_warnings(), progress.bar("writing the report") as tell:
        found = pages.build(
            d, certificate, command=shlex.join(["ndksym", *words]), numbers=options.report.with_suffix(".json").name,
            nngp_only=options.nngp_only, progress=tell,
        )  # fmt: skip
        pages.write(found, options.report)
    print(f"wrote {options.report}", file=sys.stderr)


def judge(results: "Iterable[tuple[str, Sequence[Evidence]]]") -> None:
    """CheckFailedError that names what failed, if anything did."""
    failed = [f"{name}: {e.rung}: {e.claim}" for name, evidence in results for e in evidence if e.failed]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))
