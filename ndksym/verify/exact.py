"""Rung 1: identities. Price's theorem and independence at c = 0 determine a dual kernel (T4); T6–T8 hold for the network."""

from collections.abc import Iterator, Sequence

from sympy import S, diff

from ndksym.algebra.claim import DUAL, Claim
from ndksym.algebra.evaluate import Domain
from ndksym.kernels.dual import Dual
from ndksym.kernels.identities import identities
from ndksym.symbols import a, b, c
from ndksym.verify.evidence import Evidence


def dual_claims(dual: Dual) -> Iterator[Claim]:
    """∂K/∂c = K_dot, K(a,b,0) = E φ(u) E φ(v) and K(b,a,c) = K(a,b,c), which together certify a closed form (T4)."""
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
    """Check every identity that applies to the network, and the extra claims."""
    claims: list[Claim] = []
    for dual in dict.fromkeys(duals):
        claims += dual_claims(dual)
    if not any(dual.diverges for dual in duals) and all(dual.closed_form for dual in duals):
        claims += identities(duals, bias, [dual.activation.homogeneity for dual in duals])
    evidence = []
    for claim in [*claims, *extra]:
        verdict = claim.check()
        evidence.append(Evidence("exact", claim.name, verdict.kind, verdict.detail))
    if not claims:
        reason = next((dual.reason for dual in duals if not dual.closed_form), "nothing to prove")
        evidence.append(Evidence("exact", "identities", "skipped", f"no closed form: {reason}"))
    return evidence
