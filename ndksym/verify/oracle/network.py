"""Kernels of whole networks from the exact float64 inputs, by the layer recursion typed afresh (T3, T5, T6).

Every number is carried in mpmath with guard digits. A coarse run and a fine one tell how many digits are lost on the
way, so cancellation anywhere inside shows; the recursion is repeated until the digits asked for are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

import mpmath
import numpy

from ndksym.errors import CheckFailedError, InputError
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.numbers import as_mpf
from ndksym.verify.oracle.quadrature import single_arb

__all__ = ["DualFunction", "motion", "reference", "two_time"]

DualFunction = Callable[[int, Any, Any, Any], tuple[Any, Any]]
"""(layer, a, b, c) → (K, K_dot) as mpf, good to mpmath.mp.prec; K_dot is None or inf where it is infinite."""

Rows = list[list[Fraction]]

_COARSE = 30
"""Working digits of the run that tells how many are lost."""
_AGREED = 12
"""Digits in which it has to agree with a finer one before that is believed."""
_MOTION = 20
"""Digits that show what half an ulp, 1e-17 to 1e-16, does."""


def reference(
    activations: Sequence[Any],
    X: Any,
    X2: Any = None,
    bias: float = 0.0,
    variance: float = 1.0,
    digits: int = 50,
    dual: DualFunction | None = None,
) -> tuple[Any, Any]:
    """NNGP and NTK, (n, n2) arrays of mpf, right to `digits` for the float64 inputs as they are.

    With m = variance and β = bias:  C¹ = m(x·x'/N₀ + β²),  Cˡ⁺¹ = m(K + β²);  Θ¹ = x·x'/N₀ + β²,
    Θˡ⁺¹ = m K_dot Θˡ + K + β²;  NNGP = C at the output, NTK = Θ (T5; Jacot et al. 2018, arXiv 1806.07572).

    `dual` takes the place of quadrature, e.g. a closed form; it is called at the precision it has to keep.

    >>> from ndksym.activation.activation import activation
    >>> nngp, ntk = reference([activation("relu")], [[1.0, 1.0]], digits=30)
    >>> print(mpmath.nstr(nngp[0, 0], 20), mpmath.nstr(ntk[0, 0], 20))
    0.5 1.0

    Errors: InputError for inputs that are not finite numbers; CheckFailedError when the digits are not reached.
    """
    return _settled(_network(activations, X, X2, bias, _one_time(variance), dual), digits, X2 is None)


def two_time(
    activations: Sequence[Any],
    X: Any,
    X2: Any = None,
    *,
    t: float,
    s: float,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    digits: int = 50,
    dual: DualFunction | None = None,
) -> tuple[Any, Any]:
    """Prior covariance C(t, s) of the output and NDK(t, s), (n, n2) arrays of mpf.

    m(t,s) = σ² e^{−T|t−s|/σ²} + (σ₀² − σ²) e^{−T(t+s)/σ²} (T3);  NDK = e^{−T|t−s|/σ²} Θ(t,s) (T6; arXiv 2309.04522).
    """
    sigma2, sigma02, heat, late, early = (_number(v) for v in (prior_variance, init_variance, temperature, t, s))

    def moments() -> _Times:
        def m(one: Fraction, other: Fraction) -> Any:
            rate = _mpf(heat / sigma2)
            return _mpf(sigma2) * mpmath.exp(-rate * _mpf(abs(one - other))) + _mpf(sigma02 - sigma2) * mpmath.exp(
                -rate * _mpf(one + other)
            )

        return _Times(
            m(late, late), m(early, early), m(late, early), mpmath.exp(-_mpf(heat * abs(late - early) / sigma2))
        )

    network = _network(activations, X, X2, bias, moments, dual)
    still = late == early
    return _settled(network, digits, X2 is None and still)


def motion(
    activations: Sequence[Any],
    X: Any,
    X2: Any = None,
    bias: float = 0.0,
    variance: float = 1.0,
    dual: DualFunction | None = None,
    patterns: int = 3,
    seed: int = 0,
    digits: int = 30,
) -> tuple[Any, Any]:
    """How far NNGP and NTK move, relatively and per entry, when every input moves by half an ulp.

    The signs are random, `patterns` times over from `seed`; the largest motion counts. Two (n, n2) float arrays.
    """
    random = numpy.random.default_rng(seed)

    def network(move: Callable[[Any], Rows]) -> _Network:
        rows, columns = (None if given is None else move(given) for given in (X, X2))
        return _network(activations, rows, columns, bias, _one_time(variance), dual)

    start, moved = network(_exact), [network(partial(_nudged, random=random)) for _ in range(patterns)]
    most = [numpy.zeros((len(start.rows), len(start.columns))) for _ in range(2)]
    for i, j in numpy.ndindex(len(start.rows), len(start.columns)):
        values, lost = start.settle(i, j, digits)
        work = max(_COARSE, _MOTION + lost)  # fewer than a run was checked at are not known to lose as few
        for other in moved:
            for worst, before, after in zip(most, values, other.entry(i, j, work), strict=True):
                worst[i, j] = max(float(worst[i, j]), _relative(after, before))
    return most[0], most[1]


def _relative(one: Any, other: Any) -> float:
    if one == other:  # also inf against inf
        return 0.0
    return float(abs(one - other) / abs(other)) if other != 0 else math.inf


def _nudged(rows: Any, random: Any) -> Rows:
    exact = _exact(rows)
    ulps = numpy.spacing(numpy.abs(numpy.asarray(rows, dtype=float)))
    signs = random.choice([-1, 1], size=ulps.shape)
    return [
        [x + Fraction(float(ulp)) * int(sign) / 2 for x, ulp, sign in zip(*row, strict=True)]
        for row in zip(exact, ulps, signs, strict=True)
    ]


def _one_time(variance: float) -> Callable[[], _Times]:
    m = _number(variance)
    return lambda: _Times(_mpf(m), _mpf(m), _mpf(m))


@dataclass(frozen=True)
class _Times:
    """m at (t,t), (s,s), (t,s), and the decay that turns Θ into the NDK."""

    late: Any
    early: Any
    cross: Any
    decay: Any = 1


@dataclass(frozen=True)
class _Network:
    """The recursion at given inputs; `dual` takes the working digits."""

    depth: int
    rows: Rows
    columns: Rows
    bias2: Fraction
    moments: Callable[[], _Times]
    dual: Callable[[int], DualFunction]
    known: dict[Any, list[Any]] = field(default_factory=dict)

    def entry(self, i: int, j: int, work: int) -> tuple[Any, Any]:
        """C and Θ of row i and column j, carried with `work` digits."""
        with mpmath.mp.workdps(work):
            row, column = self.rows[i], self.columns[j]
            m, beta2, dual = self.moments(), _mpf(self.bias2), self.dual(work)
            first, second = self._variances(row, m.late, work), self._variances(column, m.early, work)
            Theta = _mpf(_dot(row, column) / len(row)) + beta2
            C = m.cross * Theta
            for layer in range(self.depth):
                a, b = first[layer], second[layer]
                K, K_dot = dual(layer, a, b, _clipped(a, b, C))
                slope = mpmath.inf if K_dot is None else K_dot
                Theta = m.cross * slope * Theta + K + beta2
                C = m.cross * (K + beta2)
            return C, m.decay * Theta

    def _variances(self, row: list[Fraction], m: Any, work: int) -> list[Any]:
        """a¹ … a^L of one input at one time."""
        key = tuple(row), m, work
        if key not in self.known:
            beta2, dual = _mpf(self.bias2), self.dual(work)
            variances = [m * (_mpf(_dot(row, row) / len(row)) + beta2)]
            for layer in range(self.depth - 1):
                a = variances[-1]
                variances.append(m * (dual(layer, a, a, a)[0] + beta2))
            self.known[key] = variances
        return self.known[key]

    def settle(self, i: int, j: int, digits: int) -> tuple[tuple[Any, Any], int]:
        """An entry right to `digits`, and how many digits the recursion loses on the way.

        A coarse run agrees with a finer one in all digits but those it has lost; as many are lost in the finer.
        """
        before, carried = self.entry(i, j, _COARSE), _COARSE
        work = max(digits + 10, _COARSE + 15)
        while work <= 20 * digits + 600:
            after = self.entry(i, j, work)
            agreed = min(carried, -_disagreement(before, after))
            lost = math.ceil(carried - agreed)
            if agreed >= _AGREED and work - lost >= digits:
                return after, lost
            before, carried, work = after, work, max(work + 15, digits + lost + 10)
        raise CheckFailedError(
            f"the kernels did not settle to {digits} digits; the last two runs differ by 1e{-agreed:.0f}"
        )


def _network(
    activations: Sequence[Any],
    X: Any,
    X2: Any,
    bias: float,
    moments: Callable[[], _Times],
    dual: DualFunction | None,
) -> _Network:
    rows, columns = _exact(X), _exact(X if X2 is None else X2)
    if len(columns[0]) != len(rows[0]):
        raise InputError(f"X and X2 must have equally long rows, not {len(rows[0])} and {len(columns[0])}")

    def at(work: int) -> DualFunction:
        return dual or (lambda layer, a, b, c: _quadrature(activations[layer], a, b, c, work))

    return _Network(len(activations), rows, columns, _number(bias) ** 2, moments, at)


def _settled(network: _Network, digits: int, symmetric: bool) -> tuple[Any, Any]:
    found = [numpy.empty((len(network.rows), len(network.columns)), dtype=object) for _ in range(2)]
    for i, j in numpy.ndindex(found[0].shape):
        values = [kernel[j, i] for kernel in found] if symmetric and j < i else network.settle(i, j, digits)[0]
        for kernel, value in zip(found, values, strict=True):
            kernel[i, j] = value
    return found[0], found[1]


def _disagreement(one: Sequence[Any], other: Sequence[Any]) -> float:
    """log10 of the largest relative difference."""
    worst = -math.inf
    for p, q in zip(one, other, strict=True):
        if p != q:
            worst = max(worst, float(mpmath.log10(abs(p - q) / max(abs(p), abs(q)))))
    return worst


@lru_cache(maxsize=2**14)
def _quadrature(act: Any, a: Any, b: Any, c: Any, digits: int) -> tuple[Any, Any]:
    """Remembered: a shallower network, a row alone, and the start of `motion` ask for the same again."""
    noise = float(mpmath.mpf(10) ** (3 - digits))
    K, K_dot = single_arb(act, as_arb(a), as_arb(b), as_arb(c), digits - 6, noise)
    return as_mpf(K), as_mpf(K_dot)


def _clipped(a: Any, b: Any, c: Any) -> Any:
    """Rounding may not push a correlation past ±1."""
    if a == b:
        return min(max(c, -a), a)
    if c * c <= a * b:
        return c
    return mpmath.sign(c) * mpmath.sqrt(a * b) * (1 - mpmath.mp.eps)


def _dot(row: list[Fraction], column: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(row, column, strict=True)), Fraction(0))


def _number(value: Any) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(float(value))


def _mpf(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _exact(rows: Any) -> Rows:
    try:
        exact = [[value if isinstance(value, Fraction) else Fraction(float(value)) for value in row] for row in rows]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("inputs must be rows of finite numbers") from error
    if not exact or not exact[0] or any(len(row) != len(exact[0]) for row in exact):
        raise InputError("inputs must be rows of equal, non-zero length")
    return exact
