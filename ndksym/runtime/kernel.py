"""The compiled kernels of one network, for arrays of inputs and times: T5 and T6 on blocks of pairs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndksym.errors import DivergentKernelError
from ndksym.runtime import angles, checks
from ndksym.runtime.chain import Part, chain, diagonal, input_pairs, rows_of
from ndksym.runtime.memory import require_memory
from ndksym.runtime.preactivations import LayerRules, Preactivations
from ndksym.runtime.prior import Prior, Priors, static_prior, two_time_prior
from ndksym.runtime.types import Array, NumericLayer
from ndksym.runtime.wide import floats

_BLOCK = 2**17
"""Pairs evaluated together: enough for NumPy, small enough for the cache and for memory."""
_TOGETHER = 2**14
"""The same of several pairs of times: Python's own time is then small, and so are the coefficients of all rows."""


@dataclass(frozen=True)
class Kernel:
    """Kernels of an infinitely wide network, on arrays. Made by `Derivation.compile`.

    Inputs X (n, N_0) and X2 (n2, N_0) are float64; `X2=None` means X against itself and gives an exactly symmetric
    matrix.
    """

    layers: tuple[NumericLayer, ...]
    bias: bool
    backend: str
    derivation: Any = field(default=None, repr=False, compare=False)
    """What it was compiled from; None for generated code."""

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers[:4]) + (", …" if len(self.layers) > 4 else "")
        head = f"depth {len(self.layers)}, {'with' if self.bias else 'without'} biases, {self.backend}"
        return "; ".join([f"Kernel({names}: {head}", *dict.fromkeys(map(_described, self.layers))]) + ")"

    @cached_property
    def _rules(self) -> tuple[LayerRules, ...]:
        distinct = {id(layer): LayerRules(layer) for layer in self.layers}
        return tuple(distinct[id(layer)] for layer in self.layers)

    def nngp(self, X: Any, X2: Any = None, *, variance: float = 1.0, bias: float = 0.0) -> Array:
        """NNGP kernel C^{L+1} with m = σ² = `variance` (theory T5, T7; Lee et al. 2018, arXiv 1711.00165): (n, n2)
        float64."""
        return self._static(X, X2, variance, bias, "covariance")

    def ntk(self, X: Any, X2: Any = None, *, variance: float = 1.0, bias: float = 0.0) -> Array:
        """NTK Θ^{L+1} at initial variance `variance` (theory T5, T7; Jacot et al. 2018, arXiv 1806.07572): (n, n2)
        float64.

        Raises DivergentKernelError for a discontinuous activation.
        """
        return self._static(X, X2, variance, bias, "ntk")

    def prior_covariance(
        self,
        X: Any,
        X2: Any = None,
        *,
        t: Any,
        s: Any,
        temperature: float,
        prior_variance: float = 1.0,
        init_variance: float = 1.0,
        bias: float = 0.0,
    ) -> Array:
        """Covariance C^{L+1}(t, s) of the output without data (theory T5): shape of t and s broadcast, then (n, n2);
        s ≤ t."""
        return self._two_time(X, X2, t, s, temperature, prior_variance, init_variance, bias, "covariance")

    def ndk(
        self,
        X: Any,
        X2: Any = None,
        *,
        t: Any,
        s: Any,
        temperature: float,
        prior_variance: float = 1.0,
        init_variance: float = 1.0,
        bias: float = 0.0,
    ) -> Array:
        """NDK(t, s) = e^{−T(t−s)/σ²} Θ^{L+1}(t, s) (theory T6; arXiv 2309.04522): shape of t and s broadcast, then
        (n, n2); s ≤ t."""
        return self._two_time(X, X2, t, s, temperature, prior_variance, init_variance, bias, "ntk")

    def gram(self, X: Any, X2: Any, prior: Prior, *, bias: float = 0.0, part: Part = "ntk") -> Array:
        """One `part` of the recursion between X at a later time and X2 at an earlier, given what a parameter's second
        moments are then: (n, n2)."""
        first, second, beta = self._points(X, X2, bias, part)
        _fits(1, first, second)
        return self._matrix(first, second, prior, beta, part)

    def grams(self, X: Any, X2: Any, priors: Priors, *, bias: float = 0.0, part: Part = "ntk") -> Array:
        """`gram` at several pairs of times together: (pairs of times, n, n2).

        Entries are right relative to those of coincident inputs, not each to itself.
        """
        first, second, beta = self._points(X, X2, bias, part)
        other = first if second is None else second
        n, n2 = len(first.norms), len(other.norms)
        height = max(1, _TOGETHER // (n * n2))
        if height == 1:
            return np.array([self._matrix(first, other, each, beta, part) for each in priors.each()])
        base = input_pairs(
            first, other, False, *(k.ravel() for k in np.meshgrid(np.arange(n), np.arange(n2), indexing="ij"))
        )
        out = np.empty((len(priors), n, n2))
        for start in range(0, len(priors), height):
            some = priors.of(slice(start, start + height))
            count = len(some)
            pairs, variances, which, variances2, which2 = (
                base.tiled(count),
                *_distinct(some.first),
                *_distinct(some.second),
            )
            rows = rows_of(self._rules, *first.tiled(len(variances)), np.repeat(variances, n), beta)
            rows2 = rows_of(self._rules, *other.tiled(len(variances2)), np.repeat(variances2, n2), beta)
            if any(row.far.any() for row in (*rows, *rows2)):
                out[start : start + height] = [self._matrix(first, other, each, beta, part) for each in some.each()]
                continue
            i, j = pairs.i + n * np.repeat(which, n * n2), pairs.j + n2 * np.repeat(which2, n * n2)
            found = chain(rows, rows2, pairs, i, j, some.repeated(n * n2), beta, part)
            out[start : start + height] = floats(found).reshape(count, n, n2)
        return out

    def _static(self, X: Any, X2: Any, variance: float, bias: float, part: Part) -> Array:
        variance = checks.number(variance, "variance", zero=False)
        return self.gram(X, X2, static_prior(variance), bias=bias, part=part)

    def _two_time(
        self,
        X: Any,
        X2: Any,
        t: Any,
        s: Any,
        temperature: float,
        prior_variance: float,
        init_variance: float,
        bias: float,
        part: Part,
    ) -> Array:
        temperature = checks.number(temperature, "temperature", zero=True)
        prior_variance = checks.number(prior_variance, "prior_variance", zero=False)
        init_variance = checks.number(init_variance, "init_variance", zero=True)
        later, earlier = checks.times(t, s)
        first, second, beta = self._points(X, X2, bias, part)
        _fits(later.size, first, second)
        out = np.empty((*later.shape, len(first.norms), len((second or first).norms)))
        for index in np.ndindex(later.shape):
            t_, s_ = float(later[index]), float(earlier[index])
            prior = two_time_prior(t_, s_, temperature, prior_variance, init_variance)
            out[index] = self._matrix(first, second, prior, beta, part)
            if part == "ntk":
                out[index] *= np.exp(-temperature / prior_variance * (t_ - s_))
        return out

    def _points(self, X: Any, X2: Any, bias: float, part: Part) -> tuple[angles.Inputs, angles.Inputs | None, float]:
        if part in ("ntk", "hidden"):
            for layer in self.layers:
                if layer.smoothness < 1:
                    raise DivergentKernelError(
                        f"{layer.name} is discontinuous or as steep as a root, so E φ'(u)φ'(v) diverges as two inputs coincide: NTK "
                        "and NDK are infinite on the diagonal; nngp and prior_covariance exist. Allowed here: continuous "
                        "activations"
                    )
        beta = checks.bias_scale(bias, self.bias)
        matrix = checks.points(X, "X")
        other = None if X2 is None else checks.points(X2, "X2", matrix.shape[1])
        return angles.points(matrix, beta), None if other is None else angles.points(other, beta), beta

    def _matrix(
        self,
        first: angles.Inputs,
        second: angles.Inputs | None,
        prior: Prior,
        beta: float,
        part: Part,
    ) -> Array:
        """One part of the recursion; `second=None` means against itself, which is symmetric at one time."""
        symmetric = second is None and prior.one_time
        other = first if second is None else second
        rows = rows_of(self._rules, first.squared_norms, first.norms, prior.first, beta)
        rows2 = rows if symmetric else rows_of(self._rules, other.squared_norms, other.norms, prior.second, beta)
        out = np.empty((len(first.norms), len(other.norms)))
        for i, j in _blocks(*out.shape, symmetric=symmetric):
            out[i, j] = self._pairs(rows, rows2, first, other, i, j, prior, beta, part)
            if symmetric:
                out[j, i] = out[i, j]
        if symmetric:
            np.fill_diagonal(out, diagonal(rows, first, prior.first, beta, part))
        return out

    def _pairs(
        self,
        rows: list[Preactivations],
        rows2: list[Preactivations],
        first: angles.Inputs,
        second: angles.Inputs,
        i: NDArray[np.intp],
        j: NDArray[np.intp],
        prior: Prior,
        beta: float,
        part: Part,
    ) -> Array:
        """The pairs that float64 has the range for, and those that need numbers m·2^e."""
        if not any(row.far.any() for row in (*rows, *rows2)):
            return floats(chain(rows, rows2, input_pairs(first, second, False, i, j), i, j, prior, beta, part))
        far = np.any([row.far[i] | row2.far[j] for row, row2 in zip(rows, rows2, strict=True)], axis=0)
        out = np.empty(len(i))
        for beyond_float64 in (False, True):
            which = far == beyond_float64
            if which.any():
                at = i[which], j[which]
                base = input_pairs(first, second, beyond_float64, *at)
                out[which] = floats(chain(rows, rows2, base, *at, prior, beta, part))
        return out


def _distinct(variances: Array) -> tuple[Array, NDArray[np.intp]]:
    """Each variance once, and which of them each was."""
    values, which = np.unique(variances, return_inverse=True)
    return values, which


def _described(layer: NumericLayer) -> str:
    """How a layer is evaluated, and what its comparison with quadrature said."""
    if layer.proof is None:
        return f"{layer.name}: not compared with quadrature"
    if not layer.proof.passed:
        return f"{layer.name}: quadrature, because the closed form {layer.proof}"
    return f"{layer.name}: {'closed form' if layer.closed else 'numeric'}, {layer.proof}"


def _fits(times: int, first: angles.Inputs, second: angles.Inputs | None) -> None:
    """Refuse a result that cannot fit."""
    n, n2 = len(first.norms), len((second or first).norms)
    many = f"{times:,} pairs of times and " if times > 1 else ""
    require_memory(8 * times * n * n2, f"the kernel at {many}{n:,} × {n2:,} inputs", "ask for fewer at a time")


def _blocks(n: int, n2: int, symmetric: bool) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """All pairs (i < j where symmetric), a block of rows at a time."""
    height = max(1, _BLOCK // n2)
    for start in range(0, n, height):
        i, j = np.meshgrid(np.arange(start, min(start + height, n)), np.arange(n2), indexing="ij")
        keep = (i < j) if symmetric else np.ones_like(i, dtype=bool)
        if keep.any():
            yield i[keep], j[keep]
