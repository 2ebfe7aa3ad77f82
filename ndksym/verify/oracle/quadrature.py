"""The second oracle: dual kernels by iterated Gauss quadrature of φ's values, uncertified, with a measured error.

With u = p x, v = q(ρx + s z), s² = 1 − ρ²:   K = ∫ φ(px) h(ρx) N(x) dx,   h(m) = E φ(q(m + s z)).
Nothing is known about φ but its pieces; panels are found by asking whether φ is resolved on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ndksym.verify.oracle.conditional import Block, Smoother
from ndksym.verify.oracle.covariance import Geometry, geometry
from ndksym.verify.oracle.curve import Curve, curve
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.exponential import Terms, expectation, fastest, terms
from ndksym.verify.oracle.mesh import profile, reach_of, refine
from ndksym.verify.oracle.numbers import as_mpf, bits, exact, flint, midpoint, precision
from ndksym.verify.oracle.panels import Panel, dot, log_size, resolve
from ndksym.verify.oracle.rules import density, legendre

__all__ = ["Estimate", "dual_arb", "dual_mp", "single_arb"]

_FAST = 8.0  # |η|·standard deviation beyond which e^{ηu} is not left to quadrature
_LOG10 = math.log(10)


@dataclass(frozen=True)
class Estimate:
    """K, K_dot (None where it is infinite) and the measured relative error of each, as arbs.

    Where a value is 0 as far as can be told, its error is relative to 10^−(3·digits + 30) of what it could be.
    """

    K: Any
    K_dot: Any
    error: Any
    error_dot: Any


@dataclass(frozen=True)
class _Values:
    """One rule's K and K_dot, and the logarithms of what they could be at most, √(E f(u)² E f(v)²)."""

    values: tuple[Any, Any]
    scales: tuple[float, float]

    def size(self, k: int, depth: float) -> float:
        """log |value|, but not less than `depth` digits below what it could be: there it counts as 0."""
        return max(log_size(self.values[k].mid()), self.scales[k] - depth * _LOG10)


def dual_mp(act: Any, a: Any, b: Any, c: Any, digits: int = 30) -> tuple[Any, Any, Any]:
    """K = E φ(u)φ(v) and K_dot = ∂K/∂c to `digits`, as mpf, with the error measured for the worse of the two.

    K, K_dot as in T4 (Price's theorem; arXiv 2309.04522, Jacot et al. 2018). The error is relative, the difference of
    two different rules; K_dot is None where it is infinite (a jump of φ at coincident inputs).

    >>> import mpmath
    >>> from ndksym.activation.activation import activation
    >>> K, K_dot, error = dual_mp(activation("relu"), 1, 1, 0.5)
    >>> print(mpmath.nstr(K, 20), mpmath.nstr(K_dot, 20), bool(error < 1e-30))
    0.30449889052211467904 0.33333333333333333333 True

    Errors: InputError when (a, b, c) is no covariance; DivergentKernelError when the kernel is infinite there.
    """
    found = dual_arb(act, a, b, c, digits)
    errors = [as_mpf(error) for error in (found.error, found.error_dot) if error is not None]
    return as_mpf(found.K), as_mpf(found.K_dot), max(errors)


def dual_arb(act: Any, a: Any, b: Any, c: Any, digits: int = 30, noise: float = 0.0) -> Estimate:
    """As `dual_mp`, with arbs in and out: arb inputs are taken at their midpoints.

    1 − ρ² within ±`noise` counts as 0: what is left of it after a computation of that accuracy.
    """
    line = curve(act)
    inputs = tuple(exact(value) for value in (a, b, c))
    exponentials = _too_fast(act, inputs)
    if exponentials:
        return _closed(exponentials, inputs, digits, noise)
    asked = digits - 1
    while True:
        fine = _attempt(line, inputs, asked + 5, noise)
        coarse = _attempt(line, inputs, asked, noise)
        missing = _missing(coarse, fine, digits)
        if missing <= 0 or asked > 5 * digits + 60:
            errors = (
                None if x is None else abs(x - y).upper() / flint().arb(fine.size(k, 3 * digits + 30)).exp()
                for k, (x, y) in enumerate(zip(fine.values, coarse.values, strict=True))
            )
            return Estimate(*fine.values, *errors)
        asked += math.ceil(missing) + 2


