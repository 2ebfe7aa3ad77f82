"""Generated text → layers to call: NumPy in a namespace of its own, C through the system compiler and ctypes."""

import ctypes
import hashlib
import json
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.codegen.library import library as compiled
from ndksym.errors import InputError, NotDerivableError
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.proof import Proof
from ndksym.runtime.types import Array
from ndksym.runtime.wide import WORDS, Wide, wide

if TYPE_CHECKING:
    from ndksym.codegen.emit import Source

__all__ = ["Compiled", "compile_layers", "far", "load", "network", "opened"]


@dataclass(frozen=True)
class Compiled:
    """One activation, compiled: elementwise functions of float64 arrays of any common shape, and its facts.

    `diag(a)` gives (K, |K|, K_dot, |K_dot|) and `pair(p, q, c, s, k)` the same and what `extra` names: the gap of a
    homogeneous φ, the defect of an oscillating one, or None; |X| is Σ|terms|. Where φ has no closed form both raise
    NotDerivableError. `wide` gives the same for numbers of any size, where the NumPy text is at hand. `proof` is the
    comparison with quadrature, None before it was made.
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
    origin: tuple[tuple[float, ...], ...] | None
    call: Callable[..., Sequence[Array]]
    proof: Proof | None = None
    far: Callable[..., Sequence[Wide]] | None = field(default=None, compare=False, repr=False)

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

    def wide(self, name: str, *inputs: Any) -> tuple[Any, ...] | None:
        """What `diag` or `pair` give, for numbers m·2^e of any size; None where no text can be run on them."""
        if self.far is None:
            return None
        with np.errstate(all="ignore"):
            found = tuple(self.far(name, *map(wide, inputs)))
        return found if self.extra or name == "diag" else (*found, None, None)

    def _check(self) -> None:
        if not self.closed:
            raise NotDerivableError(f"{self.name} has no closed form; only phi and dphi are compiled")

    def _run(self, name: str, *inputs: Any) -> tuple[Array, ...]:
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in inputs))
        with np.errstate(all="ignore"):  # branches that are not selected may divide by zero
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

    layers = load(module(case, sources, backend), backend)
    if backend == "numpy":
        return layers
    in_numpy = cache(lambda: module(case, sources, "numpy"))
    return tuple(replace(layer, far=far(in_numpy, n)) for n, layer in enumerate(layers))


def load(text: str, backend: str) -> tuple[Compiled, ...]:
    """The layers of a text made by `emit.module`; those of one in NumPy take numbers of any size."""
    if backend == "numpy":
        space = _space(text)
        return _layers(*_of(space), space)
    return _layers(*opened(text, backend), None)


def far(in_numpy: Callable[[], str], n: int = 0) -> Callable[..., Sequence[Wide]]:
    """`diag` and `pair` of layer n of a NumPy text, on numbers of any size; the text is asked for when it is needed."""
    space = cache(lambda: _space(in_numpy()))
    return lambda which, *inputs: _in_words(space(), f"{which}_{n}")(*inputs)


def network(space: dict[str, Any]) -> Kernel:
    """The kernels of a generated NumPy module, given its names: what its own `network()` returns."""
    layers = _layers(*_of(space), space)
    return Kernel(tuple(layers[n] for n in space["HIDDEN"]), space["BIAS"], "numpy")


def _layers(facts: list[dict[str, Any]], run: "Run", space: dict[str, Any] | None) -> tuple[Compiled, ...]:
    def words(n: int) -> Callable[..., Sequence[Wide]] | None:
        if space is None:
            return None
        names = space
        return lambda which, *inputs: _in_words(names, f"{which}_{n}")(*inputs)

    def caller(n: int, extra: bool) -> Callable[..., Sequence[Array]]:
        outputs = {"phi": 1, "dphi": 1, "ddphi": 1, "diag": 4, "pair": 6 if extra else 4}
        return lambda which, *arrays: run(f"{which}_{n}", outputs[which], *arrays)

    def typed(known: dict[str, Any]) -> dict[str, Any]:
        origin = None if known["origin"] is None else tuple(map(tuple, known["origin"]))
        return {**known, "breaks": tuple(known["breaks"]), "origin": origin}

    return tuple(
        Compiled(**typed(known), call=caller(n, known["extra"] is not None), far=words(n))
        for n, known in enumerate(facts)
    )


def _in_words(space: dict[str, Any], function: str) -> Callable[..., tuple[Wide, ...]]:
    """A function of a generated NumPy module, with the words of wide numbers in place of NumPy's."""
    return FunctionType(space[function].__code__, {**space, **WORDS})


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
    return _of(_space(text))


def _space(text: str) -> dict[str, Any]:
    """The names of a generated NumPy module."""
    name = f"ndksym_generated_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # tracebacks show the source
    space: dict[str, Any] = {"__name__": name}
    exec(compile(text, file, "exec"), space)  # our own text, printed from a closed set of nodes
    return space


def _of(space: dict[str, Any]) -> tuple[list[dict[str, Any]], Run]:
    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        found = space[function](*arrays)
        results = found if outputs > 1 else (found,)
        return [np.array(x) if any(x is array for array in arrays) else x for x in results]

    return [space[f"LAYER_{n}"] for n in range(space["LAYERS"])], run


def _open_c(text: str) -> tuple[list[dict[str, Any]], Run]:
    library = compiled(text)

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
