"""Identities that bring collected terms into their usual form: sinh and cosh, erfc, π − acos."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from sympy import pi
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.collect import Basis, SpecialFunction
from ndksym.kernels.gaussian.field import CoefficientField, Surd

__all__ = ["rewritten"]

Collected = dict[Basis, FracElement]


def rewritten(scalars: CoefficientField, terms: Collected) -> Collected:
    """Apply each identity, unless it makes the sum longer."""
    return _arc_cosine(scalars, _complementary(_hyperbolic(scalars, terms)))


def _hyperbolic(scalars: CoefficientField, terms: Collected) -> Collected:
    """p e^{m+d} + q e^{m−d} = e^m [(p+q) cosh d + (p−q) sinh d] for two exponents that c → −c exchanges."""
    done: Collected = {}
    left = dict(terms)
    while left:
        basis, weight = left.popitem()
        other = replace(basis, exponent=scalars.mirror(basis.exponent))
        if basis.function != SpecialFunction() or basis.factor != "one" or other not in left:
            done[basis] = weight
            continue
        partner = left.pop(other)
        middle, half = (basis.exponent + other.exponent) / 2, (basis.exponent - other.exponent) / 2
        if half.numer.LC < 0:
            half, weight, partner = -half, partner, weight
        for factor, value in (("cosh", weight + partner), ("sinh", weight - partner)):
            if value:
                done[replace(basis, exponent=middle, phase=half, factor=factor)] = value
    return done


def _complementary(terms: Collected) -> Collected:
    """w + Σ ∓ w_i erf(z_i) = Σ w_i erfc(±z_i) where the weights allow it; this form does not cancel in the tails."""
    done = dict(terms)
    for basis, weight in terms.items():
        if basis.function != SpecialFunction():
            continue
        beside = [(target, terms[target]) for target in terms if _same_but(basis, target, "erf")]
        if not beside or len(beside) > 6:
            continue
        for signs in product((-1, 1), repeat=len(beside)):
            if weight == sum(sign * value for sign, (_, value) in zip(signs, beside, strict=True)):
                del done[basis]
                for sign, (target, value) in zip(signs, beside, strict=True):
                    del done[target]
                    name = "erfc" if sign < 0 else "1+erf"
                    done[replace(target, function=SpecialFunction(name, target.function.args))] = sign * value
                break
    return done


def _arc_cosine(scalars: CoefficientField, terms: Collected) -> Collected:
    """w (asin ρ + π/2) = w (π − acos ρ), where ρ = ±1 at correlation ±1 of u and v."""
    done = dict(terms)
    for basis, weight in terms.items():
        if basis.function.name != "asin" or not _reaches_one(scalars, basis.function.args[0]):
            continue
        rational, number = (basis.number * pi).as_coeff_Mul()
        plain = replace(basis, function=SpecialFunction(), number=number)
        for sign, name in ((1, "pi-acos"), (-1, "acos")):
            if terms.get(plain) == sign * weight / 2 and rational == 1:
                del done[plain], done[basis]
                done[replace(basis, function=SpecialFunction(name, basis.function.args))] = sign * weight
                break
    return done


def _reaches_one(scalars: CoefficientField, rho: Surd) -> bool:
    """Whether 1 − ρ² has the factor ab − c²."""
    first, second, third = scalars.gens
    across = 1 - rho.top**2 / scalars.field(rho.under)
    det = first * second - third**2
    return bool((across / det).denom.div(det.numer)[1])


def _same_but(basis: Basis, target: Basis, name: str) -> bool:
    return target.function.name == name and replace(target, function=basis.function) == basis
