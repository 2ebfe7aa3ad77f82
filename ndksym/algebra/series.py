"""Truncated Laurent series in one variable ε, over any coefficients, and the series of an expression along a curve.

`activation/taylor` uses it with mpmath numbers at a point, `puiseux` with exact sums along a one-sided curve.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from mpmath import mpf
from sympy import Add, Expr, Integer, Mul, Pow, Symbol, cos, cosh, exp, log, sin, sinh

from ndksym.algebra.functions import FUNCTIONS, ElementaryFunction
from ndksym.errors import NotDerivableError
from ndksym.symbols import x

__all__ = ["Coefficients", "Expansion", "LaurentSeries", "SingularError", "integrated", "normalised", "total"]


class SingularError(NotDerivableError):
    """The expression has no series, or no rule finds it."""


C = TypeVar("C")


class Coefficients(Protocol[C]):
    """The arithmetic of coefficients."""

    zero: C
    one: C
    one_sided: bool
    """Whether ε > 0: then (ε²)^{1/2} = ε, and functions may tend to their limits at ±∞."""

    def read(self, e: Expr) -> C:
        """A constant expression as a coefficient."""

    def write(self, c: C) -> Expr:
        """The coefficient as an expression."""

    def number(self, e: Expr) -> mpf:
        """An irrational exponent as a number."""

    def add(self, terms: Sequence[C]) -> C:
        """The sum."""

    def dot(self, left: Sequence[C], right: Sequence[C]) -> C:
        """Σ left · right."""

    def scale(self, c: C, factor: mpf | Fraction | int) -> C:
        """The coefficient times an integer, a fraction or a `number`."""

    def power(self, c: C, p: Expr) -> C:
        """c^p for c ≠ 0."""

    def apply(self, function: ElementaryFunction, c: C) -> C:
        """The function's value; SingularError outside its domain."""

    def lead(self, terms: Sequence[C]) -> int:
        """How many of the first terms are 0."""


@dataclass(frozen=True)
class LaurentSeries(Generic[C]):
    """ε^start (c_0 + c_1 ε + …) with the known coefficients; c_0 ≠ 0, unless all that are known are 0."""

    ring: Coefficients[C]
    start: int
    terms: tuple[C, ...]

    @property
    def end(self) -> int:
        """The first power whose coefficient is unknown."""
        return self.start + len(self.terms)

    @property
    def vanishes(self) -> bool:
        """Whether all known coefficients are 0."""
        return not self.terms or not self.terms[0]

    def __getitem__(self, power: int) -> C:
        return self.terms[power - self.start] if power >= self.start else self.ring.zero

    def coefficient(self, power: int) -> Expr:
        """The coefficient of ε^power as an expression."""
        return self.ring.write(self[power])

    def __add__(self, other: LaurentSeries[C]) -> LaurentSeries[C]:
        return total([self, other])

    def __mul__(self, other: LaurentSeries[C]) -> LaurentSeries[C]:
        length = min(len(self.terms), len(other.terms))
        left, right = self.terms[:length], other.terms[:length][::-1]
        dot = self.ring.dot
        terms = tuple(dot(left[: n + 1], right[length - n - 1 :]) for n in range(length))
        product = LaurentSeries(self.ring, self.start + other.start, terms)
        return _without_poles(product) if self.vanishes or other.vanishes else product

    def scaled(self, factor: Expr) -> LaurentSeries[C]:
        """The series times a constant expression."""
        ring = self.ring
        if factor.is_Rational:
            number = Fraction(int(factor.p), int(factor.q))
            return LaurentSeries(ring, self.start, tuple(ring.scale(term, number) for term in self.terms))
        value = ring.read(factor)
        return LaurentSeries(ring, self.start, tuple(ring.dot([value], [term]) for term in self.terms))

    def __pow__(self, p: Expr) -> LaurentSeries[C]:
        """By J. C. P. Miller's recurrence, from f g′ = p f′ g for g = f^p."""
        if self.vanishes:
            if p.is_Integer and p > 0:
                return LaurentSeries(self.ring, self.start * int(p), self.terms)
            raise SingularError("a root or reciprocal of zero, as far as its series is known")
        start = self.start * p if self.start else Integer(0)
        if not start.is_Integer or (self.start and not self.ring.one_sided and not p.is_Integer):
            raise SingularError("a root of a power of ε")
        ring, lead = self.ring, self.terms[0]
        inverse = ring.power(lead, Integer(-1))
        ratios = [ring.dot([inverse], [term]) for term in self.terms]
        top, bottom = (int(p.p), int(p.q)) if p.is_Rational else (ring.number(p), 1)
        out = [ring.one]
        for k in range(1, len(ratios)):
            weighted = [ring.scale(ratios[i], (top + bottom) * i - bottom * k) for i in range(1, k + 1)]
            out.append(ring.scale(ring.dot(weighted, out[::-1]), Fraction(1, bottom * k)))
        size = ring.power(lead, p)
        return LaurentSeries(ring, int(start), tuple(ring.dot([size], [term]) for term in out))

    def shifted(self, power: int) -> LaurentSeries[C]:
        """The series times ε^power."""
        return LaurentSeries(self.ring, self.start + power, self.terms)

    def derivative(self) -> LaurentSeries[C]:
        """The derivative with respect to ε."""
        terms = [self.ring.scale(term, self.start + n) for n, term in enumerate(self.terms)]
        return normalised(self.ring, self.start - 1, terms)


