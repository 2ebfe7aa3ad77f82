"""Temporary files and folders that go when their process is done with them; those of a killed process go with the next."""

import contextlib
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = ["folder", "link", "named", "sweep", "unnamed"]

_PREFIX = ".ndksym-"
"""What is called so and is not locked was left behind. Windows has no such locks; there nothing is swept."""


def named(parent: Path, mode: int) -> tuple[int, Path]:
    """A new locked file, open to read and write, and its path; the umask is taken off `mode`."""
    while True:
        path = _new(parent)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        if _locked(handle, path):
            return handle, path
        os.close(handle)


def unnamed(parent: Path, mode: int) -> int | None:
    """A new file without a name, which nothing can leave behind; None where the system has no such files."""
    if sys.platform != "linux" or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        handle = os.open(parent, os.O_TMPFILE | os.O_RDWR, mode)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def link(handle: int, parent: Path) -> Path:
    """Give an unnamed file a temporary name."""
    path = _new(parent)
    # only with a folder, though it plays no part here, does Python follow the link that /proc has for an open file
    os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
    return path


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """A new private folder, removed with all that is in it when the block ends."""
    sweep(parent)
    handle, path = _made(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def sweep(parent: Path) -> None:
    """Remove what killed processes of this user have left in a folder."""
    if sys.platform == "win32":
        return
    try:
        names = [name for name in os.listdir(parent) if name.startswith(_PREFIX)]
    except OSError:
        return
    for name in names:
        # in use, gone meanwhile, or not ours: each is a reason to leave it alone
        with contextlib.suppress(OSError):
            _remove(parent / name)


def _new(parent: Path) -> Path:
    return parent / f"{_PREFIX}{secrets.token_hex(6)}"


def _made(parent: Path) -> tuple[int | None, Path]:
    while True:
        path = _new(parent)
        path.mkdir(mode=0o700)
        if sys.platform == "win32":
            return None, path
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY)
            if _locked(handle, path):
                return handle, path
            os.close(handle)


def _locked(handle: int, path: Path) -> bool:
    """Mark as in use; False if a sweep was faster and has removed it. A file system without locks is not swept."""
    if sys.platform == "win32":
        return True
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid():
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(handle)
