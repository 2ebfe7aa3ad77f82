"""Owen's T function by its series, and the bivariate normal distribution by Owen's T (Owen 1956), to any number of digits."""

import mpmath
from mpmath import mpf

MODERATE = 3000
"""Largest h² for which the series is used; it needs about h²/2 terms."""
_DEEPEST = 10240
"""A probability below 2^−10240 counts as 0."""


def owens_t(h: mpf, a: mpf) -> mpf:
    """T(h, a) = (1/2π) ∫_0^a e^{−h²(1+x²)/2}/(1+x²) dx, to the absolute working precision.

    >>> mpmath.nstr(owens_t(1, 1), 12)
    '0.0667418821657'
    """
    h, a = mpf(h), mpf(a)
    if a < 0:
        return -owens_t(h, -a)
    if h * h > 2 * mpmath.ln2 * mpmath.mp.prec:
        return mpf(0)
    if a > 1:
        first, second = mpmath.ncdf(h), mpmath.ncdf(a * h)
        return (first + second) / 2 - first * second - owens_t(a * h, 1 / a)
    return _series(h * h / 2, a)


def _series(x: mpf, a: mpf) -> mpf:
    """(1/2π) [atan a − Σ_j (−1)^j a^{2j+1}/(2j+1) P_j], P_j = 1 − e^{−x} Σ_{i≤j} x^i/i!, in integer arithmetic.

    Numbers are multiplied by 2^prec."""
    prec = mpmath.mp.prec + 20
    with mpmath.workprec(prec + int(x / mpmath.ln2) + 10):
        one = 1 << prec
        term = int(mpmath.floor(mpmath.exp(-x) * one))
        point, square = int(mpmath.floor(x * one)), int(mpmath.floor(a * a * one))
        power = int(mpmath.floor(a * one))
        total = int(mpmath.floor(mpmath.atan(a) * one))
    rest, j = one - term, 0
    while rest > 0 and power > 0:
        change = (power * rest >> prec) // (2 * j + 1)
        total += change if j % 2 else -change
        power = power * square >> prec
        j += 1
        term = (term * point >> prec) // j
        if term == 0 and j > x:
            break
        rest -= term
    return mpf(total) / one / (2 * mpmath.pi)


def bivariate_normal(h: mpf, k: mpf, rho: mpf) -> mpf:
    """P(Z1 < h, Z2 < k) at correlation −1 < rho < 1 for h² and k² up to `MODERATE`, to the relative working precision.

    >>> mpmath.nstr(bivariate_normal(1, -2, mpf(1) / 2), 14)
    '0.022603272182165'
    """
    guard, value = 40, mpf(0)
    while guard <= _DEEPEST:
        with mpmath.workprec(mpmath.mp.prec + guard):
            value = _by_owen(mpf(h), mpf(k), mpf(rho))
        if value and mpmath.mag(value) > 20 - guard:
            return +value
        guard *= 4
    return mpf(0)


def _by_owen(h: mpf, k: mpf, rho: mpf) -> mpf:
    across = mpmath.sqrt((1 - rho) * (1 + rho))
    value = (mpmath.ncdf(h) + mpmath.ncdf(k)) / 2
    for one, two in ((h, k), (k, h)):
        if one:
            value -= owens_t(one, (two - rho * one) / (one * across))
        else:
            value -= mpf(1) / 4 * mpmath.sign(two)
    return value - (0 if h * k > 0 or (h * k == 0 and h + k >= 0) else mpf(1) / 2)
