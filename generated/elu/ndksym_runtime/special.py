"""Special functions that generated NumPy code calls: each keeps its digits, and none overflows if its value is finite.

`ndk_support.h` has the same functions in C, by the same formulas.
"""

import numpy as np
from scipy.special import dawsn, erf, erfc, erfcx, expit

from .types import Array

__all__ = [
    "arccos_kernel_1",
    "corner",
    "edge",
    "expdiff",
    "experfc",
    "experfi",
    "logistic",
    "p_minus_q_cos",
    "softplus",
    "theta_minus_sin"
]  # fmt: skip

_ROOT2 = np.sqrt(0.5)

# Gauss–Legendre on [0, 1] with 36 nodes: the lower half; the upper half is its mirror image. The weights of NumPy are
# right to 3e-14 only.
_LOWER = np.array([
    0.001084768757957082, 0.005706760548893881, 0.013986154475151025, 0.025863507800246228, 0.04125111274217047,
    0.060035099554801435, 0.08207641650376235, 0.10721188493389675, 0.1352554142032217, 0.16599938170723946,
    0.19921617093200975, 0.23465985703687742, 0.27206802778328987, 0.3111637264401554, 0.35165750232798587,
    0.39324955384156723, 0.4356319480953076, 0.4784909007631457,
])  # fmt: skip
_HALF_WEIGHTS = np.array([
    0.0027828598321225227, 0.006457973642032787, 0.010090757648867736, 0.01364931074928439, 0.017106905385153616,
    0.020437875461822446, 0.02361754174513299, 0.02662235698887996, 0.02943007212266241, 0.03201989867750774,
    0.034372661917868225, 0.03647094250282653, 0.038299205322935334, 0.0398439144560358, 0.04109363335216985,
    0.042039109489830966, 0.04267334286966931, 0.042991637835197376,
])  # fmt: skip
NODES = np.concatenate([_LOWER, 1.0 - _LOWER[::-1]])
WEIGHTS = np.concatenate([_HALF_WEIGHTS, _HALF_WEIGHTS[::-1]])


def expdiff(A: Array, B: Array, difference: Array) -> Array:
    """e^A − e^B, given A − B.

    >>> float(expdiff(1e-20, 0.0, 1e-20)), float(expdiff(0.0, -1e300, 1e300))
    (1e-20, 1.0)
    """
    larger = np.exp(np.where(difference > 0, A, B))
    out: Array = -np.sign(difference) * np.expm1(-np.abs(difference)) * larger
    return out


def experfc(A: Array, z: Array, B: Array) -> Array:
    """e^A erfc z, given B = A − z².

    >>> round(float(experfc(1e16, 1e8, 0.0)) * 1e8 * float(np.sqrt(np.pi)), 12)  # e^A overflows, erfc z underflows
    1.0
    """
    positive = np.asarray(z) > 0
    scaled = np.where(positive, erfcx(np.maximum(z, 0.0)), erfc(np.minimum(z, 0.0)))
    out: Array = np.exp(np.where(positive, B, A)) * scaled
    return out


def experfi(A: Array, z: Array, B: Array) -> Array:
    """e^A erfi z, given B = A + z².

    >>> round(float(experfi(-1e16, 1e8, 0.0)) * 1e8 * float(np.sqrt(np.pi)), 12)
    1.0
    """
    return np.asarray(2 / np.sqrt(np.pi) * np.exp(B) * dawsn(z))


LOST = 1e-4
"""If two numbers with the rounding errors of 1 are both below this, their angle has fewer than 12 digits."""


def corner(A: Array, h: Array, k: Array) -> Array:
    """e^A where h > 0 and k > 0, else 0: e^A Φ2(h, k; ρ) without its two edges.

    The value is nan where h and k, sums that may cancel, are so near 0 that the angle between the edges is lost.
    """
    inside = (np.asarray(h) > 0) & (np.asarray(k) > 0)
    value = np.where(inside, np.exp(np.where(inside, A, 0.0)), 0.0)
    return np.where(np.maximum(np.abs(h), np.abs(k)) < LOST, np.nan, value)


