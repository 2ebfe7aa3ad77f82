"""Exact rational functions of generators, some of which are roots with a relation g**q = radicand; the work is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

from sympy import QQ, Expr, Integer, Rational, Symbol, ring
from sympy.polys.rings import PolyElement, PolyRing

__all__ = ["Budget", "Quotient", "TooHardError", "common_denominator", "expanded", "factor_list", "fractions"]

FACTORING = 500
"""Cost of a factorisation, in products of two terms."""
_NODE = 30
_POWER = 64  # highest power of a sum
_FACTOR_TERMS, _FACTOR_GENS, _FACTOR_DEGREE = 40, 9, 14  # bounds of multivariate factorisation

Quotient = tuple[PolyElement, dict[PolyElement, int]]
"""Numerator, and the factors of the denominator with their exponents."""
Relations = Mapping[Symbol, tuple[int, Expr]]
"""g → (q, the value of g**q in other generators)."""


class TooHardError(Exception):
    """Normal forms cannot decide the expression, or not within the budget; its value remains open."""


@dataclass
class Budget:
    """The work that is left, in products of two terms (some microseconds each)."""

    left: int = 600_000

    def spend(self, work: int) -> None:
        """Subtract work done; TooHardError if none is left."""
        self.left -= work
        if self.left < 0:
            raise TooHardError("more work than allowed")


def fractions(expressions: Sequence[Expr], relations: Relations, budget: Budget) -> list[Quotient]:
    """Rational expressions as fractions over one polynomial ring."""
    symbols = set[Symbol]().union(*(e.free_symbols for e in expressions))
    pending = list(symbols)
    while pending:
        for extra in relations.get(pending.pop(), (0, Integer(0)))[1].free_symbols - symbols:
            symbols.add(extra)
            pending.append(extra)
    names = sorted(symbols, key=lambda g: (g.name, getattr(g, "dummy_index", 0)))
    arithmetic = Arithmetic(ring(names or "one", QQ)[0], relations, budget)
    return [arithmetic.convert(e) for e in expressions]


class Arithmetic:
    """Arithmetic of fractions over one polynomial ring; root relations are applied wherever possible."""

    def __init__(self, polynomials: PolyRing, relations: Relations, budget: Budget) -> None:
        self.ring, self.budget = polynomials, budget
        self.place = {g: i for i, g in enumerate(polynomials.symbols)}
        self.memo: dict[Expr, Quotient] = {}
        self.powers = {self.place[g]: relation for g, relation in relations.items() if g in self.place}

    def convert(self, e: Expr) -> Quotient:
        if e not in self.memo:
            self.budget.spend(_NODE)
            self.memo[e] = self._convert(e)
        return self.memo[e]

    def _convert(self, e: Expr) -> Quotient:
        if e.is_Rational:
            return self.ring(QQ(int(e.p), int(e.q))), {}
        if e.is_Symbol:
            return self.ring.gens[self.place[e]], {}
        if e.is_Mul:
            return reduce(self.multiply, map(self.convert, e.args))
        if e.is_Pow:
            base = self.convert(e.base)
            return self.power(base if e.exp > 0 else self.invert(base), abs(int(e.exp)))
        return self.reduced(*self.add([self.convert(arg) for arg in e.args]))

    def product(self, p: PolyElement, q: PolyElement) -> PolyElement:
        self.budget.spend(len(p) * len(q))
        return p * q

    def multiply(self, left: Quotient, right: Quotient) -> Quotient:
        den = dict(left[1])
        for factor, k in right[1].items():
            den[factor] = den.get(factor, 0) + k
        return self.reduced(self.product(left[0], right[0]), den)

    def power(self, base: Quotient, k: int) -> Quotient:
        if k > _POWER and len(base[0]) > 1:
            raise TooHardError(f"power {k}")
        result: Quotient = (self.ring.one, {})
        while k:
            if k % 2:
                result = self.multiply(result, base)
            k //= 2
            base = self.multiply(base, base) if k else base
        return result

    def invert(self, value: Quotient) -> Quotient:
        numerator, den = value
        if not numerator:
            raise TooHardError("division by an expression that is zero")
        self.budget.spend(FACTORING)
        coefficient, parts = factor_list(numerator)
        result: Quotient = (self.ring(1 / coefficient), {})
        for factor, k in parts:
            place = next((i for i in self.powers if factor == self.ring.gens[i]), None)
            if place is None:
                result = self.multiply(result, (self.ring.one, {factor: k}))
            else:  # 1/g = g**(q-1) / g**q, so that denominators have no roots
                q, radicand = self.powers[place]
                inverse = self.multiply((factor ** (q - 1), {}), self.invert(self.convert(radicand)))
                result = self.multiply(result, self.power(inverse, k))
        for factor, k in den.items():
            result = self.multiply(result, self.power((factor, {}), k))
        return result

    def reduced(self, numerator: PolyElement, den: dict[PolyElement, int]) -> Quotient:
        """Apply g**q = radicand until the exponent of each root generator is below its q."""
        for place, (q, radicand) in self.powers.items():
            if all(monomial[place] < q for monomial in numerator.keys()):  # noqa: SIM118 (not a dict)
                continue
            by_power: dict[int, PolyElement] = {}
            for monomial, coefficient in numerator.terms():
                k, rest = divmod(monomial[place], q)
                lowered = (*monomial[:place], rest, *monomial[place + 1 :])
                part = by_power.setdefault(k, self.ring.zero)
                by_power[k] = part + self.ring.term_new(lowered, coefficient)
            value = self.convert(radicand)
            total: Quotient = (self.ring.zero, {})
            for k, part in by_power.items():
                total = self.add([total, self.multiply((part, {}), self.power(value, k))])
            merged = dict(den)
            for factor, k in total[1].items():
                merged[factor] = merged.get(factor, 0) + k
            return self.reduced(total[0], merged)
        return numerator, den if numerator else {}

    def add(self, terms: Sequence[Quotient]) -> Quotient:
        den = common_denominator(terms)
        total = self.ring.zero
        for n, d in terms:
            for factor, k in den.items():
                for _ in range(k - d.get(factor, 0)):
                    n = self.product(n, factor)
            total += n
        return total, den


def common_denominator(fractions: Sequence[Quotient]) -> dict[PolyElement, int]:
    """The least common multiple of the denominators."""
    den: dict[PolyElement, int] = {}
    for _, d in fractions:
        for factor, k in d.items():
            den[factor] = max(k, den.get(factor, 0))
    return den


def expanded(polynomials: PolyRing, den: dict[PolyElement, int]) -> PolyElement:
    """The product of the factors of a denominator."""
    return prod((factor**k for factor, k in den.items()), start=polynomials.one)


def factor_list(p: PolyElement) -> tuple[Rational, list[tuple[PolyElement, int]]]:
    """Coefficient and factors of p: irreducible ones if p is small, otherwise a monomial and the primitive part."""
    if len(p) == 1:
        ((monomial, coefficient),) = p.terms()
        return coefficient, [(g, k) for g, k in zip(p.ring.gens, monomial, strict=True) if k]
    present = [i for i in range(p.ring.ngens) if any(m[i] for m in p.keys())]  # noqa: SIM118 (not a dict)
    if len(p) <= _FACTOR_TERMS and len(present) <= _FACTOR_GENS and max(map(sum, p.keys())) <= _FACTOR_DEGREE:
        small = ring([p.ring.symbols[i] for i in present], QQ)[0]
        shrunk = small.from_dict({tuple(m[i] for i in present): value for m, value in p.terms()})
        coefficient, parts = shrunk.factor_list()
        return coefficient, [(factor.set_ring(p.ring), k) for factor, k in parts]
    lowest = tuple(map(min, zip(*p.keys(), strict=True)))
    monomial = p.ring.term_new(lowest, QQ(1))
    coefficient, primitive = p.exquo(monomial).primitive()
    if primitive.LC < 0:
        coefficient, primitive = -coefficient, -primitive
    return coefficient, [(g, k) for g, k in zip(p.ring.gens, lowest, strict=True) if k] + [(primitive, 1)]
