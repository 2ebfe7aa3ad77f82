"""Generated text → layers to call: NumPy in a namespace of its own, C through the system compiler and ctypes."""

import ctypes
import hashlib
import json
import linecache
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.errors import InputError, MissingExtraError, NdksymError, NotDerivableError
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

if TYPE_CHECKING:
    from ndksym.codegen.emit import Source

__all__ = ["Compiled", "compile_layers", "load", "network", "opened"]

FLAGS = ("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-ffp-contract=off")
"""No -ffast-math; products and sums are not fused, so that all machines round alike."""
_SECONDS = 120


@dataclass(frozen=True)
class Compiled:
    """One activation, compiled: elementwise functions of float64 arrays of any common shape, and its facts.

    `diag(a)` gives (K, |K|, K_dot, |K_dot|) and `pair(p, q, c, s, k)` the same and what `extra` names: the gap of a
    homogeneous φ, the defect of an oscillating one, or None; |X| is Σ|terms|. Where φ has no closed form both raise
    NotDerivableError.
    """

    name: str
    closed: bool
    parity: str | None
    homogeneity: float | None
    smoothness: float
    breaks: tuple[float, ...]
    strip: float | None
    reach: float
    extra: str | None
    call: Callable[..., Sequence[Array]]

    def phi(self, u: Any) -> Array:
        """φ(u)."""
        return self._run("phi", u)[0]

    def dphi(self, u: Any) -> Array:
        """φ′(u); at a break, from the right."""
        return self._run("dphi", u)[0]

    def ddphi(self, u: Any) -> Array:
        """φ″(u) between the breaks, of a text made with `curvature`."""
        return self._run("ddphi", u)[0]

    def diag(self, a: Any) -> tuple[Array, Array, Array, Array]:
        """K(a,a,a) and K_dot(a,a,a), each followed by the sum of its absolute terms."""
        self._check()
        K, K_size, K_dot, K_dot_size = self._run("diag", a)
        return K, K_size, K_dot, K_dot_size

    def pair(self, p: Any, q: Any, c: Any, s: Any, k: Any) -> tuple[Any, ...]:
        """K, K_dot and `extra`, each followed by the sum of its absolute terms."""
        self._check()
        found = self._run("pair", p, q, c, s, k)
        return found if self.extra else (*found, None, None)

    def _check(self) -> None:
        if not self.closed:
            raise NotDerivableError(f"{self.name} has no closed form; only phi and dphi are compiled")

    def _run(self, name: str, *inputs: Any) -> tuple[Array, ...]:
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in inputs))
        with np.errstate(all="ignore"):  # at a break one of the sides may have no value
            return tuple(self.call(name, *arrays))


def compile_layers(sources: "Sequence[Source]", backend: str, case: str = "(in memory)") -> tuple[Compiled, ...]:
    """Emit and load; layer i is `sources[i]`.

    >>> from ndksym.activation import activation
    >>> from ndksym.dual import dual
    >>> relu, = compile_layers([dual(activation("relu"))], "numpy")
    >>> relu.diag([1.0, 4.0])[0]
    array([0.5, 2. ])
    """
    from ndksym.codegen.emit import module  # SymPy: those who only load need none

    return load(module(case, sources, backend), backend)


def load(text: str, backend: str) -> tuple[Compiled, ...]:
    """The layers of a text made by `emit.module`."""
    return _layers(*opened(text, backend))


def network(space: dict[str, Any]) -> Kernel:
    """The kernels of a generated NumPy module, given its names: what its own `network()` returns."""
    layers = _layers(*_of(space))
    return Kernel(tuple(layers[n] for n in space["HIDDEN"]), space["BIAS"], "numpy")


def _layers(facts: list[dict[str, Any]], run: "Run") -> tuple[Compiled, ...]:
    def caller(n: int, extra: bool) -> Callable[..., Sequence[Array]]:
        outputs = {"phi": 1, "dphi": 1, "ddphi": 1, "diag": 4, "pair": 6 if extra else 4}
        return lambda which, *arrays: run(f"{which}_{n}", outputs[which], *arrays)

    return tuple(
        Compiled(**{**known, "breaks": tuple(known["breaks"])}, call=caller(n, known["extra"] is not None))
        for n, known in enumerate(facts)
    )