def edge(h: Array, g: Array, along: Array, apex: Array) -> Array:
    """−sign(h) e^A G(|h|, g), G(h, g) = 1/2π ∫_g^∞ e^{−(h² + y²)/2} h/(h² + y²) dy, given A − h²/2 and A − (h² + g²)/2.

    With g = −(k − ρh)/√(1 − ρ²), and g' likewise, e^A Φ2(h, k; ρ) = corner + edge(h, g) + edge(k, g'). This is Owen's T
    integrated from the far end, so nothing cancels in the tails (Owen 1956).

    >>> round(float(edge(-1.0, 0.0, -0.5, -0.5)), 12)  # half of Φ(−1)
    0.079327626966
    """
    h, g, along, apex = np.broadcast_arrays(h, g, along, apex)
    x, y, back = np.abs(h), np.abs(g), g < 0
    value = np.exp(apex) * far(x, y)
    value = np.where(back, np.exp(np.where(back, along, 0.0)) * (0.5 * erfcx(x * _ROOT2)) - value, value)
    return np.where(h > 0, -value, value)


def far(x: Array, y: Array) -> Array:
    """e^{(x² + y²)/2} G(x, y) for x, y ≥ 0."""
    near = np.hypot(x, y) < 1.0
    out = np.empty(np.shape(x))
    out[near] = _far_near(x[near], y[near])
    out[~near] = _far_beyond(x[~near], y[~near])
    return out


def _far_beyond(x: Array, y: Array) -> Array:
    """By the integral itself, where its poles ±ix are at least 1 away from the line of integration."""
    reach = 74.0 / (y + np.hypot(y, np.sqrt(74.0)))  # e^{−z(y + z/2)} = e^{−37} there
    total = np.zeros_like(x)
    with np.errstate(over="ignore"):
        x = np.maximum(x, 1e-300)
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            z = reach * node
            v = y + z
            total += weight * np.exp(-z * (y + 0.5 * z)) / (x + v * (v / x))
    out: Array = total * reach / (2 * np.pi)
    return out


def _far_near(x: Array, y: Array) -> Array:
    """¼ erfc(x/√2) − T(x, y/x), or the same through T(y, x/y) where y > x: Owen's T of a slope ≤ 1.

    The value at x = y = 0 is 0: near opposite inputs h vanishes as the square of the half-angle, g as the half-angle.
    """
    small, large = np.minimum(x, y), np.maximum(x, y)
    slope = small / np.maximum(large, 1e-300)
    T = np.zeros_like(x)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        square = 1.0 + (slope * node) ** 2
        T += weight * np.exp(-0.5 * large * large * square) / square
    T *= slope / (2 * np.pi)
    whole = np.where((y > x) | (x == 0), T - 0.25 * erf(x * _ROOT2) * erfc(y * _ROOT2), 0.25 * erfc(x * _ROOT2) - T)
    out: Array = whole * np.exp(0.5 * (x * x + y * y))
    return out


def arccos_kernel_1(psi: Array, s: Array, k: Array) -> Array:
    """ψ cos θ + sin θ for θ = π − ψ, s = sin θ/2, k = cos θ/2; it tends to ψ³/3 as θ → π.

    Divided by π this is the arc-cosine kernel of degree 1 (Cho & Saul 2009).

    >>> round(float(arccos_kernel_1(1e-5, 1.0, 5e-6)) * 3e15, 6)
    1.0
    """
    wide = np.asarray(k) >= s
    return np.where(wide, psi * ((k - s) * (k + s)) + 2 * s * k, 2 * k * k * psi - theta_minus_sin(psi, s, k))


def theta_minus_sin(theta: Array, s: Array, k: Array) -> Array:
    """θ − sin θ, given s = sin θ/2 and k = cos θ/2.

    >>> round(float(theta_minus_sin(1e-5, 5e-6, 1.0)) * 6e15, 6)
    1.0
    """
    near = np.minimum(theta, 2.0)
    square = near**2
    return np.where(np.asarray(theta) < 2.0, near * square / 6 * theta_minus_sin_series(square), theta - 2 * s * k)


def theta_minus_sin_series(square: Array) -> Array:
    """6 (θ − sin θ)/θ³ as a function of θ² ≤ 4."""
    series = np.ones_like(square)
    for n in range(14, 1, -1):
        series = 1.0 - series * square / ((2 * n) * (2 * n + 1))
    return series


def p_minus_q_cos(p: Array, q: Array, c: Array, s: Array) -> Array:
    """p − q cos θ, given c = pq cos θ and s = sin θ/2."""
    return np.where(np.asarray(c) > 0, (p - q) + 2 * q * s * s, p - c / p)


def logistic(x: Array) -> Array:
    """1/(1 + e^{−x})."""
    return np.asarray(expit(x))


def softplus(x: Array) -> Array:
    """log(1 + e^x)."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))
