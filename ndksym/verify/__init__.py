"""The verification ladder for one derivation: exact → precise → oracle → code → laws → backends → simulation, each rung a
list of Evidence.

In reading order: `evidence`, `points`, `exact`, `digits` (precise and certified), `numeric` (code, laws and backends), `laws`,
`accuracy`, `closed_form_values`, `simulation`, and `oracle`, which shares no code with what it checks. It may use all rooms up
to `expansions`.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ndksym.codegen.backends import runnable_names
from ndksym.kernels.network import Network
from ndksym.runtime.arguments import choice, listed
from ndksym.verify.evidence import RUNGS, Certificate, Evidence

if TYPE_CHECKING:
    from ndksym.algebra.claim import Claim

__all__ = ["RUNGS", "Certificate", "Evidence", "verify"]

_SCALES = (1.0,)
_ALL_SCALES = (1e-8, 1e-4, 1.0, 1e4, 1e8)


def verify(
    derivation: Network,
    rungs: Iterable[str] | None = None,
    *,
    claims: "Sequence[Claim]" = (),
    slow: bool = False,
    quick: bool = False,
) -> Certificate:
    """Climb the rungs asked for, by default all but "simulation", which `slow` adds; `quick` takes a few points each, `slow`
    every scale, many draws and larger networks.

    Raises InputError for a rung that does not exist.
    """
    default = RUNGS if slow else tuple(rung for rung in RUNGS if rung != "simulation")
    asked = default if rungs is None else (rungs,) if isinstance(rungs, str) else listed(rungs, "rungs")
    for rung in asked:
        choice(rung, "rung", RUNGS)
    from ndksym.verify import digits, exact, numeric, points

    where = points.QUICK if quick else points.EVERYWHERE
    found = Certificate()
    if "exact" in asked:
        found += exact.exact(derivation.duals, derivation.bias, claims)
    if "precise" in asked:
        found += digits.precise(derivation.duals, points.QUICK if quick else points.ORDINARY)
    if "oracle" in asked:
        found += digits.certified(derivation.duals, where)
    if "code" in asked:
        found += numeric.code(derivation, runnable_names()[:1] if quick else runnable_names())
    if "laws" in asked:
        found += numeric.laws(derivation, 2 if quick else 40 if slow else 8)
    if "backends" in asked:
        near = tuple(range(2, 17, 2)) if slow else (16,) if quick else (4, 10, 16)
        found += numeric.backends(derivation, runnable_names(), _ALL_SCALES if slow else _SCALES, near)
    if "simulation" in asked:
        from ndksym.verify import simulation

        found += simulation.simulated(derivation, simulation.LARGE if slow else simulation.SMALL)
    return found
