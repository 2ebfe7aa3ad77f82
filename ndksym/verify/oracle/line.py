"""Certified K and K_dot as one-dimensional integrals: acb.integral over the outer Gaussian, the inner in closed form.

    K = ∫ φ(px) h(x) N(x) dx,   h(x) = E[φ(v) | u = px],   and where u and v are one Gaussian h(x) = φ(±qx).

The pieces of φ are integrated apart, so nothing is ever integrated across a break, and the integrands report "not
analytic" where they are not. |x| > R is bounded by Cauchy–Schwarz and Jensen:
|∫_{|x|>R} φ(px) h N|² ≤ ∫_{|x|>R} φ(px)² N dx · E φ(v)².
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ndksym.verify.oracle.atoms import Atom, atoms
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.curve import curve
from ndksym.verify.oracle.majorant import Face, face
from ndksym.verify.oracle.moments import Smoothed
from ndksym.verify.oracle.numbers import NotCertifiedError, flint, midpoint
from ndksym.verify.oracle.rules import density

__all__ = ["known_atoms", "line_ball", "reducible"]

_EVALUATIONS = 20000  # of one integrand on one segment


@dataclass(frozen=True)
class _Outer:
    """∫ f(px) h(x) N(x) dx over the whole line: the face f, h on complex x, bounds, and where to cut."""

    face: Face
    scale: Any
    inner: Callable[[Any], Any]
    inner_square: Any  # E h² ≤ this
    cuts: list[Any]

    def ball(self, tolerance: Any) -> Any:
        """An enclosure with an error of about `tolerance`."""
        reach = self._reach(tolerance)
        edges = [-reach, *(tau / self.scale for tau in self.face.points()), reach]
        total = flint().arb(0)
        for piece in range(len(self.face.programs)):
            lo, hi = edges[piece].max(-reach).min(reach), edges[piece + 1].max(-reach).min(reach)
            if lo < hi and not self.face.zero(piece):
                total += self._piece(piece, lo, hi, tolerance)
        tail = (self.face.square_beyond(self.scale, reach) * self.inner_square).sqrt().upper()
        return total / (2 * flint().arb.pi()).sqrt() + flint().arb(0, tail)

    def _reach(self, tolerance: Any) -> Any:
        return _reach(lambda R: (self.face.square_beyond(self.scale, R) * self.inner_square).sqrt(), tolerance)

    def _piece(self, piece: int, lo: Any, hi: Any, tolerance: Any) -> Any:
        def integrand(x: Any, analytic: bool) -> Any:
            [value] = self.face.values(piece, [self.scale * x], analytic)
            return value * self.inner(x) * (-x * x / 2).exp()

        return _cut_integral(integrand, lo, hi, self.cuts, tolerance)


def _reach(tail: Callable[[Any], Any], tolerance: Any) -> Any:
    reach = flint().arb(4)
    while not tail(reach) < tolerance:
        reach += 1
        if reach > 1000:
            raise NotCertifiedError("the tail of the outer integral is too heavy")
    return reach


def _coincident(found: Face, shape: Geometry, tolerance: Any, cuts: list[Any]) -> Any:
    """ρ = ±1: ∫ f(px) f(±qx) N(x) dx over the pieces of both factors.

    Breaks of the two that cannot be told apart are taken as one; what may lie between them is bounded and added.
    """
    other = shape.q * shape.rho
    tails = [lambda R, scale=scale: found.square_beyond(scale, R) for scale in (shape.p, shape.q)]
    reach = _reach(lambda R: (tails[0](R) * tails[1](R)).sqrt(), tolerance)
    error = (tails[0](reach) * tails[1](reach)).sqrt().upper()
    breaks = sorted([tau / scale for scale in (shape.p, other) for tau in found.points()], key=midpoint)
    edges = [-reach]
    for place in breaks:
        if not place > edges[-1] and place.overlaps(edges[-1]):
            gap = place.union(edges[-1])
            sizes = [found.sup(-(width := abs(scale * gap).upper() * 2), width) for scale in (shape.p, shape.q)]
            error += gap.rad() * 2 * sizes[0] * sizes[1]
        elif -reach < place < reach:
            edges.append(place)
    edges.append(reach)
    total = flint().arb(0)
    for lo, hi in itertools.pairwise(edges):
        middle = ((lo + hi) / 2).mid()
        first, second = (sum(1 for tau in found.points() if scale * middle > tau) for scale in (shape.p, other))
        if not (found.zero(first) or found.zero(second)):
            total += _cut_integral(_pair(found, (first, shape.p), (second, other)), lo, hi, cuts, tolerance)
    return total / (2 * flint().arb.pi()).sqrt() + flint().arb(0, error)


def _pair(found: Face, one: tuple[int, Any], two: tuple[int, Any]) -> Callable[[Any, bool], Any]:
    def integrand(x: Any, analytic: bool) -> Any:
        [left] = found.values(one[0], [one[1] * x], analytic)
        [right] = found.values(two[0], [two[1] * x], analytic)
        return left * right * (-x * x / 2).exp()

    return integrand


def _cut_integral(integrand: Callable[[Any, bool], Any], lo: Any, hi: Any, cuts: list[Any], tolerance: Any) -> Any:
    marks = sorted((cut.mid() for cut in cuts if lo < cut.mid() < hi), key=midpoint)
    edges = [lo, *marks, hi]
    total = flint().arb(0)
    for left, right in itertools.pairwise(edges):
        if left < right:
            total += _integral(integrand, left, right, tolerance / len(edges))
    return total


def _integral(integrand: Callable[[Any, bool], Any], left: Any, right: Any, tolerance: Any) -> Any:
    failure: list[BaseException] = []
    calls = 0

    def guarded(x: Any, analytic: bool) -> Any:
        nonlocal calls
        calls += 1
        try:
            return integrand(x, analytic)
        except Exception as error:  # an exception inside the callback would surface as SystemError
            failure.append(error)
            return flint().acb("nan")

    value = flint().acb.integral(
        guarded, left, right, abs_tol=tolerance, rel_tol=flint().arb(2) ** -flint().ctx.prec, eval_limit=_EVALUATIONS
    )
    if failure:
        raise failure[0]
    if not value.is_finite() or calls >= _EVALUATIONS:
        raise NotCertifiedError(f"the integral over [{float(left):.6g}, {float(right):.6g}] is too hard")
    return value.real


@lru_cache(maxsize=256)
def known_atoms(act: Any, order: int) -> tuple[tuple[Atom, ...] | None, ...]:
    """The atoms of each piece of φ or φ', None for a piece that is no sum of atoms."""
    found = face(act, order)
    return tuple(atoms(expr, found.x) for expr in found.exprs)


