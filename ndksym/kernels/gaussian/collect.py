"""Sums of rational coefficients times known functions, with like terms collected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sympy import Expr, I, Rational, S, pi, sqrt
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ndksym.kernels.gaussian.atoms import OutsideClassError
from ndksym.kernels.gaussian.field import CoefficientField, Surd
from ndksym.kernels.gaussian.stein import BaseFunction

__all__ = ["Basis", "SpecialFunction", "Terms"]


@dataclass(frozen=True)
class SpecialFunction:
    """A function of surds: the constant one, erf(z), erfi(z), asin(ρ), Phi2(h, k, ρ); after rewriting also erfc, 1+erf, π−acos."""

    name: str = "one"
    args: tuple[Surd, ...] = ()


@dataclass(frozen=True)
class Basis:
    """number · under^{−1/2} e^{exponent} · factor(phase) · function; `factor` names one, cos, sin, cosh or sinh."""

    number: Expr
    under: PolyElement
    exponent: FracElement
    phase: FracElement
    factor: str
    function: SpecialFunction


def _negative(surd: Surd) -> Surd:
    return Surd(-surd.top, surd.under)


@dataclass
class Terms:
    """Real rational coefficients by basis element; of the real part of the sum only, unless `whole` is true."""

    scalars: CoefficientField
    whole: bool = False
    coefficients: dict[Basis, FracElement] = field(default_factory=dict)

    def add(self, base: BaseFunction, coefficient: FracElement) -> None:
        """Add the real part of coefficient·base. In a kernel the imaginary parts cancel, because φ is real."""
        scalars = self.scalars
        scale = scalars.surd(scalars.field.one, base.square)
        real, imaginary = scalars.split(base.exponent)
        basis = Basis((2 * pi) ** Rational(-base.pins, 2), scale.under, real, imaginary, "one", SpecialFunction())
        weight = coefficient * scale.top
        if not base.open:
            self._put_rotated(basis, weight)
            return
        sides = []
        for edge in base.open:
            square = edge.variance(base.law)
            sides.append((edge.side * (base.law.means[edge.i] - edge.at), square))
        if len(sides) == 1:
            self._normal_cdf(basis, weight, *sides[0])
            return
        (h, first), (k, second) = sides
        one, two = base.open
        if scalars.split(h)[1] or scalars.split(k)[1]:
            raise OutsideClassError(
                "the expectation of steps times oscillations in both variables needs a complex bivariate normal "
                "distribution function"
            )
        rho = scalars.surd(one.side * two.side * base.law.along(one.i)[two.i], first * second)
        self._bivariate(basis, weight, scalars.surd(h, first), scalars.surd(k, second), rho)

    def _put_rotated(self, basis: Basis, weight: FracElement) -> None:
        """Re[(x + iy) e^{iθ}] = x cos θ − y sin θ, and with `whole` the imaginary part x sin θ + y cos θ."""
        x, y = self.scalars.split(weight)
        if basis.phase and basis.phase.numer.LC < 0:
            self._put_both_parts(replace(basis, phase=-basis.phase), x, y, -1)
        else:
            self._put_both_parts(basis, x, y, 1)

    def _put_both_parts(self, basis: Basis, x: FracElement, y: FracElement, sense: int) -> None:
        parts = [(basis, x, -y * sense)]
        if self.whole:
            parts.append((replace(basis, number=basis.number * I), y, x * sense))
        for target, along, across in parts:
            if basis.phase:
                self._put(replace(target, factor="cos"), along)
                self._put(replace(target, factor="sin"), across)
            else:
                self._put(target, along)

    def _put(self, basis: Basis, weight: FracElement) -> None:
        if weight:
            self.coefficients[basis] = self.coefficients.get(basis, self.scalars.field.zero) + weight

    def _normal_cdf(self, basis: Basis, weight: FracElement, h: FracElement, square: FracElement) -> None:
        """Φ(h/√square) = ½ + ½ erf(h/√(2·square)), with erf(iy) = i erfi(y)."""
        real, imaginary = self.scalars.split(h)
        if real and imaginary:
            raise OutsideClassError(
                "a step or normal distribution function with a threshold other than 0 times an oscillation needs a complex erf"
            )
        half = self.scalars.scaled(weight, S.Half)
        self._put_rotated(basis, half)
        name = "erfi" if imaginary else "erf"
        self._odd(
            basis, half * self.scalars.i if imaginary else half, name, self.scalars.surd(real or imaginary, 2 * square)
        )

    def _odd(self, basis: Basis, weight: FracElement, name: str, z: Surd) -> None:
        if not z.top:
            return
        if z.top.numer.LC < 0:
            z, weight = _negative(z), -weight
        self._put_rotated(replace(basis, function=SpecialFunction(name, (z,))), weight)

    def _bivariate(self, basis: Basis, weight: FracElement, h: Surd, k: Surd, rho: Surd) -> None:
        """Φ2(h, k; ρ), reflected in h or k if the reflected function is already present; Φ2(0, 0; ρ) = ¼ + asin(ρ)/2π."""
        if not h.top and not k.top:
            self._put_rotated(basis, self.scalars.scaled(weight, S.Half / 2))
            self._odd(replace(basis, number=basis.number / (2 * pi)), weight, "asin", rho)
            return

        def present(x: Surd, y: Surd, r: Surd) -> SpecialFunction | None:
            for args in ((x, y, r), (y, x, r)):
                if replace(basis, function=SpecialFunction("Phi2", args)) in self.coefficients:
                    return SpecialFunction("Phi2", args)
            return None

        minus_h, minus_k, minus_rho = _negative(h), _negative(k), _negative(rho)
        if (function := present(h, k, rho)) is not None:
            self._put_rotated(replace(basis, function=function), weight)
        elif (function := present(minus_h, k, minus_rho)) is not None:
            self._put_rotated(replace(basis, function=function), -weight)
            self._marginal(basis, weight, k)
        elif (function := present(h, minus_k, minus_rho)) is not None:
            self._put_rotated(replace(basis, function=function), -weight)
            self._marginal(basis, weight, h)
        elif (function := present(minus_h, minus_k, rho)) is not None:
            self._put_rotated(replace(basis, function=function), weight)
            self._marginal(basis, weight, h)
            self._marginal(basis, weight, k)
            self._put_rotated(basis, -weight)
        elif not basis.exponent and h.top.numer.LC * k.top.numer.LC < 0:  # equal signs keep the symmetry in u and v
            self._put_rotated(replace(basis, function=SpecialFunction("Phi2", (h, minus_k, minus_rho))), -weight)
            self._marginal(basis, weight, h)
        else:
            self._put_rotated(replace(basis, function=SpecialFunction("Phi2", (h, k, rho))), weight)

    def _marginal(self, basis: Basis, weight: FracElement, h: Surd) -> None:
        self._normal_cdf(basis, weight, h.top, self.scalars.field(h.under))

    def collected(self) -> dict[Basis, FracElement]:
        """The terms with irrational constants moved from the coefficients into `number`, so that like terms are added."""
        coefficients: dict[Basis, FracElement] = {}
        for basis, weight in self.coefficients.items():
            content, under = basis.under.primitive()
            for constant, part in self.scalars.by_constants(weight):
                rational, number = (constant * basis.number / sqrt(int(content))).as_coeff_Mul()
                target = replace(basis, number=number, under=under)
                coefficients[target] = coefficients.get(target, self.scalars.field.zero) + self.scalars.scaled(
                    part, rational
                )
        return {basis: weight for basis, weight in coefficients.items() if weight}
