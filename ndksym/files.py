"""Files are written whole or not at all."""

import os
import tempfile
from pathlib import Path

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


def write_whole(path: Path, text: str) -> bool:
    """Put `text` in place by one rename; False if it stood there already."""
    if path.exists() and path.read_bytes() == text.encode():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    return True
