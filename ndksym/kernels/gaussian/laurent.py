"""Laurent polynomials in the variances at the gates. Stein's lemma runs in them, because they need no gcd.

Generators: X = Var(u − w), Y = Var(v − w'), D = XY − C², C = Cov(u, v), and the means M, N of u and v. Each variance
by which pinning divides is a monomial in X, Y and D. C² is always replaced by XY − D, so that equal elements are identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import lcm
from operator import sub

from sympy import QQ
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement, PolyRing

from ndksym.kernels.gaussian.field import CoefficientField

__all__ = ["Laurent", "LaurentRing"]

_X, _Y, _D, _C, _M, _N = range(6)
_OWN = 6  # of these generators; i and the constants of the coefficient field follow


@dataclass(frozen=True)
class LaurentRing:
    """The ring for one pair of gates; `paired` if there are two gates, so that D is defined."""

    ring: PolyRing
    paired: bool

    @classmethod
    def over(cls, scalars: CoefficientField, paired: bool) -> LaurentRing:
        """The ring with the constants of a coefficient field."""
        names = ["X", "Y", "D", "C", "M", "N", *(str(name) for name in scalars.field.symbols[3:])]
        return cls(PolyRing(names, QQ), paired)

    @property
    def gens(self) -> tuple[Laurent, ...]:
        """X, Y, D, C, M, N."""
        return tuple(Laurent(self, generator) for generator in self.ring.gens[:_OWN])

    def constant(self, value: FracElement) -> Laurent:
        """A constant of the field; its denominator must be a number times a product of adjoined constants."""
        if len(value.denom) != 1:
            raise ValueError(f"{value} has a sum of constants in its denominator")
        ((below, divisor),) = value.denom.terms()
        blank = (0,) * _OWN
        shifted = {
            blank + tuple(p - q for p, q in zip(monomial[3:], below[3:], strict=True)): QQ(coefficient, divisor)
            for monomial, coefficient in value.numer.terms()
        }
        return Laurent(self, self.ring.from_dict(shifted))

    def reduced(self, poly: PolyElement) -> PolyElement:
        """Replace C² by XY − D until C is at most linear."""
        while self.paired and any(monomial[_C] > 1 for monomial in poly):
            image = self.ring.zero
            for monomial, coefficient in poly.terms():
                if monomial[_C] < 2:
                    image[monomial] = image.get(monomial, 0) + coefficient
                    continue
                x, y, d, c, *rest = monomial
                for place, sign in (((x + 1, y + 1, d, c - 2, *rest), 1), ((x, y, d + 1, c - 2, *rest), -1)):
                    image[place] = image.get(place, 0) + sign * coefficient
            image.strip_zero()
            poly = image
        return poly

    def evaluate(self, scalars: CoefficientField, element: Laurent, values: tuple[FracElement, ...]) -> FracElement:
        """The element at the given X, Y, D, C, M, N.

        Horner's rule in one generator after the other, over one common denominator. The factors with negative exponents
        are divided out one by one, which needs no gcd.
        """
        terms = list(element.poly.terms())
        if not terms:
            return scalars.field.zero
        ring = scalars.field.ring
        common = reduce(_lcm, (value.denom for value in values), ring.one)
        tops = [value.numer * common.exquo(value.denom) for value in values]
        low = [min(0, *(monomial[g] for monomial, _ in terms)) for g in range(len(terms[0][0]))]
        clear = lcm(*(int(coefficient.denominator) for _, coefficient in terms))
        degree = max(sum(monomial[:_OWN]) for monomial, _ in terms)
        shifted = {
            (degree - sum(monomial[:_OWN]), *map(sub, monomial, low)): int(coefficient * clear)
            for monomial, coefficient in terms
        }
        numerator = _horner(ring, shifted, [common, *tops])
        below = [(ring(clear), 1), (common, degree)]
        below += [(poly, -power) for poly, power in zip((*tops, *ring.gens[3:]), low, strict=True)]
        return scalars.quotient(numerator, below)


def _lcm(left: PolyElement, right: PolyElement) -> PolyElement:
    return left if left == right else left.lcm(right)


def _horner(ring: PolyRing, terms: dict[tuple[int, ...], int], values: Sequence[PolyElement]) -> PolyElement:
    """Σ coefficient Π value^exponent, generator by generator; the exponents of the constants come last."""
    if not values:
        return ring.from_dict({(0, 0, 0, *rest): coefficient for rest, coefficient in terms.items()})
    layers: dict[int, dict[tuple[int, ...], int]] = {}
    for monomial, coefficient in terms.items():
        layers.setdefault(monomial[0], {})[monomial[1:]] = coefficient
    total = ring.zero
    for power in range(max(layers), -1, -1):
        total *= values[0]
        if power in layers:
            total += _horner(ring, layers[power], values[1:])
    return total


@dataclass(frozen=True)
class Laurent:
    """An element of a Laurent ring. SymPy's sparse polynomials hold negative exponents as they are."""

    parent: LaurentRing
    poly: PolyElement

    def __add__(self, other: Laurent | int) -> Laurent:
        return Laurent(self.parent, self.poly + (other.poly if isinstance(other, Laurent) else other))

    def __sub__(self, other: Laurent) -> Laurent:
        return Laurent(self.parent, self.poly - other.poly)

    def __mul__(self, other: Laurent | int) -> Laurent:
        factor = other.poly if isinstance(other, Laurent) else other
        return Laurent(self.parent, self.parent.reduced(self.poly * factor))

    __rmul__ = __mul__

    def __truediv__(self, other: Laurent) -> Laurent:
        """Division by a monomial; pinning needs no other division."""
        ((monomial, coefficient),) = other.poly.terms()
        inverse = self.parent.ring.from_dict({tuple(-e for e in monomial): 1 / coefficient})
        return Laurent(self.parent, self.parent.reduced(self.poly * inverse))

    def __bool__(self) -> bool:
        return bool(self.poly)
