"""E[atom(v) on (lo, hi)] for v ~ N(m, σ²), in Arb, for real or complex m: the inner half of the certified route.

Completing the square with τ = 1 − 2ασ²,

    e^{αv² + ηv} N(v; m, σ²) = C N(v; m', σ'²),  m' = (m + ησ²)/τ, σ'² = σ²/τ, C = τ^{−½} e^{(αm² + ηm + η²σ²/2)/τ}

and I_n = ∫_lo^hi vⁿ N(v; m', σ'²) dv by parts: I_n = m' I_{n−1} + (n−1)σ'² I_{n−2} − σ'² [v^{n−1} N]_lo^hi.
With erf(λv + μ) on the whole line, J_0 = erf((λm' + μ)/√(1 + 2λ²σ'²)) and
J_n = m' J_{n−1} + (n−1)σ'² J_{n−2} + (2λσ'²/√π) E[v^{n−1} e^{−(λv+μ)²}].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from ndksym.errors import DivergentKernelError, NotDerivableError
from ndksym.oracle.atoms import Atom
from ndksym.oracle.evaluate import constant
from ndksym.oracle.numbers import flint

__all__ = ["Smoothed"]


@dataclass(frozen=True)
class _Family:
    """Σ_n factor_n vⁿ · e^{αv²+ηv} · {1, erf(λv+μ)} on (lo, hi), with everything that does not depend on m."""

    factors: list[Any]
    alpha: Any
    eta: Any
    line: tuple[Any, Any] | None
    lo: Any
    hi: Any
    tau: Any
    variance: Any  # σ'²

    def __call__(self, m: Any, sigma2: Any) -> Any:
        plain = self.alpha == 0 and self.eta == 0
        mean = m if plain else (m + self.eta * sigma2) / self.tau
        moments = self._erf(mean) if self.line else _moments(mean, self.variance, self.lo, self.hi, len(self.factors))
        total = flint().acb(0)
        for factor, moment in zip(self.factors, moments, strict=True):
            if factor != 0:
                total += factor * moment
        if plain:
            return total
        exponent = (self.alpha * m * m + self.eta * m + self.eta * self.eta * sigma2 / 2) / self.tau
        return total * exponent.exp() / self.tau.sqrt()

    def _erf(self, mean: Any) -> list[Any]:
        assert self.line is not None
        slope, shift = self.line
        narrow = 1 + 2 * slope * slope * self.variance
        values = [((slope * mean + shift) / narrow.sqrt()).erf()]
        if len(self.factors) > 1:
            # e^{−(λv+μ)²} is an atom itself: α = −λ², η = −2λμ
            tilted = (mean - 2 * slope * shift * self.variance) / narrow
            height = (-((slope * mean + shift) ** 2) / narrow).exp() / narrow.sqrt()
            gauss = _moments(tilted, self.variance / narrow, None, None, len(self.factors) - 1)
            factor = 2 * slope * self.variance * height / flint().arb.pi().sqrt()
            for n in range(1, len(self.factors)):
                before = (n - 1) * self.variance * values[n - 2] if n > 1 else 0
                values.append(mean * values[n - 1] + before + factor * gauss[n - 1])
        return values


class Smoothed:
    """h(m) = Σ_pieces E[f(v); v in the piece] for v ~ N(m, σ²), with point masses J at τ: + Σ J N(τ; m, σ²)."""

    def __init__(self, pieces: list[tuple[Any, Any, tuple[Atom, ...]]], sigma2: Any, masses: list[tuple[Any, Any]]) -> None:
        self.sigma2, self.masses = sigma2, masses
        self.families = [family for lo, hi, found in pieces for family in _families(lo, hi, found, sigma2)]

    def __call__(self, m: Any) -> Any:
        m = flint().acb(m)
        total = flint().acb(0)
        for family in self.families:
            total += family(m, self.sigma2)
        for tau, jump in self.masses:
            total += jump * _normal(tau, m, self.sigma2)
        return total


def _families(lo: Any, hi: Any, found: tuple[Atom, ...], sigma2: Any) -> list[_Family]:
    groups: dict[tuple[Any, ...], dict[int, sympy.Expr]] = {}
    for atom in found:
        groups.setdefault((atom.alpha, atom.eta, atom.line), {})[atom.power] = atom.factor
    families = []
    for (alpha, eta, line), powers in groups.items():
        if line and not (lo is None and hi is None):
            raise NotDerivableError("erf on part of the line has no one-dimensional reduction here")
        alpha, eta = flint().acb(constant(alpha)), flint().acb(constant(eta))
        tau = 1 - 2 * alpha * sigma2
        if not tau.real > 0:
            raise DivergentKernelError(f"E φ(v) is infinite: the variance {sigma2.str(8)} is too large for e^(αx²)")
        factors = [flint().acb(constant(powers.get(k, 0))) for k in range(max(powers) + 1)]
        shape = (constant(line[0]), constant(line[1])) if line else None
        families.append(_Family(factors, alpha, eta, shape, lo, hi, tau, sigma2 / tau))
    return families


def _normal(x: Any, mean: Any, variance: Any) -> Any:
    return (-((x - mean) ** 2) / (2 * variance)).exp() / (2 * flint().arb.pi() * variance).sqrt()


def _moments(mean: Any, variance: Any, lo: Any, hi: Any, count: int) -> list[Any]:
    """∫_lo^hi vⁿ N(v; mean, variance) dv for n < count; None stands for an infinite end."""
    width = (2 * variance).sqrt()
    if lo is None and hi is None:
        values = [flint().acb(1)]
    elif hi is None:
        values = [((lo - mean) / width).erfc() / 2]
    elif lo is None:
        values = [((mean - hi) / width).erfc() / 2]
    else:
        values = [(((hi - mean) / width).erf() - ((lo - mean) / width).erf()) / 2]
    if count == 1:
        return values
    ends = [(end, sign, _normal(end, mean, variance)) for end, sign in ((lo, 1), (hi, -1)) if end is not None]
    for n in range(1, count):
        value = mean * values[n - 1]
        if n > 1:
            value += (n - 1) * variance * values[n - 2]
        for end, sign, height in ends:
            value += sign * variance * end ** (n - 1) * height
        values.append(value)
    return values