def _missing(coarse: _Values, fine: _Values, digits: int) -> float:
    """Digits short of the aim, relative to the values themselves, or to 10^−(3·digits + 30) of what they could be."""
    short = -math.inf
    for k, (one, other) in enumerate(zip(coarse.values, fine.values, strict=True)):
        if other is not None:
            lost = (log_size((one - other).mid()) - fine.size(k, 3 * digits + 30)) / _LOG10
            short = max(short, min(lost, 2.0 * digits) + digits)
    return short


def single_arb(act: Any, a: Any, b: Any, c: Any, digits: int, noise: float = 0.0) -> tuple[Any, Any]:
    """K and K_dot by one rule, its error unmeasured: for callers who compare runs of different `digits` themselves."""
    inputs = tuple(exact(value) for value in (a, b, c))
    found = _too_fast(act, inputs)
    if found:
        estimate = _closed(found, inputs, digits, noise)
        return estimate.K, estimate.K_dot
    return _attempt(curve(act), inputs, digits, noise).values


def _too_fast(act: Any, inputs: tuple[Any, ...]) -> Terms | None:
    """The exponentials in φ when they are too fast for quadrature."""
    found = terms(act)
    if found and fastest(found) ** 2 * max(float(as_arb(value)) for value in inputs[:2]) > _FAST**2:
        return found
    return None


def _closed(exponentials: Terms, inputs: tuple[Any, Any, Any], digits: int, noise: float) -> Estimate:
    """Exponential polynomials too fast for quadrature; the error is that of rounding, and is certified."""

    def run(_: int) -> _Values:
        shape = geometry(*inputs, noise)
        found = expectation(exponentials, shape.a, shape.b, shape.c, shape.p, shape.q, shape.rho, shape.s)
        return _Values(found, (-math.inf, -math.inf))

    K, K_dot = _rounded(run, digits).values
    return Estimate(
        K, K_dot, *(value.rad() / abs(value.mid()).max(flint().arb(2) ** -(10**18)) for value in (K, K_dot))
    )


def _attempt(line: Curve, inputs: tuple[Any, Any, Any], digits: int, noise: float) -> _Values:
    """K and K_dot with every rule sized for `digits`."""

    def run(asked: int) -> _Values:
        shape = geometry(*inputs, noise)
        size, cell = _rule(asked)
        variances = midpoint(shape.a), midpoint(shape.b)
        reach = reach_of(profile(line, variances[0]), profile(line, variances[1]), shape, asked, line)
        sides = [_side(line, variance, reach, asked, size, flint().ctx.prec) for variance in variances]
        panels, (own, other) = (sides[0][0], sides[1][0]), (side[1] for side in sides)
        scales = (own[0] + other[0]) / 2, (own[1] + other[1]) / 2
        if shape.s == 0:
            return _Values(_line(line, shape, panels, size, cell), scales)
        if shape.rho == 0:
            return _Values(_apart(line, shape, panels, size, cell), scales)
        smoother = Smoother(line, shape.q, shape.s, panels[1], reach, asked, size, cell)
        return _Values(_plane(line, shape, panels, smoother), scales)

    return _rounded(run, digits)


@lru_cache(maxsize=256)
def _side(
    line: Curve, variance: Fraction, reach: float, digits: int, size: int, prec: int
) -> tuple[list[Panel], tuple[float, float]]:
    """The panels of φ at one variance, and log E φ², log E φ'²: a row meets many others."""
    with precision(prec):
        scale = as_arb(variance).sqrt()
        panels = resolve(line, scale, reach, digits, size, profile(line, variance).levels())
        return panels, _squares(line, scale, panels, size)


def _squares(line: Curve, scale: Any, panels: list[Panel], size: int) -> tuple[float, float]:
    """log E φ², log E φ'², roughly."""
    totals = [flint().arb(0), flint().arb(0)]
    for panel in panels:
        for k, column in enumerate(_weighted(line, scale, panel, size)):
            for value, weight in zip(*column, strict=True):
                totals[k] += weight * value * value
    return log_size(totals[0]), log_size(totals[1])


