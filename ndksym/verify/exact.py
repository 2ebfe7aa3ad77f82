"""Rung 1: what an identity can decide. Price's theorem and independence at c = 0 pin a dual kernel down (T4); T6–T8
hold for the network."""

from collections.abc import Iterator, Sequence

from sympy import S, diff

from ndksym.algebra.claim import DUAL, Claim
from ndksym.algebra.evaluate import Domain
from ndksym.kernels.dual import Dual
from ndksym.kernels.identities import identities
from ndksym.symbols import a, b, c
from ndksym.verify.evidence import Evidence


def dual_claims(dual: Dual) -> Iterator[Claim]:
    """∂K/∂c = K_dot, K(a,b,0) = E φ(u) E φ(v), K(b,a,c) = K(a,b,c): together they certify a closed form (T4)."""
    if dual.K is None or dual.K_dot is None or dual.mean is None:
        return
    name, limit = dual.activation.name, dual.activation.reach
    domain = DUAL if limit is None else Domain(conditions=(*DUAL.conditions, a < limit, b < limit))
    pairs = (
        ("∂K/∂c = K_dot", diff(dual.K, c), dual.K_dot),
        ("K(a,b,0) = Eφ(u) Eφ(v)", dual.K.xreplace({c: S.Zero}), dual.mean * dual.mean.xreplace({a: b})),
        ("K symmetric", dual.K, dual.K.xreplace({a: b, b: a})),
    )
    for claim, left, right in pairs:
        yield Claim(f"{name}: {claim}", left, right, rung="precise", domain=domain)


def exact(duals: Sequence[Dual], bias: bool, extra: Sequence[Claim] = ()) -> list[Evidence]:
    """Every identity that applies to the network, and the case's own claims."""
    claims: list[Claim] = []
    for dual in dict.fromkeys(duals):
        claims += dual_claims(dual)
    if not any(dual.diverges for dual in duals) and all(dual.closed_form for dual in duals):
        claims += identities(duals, bias, [dual.activation.homogeneity for dual in duals])
    found = []
    for claim in [*claims, *extra]:
        verdict = claim.check()
        found.append(Evidence("exact", claim.name, verdict.kind, verdict.detail))
    if not claims:
        reason = next((dual.reason for dual in duals if not dual.closed_form), "nothing to prove")
        found.append(Evidence("exact", "identities", "skipped", f"no closed form: {reason}"))
    return found
