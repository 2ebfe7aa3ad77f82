"""The command of a figure: check the path, compute with a progress bar, write the picture and its numbers."""

import argparse
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from ndksym.cli import console
from ndksym.errors import InputError
from ndksym.output import draw, progress, records
from ndksym.output.figure import Sheet
from ndksym.output.sheet import draw_sheet
from ndksym.runtime.arguments import Progress

__all__ = ["main", "part", "produce"]

_PACKAGES = ("ndksym", "numpy", "scipy", "sympy", "scikit-learn", "matplotlib")

Parameters = TypeVar("Parameters")


def main(name: str, parameters: Parameters, make: Callable[[Parameters, Progress], Sheet]) -> None:
    """Run `python -m derivations.gallery.NAME`; its exit codes are those of ndksym."""
    parser = argparse.ArgumentParser(prog=f"python -m derivations.gallery.{name}", description=make.__doc__)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder of the picture and its JSON")
    parser.add_argument("--format", default="png", choices=[suffix[1:] for suffix in draw.FORMATS])
    given = parser.parse_args()
    sys.exit(console.exit_code(lambda: print(produce(name, parameters, make, given.out, given.format)), parser.prog))


def produce(
    name: str, parameters: Parameters, make: Callable[[Parameters, Progress], Sheet], folder: Path, suffix: str = "png"
) -> Path:
    """Make the figure, and write it to folder/name.suffix and its numbers to folder/name.json.

    Raises InputError, before any work, for a folder that cannot be written.
    """
    path = folder / f"{name}.{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} is no folder and cannot be made one: {error.strerror}") from error
    draw.check(path)
    with progress.plain_warnings(), progress.bar(name) as advance:
        sheet = make(parameters, advance)
    numbers = {
        "figure": name,
        "command": f"python -m derivations.gallery.{name} --out FOLDER",
        "parameters": records.document(parameters),
        "versions": {"python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
        **records.document(sheet),
    }
    draw.save(draw_sheet(sheet), path, numbers)
    return path


def part(progress: Progress, index: int, count: int) -> Progress:
    """The progress of the piece of work with this index, out of `count` pieces."""
    return lambda fraction: progress((index + fraction) / count)
