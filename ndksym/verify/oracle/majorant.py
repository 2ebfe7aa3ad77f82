"""Certified upper bounds on |φ| and |φ'|: on boxes by Arb, and from there to infinity by an envelope."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from ndksym.errors import DivergentKernelError
from ndksym.verify.oracle.envelope import Growth, envelope
from ndksym.verify.oracle.evaluate import Program, constant
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

__all__ = ["Face", "face"]

_STARTS = (8, 64, 1024, 10**6)  # where the envelopes may begin
_BOX_DEPTH = 60
_FARTHEST = 400  # standard deviations within which φ² N must begin to fall
_LOOSE = 14  # cuts after which any bound of a sensible size will do
_SLACK = 16  # how much a box bound may exceed a sampled value before the box is cut


@dataclass(frozen=True)
class Face:
    """f = φ (order 0) or φ' off the breaks (order 1): expressions and programs of the pieces, breaks, jumps."""

    exprs: tuple[sympy.Expr, ...]
    programs: tuple[Program, ...]
    breaks: tuple[sympy.Expr, ...]
    x: sympy.Symbol

    def points(self) -> list[Any]:
        return [constant(point) for point in self.breaks]

    def values(self, piece: int, points: list[Any], analytic: bool = False) -> list[Any]:
        """f of one piece at the points, or nan where it may not be analytic."""
        return self.programs[piece].run(points, analytic)[0]

    def zero(self, piece: int) -> bool:
        return self.programs[piece].zero[0]

    def rays(self, w: Any = 0) -> tuple[Any, tuple[Growth, Growth]]:
        """(X, (left, right)): |f| ≤ left, right for Re z ≤ −X, ≥ X on the strip |Im z| ≤ w."""
        width = float(flint().arb(w).upper())
        return _rays(self, math.nextafter(width, math.inf) if width else 0.0, flint().ctx.prec)

    def sup(self, lo: Any, hi: Any, w: Any = 0, floor: Any = 0) -> Any:
        """An upper bound of |f| for Re z in [lo, hi], |Im z| ≤ w; f must be analytic there when w > 0.

        Nothing is gained by improving a bound that is below `floor`.
        """
        X, (left_ray, right_ray) = self.rays(w)
        best = flint().arb(0)
        if hi > X:
            best = best.max(right_ray.most(lo.max(X), hi))
        if lo < -X:
            best = best.max(left_ray.most((-hi).max(X), -lo))
        lo, hi = lo.max(-X), hi.min(X)
        edges = [lo, *(tau for tau in self.points() if lo < tau < hi), hi]
        for left, right in itertools.pairwise(edges):
            certain = sum(1 for tau in self.points() if tau <= left)
            possible = sum(1 for tau in self.points() if not tau > left)
            for piece in range(certain, possible + 1):
                if left < right and not self.zero(piece):
                    enough = best.lower().max(flint().arb(floor))
                    best = best.max(self._box(piece, left, right, flint().arb(w), enough))
        return best.upper()

    def _box(self, piece: int, lo: Any, hi: Any, w: Any, floor: Any) -> Any:
        module = flint()
        start = (lo, hi, -w if w > 0 else None, w)
        corners = [lo, hi, (lo + hi) / 2]
        if w > 0:
            corners = [module.acb(x.mid(), y) for x in corners for y in (module.arb(0), w)]
        seen = module.arb(0)  # the supremum is at least this
        for value in self.values(piece, [corner.mid() for corner in corners], w > 0):
            seen = seen.max(abs(value)) if value.is_finite() else seen
        best = seen
        stack = [(*start, 0)]
        while stack:
            left, right, low, high, depth = stack.pop()
            real = left.union(right)
            box = real if low is None else module.acb(real, low.union(high))
            value, at_middle = self.values(piece, [box, box.mid()], low is not None)
            size = abs(value)
            if at_middle.is_finite():
                seen = seen.max(abs(at_middle))
            if size.is_finite() and (
                size <= floor or size <= seen * _SLACK or (depth > _LOOSE and (size < 1 or size < seen * 2.0**64))
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

    def square_beyond(self, scale: Any, reach: Any) -> Any:
        """∫ over |z| > reach of f(scale·z)² N(z) dz, bounded: cells of doubling length, then the envelopes.

        With f² N ≤ g(z) = A²(pz)^{2n} e^{2κpz + 2αp²z² − z²/2}/√(2π), log g falls from z₀ on at a rate of at least
        γ = (1 − 4αp²) z₀ − 2κp − 2n/z₀, so ∫_{z₀}^∞ g ≤ g(z₀)/γ.
        """
        total = flint().arb(0)
        for sign in (1, -1):
            total = self._side(sign, scale, flint().arb(reach), total)
        return total.upper()

    def _side(self, sign: int, p: Any, start: Any, total: Any) -> Any:
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
def _rays(found: Face, w: float, _: int) -> tuple[Any, tuple[Growth, Growth]]:
    widest = max((abs(tau).upper() for tau in found.points()), default=flint().arb(0))
    reason: NotCertifiedError | None = None
    for start in _STARTS:
        X = flint().arb(start) + widest
        try:
            left = envelope(found.exprs[0], found.x, -1, X, w)
            right = envelope(found.exprs[-1], found.x, 1, X, w)
        except NotCertifiedError as error:
            reason = error
            continue
        if left.A.is_finite() and right.A.is_finite():
            return X, (left, right)
    raise reason or NotCertifiedError("no growth bound")


@lru_cache(maxsize=256)
def face(act: Any, order: int) -> Face:
    """φ or its derivative off the breaks."""
    x = act.symbol
    exprs = tuple(sympy.diff(piece.expr, x, order) if order else piece.expr for piece in act.pieces)
    programs = tuple(Program([expr], x) for expr in exprs)
    return Face(exprs, programs, tuple(piece.hi for piece in act.pieces[:-1]), x)
