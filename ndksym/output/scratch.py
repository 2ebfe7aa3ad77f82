"""Temporary files and folders: a process removes its own, and the next process removes those of a killed one."""

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
"""A name with this prefix that is not locked was left behind. Windows has no such locks; nothing is swept there."""


def named(parent: Path, mode: int) -> tuple[int, Path]:
    """A new locked file, open to read and write, and its path; its mode is `mode` without the bits of the umask."""
    while True:
        path = _new_name(parent)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        if _locked(handle, path):
            return handle, path
        os.close(handle)


def unnamed(parent: Path, mode: int) -> int | None:
    """A new file without a name, which disappears with its process; None where the system has no such files."""
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
    path = _new_name(parent)
    # src_dir_fd is not used for an absolute path, but Python follows the link in /proc only if it is given
    os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
    return path


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Yield a new private folder; it is removed with its content when the block ends."""
    sweep(parent)
    handle, path = _new_folder(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def sweep(parent: Path) -> None:
    """Remove what killed processes of this user left in a folder."""
    if sys.platform == "win32":
        return
    try:
        names = [name for name in os.listdir(parent) if name.startswith(_PREFIX)]
    except OSError:
        return
    for name in names:
        # in use, removed meanwhile, or of another user
        with contextlib.suppress(OSError):
            _remove(parent / name)


def _new_name(parent: Path) -> Path:
    return parent / f"{_PREFIX}{secrets.token_hex(6)}"


def _new_folder(parent: Path) -> tuple[int | None, Path]:
    while True:
        path = _new_name(parent)
        path.mkdir(mode=0o700)
        if sys.platform == "win32":
            return None, path
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY)
            if _locked(handle, path):
                return handle, path
            os.close(handle)


def _locked(handle: int, path: Path) -> bool:
    """Lock a file or folder; False if a sweep removed it before. Where a file system has no locks, nothing is swept."""
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
        status = os.fstat(handle)
        if status.st_uid != os.geteuid():
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(handle)
