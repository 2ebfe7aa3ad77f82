"""Generated text → layers to call: NumPy in a namespace of its own, C through the system compiler and ctypes."""

import ctypes
import hashlib
import json
import linecache
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.codegen.library import library as compiled
from ndksym.errors import InputError
from ndksym.runtime.compiled import Compiled, Run, in_words, layers, numpy_functions
from ndksym.runtime.types import Array
from ndksym.runtime.wide import Wide

if TYPE_CHECKING:
    from ndksym.codegen.module import Source

__all__ = ["Compiled", "compile_layers", "far", "load", "opened"]


def compile_layers(sources: "Sequence[Source]", backend: str, case: str = "(in memory)") -> tuple[Compiled, ...]:
    """Emit and load; layer i is `sources[i]`.

    >>> from ndksym.activation.activation import activation
    >>> from ndksym.kernels.dual import dual
    >>> relu, = compile_layers([dual(activation("relu"))], "numpy")
    >>> relu.diag([1.0, 4.0])[0]
    array([0.5, 2. ])
    """
    from ndksym.codegen.module import module  # SymPy: those who only load need none

    loaded = load(module(case, sources, backend), backend)
    if backend == "numpy":
        return loaded
    in_numpy = cache(lambda: module(case, sources, "numpy"))
    return tuple(replace(layer, far=far(in_numpy, n)) for n, layer in enumerate(loaded))


def load(text: str, backend: str) -> tuple[Compiled, ...]:
    """The layers of a text made by `emit.module`; those of one in NumPy take numbers of any size."""
    if backend == "numpy":
        space = _space(text)
        return layers(*numpy_functions(space), space)
    return layers(*opened(text, backend))


def far(in_numpy: Callable[[], str], n: int = 0) -> Callable[..., Sequence[Wide]]:
    """`diag` and `pair` of layer n of a NumPy text, on numbers of any size; the text is asked for when it is needed."""
    space = cache(lambda: _space(in_numpy()))
    return lambda which, *inputs: in_words(space(), f"{which}_{n}")(*inputs)


def opened(text: str, backend: str) -> tuple[list[dict[str, Any]], Run]:
    """The facts of each layer of a text, and a way to call its functions."""
    if backend == "numpy":
        return _open_numpy(text)
    if backend == "c":
        return _open_c(text)
    raise InputError(f"backend {backend!r} cannot be loaded; allowed are numpy, c")


def _open_numpy(text: str) -> tuple[list[dict[str, Any]], Run]:
    return numpy_functions(_space(text))


def _space(text: str) -> dict[str, Any]:
    """The names of a generated NumPy module."""
    name = f"ndksym_generated_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # tracebacks show the source
    space: dict[str, Any] = {"__name__": name}
    exec(compile(text, file, "exec"), space)  # our own text, printed from a closed set of nodes
    return space


def _open_c(text: str) -> tuple[list[dict[str, Any]], Run]:
    library = compiled(text)

    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        inputs = [np.ascontiguousarray(array) for array in arrays]
        found = [np.empty(arrays[0].shape) for _ in range(outputs)]
        call = getattr(library, f"ndk_{function}")
        call.restype = None
        call(ctypes.c_size_t(arrays[0].size), *(ctypes.c_void_p(array.ctypes.data) for array in (*inputs, *found)))
        return found

    every = range(ctypes.c_int.in_dll(library, "ndk_layers").value)
    texts = [ctypes.addressof(ctypes.c_char.in_dll(library, f"ndk_layer_{n}")) for n in every]
    return [json.loads(ctypes.string_at(address)) for address in texts], run
