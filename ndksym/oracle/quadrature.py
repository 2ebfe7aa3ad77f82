"""The second oracle: dual kernels by iterated Gauss quadrature of φ's values, uncertified, with a measured error.

With u = p x, v = q(ρx + s z), s² = 1 − ρ²:   K = ∫ φ(px) h(ρx) N(x) dx,   h(m) = E φ(q(m + s z)).
Nothing is known about φ but its pieces; panels are found by asking whether φ is resolved on them.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy

from ndksym.errors import DivergentKernelError, InputError, NotDerivableError
from ndksym.oracle.conditional import Block, Smoother
from ndksym.oracle.curve import Curve, curve
from ndksym.oracle.evaluate import constant
from ndksym.oracle.exponential import Terms, expectation, fastest, terms
from ndksym.oracle.numbers import as_arb, as_mpf, bits, exact, flint, midpoint, precision
from ndksym.oracle.panels import Panel, ascending, dot, ladder, log_size, resolve
from ndksym.oracle.rules import density, legendre

__all__ = ["Estimate", "dual_arb", "dual_mp", "single_arb"]

_FAST = 8.0  # |η|·standard deviation beyond which e^{ηu} is not left to quadrature
_WIDEST = 160.0  # half-width of the box, in standard deviations, beyond which a tilt is needed


@dataclass(frozen=True)
class Estimate:
    """K, K_dot (None where it is infinite) and the measured error of each, as arbs."""

    K: Any
    K_dot: Any
    error: Any
    error_dot: Any


@dataclass(frozen=True)
class Geometry:
    """Two standard deviations p, q, the correlation ρ and s = √(1 − ρ²), s = 0 when exactly degenerate."""

    a: Any
    b: Any
    c: Any
    p: Any
    q: Any
    rho: Any
    s: Any


def dual_mp(act: Any, a: Any, b: Any, c: Any, digits: int = 30) -> tuple[Any, Any, Any]:
    """K = E φ(u)φ(v) and K_dot = ∂K/∂c to `digits`, as mpf, with the error measured for the worse of the two.

    K, K_dot as in T4 (Price's theorem; arXiv 2309.04522, Jacot et al. 2018). The error is relative, the difference of
    two different rules; K_dot is None where it is infinite (a jump of φ at coincident inputs).

    >>> from ndksym.activation import activation
    >>> K, K_dot, error = dual_mp(activation("relu"), 1, 1, 0.5)
    >>> print(mpmath.nstr(K, 20), mpmath.nstr(K_dot, 20), bool(error < 1e-30))
    0.30449889052211467904 0.33333333333333333333 True

    Errors: InputError when (a, b, c) is no covariance; DivergentKernelError when the kernel is infinite there.
    """
    found = dual_arb(act, a, b, c, digits)
    error = as_mpf(_relative(found.error, found.K))
    if found.K_dot is not None:
        error = max(error, as_mpf(_relative(found.error_dot, found.K_dot)))
    return as_mpf(found.K), as_mpf(found.K_dot), error


def _relative(error: Any, value: Any) -> Any:
    size = abs(value.mid())
    return error / size if size != 0 else error


def dual_arb(act: Any, a: Any, b: Any, c: Any, digits: int = 30, noise: float = 0.0) -> Estimate:
    """As `dual_mp`, with arbs in and out: arb inputs are taken at their midpoints.

    1 − ρ² within ±`noise` counts as 0: what is left of it after a computation of that accuracy.
    """
    line = curve(act)
    inputs = tuple(exact(value) for value in (a, b, c))
    exponentials = _too_fast(act, inputs)
    if exponentials:
        return _closed(exponentials, inputs, digits, noise)
    asked, coarse = digits - 1, None
    while True:
        fine = _attempt(line, inputs, asked + 5, noise)
        coarse = coarse or _attempt(line, inputs, asked, noise)
        found = _compare(coarse, fine)
        missing = _missing(found, digits)
        if missing <= 0 or asked > 4 * digits + 60:
            return found
        asked, coarse = asked + math.ceil(missing) + 2, None


def single_arb(act: Any, a: Any, b: Any, c: Any, digits: int, noise: float = 0.0) -> tuple[Any, Any]:
    """K and K_dot by one rule, its error unmeasured: for callers who compare runs of different `digits` themselves."""
    inputs = tuple(exact(value) for value in (a, b, c))
    found = _too_fast(act, inputs)
    if found:
        estimate = _closed(found, inputs, digits, noise)
        return estimate.K, estimate.K_dot
    return _attempt(curve(act), inputs, digits, noise)


def _too_fast(act: Any, inputs: tuple[Any, ...]) -> Terms | None:
    """The exponentials in φ when they are too fast for quadrature."""
    found = terms(act)
    if found and fastest(found) ** 2 * max(float(as_arb(value)) for value in inputs[:2]) > _FAST**2:
        return found
    return None


def _closed(exponentials: Terms, inputs: tuple[Any, Any, Any], digits: int, noise: float) -> Estimate:
    """Exponential polynomials too fast for quadrature; the error is that of rounding, and is certified."""

    def run(_: int) -> tuple[Any, Any]:
        shape = geometry(*inputs, noise)
        return expectation(exponentials, shape.a, shape.b, shape.c, shape.p, shape.q, shape.rho, shape.s)

    K, K_dot = _rounded(run, digits)
    return Estimate(K, K_dot, K.rad(), K_dot.rad())


def _missing(found: Estimate, digits: int) -> float:
    """Digits short of the aim, relative to the values themselves."""
    short = 0.0
    for value, error in ((found.K, found.error), (found.K_dot, found.error_dot)):
        if value is not None and error != 0:
            size = log_size(value.mid())
            lost = log_size(error) - size if math.isfinite(size) else math.inf
            short = max(short, min(lost / math.log(10), 2.0 * digits) + digits)
    return short


def _compare(coarse: tuple[Any, Any], fine: tuple[Any, Any]) -> Estimate:
    error = [None if x is None else abs(x - y).upper() for x, y in zip(fine, coarse, strict=True)]
    return Estimate(fine[0], fine[1], error[0], error[1])


def _attempt(line: Curve, inputs: tuple[Any, Any, Any], digits: int, noise: float) -> tuple[Any, Any]:
    """K and K_dot with every rule sized for `digits`."""

    def run(asked: int) -> tuple[Any, Any]:
        shape = geometry(*inputs, noise)
        return _line(line, shape, asked) if shape.s == 0 else _plane(line, shape, asked)

    return _rounded(run, digits)


def _rounded(run: Callable[[int], tuple[Any, Any]], digits: int) -> tuple[Any, Any]:
    """Take more bits until rounding no longer shows in `digits`."""
    prec = bits(digits + 12)
    for _ in range(8):
        with precision(prec):
            values = run(digits)
        known = [v for v in values if v is not None]
        lost = max(
            (log_size(v.rad()) - log_size(v.mid()) for v in known if v.mid() != 0 or v.rad() != 0), default=-math.inf
        )
        if all(v.is_finite() for v in known) and lost < -(digits - 4) * math.log(10):
            break
        prec = prec * 3 // 2 + 32
    return values


def geometry(a: Any, b: Any, c: Any, noise: float = 0.0) -> Geometry:
    """p, q, ρ, s at the current precision; ab − c² is formed exactly where the inputs are rational or dyadic.

    Errors: InputError when a, b ≤ 0 or c² > ab.
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


def _line(line: Curve, shape: Geometry, digits: int) -> tuple[Any, Any]:
    """ρ = ±1: one integral, E φ(pz)φ(±qz)."""
    module = flint()
    size, cell = _rule(digits)
    other = shape.q * shape.rho
    first, second = _Profile(line, shape.p), _Profile(line, shape.q)
    reach = _reach(first, second, shape, digits, line)
    panels = _panels(line, shape, reach, digits, size, (first, second))
    cuts = {sign: [tau / (shape.q * sign) for tau in line.points()] for sign in (1, -1)}[1 if shape.rho > 0 else -1]
    total, total_dot = module.arb(0), module.arb(0)
    for panel in _refine(panels, cuts, shape, cell):
        nodes = panel.nodes(size)
        left = line.programs[panel.piece].run([shape.p * x for x in nodes])
        middle = panel.centre * shape.rho
        piece = sum(1 for tau in line.points() if middle * shape.q > tau)
        right = line.programs[piece].run([other * x for x in nodes])
        weight = [panel.half * w * density(x) for w, x in zip(legendre(size)[1], nodes, strict=True)]
        total += dot(weight, [f * g for f, g in zip(left[0], right[0], strict=True)])
        total_dot += dot(weight, [f * g for f, g in zip(left[1], right[1], strict=True)])
    if any(jump != 0 for jump in line.heights()):
        return total, None
    return total, total_dot


def _plane(line: Curve, shape: Geometry, digits: int) -> tuple[Any, Any]:
    module = flint()
    size, cell = _rule(digits)
    first, second = _Profile(line, shape.p), _Profile(line, shape.q)
    reach = _reach(first, second, shape, digits, line)
    panels = _panels(line, shape, reach, digits, size, (first, second))
    smoother = Smoother(line, shape.q, shape.s, panels[1], reach, digits, size, cell)
    cuts = []
    for tau in line.points():  # h turns around τ/q on the scale s
        steps = math.ceil(reach / cell)
        cuts += [(tau / shape.q + shape.s * cell * k) / shape.rho for k in range(-steps, steps + 1) if shape.rho != 0]
    outer = [panel for panel in _refine(panels, cuts, shape, cell) if not all(line.programs[panel.piece].zero)]
    rho = shape.rho
    blocks, rows = [], []
    for panel in outer:
        blocks.append(Block(rho * panel.centre, rho * panel.half))
        nodes = panel.nodes(size)
        weight = [panel.half * w * density(x) for w, x in zip(legendre(size)[1], nodes, strict=True)]
        columns = line.programs[panel.piece].run([shape.p * x for x in nodes])
        rows.append([[w * f for w, f in zip(weight, column, strict=True)] for column in columns])
    for tau, jump in zip(line.points(), line.heights(), strict=True):
        if jump != 0:  # φ' has a point mass there
            blocks.append(Block(rho * tau / shape.p))
            rows.append([[module.arb(0)], [jump / shape.p * density(tau / shape.p)]])
    return smoother(blocks, rows)


@lru_cache(maxsize=64)
def _rule(digits: int) -> tuple[int, float]:
    """Gauss–Legendre size n, and the widest panel on which it resolves a unit Gaussian.

    On half-width r the error is (e r²/8n)^n: the ellipse bound exp(y²/2) (2y/r)^{−2n} at its best y² = 2n.
    """
    size = 2 * (int(0.42 * digits) + 3)  # even: no node at the centre, where P_k of a ball is nan
    return size, 2 * math.sqrt(8 * size / math.e * 10 ** (-digits / size))


class _Profile:
    """log |φ|, log |φ'| at scale·x over a grid of x, for choosing where to integrate."""

    def __init__(self, line: Curve, scale: Any) -> None:
        grid = [0.5 * k for k in range(-2 * int(_WIDEST), 2 * int(_WIDEST) + 1)]
        self.line, self.scale = line, scale
        with precision(64):
            edge = flint().arb(_WIDEST)
            points = sorted(
                [flint().arb(x) for x in grid if abs(x) <= 24] + ladder(line, scale, -edge, edge), key=float
            )
            self.x = [float(x) for x in points]
            self.rows = self._values(points)
        self._far: list[list[float]] | None = None

    def _values(self, points: list[Any]) -> list[list[float]]:
        rows: list[list[float]] = [[], []]
        breaks = [float(tau / self.scale) for tau in self.line.points()]
        pieces: dict[int, list[Any]] = {}
        for x in points:
            pieces.setdefault(bisect_left(breaks, float(x)), []).append(x)
        for piece in sorted(pieces):
            columns = self.line.programs[piece].run([self.scale * x for x in pieces[piece]])
            for row, column in zip(rows, columns, strict=True):
                row.extend(log_size(v) if v.is_finite() else -math.inf for v in column)
        return rows

    def levels(self) -> tuple[float, ...]:
        """log max |f(scale·x)| e^{−x²/4} for f = φ, φ'."""
        return tuple(max(v - x * x / 4 for v, x in zip(row, self.x, strict=True)) for row in self.rows)

    def at(self, x: Any, order: int) -> Any:
        floor = -1e5
        return numpy.interp(x, self.x, [max(v, floor) for v in self.rows[order]])

    def widen(self) -> None:
        """Extend the grid to the widest box."""
        with precision(64):
            extra = [flint().arb(x) for x in range(24, int(_WIDEST) + 1)]
            rows_low, rows_high = self._values([-x for x in reversed(extra)]), self._values(extra)
            self.x = [-float(x) for x in reversed(extra)] + self.x + [float(x) for x in extra]
            self.rows = [low + row + high for low, row, high in zip(rows_low, self.rows, rows_high, strict=True)]


def _reach(first: _Profile, second: _Profile, shape: Geometry, digits: int, line: Curve) -> float:
    """Radius in (x, z) beyond which φφ'·Gaussian is below 10^−digits of its maximum."""
    rho, s = float(shape.rho), float(shape.s)
    _check_growth(shape, line)
    angles = numpy.linspace(0, 2 * numpy.pi, 96, endpoint=False)
    limit = 24.0
    while True:
        radii = numpy.arange(0, limit + 0.25, 0.5)
        x = radii[:, None] * numpy.cos(angles)
        y = rho * x + s * radii[:, None] * numpy.sin(angles)
        radius = 0.0
        for order in (0, 1):
            size = first.at(x, order) + second.at(y, order) - radii[:, None] ** 2 / 2
            ring = size.max(axis=1)
            alive = numpy.nonzero(ring > ring.max() - (digits + 2) * math.log(10))[0]
            radius = max(radius, float(radii[alive[-1]]) + 0.5)
        if radius < limit - 1:
            return radius
        if limit == _WIDEST:
            raise NotDerivableError("the integrand lives more than 150 standard deviations out: use its closed form")
        first.widen()
        if second is not first:
            second.widen()
        limit = _WIDEST


def _check_growth(shape: Geometry, line: Curve) -> None:
    """E exp(αu² + αv²) < ∞ asks for 1 − 2α·(covariance) to be positive definite."""
    if line.growth == 0:
        return
    alpha = 2 * constant(line.growth)
    a, b = alpha * shape.p**2, alpha * shape.q**2
    if not (a < 1 and (1 - a) * (1 - b) > a * b * (1 - shape.s**2)):
        raise DivergentKernelError(
            f"E φ(u)φ(v) is infinite: |φ| grows like exp({line.growth}·x²), too fast for these variances"
        )


def _panels(
    line: Curve, shape: Geometry, reach: float, digits: int, size: int, profiles: tuple[_Profile, _Profile]
) -> tuple[list[Panel], list[Panel]]:
    first = resolve(line, shape.p, reach, digits, size, profiles[0].levels())
    if shape.p is shape.q or (shape.p - shape.q).is_zero():
        return first, first
    return first, resolve(line, shape.q, reach, digits, size, profiles[1].levels())


def _refine(panels: tuple[list[Panel], list[Panel]], cuts: list[Any], shape: Geometry, cell: float) -> list[Panel]:
    """Panels of the outer integral: inside those of φ(px), and as fine as those of φ(qρx) and the given cuts."""
    own, other = panels
    rho = shape.rho
    widths = _Widths(own, flint().arb(1))
    others = _Widths(other, rho) if rho != 0 else None
    out: list[Panel] = []
    start = 0
    for piece in sorted({panel.piece for panel in own}):
        inside = [panel for panel in own if panel.piece == piece]
        low, high = inside[0].lo, inside[-1].hi
        marks = sorted((t for t in cuts if low < t < high), key=midpoint)
        edges = ascending([low, *marks, high])
        for lo, hi in itertools.pairwise(edges):
            stack = [Panel(lo, hi, piece)]
            while stack:
                panel = stack.pop()
                wide = float(panel.half) * 2
                allowed = min(cell, widths.least(panel), others.least(panel) if others else math.inf)
                if wide <= 1.001 * allowed:
                    out.append(panel)
                else:
                    middle = panel.centre.mid()
                    stack += [Panel(middle, panel.hi, piece), Panel(panel.lo, middle, piece)]
        start += len(inside)
    return out


class _Widths:
    """Least width of the panels [lo, hi]/slope that meet a given panel."""

    def __init__(self, panels: list[Panel], slope: Any) -> None:
        ordered = panels if slope > 0 else list(reversed(panels))
        ends = [sorted((float(panel.lo / slope), float(panel.hi / slope))) for panel in ordered]
        self.low = [low for low, _ in ends]
        self.high = [high for _, high in ends]
        self.width = [abs(float(2 * panel.half / slope)) for panel in ordered]

    def least(self, panel: Panel) -> float:
        low, high = float(panel.lo), float(panel.hi)
        slack = 1e-9 * (high - low)
        start = max(0, bisect_left(self.high, low + slack))
        least = math.inf
        for k in range(start, len(self.low)):
            if self.low[k] >= high - slack:
                break
            least = min(least, self.width[k])
        return least
