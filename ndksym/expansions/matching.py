"""The two expansions agree where both hold: proved for matrices that do not commute, at every order asked for (theory T12).

Inner side: the overlap terms of `laurent`, small z. Outer side: r_k = Σ_q ρ_kq τ^q put into its own equation

    ∫_0^τ G(τ, τ') r_k dτ' = y δ_k0 − r_{k−1} − Σ_j a_kj ∂_2^j G(τ, 0)     (Hadamard's finite part)

and solved power by power of τ, G its series at the corner. The kicks a_kj are moments of the inner solution; that the power τ^0
then vanishes by itself is one more thing to check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Add, Expr, Integer, Rational, Symbol, binomial, expand, factorial, gamma

from ndksym.expansions import laplace
from ndksym.expansions.inner import jet
from ndksym.expansions.laplace import Jets, Left

__all__ = ["THETA", "Match", "Y", "algebra", "matches", "start"]

THETA = Symbol("Theta", commutative=False)
"""The NTK at initialisation on the training set, G_00."""
Y = Symbol("y", commutative=False)
"""The labels."""


@dataclass(frozen=True)
class Match:
    """One overlap term of Δ: the coefficient of T^order τ^power as either expansion has it, and whether they are equal.

    A `power` of None is the condition on the kicks that the outer equation can be solved at all.
    """

    order: int
    power: Rational | None
    inner: Expr
    outer: Expr

    @property
    def proved(self) -> bool:
        """Whether the two are equal, by normal form in non-commuting symbols."""
        return bool(expand(self.inner - self.outer) == 0)


def algebra() -> Left:
    """Non-commuting symbols: G v is a product, Θ⁻¹ is Θ to the −1."""
    return Left(lambda G, v: expand(G * v), lambda v: expand(THETA**-1 * v), lambda q: q)


def matches(at: Iterable[tuple[int, int]], order: int) -> tuple[Match, ...]:
    """Every overlap term of the first `order` outer terms with the inner ones up to ε^{2·order}, and the kicks' conditions.

    >>> found = matches([(2, 0), (0, 1)], order=1)
    >>> [(each.power, each.inner, each.proved) for each in found]
    [(None, 0, True), (0, -Theta**(-1)*G_20*Theta**(-1)*y, True)]
    """
    jets = {(0, 0): THETA} | {each: jet(*each, commutative=False) for each in at if each != (0, 0)}
    left = algebra()
    inside = laplace.transforms(jets, Y, left, 2 * order, 2 * order)
    found: list[Match] = []
    before: Mapping[Rational, Expr] = {}
    for k in range(order):
        last = order - 1 - k
        rooted = any(j % 2 for j, _ in jets)
        own, left_over = start(jets, k, before, laplace.residues(inside, k), last, rooted)
        found.append(Match(k, None, Integer(0), left_over))
        theirs = {}
        for term, series in enumerate(inside):
            power = Rational(term, 2) - 1 - k
            theirs[power] = expand(laplace.overlap(series, left).get(power, Integer(0)))
        for power in sorted(own.keys() | theirs.keys()):
            if power <= last and (own.get(power) or theirs.get(power)):
                found.append(Match(k, power, theirs.get(power, Integer(0)), own.get(power, Integer(0))))
        before = own
    return tuple(found)


def start(
    jets: Jets,
    k: int,
    before: Mapping[Rational, Expr],
    kicks: Mapping[int, Expr],
    last: int,
    rooted: bool,
) -> tuple[dict[Rational, Expr], Expr]:
    """ρ_kq up to τ^last from the outer equation alone, and what it leaves at τ^0, which must be 0."""
    forcing: dict[Rational, list[Expr]] = {}
    for power, value in before.items():
        forcing.setdefault(power, []).append(-value)
    for m, kick in kicks.items():
        # ∂_2^m G(τ, 0) = m! [x^m] Σ G_jl (τ − x)^{j/2} x^l
        for (j, ell), G in jets.items():
            if ell <= m:
                half = Rational(j, 2)
                factor = factorial(m) * binomial(half, m - ell) * (-1) ** (m - ell)
                if factor != 0:
                    forcing.setdefault(half - (m - ell), []).append(-factor * G * kick)
    if k == 0:
        forcing.setdefault(Rational(0), []).append(Y)
    found: dict[Rational, Expr] = {}
    step = Rational(1, 2) if rooted else Integer(1)
    power = -k - Rational(1, 2) if rooted else Rational(0)
    while power <= last:
        right = list(forcing.get(power + 1, []))
        for (j, ell), G in jets.items():
            earlier = power - Rational(j, 2) - ell
            if (j, ell) != (0, 0) and earlier in found:
                right.append(-_beta(j, ell, earlier) * G * found[earlier])
        # of τ^{−1} the integral would be a logarithm: what stands at τ^0 is to vanish by itself
        value = expand((power + 1) * THETA**-1 * Add(*right)) if power != -1 else Integer(0)
        if value != 0:
            found[power] = value
        power += step
    left_over = list(forcing.get(Rational(0), []))
    for (j, ell), G in jets.items():
        earlier = -1 - Rational(j, 2) - ell
        if earlier in found:
            left_over.append(-_beta(j, ell, earlier) * G * found[earlier])
    return found, expand(Add(*left_over))


def _beta(j: int, ell: int, q: Rational) -> Expr:
    """∫_0^1 (1 − x)^{j/2} x^{l+q} dx, finite part."""
    return gamma(Rational(j, 2) + 1) * gamma(ell + q + 1) / gamma(Rational(j, 2) + ell + q + 2)
