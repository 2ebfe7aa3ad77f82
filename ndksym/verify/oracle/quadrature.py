"""Dual kernels by iterated Gauss quadrature of the values of φ: not certified, but with an estimated error.

With u = p x, v = q(ρx + s z), s² = 1 − ρ²:   K = ∫ φ(px) h(ρx) N(x) dx,   h(m) = E φ(q(m + s z)).
Only the pieces of φ are used; panels are bisected until φ is resolved on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import mpmath

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.compiled_pieces import CompiledPieces, compiled_pieces
from ndksym.verify.oracle.conditional import Block, Smoother
from ndksym.verify.oracle.covariance import Geometry, Inputs, geometry
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.exponential import ExponentialTerms, expectation, fastest, terms
from ndksym.verify.oracle.gauss_panels import GaussPanel, dot, log_size, resolve
from ndksym.verify.oracle.mesh import profile, reach_of, refine
from ndksym.verify.oracle.numbers import as_mpf, bits, exact, flint, midpoint, precision
from ndksym.verify.oracle.rules import density, legendre

if TYPE_CHECKING:
    from flint import arb

__all__ = ["DualEstimate", "dual_arb", "dual_mp", "single_arb"]

_FAST = 8.0
"""|η|·standard deviation beyond which e^{ηu} is not integrated by quadrature."""
_LOG10 = math.log(10)
KernelPair: TypeAlias = "tuple[arb, arb | None]"
"""K and K_dot, None where it is infinite."""


@dataclass(frozen=True)
class DualEstimate:
    """K and K_dot with their estimated relative errors; K_dot and its error are None where it is infinite.

    Where a value cannot be distinguished from 0, its error is relative to 10^−(3·digits + 30) times its Cauchy–Schwarz bound.
    """

    K: arb
    K_dot: arb | None
    error: arb
    error_dot: arb | None


@dataclass(frozen=True)
class _Values:
    """K and K_dot by one rule, and the logarithms of their Cauchy–Schwarz bounds √(E f(u)² E f(v)²)."""

    values: KernelPair
    scales: tuple[float, float]

    def size(self, k: int, depth: float) -> float:
        """log |value|, but at least `depth` digits below its bound: a smaller value counts as 0."""
        value = self.values[k]
        return max(-math.inf if value is None else log_size(value.mid()), self.scales[k] - depth * _LOG10)


def dual_mp(
    act: Activation, a: Any, b: Any, c: Any, digits: int = 30
) -> tuple[mpmath.mpf, mpmath.mpf | None, mpmath.mpf]:
    """K = E φ(u)φ(v) and K_dot = E φ′(u)φ′(v) by quadrature, with an estimate of the error.

    Parameters
    ----------
    act : Activation
        The activation φ.
    a, b, c : int, float, Fraction, str, SymPy number, mpf or arb
        Variances E u², E v² and covariance E uv of the Gaussian (u, v), taken exactly.
    digits : int
        Decimal digits of K and K_dot.

    Returns
    -------
    K, K_dot : mpf
        The values; K_dot is None where it is infinite, at coincident inputs of a φ with jumps.
    error : mpf
        The larger of the two relative errors, estimated as the difference of two rules.

    Raises
    ------
    InputError
        Where (a, b, c) is no covariance.
    DivergentKernelError
        Where the kernel is infinite.

    Notes
    -----
    K_dot = ∂K/∂c (T4, Price's theorem).

    References
    ----------
    Avidan, Li and Sompolinsky, arXiv 2309.04522; Jacot, Gabriel and Hongler, arXiv 1806.07572.

    Examples
    --------
    >>> import mpmath
    >>> from ndksym.activation.activation import activation
    >>> K, K_dot, error = dual_mp(activation("relu"), 1, 1, 0.5)
    >>> print(mpmath.nstr(K, 20), mpmath.nstr(K_dot, 20), bool(error < 1e-30))
    0.30449889052211467904 0.33333333333333333333 True
    """
    estimate = dual_arb(act, a, b, c, digits)
    K, error = as_mpf(estimate.K), as_mpf(estimate.error)
    if estimate.K_dot is None or estimate.error_dot is None:
        return K, None, error
    return K, as_mpf(estimate.K_dot), max(error, as_mpf(estimate.error_dot))


def dual_arb(act: Activation, a: Any, b: Any, c: Any, digits: int = 30, noise: float = 0.0) -> DualEstimate:
    """K and K_dot as arbs; otherwise as `dual_mp`. An arb input counts as its midpoint, and 1 − ρ² within ±`noise` as 0."""
    phi = compiled_pieces(act)
    inputs = exact(a), exact(b), exact(c)
    exponentials = _too_fast(act, inputs)
    if exponentials:
        return _closed(exponentials, inputs, digits, noise)
    working = digits - 1
    while True:
        fine = _attempt(phi, inputs, working + 5, noise)
        coarse = _attempt(phi, inputs, working, noise)
        missing = _missing(coarse, fine, digits)
        if missing <= 0 or working > 5 * digits + 60:
            (K, K_dot), (other, other_dot) = fine.values, coarse.values
            sizes = [flint().arb(fine.size(k, 3 * digits + 30)).exp() for k in (0, 1)]
            error = abs(K - other).upper() / sizes[0]
            if K_dot is None or other_dot is None:
                return DualEstimate(K, None, error, None)
            return DualEstimate(K, K_dot, error, abs(K_dot - other_dot).upper() / sizes[1])
        working += math.ceil(missing) + 2


def _missing(coarse: _Values, fine: _Values, digits: int) -> float:
    """Digits by which the difference of the two rules exceeds the wanted relative error."""
    short = -math.inf
    for k, (one, other) in enumerate(zip(coarse.values, fine.values, strict=True)):
        if one is not None and other is not None:
            lost = (log_size((one - other).mid()) - fine.size(k, 3 * digits + 30)) / _LOG10
            short = max(short, min(lost, 2.0 * digits) + digits)
    return short


def single_arb(act: Activation, a: Any, b: Any, c: Any, digits: int, noise: float = 0.0) -> KernelPair:
    """K and K_dot by one rule without an error estimate, for callers that compare different `digits` themselves."""
    inputs = exact(a), exact(b), exact(c)
    exponentials = _too_fast(act, inputs)
    if exponentials:
        estimate = _closed(exponentials, inputs, digits, noise)
        return estimate.K, estimate.K_dot
    return _attempt(compiled_pieces(act), inputs, digits, noise).values


def _too_fast(act: Activation, inputs: Inputs) -> ExponentialTerms | None:
    """φ as a sum of exponentials if they are too fast for quadrature, or None."""
    parts = terms(act)
    if parts and fastest(parts) ** 2 * max(float(as_arb(value)) for value in inputs[:2]) > _FAST**2:
        return parts
    return None


def _closed(exponentials: ExponentialTerms, inputs: Inputs, digits: int, noise: float) -> DualEstimate:
    """K and K_dot of fast exponentials, exact up to rounding, whose error is certified."""

    def run(_: int) -> _Values:
        shape = geometry(*inputs, noise)
        return _Values(expectation(exponentials, shape), (-math.inf, -math.inf))

    K, K_dot = _rounded(run, digits).values
    tiny = flint().arb(2) ** -(10**18)
    return DualEstimate(
        K, K_dot, *(value.rad() / abs(value.mid()).max(tiny) for value in (K, K_dot) if value is not None)
    )


def _attempt(phi: CompiledPieces, inputs: Inputs, digits: int, noise: float) -> _Values:
    """K and K_dot with all rules sized for `digits`."""

    def run(digits: int) -> _Values:
        shape = geometry(*inputs, noise)
        size, cell = _rule(digits)
        variances = midpoint(shape.a), midpoint(shape.b)
        reach = reach_of(profile(phi, variances[0]), profile(phi, variances[1]), shape, digits, phi)
        sides = [_side(phi, variance, reach, digits, size, flint().ctx.prec) for variance in variances]
        panels, (own, other) = (sides[0][0], sides[1][0]), (side[1] for side in sides)
        scales = (own[0] + other[0]) / 2, (own[1] + other[1]) / 2
        if shape.s == 0:
            return _Values(_line(phi, shape, panels, size, cell), scales)
        if shape.rho == 0:
            return _Values(_apart(phi, shape, panels, size, cell), scales)
        smoother = Smoother(phi, shape.q, shape.s, panels[1], reach, digits, size, cell)
        return _Values(_plane(phi, shape, panels, smoother), scales)

    return _rounded(run, digits)


@lru_cache(maxsize=256)
def _side(
    phi: CompiledPieces, variance: Fraction, reach: float, digits: int, size: int, prec: int
) -> tuple[list[GaussPanel], tuple[float, float]]:
    """The panels of φ at one variance, and log E φ², log E φ′²; cached, since one variance meets many others."""
    with precision(prec):
        scale = as_arb(variance).sqrt()
        panels = resolve(phi, scale, reach, digits, size, profile(phi, variance).levels())
        return panels, _squares(phi, scale, panels, size)


def _squares(phi: CompiledPieces, scale: arb, panels: list[GaussPanel], size: int) -> tuple[float, float]:
    """Approximate log E φ² and log E φ′²."""
    totals = [flint().arb(0), flint().arb(0)]
    for panel in panels:
        for k, column in enumerate(_weighted(phi, scale, panel, size)):
            for value, weight in zip(*column, strict=True):
                totals[k] += weight * value * value
    return log_size(totals[0]), log_size(totals[1])


def _weighted(phi: CompiledPieces, scale: arb, panel: GaussPanel, size: int) -> list[tuple[list[Any], list[arb]]]:
    """(values, weights) of φ and of φ′ at the nodes of a panel, for integrals with weight N(x)."""
    nodes = panel.nodes(size)
    weights = [panel.half * w * density(x) for w, x in zip(legendre(size)[1], nodes, strict=True)]
    return [(column, weights) for column in phi.programs[panel.piece].run([scale * x for x in nodes])]


def _rounded(run: Callable[[int], _Values], digits: int) -> _Values:
    """Raise the precision until rounding errors are below `digits`."""
    prec = bits(digits + 12)
    for _ in range(8):
        with precision(prec):
            result = run(digits)
        finite = [(k, value) for k, value in enumerate(result.values) if value is not None]
        lost = max(log_size(value.rad()) - result.size(k, 0) for k, value in finite)
        if all(value.is_finite() for _, value in finite) and lost < -(digits - 4) * _LOG10:
            break
        prec = prec * 3 // 2 + 32
    return result


Meshes = tuple[list[GaussPanel], list[GaussPanel]]
"""Panels of φ at the variances a and b."""


def _line(phi: CompiledPieces, shape: Geometry, panels: Meshes, size: int, cell: float) -> KernelPair:
    """ρ = ±1: one integral, E φ(px)φ(±qx)."""
    other = shape.q * shape.rho
    totals = [flint().arb(0), flint().arb(0)]
    for panel in refine(panels, [tau / other for tau in phi.break_points()], shape, cell):
        piece = sum(1 for tau in phi.break_points() if panel.centre * other > tau)
        right = phi.programs[piece].run([other * x for x in panel.nodes(size)])
        for k, (values, weights) in enumerate(_weighted(phi, shape.p, panel, size)):
            totals[k] += dot(weights, [f * g for f, g in zip(values, right[k], strict=True)])
    return totals[0], None if any(jump != 0 for jump in phi.jump_heights()) else totals[1]


def _apart(phi: CompiledPieces, shape: Geometry, panels: Meshes, size: int, cell: float) -> KernelPair:
    """c = 0: E φ(u) E φ(v)."""
    products = [flint().arb(1), flint().arb(1)]
    for scale, mesh in zip((shape.p, shape.q), panels, strict=True):
        means = [flint().arb(0), flint().arb(0)]
        for panel in refine((mesh, mesh), [], shape, cell):
            for k, (values, weights) in enumerate(_weighted(phi, scale, panel, size)):
                means[k] += dot(weights, values)
        for tau, jump in zip(phi.break_points(), phi.jump_heights(), strict=True):
            means[1] += jump * density(tau / scale) / scale
        products = [product * mean for product, mean in zip(products, means, strict=True)]
    return products[0], products[1]


def _plane(phi: CompiledPieces, shape: Geometry, panels: Meshes, smoother: Smoother) -> KernelPair:
    """0 < |ρ| < 1: the iterated integral."""
    rho, cell = shape.rho, smoother.cell
    steps = math.ceil(smoother.reach / cell)
    cuts = [  # h changes quickly around τ/q, on the scale s
        (tau / shape.q + shape.s * cell * k) / rho for tau in phi.break_points() for k in range(-steps, steps + 1)
    ]
    blocks, rows = [], []
    for panel in refine(panels, cuts, shape, cell):
        if not all(phi.programs[panel.piece].zero):
            blocks.append(Block(rho * panel.centre, rho * panel.half))
            columns = _weighted(phi, shape.p, panel, smoother.size)
            rows.append([[w * f for f, w in zip(*column, strict=True)] for column in columns])
    for tau, jump in zip(phi.break_points(), phi.jump_heights(), strict=True):
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
