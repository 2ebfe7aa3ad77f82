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
from ndksym.kernels.gaussian.field import Ground, Surd, divided
from ndksym.kernels.gaussian.rewrite import rewritten
from ndksym.symbols import a, b, c

__all__ = ["expression", "rational"]

_SHORT = 20
"""Terms up to which a polynomial is factored completely."""

_TURNS = {"cos": cos, "sin": sin, "cosh": cosh, "sinh": sinh}
_LEAVES = {"erf": erf, "erfi": erfi, "erfc": erfc, "asin": asin, "acos": acos, "Phi2": Phi2}


def expression(terms: Terms) -> Expr:
    """The sum of the terms, a factor common to all of them in front."""
    ground = terms.ground
    found = rewritten(ground, terms.collected())
    if not found:
        return S.Zero
    content, number = S.One, S.One
    if len(found) > 1 and len({where.number for where in found}) == 1:
        number = next(iter(found)).number
        content = _content(list(found.values())) if number != 1 else S.One
    writer = _Writer(ground)
    parts = []
    for where, weight in found.items():
        coefficient = writer.factored(ground.scaled(weight, 1 / content), where.under)
        parts.append(Mul(where.number / number, *coefficient, *writer.functions(where)))
    return Mul(content, number, Add(*parts))


def rational(ground: Ground, value: FracElement) -> Expr:
    """A field element as an expression."""
    return _Writer(ground).rational(value)


def _content(weights: list[FracElement]) -> Rational:
    """The greatest common rational factor."""
    tops = [int(weight.numer.content()) for weight in weights]
    bottoms = [int(weight.denom.content()) for weight in weights]
    return Rational(gcd(*tops), lcm(*bottoms))


Factors = list[tuple[PolyElement, int]]


@dataclass
class _Writer:
    """Field elements, surds and basis elements as expressions, each worked out once."""

    ground: Ground
    known: dict[tuple[FracElement, PolyElement], list[Expr]] = field(default_factory=dict)

    def functions(self, where: Basis) -> list[Expr]:
        """The factors of a basis element that are not algebraic."""
        factors = [exp(self.rational(where.exponent))]
        if where.turn != "one":
            factors.append(_TURNS[where.turn](self.rational(where.phase)))
        name = where.leaf.name
        args = [self.surd(arg) for arg in where.leaf.args]
        if name == "pi-acos":
            factors.append(pi - acos(*args))
        elif name == "1+erf":
            factors.append(1 + erf(*args))
        elif name != "one":
            factors.append(_LEAVES[name](*args))
        return factors

    def surd(self, value: Surd) -> Expr:
        return Mul(*self.factored(value.top, value.under))

    def rational(self, value: FracElement) -> Expr:
        return Mul(*self.factored(value, self.ground.field.ring.one))

    def factored(self, value: FracElement, under: PolyElement) -> list[Expr]:
        """Factors of value/√under, every irreducible one written once; those under the root are positive."""
        key = value, under
        if key not in self.known:
            self.known[key] = self._factored(value, under)
        return self.known[key]

    def _factored(self, value: FracElement, under: PolyElement) -> list[Expr]:
        powers: dict[PolyElement, Rational] = {}
        number = S.One
        radicand = _irreducible(under)
        inside = {factor for factor, _ in radicand[1]}
        parts = ((_factors(value.numer), S.One), (_factors(value.denom), -S.One), (radicand, -S.Half))
        for (content, factors), exponent in parts:
            sign = 1
            for factor, multiplicity in factors:
                known = factor in inside or -factor in inside
                if (self.ground.sign(factor) if known else factor.LC) < 0:
                    factor, sign = -factor, sign * (-1) ** multiplicity
                powers[factor] = powers.get(factor, S.Zero) + exponent * multiplicity
            number *= Integer(content * sign) ** exponent
        roots = [factor for factor, power in powers.items() if not power.is_Integer and len(factor) > 1]
        return [number, *(self.polynomial(factor, roots) ** power for factor, power in powers.items() if power)]

    def polynomial(self, poly: PolyElement, roots: Sequence[PolyElement] = ()) -> Expr:
        """A polynomial, as (1 + a)(1 + b) − c² or in powers of a root's radicand D where that is shorter."""
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
        return poly.as_expr(a, b, c, I, *self.ground.constants)


def _irreducible(poly: PolyElement) -> tuple[int, Factors]:
    content, factors = poly.factor_list()
    return int(content), factors


def _factors(poly: PolyElement) -> tuple[int, Factors]:
    """Irreducible factors; of a long polynomial, where they would take long and seldom exist, the monomial ones."""
    if len(poly) <= _SHORT:
        return _irreducible(poly)
    content, rest = poly.primitive()
    powers = [min(monomial[g] for monomial in rest) for g in range(poly.ring.ngens)]
    rest = poly.ring.from_dict({tuple(map(sub, monomial, powers)): value for monomial, value in rest.terms()})
    factors = [(generator, power) for generator, power in zip(poly.ring.gens, powers, strict=True) if power]
    return int(content), [*factors, (rest, 1)]
