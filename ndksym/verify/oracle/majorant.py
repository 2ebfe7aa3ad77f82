"""Certified upper bounds of |φ| and |φ′|: by Arb on boxes, by growth bounds from there to infinity."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sympy

from ndksym.activation.activation import Activation
from ndksym.errors import DivergentKernelError
from ndksym.verify.oracle.envelope import Growth, envelope
from ndksym.verify.oracle.evaluate import BallProgram, BallType, constant
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

if TYPE_CHECKING:
    from flint import arb

__all__ = ["BoundedPieces", "bounded_pieces"]

_STARTS = (8, 64, 1024, 10**6)
"""Distances from 0 at which the growth bounds may begin."""
_BOX_DEPTH = 60
"""Largest number of bisections of a box."""
_FARTHEST = 400
"""Standard deviations within which φ² N must begin to decrease."""
_LOOSE = 14
"""Bisections after which a bound of moderate size is accepted."""
_SLACK = 16
"""Factor by which the bound on a box may exceed a sampled value before the box is bisected."""


@dataclass(frozen=True)
class BoundedPieces:
    """f = φ (order 0) or φ′ between the breaks (order 1), with certified bounds: expressions, programs and breaks of the pieces."""

    exprs: tuple[sympy.Expr, ...]
    programs: tuple[BallProgram, ...]
    breaks: tuple[sympy.Expr, ...]
    x: sympy.Symbol

    def break_points(self) -> list[arb]:
        """The breaks as arbs at the current precision."""
        return [constant(point) for point in self.breaks]

    def values(self, piece: int, points: Sequence[BallType], analytic: bool = False) -> list[BallType]:
        """f of one piece at the points; with `analytic`, nan where f may not be analytic."""
        return self.programs[piece].run(points, analytic)[0]

    def zero(self, piece: int) -> bool:
        """Whether f is 0 on a piece."""
        return self.programs[piece].zero[0]

    def rays(self, w: arb | int = 0) -> tuple[arb, tuple[Growth, Growth]]:
        """(X, (left, right)): on the strip |Im z| ≤ w, |f| ≤ left for Re z ≤ −X and |f| ≤ right for Re z ≥ X."""
        width = float(flint().arb(w).upper())
        return _rays(self, math.nextafter(width, math.inf) if width else 0.0, flint().ctx.prec)

    def sup(self, lo: arb, hi: arb, w: arb | int = 0, floor: arb | int = 0) -> arb:
        """An upper bound of |f| for Re z in [lo, hi], |Im z| ≤ w; where w > 0, f must be analytic there.

        A bound below `floor` is not improved further.
        """
        X, (left_ray, right_ray) = self.rays(w)
        best = flint().arb(0)
        if hi > X:
            best = best.max(right_ray.most(lo.max(X), hi))
        if lo < -X:
            best = best.max(left_ray.most((-hi).max(X), -lo))
        lo, hi = lo.max(-X), hi.min(X)
        edges = [lo, *(tau for tau in self.break_points() if lo < tau < hi), hi]
        for left, right in itertools.pairwise(edges):
            certain = sum(1 for tau in self.break_points() if tau <= left)
            possible = sum(1 for tau in self.break_points() if not tau > left)
            for piece in range(certain, possible + 1):
                if left < right and not self.zero(piece):
                    enough = best.lower().max(flint().arb(floor))
                    best = best.max(self._box(piece, left, right, flint().arb(w), enough))
        return best.upper()

    def _box(self, piece: int, lo: arb, hi: arb, w: arb, floor: arb) -> arb:
        """An upper bound of |f| for one piece, by bisection of a box."""
        module = flint()
        start = (lo, hi, -w if w > 0 else None, w)
        corners: list[Any] = [lo, hi, (lo + hi) / 2]
        if w > 0:
            corners = [module.acb(x.mid(), y) for x in corners for y in (module.arb(0), w)]
        sampled = module.arb(0)  # a lower bound of the supremum
        for value in self.values(piece, [corner.mid() for corner in corners], w > 0):
            sampled = sampled.max(abs(value)) if value.is_finite() else sampled
        best = sampled
        stack = [(*start, 0)]
        while stack:
            left, right, low, high, depth = stack.pop()
            real = left.union(right)
            box: Any = real if low is None else module.acb(real, low.union(high))
            value, at_middle = self.values(piece, [box, box.mid()], low is not None)
            size = abs(value)
            if at_middle.is_finite():
                sampled = sampled.max(abs(at_middle))
            if size.is_finite() and (
                size <= floor or size <= sampled * _SLACK or (depth > _LOOSE and (size < 1 or size < sampled * 2.0**64))
            ):
                best = best.max(size)
                continue
            if depth == _BOX_DEPTH:
                raise NotCertifiedError(
                    f"no bound for {self.exprs[piece]} near {box.mid().str(6)} with |Im| ≤ {w.str(4)}"
                )
            if low is not None and box.imag.rad() > box.real.rad():
                cut = box.imag.mid()
                stack += [(left, right, low, cut, depth + 1), (left, right, cut, high, depth + 1)]
            else:
                cut = real.mid()
                stack += [(left, cut, low, high, depth + 1), (cut, right, low, high, depth + 1)]
        return best

    def square_beyond(self, scale: arb, reach: arb | int) -> arb:
        """An upper bound of ∫ over |z| > reach of f(scale·z)² N(z) dz: cells of growing length, then the growth bounds.

        With f² N ≤ g(z) = A²(pz)^{2n} e^{2κpz + 2αp²z² − z²/2}/√(2π), log g decreases beyond z₀ at a rate of at least
        γ = (1 − 4αp²) z₀ − 2κp − 2n/z₀, so ∫_{z₀}^∞ g ≤ g(z₀)/γ.
        """
        total = flint().arb(0)
        for sign in (1, -1):
            total = self._side(sign, scale, flint().arb(reach), total)
        return total.upper()

    def _side(self, sign: int, p: arb, start: arb, total: arb) -> arb:
        """`total` plus the part of the bound for one sign of z."""
        X, rays = self.rays()
        ray = rays[(sign + 1) // 2]
        root2 = flint().arb(2).sqrt()
        edge = X / p
        if not (1 - 4 * ray.alpha * p * p) > 0:
            raise DivergentKernelError(f"E φ(u)² is infinite at variance {(p * p).str(8)}")
        for _ in range(200):
            if start > edge:
                if start > _FARTHEST + 2 * edge:
                    break
                n = ray.n.max(flint().arb(0))
                fall = (1 - 4 * ray.alpha * p * p) * start - 2 * ray.kappa * p - 2 * n / start
                if fall > 0:
                    height = ray.at(p * start) ** 2 * (-start * start / 2).exp()
                    return total + height / fall / (2 * flint().arb.pi()).sqrt()
            after = (start + 1).max(start * flint().arb("1.25")).mid()
            mass = (start / root2).erfc() / 2
            low, high = sorted((sign * p * start, sign * p * after), key=float)
            size = self.sup(low, high, floor=(total / mass).sqrt().lower() if total > 0 else 0)
            total += size * size * mass
            start = after
        raise NotCertifiedError("no tail bound: the activation grows too fast for this variance")


@lru_cache(maxsize=256)
def _rays(f: BoundedPieces, w: float, _: int) -> tuple[arb, tuple[Growth, Growth]]:
    """`rays` from the first start where both bounds exist; the last argument, the precision, is part of the cache's key."""
    widest = max((abs(tau).upper() for tau in f.break_points()), default=flint().arb(0))
    reason: NotCertifiedError | None = None
    for start in _STARTS:
        X = flint().arb(start) + widest
        try:
            left = envelope(f.exprs[0], f.x, -1, X, w)
            right = envelope(f.exprs[-1], f.x, 1, X, w)
        except NotCertifiedError as error:
            reason = error
            continue
        if left.A.is_finite() and right.A.is_finite():
            return X, (left, right)
    raise reason or NotCertifiedError("no growth bound")


@lru_cache(maxsize=256)
def bounded_pieces(act: Activation, order: int) -> BoundedPieces:
    """φ (order 0), or φ′ between the breaks (order 1)."""
    x = act.symbol
    exprs = tuple(sympy.diff(piece.expr, x, order) if order else piece.expr for piece in act.pieces)
    programs = tuple(BallProgram([expr], x) for expr in exprs)
    return BoundedPieces(exprs, programs, tuple(piece.hi for piece in act.pieces[:-1]), x)
