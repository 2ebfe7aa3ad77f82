"""E[f(u) g(v)] and E[f(u) g(u)] for sums of atoms, with a record of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, S
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.atoms import Atom, Envelope, Gate, OutsideClassError, groups
from ndksym.kernels.gaussian.collect import Terms
from ndksym.kernels.gaussian.field import CoefficientField, field_for
from ndksym.kernels.gaussian.stein import BaseFunction, Law, moments, tilt
from ndksym.kernels.gaussian.to_sympy import expression

__all__ = ["EnvelopePair", "Expectation", "Gates", "derived", "diagonal", "expectation", "mean"]

_ONE = Atom(S.One, 0, Envelope())
_LARGEST_EFFORT = 10_000
"""Pairs of atoms, times three for each irrational constant: about ten seconds of work."""

Gates = tuple[tuple[int, Gate], ...]
"""Gates, each with its variable (0 for u, 1 for v)."""


@dataclass(frozen=True, eq=False)
class EnvelopePair:
    """What was done with one envelope of f and one of g: the tilt, then Stein's lemma.

    `left` and `right` are the polynomials times envelopes; `tilted` is the base after the tilt; `moments` are the bases that
    Stein's lemma leads to, with their coefficients.
    """

    left: tuple[Envelope, dict[int, Expr]]
    right: tuple[Envelope, dict[int, Expr]]
    gates: Gates
    tilted: BaseFunction
    moments: list[tuple[BaseFunction, FracElement]]


@dataclass(frozen=True, eq=False)
class Expectation:
    """E[f(u) g(v)] as an expression, and what was done with each pair of envelopes to derive it."""

    value: Expr
    scalars: CoefficientField
    pairs: tuple[EnvelopePair, ...]


def derived(left: Sequence[Atom], right: Sequence[Atom]) -> Expectation:
    """E[f(u) g(v)] for sums of atoms f and g, with the record of its derivation."""
    scalars = _field_of([*left, *right])
    A, B, C = scalars.gens
    law = Law((scalars.field.zero, scalars.field.zero), A, B, C)
    terms, pairs = Terms(scalars), []
    for one, p in groups(left).items():
        for two, q in groups(right).items():
            tilted, gates = tilt(scalars, law, one, two), _gates(one, two)
            P, Q = _embedded(scalars, p), _embedded(scalars, q)
            pair = EnvelopePair((one, p), (two, q), gates, tilted, moments(scalars, tilted, gates, P, Q))
            for base, value in pair.moments:
                terms.add(base, value)
            pairs.append(pair)
    return Expectation(expression(terms), scalars, tuple(pairs))


def expectation(left: Sequence[Atom], right: Sequence[Atom]) -> Expr:
    """E[f(u) g(v)] in a, b, c for sums of atoms f and g."""
    return derived(left, right).value


def mean(atoms: Sequence[Atom]) -> Expr:
    """E[f(u)] in a."""
    return expectation(atoms, [_ONE])


def diagonal(left: Sequence[Atom], right: Sequence[Atom]) -> Expr:
    """E[f(u) g(u)] in a: products of two steps are merged, everything else is the bivariate rule at a = b = c."""
    scalars = _field_of([*left, *right])
    A = scalars.gens[0]
    law = Law((scalars.field.zero, scalars.field.zero), A, A, A)
    terms = Terms(scalars)
    for one, p in groups(left).items():
        for two, q in groups(right).items():
            tilted = tilt(scalars, law, one, two)
            P, Q = _embedded(scalars, p), _embedded(scalars, q)
            for weight, gates in _merged(one, two):
                for base, value in moments(scalars, tilted, gates, P, Q):
                    terms.add(base, scalars.scaled(value, S(weight)))
    return expression(terms)


def _field_of(atoms: Sequence[Atom]) -> CoefficientField:
    """The field that holds all constants of some atoms."""
    constants: list[Expr] = []
    growth: Expr = S.Zero
    for atom in atoms:
        env = atom.envelope
        constants += [atom.coefficient, env.alpha, env.eta, env.kappa]
        if env.gate is not None:
            constants += [env.gate.threshold, env.gate.width]
        growth = env.alpha if bool(env.alpha > growth) else growth
    scalars, count = field_for(constants, growth), len(set(atoms))
    if count**2 * 3 ** len(scalars.constants) > _LARGEST_EFFORT:
        raise OutsideClassError(
            f"{count} terms with {len(scalars.constants)} irrational constants: their closed form would take too long to derive"
        )
    return scalars


def _embedded(scalars: CoefficientField, poly: dict[int, Expr]) -> dict[int, FracElement]:
    return {n: scalars(value) for n, value in poly.items()}


def _gates(one: Envelope, two: Envelope) -> Gates:
    return tuple((i, env.gate) for i, env in enumerate((one, two)) if env.gate is not None)


def _merged(one: Envelope, two: Envelope) -> list[tuple[int, Gates]]:
    """Gates on one variable. The product of two steps is one step, a difference of two steps, or 0."""
    f, g = one.gate, two.gate
    if f is None or g is None or not (f.hard and g.hard):
        return [(1, _gates(one, two))]
    if f.pinned or g.pinned:
        raise ValueError("the product of a step and a point mass in one variable has no expectation")
    if f.side == g.side:
        return [(1, ((0, max(f, g, key=lambda gate: f.side * gate.threshold)),))]
    low, high = (f, g) if f.side > 0 else (g, f)
    if not bool(low.threshold < high.threshold):
        return []
    return [(1, ((0, low),)), (-1, ((0, Gate(high.threshold, S.Zero, 1)),))]
