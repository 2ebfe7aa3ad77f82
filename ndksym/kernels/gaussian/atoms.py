"""Activations as finite sums of atoms u^n e^{αu²+ηu+κ} G(u), the class of functions of T16."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sympy import (
    Add,
    DiracDelta,
    Expr,
    Heaviside,
    I,
    Integer,
    Mul,
    Poly,
    PolynomialError,
    Pow,
    Rational,
    S,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    log,
    sin,
    sinh,
    sqrt,
)

from ndksym.activation.pieces import Piece
from ndksym.algebra.bivariate_normal import normal_cdf, normal_pdf
from ndksym.symbols import x

__all__ = ["Atom", "Envelope", "Gate", "OutsideClassError", "atoms_of", "groups"]


class OutsideClassError(Exception):
    """The expression is not a finite sum of atoms, or its expectation is not a finite sum of known functions."""


@dataclass(frozen=True)
class Gate:
    """P(w < side·(u − threshold)) for w ~ N(0, width): a step if width = 0, otherwise Φ(side·(u − threshold)/√width).

    With `pinned` it is the derivative of that times `side`: the density of N(threshold, width), a point mass if width = 0.
    """

    threshold: Expr
    width: Expr
    side: int
    pinned: bool = False

    def __post_init__(self) -> None:
        if self.side not in (1, -1) or self.width.is_negative or self.threshold.is_finite is False:
            raise ValueError(f"{self} is no gate: side must be ±1, width ≥ 0, threshold finite")

    @property
    def hard(self) -> bool:
        """Whether the gate is a step or a point mass, not a normal distribution function or density."""
        return bool(self.width.is_zero)

    def expr(self, u: Expr) -> Expr:
        """The gate at u, in functions of SymPy."""
        shift = u - self.threshold
        if self.hard:
            return DiracDelta(shift) if self.pinned else Heaviside(self.side * shift)
        scaled = shift / sqrt(self.width)
        return normal_pdf(scaled) / sqrt(self.width) if self.pinned else normal_cdf(self.side * scaled)


@dataclass(frozen=True)
class Envelope:
    """e^{αu²+ηu+κ} G(u). A complex η gives an oscillation; G = 1 without a gate."""

    alpha: Expr = S.Zero
    eta: Expr = S.Zero
    kappa: Expr = S.Zero
    gate: Gate | None = None

    def __mul__(self, other: Envelope) -> Envelope:
        if self.gate is not None and other.gate is not None:
            raise OutsideClassError("a product of two normal distribution functions (erf) of the activation's argument")
        return Envelope(
            _tidy(self.alpha + other.alpha),
            _tidy(self.eta + other.eta),
            _tidy(self.kappa + other.kappa),
            self.gate or other.gate,
        )

    def expr(self, u: Expr) -> Expr:
        """The envelope at u."""
        gate = S.One if self.gate is None else self.gate.expr(u)
        return exp(self.alpha * u**2 + self.eta * u + self.kappa) * gate


@dataclass(frozen=True)
class Atom:
    """coefficient · u^degree · e^{αu²+ηu+κ} · G(u)."""

    coefficient: Expr
    degree: int
    envelope: Envelope

    def expr(self, u: Expr = x) -> Expr:
        """The atom as a SymPy expression in u."""
        return self.coefficient * u**self.degree * self.envelope.expr(u)


Group = dict[Envelope, dict[int, Expr]]
"""Atoms collected: a polynomial for each envelope."""


def groups(atoms: Iterable[Atom]) -> Group:
    """Collect atoms by envelope."""
    terms: Group = {}
    for atom in atoms:
        _accumulate(terms, atom.envelope, {atom.degree: atom.coefficient})
    return _drop_zeros(terms)


def atoms_of(pieces: Iterable[Piece]) -> tuple[Atom, ...]:
    """A function given by pieces as a sum of atoms; OutsideClassError names the subexpression that is not one.

    φ = φ_0 + Σ_j (φ_j − φ_{j−1}) Θ(u − τ_j). An envelope that is present at −∞ and absent at +∞ is summed from the right
    instead, with steps Θ(τ_j − u), so that e^u on a left half-line stays on it.
    """
    parts = list(pieces)
    expansions = [_expand(part.expr) for part in parts]
    breaks = [part.lo for part in parts[1:]]
    terms: Group = {}
    for envelope in dict.fromkeys(envelope for expansion in expansions for envelope in expansion):
        polys = [expansion.get(envelope, {}) for expansion in expansions]
        forward = bool(polys[-1]) or not polys[0]
        _accumulate(terms, envelope, polys[0] if forward else polys[-1])
        for before, after, place in zip(polys[:-1], polys[1:], breaks, strict=True):
            jump = _difference(after, before) if forward else _difference(before, after)
            if jump and envelope.gate is not None:
                raise OutsideClassError(
                    f"a step at {place} times a normal distribution function (erf) of the same argument"
                )
            gate = Gate(place, S.Zero, 1 if forward else -1)
            _accumulate(terms, replace(envelope, gate=envelope.gate or gate), jump)
    return tuple(
        Atom(coefficient, degree, envelope)
        for envelope, poly in _drop_zeros(terms).items()
        for degree, coefficient in sorted(poly.items())
    )


def _expand(expr: Expr) -> Group:
    """A smooth expression in x as a sum of atoms, by structural recursion."""
    if not expr.has(x):
        return _constant(expr)
    if expr == x:
        return {Envelope(): {1: S.One}}
    if isinstance(expr, Add):
        total: Group = {}
        for term in expr.args:
            for envelope, poly in _expand(term).items():
                _accumulate(total, envelope, poly)
        return _drop_zeros(total)
    if isinstance(expr, Mul):
        product: Group = {Envelope(): {0: S.One}}
        for factor in expr.args:
            product = _product(product, _expand(factor), expr)
        return product
    if isinstance(expr, exp) or (isinstance(expr, Pow) and (not expr.base.has(x) or isinstance(expr.base, exp))):
        exponent = expr.args[0] if isinstance(expr, exp) else expr.exp * log(expr.base)
        return _exponential(exponent, expr)
    if isinstance(expr, Pow) and expr.exp.is_Integer:
        return _power(expr)
    if isinstance(expr, (sin, cos, sinh, cosh)):
        return _trigonometric(expr)
    if isinstance(expr, (erf, erfc)):
        return _error_function(expr)
    raise OutsideClassError(f"{expr} is no sum of polynomial × exp(quadratic) × (sin, cos or erf of a linear form)")


def _constant(expr: Expr) -> Group:
    """A number; its exponential factors move into the envelope, where they are added to other exponents."""
    factors, kappa = [], S.Zero
    for factor in Mul.make_args(expr):
        if isinstance(factor, exp):
            kappa += factor.args[0]
        else:
            factors.append(factor)
    return {Envelope(kappa=kappa): {0: Mul(*factors)}} if expr != 0 else {}


def _coefficients(expr: Expr, most: int, whole: Expr) -> list[Expr]:
    """Coefficients, lowest first, of a polynomial in x of degree ≤ most."""
    try:
        poly = Poly(expr, x)
    except PolynomialError:
        poly = None
    if poly is None or poly.degree() > most:
        kind = "linear" if most == 1 else "quadratic"
        raise OutsideClassError(f"the argument of {whole} is not {kind} in {x}")
    lowest_first = [_tidy(coefficient) for coefficient in reversed(poly.all_coeffs())]
    return lowest_first + [S.Zero] * (most + 1 - len(lowest_first))


def _exponential(exponent: Expr, whole: Expr) -> Group:
    kappa, eta, alpha = _coefficients(exponent, 2, whole)
    return {Envelope(alpha, eta, kappa): {0: S.One}}


def _trigonometric(expr: Expr) -> Group:
    """Euler's formulas. Only sinh and cosh, whose exponents are real, may have a quadratic argument."""
    oscillates = isinstance(expr, (sin, cos))
    kappa, eta, alpha = _coefficients(expr.args[0], 1 if oscillates else 2, expr) + [S.Zero] * oscillates
    odd = isinstance(expr, (sin, sinh))
    if not oscillates:
        forward, backward = Envelope(alpha, eta, kappa), Envelope(-alpha, -eta, -kappa)
        return {forward: {0: S.Half}, backward: {0: -S.Half if odd else S.Half}}
    terms: Group = {}
    for sign in (1, -1):
        phase = cos(kappa) + sign * I * sin(kappa)  # a constant factor, because the exponent κ is real
        weight = sign * phase / (2 * I) if odd else phase / 2
        _accumulate(terms, Envelope(eta=sign * I * eta), {0: _tidy(weight)})
    return terms


