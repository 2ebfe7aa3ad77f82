"""Certified K and K_dot of an analytic φ by the two-dimensional trapezoid rule in Arb (T17).

With u = px, v = q(ρx + sz), s² = 1 − ρ², and F = f(u) f(v) N(x) N(z), f = φ or φ′, the sum is
h k Σ_i Σ_j F(ih, jk) over |i| ≤ n, |j| ≤ m. Let β = 1/32 and, for half-widths w of a strip on which f is analytic,

    B_p(w) = sup { |f(px + iy)| e^{−βx²} : x real, |y| ≤ w }            (boxes in Arb, envelopes towards infinity).

Since |N(x + ib)| = e^{b²/2} N(x) and (ρx + sz)² ≤ x² + z², for |b| ≤ a₁ (in x) or a₂ (in z)

    |F(x + ib, z)| ≤ B_p(p a₁) B_q(q|ρ| a₁) e^{a₁²/2} G(x) H(z) / 2π,    G = e^{−(½−2β)x²},  H = e^{−(½−β)z²},
    |F(x, z + ib)| ≤ B_p(0) B_q(q s a₂) e^{a₂²/2} G(x) H(z) / 2π.

The error of the trapezoid rule on a strip |Im| < a with ∫|F(· + ib)| ≤ M is at most 2M/(e^{2πa/h} − 1) (Trefethen & Weideman, SIAM
Review 56 (2014), Theorem 5.1). Applied in z at every x_i, with weight h, and then in x to the exact inner integral, and with the
terms beyond n and m, the errors are

    inner:  2 B_p(0) B_q(qsa₂) e^{a₂²/2} /2π · (∫G + h) ∫H / (e^{2πa₂/k} − 1)       as h Σ G(ih) ≤ ∫G + h,
    outer:  2 B_p(pa₁) B_q(q|ρ|a₁) e^{a₁²/2} /2π · ∫G ∫H / (e^{2πa₁/h} − 1),
    cut:    B_p(0) B_q(0)/2π · [ (∫_{|x|>nh} G)(∫H + k) + (∫G + h)(∫_{|z|>mk} H) ]   as G, H decrease.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.envelope import Growth
from ndksym.verify.oracle.gauss_panels import dot
from ndksym.verify.oracle.majorant import BoundedPieces, bounded_pieces
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

if TYPE_CHECKING:
    from flint import arb

__all__ = ["trapezoid_ball"]

_MOST_POINTS = 400_000
_SHARE = 0.95
"""Largest shift, as a fraction of the half-width of the strip."""


def trapezoid_ball(act: Activation, shape: Geometry, order: int, tolerance: arb, strip: float | None = None) -> arb:
    """Enclosure of K (order 0) or K_dot (order 1) with an error of about `tolerance`, at the current precision.

    `strip` is the half-width of a strip on which φ is claimed to be analytic; the bounds check the claim.

    Raises NotCertifiedError where φ has breaks, is not analytic on the strip, or would need too many points.
    """
    if len(act.pieces) != 1 or shape.s == 0:
        raise NotCertifiedError("the trapezoid rule needs an analytic activation and ρ ≠ ±1")
    f = bounded_pieces(act, order)
    rule = _Rule.best(f, shape, tolerance, _strip(act) if strip is None else strip)
    points = (2 * rule.n + 1) * (2 * rule.m + 1)
    if points > _MOST_POINTS:
        raise NotCertifiedError(f"the trapezoid rule would need {points} points")
    return _sum(f, shape, rule) + flint().arb(0, rule.error())


def _strip(act: Activation) -> float:
    """Half-width of the strip on which φ is analytic, as the activation states it."""
    width = act.strip
    if width is None:
        return 0.25
    return math.inf if width == sympy.oo else float(width)


@dataclass(frozen=True)
class _Rule:
    """Shifts, bounds, steps and numbers of points; `bounds` are B_p(0), B_q(0), B_p(p a₁), B_q(q|ρ|a₁) and B_q(q s a₂)."""

    shape: Geometry
    a1: arb
    a2: arb
    bounds: tuple[arb, arb, arb, arb, arb]
    h: arb
    k: arb
    n: int
    m: int

    @classmethod
    def best(cls, f: BoundedPieces, shape: Geometry, tolerance: arb, strip: float) -> _Rule:
        """The rule with the largest steps that the bounds allow for an error of about the tolerance."""
        p, q, along, across = shape.p, shape.q, shape.q * abs(shape.rho), shape.q * shape.s
        real = _bound(f, p, 0), _bound(f, q, 0)
        goal = max(5.0, float((real[0] * real[1] / tolerance).log()))
        a1 = _best_shift(f, goal, strip, [p, along], [p, q])
        a2 = _best_shift(f, goal, strip, [across], [q])
        bounds = (*real, _bound(f, p, p * a1), _bound(f, q, along * a1), _bound(f, q, across * a2))
        arb = flint().arb
        trial = cls(shape, a1, a2, bounds, arb(1), arb(1), 0, 0)
        quarter = tolerance / 4
        h = k = arb(1)
        for _ in range(2):  # the inner bound contains h
            h = (2 * arb.pi() * a1 / (trial.outer() / quarter + 1).log()).mid()
            k = (2 * arb.pi() * a2 / (trial.inner(h) / quarter + 1).log()).mid()
        x = z = 1.0  # the last points, in steps of a quarter
        while not trial.cut(h, k, math.ceil(x / float(h)), 10**9) < quarter:
            x += 0.25
        while not trial.cut(h, k, 10**9, math.ceil(z / float(k))) < quarter:
            z += 0.25
        n, m = math.ceil(x / float(h)), math.ceil(z / float(k))
        return cls(shape, a1, a2, bounds, h, k, n, m)

    def error(self) -> arb:
        """Upper bound of the error: the sum of the three bounds in the module's docstring."""
        arb = flint().arb
        outer = self.outer() / ((2 * arb.pi() * self.a1 / self.h).exp() - 1)
        inner = self.inner(self.h) / ((2 * arb.pi() * self.a2 / self.k).exp() - 1)
        return (outer + inner + self.cut(self.h, self.k, self.n, self.m)).upper()

    def outer(self) -> arb:
        """The outer bound times e^{2πa₁/h} − 1."""
        return self.bounds[2] * self.bounds[3] * (self.a1**2 / 2).exp() * _area(_G) * _area(_H) / flint().arb.pi()

    def inner(self, h: arb) -> arb:
        """The inner bound times e^{2πa₂/k} − 1."""
        return self.bounds[0] * self.bounds[4] * (self.a2**2 / 2).exp() * (_area(_G) + h) * _area(_H) / flint().arb.pi()

    def cut(self, h: arb, k: arb, n: int, m: int) -> arb:
        """The bound of the terms beyond n and m."""
        x = _area(_G) * (_rate(_G).sqrt() * h * n).erfc() * (_area(_H) + k)
        z = _area(_H) * (_rate(_H).sqrt() * k * m).erfc() * (_area(_G) + h)
        return self.bounds[0] * self.bounds[1] * (x + z) / (2 * flint().arb.pi())


