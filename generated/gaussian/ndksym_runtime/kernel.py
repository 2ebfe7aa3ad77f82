"""The compiled kernels of one network: the layer recursion T5 and T6 as a loop over layers, for arrays of inputs and
times.

What passes from layer to layer is, per pair, the covariance and the two half-angles; across times the same with the
prior's
correlation μ = m(t,s)/√(m(t,t) m(s,s)) mixed in, 1 − μ formed by expm1 (theory §6).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import DivergentKernelError
from . import beyond, geometry, inputs
from .layer import Pairs, evaluate
from .memory import require_memory
from .rows import Rows, Rule
from .types import Array, Layer
from .wide import Number, Wide, floats, pick, root, wide

_BLOCK = 2**17
"""Pairs evaluated together: enough for NumPy, small enough for the cache and for memory."""
_TOGETHER = 2**14
"""The same of several pairs of times: Python's own time is then small, and so are the coefficients of all rows."""


Part = Literal["covariance", "ntk", "readout", "hidden"]
"""C^{L+1} = m(t,s) (K^L + β²); Θ^{L+1} = m(t,s) K_dot^L Θ^L + K^L + β²; K^L + β²; K_dot^L Θ^L."""


@dataclass(frozen=True)
class Prior:
    """Second moments of one parameter at the two times: m(t,t), m(s,s), and μ with ν = 1 − μ."""

    first: float
    second: float
    mu: float
    nu: float

    @property
    def cross(self) -> float:
        """m(t,s)."""
        return float(np.sqrt(self.first) * np.sqrt(self.second) * self.mu)

    @property
    def one_time(self) -> bool:
        """Whether the two times are one."""
        return self.nu == 0.0 and self.first == self.second


@dataclass(frozen=True)
class Priors:
    """`Prior` at several pairs of times: arrays of one length."""

    first: Array
    second: Array
    mu: Array
    nu: Array

    def __len__(self) -> int:
        return len(self.first)

    @property
    def cross(self) -> Array:
        """m(t,s)."""
        return np.asarray(np.sqrt(self.first) * np.sqrt(self.second) * self.mu)

    def repeated(self, count: int) -> "Priors":
        """Each of them `count` times."""
        return Priors(*(np.repeat(each, count) for each in (self.first, self.second, self.mu, self.nu)))

    def each(self) -> Iterator[Prior]:
        """One by one."""
        for at in zip(self.first, self.second, self.mu, self.nu, strict=True):
            yield Prior(*map(float, at))

    def of(self, which: slice) -> "Priors":
        """Some of them."""
        return Priors(self.first[which], self.second[which], self.mu[which], self.nu[which])


def static_prior(variance: float) -> Prior:
    """One time."""
    return Prior(variance, variance, 1.0, 0.0)


def two_time_prior(t: float, s: float, temperature: float, prior_variance: float, init_variance: float) -> Prior:
    """T3 at λ → ∞, with 1 − μ² = σ²(1 − e^{−2T(t−s)/σ²})/m(t,t) free of cancellation."""
    rate = temperature / prior_variance

    def equal_time(time: float) -> float:
        return float(-prior_variance * np.expm1(-2 * rate * time) + init_variance * np.exp(-2 * rate * time))

    later, earlier = equal_time(t), equal_time(s)
    decay = np.exp(-rate * (t - s))
    if later == 0.0 or earlier == 0.0:
        return Prior(later, earlier, 1.0, 0.0)
    mu = float(decay * np.sqrt(earlier / later))
    nu = float(-prior_variance * np.expm1(-2 * rate * (t - s)) / later) / (1 + mu)
    return Prior(later, earlier, mu, nu)


