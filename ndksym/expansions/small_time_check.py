"""Are the G_jl those of the NDK? The recursion itself, evaluated beside t = s = 0 to hundreds of digits (theory T6, T11)."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath
from sympy import Integer, Rational, S

from ndksym.algebra.evaluate import Evaluator
from ndksym.algebra.zero_test import Domain, points
from ndksym.expansions.small_time import Onset
from ndksym.kernels.ndk import dynamics
from ndksym.kernels.network import Network
from ndksym.kernels.prior import response
from ndksym.symbols import T, k11, k12, k22, s, sigma02, sigma2, t

__all__ = ["Check", "check"]

_WANTED = 50
_STEP = 130
"""τ − τ' = 10^(−_STEP)."""
_RAY = Rational(3, 5)
"""τ'/(τ − τ')."""


@dataclass(frozen=True)
class Check:
    """Digits to which the highest coefficients agree (each lower one to more), at one drawn point; `same`: one input."""

    same: bool
    digits: float

    @property
    def holds(self) -> bool:
        """Fifty digits or more."""
        return self.digits >= _WANTED


def check(d: Network, found: Onset, same: bool) -> Check:
    """NDK − Σ G_jl (τ−τ')^{j/2} τ'^l, over the last power kept: what is left is of the next order, a root of 10^−130 smaller."""
    symbols = set().union(*(value.free_symbols for _, value in found.definitions)) - {n for n, _ in found.definitions}
    domain = Domain(
        ranges={k11: (S.One, Integer(2)), k22: (S.One, Integer(2)), k12: (Rational(-1, 2), Rational(1, 2))},
        conditions=() if same else (k12**2 < k11 * k22,),
    )
    # the recursion knows all of these, even where no coefficient does
    needed = {k11, sigma2, sigma02} if same else {k11, k12, k22, sigma2, sigma02}
    (point,) = points(symbols | needed, domain, count=1)
    digits = _WANTED + (found.order + 2) * _STEP
    jets = Evaluator(point, digits)
    for name, value in found.definitions:
        jets.define(name, value)
    lag = Rational(1, 10**_STEP)
    full = dict(point) | {T: Integer(1), s: _RAY * lag, t: (1 + _RAY) * lag}
    if same:
        full |= {k12: point[k11], k22: point[k11]}
    network = Evaluator(full, digits)
    recursion = dynamics(d.duals, d.bias)
    for name, value in recursion.definitions:
        network.define(name, value)
    with mpmath.workdps(digits):
        root = mpmath.sqrt(mpmath.mpf(10) ** -_STEP)
        ray = mpmath.mpf(_RAY.p) / _RAY.q
        series = mpmath.fsum(jets(G) * root ** (j + 2 * ell) * ray**ell for (j, ell), G in found.jets.items())
        whole = network(response() * recursion.output.theta)
        left = abs(whole - series) / root**found.order
        return Check(same, float(-mpmath.log10(left)) if left else float(digits))
