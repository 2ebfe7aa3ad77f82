"""`ndksym generate`: write generated code, or compare it with the files that are there."""

import difflib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ndksym.cases import FOLDER, case, cases
from ndksym.codegen import standalone
from ndksym.codegen.backends import runnable_names
from ndksym.codegen.files import expected
from ndksym.derivation import derive
from ndksym.errors import InputError
from ndksym.output import files

__all__ = ["Generated", "generate"]

_LINES = 40
"""Lines of the difference that are shown for each file."""


@dataclass(frozen=True)
class Generated:
    """Paths that were written or had the right content; after a check, those that differ, with the difference.

    `command` refreshes the files that differ.
    """

    written: list[str]
    unchanged: list[str]
    stale: list[str]
    difference: str
    command: str

    def __str__(self) -> str:
        lines = [f"wrote {path}" for path in _without_runtime(self.written)]
        lines += [f"stale {path}" for path in _without_runtime(self.stale)]
        lines.append(f"{len(self.written)} written, {len(self.unchanged)} unchanged, {len(self.stale)} stale")
        return "\n".join(lines) + (f"\n{self.difference}" if self.difference else "")


def generate(
    names: Sequence[str], *, out: Path | None = None, depth: int | None = None, bias: bool = False, check: bool = False
) -> Generated:
    """Write or `check` the code of the cases with these names, of all cases without names; other networks need `out`.

    The code of one network goes into `out` itself, that of several into a folder each.
    """
    case_names = [each.id for each in cases()]
    if not names and not case_names:
        raise InputError(
            f"there are no cases here: they are the files of {FOLDER}, which only a clone of the repository has; name an "
            "activation and a folder instead, as in: ndksym generate relu --out FOLDER"
        )
    root = FOLDER.parent / "generated" if out is None else out
    wanted: dict[Path, str] = {}
    for name in names or case_names:
        if name in case_names and depth is None and not bias:
            chosen = case(name)
            texts = expected(name, chosen.derivation, chosen.backends)
        elif out is None:
            raise InputError(
                f"{name!r} is not a case ({', '.join(case_names) or 'there are none here'}); "
                "for any other activation give a folder: --out FOLDER"
            )
        else:
            texts = expected(name, derive(name, depth=depth, bias=bias), runnable_names())
        alone = out is not None and len(names) == 1
        folder = root if alone else root / (name if name in case_names else _folder_name(name))
        wanted |= {folder / file: text for file, text in texts.items()}
    if check:
        return _compare(wanted, root, with_orphans=not names and out is None)
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    folders = dict.fromkeys(path.parent for path in wanted)
    parts = ({path: text for path, text in wanted.items() if path.parent == folder} for folder in folders)
    written = [str(path) for part in parts for path in files.write_all(part)]
    return Generated(written, [str(p) for p in wanted if str(p) not in written], [], "", "")


def _folder_name(text: str) -> str:
    """The text if it is a plain word, otherwise its letters and digits with a hash.

    No two texts share a folder, not even in a file system that ignores case.

    >>> _folder_name("gelu"), _folder_name("x**2+x"), _folder_name("x*2+x")
    ('gelu', 'x_2_x_ee85254c', 'x_2_x_7fffacf1')
    """
    readable = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
    return text if readable == text else f"{readable or 'network'}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _compare(wanted: dict[Path, str], root: Path, with_orphans: bool) -> Generated:
    """Compare each file with its wanted content; `with_orphans` also lists files that no case generates."""
    stale, difference = [], []
    for path, text in wanted.items():
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if there != text:
            stale.append(str(path))
            lines = difflib.unified_diff(there.splitlines(), text.splitlines(), str(path), "regenerated", lineterm="")
            difference += list(lines)[:_LINES]
    if with_orphans:
        stale += [f"{path} (orphan)" for path in sorted(root.rglob("*")) if _is_orphan(path, wanted)]
    unchanged = [str(path) for path in wanted if str(path) not in stale]
    return Generated([], unchanged, stale, "\n".join(difference), "ndksym generate")


def _is_orphan(path: Path, wanted: dict[Path, str]) -> bool:
    return path.is_file() and path not in wanted and path.parent.name != "__pycache__"


def _without_runtime(paths: Sequence[str]) -> list[str]:
    """The paths, with the folder of the copied runtime in place of its files."""
    shown = (str(Path(path).parent) if Path(path).parent.name == standalone.PACKAGE else path for path in paths)
    return list(dict.fromkeys(shown))