def _error_function(expr: Expr) -> Group:
    """erf(pu + q) = 2Φ(√2(pu+q)) − 1, a gate of width 1/2p² at −q/p."""
    shift, slope = _coefficients(expr.args[0], 1, expr)
    gate = Gate(_tidy(-shift / slope), _tidy(1 / (2 * slope**2)), 1)
    weight = -1 if slope.is_negative else 1  # erf(−z) = −erf(z): one gate for both signs
    if isinstance(expr, erf):
        return {Envelope(): {0: Integer(-weight)}, Envelope(gate=gate): {0: Integer(2 * weight)}}
    return {Envelope(): {0: Integer(1 + weight)}, Envelope(gate=gate): {0: Integer(-2 * weight)}}


def _power(expr: Pow) -> Group:
    base, exponent = expr.base, int(expr.exp)
    if exponent < 0:
        inner = _expand(base)
        if len(inner) != 1 or set(next(iter(inner.values()))) != {0} or next(iter(inner)).gate:
            raise OutsideClassError(f"the denominator of {expr} is not a constant times exp(quadratic)")
        ((envelope, poly),) = inner.items()
        inverse = Envelope(-envelope.alpha, -envelope.eta, -envelope.kappa)
        inner, exponent = {inverse: {0: 1 / poly[0]}}, -exponent
    else:
        inner = _expand(base)
    result: Group = {Envelope(): {0: S.One}}
    for _ in range(exponent):
        result = _product(result, inner, expr)
    return result


