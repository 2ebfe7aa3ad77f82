"""Kernels of whole networks for exact float64 inputs, by an independent implementation of the layer recursion (T3, T5, T6).

The recursion runs in mpmath. The difference of a coarse and a fine run shows how many digits are lost by cancellation, wherever it
happens; the recursion is repeated with more working digits until enough correct ones are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any, TypeAlias

import mpmath
import numpy
from numpy.typing import ArrayLike, NDArray

from ndksym.activation.activation import Activation
from ndksym.errors import CheckFailedError, InputError
from ndksym.runtime.types import Array
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.numbers import as_mpf
from ndksym.verify.oracle.quadrature import single_arb

__all__ = ["DualFunction", "motion", "reference", "two_time"]

DualFunction = Callable[[int, mpmath.mpf, mpmath.mpf, mpmath.mpf], tuple[mpmath.mpf, mpmath.mpf | None]]
"""(layer, a, b, c) → (K, K_dot) as mpf at the precision mpmath.mp.prec; K_dot is None or inf where it is infinite."""

ExactRows: TypeAlias = list[list[Fraction]]
ExactArray: TypeAlias = NDArray[numpy.object_]
"""An array of mpf."""

_COARSE = 30
"""Working digits of the first run, which shows how many digits are lost."""
_AGREED = 12
"""Least number of digits in which two runs must agree."""
_MOTION = 20
"""Digits that resolve a relative change by half an ulp, 1e-17 to 1e-16."""
_PATTERNS, _SEED = 3, 0
"""Number of random sign patterns of `motion`, and their seed."""


def reference(
    activations: Sequence[Activation],
    X: ArrayLike,
    X2: ArrayLike | None = None,
    bias: float = 0.0,
    variance: float = 1.0,
    digits: int = 50,
    dual: DualFunction | None = None,
) -> tuple[ExactArray, ExactArray]:
    """Exact NNGP and NTK of a network for float64 inputs.

    Parameters
    ----------
    activations : sequence of Activation
        The activation of each hidden layer.
    X : array (n, N_0)
        Inputs.
    X2 : array (n2, N_0), optional
        Second inputs; X by default.
    bias : float
        Scale β of the biases.
    variance : float
        Variance m of the weights.
    digits : int
        Correct decimal digits of the result.
    dual : DualFunction, optional
        The dual kernels, for instance closed forms; quadrature by default. It is called at the precision that it must keep.

    Returns
    -------
    nngp, ntk : array (n, n2) of mpf
        The kernels.

    Raises
    ------
    InputError
        For inputs that are not finite numbers.
    CheckFailedError
        Where the digits are not reached.

    Notes
    -----
    C¹ = m(x·x′/N₀ + β²),  Cˡ⁺¹ = m(K + β²);  Θ¹ = x·x′/N₀ + β²,  Θˡ⁺¹ = m K_dot Θˡ + K + β²;  NNGP = C at the output, NTK = Θ (T5).

    References
    ----------
    Jacot, Gabriel and Hongler, arXiv 1806.07572.

    Examples
    --------
    >>> from ndksym.activation.activation import activation
    >>> nngp, ntk = reference([activation("relu")], [[1.0, 1.0]], digits=30)
    >>> print(mpmath.nstr(nngp[0, 0], 20), mpmath.nstr(ntk[0, 0], 20))
    0.5 1.0
    """
    return _converged(_network(activations, X, X2, bias, _one_time(variance), dual), digits, X2 is None)


def two_time(  # noqa: PLR0913 (public keyword contract)
    activations: Sequence[Activation],
    X: ArrayLike,
    X2: ArrayLike | None = None,
    *,
    t: float,
    s: float,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    digits: int = 50,
    dual: DualFunction | None = None,
) -> tuple[ExactArray, ExactArray]:
    """Exact prior covariance C(t, s) of the output, and NDK(t, s), of a network for float64 inputs.

    Parameters
    ----------
    activations, X, X2, bias, digits, dual
        As in `reference`.
    t, s : float
        Times of X and X2, in units of 1/learning rate.
    temperature : float
        Temperature T.
    prior_variance, init_variance : float
        Variance σ² of a weight in equilibrium without data, and variance σ0² at t = 0.

    Returns
    -------
    covariance, ndk : array (n, n2) of mpf
        The kernels.

    Raises
    ------
    InputError, CheckFailedError
        As in `reference`.

    Notes
    -----
    m(t,s) = σ² e^{−T|t−s|/σ²} + (σ0² − σ²) e^{−T(t+s)/σ²} (T3);  NDK = e^{−T|t−s|/σ²} Θ(t,s) (T6).

    References
    ----------
    Avidan, Li and Sompolinsky, arXiv 2309.04522.
    """
    sigma2, sigma02, heat, late, early = (_number(v) for v in (prior_variance, init_variance, temperature, t, s))

    def moments() -> _Times:
        def m(one: Fraction, other: Fraction) -> mpmath.mpf:
            rate = _mpf(heat / sigma2)
            return _mpf(sigma2) * mpmath.exp(-rate * _mpf(abs(one - other))) + _mpf(sigma02 - sigma2) * mpmath.exp(
                -rate * _mpf(one + other)
            )

        return _Times(
            m(late, late), m(early, early), m(late, early), mpmath.exp(-_mpf(heat * abs(late - early) / sigma2))
        )

    network = _network(activations, X, X2, bias, moments, dual)
    still = late == early
    return _converged(network, digits, X2 is None and still)


def motion(
    activations: Sequence[Activation],
    X: ArrayLike,
    X2: ArrayLike | None = None,
    bias: float = 0.0,
    variance: float = 1.0,
    dual: DualFunction | None = None,
    digits: int = 30,
) -> tuple[Array, Array]:
    """Relative change of each entry of NNGP and NTK when every input changes by half an ulp.

    Parameters
    ----------
    activations, X, X2, bias, variance, dual, digits
        As in `reference`.

    Returns
    -------
    nngp, ntk : array (n, n2) of float
        The largest change over three random patterns of signs.
    """
    random = numpy.random.default_rng(_SEED)

    def network(move: Callable[[Any], ExactRows]) -> _Recursion:
        return _network(activations, move(X), None if X2 is None else move(X2), bias, _one_time(variance), dual)

    start, shifted = network(_exact), [network(partial(_nudged, random=random)) for _ in range(_PATTERNS)]
    most = [numpy.zeros((len(start.rows), len(start.columns))) for _ in range(2)]
    for i, j in numpy.ndindex(len(start.rows), len(start.columns)):
        values, lost = start.converge(i, j, digits)
        work = max(_COARSE, _MOTION + lost)  # with fewer digits than in a checked run, more may be lost
        for other in shifted:
            for worst, before, after in zip(most, values, other.entry(i, j, work), strict=True):
                worst[i, j] = max(float(worst[i, j]), _relative(after, before))
    return most[0], most[1]


def _relative(one: mpmath.mpf, other: mpmath.mpf) -> float:
    """Relative difference."""
    if one == other:  # both may be inf
        return 0.0
    return float(abs(one - other) / abs(other)) if other != 0 else math.inf


def _nudged(rows: Any, random: numpy.random.Generator) -> ExactRows:
    """The rows, changed by half an ulp with random signs."""
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
    """m at (t,t), (s,s) and (t,s), and the factor NDK/Θ."""

    late: mpmath.mpf
    early: mpmath.mpf
    cross: mpmath.mpf
    decay: mpmath.mpf = 1


@dataclass(frozen=True)
class _Recursion:
    """The recursion for given inputs; `dual` gives the dual kernels for a number of working digits."""

    depth: int
    rows: ExactRows
    columns: ExactRows
    bias2: Fraction
    moments: Callable[[], _Times]
    dual: Callable[[int], DualFunction]
    variance_cache: dict[Any, list[mpmath.mpf]] = field(default_factory=dict)

    def entry(self, i: int, j: int, work: int) -> tuple[mpmath.mpf, mpmath.mpf]:
        """C and NDK (NTK at equal times) of row i and column j, computed with `work` digits."""
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

    def _variances(self, row: list[Fraction], m: mpmath.mpf, work: int) -> list[mpmath.mpf]:
        """a¹ … a^L of one input at one time."""
        key = tuple(row), m, work
        if key not in self.variance_cache:
            beta2, dual = _mpf(self.bias2), self.dual(work)
            variances = [m * (_mpf(_dot(row, row) / len(row)) + beta2)]
            for layer in range(self.depth - 1):
                a = variances[-1]
                variances.append(m * (dual(layer, a, a, a)[0] + beta2))
            self.variance_cache[key] = variances
        return self.variance_cache[key]

    def converge(self, i: int, j: int, digits: int) -> tuple[tuple[mpmath.mpf, mpmath.mpf], int]:
        """An entry with `digits` correct digits, and the number of digits that the recursion loses.

        A coarse run agrees with a finer one in all digits but the lost ones, and the finer run loses as many.
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
            f"the kernels did not converge to {digits} digits; the last two runs differ by 1e{-agreed:.0f}"
        )


