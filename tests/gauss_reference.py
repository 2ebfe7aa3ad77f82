"""Truth for Gaussian expectations: product Gauss–Legendre in extended precision, panels cut at every break."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from numpy.polynomial.legendre import leggauss
from sympy import lambdify, oo

from ndksym.algebra.bivariate_normal import phi2_mp
from ndksym.symbols import a, b, c, x

EPS = float(np.finfo(np.longdouble).eps)
DIGITS = max(40 * EPS, 1e-15)
"""Relative agreement asked of a closed form: 15 digits where the platform's long double has them."""


@cache
def _rule(nodes: int = 20) -> tuple[Any, Any]:
    """Gauss–Legendre on [−1, 1]: double-precision nodes polished by one Newton step in mpmath."""
    points, weights = [], []
    with mpmath.workdps(40):
        for guess in leggauss(nodes)[0]:
            z = mpmath.findroot(lambda t: mpmath.legendre(nodes, t), mpmath.mpf(float(guess)))
            slope = nodes * mpmath.legendre(nodes - 1, z) / (1 - z * z)
            points.append(_long(z))
            weights.append(_long(2 / ((1 - z * z) * slope**2)))
    return np.array(points), np.array(weights)


def _long(z: Any) -> Any:
    high = np.longdouble(float(z))
    return high + np.longdouble(float(z - mpmath.mpf(float(z))))


def _grid(pieces: Sequence[Any], variance: float, width: float, spread: float) -> tuple[Any, Any, Any]:
    """Nodes, weights and values of a function given by pieces."""
    t, w = _rule()
    edge = spread * variance**0.5
    cuts = [-edge, *(float(p.lo) for p in pieces[1:] if abs(p.lo) < edge), edge]
    nodes, weights = [], []
    for low, high in pairwise(cuts):
        count = int(np.ceil((high - low) / width))
        ends = np.linspace(np.longdouble(low), np.longdouble(high), count + 1)
        half = (ends[1:] - ends[:-1]) / 2
        nodes.append((((ends[1:] + ends[:-1]) / 2)[:, None] + half[:, None] * t).ravel())
        weights.append((half[:, None] * w).ravel())
    place = np.concatenate(nodes)
    values = np.empty_like(place)
    with mpmath.workdps(25):
        for piece in pieces:
            low = -np.inf if piece.lo == -oo else float(piece.lo)
            high = np.inf if piece.hi == oo else float(piece.hi)
            function = lambdify(x, piece.expr, "mpmath")
            for i in np.flatnonzero((place > low) & (place < high)):
                u = float(place[i])
                values[i] = _long(function(mpmath.mpf(u) + mpmath.mpf(float(place[i] - np.longdouble(u)))))
    return place, np.concatenate(weights), values


def expectation(
    left: Sequence[Any], right: Sequence[Any], A: float, B: float, C: float, spread: float = 13.0
) -> tuple[Any, Any]:
    """E[f(u)g(v)] and E|f(u)g(v)| for functions given by pieces; A, B, C exact in binary."""
    det = np.longdouble(A) * B - np.longdouble(C) ** 2
    u, wu, f = _grid(left, A, 1.2 * float(det / B) ** 0.5, spread)
    v, wv, g = _grid(right, B, 1.2 * float(det / A) ** 0.5, spread)
    density = np.exp(-(B * u[:, None] ** 2 - 2 * C * u[:, None] * v + A * v**2) / (2 * det))
    density /= 2 * np.longdouble(np.pi) * np.sqrt(det) * (1 + np.longdouble(1.2246467991473532e-16) / np.pi)
    return (wu * f) @ density @ (wv * g), (wu * abs(f)) @ density @ (wv * abs(g))


def expectation_1d(left: Sequence[Any], right: Sequence[Any], A: float, spread: float = 13.0) -> tuple[Any, Any]:
    """E[f(u)g(u)] and E|f(u)g(u)| for functions with the same breaks."""
    u, w, f = _grid(left, A, 0.7 * A**0.5, spread)
    _, _, g = _grid(right, A, 0.7 * A**0.5, spread)
    density = np.exp(-(u**2) / (2 * np.longdouble(A))) / np.sqrt(2 * np.longdouble(np.pi) * A)
    density /= 1 + np.longdouble(1.2246467991473532e-16) / np.pi / 2
    return (w * f * g) @ density, (w * abs(f * g)) @ density


def numeric(expr: Any, *symbols: Any) -> Callable[..., Any]:
    """A closed form in mpmath, evaluated with 40 digits from exact binary arguments."""
    function = lambdify(symbols or (a, b, c), expr, [{"Phi2": phi2_mp}, "mpmath"])

    def evaluate(*values: float) -> Any:
        with mpmath.workdps(40):
            return mpmath.mpf(function(*(mpmath.mpf(value) for value in values)))

    return evaluate


def close(found: Any, truth: tuple[Any, Any], tolerance: float = DIGITS) -> bool:
    """Agreement relative to the size of what was averaged."""
    value, size = truth
    return bool(abs(_long(found) - value) <= tolerance * size)
