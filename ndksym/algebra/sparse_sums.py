"""Exact coefficients with fast products: sums of rational multiples of monomials in atoms, as dictionaries.

An atom is an expression that SymPy's `expand` leaves as it is: a symbol, √2, π, exp(a), erf(1/√a). SymPy's own expansion of the
same products is about fifty times slower, and a series at a kink has tens of thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sympy import Add, Expr, Integer, Mul, Pow, Rational, cancel, exp, expand

__all__ = ["ONE", "ZERO", "Sum", "add", "inverse", "multiply", "power", "read", "scale", "vanishes", "write"]

Monomial = tuple[tuple[Expr, Fraction], ...]
"""Atoms with exponents, in a fixed order."""
Sum = dict[Monomial, Fraction]

ZERO: Sum = {}
ONE: Sum = {(): Fraction(1)}


def read(e: Expr) -> Sum:
    """A SymPy expression as a sum.

    >>> from ndksym.symbols import a
    >>> write(multiply(read(a + 1), read(a - 1)))
    a**2 - 1
    """
    total: Sum = {}
    for term in Add.make_args(expand(e)):
        factor = Fraction(1)
        atoms: dict[Expr, Fraction] = {}
        for each in Mul.make_args(term):
            if each.is_Rational:
                factor *= Fraction(int(each.p), int(each.q))
                continue
            for base, exponent in _atoms(each):
                atoms[base] = atoms.get(base, Fraction(0)) + exponent
        monomial, extra = _normal(atoms)
        _put(total, monomial, factor * extra)
    return total


def write(f: Sum) -> Expr:
    """The sum as a SymPy expression."""
    return Add(*(Mul(_rational(c), *(_power(base, e) for base, e in monomial)) for monomial, c in f.items()))


def add(*parts: Sum) -> Sum:
    """The sum."""
    total: Sum = {}
    for part in parts:
        for monomial, c in part.items():
            _put(total, monomial, c)
    return total


def multiply(f: Sum, g: Sum) -> Sum:
    """f g."""
    return dot([f], [g])


def dot(left: Sequence[Sum], right: Sequence[Sum]) -> Sum:
    """Σ f g over the pairs of both sequences."""
    total: Sum = {}
    for f, g in zip(left, right, strict=True):
        for one, x in f.items():
            for other, y in g.items():
                if one and other:
                    atoms = dict(one)
                    for base, e in other:
                        atoms[base] = atoms.get(base, Fraction(0)) + e
                    monomial, extra = _normal(atoms)
                    _put(total, monomial, x * y * extra)
                else:
                    _put(total, one or other, x * y)
    return total


def scale(f: Sum, factor: Fraction | int) -> Sum:
    """factor · f."""
    return {monomial: c * factor for monomial, c in f.items()} if factor else {}


def power(f: Sum, p: Rational) -> Sum:
    """f^p; if p is no natural number and f has several terms, f becomes an atom."""
    if p.is_Integer and p >= 0:
        out = ONE
        for _ in range(int(p)):
            out = multiply(out, f)
        return out
    return read(Pow(write(f), p))


def inverse(f: Sum) -> Sum:
    """1/f."""
    return power(f, Integer(-1))


def vanishes(f: Sum) -> bool:
    """Whether the sum is 0; SymPy's `cancel` looks for relations between its atoms."""
    return not f or (len(f) > 1 and cancel(write(f)) == 0)


def _put(total: Sum, monomial: Monomial, c: Fraction) -> None:
    new = total.get(monomial, Fraction(0)) + c
    if new:
        total[monomial] = new
    else:
        total.pop(monomial, None)


def _atoms(e: Expr) -> list[tuple[Expr, Fraction]]:
    if isinstance(e, exp):
        # e^{Σ c m} = Π (e^m)^c
        out = []
        for term in Add.make_args(expand(e.args[0])):
            c, rest = term.as_coeff_Mul()
            if c.is_Rational:
                out.append((exp(rest), Fraction(int(c.p), int(c.q))))
            else:
                out.append((exp(term), Fraction(1)))
        return out
    base, exponent = e.as_base_exp()
    if exponent.is_Rational and not isinstance(base, exp):
        return [(base, Fraction(int(exponent.p), int(exponent.q)))]
    return [(e, Fraction(1))]


def _normal(atoms: dict[Expr, Fraction]) -> tuple[Monomial, Fraction]:
    """The monomial in order, without zeroth powers, and a rational factor with the integer powers of integers."""
    factor = Fraction(1)
    powers = []
    for base, e in atoms.items():
        if e and base.is_Integer:
            whole = e.numerator // e.denominator
            factor *= Fraction(int(base)) ** whole
            e -= whole
        if e:
            powers.append((base, e))
    powers.sort(key=lambda pair: hash(pair[0]))
    return tuple(powers), factor


def _rational(c: Fraction) -> Rational:
    return Rational(c.numerator, c.denominator)


def _power(base: Expr, e: Fraction) -> Expr:
    return exp(base.args[0] * _rational(e)) if isinstance(base, exp) else Pow(base, _rational(e))