def normalised(ring: Coefficients[C], start: int, terms: Sequence[C]) -> LaurentSeries[C]:
    """The series without leading zeros, unless all are 0."""
    lead = ring.lead(terms)
    if lead < len(terms):
        return LaurentSeries(ring, start + lead, tuple(terms[lead:]))
    return _without_poles(LaurentSeries(ring, start, (ring.zero,) * len(terms)))


def _without_poles(zeros: LaurentSeries[C]) -> LaurentSeries[C]:
    """Drop the poles of a series whose known coefficients are 0, if it is known beyond them."""
    if zeros.start < 0 < zeros.end:
        return LaurentSeries(zeros.ring, 0, zeros.terms[-zeros.start :])
    return zeros


def total(parts: Sequence[LaurentSeries[C]]) -> LaurentSeries[C]:
    """The sum of series, known as far as each of them."""
    ring, start, end = parts[0].ring, min(part.start for part in parts), min(part.end for part in parts)
    terms = [ring.add([part[n] for part in parts if n >= part.start]) for n in range(start, end)]
    return normalised(ring, start, terms)


def integrated(value: C, f: LaurentSeries[C]) -> LaurentSeries[C]:
    """value + ∫_0^ε f."""
    if f.start < 0:
        raise SingularError("the series has a logarithm or a pole")
    ring = f.ring
    return normalised(ring, 0, [value, *(ring.scale(f[n], Fraction(1, n + 1)) for n in range(f.end))])


