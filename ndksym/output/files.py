"""Files are written whole or not at all, and files that belong together are never from two runs."""

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

__all__ = ["check_writable", "encoded", "together", "whole", "write_all", "write_whole"]


def check_writable(path: Path) -> None:
    """Raise InputError if a file at this path could not be written; call it before the work."""
    try:
        status = _status(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder; name a file in it")
        folder = _target(path).parent
        if not folder.is_dir():
            raise InputError(f"cannot write {path}: the folder {folder} does not exist")
        if status is not None and not os.access(path, os.W_OK):
            raise InputError(f"cannot write {path}: permission denied")
        if status is None or stat.S_ISREG(status.st_mode):
            _Draft(path).drop()
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} cannot be the name of a file") from error


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a stream; when the block ends, one rename puts it at `path`, and if it is interrupted, nothing is left.

    Links are followed. An existing file keeps its mode, a new one has the mode of the umask. A device or a pipe is written
    to directly. Raises FileError for what the system refuses.
    """
    with together(path) as (stream,):
        yield stream


@contextlib.contextmanager
def together(*paths: Path) -> Iterator[tuple[IO[bytes], ...]]:
    """Do the same as `whole` for files that belong together: old files never lie beside new ones.

    At the end of the block, all old files but the first are removed, then the new files are put in place in this order. So
    if the last file exists, all files do, and are from the same run.
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
    """Write the text to `path`; False if the file had this content already."""
    return bool(write_all({path: text}))


def write_all(texts: Mapping[Path, str]) -> list[Path]:
    """Write texts `together`, except those that the files contain already; returns the paths that were written."""
    contents = {path: encoded(text) for path, text in texts.items()}
    changed = [path for path, content in contents.items() if _content(path) != content]
    for folder in {path.parent for path in contents}:
        scratch.sweep(folder)
    with together(*changed) as streams:
        for path, stream in zip(changed, streams, strict=True):
            stream.write(contents[path])
    return changed


def encoded(text: str) -> bytes:
    """The text in UTF-8; bytes of a file name that are no UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace")


class _Draft:
    """The future content of a file, in a temporary file beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name: Path | None = None
        self.made: list[Path] = []
        status = _status(path)
        self.device = status is not None and not stat.S_ISREG(status.st_mode)
        if self.device:
            self.stream: IO[bytes] = io.BytesIO()
            return
        self.target = _target(path)
        folder = self.target.parent
        self.made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        scratch.sweep(folder)
        mode = 0o666 if status is None else 0o600
        handle = scratch.unnamed(folder, mode)
        if handle is None:
            handle, self.name = scratch.named(folder, mode)
        self.stream = os.fdopen(handle, "w+b")
        if status is not None and sys.platform != "win32":
            with contextlib.suppress(OSError):  # a user who may write a file need not own it
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, stat.S_IMODE(status.st_mode))

    def clear(self) -> None:
        """Remove the old file."""
        if not self.device:
            self.target.unlink(missing_ok=True)

    def place(self) -> None:
        """Put the new file in place."""
        if self.device:
            assert isinstance(self.stream, io.BytesIO)
            self.path.write_bytes(self.stream.getvalue())
            return
        if self.name is None:
            self.name = scratch.link(self.stream.fileno(), self.target.parent)
        if sys.platform == "win32":  # Windows renames no open file; elsewhere the lock protects it until the rename
            self.stream.close()
        os.replace(self.name, self.target)
        self.name, self.made = None, []

    def drop(self) -> None:
        """Close the draft, and remove it with its folders if it was not put in place."""
        with contextlib.suppress(OSError):  # the disk is full, which was reported before
            self.stream.close()
        if self.name is not None:
            self.name.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the folder is not empty: another file was put there
            for folder in self.made:
                folder.rmdir()


def _status(path: Path) -> os.stat_result | None:
    """The status of what is at the path, links followed; None if nothing is."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _target(path: Path) -> Path:
    """The end of a chain of links."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _content(path: Path) -> bytes | None:
    """The content of a plain file; None if it cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