@dataclass(frozen=True)
class Kernel:
    """Kernels of an infinitely wide network, on arrays. Made by `Derivation.compile`.

    Inputs X (n, N_0) and X2 (n2, N_0) are float64; `X2=None` means X against itself and gives an exactly symmetric
    matrix.
    """

    layers: tuple[Layer, ...]
    bias: bool
    backend: str
    derivation: Any = field(default=None, repr=False, compare=False)
    """What it was compiled from; None for generated code."""

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers[:4]) + (", …" if len(self.layers) > 4 else "")
        head = f"depth {len(self.layers)}, {'with' if self.bias else 'without'} biases, {self.backend}"
        return "; ".join([f"Kernel({names}: {head}", *dict.fromkeys(map(_described, self.layers))]) + ")"

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        distinct = {id(layer): Rule(layer) for layer in self.layers}
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
        base = _base(first, other, False, *(k.ravel() for k in np.meshgrid(np.arange(n), np.arange(n2), indexing="ij")))
        out = np.empty((len(priors), n, n2))
        for start in range(0, len(priors), height):
            some = priors.of(slice(start, start + height))
            count = len(some)
            pairs, variances, which, variances2, which2 = (
                base.tiled(count),
                *_distinct(some.first),
                *_distinct(some.second),
            )
            rows = _rows(self._rules, *first.tiled(len(variances)), np.repeat(variances, n), beta)
            rows2 = _rows(self._rules, *other.tiled(len(variances2)), np.repeat(variances2, n2), beta)
            if any(row.far.any() for row in (*rows, *rows2)):
                out[start : start + height] = [self._matrix(first, other, each, beta, part) for each in some.each()]
                continue
            i, j = pairs.i + n * np.repeat(which, n * n2), pairs.j + n2 * np.repeat(which2, n * n2)
            found = _chain(rows, rows2, pairs, i, j, some.repeated(n * n2), beta, part)
            out[start : start + height] = floats(found).reshape(count, n, n2)
        return out

    def _static(self, X: Any, X2: Any, variance: float, bias: float, part: Part) -> Array:
        variance = inputs.number(variance, "variance", zero=False)
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
        temperature = inputs.number(temperature, "temperature", zero=True)
        prior_variance = inputs.number(prior_variance, "prior_variance", zero=False)
        init_variance = inputs.number(init_variance, "init_variance", zero=True)
        later, earlier = inputs.times(t, s)
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

    def _points(
        self, X: Any, X2: Any, bias: float, part: Part
    ) -> tuple[geometry.Points, geometry.Points | None, float]:
        if part in ("ntk", "hidden"):
            for layer in self.layers:
                if layer.smoothness < 1:
                    raise DivergentKernelError(
                        f"{layer.name} is discontinuous or as steep as a root, so E φ'(u)φ'(v) diverges as two inputs coincide: NTK "
                        "and NDK are infinite on the diagonal; nngp and prior_covariance exist. Allowed here: continuous "
                        "activations"
                    )
        beta = inputs.bias_scale(bias, self.bias)
        matrix = inputs.points(X, "X")
        other = None if X2 is None else inputs.points(X2, "X2", matrix.shape[1])
        return geometry.points(matrix, beta), None if other is None else geometry.points(other, beta), beta

    def _matrix(
        self,
        first: geometry.Points,
        second: geometry.Points | None,
        prior: Prior,
        beta: float,
        part: Part,
    ) -> Array:
        """One part of the recursion; `second=None` means against itself, which is symmetric at one time."""
        symmetric = second is None and prior.one_time
        other = first if second is None else second
        rows = _rows(self._rules, first.moments, first.norms, prior.first, beta)
        rows2 = rows if symmetric else _rows(self._rules, other.moments, other.norms, prior.second, beta)
        out = np.empty((len(first.norms), len(other.norms)))
        for i, j in _blocks(*out.shape, symmetric=symmetric):
            out[i, j] = self._pairs(rows, rows2, first, other, i, j, prior, beta, part)
            if symmetric:
                out[j, i] = out[i, j]
        if symmetric:
            np.fill_diagonal(out, _diagonal(rows, first, prior.first, beta, part))
        return out

    def _pairs(
        self,
        rows: list[Rows],
        rows2: list[Rows],
        first: geometry.Points,
        second: geometry.Points,
        i: NDArray[np.intp],
        j: NDArray[np.intp],
        prior: Prior,
        beta: float,
        part: Part,
    ) -> Array:
        """The pairs that float64 has the range for, and those that need numbers m·2^e."""
        if not any(row.far.any() for row in (*rows, *rows2)):
            return floats(_chain(rows, rows2, _base(first, second, False, i, j), i, j, prior, beta, part))
        far = np.any([row.far[i] | row2.far[j] for row, row2 in zip(rows, rows2, strict=True)], axis=0)
        out = np.empty(len(i))
        for beyond_float64 in (False, True):
            which = far == beyond_float64
            if which.any():
                at = i[which], j[which]
                base = _base(first, second, beyond_float64, *at)
                out[which] = floats(_chain(rows, rows2, base, *at, prior, beta, part))
        return out