@dataclass(frozen=True)
class Expansion(Generic[C]):
    """Series of expressions along a curve: the symbols in `curve` are series in ε, constants are known to `length` terms."""

    ring: Coefficients[C]
    curve: Mapping[Symbol, LaurentSeries[C]]
    length: int
    rules: Mapping[type, Callable[..., LaurentSeries[C]]] = field(default_factory=dict)
    """Rules for functions of several arguments: class → rule(expansion, series of the arguments)."""
    memo: dict[Expr, LaurentSeries[C]] = field(default_factory=dict)

    def __call__(self, e: Expr) -> LaurentSeries[C]:
        """The series of an expression; SingularError where it has none, or no rule that finds it."""
        if e not in self.memo:
            self.memo[e] = self._computed(e)
        return self.memo[e]

    def constant(self, value: C) -> LaurentSeries[C]:
        """A constant."""
        return LaurentSeries(self.ring, 0, (value, *[self.ring.zero] * (self.length - 1)))

    def _computed(self, e: Expr) -> LaurentSeries[C]:
        if not e.free_symbols & self.curve.keys():
            return self.constant(self.ring.read(e))
        if e.is_Symbol:
            return self.curve[e]
        if isinstance(e, Pow):
            if e.exp.free_symbols & self.curve.keys():
                return self(exp(e.exp * log(e.base)))
            power: LaurentSeries[C] = self(e.base) ** e.exp
            return power
        if isinstance(e, Add):
            return total([self(arg) for arg in e.args])
        if isinstance(e, Mul):
            return self._product(e)
        if e.func in self.rules:
            return self.rules[e.func](self, *map(self, e.args))
        function = FUNCTIONS.get(e.func)
        if function is None:
            raise SingularError(f"{e.func.__name__} has no rule for its series")
        return self.function(function, self(e.args[0]))

    def _product(self, e: Mul) -> LaurentSeries[C]:
        """Exponentials are multiplied first: one may decay where another one grows."""
        factors = [arg for arg in e.args if arg.free_symbols & self.curve.keys()]
        constants = [arg for arg in e.args if arg not in factors]
        exponents = [arg.args[0] for arg in factors if isinstance(arg, exp)]
        if len(exponents) > 1:
            factors = [*(arg for arg in factors if not isinstance(arg, exp)), exp(Add(*exponents))]
        product: LaurentSeries[C] = self(factors[0])
        for factor in factors[1:]:
            product = product * self(factor)
        if constants:  # known to `length` terms, as all constants are
            product = LaurentSeries(self.ring, product.start, product.terms[: self.length]).scaled(Mul(*constants))
        return product

    def function(self, function: ElementaryFunction, u: LaurentSeries[C]) -> LaurentSeries[C]:
        """f(u), from f(u)′ = f′(u) u′ and the value at the start."""
        ring = self.ring
        if u.start < 0:
            return self._far_out(function, u)
        if u.end == 0:
            raise SingularError(f"no term of the argument of {function.name} is known")
        if function.sympy in _RECURRENCES:
            partner, sign = _RECURRENCES[function.sympy]
            return _solved(function, partner, sign, u)
        first = ring.apply(function, u[0])
        if not any(u[n] for n in range(1, u.end)):
            return LaurentSeries(ring, 0, (first, *[ring.zero] * (min(self.length, u.end) - 1)))
        return integrated(first, self._slope(function, u) * u.derivative())

    def _slope(self, function: ElementaryFunction, u: LaurentSeries[C]) -> LaurentSeries[C]:
        return Expansion(self.ring, {x: u}, self.length)(function.derivative)

    def _far_out(self, function: ElementaryFunction, u: LaurentSeries[C]) -> LaurentSeries[C]:
        """f(u) where u → ±∞ from one side."""
        if not self.ring.one_sided:
            raise SingularError(f"{function.name} at a pole")
        lead = Integer(0) if u.vanishes else u.coefficient(u.start)
        if not (lead.is_positive or lead.is_negative):
            raise SingularError(f"the sign of {lead} decides a limit, and it is unknown")
        limit = function.limits[bool(lead.is_positive)]
        if limit is None or not limit.is_finite:
            raise SingularError(f"{function.name} grows without bound, or has no limit")
        if function.sympy is exp:  # smaller than every power of ε
            return self.constant(self.ring.zero)
        return integrated(self.ring.read(limit), self._slope(function, u) * u.derivative())


_RECURRENCES: dict[type, tuple[type, int]] = {
    exp: (exp, 1),
    sin: (cos, 1),
    cos: (sin, -1),
    sinh: (cosh, 1),
    cosh: (sinh, 1),
}
"""Functions with f′ = ± g and g′ = ± f: class → (g, sign)."""


def _solved(function: ElementaryFunction, partner: type, sign: int, u: LaurentSeries[C]) -> LaurentSeries[C]:
    """f(u) by f_k = ± Σ (i/k) u_i g_{k−i}, and the same for g."""
    ring = u.ring
    f = [ring.apply(function, u[0])]
    g, back = f, sign
    if partner is not function.sympy:
        g, back = [ring.apply(FUNCTIONS[partner], u[0])], _RECURRENCES[partner][1]
    weighted = [ring.scale(u[i], i) for i in range(1, u.end)]
    for k in range(1, u.end):
        f_k = ring.scale(ring.dot(weighted[:k], g[::-1]), Fraction(sign, k))
        if g is not f:
            g.append(ring.scale(ring.dot(weighted[:k], f[::-1]), Fraction(back, k)))
        f.append(f_k)
    return normalised(ring, 0, f)