def _product(left: Group, right: Group, whole: Expr) -> Group:
    terms: Group = {}
    for one, p in left.items():
        for two, q in right.items():
            try:
                envelope = one * two
            except OutsideClassError as reason:
                raise OutsideClassError(f"{whole} has {reason}") from None
            for m, s in p.items():
                _accumulate(terms, envelope, {m + n: s * t for n, t in q.items()})
    return _drop_zeros(terms)


def _accumulate(terms: Group, envelope: Envelope, poly: dict[int, Expr]) -> None:
    into = terms.setdefault(envelope, {})
    for degree, coefficient in poly.items():
        into[degree] = into.get(degree, S.Zero) + coefficient


def _difference(left: dict[int, Expr], right: dict[int, Expr]) -> dict[int, Expr]:
    both = {n: _tidy(left.get(n, S.Zero) - right.get(n, S.Zero)) for n in sorted({*left, *right})}
    return {n: value for n, value in both.items() if value != 0}


def _drop_zeros(terms: Group) -> Group:
    tidy = {env: {n: c for n, value in poly.items() if (c := _tidy(value)) != 0} for env, poly in terms.items()}
    return {envelope: poly for envelope, poly in tidy.items() if poly}


def _tidy(number: Expr) -> Expr:
    """A number in expanded form, and 0 if it is a sum that vanishes."""
    if isinstance(number, Rational):
        return number
    flat = number.expand()
    if isinstance(flat, Add):  # a sum of irrational numbers may vanish although its terms do not cancel one by one
        size = max(abs(term.evalf(20)) for term in flat.args)
        if abs(flat.evalf(50, maxn=200)) < size * Rational(1, 10**45):
            return S.Zero
    return flat
