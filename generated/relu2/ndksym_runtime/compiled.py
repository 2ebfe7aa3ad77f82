"""Layers of a generated text, in whatever language it is written, and the kernels of a generated NumPy module."""

import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, Protocol, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from .errors import NotDerivableError
from .kernel import Kernel
from .proof import Proof
from .types import Array
from .wide import WORDS, Number, Wide, wide

__all__ = ["NUMPY", "Compiled", "Facts", "LoadedText", "Run", "layers", "network", "numpy_text", "on_wide_numbers"]

NUMPY = "numpy"
"""Name of the backend whose text runs with NumPy and SciPy only."""

Run = Callable[..., list[Array]]
"""run(function, number of outputs, *arrays): calls a function of a loaded text."""


class Facts(TypedDict):
    """What the numeric rules need to know of an activation; `NumericLayer` describes each entry."""

    name: str
    closed: bool
    parity: str | None
    homogeneity: float | None
    smoothness: float
    breaks: Sequence[float]
    strip: float | None
    reach: float
    extra: str | None
    origin: Sequence[Sequence[float]] | None


@dataclass(frozen=True)
class LoadedText:
    """A generated text after loading: the facts of each layer, and a way to call its functions.

    `opener(source)` loads it again; that is how it is pickled. `names` are the global names of a NumPy text, whose
    functions also take numbers of any size.
    """

    opener: "Callable[[str], LoadedText]"
    source: str
    facts: Sequence[Facts] = field(compare=False, repr=False)
    run: Run = field(compare=False, repr=False)
    names: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.opener, (self.source,)


class WideText(Protocol):
    """Provides a NumPy text of the same layers, to be run on numbers of any size."""

    @property
    def loaded(self) -> LoadedText: ...


_OUTPUTS = {"phi": 1, "dphi": 1, "ddphi": 1, "diag": 4, "pair": 4}
"""Number of arrays that each function returns; `pair` returns two more where the layer has an `extra`."""


@dataclass(frozen=True)
class Compiled:
    """One compiled activation: elementwise functions of float64 arrays of any common shape, and its facts.

    `diag(a)` gives (K, |K|, K_dot, |K_dot|), where |X| is the sum of the absolute values of the terms of X.
    `pair(p, q, c, s, k)` gives the same, followed by what `extra` names (PQ − K of a homogeneous φ,
    E(φ(u) − φ(v))² of an oscillating φ) and its |X|; both are None without an `extra`. Where φ has no closed form
    both functions raise NotDerivableError. `proof` is the comparison with quadrature, None before it was made.

    Two layers are equal if they are the same layer of the same text and have the same proof.
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
    text: LoadedText
    index: int
    """Which layer of `text` this is."""
    proof: Proof | None = None
    wide_text: WideText | None = field(default=None, compare=False)
    """Where the functions for numbers of any size come from if `text` itself is not NumPy."""

    def __repr__(self) -> str:
        return f"Compiled({self.name}: {'closed form' if self.closed else 'numeric'})"

    def phi(self, u: ArrayLike) -> Array:
        """φ(u)."""
        return self._run("phi", u)[0]

    def dphi(self, u: ArrayLike) -> Array:
        """φ′(u); at a break, the derivative from the right."""
        return self._run("dphi", u)[0]

    def ddphi(self, u: ArrayLike) -> Array:
        """φ″(u) between the breaks, of a text that was made with `curvature`."""
        return self._run("ddphi", u)[0]

    def diag(self, a: ArrayLike) -> tuple[Array, ...]:
        """K(a,a,a) and K_dot(a,a,a), each followed by the sum of the absolute values of its terms."""
        self._require_closed_form()
        return self._run("diag", a)

    def pair(self, p: ArrayLike, q: ArrayLike, c: ArrayLike, s: ArrayLike, k: ArrayLike) -> tuple[Any, ...]:
        """K, K_dot and `extra`, each followed by the sum of the absolute values of its terms."""
        self._require_closed_form()
        results = self._run("pair", p, q, c, s, k)
        return results if self.extra else (*results, None, None)

    def wide(self, name: str, *inputs: Number) -> tuple[Any, ...] | None:
        """What `diag` or `pair` give, for numbers m·2^e of any size; None if there is no NumPy text."""
        text = self.text if self.wide_text is None else self.wide_text.loaded
        if text.names is None:
            return None
        with np.errstate(all="ignore"):
            results = on_wide_numbers(text.names, f"{name}_{self.index}")(*map(wide, inputs))
        return results if self.extra or name == "diag" else (*results, None, None)

    def _require_closed_form(self) -> None:
        if not self.closed:
            raise NotDerivableError(f"{self.name} has no closed form; only phi and dphi are compiled")

    def _run(self, name: str, *inputs: ArrayLike) -> tuple[Array, ...]:
        arrays = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in inputs))
        outputs = _OUTPUTS[name] + (2 if name == "pair" and self.extra else 0)
        with np.errstate(all="ignore"):  # branches that are not selected may divide by zero
            return tuple(self.text.run(f"{name}_{self.index}", outputs, *arrays))


def layers(text: LoadedText) -> tuple[Compiled, ...]:
    """The layers of a loaded text, in order."""
    return tuple(_layer(text, index, facts) for index, facts in enumerate(text.facts))


def _layer(text: LoadedText, index: int, facts: Facts) -> Compiled:
    origin = facts["origin"]
    values: dict[str, Any] = {
        **facts,
        "breaks": tuple(facts["breaks"]),
        "origin": None if origin is None else tuple(map(tuple, origin)),
    }
    return Compiled(**values, text=text, index=index)


def on_wide_numbers(names: Mapping[str, Any], function: str) -> Callable[..., tuple[Wide, ...]]:
    """A function of a generated NumPy module that computes with numbers m·2^e instead of float64."""
    return FunctionType(names[function].__code__, {**names, **WORDS})


def numpy_text(opener: Callable[[str], LoadedText], source: str, names: Mapping[str, Any]) -> LoadedText:
    """A loaded NumPy text, given its global names."""

    def run(function: str, outputs: int, *arrays: Array) -> list[Array]:
        value = names[function](*arrays)
        results = value if outputs > 1 else (value,)
        return [np.array(x) if any(x is array for array in arrays) else x for x in results]  # never an input itself

    return LoadedText(opener, source, [names[f"LAYER_{n}"] for n in range(names["LAYERS"])], run, names)


def _open_file(path: str) -> LoadedText:
    return numpy_text(_open_file, path, runpy.run_path(path))


def network(names: Mapping[str, Any]) -> Kernel:
    """The kernels of a generated NumPy module, given its global names: what its own `network()` returns.

    A pickle of them holds the path of the module's file.
    """
    distinct = layers(numpy_text(_open_file, str(names.get("__file__", "")), names))
    return Kernel(tuple(distinct[n] for n in names["HIDDEN"]), names["BIAS"], NUMPY)
