"""Rigorous growth bounds of an expression on a half-strip that runs to infinity, where boxes cannot go.

The half-strip is T = {Re(σz) ≥ X, |Im z| ≤ w} with σ = ±1, X ≥ 1; write x = Re(σz). Every node f of the expression gets

    |f(z)| ≤ A xⁿ e^{κx + αx²},   |f| ≥ low·e^{rate(x − X)},   Re f ∈ [re_lo, re_hi],   |arg f| ≤ arg (None: not known),

from those of its arguments. A node that may have a pole or meet a cut in T has no bound: NotCertifiedError.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import sympy

from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import NotCertifiedError, flint

__all__ = ["Envelope", "Growth", "envelope"]


@dataclass(frozen=True)
class Growth:
    """A xⁿ e^{κx + αx²} for x ≥ X ≥ 1; all but A may be negative."""

    A: Any
    n: Any
    kappa: Any
    alpha: Any

    def at(self, x: Any) -> Any:
        return self.A * x**self.n * (self.kappa * x + self.alpha * x * x).exp()

    def __add__(self, other: Growth) -> Growth:
        """Sum of the bounds, as the larger rates with the sum of the factors: right since x ≥ 1."""
        rates = (_max(p, q) for p, q in ((self.n, other.n), (self.kappa, other.kappa), (self.alpha, other.alpha)))
        return Growth(self.A + other.A, *rates)

    def __mul__(self, other: Growth) -> Growth:
        return Growth(self.A * other.A, self.n + other.n, self.kappa + other.kappa, self.alpha + other.alpha)

    def most(self, lo: Any, hi: Any) -> Any:
        """An upper bound on [lo, hi], lo ≥ 1."""
        rate = _max(self.kappa * lo, self.kappa * hi) + _max(self.alpha * lo * lo, self.alpha * hi * hi)
        return self.A * hi ** _max(self.n, 0) * rate.exp()

    def peak(self, X: Any) -> Any:
        """An upper bound for x ≥ X, infinite when there is none."""
        n, kappa, alpha = _max(self.n, 0), self.kappa, self.alpha  # xⁿ ≤ 1 for n < 0
        if alpha < 0:  # n/x + κ + 2αx = 0
            best = (-kappa - (kappa * kappa - 8 * alpha * n).sqrt()) / (4 * alpha)
        elif alpha.is_zero() and kappa < 0:
            best = -n / kappa
        elif alpha.is_zero() and kappa.is_zero() and n.is_zero():
            best = X
        else:
            return flint().arb.pos_inf()
        return replace(self, n=n).at(_max(best, X))  # it rises up to the best place and falls from there on


@dataclass(frozen=True)
class Envelope:
    """What is known of one node on T."""

    up: Growth
    low: Any
    re_lo: Any
    re_hi: Any
    arg: Any = None
    rate: Any = 0


@dataclass(frozen=True)
class _Half:
    """The half-strip T."""

    sign: int
    X: Any
    w: Any
    x: sympy.Symbol


def envelope(expr: sympy.Expr, x: sympy.Symbol, sign: int, X: Any, w: Any = 0) -> Growth:
    """|expr| ≤ A xⁿ e^{κx + αx²} on the half-strip.

    >>> from ndksym.symbols import x
    >>> bound = envelope(sympy.tanh(x), x, 1, flint().arb(3))
    >>> bool(bound.A < 1.01), bound.n
    (True, 0)

    Errors: NotCertifiedError where no bound is found.
    """
    arb = flint().arb
    return _node(sympy.sympify(expr, strict=True), _Half(sign, arb(X), arb(w), x)).up


def _max(p: Any, q: Any) -> Any:
    return flint().arb(p).max(flint().arb(q))


def _flat(A: Any) -> Growth:
    zero = flint().arb(0)
    return Growth(flint().arb(A), zero, zero, zero)


def _bounded(size: Any, low: Any = 0, arg: Any = None) -> Envelope:
    size = flint().arb(size)
    return Envelope(_flat(size), flint().arb(low), -size, size, arg)


def _fail(expr: sympy.Expr) -> NotCertifiedError:
    return NotCertifiedError(f"no growth bound for {expr}")


def _node(expr: sympy.Expr, T: _Half) -> Envelope:
    if expr.is_number:
        value = constant(expr)
        size = abs(value)
        real = flint().acb(value).real
        return Envelope(_flat(size), size, real, real, flint().arb(0) if real > 0 else None)
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


def _affine_or_quadratic(expr: sympy.Expr, T: _Half) -> tuple[Any, Any, Any] | None:
    """Real (c, η, α) with expr = αx² + ηx + c."""
    if not expr.is_polynomial(T.x) or sympy.degree(expr, T.x) > 2:
        return None
    expanded = sympy.expand(expr)
    values = [constant(expanded.coeff(T.x, k)) for k in range(3)]
    return None if any(isinstance(value, flint().acb) for value in values) else (values[0], values[1], values[2])


def _polynomial(expr: sympy.Expr, c: Any, eta: Any, alpha: Any, T: _Half) -> Envelope:
    zero = flint().arb(0)
    stretch = 1 + T.w / T.X  # |z| ≤ x·stretch
    if not alpha.is_zero():
        A = abs(alpha) * stretch**2 + abs(eta) * stretch + abs(c)
        low = _max(abs(alpha) * T.X**2 - abs(eta) * T.X - abs(c), zero)
        low = low if 2 * abs(alpha) * T.X > abs(eta) else zero  # increasing from X on
        return Envelope(Growth(A, flint().arb(2), zero, zero), low, -flint().arb.pos_inf(), flint().arb.pos_inf())
    if eta.is_zero():
        return _node(sympy.Integer(0), T) if c.is_zero() else Envelope(_flat(abs(c)), abs(c), c, c)
    start, infinity = c + eta * T.sign * T.X, flint().arb.pos_inf()
    rising = (eta * T.sign) > 0
    re_lo, re_hi = (start, infinity) if rising else (-infinity, start)
    low = start if rising else -start
    arg = (abs(eta) * T.w / low).atan() if rising and low > 0 else None
    return Envelope(Growth(abs(eta) * stretch + abs(c), flint().arb(1), zero, zero), _max(low, zero), re_lo, re_hi, arg)


def _sum(terms: list[Envelope], T: _Half) -> Envelope:
    zero = flint().arb(0)
    up = reduce(lambda p, q: p + q, (term.up for term in terms))
    re_lo = sum((term.re_lo for term in terms), zero)
    re_hi = sum((term.re_hi for term in terms), zero)
    arg = None
    floors: list[tuple[Any, Any]] = [(bound, 0) for bound in (re_lo, -re_hi) if bound.is_finite()]
    peaks = [term.up.peak(T.X) for term in terms]
    for k, term in enumerate(terms):  # one term that outweighs the others; the rest is constant, so it grows no slower
        rest = sum((peak for j, peak in enumerate(peaks) if j != k), zero)
        if rest < term.low:
            floors.append((term.low - rest, term.rate))
            if term.arg is not None:
                turned = term.arg + (rest / term.low).asin()
                arg = turned if arg is None or turned < arg else arg
    if all(term.arg is not None for term in terms):  # a convex sector
        widest = reduce(_max, (term.arg for term in terms))
        if widest < flint().arb.pi() / 2:
            arg = widest if arg is None or widest < arg else arg
            floors.append((sum((term.low * widest.cos() for term in terms), zero), 0))
            floors += [(term.low * widest.cos(), term.rate) for term in terms]
    floors = [(value, rate) for value, rate in floors if value > 0]
    low, rate = max(floors, key=lambda pair: (float(pair[1]), float(pair[0]))) if floors else (zero, 0)
    return _sized(Envelope(up, low, _finite(re_lo, -1), _finite(re_hi, 1), arg, rate), T)


def _finite(value: Any, sign: int) -> Any:
    return value if not value.is_nan() else sign * flint().arb.pos_inf()


def _sized(found: Envelope, T: _Half) -> Envelope:
    """Re f lies within ±|f|."""
    peak = found.up.peak(T.X)
    if not peak.is_finite():
        return found
    re_lo = found.re_lo if found.re_lo > -peak else -peak
    re_hi = found.re_hi if found.re_hi < peak else peak
    return replace(found, re_lo=re_lo, re_hi=re_hi)


def _product(f: Envelope, g: Envelope, T: _Half) -> Envelope:
    infinity = flint().arb.pos_inf()
    low = f.low * g.low
    arg = f.arg + g.arg if f.arg is not None and g.arg is not None else None
    arg = arg if arg is not None and arg < flint().arb.pi() else None
    re_lo = low * arg.cos() if arg is not None and arg < flint().arb.pi() / 2 else -infinity
    return _sized(Envelope(f.up * g.up, low, re_lo, infinity, arg, f.rate + g.rate), T)


def _power(expr: sympy.Expr, T: _Half) -> Envelope:
    base, exponent = expr.args
    if not exponent.is_Rational or exponent.q > 2:
        raise _fail(expr)
    inner = _node(base, T)
    if exponent.q == 2:  # principal root: the base stays off the cut
        if inner.arg is None or not inner.low > 0:
            raise _fail(expr)
        half = Growth(inner.up.A.sqrt(), inner.up.n / 2, inner.up.kappa / 2, inner.up.alpha / 2)
        root = inner.low.sqrt() * (inner.arg / 2).cos()
        inner = Envelope(half, inner.low.sqrt(), root, flint().arb.pos_inf(), inner.arg / 2, inner.rate / 2)
    result = reduce(lambda f, g: _product(f, g, T), [inner] * abs(int(exponent.p)))
    if exponent > 0:
        return result
    if not result.low > 0:
        raise _fail(expr)
    peak = result.up.peak(T.X)
    low = 1 / peak if peak.is_finite() else flint().arb(0)
    rate = flint().arb(result.rate)
    zero = flint().arb(0)
    found = replace(
        _bounded(1 / result.low, low, result.arg), up=Growth((rate * T.X).exp() / result.low, zero, -rate, zero)
    )
    if result.arg is not None and result.arg < flint().arb.pi() / 2:
        found = replace(found, re_lo=flint().arb(0))
    return found


def _exp(expr: sympy.Expr, inner: sympy.Expr, T: _Half) -> Envelope:
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
        return _sized(Envelope(Growth(lift, zero, slope, alpha), low, re_lo, infinity, arg, rate), T)
    found = _node(inner, T)
    if not found.re_hi.is_finite():
        raise _fail(expr)
    low = found.re_lo.exp() if found.re_lo.is_finite() else zero
    return _bounded(found.re_hi.exp(), low)


def _function(expr: sympy.Expr, T: _Half) -> Envelope:
    pi = flint().arb.pi()
    if not isinstance(expr, sympy.Function) or len(expr.args) != 1:
        raise _fail(expr)
    inner = _node(expr.args[0], T)
    affine = _affine_or_quadratic(expr.args[0], T)
    affine = affine if affine and affine[2].is_zero() else None
    peak = inner.up.peak(T.X)
    away = inner.re_lo if inner.re_lo > 0 else -inner.re_hi if inner.re_hi < 0 else None
    kind = type(expr)
    if kind is sympy.log:
        return _log(expr, inner, peak)
    if kind is sympy.tanh:
        if away is not None:  # |tanh|² = (sinh² + sin²)/(sinh² + cos²) of x, y
            return _bounded(away.coth(), away.tanh())
        if peak < pi / 2:
            return _bounded(peak.tan())
    if kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh) and affine:
        c, eta, _ = affine
        if kind in (sympy.sin, sympy.cos):
            return _bounded((abs(eta) * T.w).exp())
        up = Growth(abs(c).exp(), flint().arb(0), abs(eta), flint().arb(0))
        return Envelope(up, flint().arb(0), -flint().arb.pos_inf(), flint().arb.pos_inf())
    if kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh) and peak.is_finite():
        return _bounded(peak.exp())
    if kind in (sympy.erf, sympy.erfc) and affine and away is not None:
        # |erfc(ζ)| ≤ e^{y² − x²} for Re ζ ≥ 0, from erfc ζ = (2/√π) e^{−ζ²} ∫ e^{−t² − 2ζt} dt; erf is odd
        tail = ((affine[1] * T.w) ** 2 - away**2).exp()
        return _bounded(1 + tail, _max(1 - tail, flint().arb(0))) if kind is sympy.erf else _bounded(2 + tail)
    if kind in (sympy.erf, sympy.erfc) and peak.is_finite():
        size = 2 / pi.sqrt() * peak * (peak * peak).exp()
        return _bounded(size if kind is sympy.erf else 1 + size)
    if kind is sympy.atan and away is not None:
        # |Im atan ζ| = ½ log|(ζ + i)/(ζ − i)| and |ζ ± i| ≥ |Re ζ|
        return _bounded(pi / 2 + (1 + 2 / away).log() / 2)
    if kind is sympy.asinh and away is not None:
        # |ζ + √(ζ² + 1)| lies between 1/(2|ζ| + 1) and 2|ζ| + 1
        size = inner.up
        A = (2 * size.A + 1).log() + _max(size.n, 0) + abs(size.kappa) + abs(size.alpha) + pi / 2
        power = flint().arb(2 if not size.alpha.is_zero() else 1)
        up = Growth(A, power, flint().arb(0), flint().arb(0))
        return Envelope(up, flint().arb(0), -flint().arb.pos_inf(), flint().arb.pos_inf())
    raise _fail(expr)


def _log(expr: sympy.Expr, inner: Envelope, peak: Any) -> Envelope:
    if inner.arg is None or not inner.low > 0:
        raise _fail(expr)
    low, arg = inner.low.log(), inner.arg
    if peak.is_finite():
        high = peak.log()
        size = _max(abs(low), abs(high)) + arg
        return Envelope(_flat(size), _max(low, 0), low, high)
    size = inner.up  # log A + n log x + κx + αx², and log x ≤ x, 1 ≤ x ≤ x²
    A = abs(size.A.log()) + _max(size.n, 0) + abs(size.kappa) + abs(size.alpha) + abs(low) + arg
    power = flint().arb(2 if not size.alpha.is_zero() else 1)
    up = Growth(A, power, flint().arb(0), flint().arb(0))
    return Envelope(up, _max(low, 0), low, flint().arb.pos_inf(), None)
