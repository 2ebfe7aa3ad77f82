"""Files are written whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ndksym.errors import InputError


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written, before the work that would fill it starts."""
    parent = path.parent
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {parent} does not exist")
    if not os.access(path if path.exists() else parent, os.W_OK):
        raise InputError(f"cannot write {path}: permission denied")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A stream that takes the place of `path` by one rename when the block ends, and vanishes if it is interrupted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def write_whole(path: Path, text: str) -> bool:
    """Put `text` in place by one rename; False if it stood there already."""
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return False
    with whole(path) as stream:
        stream.write(content)
    return True
