"""C texts as shared libraries: compiled once, kept where only this user can write, and checked before they are loaded."""

import contextlib
import ctypes
import hashlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

from ndksym.codegen import guard
from ndksym.errors import FileError, InputError, MissingExtraError, NdksymError
from ndksym.output import scratch
from ndksym.runtime.compiled import LoadedText
from ndksym.runtime.types import Array

__all__ = ["FLAGS", "library", "opened"]

FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-ffp-contract=off")
"""No -ffast-math; products and sums are not fused, so that all machines round alike."""
_SECONDS = 120


def opened(text: str) -> LoadedText:
    """A C text, compiled and loaded; errors as in `library`."""
    loaded = library(text)

    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        inputs = [np.ascontiguousarray(array) for array in arrays]
        results = [np.empty(arrays[0].shape) for _ in range(outputs)]
        call = getattr(loaded, f"ndk_{function}")
        call.restype = None
        call(ctypes.c_size_t(arrays[0].size), *(ctypes.c_void_p(array.ctypes.data) for array in (*inputs, *results)))
        return results

    every = range(ctypes.c_int.in_dll(loaded, "ndk_layers").value)
    addresses = [ctypes.addressof(ctypes.c_char.in_dll(loaded, f"ndk_layer_{n}")) for n in every]
    return LoadedText(opened, text, [json.loads(ctypes.string_at(address)) for address in addresses], run)


def library(text: str) -> ctypes.CDLL:
    """The library of a text, compiled unless the same text, header, compiler and flags were compiled before.

    Errors: MissingExtraError without a compiler, InputError for a CC that is no command, NdksymError for what the compiler
    refuses, FileError where no folder can hold the library.
    """
    compiler = _compiler()
    header = files("ndksym.runtime").joinpath("ndk_support.h").read_text(encoding="utf-8")
    key = hashlib.sha256("\0".join([text, header, *compiler, *FLAGS, sys.platform]).encode()).hexdigest()
    cache = _cache()
    kept = None if cache is None else _kept(cache, key)
    if kept is not None:
        return kept
    trouble = ""
    for place in _places(cache):
        try:
            with scratch.folder(place) as work:
                built = _built(work, compiler, text, header)
                found = ctypes.CDLL(str(built))
                if place == cache:
                    os.replace(built, cache / _name(key, built.read_bytes()))
                return found
        except OSError as error:
            trouble = str(error)
    raise FileError(f"the compiled code cannot be written and loaded: {trouble or 'there is no folder for it'}")


def _kept(cache: Path, key: str) -> ctypes.CDLL | None:
    """A library that was kept; what is damaged is removed, for loading half of one may end the process."""
    for path in cache.glob(_name(key, None)):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(path.lstat().st_mode) and path.name == _name(key, path.read_bytes()):
                return ctypes.CDLL(str(path))
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def _name(key: str, content: bytes | None) -> str:
    """What a library is called: its source, and the bytes it has."""
    return f"{key}-{'*' if content is None else hashlib.sha256(content).hexdigest()[:32]}.so"


def _places(cache: Path | None) -> Iterator[Path]:
    if cache is not None:
        yield cache
    with contextlib.suppress(FileNotFoundError):
        yield Path(tempfile.gettempdir())


def _built(work: Path, compiler: list[str], text: str, header: str) -> Path:
    source, out = work / "kernel.c", work / "kernel.so"
    source.write_text(text, encoding="utf-8")
    (work / "ndk_support.h").write_text(header, encoding="utf-8")
    try:
        code, said = _run([*compiler, *FLAGS, "-o", str(out), str(source), "-lm"], work)
    except subprocess.TimeoutExpired as error:
        raise NdksymError(f"the C compiler {compiler[0]} did not finish within {_SECONDS} s") from error
    if code == guard.CANNOT_RUN:
        raise MissingExtraError(f"the C compiler {compiler[0]} cannot be run: {said.strip()}. Set CC to one that can")
    if code:
        raise NdksymError(f"the C compiler {compiler[0]} refused the generated code:\n{said[:4000]}")
    if not out.is_file():
        raise NdksymError(f"the C compiler {compiler[0]} has written no library; set CC to one that does")
    return out


def _run(command: list[str], work: Path) -> tuple[int, str]:
    """Exit code and stderr. Its own temporary files are in `work` too, and all of its processes end with this one."""
    guarded = hasattr(os, "killpg") and bool(sys.executable)
    reading, writing = os.pipe()
    with (
        open(reading, "rb") as end,
        open(writing, "wb") as life,
        subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, *command] if guarded else command,
            stdin=end, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "TMPDIR": str(work)}, process_group=0 if guarded else None,
        ) as process,
    ):  # fmt: skip
        try:
            said = process.communicate(timeout=_SECONDS)[1]
        finally:  # what still runs is to end before it is waited for
            life.close() if guarded else process.kill()
    return process.returncode, said


def _compiler() -> list[str]:
    """$CC, or the first of cc, gcc, clang on the path."""
    said = os.environ.get("CC", "")
    try:
        asked = shlex.split(said)
    except ValueError as error:
        raise InputError(f"the environment variable CC is no command, {error}: {said!r}") from error
    for command in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(command[0])
        if found:
            return [os.path.abspath(found), *command[1:]]
    looked = asked[0] if asked else "cc, gcc, clang"
    raise MissingExtraError(
        f"backend 'c' needs a C compiler and none was found (looked for {looked}); "
        "install one, or name it in the environment variable CC, or use another backend"
    )


def _cache() -> Path | None:
    """A folder only this user can write, for what is loaded from it is run; None if there is none."""
    try:
        folder = _base() / "ndksym"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    private = stat.S_ISDIR(status.st_mode) and os.access(folder, os.W_OK)
    if hasattr(os, "getuid"):
        private = private and status.st_uid == os.getuid() and not status.st_mode & 0o077
    return folder if private else None


def _base() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir())
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
