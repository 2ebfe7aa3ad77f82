"""Generated code on disk: what a case's folder must hold, what it holds, and the difference."""

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

__all__ = ["Report", "generate"]

_SHOWN = 40


@dataclass(frozen=True)
class Report:
    """Paths written, found as they should be, and (with `check`) stale, missing or orphaned, with their difference."""

    written: list[str]
    unchanged: list[str]
    stale: list[str]
    difference: str
    command: str

    def __str__(self) -> str:
        lines = [f"wrote {path}" for path in self._shown(self.written)]
        lines += [f"stale {path}" for path in self._shown(self.stale)]
        lines.append(f"{len(self.written)} written, {len(self.unchanged)} unchanged, {len(self.stale)} stale")
        return "\n".join(lines) + (f"\n{self.difference}" if self.difference else "")

    @staticmethod
    def _shown(paths: Sequence[str]) -> list[str]:
        """The copy of the runtime counts as one."""
        return list(
            dict.fromkeys(
                str(Path(path).parent) if Path(path).parent.name == standalone.PACKAGE else path for path in paths
            )
        )


def generate(
    names: Sequence[str], *, out: Path | None = None, depth: int | None = None, bias: bool = False, check: bool = False
) -> Report:
    """Write (or `check`) the code of the cases named, all of them if none; other activations need `out`.

    The code of one network goes into `out` itself, that of several into a folder each.
    """
    known = [each.id for each in cases()]
    if not names and not known:
        raise InputError(
            f"there are no cases here: they are the files of {FOLDER}, which only a clone of the repository has; name an "
            "activation and a folder instead, as in: ndksym generate relu --out FOLDER"
        )
    root = FOLDER.parent / "generated" if out is None else out
    wanted: dict[Path, str] = {}
    for name in names or known:
        if name in known and depth is None and not bias:
            found = case(name)
            texts = expected(name, found.derivation, found.backends)
        elif out is None:
            raise InputError(
                f"{name!r} is not a case ({', '.join(known) or 'there are none here'}); "
                "for any other activation say where to: --out FOLDER"
            )
        else:
            texts = expected(name, derive(name, depth=depth, bias=bias), runnable_names())
        alone = out is not None and len(names) == 1
        folder = root if alone else root / (name if name in known else _folder_name(name))
        wanted |= {folder / file: text for file, text in texts.items()}
    if check:
        return _compare(wanted, root, everything=not names and out is None)
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; --out names a folder")
    folders = dict.fromkeys(path.parent for path in wanted)
    parts = ({path: text for path, text in wanted.items() if path.parent == folder} for folder in folders)
    written = [str(path) for part in parts for path in files.write_all(part)]
    return Report(written, [str(p) for p in wanted if str(p) not in written], [], "", "")


def _folder_name(text: str) -> str:
    """The text itself where it is a plain word, else what is readable of it and a hash: no two texts share a folder, not even
    where a file system ignores case.

    >>> _folder_name("gelu"), _folder_name("x**2+x"), _folder_name("x*2+x")
    ('gelu', 'x_2_x_ee85254c', 'x_2_x_7fffacf1')
    """
    readable = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
    return text if readable == text else f"{readable or 'network'}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _orphan(path: Path, wanted: dict[Path, str]) -> bool:
    return path.is_file() and path not in wanted and path.parent.name != "__pycache__"


def _compare(wanted: dict[Path, str], root: Path, everything: bool) -> Report:
    stale, difference = [], []
    for path, text in wanted.items():
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if there != text:
            stale.append(str(path))
            lines = difflib.unified_diff(there.splitlines(), text.splitlines(), str(path), "regenerated", lineterm="")
            difference += list(lines)[:_SHOWN]
    if everything:
        stale += [f"{path} (orphan)" for path in sorted(root.rglob("*")) if _orphan(path, wanted)]
    unchanged = [str(path) for path in wanted if str(path) not in stale]
    return Report([], unchanged, stale, "\n".join(difference), "ndksym generate")
