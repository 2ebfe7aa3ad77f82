"""Generated NumPy texts as layers to call. This file loads without SymPy, for the workers of simulations."""

import hashlib
import linecache
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ndksym.runtime.compiled import Compiled, LoadedText, layers, numpy_text

__all__ = ["DeferredText", "load_numpy", "opened"]


def load_numpy(text: str) -> tuple[Compiled, ...]:
    """The layers of a NumPy text made by `module.module`."""
    return layers(opened(text))


def opened(text: str) -> LoadedText:
    """A NumPy text, run in a namespace of its own."""
    name = f"ndksym_generated_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # tracebacks show the source
    names: dict[str, Any] = {"__name__": name}
    exec(compile(text, file, "exec"), names)  # our own text, printed from a closed set of nodes
    return numpy_text(opened, text, names)


class DeferredText:
    """A NumPy text that is emitted and loaded when it is first needed."""

    def __init__(self, emit: Callable[[], str]) -> None:
        self._emit = emit

    @cached_property
    def loaded(self) -> LoadedText:
        return opened(self._emit())

    def __reduce__(self) -> tuple[Any, ...]:
        return _Emitted, (self.loaded,)


class _Emitted:
    """The same after unpickling."""

    def __init__(self, loaded: LoadedText) -> None:
        self.loaded = loaded
