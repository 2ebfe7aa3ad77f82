"""Collected terms as a SymPy expression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd, lcm
from operator import sub

from sympy import Add, Expr, I, Integer, Mul, Rational, S, acos, asin, cos, cosh, erf, erfc, erfi, exp, pi, sin, sinh
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ndksym.algebra.bivariate_normal import Phi2
from ndksym.kernels.gaussian.collect import Basis, Terms
from ndksym.kernels.gaussian.field import CoefficientField, Surd, divided
from ndksym.kernels.gaussian.rewrite import rewritten
from ndksym.symbols import a, b, c

__all__ = ["expression", "rational"]

_SHORT = 20
"""Largest number of terms of a polynomial that is factored completely."""

_FACTORS = {"cos": cos, "sin": sin, "cosh": cosh, "sinh": sinh}
_FUNCTIONS = {"erf": erf, "erfi": erfi, "erfc": erfc, "asin": asin, "acos": acos, "Phi2": Phi2}


def expression(terms: Terms) -> Expr:
    """The sum of the terms, with their common factor in front."""
    scalars = terms.scalars
    collected = rewritten(scalars, terms.collected())
    if not collected:
        return S.Zero
    content, number = S.One, S.One
    if len(collected) > 1 and len({basis.number for basis in collected}) == 1:
        number = next(iter(collected)).number
        content = _content(list(collected.values())) if number != 1 else S.One
    writer = _Writer(scalars)
    parts = []
    for basis, weight in collected.items():
        coefficient = writer.factored(scalars.scaled(weight, 1 / content), basis.under)
        parts.append(Mul(basis.number / number, *coefficient, *writer.functions(basis)))
    return Mul(content, number, Add(*parts))


def rational(scalars: CoefficientField, value: FracElement) -> Expr:
    """A field element as an expression."""
    return _Writer(scalars).rational(value)


def _content(weights: list[FracElement]) -> Rational:
    """The greatest common rational factor."""
    tops = [int(weight.numer.content()) for weight in weights]
    bottoms = [int(weight.denom.content()) for weight in weights]
    return Rational(gcd(*tops), lcm(*bottoms))


Factors = list[tuple[PolyElement, int]]


@dataclass
class _Writer:
    """Field elements, surds and basis elements as expressions; each is converted once."""

    scalars: CoefficientField
    memo: dict[tuple[FracElement, PolyElement], list[Expr]] = field(default_factory=dict)

    def functions(self, basis: Basis) -> list[Expr]:
        """The factors of a basis element that are not algebraic."""
        factors = [exp(self.rational(basis.exponent))]
        if basis.factor != "one":
            factors.append(_FACTORS[basis.factor](self.rational(basis.phase)))
        name = basis.function.name
        args = [self.surd(arg) for arg in basis.function.args]
        if name == "pi-acos":
            factors.append(pi - acos(*args))
        elif name == "1+erf":
            factors.append(1 + erf(*args))
        elif name != "one":
            factors.append(_FUNCTIONS[name](*args))
        return factors

    def surd(self, value: Surd) -> Expr:
        return Mul(*self.factored(value.top, value.under))

    def rational(self, value: FracElement) -> Expr:
        return Mul(*self.factored(value, self.scalars.field.ring.one))

    def factored(self, value: FracElement, under: PolyElement) -> list[Expr]:
        """Factors of value/√under. Each irreducible factor occurs once, and those under the root are positive."""
        key = value, under
        if key not in self.memo:
            self.memo[key] = self._factored(value, under)
        return self.memo[key]

    def _factored(self, value: FracElement, under: PolyElement) -> list[Expr]:
        powers: dict[PolyElement, Rational] = {}
        number = S.One
        radicand = _irreducible(under)
        inside = {factor for factor, _ in radicand[1]}
        parts = ((_factors(value.numer), S.One), (_factors(value.denom), -S.One), (radicand, -S.Half))
        for (content, factors), exponent in parts:
            sign = 1
            for factor, multiplicity in factors:
                under_root = factor in inside or -factor in inside
                if (self.scalars.sign(factor) if under_root else factor.LC) < 0:
                    factor, sign = -factor, sign * (-1) ** multiplicity
                powers[factor] = powers.get(factor, S.Zero) + exponent * multiplicity
            number *= Integer(content * sign) ** exponent
        roots = [factor for factor, power in powers.items() if not power.is_Integer and len(factor) > 1]
        return [number, *(self.polynomial(factor, roots) ** power for factor, power in powers.items() if power)]

    def polynomial(self, poly: PolyElement, roots: Sequence[PolyElement] = ()) -> Expr:
        """A polynomial; as (1 + a)(1 + b) − c², or in powers of the radicand of one of the roots, where that is shorter."""
        for root in roots:
            quotient, remainder = divided(poly, root)
            if not quotient.is_ground and poly != root and len(quotient) + len(remainder) < len(poly):
                return self.product(quotient, roots) * self.polynomial(root) + self.product(remainder, roots)
        free = poly.ring.from_dict({monomial: value for monomial, value in poly.terms() if not monomial[2]})
        rest = poly - free
        if len(rest) == 1 and rest.degree(2) == 2 and len(free) > 1 and len(_factors(free)[1]) > 1:
            return self.product(free) + self.plain(rest)
        return self.plain(poly)

    def product(self, poly: PolyElement, roots: Sequence[PolyElement] = ()) -> Expr:
        content, factors = _factors(poly)
        return Mul(Integer(content), *(self.polynomial(factor, roots) ** power for factor, power in factors))

    def plain(self, poly: PolyElement) -> Expr:
        return poly.as_expr(a, b, c, I, *self.scalars.constants)


def _irreducible(poly: PolyElement) -> tuple[int, Factors]:
    content, factors = poly.factor_list()
    return int(content), factors


def _factors(poly: PolyElement) -> tuple[int, Factors]:
    """Irreducible factors. A long polynomial seldom has any and takes long to factor: only its monomial factors are found."""
    if len(poly) <= _SHORT:
        return _irreducible(poly)
    content, rest = poly.primitive()
    powers = [min(monomial[g] for monomial in rest) for g in range(poly.ring.ngens)]
    rest = poly.ring.from_dict({tuple(map(sub, monomial, powers)): value for monomial, value in rest.terms()})
    factors = [(generator, power) for generator, power in zip(poly.ring.gens, powers, strict=True) if power]
    return int(content), [*factors, (rest, 1)]
