"""The verification ladder of one derivation: exact → precise → oracle → code → laws → backends → simulation, each rung a list of
Evidence.

In reading order: `evidence`, `points` (where kernels are tested), `exact`, `digits` (precise and oracle), `numeric` (code, laws and
backends), `laws`, `accuracy`, `closed_form_values`, `simulation`, and `oracle`, which shares no code with what it checks. It may
use all rooms up to `expansions`.
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
    """Check a derivation and its compiled kernels, rung by rung.

    Parameters
    ----------
    derivation : Network
        What `ndksym.derive` returns.
    rungs : str or sequence of str, optional
        Rungs to climb, of "exact", "precise", "oracle", "code", "laws", "backends" and "simulation"; all but the last by default,
        and with `slow` the last too.
    claims : sequence of Claim
        Further identities to check at the rung "exact".
    slow : bool
        Check at every scale, on many draws, and against larger networks.
    quick : bool
        Check at a few points only.

    Returns
    -------
    Certificate
        A list of Evidence; str() of it is a table, `passed` the verdict.

    Raises
    ------
    InputError
        For a rung that does not exist.

    Notes
    -----
    exact: identities proved symbolically, Price's theorem ∂K/∂c = K_dot and K(a,b,0) = Eφ(u) Eφ(v) (T4) and the limits of T7.
    precise: the closed form against quadrature of φ, to 30 digits. oracle: the closed form in a certified ball of relative radius
    ≤ 1e-30 (T17). code: the compiled closed form against quadrature. laws: symmetry, positivity and limits (T7) of the compiled
    kernels on drawn inputs. backends: compiled kernels against 50 digits. simulation: the predictor against trained networks of
    finite width.

    Examples
    --------
    >>> import ndksym
    >>> evidence = verify(ndksym.derive("erf"), rungs=["exact"])
    >>> evidence
    Certificate(12 checks, 12 proved: passed)
    """
    default = RUNGS if slow else tuple(rung for rung in RUNGS if rung != "simulation")
    chosen = default if rungs is None else (rungs,) if isinstance(rungs, str) else listed(rungs, "rungs")
    for rung in chosen:
        choice(rung, "rung", RUNGS)
    from ndksym.verify import digits, exact, numeric, points

    where = points.QUICK if quick else points.EVERYWHERE
    evidence = Certificate()
    if "exact" in chosen:
        evidence += exact.exact(derivation.duals, derivation.bias, claims)
    if "precise" in chosen:
        evidence += digits.precise(derivation.duals, points.QUICK if quick else points.ORDINARY)
    if "oracle" in chosen:
        evidence += digits.certified(derivation.duals, where)
    if "code" in chosen:
        evidence += numeric.code(derivation, runnable_names()[:1] if quick else runnable_names())
    if "laws" in chosen:
        evidence += numeric.laws(derivation, 2 if quick else 40 if slow else 8)
    if "backends" in chosen:
        near = tuple(range(2, 17, 2)) if slow else (16,) if quick else (4, 10, 16)
        evidence += numeric.backends(derivation, runnable_names(), _ALL_SCALES if slow else _SCALES, near)
    if "simulation" in chosen:
        from ndksym.verify import simulation

        evidence += simulation.simulated(derivation, simulation.LARGE if slow else simulation.SMALL)
    return evidence