def _network(
    activations: Sequence[Activation],
    X: ArrayLike | ExactRows,
    X2: ArrayLike | ExactRows | None,
    bias: float,
    moments: Callable[[], _Times],
    dual: DualFunction | None,
) -> _Recursion:
    rows, columns = _exact(X), _exact(X if X2 is None else X2)
    if len(columns[0]) != len(rows[0]):
        raise InputError(f"X and X2 must have equally long rows, not {len(rows[0])} and {len(columns[0])}")

    def at(work: int) -> DualFunction:
        return dual or (lambda layer, a, b, c: _quadrature(activations[layer], a, b, c, work))

    return _Recursion(len(activations), rows, columns, _number(bias) ** 2, moments, at)


def _converged(network: _Recursion, digits: int, symmetric: bool) -> tuple[ExactArray, ExactArray]:
    """All entries of both kernels with `digits` correct digits."""
    kernels = [numpy.empty((len(network.rows), len(network.columns)), dtype=object) for _ in range(2)]
    for i, j in numpy.ndindex(kernels[0].shape):
        values = [kernel[j, i] for kernel in kernels] if symmetric and j < i else network.converge(i, j, digits)[0]
        for kernel, value in zip(kernels, values, strict=True):
            kernel[i, j] = value
    return kernels[0], kernels[1]


