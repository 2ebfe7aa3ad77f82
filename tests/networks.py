"""Two kernels known since 1997 and 2009, typed by hand in mpmath, and layers that hide their closed form: judges of
the numeric rules."""

from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
from scipy.special import erf


def relu_dual(a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Cho & Saul 2009."""
    det = a * b - c * c
    angle = mp.atan2(mp.sqrt(det) if det > 0 else mp.mpf(0), c)
    return (mp.sqrt(a * b) * (mp.sin(angle) + (mp.pi - angle) * mp.cos(angle))) / (2 * mp.pi), (mp.pi - angle) / (
        2 * mp.pi
    )


def erf_dual(a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Williams 1997."""
    det = (1 + 2 * a) * (1 + 2 * b) - 4 * c * c
    return 2 / mp.pi * mp.atan2(2 * c, mp.sqrt(det)), 4 / (mp.pi * mp.sqrt(det))


@dataclass(frozen=True)
class Numeric:
    """A layer without closed form: only φ and φ' are given, so every value comes from the numeric rules."""

    name: str
    phi: Any
    dphi: Any
    breaks: tuple[float, ...] = ()
    smoothness: float = np.inf
    parity: str | None = None
    homogeneity: float | None = None
    strip: float | None = None
    reach: float = np.inf
    extra: str | None = None
    origin: Any = None
    closed: bool = False

    def diag(self, a: Any) -> Any:
        raise AssertionError("not closed")

    pair = diag


relu = Numeric("relu", lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0, (0.0,), 1)
erf_ = Numeric("erf", erf, lambda u: 2 / np.sqrt(np.pi) * np.exp(-np.minimum(u * u, 700)))
tanh = Numeric("tanh", np.tanh, lambda u: np.cosh(np.clip(u, -350, 350)) ** -2.0, parity="odd")
relu6 = Numeric("relu6", lambda u: np.clip(u, 0, 6), lambda u: ((u > 0) & (u < 6)) * 1.0, (0.0, 6.0), 1)
softsign = Numeric("softsign", lambda u: u / (1 + abs(u)), lambda u: (1 + abs(u)) ** -2.0, (0.0,), 2, "odd")


def prior(t: float, s: float, temperature: float, variance: float, init: float) -> tuple[Any, Any, Any]:
    """m(t,t), m(s,s), m(t,s) of T3, typed as it stands."""
    t, s, temperature, variance, init = map(mp.mpf, (t, s, temperature, variance, init))

    def m(x: Any, y: Any) -> Any:
        rate = temperature / variance
        return variance * mp.exp(-rate * abs(x - y)) + (init - variance) * mp.exp(-rate * (x + y))

    return m(t, t), m(s, s), m(t, s)


def covariance_and_tangent(duals: list[Any], x: Any, y: Any, bias: Any, m: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """C^{L+1} and Θ^{L+1} of T5 for one pair of inputs given as mpf vectors; duals[l](a, b, c) -> (K, K_dot)."""
    width, shift = len(x), mp.mpf(bias) ** 2
    inner = [sum(u * v for u, v in zip(*pair, strict=True)) / width + shift for pair in ((x, x), (y, y), (x, y))]
    theta = inner[2]
    a, b, c = (scale * value for scale, value in zip(m, inner, strict=True))
    for dual in duals:
        (A, _), (B, _), (K, K_dot) = dual(a, a, a), dual(b, b, b), dual(a, b, c)
        theta = m[2] * K_dot * theta + K + shift
        a, b, c = m[0] * (A + shift), m[1] * (B + shift), m[2] * (K + shift)
    return c, theta