Run = Callable[..., list[Array]]
"""run(function, number of outputs, *arrays)."""


def opened(text: str, backend: str) -> tuple[list[dict[str, Any]], Run]:
    """The facts of each layer of a text, and a way to call its functions."""
    if backend == "numpy":
        return _open_numpy(text)
    if backend == "c":
        return _open_c(text)
    raise InputError(f"backend {backend!r} cannot be loaded; allowed are numpy, c")


def _open_numpy(text: str) -> tuple[list[dict[str, Any]], Run]:
    name = f"ndksym_generated_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # tracebacks show the source
    space: dict[str, Any] = {"__name__": name}
    exec(compile(text, file, "exec"), space)  # our own text, printed from a closed set of nodes
    return _of(space)


def _of(space: dict[str, Any]) -> tuple[list[dict[str, Any]], Run]:
    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        found = space[function](*arrays)
        results = found if outputs > 1 else (found,)
        return [np.array(x) if any(x is array for array in arrays) else x for x in results]

    return [space[f"LAYER_{n}"] for n in range(space["LAYERS"])], run


def _open_c(text: str) -> tuple[list[dict[str, Any]], Run]:
    library = ctypes.CDLL(str(_built(text)))

    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        inputs = [np.ascontiguousarray(array) for array in arrays]
        found = [np.empty(arrays[0].shape) for _ in range(outputs)]
        call = getattr(library, f"ndk_{function}")
        call.restype = None
        call(ctypes.c_size_t(arrays[0].size), *(ctypes.c_void_p(array.ctypes.data) for array in (*inputs, *found)))
        return found

    layers = range(ctypes.c_int.in_dll(library, "ndk_layers").value)
    texts = [ctypes.addressof(ctypes.c_char.in_dll(library, f"ndk_layer_{n}")) for n in layers]
    return [json.loads(ctypes.string_at(address)) for address in texts], run


def _built(text: str) -> Path:
    """The shared library of a text, compiled unless the same text, header, compiler and flags were compiled before."""
    compiler = _compiler()
    header = files("ndksym.runtime").joinpath("ndk_support.h").read_text(encoding="utf-8")
    key = hashlib.sha256("\0".join([text, header, *compiler, *FLAGS, sys.platform]).encode()).hexdigest()
    folder = _cache()
    target = folder / f"{key}.so"
    if target.is_file() and not target.is_symlink():
        return target
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as work:
        source, out = Path(work, "kernel.c"), Path(work, "kernel.so")
        source.write_text(text, encoding="utf-8")
        Path(work, "ndk_support.h").write_text(header, encoding="utf-8")
        command = [*compiler, *FLAGS, "-o", str(out), str(source), "-lm"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise NdksymError(f"the C compiler {compiler[0]} did not finish within {_SECONDS} s") from error
        except OSError as error:
            message = f"the C compiler {compiler[0]} cannot be run: {error}. Set CC to one that can"
            raise MissingExtraError(message) from error
        if done.returncode:
            raise NdksymError(f"the C compiler {compiler[0]} refused the generated code:\n{done.stderr[:4000]}")
        os.replace(out, target)
    return target


def _compiler() -> list[str]:
    """$CC, or the first of cc, gcc, clang on the path."""
    asked = shlex.split(os.environ.get("CC", ""))
    for command in [asked] if asked else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(command[0])
        if found:
            return [found, *command[1:]]
    looked = asked[0] if asked else "cc, gcc, clang"
    raise MissingExtraError(
        f"backend 'c' needs a C compiler and none was found (looked for {looked}); "
        "install one, or name it in the environment variable CC, or use backend 'numpy'"
    )


def _cache() -> Path:
    """A folder only this user can write: what is loaded from it is run."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir())
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "ndksym"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and os.access(folder, os.W_OK)
        if hasattr(os, "getuid"):
            private = private and status.st_uid == os.getuid() and not status.st_mode & 0o077
    except OSError:
        private = False
    return folder if private else Path(tempfile.mkdtemp(prefix="ndksym-"))
