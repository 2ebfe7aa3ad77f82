"""The field of the coefficients: rational functions of a, b, c over ℚ with i and all irrational constants adjoined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from math import gcd, isqrt, lcm
from operator import add, neg, sub

import mpmath
from sympy import ZZ, Add, Expr, I, Integer, Mul, Pow, Rational, S, factorint
from sympy.polys.fields import FracElement, FracField
from sympy.polys.rings import PolyElement

from ndksym.symbols import a, b, c

__all__ = ["CoefficientField", "Surd", "divided", "field_for"]


@dataclass(frozen=True)
class Surd:
    """top/√under with squarefree, positive `under`: equal numbers have equal parts."""

    top: FracElement
    under: PolyElement


@dataclass(frozen=True)
class CoefficientField:
    """The field of fractions in a, b, c, i and the constants, with one point of the kernel's domain at which signs are read."""

    field: FracField
    constants: tuple[Expr, ...]
    sample: tuple[mpmath.mpf, ...]

    @cached_property
    def imaginary_index(self) -> int:
        """Position of i among the generators."""
        return 3

    def __call__(self, value: Expr | int) -> FracElement:
        """The element for an expression in the generators of the field."""
        value = S(value)
        if isinstance(value, Integer):
            return self.field(int(value))
        if isinstance(value, Rational):
            return self.field(int(value.p)) / int(value.q)
        if isinstance(value, (Add, Mul)):
            parts = [self(arg) for arg in value.args]
            total = parts[0]
            for part in parts[1:]:
                total = total + part if isinstance(value, Add) else total * part
            return total
        for symbol, generator in zip((a, b, c, I, *self.constants), self.field.gens, strict=True):
            base, exponent = symbol.as_base_exp()
            if value.as_base_exp()[0] == base and (power := value.as_base_exp()[1] / exponent).is_Integer:
                return generator ** int(power)
        if isinstance(value, Pow) and value.exp.is_Integer:
            return self(value.base) ** int(value.exp)
        raise ValueError(f"{value} is not in {self.field}")

    @property
    def gens(self) -> tuple[FracElement, FracElement, FracElement]:
        """a, b, c as field elements."""
        first, second, third = self.field.gens[:3]
        return first, second, third

    @property
    def i(self) -> FracElement:
        """The imaginary unit. Only `split` uses i² = −1."""
        return self.field.gens[self.imaginary_index]

    def split(self, value: FracElement) -> tuple[FracElement, FracElement]:
        """Real and imaginary part, by i² = −1; all denominators are real."""
        slot = self.imaginary_index
        if value.numer.degree(slot) <= 0:
            return value, self.field.zero
        parts = [value.numer.ring.zero, value.numer.ring.zero]
        for monomial, coefficient in value.numer.terms():
            power = monomial[slot]
            rest = (*monomial[:slot], 0, *monomial[slot + 1 :])
            parts[power % 2][rest] = parts[power % 2].get(rest, 0) + coefficient * (-1) ** (power // 2)
        for part in parts:
            part.strip_zero()
        return self.field.new(parts[0], value.denom), self.field.new(parts[1], value.denom)

    def quotient(self, numerator: PolyElement, below: Iterable[tuple[PolyElement, int]]) -> FracElement:
        """numerator/Π poly^power in lowest terms, for polynomials that are easy to factor."""
        if not numerator:
            return self.field.zero
        powers: dict[PolyElement, int] = {}
        denominator = self.field.ring.one
        for poly, power in below:
            content, factors = poly.factor_list() if power else (1, [])
            denominator *= int(content) ** max(power, 0)
            numerator *= int(content) ** max(-power, 0)
            for factor, multiplicity in factors:
                powers[factor] = powers.get(factor, 0) + power * multiplicity
        for factor, power in powers.items():
            while power > 0 and _may_divide(factor, numerator):
                quotient, remainder = divided(numerator, factor)
                if remainder:
                    break
                numerator, power = quotient, power - 1
            if power > 0:
                denominator *= factor**power
            elif power < 0:
                numerator *= factor**-power
        return self._lowest(numerator, denominator)

    def _lowest(self, numerator: PolyElement, denominator: PolyElement) -> FracElement:
        """The fraction in lowest terms; numerator and denominator may share an integer only."""
        content = gcd(int(numerator.content()), int(denominator.content())) * (-1 if denominator.LC < 0 else 1)
        return self.field.raw_new(numerator.quo_ground(content), denominator.quo_ground(content))

    def scaled(self, value: FracElement, by: Rational) -> FracElement:
        """value times a rational number."""
        return self._lowest(value.numer * int(by.p), value.denom * int(by.q)) if value and by else self.field.zero

    def by_constants(self, value: FracElement) -> list[tuple[Expr, FracElement]]:
        """value = Σ constant · part, with parts free of the adjoined constants if the denominator is a monomial in them."""
        if not self.constants:
            return [(S.One, value)]
        first = self.imaginary_index + 1
        powers = [monomial[first:] for monomial in value.denom]
        if len(set(powers)) > 1:
            return [(S.One, value)]
        blank = (0,) * len(self.constants)
        numerators: dict[tuple[int, ...], PolyElement] = {}
        for monomial, coefficient in value.numer.terms():
            part = numerators.setdefault(monomial[first:], value.numer.ring.zero)
            part[monomial[:first] + blank] = coefficient
        denominator = value.denom.ring.zero
        for monomial, coefficient in value.denom.terms():
            denominator[monomial[:first] + blank] = coefficient
        parts = []
        for power, numerator in numerators.items():
            exponents = (p - q for p, q in zip(power, powers[0], strict=True))
            constant = Mul(*(k**e for k, e in zip(self.constants, exponents, strict=True)))
            parts.append((constant, self.field.new(numerator, denominator)))
        return parts

    def mirror(self, value: FracElement) -> FracElement:
        """value at −c."""
        flipped = []
        for poly in (value.numer, value.denom):
            image = poly.ring.zero
            for monomial, coefficient in poly.terms():
                image[monomial] = -coefficient if monomial[2] % 2 else coefficient
            flipped.append(image)
        return self.field.new(*flipped)

    def sign(self, value: FracElement | PolyElement) -> int:
        """The sign at the sample point. On the connected domain it is the sign everywhere of a function without zeros."""
        if isinstance(value, FracElement):
            return self.sign(value.numer) * self.sign(value.denom)
        total = mpmath.mpf(0)
        for monomial, coefficient in value.terms():
            term = mpmath.mpf(int(coefficient))
            for power, place in zip(monomial, self.sample, strict=True):
                term *= place**power
            total += term
        return int(mpmath.sign(total))

    def surd(self, top: FracElement, square: FracElement) -> Surd:
        """top/√square in normal form; square > 0 on the domain."""
        ring = self.field.ring
        if not top:
            return Surd(self.field.zero, ring.one)
        content, factors = (square.numer * square.denom).sqf_list()
        outer, inner = _integer_square(abs(int(content)))
        pulled, under = ring(outer), ring(inner)
        for factor, power in factors:
            factor = factor if self.sign(factor) > 0 else -factor
            pulled *= factor ** (power // 2)
            under *= factor if power % 2 else 1
        # √(n·d) = pulled·√under, hence 1/√(n/d) = √(n·d)/|n| = (pulled·under/|n|)/√under
        size = square.numer * self.sign(square.numer)
        return Surd(top * self.field(pulled * under) / self.field(size), under)


def divided(poly: PolyElement, factor: PolyElement) -> tuple[PolyElement, PolyElement]:
    """Quotient and remainder in the term order of the ring. A heap makes it linear in the work; SymPy's division is quadratic."""
    lead, top = factor.LM, factor.LC
    tail = [(monomial, coefficient) for monomial, coefficient in factor.terms() if monomial != lead]
    left = dict(poly)
    heap = [tuple(map(neg, monomial)) for monomial in left]
    heapify(heap)
    quotient, remainder = poly.ring.zero, poly.ring.zero
    while heap:
        monomial = tuple(map(neg, heappop(heap)))
        coefficient = left.pop(monomial, 0)
        if not coefficient:
            continue
        shift = tuple(map(sub, monomial, lead))
        if min(shift) < 0 or coefficient % top:
            remainder[monomial] = coefficient
            continue
        quotient[shift] = ratio = coefficient // top
        for other, weight in tail:
            place = tuple(map(add, shift, other))
            if place not in left:
                left[place] = 0
                heappush(heap, tuple(map(neg, place)))
            left[place] -= ratio * weight
    return quotient, remainder


def _may_divide(factor: PolyElement, poly: PolyElement) -> bool:
    """False only if factor does not divide poly. The test evaluates poly at one zero of a linear factor modulo a prime."""
    for g in (0, 1):
        if factor.degree(g) != 1:
            continue
        place = [pow(7, 31 + 13 * j, _PRIME) for j in range(factor.ring.ngens)]
        place[g] = 0
        constant = _at(factor, place)
        place[g] = 1
        slope = _at(factor, place) - constant
        if slope % _PRIME:
            place[g] = -constant * pow(slope, -1, _PRIME) % _PRIME
            return _at(poly, place) == 0
    return True


_PRIME = 2**61 - 1


def _at(poly: PolyElement, place: list[int]) -> int:
    powers = [[pow(value, k, _PRIME) for k in range(poly.degree(g) + 1)] for g, value in enumerate(place)]
    total = 0
    for monomial, coefficient in poly.terms():
        term = int(coefficient)
        for table, exponent in zip(powers, monomial, strict=True):
            term = term * table[exponent] % _PRIME
        total += term
    return total % _PRIME


def _integer_square(n: int) -> tuple[int, int]:
    """n = outer²·inner; outer holds the squares of small primes, and perfect squares."""
    root = isqrt(n)
    if root * root == n:
        return root, 1
    outer = inner = 1
    for prime, power in factorint(n, limit=1000).items():
        outer *= int(prime) ** (power // 2)
        inner *= int(prime) ** (power % 2)
    return outer, inner


def field_for(constants: Iterable[Expr], growth: Expr = S.Zero) -> CoefficientField:
    """The smallest field that holds the given constants; `growth` is the largest α of any envelope."""
    roots: dict[Expr, int] = {}
    for constant in constants:
        _collect(S(constant), roots)
    adjoined = tuple(sorted((base ** Rational(1, q) for base, q in roots.items()), key=str))
    names = ["a", "b", "c", "i", *(f"k{j}" for j in range(len(adjoined)))]
    fractions = FracField(names, ZZ)
    with mpmath.workdps(60):
        scale = 1 / (3 + 16 * mpmath.mpf(str(growth.evalf(30))))
        point = [scale * mpmath.mpf(p) / q for p, q in ((3, 7), (5, 11), (1, 5))]
        numbers = [value.evalf(60)._to_mpmath(200) for value in adjoined]
        return CoefficientField(fractions, adjoined, (*point, mpmath.mpf(1), *numbers))


def _collect(value: Expr, roots: dict[Expr, int]) -> None:
    """Add to `roots` the irrational factors of a constant, each with the degree of the root to adjoin."""
    if value.is_Rational or value == I:
        return
    if isinstance(value, (Add, Mul)):
        for arg in value.args:
            _collect(arg, roots)
        return
    base, exponent = value.as_base_exp()
    if isinstance(base, Add) and exponent.is_Integer and exponent.is_positive:
        _collect(base, roots)
    elif exponent.is_Rational:
        roots[base] = lcm(roots.get(base, 1), int(exponent.q))
    else:
        roots[value] = 1
