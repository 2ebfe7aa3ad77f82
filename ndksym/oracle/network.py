"""Kernels of whole networks from the exact float64 inputs, by the layer recursion typed afresh (T3, T5, T6).

Every number is carried in mpmath with guard digits; the whole recursion is repeated with more of them until two runs
agree to the digits asked for, so cancellation anywhere inside shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy

from ndksym.errors import CheckFailedError, InputError
from ndksym.oracle.numbers import as_arb, as_mpf
from ndksym.oracle.quadrature import single_arb

__all__ = ["Dual", "motion", "reference", "two_time"]

Dual = Callable[[int, Any, Any, Any], tuple[Any, Any]]
"""(layer, a, b, c) → (K, K_dot) as mpf, good to mpmath.mp.prec; K_dot is None or inf where it is infinite."""

Rows = list[list[Fraction]]


def reference(
    activations: Sequence[Any],
    X: Any,
    X2: Any = None,
    bias: float = 0.0,
    variance: float = 1.0,
    digits: int = 50,
    dual: Dual | None = None,
) -> tuple[Any, Any]:
    """NNGP and NTK, (n, n2) arrays of mpf, right to `digits` for the float64 inputs as they are.

    With m = variance and β = bias:  C¹ = m(x·x'/N₀ + β²),  Cˡ⁺¹ = m(K + β²);  Θ¹ = x·x'/N₀ + β²,
    Θˡ⁺¹ = m K_dot Θˡ + K + β²;  NNGP = C at the output, NTK = Θ (T5; Jacot et al. 2018, arXiv 1806.07572).

    `dual` takes the place of quadrature, e.g. a closed form; it is called at the precision it has to keep.

    >>> from ndksym.activation import activation
    >>> nngp, ntk = reference([activation("relu")], [[1.0, 1.0]], digits=30)
    >>> print(mpmath.nstr(nngp[0, 0], 20), mpmath.nstr(ntk[0, 0], 20))
    0.5 1.0

    Errors: InputError for inputs that are not finite numbers; CheckFailedError when the digits are not reached.
    """
    m = _number(variance)
    return _settled(activations, X, X2, _number(bias) ** 2, lambda: _Times(_mpf(m), _mpf(m), _mpf(m)), digits, dual)


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
    dual: Dual | None = None,
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

    return _settled(activations, X, X2, _number(bias) ** 2, moments, digits, dual)


def motion(
    activations: Sequence[Any],
    X: Any,
    X2: Any = None,
    bias: float = 0.0,
    variance: float = 1.0,
    dual: Dual | None = None,
    patterns: int = 3,
    seed: int = 0,
    digits: int = 30,
) -> tuple[Any, Any]:
    """How far NNGP and NTK move, relatively and per entry, when every input moves by half an ulp.

    The signs are random, `patterns` times over from `seed`; the largest motion counts. Two (n, n2) float arrays.
    """
    start = reference(activations, X, X2, bias, variance, digits, dual)
    random = numpy.random.default_rng(seed)
    most = [numpy.zeros(kernel.shape) for kernel in start]
    for _ in range(patterns):
        moved = [None if rows is None else _nudged(rows, random) for rows in (X, X2)]
        after = reference(activations, moved[0], moved[1], bias, variance, digits, dual)
        for worst, one, other in zip(most, start, after, strict=True):
            worst[...] = numpy.maximum(worst, numpy.vectorize(_relative, otypes=[float])(other, one))
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


@dataclass(frozen=True)
class _Times:
    """m at (t,t), (s,s), (t,s), and the decay that turns Θ into the NDK."""

    late: Any
    early: Any
    cross: Any
    decay: Any = 1


def _settled(
    activations: Sequence[Any],
    X: Any,
    X2: Any,
    bias2: Fraction,
    moments: Callable[[], _Times],
    digits: int,
    dual: Dual | None,
) -> tuple[Any, Any]:
    """Run with more and more guard digits until two runs agree."""
    rows, others = _exact(X), None if X2 is None else _exact(X2)
    if others is not None and len(others[0]) != len(rows[0]):
        raise InputError(f"X and X2 must have equally long rows, not {len(rows[0])} and {len(others[0])}")
    work, before = digits + 10, None
    while work <= 20 * digits + 600:
        with mpmath.mp.workdps(work):
            layers = dual or _quadrature(activations, work)
            after = _recursion(len(activations), rows, others, bias2, moments(), layers)
            lost = (
                max(_disagreement(one, other) for one, other in zip(before, after, strict=True)) if before else math.inf
            )
        if lost <= -digits:
            return after
        before = after
        work += 15 if not math.isfinite(lost) else max(15, math.ceil(lost + digits) + 10)
    raise CheckFailedError(f"the kernels did not settle to {digits} digits; the last two runs differ by 1e{lost:.0f}")


def _disagreement(one: Any, other: Any) -> float:
    """log10 of the largest relative difference."""
    worst = -math.inf
    for p, q in zip(one.flat, other.flat, strict=True):
        if p != q:
            worst = max(worst, float(mpmath.log10(abs(p - q) / max(abs(p), abs(q)))))
    return worst


def _quadrature(activations: Sequence[Any], digits: int) -> Dual:
    def dual(layer: int, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
        noise = float(mpmath.mpf(10) ** (3 - digits))
        K, K_dot = single_arb(activations[layer], as_arb(a), as_arb(b), as_arb(c), digits - 6, noise)
        return as_mpf(K), as_mpf(K_dot)

    return dual


def _recursion(depth: int, rows: Rows, others: Rows | None, bias2: Fraction, m: _Times, dual: Dual) -> tuple[Any, Any]:
    same = others is None
    columns = rows if others is None else others
    still = m.late == m.cross == m.early
    beta2 = _mpf(bias2)
    first = [_variances(depth, row, beta2, m.late, dual) for row in rows]
    second = first if same and still else [_variances(depth, row, beta2, m.early, dual) for row in columns]
    covariance = numpy.empty((len(rows), len(columns)), dtype=object)
    tangent = numpy.empty_like(covariance)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if same and still and j < i:
                covariance[i, j], tangent[i, j] = covariance[j, i], tangent[j, i]
                continue
            base = _mpf(_dot(row, column) / len(row)) + beta2
            C, Theta = m.cross * base, base
            for layer in range(depth):
                a, b = first[i][layer], second[j][layer]
                K, K_dot = dual(layer, a, b, _clipped(a, b, C))
                slope = mpmath.inf if K_dot is None else K_dot
                Theta = m.cross * slope * Theta + K + beta2
                C = m.cross * (K + beta2)
            covariance[i, j], tangent[i, j] = C, m.decay * Theta
    return covariance, tangent


def _variances(depth: int, row: list[Fraction], beta2: Any, m: Any, dual: Dual) -> list[Any]:
    """a¹ … a^L of one input at one time."""
    variances = [m * (_mpf(_dot(row, row) / len(row)) + beta2)]
    for layer in range(depth - 1):
        a = variances[-1]
        variances.append(m * (dual(layer, a, a, a)[0] + beta2))
    return variances


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