def reducible(act: Any) -> bool:
    """Whether E[φ(v) | u] and E[φ'(v) | u] are known in closed form."""
    single = len(act.pieces) == 1
    for order in (0, 1):
        for found in known_atoms(act, order):
            if found is None or (not single and any(atom.line for atom in found)):
                return False
    return True


def line_ball(act: Any, shape: Geometry, order: int, tolerance: Any) -> Any:
    """Enclosure of K (order 0) or K_dot (order 1) with an error of about `tolerance`, at the current precision."""
    found = face(act, order)
    masses = _masses(act) if order else []
    second = (found.square_beyond(shape.q, 0)).sqrt()
    if shape.s == 0:
        if masses:
            raise NotCertifiedError("K_dot is infinite at coincident inputs of a discontinuous activation")
        return _coincident(found, shape, tolerance, _cuts(act, shape))
    if shape.rho == 0:
        return _product(act, shape, order, tolerance)
    smoothed = _smoothed(act, order, (shape.q * shape.s) ** 2, masses)
    for _, jump in masses:  # N(τ; m, σ²) ≤ 1/(σ√2π)
        second += abs(jump) / (shape.q * shape.s * (2 * flint().arb.pi()).sqrt())
    slope = shape.q * shape.rho
    outer = _Outer(found, shape.p, lambda x: smoothed(slope * x), second**2, _cuts(act, shape))
    total = outer.ball(tolerance)
    for tau, jump in masses:
        x = tau / shape.p
        total += jump * density(x) / shape.p * smoothed(slope * x).real
    return total


def _product(act: Any, shape: Geometry, order: int, tolerance: Any) -> Any:
    """c = 0: E f(u) E f(v), each by its own integral."""
    found = face(act, order)
    masses = _masses(act) if order else []
    sizes = [found.square_beyond(scale, 0).sqrt() for scale in (shape.p, shape.q)]
    means = []
    for scale, other in zip((shape.p, shape.q), reversed(sizes), strict=True):
        share = tolerance / (4 * (1 + other))
        mean = _Outer(found, scale, lambda _: 1, flint().arb(1), _cuts(act, shape)).ball(share)
        for tau, jump in masses:
            mean += jump * density(tau / scale) / scale
        means.append(mean)
    return means[0] * means[1]


def _smoothed(act: Any, order: int, sigma2: Any, masses: list[tuple[Any, Any]]) -> Smoothed:
    found = face(act, order)
    ends = [None, *found.points(), None]
    pieces = []
    for k, terms in enumerate(known_atoms(act, order)):
        if terms is None:
            raise NotCertifiedError(f"E[φ(v) | u] is not known in closed form for {found.exprs[k]}")
        if terms:
            pieces.append((ends[k], ends[k + 1], terms))
    return Smoothed(pieces, sigma2, masses)


def _masses(act: Any) -> list[tuple[Any, Any]]:
    line = curve(act)
    return [(tau, jump) for tau, jump in zip(line.points(), line.heights(), strict=True) if jump != 0]


def _cuts(act: Any, shape: Geometry) -> list[Any]:
    """Where the integrand may turn: breaks, zeros of affine arguments, each with its widths. Only speed hangs on it."""
    from ndksym.verify.oracle.evaluate import constant

    centres = [constant(centre) for centre in curve(act).centres]
    widths = [flint().arb(k) for k in (0, 1, -1, 4, -4, 16, -16)]
    cuts = [(tau + k) / shape.p for tau in centres for k in widths]
    if shape.rho != 0:
        slope = shape.q * shape.rho
        cuts += [(tau + k) / slope for tau in centres for k in widths]
        if shape.s != 0:
            window = [flint().arb(k) * shape.q * shape.s for k in (-14, -9, -5, -2, 2, 5, 9, 14)]
            cuts += [(tau + k) / slope for tau in centres for k in window]
    return cuts
