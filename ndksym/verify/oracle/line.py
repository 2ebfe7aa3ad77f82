"""Certified K and K_dot as one-dimensional integrals: acb.integral over the outer Gaussian, closed forms for the inner one.

    K = ∫ φ(px) h(x) N(x) dx,   h(x) = E[φ(v) | u = px];   for ρ = ±1, h(x) = φ(±qx).

The pieces of φ are integrated separately, so no integral crosses a break, and each integrand reports where it is not analytic. The
part |x| > R is bounded by Cauchy–Schwarz and Jensen: |∫_{|x|>R} φ(px) h N|² ≤ ∫_{|x|>R} φ(px)² N dx · E φ(v)².
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.atoms import ExpErfAtom, atoms
from ndksym.verify.oracle.compiled_pieces import compiled_pieces
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.evaluate import Ball, constant
from ndksym.verify.oracle.majorant import BoundedPieces, bounded_pieces
from ndksym.verify.oracle.moments import Smoothed
from ndksym.verify.oracle.numbers import NotCertifiedError, flint, midpoint
from ndksym.verify.oracle.rules import density

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["line_ball", "piece_atoms"]

_EVALUATIONS = 20000
"""Largest number of evaluations of one integrand on one segment."""
Integrand: TypeAlias = "Callable[[acb, bool], Ball]"
"""f(x, analytic), where analytic = True needs nan for a box on which f is not analytic."""


@dataclass(frozen=True)
class _Outer:
    """∫ f(px) h(x) N(x) dx over the whole line: f, p, h on complex x, an upper bound of E h², and points that divide the integral."""

    f: BoundedPieces
    scale: arb
    inner: Callable[[acb], Ball | int]
    inner_square: arb
    cuts: list[arb]

    def ball(self, tolerance: arb) -> arb:
        """An enclosure with an error of about `tolerance`."""
        reach = self._reach(tolerance)
        edges = [-reach, *(tau / self.scale for tau in self.f.break_points()), reach]
        total = flint().arb(0)
        for piece in range(len(self.f.programs)):
            lo, hi = edges[piece].max(-reach).min(reach), edges[piece + 1].max(-reach).min(reach)
            if lo < hi and not self.f.zero(piece):
                total += self._piece(piece, lo, hi, tolerance)
        tail = (self.f.square_beyond(self.scale, reach) * self.inner_square).sqrt().upper()
        return total / (2 * flint().arb.pi()).sqrt() + flint().arb(0, tail)

    def _reach(self, tolerance: arb) -> arb:
        """R with a tail below the tolerance."""
        return _reach(lambda R: (self.f.square_beyond(self.scale, R) * self.inner_square).sqrt(), tolerance)

    def _piece(self, piece: int, lo: arb, hi: arb, tolerance: arb) -> arb:
        def integrand(x: acb, analytic: bool) -> Ball:
            [value] = self.f.values(piece, [self.scale * x], analytic)
            return value * self.inner(x) * (-x * x / 2).exp()

        return _cut_integral(integrand, lo, hi, self.cuts, tolerance)


def _reach(tail: Callable[[arb], arb], tolerance: arb) -> arb:
    reach = flint().arb(4)
    while not tail(reach) < tolerance:
        reach += 1
        if reach > 1000:
            raise NotCertifiedError("the tail of the outer integral is too heavy")
    return reach


def _coincident(f: BoundedPieces, shape: Geometry, tolerance: arb, cuts: list[arb]) -> arb:
    """ρ = ±1: ∫ f(px) f(±qx) N(x) dx over the pieces of both factors.

    Breaks of the factors whose enclosures overlap count as one; the integral between them is bounded and added to the error.
    """
    other = shape.q * shape.rho
    tails = [lambda R, scale=scale: f.square_beyond(scale, R) for scale in (shape.p, shape.q)]
    reach = _reach(lambda R: (tails[0](R) * tails[1](R)).sqrt(), tolerance)
    error = (tails[0](reach) * tails[1](reach)).sqrt().upper()
    breaks = sorted([tau / scale for scale in (shape.p, other) for tau in f.break_points()], key=midpoint)
    edges = [-reach]
    for place in breaks:
        if not place > edges[-1] and place.overlaps(edges[-1]):
            gap = place.union(edges[-1])
            sizes = [f.sup(-(width := abs(scale * gap).upper() * 2), width) for scale in (shape.p, shape.q)]
            error += gap.rad() * 2 * sizes[0] * sizes[1]
        elif -reach < place < reach:
            edges.append(place)
    edges.append(reach)
    total = flint().arb(0)
    for lo, hi in itertools.pairwise(edges):
        middle = ((lo + hi) / 2).mid()
        first, second = (sum(1 for tau in f.break_points() if scale * middle > tau) for scale in (shape.p, other))
        if not (f.zero(first) or f.zero(second)):
            total += _cut_integral(_pair(f, (first, shape.p), (second, other)), lo, hi, cuts, tolerance)
    return total / (2 * flint().arb.pi()).sqrt() + flint().arb(0, error)


def _pair(f: BoundedPieces, one: tuple[int, arb], two: tuple[int, arb]) -> Integrand:
    """f(px) f(±qx) e^{−x²/2}, each factor given by its piece and scale."""

    def integrand(x: acb, analytic: bool) -> Ball:
        [left] = f.values(one[0], [one[1] * x], analytic)
        [right] = f.values(two[0], [two[1] * x], analytic)
        return left * right * (-x * x / 2).exp()

    return integrand


def _cut_integral(integrand: Integrand, lo: arb, hi: arb, cuts: list[arb], tolerance: arb) -> arb:
    """The integral as a sum of integrals between the cuts."""
    marks = sorted((cut.mid() for cut in cuts if lo < cut.mid() < hi), key=midpoint)
    edges = [lo, *marks, hi]
    total = flint().arb(0)
    for left, right in itertools.pairwise(edges):
        if left < right:
            total += _integral(integrand, left, right, tolerance / len(edges))
    return total


def _integral(integrand: Integrand, left: arb, right: arb, tolerance: arb) -> arb:
    """The integral by acb.integral. Raises NotCertifiedError where it does not converge."""
    failure: list[BaseException] = []
    calls = 0

    def guarded(x: acb, analytic: bool) -> Ball:
        nonlocal calls
        calls += 1
        try:
            return integrand(x, analytic)
        except (
            Exception
        ) as error:  # inside the callback, flint would turn any exception into a SystemError; it is raised below
            failure.append(error)
            return flint().acb("nan")

    value = flint().acb.integral(
        guarded, left, right, abs_tol=tolerance, rel_tol=flint().arb(2) ** -flint().ctx.prec, eval_limit=_EVALUATIONS
    )
    if failure:
        raise failure[0]
    if not value.is_finite() or calls >= _EVALUATIONS:
        raise NotCertifiedError(f"the integral over [{float(left):.6g}, {float(right):.6g}] does not converge")
    return value.real


@lru_cache(maxsize=256)
def piece_atoms(act: Activation, order: int) -> tuple[tuple[ExpErfAtom, ...] | None, ...]:
    """The atoms of each piece of φ (order 0) or φ′ (order 1); None for a piece that is no sum of atoms."""
    f = bounded_pieces(act, order)
    return tuple(atoms(expr, f.x) for expr in f.exprs)


def line_ball(act: Activation, shape: Geometry, order: int, tolerance: arb) -> arb:
    """Enclosure of K (order 0) or K_dot (order 1) with an error of about `tolerance`, at the current precision.

    Raises NotCertifiedError where a piece has no closed form, or where no enclosure is found.
    """
    f = bounded_pieces(act, order)
    masses = _masses(act) if order else []
    second = (f.square_beyond(shape.q, 0)).sqrt()
    if shape.s == 0:
        if masses:
            raise NotCertifiedError("K_dot is infinite at coincident inputs of a discontinuous activation")
        return _coincident(f, shape, tolerance, _cuts(act, shape))
    if shape.rho == 0:
        return _product(act, shape, order, tolerance)
    smoothed = _smoothed(act, order, (shape.q * shape.s) ** 2, masses)
    for _, jump in masses:  # N(τ; m, σ²) ≤ 1/(σ√2π)
        second += abs(jump) / (shape.q * shape.s * (2 * flint().arb.pi()).sqrt())
    slope = shape.q * shape.rho
    outer = _Outer(f, shape.p, lambda x: smoothed(slope * x), second**2, _cuts(act, shape))
    total = outer.ball(tolerance)
    for tau, jump in masses:
        x = tau / shape.p
        total += jump * density(x) / shape.p * smoothed(slope * x).real
    return total


def _product(act: Activation, shape: Geometry, order: int, tolerance: arb) -> arb:
    """c = 0: E f(u) E f(v), one integral each."""
    f = bounded_pieces(act, order)
    masses = _masses(act) if order else []
    sizes = [f.square_beyond(scale, 0).sqrt() for scale in (shape.p, shape.q)]
    means = []
    for scale, other in zip((shape.p, shape.q), reversed(sizes), strict=True):
        share = tolerance / (4 * (1 + other))
        mean = _Outer(f, scale, lambda _: 1, flint().arb(1), _cuts(act, shape)).ball(share)
        for tau, jump in masses:
            mean += jump * density(tau / scale) / scale
        means.append(mean)
    return means[0] * means[1]


def _smoothed(act: Activation, order: int, sigma2: arb, masses: list[tuple[arb, arb]]) -> Smoothed:
    """E[f(v)] for v ~ N(m, σ²) as a function of m."""
    f = bounded_pieces(act, order)
    ends = [None, *f.break_points(), None]
    pieces = []
    for k, terms in enumerate(piece_atoms(act, order)):
        if terms is None:
            raise NotCertifiedError(f"E[φ(v) | u] has no closed form here for {f.exprs[k]}")
        if terms:
            pieces.append((ends[k], ends[k + 1], terms))
    return Smoothed(pieces, sigma2, masses)


def _masses(act: Activation) -> list[tuple[arb, arb]]:
    """Places and sizes of the jumps of φ, which are point masses of φ′."""
    phi = compiled_pieces(act)
    return [(tau, jump) for tau, jump in zip(phi.break_points(), phi.jump_heights(), strict=True) if jump != 0]


def _cuts(act: Activation, shape: Geometry) -> list[arb]:
    """Points around which the integrand may change quickly: breaks and zeros of affine arguments. They affect only the speed."""
    centres = [constant(centre) for centre in compiled_pieces(act).centres]
    widths = [flint().arb(k) for k in (0, 1, -1, 4, -4, 16, -16)]
    cuts = [(tau + k) / shape.p for tau in centres for k in widths]
    if shape.rho != 0:
        slope = shape.q * shape.rho
        cuts += [(tau + k) / slope for tau in centres for k in widths]
        if shape.s != 0:
            window = [flint().arb(k) * shape.q * shape.s for k in (-14, -9, -5, -2, 2, 5, 9, 14)]
            cuts += [(tau + k) / slope for tau in centres for k in window]
    return cuts
