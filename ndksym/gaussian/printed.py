"""Collected terms as a SymPy expression."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm
from operator import sub

from sympy import Add, Expr, I, Integer, Mul, Rational, S, acos, asin, cos, cosh, erf, erfc, erfi, exp, pi, sin, sinh
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from ndksym.gaussian.ground import Ground, Surd, divided
from ndksym.gaussian.idioms import rewritten
from ndksym.gaussian.terms import Basis, Terms
from ndksym.special import Phi2
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
    parts = [
        Mul(
            where.number / number,
            *_factored(ground, ground.scaled(weight, 1 / content), where.under),
            *_functions(ground, where),
        )
        for where, weight in found.items()
    ]
    return Mul(content, number, Add(*parts))


def _content(weights: list[FracElement]) -> Rational:
    """The greatest common rational factor."""
    tops = [int(weight.numer.content()) for weight in weights]
    bottoms = [int(weight.denom.content()) for weight in weights]
    return Rational(gcd(*tops), lcm(*bottoms))


def _functions(ground: Ground, where: Basis) -> list[Expr]:
    factors = [exp(rational(ground, where.exponent))]
    if where.turn != "one":
        factors.append(_TURNS[where.turn](rational(ground, where.phase)))
    name = where.leaf.name
    args = [_surd(ground, arg) for arg in where.leaf.args]
    if name == "pi-acos":
        factors.append(pi - acos(*args))
    elif name == "1+erf":
        factors.append(1 + erf(*args))
    elif name != "one":
        factors.append(_LEAVES[name](*args))
    return factors


def _surd(ground: Ground, value: Surd) -> Expr:
    return Mul(*_factored(ground, value.top, value.under))


def rational(ground: Ground, value: FracElement) -> Expr:
    """A field element as an expression."""
    return Mul(*_factored(ground, value, ground.field.ring.one))


def _factored(ground: Ground, value: FracElement, under: PolyElement) -> list[Expr]:
    """Factors of value/√under, every irreducible one written once; those under the root are positive."""
    powers: dict[PolyElement, Rational] = {}
    number = S.One
    inside = {factor for factor, _ in _factors(under)[1]}
    for poly, exponent in ((value.numer, S.One), (value.denom, -S.One), (under, -S.Half)):
        content, factors = _factors(poly)
        sign = 1
        for factor, multiplicity in factors:
            known = factor in inside or -factor in inside
            if (ground.sign(factor) if known else factor.LC) < 0:
                factor, sign = -factor, sign * (-1) ** multiplicity
            powers[factor] = powers.get(factor, S.Zero) + exponent * multiplicity
        number *= Integer(int(content) * sign) ** exponent
    roots = [factor for factor, power in powers.items() if not power.is_Integer and len(factor) > 1]
    return [number, *(_polynomial(ground, factor, roots) ** power for factor, power in powers.items() if power)]


def _factors(poly: PolyElement) -> tuple[int, list[tuple[PolyElement, int]]]:
    """Irreducible factors; of a long polynomial, where they would take long and seldom exist, the monomial ones."""
    if len(poly) <= _SHORT:
        content, factors = poly.factor_list()
        return int(content), factors
    content, rest = poly.primitive()
    powers = [min(monomial[g] for monomial in rest) for g in range(poly.ring.ngens)]
    rest = poly.ring.from_dict({tuple(map(sub, monomial, powers)): value for monomial, value in rest.terms()})
    factors = [(generator, power) for generator, power in zip(poly.ring.gens, powers, strict=True) if power]
    return int(content), [*factors, (rest, 1)]


def _polynomial(ground: Ground, poly: PolyElement, roots: Sequence[PolyElement] = ()) -> Expr:
    """A polynomial, as (1 + a)(1 + b) − c² or in powers of a root's radicand D where that is shorter."""
    for root in roots:
        quotient, remainder = divided(poly, root)
        if not quotient.is_ground and poly != root and len(quotient) + len(remainder) < len(poly):
            parts = [_product(ground, part, roots) for part in (quotient, remainder)]
            return parts[0] * _polynomial(ground, root) + parts[1]
    free = poly.ring.zero
    for monomial, coefficient in poly.terms():
        if not monomial[2]:
            free[monomial] = coefficient
    rest = poly - free
    if len(rest) == 1 and rest.degree(2) == 2 and len(free) > 1 and len(_factors(free)[1]) > 1:
        return _product(ground, free) + _expr(ground, rest)
    return _expr(ground, poly)


def _product(ground: Ground, poly: PolyElement, roots: Sequence[PolyElement] = ()) -> Expr:
    content, factors = _factors(poly)
    return Mul(Integer(int(content)), *(_polynomial(ground, factor, roots) ** power for factor, power in factors))


def _expr(ground: Ground, poly: PolyElement) -> Expr:
    return poly.as_expr(a, b, c, I, *ground.constants)
