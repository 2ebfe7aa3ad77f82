"""K and K_dot of sums of xⁿ e^{αx² + ηx} on the whole line, in Arb: exact Gaussian moments, for any variances.

With C the covariance of (u, v), det = ab − c² and D = diag(2α, 2β), the weight e^{αu² + βv² + ηu + ζv} turns N(0, C) into

    Δ^{−½} e^{½ (η, ζ)·μ} N(μ, S),   Δ = det(1 − DC) = (1 − 2αa)(1 − 2βb) − 4αβc²,
    S = [[a − 2β det, c], [c, b − 2α det]]/Δ,   μ = S (η, ζ),

and E uⁿvᵐ = μ₁ E u^{n−1}vᵐ + (n−1) S₁₁ E u^{n−2}vᵐ + m S₁₂ E u^{n−1}v^{m−1} (Stein). Quadrature checks this
for moderate variances; beyond them, as for sin at a variance of 1e16, only this rule works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import sympy

from ndksym.errors import DivergentKernelError
from ndksym.verify.oracle.atoms import ExpErfAtom
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import flint

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["entire_ball"]

Group: TypeAlias = "tuple[arb, acb, list[acb]]"
"""α, η, and coefficients of the powers."""


def entire_ball(terms: tuple[ExpErfAtom, ...], shape: Geometry) -> arb:
    """Enclosure of Σ E[atom(u) atom(v)] at the current precision."""
    groups = _groups(terms)
    total = flint().acb(0)
    for one in groups:
        for other in groups:
            total += _pair(shape, one, other)
    return total.real


def _groups(terms: tuple[ExpErfAtom, ...]) -> list[Group]:
    """The atoms, collected by α and η."""
    powers: dict[tuple[sympy.Expr, sympy.Expr], dict[int, acb]] = {}
    for atom in terms:
        row = powers.setdefault((atom.alpha, atom.eta), {})
        row[atom.power] = row.get(atom.power, 0) + flint().acb(constant(atom.factor))
    zero = flint().acb(0)
    return [
        (constant(alpha), flint().acb(constant(eta)), [row.get(k, zero) for k in range(max(row) + 1)])
        for (alpha, eta), row in powers.items()
    ]


def _pair(shape: Geometry, one: Group, other: Group) -> acb:
    """E of the product of two groups, one of u and one of v."""
    (alpha, eta, left), (beta, zeta, right) = one, other
    a, b, c = shape.a, shape.b, shape.c
    det = a * b * shape.s**2
    fall_a, fall_b = 1 - 2 * alpha * a, 1 - 2 * beta * b
    delta = fall_a * fall_b - 4 * alpha * beta * c * c
    if not (fall_a > 0 and delta > 0):
        raise DivergentKernelError("E φ(u)φ(v) is infinite: φ grows too fast for these variances")
    s11, s12, s22 = (a - 2 * beta * det) / delta, c / delta, (b - 2 * alpha * det) / delta
    mean1, mean2 = s11 * eta + s12 * zeta, s12 * eta + s22 * zeta
    factor = ((eta * mean1 + zeta * mean2) / 2).exp() / delta.sqrt()
    moments: list[list[acb]] = [[flint().acb(1)]]
    for m in range(1, len(right)):
        value = mean2 * moments[0][m - 1]
        moments[0].append(value + (m - 1) * s22 * moments[0][m - 2] if m > 1 else value)
    for n in range(1, len(left)):
        row = []
        for m in range(len(right)):
            value = mean1 * moments[n - 1][m]
            if n > 1:
                value += (n - 1) * s11 * moments[n - 2][m]
            if m > 0:
                value += m * s12 * moments[n - 1][m - 1]
            row.append(value)
        moments.append(row)
    total = flint().acb(0)
    for n, x in enumerate(left):
        for m, y in enumerate(right):
            total += x * y * moments[n][m]
    return total * factor
