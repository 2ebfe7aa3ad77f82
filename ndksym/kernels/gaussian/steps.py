"""The derivation of E[f(u) f(v)] as a theorist would write it down: atoms, tilt, Stein's lemma, base functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

from sympy import Add, Expr, Function, Mul, Symbol, sstr
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.atoms import Atom, Envelope, Gate, groups
from ndksym.kernels.gaussian.collect import Terms
from ndksym.kernels.gaussian.expectation import bivariate, ground_of
from ndksym.kernels.gaussian.field import Ground
from ndksym.kernels.gaussian.stein import Base, moments, tilt
from ndksym.kernels.gaussian.to_sympy import expression, rational

__all__ = ["Step", "trace"]

E = Function("E")
"""The Gaussian expectation, unevaluated."""
u = Symbol("u", real=True)
v = Symbol("v", real=True)

_STEIN = "Stein's lemma E[uF] = m_u E[F] + A E[∂F/∂u] + C E[∂F/∂v]; the derivative of a gate is a density"
_DETAILED = 6  # pairs of envelopes worked out in full


@dataclass(frozen=True)
class Step:
    """One step of a derivation: the rule, and the expression before and after it."""

    rule: str
    before: Expr
    after: Expr


def trace(phi: Expr, argument: Symbol, atoms: Sequence[Atom], result: Expr) -> tuple[Step, ...]:
    """How E[φ(u) φ(v)] comes about; `result` is its closed form."""
    found = groups(atoms)
    parts = [_part(envelope, poly, u) for envelope, poly in found.items()]
    steps = [Step("atoms u^n e^(αu²+ηu+κ) G(u), T16", phi.xreplace({argument: u}), Add(*parts))]
    pairs = list(combinations_with_replacement(found.items(), 2))
    both = [_part(*one, u) * _part(*two, v) for one, two in pairs]
    if len(pairs) > 1:
        rule = "bilinearity; a pair of different atoms stands for both its orders, (u, v) and (v, u)"
        steps.append(Step(rule, E(phi.xreplace({argument: u}) * phi.xreplace({argument: v})), Add(*map(E, both))))
    ground = ground_of(atoms)
    known: set[Expr] = set()
    for ((one, p), (two, q)), pair in zip(pairs[:_DETAILED], both, strict=False):
        for step in _pair(ground, (one, p), (two, q), pair):
            if step.before not in known and step.before != step.after:
                known |= {step.before, step.before.xreplace({u: v, v: u})}  # told once for u and v
                steps.append(step)
    more = f"; the other {len(pairs) - _DETAILED} pairs likewise" if len(pairs) > _DETAILED else ""
    steps.append(Step("collect and simplify" + more, Add(*map(E, both)), result))
    return tuple(steps)


def _part(envelope: Envelope, poly: dict[int, Expr], at: Symbol) -> Expr:
    return Add(*(coefficient * at**n for n, coefficient in poly.items())) * envelope.expr(at)


def _pair(
    ground: Ground, left: tuple[Envelope, dict[int, Expr]], right: tuple[Envelope, dict[int, Expr]], pair: Expr
) -> Iterator[Step]:
    (one, p), (two, q) = left, right
    start = tilt(ground, bivariate(ground), one, two)
    weight = Mul(Envelope(one.alpha, one.eta, one.kappa).expr(u), Envelope(two.alpha, two.eta, two.kappa).expr(v))
    gates = tuple((i, env.gate) for i, env in enumerate((one, two)) if env.gate is not None)
    factors = max(p) + max(q) > 0
    if weight != 1 and (gates or factors):
        free = Function("F")(u, v)
        rule = "tilt: under the weight (u, v) is normal with " + _law(ground, start)
        yield Step(rule, E(weight * free), _value(ground, start) * E(free))
    P = {n: ground(value) for n, value in p.items()}
    Q = {n: ground(value) for n, value in q.items()}
    terms = moments(ground, start, gates, P, Q)
    bases = [(_base(weight, gates, base), coefficient, base) for base, coefficient in terms]
    if factors:
        after = Add(*(rational(ground, coefficient) * E(name) for name, coefficient, _ in bases))
        yield Step(_STEIN, E(pair), after)
    for name, _, base in bases:
        if name != 1:
            yield Step(_rule(base), E(name), _value(ground, base))


def _rule(base: Base) -> str:
    if not base.open:
        return "normal density at the edge" if base.pins else "Gaussian integral"
    kind = "bivariate normal" if len(base.open) == 2 else "normal"
    return f"{kind} distribution function" + (", given the edge" if base.pins else "")


def _base(weight: Expr, gates: Sequence[tuple[int, Gate]], base: Base) -> Expr:
    """What a base is the expectation of."""
    still = {edge.i for edge in base.open}
    factors = [weight]
    for i, gate in gates:
        free = Gate(gate.threshold, gate.width, gate.side, pinned=i not in still)
        factors.append(free.expr((u, v)[i]))
    return Mul(*factors)


def _value(ground: Ground, base: Base) -> Expr:
    terms = Terms(ground, whole=True)
    terms.add(base, ground.field.one)
    return expression(terms)


def _law(ground: Ground, base: Base) -> str:
    def show(*values: FracElement) -> str:
        return ", ".join(sstr(rational(ground, value)) for value in values)

    law = base.law
    means = "" if not any(law.means) else f"means ({show(*law.means)}) and "
    return f"{means}A, B, C = {show(law.A, law.B, law.C)}"
