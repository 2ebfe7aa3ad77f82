"""One command for one figure: refuse first, then work with progress shown, then write the picture and its numbers."""

import argparse
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ndksym
from derivations.gallery import sheet
from derivations.gallery.sheet import Sheet
from ndksym.cli import console
from ndksym.errors import InputError
from ndksym.output import draw, progress, records

__all__ = ["Tell", "main", "part", "produce"]

Tell = Callable[[float], None]
"""To be called with the fraction done."""
_USED = ("numpy", "scipy", "sympy", "scikit-learn", "matplotlib")


def main(name: str, chosen: Any, make: Callable[[Any, Tell], Sheet]) -> None:
    """What `python -m derivations.gallery.NAME` does; exit codes as those of ndksym."""
    parser = argparse.ArgumentParser(prog=f"python -m derivations.gallery.{name}", description=make.__doc__)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the picture and its JSON go")
    parser.add_argument("--format", default="png", choices=[each[1:] for each in draw.FORMATS])
    asked = parser.parse_args()
    sys.exit(console.exit_code(lambda: print(produce(name, chosen, make, asked.out, asked.format)), parser.prog))


def produce(name: str, chosen: Any, make: Callable[[Any, Tell], Sheet], folder: Path, ending: str = "png") -> Path:
    """Make the figure and write it to folder/name.ending, its numbers beside it.

    Errors: InputError, before any work, for a folder that cannot be written.
    """
    path = folder / f"{name}.{ending}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} is no folder and cannot be made one: {error.strerror}") from error
    draw.check(path)
    with progress.plain_warnings(), progress.bar(name) as tell:
        found = make(chosen, tell)
    draw.save(sheet.draw(found), path, {"figure": name, **_stamp(name, chosen), **records.document(found)})
    return path


def part(tell: Tell, index: int, count: int) -> Tell:
    """The progress of the index-th of `count` pieces of work."""
    return lambda fraction: tell((index + fraction) / count)


def _stamp(name: str, chosen: Any) -> dict[str, Any]:
    used = {each: version(each) for each in _USED}
    return {
        "command": f"python -m derivations.gallery.{name} --out FOLDER",
        "parameters": records.document(chosen),
        "versions": {"ndksym": ndksym.__version__, "python": platform.python_version(), **used},
    }
