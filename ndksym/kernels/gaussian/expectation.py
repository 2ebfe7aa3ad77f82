"""E[f(u) g(v)] and E[f(u) g(u)] for sums of atoms."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, S
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.atoms import Atom, Envelope, Gate, OutsideClassError, groups
from ndksym.kernels.gaussian.collect import Terms
from ndksym.kernels.gaussian.field import Ground, ground_for
from ndksym.kernels.gaussian.stein import Law, moments, tilt
from ndksym.kernels.gaussian.to_sympy import expression

__all__ = ["bivariate", "diagonal", "expectation", "ground_of", "mean"]

_ONE = Atom(S.One, 0, Envelope())
_EFFORT = 10_000
"""Most pairs of atoms, times three for each irrational constant: some seconds; a few times more takes minutes."""

Gates = tuple[tuple[int, Gate], ...]
"""Gates with the variable (0: u, 1: v) each is on."""


def expectation(left: Sequence[Atom], right: Sequence[Atom]) -> Expr:
    """E[f(u) g(v)] in a, b, c for sums of atoms f and g."""
    ground = ground_of([*left, *right])
    return _bilinear(ground, bivariate(ground), left, right, same=False)


def bivariate(ground: Ground) -> Law[FracElement]:
    """The centred law of (u, v) with covariance ((a, c), (c, b))."""
    A, B, C = ground.gens
    return Law((ground.field.zero, ground.field.zero), A, B, C)


def mean(atoms: Sequence[Atom]) -> Expr:
    """E[f(u)] in a."""
    return expectation(atoms, [_ONE])


def diagonal(left: Sequence[Atom], right: Sequence[Atom]) -> Expr:
    """E[f(u) g(u)] in a: the product of two steps is merged, all else is the bivariate rule at a = b = c."""
    ground = ground_of([*left, *right])
    A = ground.gens[0]
    return _bilinear(ground, Law((ground.field.zero, ground.field.zero), A, A, A), left, right, same=True)


def ground_of(atoms: Sequence[Atom]) -> Ground:
    """The field for all constants of some atoms."""
    constants: list[Expr] = []
    growth: Expr = S.Zero
    for atom in atoms:
        env = atom.envelope
        constants += [atom.coefficient, env.alpha, env.eta, env.kappa]
        if env.gate is not None:
            constants += [env.gate.threshold, env.gate.width]
        growth = env.alpha if bool(env.alpha > growth) else growth
    ground, count = ground_for(constants, growth), len(set(atoms))
    if count**2 * 3 ** len(ground.constants) > _EFFORT:
        raise OutsideClassError(
            f"{count} terms with {len(ground.constants)} irrational constants: their closed form would take too long to derive"
        )
    return ground


def _bilinear(ground: Ground, law: Law[FracElement], left: Sequence[Atom], right: Sequence[Atom], same: bool) -> Expr:
    terms = Terms(ground)
    for one, p in groups(left).items():
        for two, q in groups(right).items():
            start = tilt(ground, law, one, two)
            P = {n: ground(value) for n, value in p.items()}
            Q = {n: ground(value) for n, value in q.items()}
            for weight, gates in _merged(one, two) if same else [(1, _gates(one, two))]:
                for base, value in moments(ground, start, gates, P, Q):
                    terms.add(base, ground.scaled(value, S(weight)))
    return expression(terms)


def _gates(one: Envelope, two: Envelope) -> Gates:
    return tuple((i, env.gate) for i, env in enumerate((one, two)) if env.gate is not None)


def _merged(one: Envelope, two: Envelope) -> list[tuple[int, Gates]]:
    """Gates on one variable; two steps make one step, a difference of two, or nothing."""
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
