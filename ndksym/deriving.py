"""What `ndksym derive` does, and what other commands share with it: from the words of a command line to a network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ndksym.errors import CheckFailedError, InputError

if TYPE_CHECKING:
    from ndksym.derivation import Derivation
    from ndksym.verify import Evidence

__all__ = ["Options", "check", "judge", "network", "source"]


@dataclass(frozen=True)
class Options:
    """What is to be shown of a derivation, and where."""

    expand: bool
    nngp_only: bool
    code: str | None = None
    latex: Path | None = None


def check(options: Options) -> None:
    """Refuse, before any work, what does not go together or cannot be written."""
    from ndksym import files

    if options.latex is None:
        return
    if options.code is not None:
        raise InputError("--code prints the code and nothing else; leave out --latex, or --code")
    files.check_writable(options.latex)


def network(activations: list[str], depth: int | None, bias: bool) -> "Derivation":
    """One activation for every hidden layer, or one for each; errors are those of `ndksym.derive`."""
    from ndksym.derivation import derive

    if len(activations) == 1:
        return derive(activations[0], depth=1 if depth is None else depth, bias=bias)
    if depth is not None and depth != len(activations):
        raise InputError(f"{len(activations)} activations make depth {len(activations)}, but --depth says {depth}")
    return derive(activations, depth=len(activations), bias=bias)


def source(d: "Derivation", backend: str) -> str:
    """The generated module of a network."""
    from ndksym import generation

    return generation.source(" ".join(act.name for act in d.activations), d, backend)


def judge(results: "Iterable[tuple[str, Sequence[Evidence]]]") -> None:
    """CheckFailedError that names what failed, if anything did."""
    failed = [f"{name}: {e.rung}: {e.claim}" for name, evidence in results for e in evidence if e.failed]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))