def _weighted(line: Curve, scale: Any, panel: Panel, size: int) -> list[tuple[list[Any], list[Any]]]:
    """(values, weights) of φ and φ' at the nodes of a panel, for integrals against N(x)."""
    nodes = panel.nodes(size)
    weights = [panel.half * w * density(x) for w, x in zip(legendre(size)[1], nodes, strict=True)]
    return [(column, weights) for column in line.programs[panel.piece].run([scale * x for x in nodes])]


def _rounded(run: Callable[[int], _Values], digits: int) -> _Values:
    """Take more bits until rounding no longer shows in `digits`."""
    prec = bits(digits + 12)
    for _ in range(8):
        with precision(prec):
            found = run(digits)
        known = [k for k, v in enumerate(found.values) if v is not None]
        lost = max(log_size(found.values[k].rad()) - found.size(k, 0) for k in known)
        if all(found.values[k].is_finite() for k in known) and lost < -(digits - 4) * _LOG10:
            break
        prec = prec * 3 // 2 + 32
    return found


Meshes = tuple[list[Panel], list[Panel]]


def _line(line: Curve, shape: Geometry, panels: Meshes, size: int, cell: float) -> tuple[Any, Any]:
    """ρ = ±1: one integral, E φ(px)φ(±qx)."""
    other = shape.q * shape.rho
    totals = [flint().arb(0), flint().arb(0)]
    for panel in refine(panels, [tau / other for tau in line.points()], shape, cell):
        piece = sum(1 for tau in line.points() if panel.centre * other > tau)
        right = line.programs[piece].run([other * x for x in panel.nodes(size)])
        for k, (values, weights) in enumerate(_weighted(line, shape.p, panel, size)):
            totals[k] += dot(weights, [f * g for f, g in zip(values, right[k], strict=True)])
    return totals[0], None if any(jump != 0 for jump in line.heights()) else totals[1]


def _apart(line: Curve, shape: Geometry, panels: Meshes, size: int, cell: float) -> tuple[Any, Any]:
    """c = 0: E φ(u) E φ(v)."""
    products = [flint().arb(1), flint().arb(1)]
    for scale, mesh in zip((shape.p, shape.q), panels, strict=True):
        means = [flint().arb(0), flint().arb(0)]
        for panel in refine((mesh, mesh), [], shape, cell):
            for k, (values, weights) in enumerate(_weighted(line, scale, panel, size)):
                means[k] += dot(weights, values)
        for tau, jump in zip(line.points(), line.heights(), strict=True):
            means[1] += jump * density(tau / scale) / scale
        products = [product * mean for product, mean in zip(products, means, strict=True)]
    return products[0], products[1]


def _plane(line: Curve, shape: Geometry, panels: Meshes, smoother: Smoother) -> tuple[Any, Any]:
    rho, cell = shape.rho, smoother.cell
    steps = math.ceil(smoother.reach / cell)
    cuts = [  # h turns around τ/q on the scale s
        (tau / shape.q + shape.s * cell * k) / rho for tau in line.points() for k in range(-steps, steps + 1)
    ]
    blocks, rows = [], []
    for panel in refine(panels, cuts, shape, cell):
        if not all(line.programs[panel.piece].zero):
            blocks.append(Block(rho * panel.centre, rho * panel.half))
            columns = _weighted(line, shape.p, panel, smoother.size)
            rows.append([[w * f for f, w in zip(*column, strict=True)] for column in columns])
    for tau, jump in zip(line.points(), line.heights(), strict=True):
        if jump != 0:  # φ' has a point mass there
            blocks.append(Block(rho * tau / shape.p))
            rows.append([[flint().arb(0)], [jump / shape.p * density(tau / shape.p)]])
    return smoother(blocks, rows)


@lru_cache(maxsize=64)
def _rule(digits: int) -> tuple[int, float]:
    """Gauss–Legendre size n, and the widest panel on which it resolves a unit Gaussian.

    On half-width r the error is (e r²/8n)^n: the ellipse bound exp(y²/2) (2y/r)^{−2n} at its best y² = 2n.
    """
    size = 2 * (int(0.42 * digits) + 3)  # even: no node at the centre, where P_k of a ball is nan
    return size, 2 * math.sqrt(8 * size / math.e * 10 ** (-digits / size))
