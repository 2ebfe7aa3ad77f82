"""C texts as shared libraries: compiled once, stored where only this user can write, and checked before they are loaded."""

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
"""Without -ffast-math and without fused products and sums, so that rounding is the same on all machines."""
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
    """The library of a text; it is compiled unless the same text, header, compiler and flags were compiled before.

    Raises MissingExtraError without a compiler, InputError if CC is no command, NdksymError if the compiler refuses the text,
    FileError if no folder can be written.
    """
    compiler = _compiler()
    header = files("ndksym.runtime").joinpath("ndk_support.h").read_text(encoding="utf-8")
    key = hashlib.sha256("\0".join([text, header, *compiler, *FLAGS, sys.platform]).encode()).hexdigest()
    cache = _cache()
    stored = None if cache is None else _stored(cache, key)
    if stored is not None:
        return stored
    trouble = ""
    for place in _places(cache):
        try:
            with scratch.folder(place) as work:
                built = _built(work, compiler, text, header)
                loaded = ctypes.CDLL(str(built))
                if place == cache:
                    os.replace(built, cache / _name(key, built.read_bytes()))
                return loaded
        except OSError as error:
            trouble = str(error)
    raise FileError(f"the compiled code cannot be written and loaded: {trouble or 'there is no folder for it'}")


def _stored(cache: Path, key: str) -> ctypes.CDLL | None:
    """The stored library; a damaged file is removed, because loading a part of a library may crash the process."""
    for path in cache.glob(_name(key, None)):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(path.lstat().st_mode) and path.name == _name(key, path.read_bytes()):
                return ctypes.CDLL(str(path))
        with contextlib.suppress(OSError):
            path.unlink()
    return None


def _name(key: str, content: bytes | None) -> str:
    """The file name of a library, made from its source and its bytes."""
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
        code, message = _run([*compiler, *FLAGS, "-o", str(out), str(source), "-lm"], work)
    except subprocess.TimeoutExpired as error:
        raise NdksymError(f"the C compiler {compiler[0]} did not finish within {_SECONDS} s") from error
    if code == guard.CANNOT_RUN:
        raise MissingExtraError(
            f"the C compiler {compiler[0]} cannot be run: {message.strip()}. Set CC to one that can"
        )
    if code:
        raise NdksymError(f"the C compiler {compiler[0]} refused the generated code:\n{message[:4000]}")
    if not out.is_file():
        raise NdksymError(f"the C compiler {compiler[0]} has written no library; set CC to one that does")
    return out


def _run(command: list[str], work: Path) -> tuple[int, str]:
    """Run a command; return its exit code and stderr. Its temporary files are in `work`, and its processes end with this one."""
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
            message = process.communicate(timeout=_SECONDS)[1]
        finally:  # end what still runs, before waiting for it
            life.close() if guarded else process.kill()
    return process.returncode, message


def _compiler() -> list[str]:
    """$CC, or the first of cc, gcc, clang on the path."""
    text = os.environ.get("CC", "")
    try:
        chosen = shlex.split(text)
    except ValueError as error:
        raise InputError(f"the environment variable CC is no command, {error}: {text!r}") from error
    for command in [chosen] if chosen else [["cc"], ["gcc"], ["clang"]]:
        path = shutil.which(command[0])
        if path:
            return [os.path.abspath(path), *command[1:]]
    tried = chosen[0] if chosen else "cc, gcc, clang"
    raise MissingExtraError(
        f"backend 'c' needs a C compiler and none was found (looked for {tried}); "
        "install one, or name it in the environment variable CC, or use another backend"
    )


def _cache() -> Path | None:
    """A folder that only this user can write, since libraries from it are run; None if there is none."""
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
