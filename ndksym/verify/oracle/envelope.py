"""Rigorous growth bounds of an expression on an unbounded half-strip, which boxes cannot cover.

The half-strip is T = {Re(σz) ≥ X, |Im z| ≤ w} with σ = ±1, X ≥ 1; write x = Re(σz). Every node f of the expression has bounds

    |f(z)| ≤ A xⁿ e^{κx + αx²},   |f| ≥ low·e^{rate(x − X)},   Re f ∈ [re_lo, re_hi],   |arg f| ≤ arg (None: no bound),

which follow from those of its arguments. A node that may have a pole or a cut in T has none: NotCertifiedError.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

import sympy

from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

if TYPE_CHECKING:
    from flint import arb

__all__ = ["Growth", "NodeBounds", "envelope"]


@dataclass(frozen=True)
class Growth:
    """The bound A xⁿ e^{κx + αx²} for x ≥ X ≥ 1; n, κ and α may be negative."""

    A: arb
    n: arb
    kappa: arb
    alpha: arb

    def at(self, x: arb) -> arb:
        """The bound at x."""
        return self.A * x**self.n * (self.kappa * x + self.alpha * x * x).exp()

    def __add__(self, other: Growth) -> Growth:
        """A bound of the sum: the larger of each two rates, with the sum of the factors; valid since x ≥ 1."""
        rates = (_max(p, q) for p, q in ((self.n, other.n), (self.kappa, other.kappa), (self.alpha, other.alpha)))
        return Growth(self.A + other.A, *rates)

    def __mul__(self, other: Growth) -> Growth:
        """The bound of the product."""
        return Growth(self.A * other.A, self.n + other.n, self.kappa + other.kappa, self.alpha + other.alpha)

    def most(self, lo: arb, hi: arb) -> arb:
        """An upper bound on [lo, hi], lo ≥ 1."""
        rate = _max(self.kappa * lo, self.kappa * hi) + _max(self.alpha * lo * lo, self.alpha * hi * hi)
        return self.A * hi ** _max(self.n, 0) * rate.exp()

    def peak(self, X: arb) -> arb:
        """An upper bound for x ≥ X, or infinity."""
        n, kappa, alpha = _max(self.n, 0), self.kappa, self.alpha  # xⁿ ≤ 1 for n < 0
        if alpha < 0:  # n/x + κ + 2αx = 0
            best = (-kappa - (kappa * kappa - 8 * alpha * n).sqrt()) / (4 * alpha)
        elif alpha.is_zero() and kappa < 0:
            best = -n / kappa
        elif alpha.is_zero() and kappa.is_zero() and n.is_zero():
            best = X
        else:
            return flint().arb.pos_inf()
        return replace(self, n=n).at(_max(best, X))  # the bound increases up to `best` and decreases beyond it


@dataclass(frozen=True)
class NodeBounds:
    """Bounds of one node on T: |f| ≤ up, |f| ≥ low·e^{rate(x − X)}, re_lo ≤ Re f ≤ re_hi, |arg f| ≤ arg."""

    up: Growth
    low: arb
    re_lo: arb
    re_hi: arb
    arg: arb | None = None
    rate: arb | float = 0


@dataclass(frozen=True)
class _HalfStrip:
    """The half-strip T, with σ = sign."""

    sign: int
    X: arb
    w: arb
    x: sympy.Symbol


def envelope(expr: sympy.Expr, x: sympy.Symbol, sign: int, X: arb, w: arb | float = 0) -> Growth:
    """The bound |expr| ≤ A xⁿ e^{κx + αx²} on the half-strip. Raises NotCertifiedError where no bound is found.

    >>> from ndksym.symbols import x
    >>> bound = envelope(sympy.tanh(x), x, 1, flint().arb(3))
    >>> bool(bound.A < 1.01), bound.n
    (True, 0)
    """
    arb = flint().arb
    return _node(sympy.sympify(expr, strict=True), _HalfStrip(sign, arb(X), arb(w), x)).up


def _max(p: arb | int, q: arb | int) -> arb:
    return flint().arb(p).max(flint().arb(q))


def _flat(A: arb | int) -> Growth:
    """A constant bound."""
    zero = flint().arb(0)
    return Growth(flint().arb(A), zero, zero, zero)


def _bounded(size: arb | int, low: arb | int = 0, arg: arb | None = None) -> NodeBounds:
    """Bounds of a node with low ≤ |f| ≤ size."""
    size = flint().arb(size)
    return NodeBounds(_flat(size), flint().arb(low), -size, size, arg)


def _fail(expr: sympy.Expr) -> NotCertifiedError:
    return NotCertifiedError(f"no growth bound for {expr}")


def _node(expr: sympy.Expr, T: _HalfStrip) -> NodeBounds:
    """Bounds of an expression from those of its arguments."""
    if expr.is_number:
        value = constant(expr)
        size = abs(value)
        real = flint().acb(value).real
        return NodeBounds(_flat(size), size, real, real, flint().arb(0) if real > 0 else None)
    polynomial = _affine_or_quadratic(expr, T)
    if polynomial and (polynomial[2].is_zero() or isinstance(expr, sympy.Add)):
        return _polynomial(expr, *polynomial, T)
    if isinstance(expr, sympy.Add):
        return _sum([_node(arg, T) for arg in expr.args], T)
    if isinstance(expr, sympy.Mul):
        return reduce(lambda f, g: _product(f, g, T), [_node(arg, T) for arg in expr.args])
    if isinstance(expr, sympy.Pow) and expr.args[0] is not sympy.E:
        return _power(expr, T)
    if isinstance(expr, sympy.exp | sympy.Pow):
        return _exp(expr, expr.args[-1], T)
    return _function(expr, T)


def _affine_or_quadratic(expr: sympy.Expr, T: _HalfStrip) -> tuple[arb, arb, arb] | None:
    """Real (c, η, α) of expr = αx² + ηx + c, or None if it is another expression."""
    if not expr.is_polynomial(T.x) or sympy.degree(expr, T.x) > 2:
        return None
    expanded = sympy.expand(expr)
    values = [constant(expanded.coeff(T.x, k)) for k in range(3)]
    return None if any(isinstance(value, flint().acb) for value in values) else (values[0], values[1], values[2])


def _polynomial(expr: sympy.Expr, c: arb, eta: arb, alpha: arb, T: _HalfStrip) -> NodeBounds:
    zero = flint().arb(0)
    stretch = 1 + T.w / T.X  # |z| ≤ x·stretch
    if not alpha.is_zero():
        A = abs(alpha) * stretch**2 + abs(eta) * stretch + abs(c)
        low = _max(abs(alpha) * T.X**2 - abs(eta) * T.X - abs(c), zero)
        low = low if 2 * abs(alpha) * T.X > abs(eta) else zero  # increasing from X on
        return NodeBounds(Growth(A, flint().arb(2), zero, zero), low, -flint().arb.pos_inf(), flint().arb.pos_inf())
    if eta.is_zero():
        return _node(sympy.Integer(0), T) if c.is_zero() else NodeBounds(_flat(abs(c)), abs(c), c, c)
    start, infinity = c + eta * T.sign * T.X, flint().arb.pos_inf()
    rising = (eta * T.sign) > 0
    re_lo, re_hi = (start, infinity) if rising else (-infinity, start)
    low = start if rising else -start
    arg = (abs(eta) * T.w / low).atan() if rising and low > 0 else None
    return NodeBounds(
        Growth(abs(eta) * stretch + abs(c), flint().arb(1), zero, zero), _max(low, zero), re_lo, re_hi, arg
    )


def _sum(terms: list[NodeBounds], T: _HalfStrip) -> NodeBounds:
    zero = flint().arb(0)
    up = reduce(lambda p, q: p + q, (term.up for term in terms))
    re_lo = sum((term.re_lo for term in terms), zero)
    re_hi = sum((term.re_hi for term in terms), zero)
    arg = None
    floors: list[tuple[arb, arb | float]] = [(bound, 0) for bound in (re_lo, -re_hi) if bound.is_finite()]
    peaks = [term.up.peak(T.X) for term in terms]
    for k, term in enumerate(terms):  # one term dominates the others, whose bound is constant
        rest = sum((peak for j, peak in enumerate(peaks) if j != k), zero)
        if rest < term.low:
            floors.append((term.low - rest, term.rate))
            if term.arg is not None:
                turned = term.arg + (rest / term.low).asin()
                arg = turned if arg is None or turned < arg else arg
    angles = [term.arg for term in terms if term.arg is not None]
    if len(angles) == len(terms):  # a convex sector
        widest = reduce(_max, angles)
        if widest < flint().arb.pi() / 2:
            arg = widest if arg is None or widest < arg else arg
            floors.append((sum((term.low * widest.cos() for term in terms), zero), 0))
            floors += [(term.low * widest.cos(), term.rate) for term in terms]
    floors = [(value, rate) for value, rate in floors if value > 0]
    low, rate = max(floors, key=lambda pair: (float(pair[1]), float(pair[0]))) if floors else (zero, 0)
    return _with_real_part(NodeBounds(up, low, _finite(re_lo, -1), _finite(re_hi, 1), arg, rate), T)


def _finite(value: arb, sign: int) -> arb:
    """The value, or sign·∞ instead of nan."""
    return value if not value.is_nan() else sign * flint().arb.pos_inf()


def _with_real_part(bounds: NodeBounds, T: _HalfStrip) -> NodeBounds:
    """The bounds with |Re f| ≤ |f| taken into account."""
    peak = bounds.up.peak(T.X)
    if not peak.is_finite():
        return bounds
    re_lo = bounds.re_lo if bounds.re_lo > -peak else -peak
    re_hi = bounds.re_hi if bounds.re_hi < peak else peak
    return replace(bounds, re_lo=re_lo, re_hi=re_hi)


def _product(f: NodeBounds, g: NodeBounds, T: _HalfStrip) -> NodeBounds:
    infinity = flint().arb.pos_inf()
    low = f.low * g.low
    arg = f.arg + g.arg if f.arg is not None and g.arg is not None else None
    arg = arg if arg is not None and arg < flint().arb.pi() else None
    re_lo = low * arg.cos() if arg is not None and arg < flint().arb.pi() / 2 else -infinity
    return _with_real_part(NodeBounds(f.up * g.up, low, re_lo, infinity, arg, f.rate + g.rate), T)


def _power(expr: sympy.Expr, T: _HalfStrip) -> NodeBounds:
    base, exponent = expr.args
    if not exponent.is_Rational or exponent.q > 2:
        raise _fail(expr)
    inner = _node(base, T)
    if exponent.q == 2:  # principal root: the base does not meet the cut
        if inner.arg is None or not inner.low > 0:
            raise _fail(expr)
        half = Growth(inner.up.A.sqrt(), inner.up.n / 2, inner.up.kappa / 2, inner.up.alpha / 2)
        root = inner.low.sqrt() * (inner.arg / 2).cos()
        inner = NodeBounds(half, inner.low.sqrt(), root, flint().arb.pos_inf(), inner.arg / 2, inner.rate / 2)
    result = reduce(lambda f, g: _product(f, g, T), [inner] * abs(int(exponent.p)))
    if exponent > 0:
        return result
    if not result.low > 0:
        raise _fail(expr)
    peak = result.up.peak(T.X)
    low = 1 / peak if peak.is_finite() else flint().arb(0)
    rate = flint().arb(result.rate)
    zero = flint().arb(0)
    bounds = replace(
        _bounded(1 / result.low, low, result.arg), up=Growth((rate * T.X).exp() / result.low, zero, -rate, zero)
    )
    if result.arg is not None and result.arg < flint().arb.pi() / 2:
        bounds = replace(bounds, re_lo=flint().arb(0))
    return bounds


def _exp(expr: sympy.Expr, inner: sympy.Expr, T: _HalfStrip) -> NodeBounds:
    infinity, zero = flint().arb.pos_inf(), flint().arb(0)
    quadratic = _affine_or_quadratic(inner, T)
    if quadratic:
        c, eta, alpha = quadratic
        slope = eta * T.sign
        # Re(αz² + ηz + c) = αx² − αy² + ησx + c
        lift = (c + _max(-alpha, zero) * T.w**2).exp()
        falls = c - _max(alpha, zero) * T.w**2 + slope * T.X + alpha * T.X**2
        rising = (alpha > 0 and slope + 2 * alpha * T.X > 0) or (alpha.is_zero() and not slope < 0)
        arg = abs(eta) * T.w if alpha.is_zero() else None
        arg = arg if arg is not None and arg < flint().arb.pi() else None
        low = falls.exp() if rising else zero
        re_lo = low * arg.cos() if arg is not None and arg < flint().arb.pi() / 2 else -infinity
        rate = slope if rising and alpha.is_zero() else 0
        return _with_real_part(NodeBounds(Growth(lift, zero, slope, alpha), low, re_lo, infinity, arg, rate), T)
    bounds = _node(inner, T)
    if not bounds.re_hi.is_finite():
        raise _fail(expr)
    low = bounds.re_lo.exp() if bounds.re_lo.is_finite() else zero
    return _bounded(bounds.re_hi.exp(), low)


def _function(expr: sympy.Expr, T: _HalfStrip) -> NodeBounds:
    pi = flint().arb.pi()
    if not isinstance(expr, sympy.Function) or len(expr.args) != 1:
        raise _fail(expr)
    inner = _node(expr.args[0], T)
    affine = _affine_or_quadratic(expr.args[0], T)
    affine = affine if affine and affine[2].is_zero() else None
    peak = inner.up.peak(T.X)
    distance = inner.re_lo if inner.re_lo > 0 else -inner.re_hi if inner.re_hi < 0 else None
    kind = type(expr)
    if kind is sympy.log:
        return _log(expr, inner, peak)
    if kind is sympy.tanh:
        if distance is not None:  # |tanh|² = (sinh² + sin²)/(sinh² + cos²) of x, y
            return _bounded(distance.coth(), distance.tanh())
        if peak < pi / 2:
            return _bounded(peak.tan())
    if kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh) and affine:
        c, eta, _ = affine
        if kind in (sympy.sin, sympy.cos):
            return _bounded((abs(eta) * T.w).exp())
        up = Growth(abs(c).exp(), flint().arb(0), abs(eta), flint().arb(0))
        return NodeBounds(up, flint().arb(0), -flint().arb.pos_inf(), flint().arb.pos_inf())
    if kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh) and peak.is_finite():
        return _bounded(peak.exp())
    if kind in (sympy.erf, sympy.erfc) and affine and distance is not None:
        # |erfc(ζ)| ≤ e^{y² − x²} for Re ζ ≥ 0, from erfc ζ = (2/√π) e^{−ζ²} ∫ e^{−t² − 2ζt} dt; erf is odd
        tail = ((affine[1] * T.w) ** 2 - distance**2).exp()
        return _bounded(1 + tail, _max(1 - tail, flint().arb(0))) if kind is sympy.erf else _bounded(2 + tail)
    if kind in (sympy.erf, sympy.erfc) and peak.is_finite():
        size = 2 / pi.sqrt() * peak * (peak * peak).exp()
        return _bounded(size if kind is sympy.erf else 1 + size)
    if kind is sympy.atan and distance is not None:
        # |Im atan ζ| = ½ log|(ζ + i)/(ζ − i)| and |ζ ± i| ≥ |Re ζ|
        return _bounded(pi / 2 + (1 + 2 / distance).log() / 2)
    if kind is sympy.asinh and distance is not None:
        # |ζ + √(ζ² + 1)| lies between 1/(2|ζ| + 1) and 2|ζ| + 1
        growth = inner.up
        A = (2 * growth.A + 1).log() + _max(growth.n, 0) + abs(growth.kappa) + abs(growth.alpha) + pi / 2
        power = flint().arb(2 if not growth.alpha.is_zero() else 1)
        up = Growth(A, power, flint().arb(0), flint().arb(0))
        return NodeBounds(up, flint().arb(0), -flint().arb.pos_inf(), flint().arb.pos_inf())
    raise _fail(expr)


def _log(expr: sympy.Expr, inner: NodeBounds, peak: arb) -> NodeBounds:
    if inner.arg is None or not inner.low > 0:
        raise _fail(expr)
    low, arg = inner.low.log(), inner.arg
    if peak.is_finite():
        high = peak.log()
        size = _max(abs(low), abs(high)) + arg
        return NodeBounds(_flat(size), _max(low, 0), low, high)
    growth = inner.up  # log A + n log x + κx + αx², and log x ≤ x, 1 ≤ x ≤ x²
    A = abs(growth.A.log()) + _max(growth.n, 0) + abs(growth.kappa) + abs(growth.alpha) + abs(low) + arg
    power = flint().arb(2 if not growth.alpha.is_zero() else 1)
    up = Growth(A, power, flint().arb(0), flint().arb(0))
    return NodeBounds(up, _max(low, 0), low, flint().arb.pos_inf(), None)
