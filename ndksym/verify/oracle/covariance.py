"""The covariance of (u, v): standard deviations, correlation, and 1 − ρ² without cancellation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from ndksym.errors import InputError
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.numbers import ExactNumber, flint, precision

if TYPE_CHECKING:
    from flint import arb

__all__ = ["Geometry", "Inputs", "geometry"]

Inputs: TypeAlias = "tuple[ExactNumber, ExactNumber, ExactNumber]"
"""a, b, c."""


@dataclass(frozen=True)
class Geometry:
    """Variances a, b, covariance c, standard deviations p, q, correlation ρ and s = √(1 − ρ²), which is 0 where |ρ| = 1 exactly."""

    a: arb
    b: arb
    c: arb
    p: arb
    q: arb
    rho: arb
    s: arb


def geometry(a: Any, b: Any, c: Any, noise: float = 0.0) -> Geometry:
    """p, q, ρ and s at the current precision; ab − c² is exact for rational and dyadic inputs.

    ab − c² within ±noise·ab counts as 0. Raises InputError unless a, b > 0 and c² ≤ ab.
    """
    module = flint()
    if all(isinstance(value, Fraction) for value in (a, b, c)):
        det = as_arb(a * b - c * c)
        a, b, c = as_arb(a), as_arb(b), as_arb(c)
    else:
        with precision(4 * module.ctx.prec + 256):
            a, b, c = (as_arb(value).mid() for value in (a, b, c))
            det = a * b - c * c
    slack = a * b * noise
    if not (a > 0 and b > 0):
        raise InputError(f"variances must be positive, not a = {a.str(8)}, b = {b.str(8)}")
    if det < -slack:
        raise InputError(f"c² must not exceed ab: a = {a.str(8)}, b = {b.str(8)}, c = {c.str(8)}")
    p, q = a.sqrt(), b.sqrt()
    if det <= slack:
        return Geometry(a, b, c, p, q, module.arb(1 if c > 0 else -1), module.arb(0))
    return Geometry(a, b, c, p, q, c / (p * q), (det / (a * b)).sqrt())
