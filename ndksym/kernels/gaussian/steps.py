"""The recorded derivation of E[f(u) f(v)] as printed steps: atoms, tilt, Stein's lemma, base functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Add, Expr, Function, Mul, Symbol, sstr
from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.atoms import Envelope, Gate
from ndksym.kernels.gaussian.collect import Terms
from ndksym.kernels.gaussian.expectation import EnvelopePair, Expectation, Gates
from ndksym.kernels.gaussian.field import CoefficientField
from ndksym.kernels.gaussian.stein import BaseFunction
from ndksym.kernels.gaussian.to_sympy import expression, rational

__all__ = ["Step", "steps"]

E = Function("E")
"""The Gaussian expectation, unevaluated."""
u = Symbol("u", real=True)
v = Symbol("v", real=True)

_STEIN = "Stein's lemma E[uF] = m_u E[F] + A E[∂F/∂u] + C E[∂F/∂v]; the derivative of a gate is a density"
_DETAILED = 6
"""Pairs of envelopes whose steps are printed."""


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes
    ----------
    rule : str
        What is done.
    before, after : Expr
        The expression before and after it.
    """

    rule: str
    before: Expr
    after: Expr


def steps(phi: Expr, argument: Symbol, record: Expectation) -> tuple[Step, ...]:
    """The steps that gave E[φ(u) φ(v)], as recorded; the pairs (f, g) and (g, f) are printed once."""
    parts = dict.fromkeys(_part(pair.left, u) for pair in record.pairs)
    printed = [Step("atoms u^n e^(αu²+ηu+κ) G(u), T16", phi.xreplace({argument: u}), Add(*parts))]
    pairs = _unordered(record)
    products = [_part(pair.left, u) * _part(pair.right, v) for pair in pairs]
    if len(pairs) > 1:
        rule = "bilinearity; a pair of different atoms stands for both its orders, (u, v) and (v, u)"
        before = E(phi.xreplace({argument: u}) * phi.xreplace({argument: v}))
        printed.append(Step(rule, before, Add(*map(E, products))))
    seen: set[Expr] = set()
    for pair, product in zip(pairs[:_DETAILED], products, strict=False):
        for step in _of_pair(record.scalars, pair, product):
            if step.before not in seen and step.before != step.after:
                seen |= {step.before, step.before.xreplace({u: v, v: u})}  # printed once for u and v
                printed.append(step)
    more = f"; the other {len(pairs) - _DETAILED} pairs likewise" if len(pairs) > _DETAILED else ""
    printed.append(Step("collect and simplify" + more, Add(*map(E, products)), record.value))
    return tuple(printed)


def _unordered(record: Expectation) -> list[EnvelopePair]:
    """The pairs, with only the first of (f, g) and (g, f)."""
    order = {envelope: place for place, envelope in enumerate(dict.fromkeys(pair.left[0] for pair in record.pairs))}
    return [pair for pair in record.pairs if order[pair.left[0]] <= order[pair.right[0]]]


def _part(factor: tuple[Envelope, dict[int, Expr]], at: Symbol) -> Expr:
    envelope, poly = factor
    return Add(*(coefficient * at**n for n, coefficient in poly.items())) * envelope.expr(at)


def _of_pair(scalars: CoefficientField, pair: EnvelopePair, product: Expr) -> Iterator[Step]:
    (one, p), (two, q) = pair.left, pair.right
    weight = Mul(Envelope(one.alpha, one.eta, one.kappa).expr(u), Envelope(two.alpha, two.eta, two.kappa).expr(v))
    has_powers = max(p) + max(q) > 0
    if weight != 1 and (pair.gates or has_powers):
        anything = Function("F")(u, v)
        rule = "tilt: under the weight (u, v) is normal with " + _law(scalars, pair.tilted)
        yield Step(rule, E(weight * anything), _value(scalars, pair.tilted) * E(anything))
    bases = [(_argument(weight, pair.gates, base), coefficient, base) for base, coefficient in pair.moments]
    if has_powers:
        after = Add(*(rational(scalars, coefficient) * E(argument) for argument, coefficient, _ in bases))
        yield Step(_STEIN, E(product), after)
    for argument, _, base in bases:
        if argument != 1:
            yield Step(_rule(base), E(argument), _value(scalars, base))


def _rule(base: BaseFunction) -> str:
    if not base.open:
        return "normal density at the edge" if base.pins else "Gaussian integral"
    kind = "bivariate normal" if len(base.open) == 2 else "normal"
    return f"{kind} distribution function" + (", given the edge" if base.pins else "")


def _argument(weight: Expr, gates: Gates, base: BaseFunction) -> Expr:
    """The expression whose expectation the base is."""
    still_open = {edge.i for edge in base.open}
    factors = [weight]
    for i, gate in gates:
        free = Gate(gate.threshold, gate.width, gate.side, pinned=i not in still_open)
        factors.append(free.expr((u, v)[i]))
    return Mul(*factors)


def _value(scalars: CoefficientField, base: BaseFunction) -> Expr:
    terms = Terms(scalars, whole=True)
    terms.add(base, scalars.field.one)
    return expression(terms)


def _law(scalars: CoefficientField, base: BaseFunction) -> str:
    def show(*values: FracElement) -> str:
        return ", ".join(sstr(rational(scalars, value)) for value in values)

    law = base.law
    means = "" if not any(law.means) else f"means ({show(*law.means)}) and "
    return f"{means}A, B, C = {show(law.A, law.B, law.C)}"
