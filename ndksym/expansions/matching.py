"""The two expansions have the same overlap: a proof for matrices that do not commute, order by order (T12).

Inner side: the overlap terms of `laplace`, at small z. Outer side: r_k = Σ_q ρ_kq τ^q is put into its own equation

    ∫_0^τ G(τ, τ') r_k dτ' = y δ_k0 − r_{k−1} − Σ_j a_kj ∂_2^j G(τ, 0)     (Hadamard's finite part)

which is solved power by power in τ, with the series of G near τ = τ' = 0. The kicks a_kj are moments of the inner solution. They
must make the power τ^0 of the equation vanish, which is checked too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Rational, Symbol, binomial, expand, factorial, gamma

from ndksym.expansions import laplace
from ndksym.expansions.inner import coefficient
from ndksym.expansions.laplace import CoefficientAction, Coefficients

__all__ = ["THETA", "Match", "Y", "algebra", "matches", "start"]

THETA = Symbol("Theta", commutative=False)
"""The NTK at initialisation on the training set, G_00."""
Y = Symbol("y", commutative=False)
"""The labels."""


@dataclass(frozen=True)
class Match:
    """One overlap term of Δ: the coefficient of T^order τ^power in both expansions.

    If `power` is None, it is the condition on the kicks under which the outer equation has a solution.
    """

    order: int
    power: Rational | None
    inner: Expr
    outer: Expr

    @property
    def proved(self) -> bool:
        """Whether the two are equal, by their normal form in symbols that do not commute."""
        return bool(expand(self.inner - self.outer) == 0)

    def record(self) -> dict[str, object]:
        """The term as a dictionary, for JSON."""
        return {
            "order": self.order,
            "power": None if self.power is None else str(self.power),
            "inner": str(self.inner),
            "outer": str(self.outer),
            "proved": self.proved,
        }


def algebra() -> CoefficientAction:
    """The action of symbols that do not commute: G v is a product, Θ⁻¹ a power."""
    return CoefficientAction(lambda G, v: expand(G * v), lambda v: expand(THETA**-1 * v), lambda q: q)


def matches(at: Iterable[tuple[int, int]], order: int) -> tuple[Match, ...]:
    """The overlap terms of the first `order` outer terms and the inner terms up to ε^{2·order}, and the conditions on the kicks.

    >>> [(each.power, each.inner, each.proved) for each in matches([(2, 0), (0, 1)], order=1)]
    [(None, 0, True), (0, -Theta**(-1)*G_20*Theta**(-1)*y, True)]
    """
    coefficients = {(0, 0): THETA} | {each: coefficient(*each, commutative=False) for each in at if each != (0, 0)}
    action = algebra()
    inner = laplace.transforms(coefficients, Y, action, 2 * order, 2 * order)
    terms: list[Match] = []
    before: Mapping[Rational, Expr] = {}
    for k in range(order):
        last = order - 1 - k
        rooted = any(j % 2 for j, _ in coefficients)
        own, remainder = start(coefficients, k, before, laplace.residues(inner, k), last, rooted)
        terms.append(Match(k, None, Integer(0), remainder))
        theirs = {}
        for term, series in enumerate(inner):
            power = Rational(term, 2) - 1 - k
            theirs[power] = expand(laplace.overlap(series, action).get(power, Integer(0)))
        for power in sorted(own.keys() | theirs.keys()):
            if power <= last and (own.get(power) or theirs.get(power)):
                terms.append(Match(k, power, theirs.get(power, Integer(0)), own.get(power, Integer(0))))
        before = own
    return tuple(terms)


def start(
    coefficients: Coefficients,
    k: int,
    before: Mapping[Rational, Expr],
    kicks: Mapping[int, Expr],
    last: int,
    rooted: bool,
) -> tuple[dict[Rational, Expr], Expr]:
    """ρ_kq up to τ^last from the outer equation alone, and the remainder of the equation at τ^0, which must be 0."""
    forcing: dict[Rational, list[Expr]] = {}
    for power, value in before.items():
        forcing.setdefault(power, []).append(-value)
    for m, kick in kicks.items():
        # ∂_2^m G(τ, 0) = m! [x^m] Σ G_jl (τ − x)^{j/2} x^l
        for (j, ell), G in coefficients.items():
            if ell <= m:
                half = Rational(j, 2)
                factor = factorial(m) * binomial(half, m - ell) * (-1) ** (m - ell)
                if factor != 0:
                    forcing.setdefault(half - (m - ell), []).append(-factor * G * kick)
    if k == 0:
        forcing.setdefault(Rational(0), []).append(Y)
    powers: dict[Rational, Expr] = {}
    step = Rational(1, 2) if rooted else Integer(1)
    power = -k - Rational(1, 2) if rooted else Rational(0)
    while power <= last:
        right = list(forcing.get(power + 1, []))
        for (j, ell), G in coefficients.items():
            earlier = power - Rational(j, 2) - ell
            if (j, ell) != (0, 0) and earlier in powers:
                right.append(-_beta(j, ell, earlier) * G * powers[earlier])
        # the integral of τ^{−1} would be a logarithm, so the equation at τ^0 must hold without it
        value = expand((power + 1) * THETA**-1 * Add(*right)) if power != -1 else Integer(0)
        if value != 0:
            powers[power] = value
        power += step
    remainder = list(forcing.get(Rational(0), []))
    for (j, ell), G in coefficients.items():
        earlier = -1 - Rational(j, 2) - ell
        if earlier in powers:
            remainder.append(-_beta(j, ell, earlier) * G * powers[earlier])
    return powers, expand(Add(*remainder))


def _beta(j: int, ell: int, q: Rational) -> Expr:
    """∫_0^1 (1 − x)^{j/2} x^{l+q} dx, finite part."""
    return gamma(Rational(j, 2) + 1) * gamma(ell + q + 1) / gamma(Rational(j, 2) + ell + q + 2)