@dataclass(frozen=True)
class _Base:
    """Pairs of inputs before the first layer: norms, inner products (m·2^e if beyond float64) and half-angles."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    p: Array
    q: Array
    c: Number
    s: Array
    k: Array

    def tiled(self, count: int) -> "_Base":
        """All of them `count` times; c is in float64."""
        i, j = np.tile(self.i, count), np.tile(self.j, count)
        return _Base(i, j, *(np.tile(each, count) for each in (self.p, self.q, self.c, self.s, self.k)))


def _base(
    first: geometry.Points, second: geometry.Points, far: bool, i: NDArray[np.intp], j: NDArray[np.intp]
) -> _Base:
    """The pairs (i, j), for numbers m·2^e if `far`."""
    p, q = first.norms[i], second.norms[j]
    c: Number = _inner_products(first.rows, second.rows, i, j)
    with np.errstate(all="ignore"):
        if far:
            c = pick((np.abs(c) > geometry.SMALLEST) & np.isfinite(c), c, geometry.inner_products(first, second, i, j))
        rho = np.where((p > 0) & (q > 0), floats(c / p / q), 0.0)
    return _Base(i, j, p, q, c, *geometry.half_angles(first, second, i, j, rho))


def _distinct(variances: Array) -> tuple[Array, NDArray[np.intp]]:
    """Each variance once, and which of them each was."""
    values, which = np.unique(variances, return_inverse=True)
    return values, which


def _chain(
    rows: list[Rows],
    rows2: list[Rows],
    base: _Base,
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    prior: Prior | Priors,
    beta: float,
    part: Part,
) -> Number:
    """The recursion for the pairs (i, j) of `rows` and `rows2`, in float64 or, where c is wide, in numbers m·2^e."""
    lift = wide if isinstance(base.c, Wide) else np.asarray
    rule = beyond.evaluate if isinstance(base.c, Wide) else partial(evaluate, rough=isinstance(prior, Priors))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        theta = hidden = base.c
        shift = lift(beta) * beta
        p, q = lift(base.p), lift(base.q)
        pairs = _step(i, j, p, q, base.c, 2 * p * q * base.s**2, 2 * p * q * base.k**2, prior, 0.0)
        for level, (row, row2) in enumerate(zip(rows, rows2, strict=True)):
            values = rule(row, row2, pairs, last=level + 1 == len(rows))
            if part in ("ntk", "hidden"):
                hidden = values.K_dot * theta
                theta = prior.cross * hidden + values.K + shift
            output = values.K
            P, Q = lift(row.P[i]), lift(row2.P[j])
            pairs = _step(i, j, P, Q, output, values.gap, values.cogap, prior, beta)
        return _chosen(part, prior.cross, theta, hidden, output + shift)


def _described(layer: Layer) -> str:
    """How a layer is evaluated, and what its comparison with quadrature said."""
    if layer.proof is None:
        return f"{layer.name}: not compared with quadrature"
    if not layer.proof.passed:
        return f"{layer.name}: quadrature, because the closed form {layer.proof}"
    return f"{layer.name}: {'closed form' if layer.closed else 'numeric'}, {layer.proof}"


def _fits(times: int, first: geometry.Points, second: geometry.Points | None) -> None:
    """Refuse a result that cannot fit."""
    n, n2 = len(first.norms), len((second or first).norms)
    many = f"{times:,} pairs of times and " if times > 1 else ""
    require_memory(8 * times * n * n2, f"the kernel at {many}{n:,} × {n2:,} inputs", "ask for fewer at a time")


def _rows(rules: tuple[Rule, ...], moment: Array, norm: Array, variance: float | Array, beta: float) -> list[Rows]:
    """The rows at every layer: a^1 = m κ, a^{l+1} = m (K(a^l) + β²)."""
    out: list[Rows] = []
    for rule in rules:
        with np.errstate(over="ignore", under="ignore"):
            out.append(Rows(rule, variance * moment, np.sqrt(variance) * norm))
            moment, norm = out[-1].K + np.square(beta), np.hypot(out[-1].P, beta)
    return out


def _diagonal(rows: list[Rows], points: geometry.Points, variance: float, beta: float, part: Part) -> Array:
    """The same recursion where the two inputs are one: in a alone, so always well conditioned."""
    with np.errstate(all="ignore"):
        theta = hidden = points.moments
        for row in rows:
            hidden = row.K_dot * theta
            theta = variance * hidden + row.K + beta * beta
        out: Array = _chosen(part, variance, theta, hidden, rows[-1].K + beta * beta)
        far = np.any([row.far for row in rows], axis=0)
        if far.any():
            shift, tangent = wide(beta) * beta, wide(points.norms[far]) ** 2
            for row in rows:
                K, K_dot = (wide(length[far]) ** 2 for length in row.lengths)
                within = K_dot * tangent
                tangent = variance * within + K + shift
            out[far] = floats(_chosen(part, variance, tangent, within, K + shift))
    return out


def _chosen(part: Part, cross: float | Array, theta: Number, hidden: Number, readout: Number) -> Number:
    """The part asked for, of what the last layer left."""
    with np.errstate(over="ignore"):
        return {"covariance": cross * readout, "ntk": theta, "readout": readout, "hidden": hidden}[part]


def _step(
    i: NDArray[np.intp],
    j: NDArray[np.intp],
    P: Number,
    Q: Number,
    K: Number,
    gap: Number,
    cogap: Number,
    prior: Prior | Priors,
    beta: float,
) -> Pairs:
    """C = m(t,s)(K + β²) and its half-angles from PQ ∓ K, every term of which is nonnegative."""
    with np.errstate(all="ignore"):
        R = P * Q
        bend: Number = 0.0
        shift = (wide(beta) if isinstance(P, Wide) else beta) * beta
        if beta:
            R = _hypot(P, beta) * _hypot(Q, beta)
            bend = (beta * (P - Q)) ** 2 / (R + P * Q + shift)
        narrow = prior.nu * R + prior.mu * (gap + bend)
        broad = prior.nu * R + prior.mu * (cogap + bend + 2 * shift)
        total = narrow + broad
        s, k = _root(narrow / total), _root(broad / total)
        usual = np.isfinite(s) & np.isfinite(k)
        s, k = (np.where(usual, each, np.sqrt(0.5)) for each in (s, k))
        return Pairs(i, j, prior.cross * (K + shift), s, k)


def _hypot(x: Number, y: float) -> Number:
    return wide(np.hypot(x.floats, y)) if isinstance(x, Wide) else np.hypot(x, y)


def _root(x: Number) -> Array:
    return root(x).floats if isinstance(x, Wide) else np.sqrt(x)


def _inner_products(rows: Array, rows2: Array, i: NDArray[np.intp], j: NDArray[np.intp]) -> Array:
    """x_i·x_j for a block of consecutive i."""
    lo, hi = int(i.min()), int(i.max()) + 1
    return np.asarray((rows[lo:hi] @ rows2.T)[i - lo, j], dtype=np.float64)


def _blocks(n: int, n2: int, symmetric: bool) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """All pairs (i < j where symmetric), a block of rows at a time."""
    height = max(1, _BLOCK // n2)
    for start in range(0, n, height):
        i, j = np.meshgrid(np.arange(start, min(start + height, n)), np.arange(n2), indexing="ij")
        keep = (i < j) if symmetric else np.ones_like(i, dtype=bool)
        if keep.any():
            yield i[keep], j[keep]
