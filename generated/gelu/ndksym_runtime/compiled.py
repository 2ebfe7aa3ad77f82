"""Layers of a compiled text, whatever language it was in, and the kernels of a generated NumPy module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from .errors import NotDerivableError
from .kernel import Kernel
from .proof import Proof
from .types import Array
from .wide import WORDS, Wide, wide

__all__ = ["Compiled", "Run", "in_words", "layers", "network", "numpy_functions"]

Run = Callable[..., list[Array]]
"""run(function, number of outputs, *arrays)."""


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


def layers(facts: list[dict[str, Any]], run: Run, space: dict[str, Any] | None = None) -> tuple[Compiled, ...]:
    """The layers that these facts describe, each calling its own functions; `space` holds those of a NumPy text, which also
    take numbers of any size."""

    def words(n: int) -> Callable[..., Sequence[Wide]] | None:
        if space is None:
            return None
        names = space
        return lambda which, *inputs: in_words(names, f"{which}_{n}")(*inputs)

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


def in_words(space: dict[str, Any], function: str) -> Callable[..., tuple[Wide, ...]]:
    """A function of a generated NumPy module, with the words of wide numbers in place of NumPy's."""
    return FunctionType(space[function].__code__, {**space, **WORDS})


def numpy_functions(space: dict[str, Any]) -> tuple[list[dict[str, Any]], Run]:
    """The facts of each layer of a generated NumPy module, given its names, and a way to call its functions."""

    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        found = space[function](*arrays)
        results = found if outputs > 1 else (found,)
        return [np.array(x) if any(x is array for array in arrays) else x for x in results]

    return [space[f"LAYER_{n}"] for n in range(space["LAYERS"])], run


def network(space: dict[str, Any]) -> Kernel:
    """The kernels of a generated NumPy module, given its names: what its own `network()` returns."""
    found = layers(*numpy_functions(space), space)
    return Kernel(tuple(found[n] for n in space["HIDDEN"]), space["BIAS"], "numpy")
