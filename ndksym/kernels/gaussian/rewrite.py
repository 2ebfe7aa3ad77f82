"""Identities that turn collected terms into what a person writes: sinh and cosh, erfc, π − acos."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from sympy import pi
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.collect import Basis, Leaf
from ndksym.kernels.gaussian.field import Ground, Surd

__all__ = ["rewritten"]

Collected = dict[Basis, FracElement]


def rewritten(ground: Ground, terms: Collected) -> Collected:
    """Apply every idiom where it makes the sum shorter or at least no longer."""
    return _arc_cosine(ground, _complementary(_hyperbolic(ground, terms)))


def _hyperbolic(ground: Ground, terms: Collected) -> Collected:
    """p e^{m+d} + q e^{m−d} = e^m [(p+q) cosh d + (p−q) sinh d] for exponents that c → −c exchanges."""
    done: Collected = {}
    left = dict(terms)
    while left:
        where, weight = left.popitem()
        other = replace(where, exponent=ground.mirror(where.exponent))
        if where.leaf != Leaf() or where.turn != "one" or other not in left:
            done[where] = weight
            continue
        partner = left.pop(other)
        middle, half = (where.exponent + other.exponent) / 2, (where.exponent - other.exponent) / 2
        if half.numer.LC < 0:
            half, weight, partner = -half, partner, weight
        for turn, value in (("cosh", weight + partner), ("sinh", weight - partner)):
            if value:
                done[replace(where, exponent=middle, phase=half, turn=turn)] = value
    return done


def _complementary(terms: Collected) -> Collected:
    """w + Σ ∓ w_i erf(z_i) = Σ w_i erfc(±z_i) where the weights allow it: no cancellation in the tails."""
    done = dict(terms)
    for where, weight in terms.items():
        if where.leaf != Leaf():
            continue
        beside = [(there, terms[there]) for there in terms if _same_but(where, there, "erf")]
        if not beside or len(beside) > 6:
            continue
        for signs in product((-1, 1), repeat=len(beside)):
            if weight == sum(sign * value for sign, (_, value) in zip(signs, beside, strict=True)):
                del done[where]
                for sign, (there, value) in zip(signs, beside, strict=True):
                    del done[there]
                    name = "erfc" if sign < 0 else "1+erf"
                    done[replace(there, leaf=Leaf(name, there.leaf.args))] = sign * value
                break
    return done


def _arc_cosine(ground: Ground, terms: Collected) -> Collected:
    """w (asin ρ + π/2) = w (π − acos ρ), where ρ reaches ±1 with the correlation of u and v."""
    done = dict(terms)
    for where, weight in terms.items():
        if where.leaf.name != "asin" or not _reaches_one(ground, where.leaf.args[0]):
            continue
        rational, number = (where.number * pi).as_coeff_Mul()
        plain = replace(where, leaf=Leaf(), number=number)
        for sign, name in ((1, "pi-acos"), (-1, "acos")):
            if terms.get(plain) == sign * weight / 2 and rational == 1:
                del done[plain], done[where]
                done[replace(where, leaf=Leaf(name, where.leaf.args))] = sign * weight
                break
    return done


def _reaches_one(ground: Ground, rho: Surd) -> bool:
    """Whether 1 − ρ² has the factor ab − c²."""
    first, second, third = ground.gens
    across = 1 - rho.top**2 / ground.field(rho.under)
    det = first * second - third**2
    return bool((across / det).denom.div(det.numer)[1])


def _same_but(where: Basis, there: Basis, name: str) -> bool:
    return there.leaf.name == name and replace(there, leaf=where.leaf) == where
