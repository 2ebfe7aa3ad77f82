"""Check of the G_jl against the NDK itself, from the recursion evaluated near t = s = 0 to hundreds of digits (T6, T11)."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath
from sympy import Integer, Rational, S

from ndksym.algebra.evaluate import Evaluator
from ndksym.algebra.zero_test import Domain, points
from ndksym.expansions.small_time import SmallTimeKernel
from ndksym.kernels.ndk import dynamics
from ndksym.kernels.network import Network
from ndksym.kernels.prior import response
from ndksym.symbols import T, k11, k12, k22, s, sigma02, sigma2, t

__all__ = ["SmallTimeCheck", "check"]

_WANTED = 50
_STEP = 130
"""τ − τ' = 10^(−_STEP)."""
_RAY = Rational(3, 5)
"""τ'/(τ − τ')."""


@dataclass(frozen=True)
class SmallTimeCheck:
    """Digits to which the highest coefficients agree at one drawn point; lower ones agree to more. `same` means one input."""

    same: bool
    digits: float

    @property
    def holds(self) -> bool:
        """Whether fifty digits or more agree."""
        return self.digits >= _WANTED

    @property
    def name(self) -> str:
        """Which coefficients were checked."""
        return f"G_jl of {'one input' if self.same else 'two inputs'}"

    def record(self) -> dict[str, object]:
        """The check as a dictionary, for JSON."""
        return {"same_input": self.same, "digits": self.digits, "holds": self.holds}


def check(d: Network, kernel: SmallTimeKernel, same: bool) -> SmallTimeCheck:
    """Compare NDK with Σ G_jl (τ−τ')^{j/2} τ'^l; the difference, relative to the last power, is of order √(10^−130)."""
    symbols = set().union(*(value.free_symbols for _, value in kernel.definitions)) - {n for n, _ in kernel.definitions}
    domain = Domain(
        ranges={k11: (S.One, Integer(2)), k22: (S.One, Integer(2)), k12: (Rational(-1, 2), Rational(1, 2))},
        conditions=() if same else (k12**2 < k11 * k22,),
    )
    # the recursion depends on all of these, even if no coefficient does
    needed = {k11, sigma2, sigma02} if same else {k11, k12, k22, sigma2, sigma02}
    (point,) = points(symbols | needed, domain, count=1)
    digits = _WANTED + (kernel.order + 2) * _STEP
    coefficients = Evaluator(point, digits)
    for name, value in kernel.definitions:
        coefficients.define(name, value)
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
        series = mpmath.fsum(
            coefficients(G) * root ** (j + 2 * ell) * ray**ell for (j, ell), G in kernel.coefficients.items()
        )
        whole = network(response() * recursion.output.theta)
        left = abs(whole - series) / root**kernel.order
        return SmallTimeCheck(same, float(-mpmath.log10(left)) if left else float(digits))