def _disagreement(one: Sequence[mpmath.mpf], other: Sequence[mpmath.mpf]) -> float:
    """log10 of the largest relative difference of two entries."""
    worst = -math.inf
    for p, q in zip(one, other, strict=True):
        if p != q:
            worst = max(worst, float(mpmath.log10(abs(p - q) / max(abs(p), abs(q)))))
    return worst


@lru_cache(maxsize=2**14)
def _quadrature(
    act: Activation, a: mpmath.mpf, b: mpmath.mpf, c: mpmath.mpf, digits: int
) -> tuple[mpmath.mpf, mpmath.mpf | None]:
    """K and K_dot by quadrature; cached, since shallower networks, single rows and `motion` need the same values."""
    noise = float(mpmath.mpf(10) ** (3 - digits))
    K, K_dot = single_arb(act, as_arb(a), as_arb(b), as_arb(c), digits - 6, noise)
    return as_mpf(K), None if K_dot is None else as_mpf(K_dot)


def _clipped(a: mpmath.mpf, b: mpmath.mpf, c: mpmath.mpf) -> mpmath.mpf:
    """c, with |ρ| ≤ 1 in spite of rounding."""
    if a == b:
        return min(max(c, -a), a)
    if c * c <= a * b:
        return c
    return mpmath.sign(c) * mpmath.sqrt(a * b) * (1 - mpmath.mp.eps)


def _dot(row: list[Fraction], column: list[Fraction]) -> Fraction:
    return sum((x * y for x, y in zip(row, column, strict=True)), Fraction(0))


def _number(value: Any) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(float(value))


def _mpf(value: Fraction) -> mpmath.mpf:
    return mpmath.mpf(value.numerator) / value.denominator


def _exact(rows: Any) -> ExactRows:
    """The rows as exact fractions. Raises InputError for what is no finite matrix."""
    try:
        exact = [[value if isinstance(value, Fraction) else Fraction(float(value)) for value in row] for row in rows]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("inputs must be rows of finite numbers") from error
    if not exact or not exact[0] or any(len(row) != len(exact[0]) for row in exact):
        raise InputError("inputs must be rows of equal, non-zero length")
    return exact
