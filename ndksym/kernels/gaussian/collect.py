"""Sums of rational coefficient × known function, collected so that equal functions meet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sympy import Expr, I, Rational, S, pi, sqrt
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ndksym.kernels.gaussian.atoms import OutsideClassError
from ndksym.kernels.gaussian.field import Ground, Surd
from ndksym.kernels.gaussian.stein import Base

__all__ = ["Basis", "Leaf", "Terms"]


@dataclass(frozen=True)
class Leaf:
    """A function of surds: one(), erf(z), erfi(z), asin(ρ), Phi2(h, k, ρ), and the idioms erfc, 1+erf, π−acos."""

    name: str = "one"
    args: tuple[Surd, ...] = ()


@dataclass(frozen=True)
class Basis:
    """number · under^{−1/2} e^{exponent} · turn(phase) · leaf, where turn is one, cos, sin, cosh or sinh."""

    number: Expr
    under: PolyElement
    exponent: FracElement
    phase: FracElement
    turn: str
    leaf: Leaf


def _negative(surd: Surd) -> Surd:
    return Surd(-surd.top, surd.under)


@dataclass
class Terms:
    """{basis element: real rational coefficient}; of the real part only, unless the `whole` is asked for."""

    ground: Ground
    whole: bool = False
    found: dict[Basis, FracElement] = field(default_factory=dict)

    def add(self, base: Base, coefficient: FracElement) -> None:
        """Add the real part of coefficient·base: in a kernel the imaginary parts cancel, φ being real."""
        ground = self.ground
        scale = ground.surd(ground.field.one, base.square)
        real, imaginary = ground.split(base.exponent)
        where = Basis((2 * pi) ** Rational(-base.pins, 2), scale.under, real, imaginary, "one", Leaf())
        weight = coefficient * scale.top
        if not base.open:
            self._turned(where, weight)
            return
        sides = []
        for edge in base.open:
            square = edge.variance(base.law)
            sides.append((edge.side * (base.law.means[edge.i] - edge.at), square))
        if len(sides) == 1:
            self._normal_cdf(where, weight, *sides[0])
            return
        (h, first), (k, second) = sides
        one, two = base.open
        if ground.split(h)[1] or ground.split(k)[1]:
            raise OutsideClassError(
                "the expectation of steps times oscillations on both sides needs a complex bivariate normal"
            )
        rho = ground.surd(one.side * two.side * base.law.along(one.i)[two.i], first * second)
        self._bivariate(where, weight, ground.surd(h, first), ground.surd(k, second), rho)

    def _turned(self, where: Basis, weight: FracElement) -> None:
        """Re[(x + iy) e^{iθ}] = x cos θ − y sin θ, and the imaginary part x sin θ + y cos θ where it is wanted."""
        x, y = self.ground.split(weight)
        if where.phase and where.phase.numer.LC < 0:
            self._rotated(replace(where, phase=-where.phase), x, y, -1)
        else:
            self._rotated(where, x, y, 1)

    def _rotated(self, where: Basis, x: FracElement, y: FracElement, sense: int) -> None:
        parts = [(where, x, -y * sense)]
        if self.whole:
            parts.append((replace(where, number=where.number * I), y, x * sense))
        for there, along, across in parts:
            if where.phase:
                self._put(replace(there, turn="cos"), along)
                self._put(replace(there, turn="sin"), across)
            else:
                self._put(there, along)

    def _put(self, where: Basis, weight: FracElement) -> None:
        if weight:
            self.found[where] = self.found.get(where, self.ground.field.zero) + weight

    def _normal_cdf(self, where: Basis, weight: FracElement, h: FracElement, square: FracElement) -> None:
        """Φ(h/√square) = ½ + ½ erf(h/√(2·square)), with erf(iy) = i erfi(y)."""
        real, imaginary = self.ground.split(h)
        if real and imaginary:
            raise OutsideClassError(
                "a step or normal distribution function off zero against an oscillation needs a complex erf"
            )
        half = self.ground.scaled(weight, S.Half)
        self._turned(where, half)
        name = "erfi" if imaginary else "erf"
        self._odd(
            where, half * self.ground.i if imaginary else half, name, self.ground.surd(real or imaginary, 2 * square)
        )

    def _odd(self, where: Basis, weight: FracElement, name: str, z: Surd) -> None:
        if not z.top:
            return
        if z.top.numer.LC < 0:
            z, weight = _negative(z), -weight
        self._turned(replace(where, leaf=Leaf(name, (z,))), weight)

    def _bivariate(self, where: Basis, weight: FracElement, h: Surd, k: Surd, rho: Surd) -> None:
        """Φ2, reflected in h or k where that meets a term already there; Φ2(0, 0; ρ) = ¼ + asin(ρ)/2π."""
        if not h.top and not k.top:
            self._turned(where, self.ground.scaled(weight, S.Half / 2))
            self._odd(replace(where, number=where.number / (2 * pi)), weight, "asin", rho)
            return

        def known(x: Surd, y: Surd, r: Surd) -> Leaf | None:
            for args in ((x, y, r), (y, x, r)):
                if replace(where, leaf=Leaf("Phi2", args)) in self.found:
                    return Leaf("Phi2", args)
            return None

        minus_h, minus_k, minus_rho = _negative(h), _negative(k), _negative(rho)
        if (leaf := known(h, k, rho)) is not None:
            self._turned(replace(where, leaf=leaf), weight)
        elif (leaf := known(minus_h, k, minus_rho)) is not None:
            self._turned(replace(where, leaf=leaf), -weight)
            self._marginal(where, weight, k)
        elif (leaf := known(h, minus_k, minus_rho)) is not None:
            self._turned(replace(where, leaf=leaf), -weight)
            self._marginal(where, weight, h)
        elif (leaf := known(minus_h, minus_k, rho)) is not None:
            self._turned(replace(where, leaf=leaf), weight)
            self._marginal(where, weight, h)
            self._marginal(where, weight, k)
            self._turned(where, -weight)
        elif not where.exponent and h.top.numer.LC * k.top.numer.LC < 0:  # both signs alike: symmetric in u and v
            self._turned(replace(where, leaf=Leaf("Phi2", (h, minus_k, minus_rho))), -weight)
            self._marginal(where, weight, h)
        else:
            self._turned(replace(where, leaf=Leaf("Phi2", (h, k, rho))), weight)

    def _marginal(self, where: Basis, weight: FracElement, h: Surd) -> None:
        self._normal_cdf(where, weight, h.top, self.ground.field(h.under))

    def collected(self) -> dict[Basis, FracElement]:
        """The terms with irrational constants moved from the coefficients into `number`, so that like terms meet."""
        found: dict[Basis, FracElement] = {}
        for where, weight in self.found.items():
            content, under = where.under.primitive()
            for constant, part in self.ground.by_constants(weight):
                rational, number = (constant * where.number / sqrt(int(content))).as_coeff_Mul()
                there = replace(where, number=number, under=under)
                found[there] = found.get(there, self.ground.field.zero) + self.ground.scaled(part, rational)
        return {where: weight for where, weight in found.items() if weight}
