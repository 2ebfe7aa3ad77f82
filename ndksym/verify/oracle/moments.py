"""E[atom(v); lo < v < hi] for v ~ N(m, σ²), in Arb, for real or complex m: the inner integral of `line`.

Completing the square with τ = 1 − 2ασ²,

    e^{αv² + ηv} N(v; m, σ²) = C N(v; m', σ'²),  m' = (m + ησ²)/τ, σ'² = σ²/τ, C = τ^{−½} e^{(αm² + ηm + η²σ²/2)/τ},

and with S_n = ∫_lo^hi vⁿ e^{αv² + ηv} N(v; m, σ²) dv, by parts,

    S_n = m' S_{n−1} + (n−1)σ'² S_{n−2} − σ'² [v^{n−1} e^{αv² + ηv} N(v; m, σ²)]_lo^hi.

S_0 = ½C erfc(y), y = (lo − m')/(σ'√2), is computed as ½ e^{α lo² + η lo − (lo − m)²/2σ²} erfcx(y)/√τ where C and erfc(y)
are extreme. With erf(λv + μ) on the whole line, S_0 = C erf((λm' + μ)/√(1 + 2λ²σ'²)), and the boundary terms are replaced
by (2λσ'²/√π) E[v^{n−1} e^{αv² + ηv − (λv+μ)²}].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from ndksym.errors import DivergentKernelError
from ndksym.verify.oracle.atoms import ExpErfAtom
from ndksym.verify.oracle.evaluate import Ball, constant
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["Smoothed"]


@dataclass(frozen=True)
class _Family:
    """Σ_n factor_n vⁿ · e^{αv²+ηv} · {1, erf(λv+μ)} on (lo, hi), where None is infinite; `line` is (λ, μ)."""

    factors: list[acb]
    alpha: acb
    eta: acb
    line: tuple[Ball, Ball] | None
    lo: arb | None
    hi: arb | None
    sigma2: acb

    def __call__(self, m: acb) -> acb:
        """E of the sum for v ~ N(m, σ²)."""
        tau = 1 - 2 * self.alpha * self.sigma2
        mean, variance = (m + self.eta * self.sigma2) / tau, self.sigma2 / tau
        exponent = (self.alpha * m * m + self.eta * m + self.eta * self.eta * self.sigma2 / 2) / tau
        if self.line:
            sums = self._with_erf(mean, variance, exponent, tau)
        else:
            ends = [(end, sign, self._height(end, m)) for end, sign in ((self.lo, 1), (self.hi, -1)) if end is not None]
            start = self._start(mean, variance, exponent, tau, ends)
            sums = [start]
            for n in range(1, len(self.factors)):
                extra = [sign * variance * end ** (n - 1) * height for end, sign, height in ends]
                sums.append(_next(sums, mean, variance, extra))
        total = flint().acb(0)
        for factor, value in zip(self.factors, sums, strict=True):
            if factor != 0:
                total += factor * value
        return total

    def _height(self, end: arb, m: acb) -> acb:
        """e^{αv² + ηv} N(v; m, σ²) at an end of the interval."""
        exponent = self.alpha * end * end + self.eta * end - (end - m) ** 2 / (2 * self.sigma2)
        return exponent.exp() / (2 * flint().arb.pi() * self.sigma2).sqrt()

    def _start(self, mean: acb, variance: acb, exponent: acb, tau: acb, ends: list[tuple[arb, int, acb]]) -> acb:
        """S_0 from the ends of the interval, each (end, sign, height)."""
        if not ends:
            return exponent.exp() / tau.sqrt()
        width = (2 * variance).sqrt()
        places = [
            (sign * (end - mean) / width, height) for end, sign, height in ends
        ]  # y > 0 where most of the mass is beyond the end
        root = flint().arb.pi().sqrt()
        if len(ends) == 1:
            [(y, height)] = places
            return _far(y) * height * width * root / 2 if y.real > 3 else y.erfc() * exponent.exp() / tau.sqrt() / 2
        (low, low_height), (high, high_height) = places  # y of lo, −y of hi
        if low.real > 3:
            return (_far(low) * low_height - _far(-high) * high_height) * width * root / 2
        if high.real > 3:
            return (_far(high) * high_height - _far(-low) * low_height) * width * root / 2
        return ((-high).erf() - low.erf()) * exponent.exp() / tau.sqrt() / 2

    def _with_erf(self, mean: acb, variance: acb, exponent: acb, tau: acb) -> list[acb]:
        """S_n with erf(λv + μ), on the whole line."""
        assert self.line is not None
        slope, shift = self.line
        narrow = 1 + 2 * slope * slope * variance
        place = slope * mean + shift
        height = exponent.exp() / tau.sqrt()
        sums = [(place / narrow.sqrt()).erf() * height]
        if len(self.factors) > 1:
            # e^{−(λv+μ)²} changes the Gaussian again, with α = −λ², η = −2λμ
            shifted = (mean - 2 * slope * shift * variance) / narrow
            gauss = [(-place * place / narrow).exp() / narrow.sqrt() * height]
            for n in range(1, len(self.factors)):
                sums.append(
                    _next(sums, mean, variance, [2 * slope * variance / flint().arb.pi().sqrt() * gauss[n - 1]])
                )
                gauss.append(_next(gauss, shifted, variance / narrow, []))
        return sums


def _next(sums: list[acb], mean: acb, variance: acb, extra: list[acb]) -> acb:
    """S_n from S_{n−1} and S_{n−2}, plus the extra terms."""
    n = len(sums)
    value = mean * sums[n - 1]
    if n > 1:
        value += (n - 1) * variance * sums[n - 2]
    for term in extra:
        value += term
    return value


def _far(y: acb) -> acb:
    """erfcx(y) = e^{y²} erfc(y) for Re y > 0."""
    if abs(y) < 12:
        return (y * y).exp() * y.erfc()
    half = flint().acb(flint().arb(1) / 2)
    return (y * y).hypgeom_u(half, half) / flint().arb.pi().sqrt()


class Smoothed:
    """h(m) = Σ_pieces E[f(v); v in the piece] + Σ J N(τ; m, σ²) for v ~ N(m, σ²) and point masses J of f at τ."""

    def __init__(
        self,
        pieces: list[tuple[arb | None, arb | None, tuple[ExpErfAtom, ...]]],
        sigma2: arb,
        masses: list[tuple[arb, arb]],
    ) -> None:
        self.sigma2, self.masses = sigma2, masses
        self.families = [family for lo, hi, terms in pieces for family in _families(lo, hi, terms, sigma2)]

    def __call__(self, m: Ball) -> acb:
        m = flint().acb(m)
        total = flint().acb(0)
        for family in self.families:
            total += family(m)
        for tau, jump in self.masses:
            total += jump * (-((tau - m) ** 2) / (2 * self.sigma2)).exp() / (2 * flint().arb.pi() * self.sigma2).sqrt()
        return total


def _families(lo: arb | None, hi: arb | None, terms: tuple[ExpErfAtom, ...], sigma2: arb) -> list[_Family]:
    """The atoms of one piece, collected by α, η and line."""
    groups: dict[tuple[Any, ...], dict[int, sympy.Expr]] = {}
    for atom in terms:
        powers = groups.setdefault((atom.alpha, atom.eta, atom.line), {})
        powers[atom.power] = powers.get(atom.power, sympy.Integer(0)) + atom.factor
    families = []
    for (alpha, eta, line), powers in groups.items():
        if line and not (lo is None and hi is None):
            raise NotCertifiedError("erf on part of the line has no one-dimensional reduction here")
        rates = [flint().acb(constant(rate)) for rate in (alpha, eta)]
        if not (1 - 2 * rates[0] * sigma2).real > 0:
            raise DivergentKernelError(f"E φ(v) is infinite at variance {sigma2.str(8)}: φ grows like e^({alpha}·x²)")
        factors = [flint().acb(constant(powers.get(k, sympy.Integer(0)))) for k in range(max(powers) + 1)]
        shape = (constant(line[0]), constant(line[1])) if line else None
        families.append(_Family(factors, rates[0], rates[1], shape, lo, hi, flint().acb(sigma2)))
    return families