_BETA = (1, 32)
"""β as a fraction."""
_G, _H = 2, 1
"""G and H by their multiples of β in the exponent −(½ − kβ)x²."""


def _beta() -> arb:
    return flint().arb(_BETA[0]) / _BETA[1]


def _rate(kind: int) -> arb:
    return flint().arb(1) / 2 - kind * _beta()


def _area(kind: int) -> arb:
    """∫G or ∫H."""
    return (flint().arb.pi() / _rate(kind)).sqrt()


def _bound(f: BoundedPieces, scale: arb, w: arb | int) -> arb:
    """B_scale(w), defined in the module's docstring."""
    X, rays = f.rays(w)
    best = flint().arb(0)
    for sign, ray in ((1, rays[1]), (-1, rays[0])):
        start = flint().arb(0)
        while not start > X / scale:
            after = (start + 1).max(start * flint().arb("1.25")).mid()
            low, high = sorted((sign * scale * start, sign * scale * after), key=float)
            weight = (-_beta() * start * start).exp()
            best = best.max(f.sup(low, high, w, best.lower() / weight) * weight)
            start = after
        tail = Growth(
            ray.A * scale ** ray.n.max(flint().arb(0)), ray.n, ray.kappa * scale, ray.alpha * scale**2 - _beta()
        )
        best = best.max(tail.peak(start))
    if not best.is_finite():
        raise NotCertifiedError("the activation grows too fast for the trapezoid rule at this variance")
    return best.upper()


def _best_shift(f: BoundedPieces, goal: float, strip: float, rates: list[arb], scales: list[arb]) -> arb:
    """The shift a that allows the largest step, by sampled bounds. They only choose a; the bounds used with it are certified."""
    widest = max(float(rate) for rate in rates)
    limit = min(_SHARE * strip / widest if widest else math.inf, 1.5 * math.sqrt(2 * goal))
    if limit == _SHARE * strip / max(widest, 1e-300):
        choices = [limit, limit * 0.8]
    else:
        choices = [limit * t for t in (1, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.05, 0.03)]
    best, gain = choices[-1], -1.0
    for a in choices:
        size = sum(
            _sampled(f, float(scale), float(rate) * a) - _sampled(f, float(scale), 0.0)
            for rate, scale in zip(rates, scales, strict=True)
        )
        step = a / (goal + max(size, 0) + a * a / 2)
        if step > gain:
            best, gain = a, step
    return flint().arb(best)


def _sampled(f: BoundedPieces, scale: float, w: float) -> float:
    """log of an approximate B_scale(w), from values at a few points."""
    acb = flint().acb
    grid = [t for x in (0, 0.5, 1, 2, 3, 5, 8, 12) for t in (x, -x)]
    values = f.values(0, [acb(scale * x, w) for x in grid])
    return max(
        (
            float(abs(v).upper().log()) - x * x * _BETA[0] / _BETA[1]
            for v, x in zip(values, grid, strict=True)
            if v.is_finite() and v != 0
        ),
        default=math.inf,
    )


def _sum(f: BoundedPieces, shape: Geometry, rule: _Rule) -> arb:
    """The trapezoid sum."""
    p, q, rho, s = shape.p, shape.q, shape.rho, shape.s
    steps = range(-rule.m, rule.m + 1)
    weights = [(-((rule.k * j) ** 2) / 2).exp() for j in steps]
    offsets = [q * s * rule.k * j for j in steps]
    points = [rule.h * i for i in range(-rule.n, rule.n + 1)]
    total = flint().arb(0)
    for x, left in zip(points, f.values(0, [p * x for x in points]), strict=True):
        start = q * rho * x
        row = dot(weights, f.values(0, [start + offset for offset in offsets]))
        total += (-x * x / 2).exp() * left * row
    return total * rule.h * rule.k / (2 * flint().arb.pi())
