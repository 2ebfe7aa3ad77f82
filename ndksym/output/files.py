"""Files are written whole or not at all, and those that belong together are never of two runs."""

import contextlib
import errno
import io
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from ndksym.errors import FileError, InputError, NdksymError
from ndksym.output import scratch

__all__ = ["check_writable", "together", "whole", "write_all", "write_whole"]


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written, before the work that would fill it starts."""
    try:
        found = _status(path)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise InputError(f"{path} is a folder; name a file in it")
        folder = _target(path).parent
        if not folder.is_dir():
            raise InputError(f"cannot write {path}: the folder {folder} does not exist")
        if found is not None and not os.access(path, os.W_OK):
            raise InputError(f"cannot write {path}: permission denied")
        if found is None or stat.S_ISREG(found.st_mode):
            _Draft(path).drop()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} cannot be the name of a file") from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A stream that takes the place of `path` by one rename when the block ends, and vanishes if it is interrupted.

    A link is followed, a file that is there keeps its mode, and a new one has that of the umask; a device or a pipe is
    written to as it is.

    Errors: FileError for what the system refuses.
    """
    with together(path) as (stream,):
        yield stream


@contextlib.contextmanager
def together(*paths: Path) -> Iterator[tuple[IO[bytes], ...]]:
    """`whole` for files that belong together: at no time do some of the old ones lie beside some of the new ones.

    Where the last is there, all are: old ones but the first are removed, and then all are put in place in this order.
    """
    drafts: list[_Draft] = []
    try:
        drafts += map(_Draft, paths)
        yield tuple(draft.stream for draft in drafts)
        for draft in drafts:
            draft.stream.flush()
        for draft in reversed(drafts[1:]):
            draft.clear()
        for draft in drafts:
            draft.place()
    except OSError as error:
        if isinstance(error, NdksymError):
            raise
        raise FileError(f"cannot write {', '.join(map(str, paths))}: {error.strerror or error}") from error
    finally:
        for draft in reversed(drafts):
            draft.drop()


def write_whole(path: Path, text: str) -> bool:
    """Put `text` in place; False if it stood there already."""
    return bool(write_all({path: text}))


def write_all(texts: Mapping[Path, str]) -> list[Path]:
    """Put texts in place `together`, but for those that stand there already; the paths of the others."""
    contents = {path: encoded(text) for path, text in texts.items()}
    changed = [path for path, content in contents.items() if _content(path) != content]
    for folder in {path.parent for path in contents}:
        scratch.sweep(folder)
    with together(*changed) as streams:
        for path, stream in zip(changed, streams, strict=True):
            stream.write(contents[path])
    return changed


def encoded(text: str) -> bytes:
    """UTF-8; what a file name holds that is no UTF-8 is written as an escape."""
    return text.encode("utf-8", "backslashreplace")


class _Draft:
    """What will be the content of a file, where nobody sees it yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name: Path | None = None
        self.made: list[Path] = []
        found = _status(path)
        self.device = found is not None and not stat.S_ISREG(found.st_mode)
        if self.device:
            self.stream: IO[bytes] = io.BytesIO()
            return
        self.target = _target(path)
        folder = self.target.parent
        self.made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(folder)
        mode = 0o666 if found is None else 0o600
        handle = scratch.unnamed(folder, mode)
        if handle is None:
            handle, self.name = scratch.named(folder, mode)
        self.stream = os.fdopen(handle, "w+b")
        if found is not None and sys.platform != "win32":
            with contextlib.suppress(OSError):  # who may write a file need not own it
                os.fchown(handle, found.st_uid, found.st_gid)
            os.fchmod(handle, stat.S_IMODE(found.st_mode))

    def clear(self) -> None:
        """Remove the old file."""
        if not self.device:
            self.target.unlink(missing_ok=True)

    def place(self) -> None:
        """Put the new file where the old one was."""
        if self.device:
            assert isinstance(self.stream, io.BytesIO)
            self.path.write_bytes(self.stream.getvalue())
            return
        if self.name is None:
            self.name = scratch.link(self.stream.fileno(), self.target.parent)
        if sys.platform == "win32":  # renames no open file; elsewhere the lock is kept until there is nothing to sweep
            self.stream.close()
        os.replace(self.name, self.target)
        self.name, self.made = None, []

    def drop(self) -> None:
        """Close it, and remove what has not been put in place, with the folders that were made for it."""
        with contextlib.suppress(OSError):  # of a full disk that has been complained about
            self.stream.close()
        if self.name is not None:
            self.name.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: another file has been put there
            for folder in self.made:
                folder.rmdir()


def _status(path: Path) -> os.stat_result | None:
    """Of what is there, links followed; None if nothing is."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _target(path: Path) -> Path:
    """What a chain of links ends in."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _content(path: Path) -> bytes | None:
    """Of a plain file that can be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
