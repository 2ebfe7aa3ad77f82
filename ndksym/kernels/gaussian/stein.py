"""Moments of a bivariate normal with two gates: tilt, Stein's lemma, and conditioning ("pinning") at a gate's edge (T16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from sympy.polys.fields import FracElement

from ndksym.kernels.gaussian.atoms import Envelope, Gate
from ndksym.kernels.gaussian.field import CoefficientField
from ndksym.kernels.gaussian.laurent import Laurent, LaurentRing

__all__ = ["BaseFunction", "Edge", "Law", "moments", "tilt"]

N = TypeVar("N", FracElement, Laurent)
"""Numbers: rational functions of a, b, c, or Laurent polynomials in the variances."""


@dataclass(frozen=True)
class Law(Generic[N]):
    """A bivariate normal: means (m_u, m_v), covariance ((A, C), (C, B))."""

    means: tuple[N, N]
    A: N
    B: N
    C: N

    def along(self, i: int) -> tuple[N, N]:
        """Covariances of u (i = 0) or v (i = 1) with u and v."""
        return (self.A, self.C) if i == 0 else (self.C, self.B)


@dataclass(frozen=True)
class Edge(Generic[N]):
    """A gate on variable i: P(w < side·(u_i − at)), w ~ N(0, width)."""

    i: int
    at: N
    width: N
    side: int

    def variance(self, law: Law[N]) -> N:
        """Var(u_i − w)."""
        return law.along(self.i)[self.i] + self.width


def pinned(law: Law[N], edge: Edge[N]) -> Law[N]:
    """The law conditioned on u_i − w = at."""
    shift = edge.at - law.means[edge.i]
    along, variance = law.along(edge.i), edge.variance(law)
    gain = (along[0] / variance, along[1] / variance)
    return Law(
        (law.means[0] + gain[0] * shift, law.means[1] + gain[1] * shift),
        law.A - gain[0] * along[0],
        law.B - gain[1] * along[1],
        law.C - gain[0] * along[1],
    )


@dataclass(frozen=True)
class BaseFunction:
    """(2π)^{−pins/2} square^{−1/2} e^{exponent} P(open gates | law); each moment is a sum of multiples of such functions."""

    exponent: FracElement
    square: FracElement
    pins: int
    law: Law[FracElement]
    open: tuple[Edge[FracElement], ...] = ()

    def pin(self, edge: Edge[FracElement]) -> BaseFunction:
        """Replace a gate by its density at the edge: E[δ_w(u_i − at) F] = N(at; m_i, V) E[F | u_i − w = at]."""
        variance = edge.variance(self.law)
        shift = edge.at - self.law.means[edge.i]
        return BaseFunction(
            self.exponent - shift**2 / (2 * variance),
            self.square * variance,
            self.pins + 1,
            pinned(self.law, edge),
            tuple(other for other in self.open if other.i != edge.i),
        )


def tilt(scalars: CoefficientField, law: Law[FracElement], one: Envelope, two: Envelope) -> BaseFunction:
    """E[e^{αu²+ηu+κ} e^{α'v²+η'v+κ'} F] = Δ^{−1/2} e^{½ηᵀΣ'η+κ+κ'} E'[F] for the centred normal `law`.

    Σ' = (Σ^{−1} − 2 diag(α, α'))^{−1}, means Σ'η, Δ = det(1 − 2Σ diag(α, α')). Σ may be singular, because it is not inverted.
    """
    alpha, beta = scalars(one.alpha), scalars(two.alpha)
    eta, zeta = scalars(one.eta), scalars(two.eta)
    det = law.A * law.B - law.C**2
    delta = 1 - 2 * alpha * law.A - 2 * beta * law.B + 4 * alpha * beta * det
    A, B, C = (law.A - 2 * beta * det) / delta, (law.B - 2 * alpha * det) / delta, law.C / delta
    means = (A * eta + C * zeta, C * eta + B * zeta)
    exponent = (eta * means[0] + zeta * means[1]) / 2 + scalars(one.kappa) + scalars(two.kappa)
    return BaseFunction(exponent, delta, 0, Law(means, A, B, C))


Vector = dict[tuple[int, ...], Laurent]
"""Coefficients of a moment by base; a base is named by the variables whose gates are still open."""


@dataclass
class _Stein:
    """E[u^n v^m G G'] for all n, m, under each law that pinning leads to."""

    laws: dict[tuple[int, ...], Law[Laurent]]
    edges: dict[int, Edge[Laurent]]
    one: Laurent
    memo: dict[tuple[int, int, tuple[int, ...]], Vector] = field(default_factory=dict)

    def moment(self, n: int, m: int, state: tuple[int, ...]) -> Vector:
        """Stein's lemma: E[uF] = m_u E F + A E ∂_u F + C E ∂_v F, F = u^{n−1} v^m G G', ∂_u G being the pinned gate."""
        if n == m == 0:
            return {state: self.one}
        key = (n, m, state)
        if key not in self.memo:
            self.memo[key] = self._reduce(n, m, state)
        return self.memo[key]

    def _reduce(self, n: int, m: int, state: tuple[int, ...]) -> Vector:
        i = 0 if n else 1
        n, m = (n - 1, m) if n else (n, m - 1)
        law = self.laws[state]
        to_u, to_v = law.along(i)
        total: Vector = {}
        _add(total, law.means[i], self.moment(n, m, state))
        if n:
            _add(total, n * to_u, self.moment(n - 1, m, state))
        if m:
            _add(total, m * to_v, self.moment(n, m - 1, state))
        for gate in state:
            rest = tuple(other for other in state if other != gate)
            _add(total, self.edges[gate].side * law.along(i)[gate], self.moment(n, m, rest))
        return total


def moments(
    scalars: CoefficientField,
    start: BaseFunction,
    gates: tuple[tuple[int, Gate], ...],
    p: Mapping[int, FracElement],
    q: Mapping[int, FracElement],
) -> list[tuple[BaseFunction, FracElement]]:
    """E[p(u) q(v) Π gates] under a tilted law, for polynomials p and q, as pairs (base, coefficient)."""
    edges = {i: Edge(i, scalars(gate.threshold), scalars(gate.width), gate.side) for i, gate in gates}
    laurent = LaurentRing.over(scalars, paired=len(gates) == 2)
    formal = {i: Edge(i, laurent.constant(e.at), laurent.constant(e.width), e.side) for i, e in edges.items()}
    X, Y, _, C, M, N = laurent.gens
    zero = laurent.constant(scalars.field.zero)
    law = start.law
    spread = [law.along(i)[i] + (edges[i].width if i in edges else 0) for i in (0, 1)]
    abstract = Law(
        (M if law.means[0] else zero, N if law.means[1] else zero),
        X - formal[0].width if 0 in formal else X,
        Y - formal[1].width if 1 in formal else Y,
        C,
    )
    values = (*spread, spread[0] * spread[1] - law.C**2, law.C, *law.means)
    every = tuple(sorted(edges))
    bases = {every: replace(start, open=tuple(edges[i] for i in every))}
    laws = {every: abstract}
    for state in _descending(every):
        for gate in state:
            rest = tuple(i for i in state if i != gate)
            bases[rest] = bases[state].pin(edges[gate])
            laws[rest] = pinned(laws[state], formal[gate])
    first = tuple(i for i, gate in gates if not gate.pinned)
    stein = _Stein(laws, formal, laurent.constant(scalars.field.one))
    total: Vector = {}
    for n, left in p.items():
        for m, right in q.items():
            _add(total, laurent.constant(left) * laurent.constant(right), stein.moment(n, m, first))
    return [(bases[name], laurent.evaluate(scalars, value, values)) for name, value in total.items() if value]


def _descending(every: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The sets of open gates that are not empty, larger ones first."""
    singles = [(i,) for i in every]
    return [every, *(singles if len(every) == 2 else [])] if every else []


def _add(total: Vector, weight: Laurent, vector: Vector) -> None:
    if not weight:
        return
    for name, value in vector.items():
        total[name] = total[name] + weight * value if name in total else weight * value
