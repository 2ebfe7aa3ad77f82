"""The bivariate normal distribution as a SymPy function, which closed forms contain, and its values in mpmath."""

from __future__ import annotations

import mpmath
from mpmath import mpf
from sympy import Expr, Float, Function, Max, Min, S, asin, erf, exp, nan, oo, pi, sqrt
from sympy.core.function import ArgumentIndexError
from sympy.core.sorting import default_sort_key
from sympy.printing.latex import LatexPrinter

from ndksym.algebra.owen import MODERATE, bivariate_normal

__all__ = ["LOCALS", "Phi2", "normal_cdf", "normal_pdf", "phi2_mp"]


def normal_cdf(z: Expr) -> Expr:
    """Standard normal distribution function (1 + erf(z/√2))/2.

    >>> normal_cdf(S.Zero)
    1/2
    """
    return (1 + erf(z / sqrt(2))) / 2


def normal_pdf(z: Expr) -> Expr:
    """Standard normal density e^{−z²/2}/√(2π).

    >>> normal_pdf(S.Zero)
    sqrt(2)/(2*sqrt(pi))
    """
    return exp(-(z**2) / 2) / sqrt(2 * pi)


class Phi2(Function):  # type: ignore[misc]  # mypy skips SymPy, so Function is Any
    """P(Z1 < h, Z2 < k) for standard normal Z1, Z2 with correlation rho (T16; Plackett 1954, Drezner & Wesolowsky 1990).

    The function is symmetric in h and k, which are kept in a fixed order. It evaluates to any precision.

    >>> from sympy import Rational, symbols
    >>> h, r = symbols("h r", real=True)
    >>> Phi2(0, 0, r)
    asin(r)/(2*pi) + 1/4
    >>> Phi2(h, oo, r)
    erf(sqrt(2)*h/2)/2 + 1/2
    >>> Phi2(1, -2, Rational(1, 2)).evalf(30)
    0.0226032721821649501135723014651
    """

    nargs = 3

    @classmethod
    def eval(cls, h: Expr, k: Expr, rho: Expr) -> Expr | None:
        if nan in (h, k, rho) or (rho.is_number and (abs(rho) > 1) == True):  # noqa: E712  a SymPy relation
            return nan
        if -oo in (h, k):
            return S.Zero
        for x, y in ((h, k), (k, h)):
            if x is oo:
                return S.One if y is oo else normal_cdf(y)
        if rho.is_zero:
            return normal_cdf(h) * normal_cdf(k)
        if h.is_zero and k.is_zero:
            return S.One / 4 + asin(rho) / (2 * pi)
        if rho is S.One:
            return normal_cdf(Min(h, k))
        if rho is S.NegativeOne:
            return Max(0, normal_cdf(h) + normal_cdf(k) - 1)
        if default_sort_key(k) < default_sort_key(h):
            return cls(k, h, rho)
        return None

    def fdiff(self, argindex: int = 1) -> Expr:
        """Partial derivatives; the derivative in rho is the joint density (Plackett's identity)."""
        h, k, rho = self.args
        variance = 1 - rho**2
        if argindex == 1:
            return normal_pdf(h) * normal_cdf((k - rho * h) / sqrt(variance))
        if argindex == 2:
            return normal_pdf(k) * normal_cdf((h - rho * k) / sqrt(variance))
        if argindex == 3:
            return exp(-(h**2 - 2 * rho * h * k + k**2) / (2 * variance)) / (2 * pi * sqrt(variance))
        raise ArgumentIndexError(self, argindex)

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(arg.is_extended_real for arg in self.args) else None

    def _eval_is_nonnegative(self) -> bool | None:
        return self._eval_is_extended_real()

    def _eval_evalf(self, prec: int) -> Expr:
        # the exponents are quadratic in h and k: large arguments need more digits
        rough = [arg.evalf(20) for arg in self.args]
        if not all(arg.is_Float or arg.is_Integer for arg in rough):
            return self
        spare = 30 + sum(2 * max(0, int(mpmath.mag(mpf(str(arg))))) for arg in rough[:2] if arg)
        with mpmath.workprec(prec + spare):
            h, k, rho = (arg.evalf(mpmath.mp.dps + 2)._to_mpmath(mpmath.mp.prec) for arg in self.args)
            return Float._new(phi2_mp(h, k, rho)._mpf_, prec)

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        h, k, rho = (printer._print(arg) for arg in self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"\Phi_{{2}}{power}\left({h}, {k}; {rho}\right)"


LOCALS = {"Phi2": Phi2}
"""Names beyond SymPy's own that are needed to read a printed kernel."""


def _cdf(z: mpf) -> mpf:
    return mpmath.erfc(-z / mpmath.sqrt(2)) / 2


def phi2_mp(h: mpf, k: mpf, rho: mpf) -> mpf:
    """Phi2 in mpmath at the working precision, with full relative accuracy also in the tails.

    Plackett's identity is integrated over the angle ψ = acos ρ, from ρ = 0 (ρ ≥ 0) or from ρ = −1 (ρ < 0), so that no digits
    cancel:  ∂Φ2/∂ρ dρ = −e^{−[(h−k)²/sin²ψ + hk/cos²(ψ/2)]/2} dψ/2π.

    >>> mpmath.nstr(phi2_mp(0, 0, 0.5), 10)
    '0.3333333333'
    """
    spare = 20 + sum(2 * max(0, int(mpmath.mag(z))) for z in (mpf(h), mpf(k)) if z)
    with mpmath.workprec(mpmath.mp.prec + spare):
        h, k, rho = mpf(h), mpf(k), mpf(rho)
        if not -1 <= rho <= 1:
            raise ValueError(f"correlation {rho} is not in [-1, 1]")
        if -1 < rho < 1 and 0 < max(h * h, k * k) <= MODERATE:
            return bivariate_normal(h, k, rho)
        if rho >= 0:
            value = _cdf(h) * _cdf(k) + _plackett(h, k, mpmath.acos(rho), mpmath.pi / 2)
        else:  # reflect the second variable, so that ρ = −1 is ψ = 0
            value = _between(h, k) + _plackett(h, -k, mpf(0), mpmath.acos(-rho))
    return +value


def _between(h: mpf, k: mpf) -> mpf:
    """Φ2(h, k, −1) = P(−k < Z < h), by complements if both ends have the same sign."""
    if h + k <= 0:
        return mpf(0)
    low, high = (-k, h) if h <= k else (-h, k)  # the interval, or its mirror image, whose lower end is nearer to 0
    return _cdf(-low) - _cdf(-high) if low > 0 else _cdf(high) - _cdf(low)


def _plackett(h: mpf, k: mpf, start: mpf, stop: mpf) -> mpf:
    """(1/2π) ∫ e^{−[(h−k)²/sin²ψ + hk/cos²(ψ/2)]/2} dψ, on panels graded towards the ends and the peak."""

    def exponent(psi: mpf) -> mpf:
        if not psi:
            return -mpmath.inf if h != k else -h * k / 2
        return -((h - k) ** 2 / mpmath.sin(psi) ** 2 + h * k / mpmath.cos(psi / 2) ** 2) / 2

    if start >= stop:
        return mpf(0)
    small, large = sorted((h, k), key=abs)
    centres = [start, stop]
    if large and start < (peak := mpmath.acos(small / large)) < stop:
        centres.append(peak)
    top = max(
        exponent(p) for p in centres
    )  # there is only one peak, so the ends of each other panel bound the integrand
    floor = top - (mpmath.mp.prec + 20) * mpmath.ln2
    if h != k:  # near ψ = 0 the integrand is negligible: start where it exceeds the rounding error
        first = abs(h - k) / mpmath.sqrt(-2 * floor + 2 * abs(h * k))
        centres[0] = start = min(max(start, first), stop)
    points = {p for p in centres if p >= start}
    for centre in tuple(points):
        reach = _scale(h, k, centre)
        while reach < stop - start:
            points |= {p for p in (centre - reach, centre + reach) if start < p < stop}
            reach *= 3
    grid = sorted(points)
    levels = [exponent(p) for p in grid]
    total = mpf(0)
    for left, right, low, high in zip(grid, grid[1:], levels, levels[1:], strict=False):
        if max(low, high) > floor:
            total += mpmath.quad(lambda psi: mpmath.exp(exponent(psi) - top), [left, right])
    return total * mpmath.exp(top) / (2 * mpmath.pi)


def _scale(h: mpf, k: mpf, psi: mpf) -> mpf:
    """The length over which the exponent of Plackett's integrand changes by about one, near ψ."""
    sin, cos = mpmath.sin(psi), mpmath.cos(psi)
    if not sin:
        return 1 / (1 + abs(h))
    slope = abs((h - k) ** 2 * cos / sin**3 - h * k * sin / (1 + cos) ** 2)
    curvature = (h - k) ** 2 * (1 + 2 * cos**2) / sin**4 + abs(h * k)
    return 1 / (1 + slope + mpmath.sqrt(curvature))
