"""Polynomials in p, q, c as sums of positive terms wherever that is possible, so that no digit is lost in them.

The relation p²q² = c² + r² is used from left to right only: a polynomial that is a sum of positive terms in any form is one
after that replacement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb, lcm

from sympy import Add, Dummy, Expr, Mul, Poly, Rational, S, expand, factor_list, sqrt
from sympy.polys.polyerrors import BasePolynomialError

from ndksym.activation.roots import compare
from ndksym.codegen.functions import c, k, p, p_minus_q_cos, q, r, s
from ndksym.errors import NotDerivableError

__all__ = ["Value", "irreducible", "normal", "polynomial", "rational", "sign_of"]


@dataclass(frozen=True)
class Value:
    """An expression as code evaluates it, and its sign on the whole domain; 0 if the sign may change."""

    expr: Expr
    sign: int

    def __mul__(self, other: "Value") -> "Value":
        return Value(self.expr * other.expr, self.sign * other.sign)

    def __pow__(self, n: int) -> "Value":
        return Value(self.expr**n, 1 if n % 2 == 0 and self.sign else self.sign)


@lru_cache(maxsize=4096)
def irreducible(expr: Expr) -> tuple[Expr, tuple[tuple[Expr, int], ...]]:
    """A number, and irreducible factors with their multiplicities; coefficients may be irrational.

    The results are cached, because K, K_dot and their diagonals consist of the same polynomials.
    """
    top, bottom = expr.together().as_numer_denom()
    if bottom.free_symbols:
        raise NotDerivableError(f"code generation: {expr} is not a polynomial")
    if not top.free_symbols:
        return top / bottom, ()
    (named,), values = rational([top])
    try:
        number, pairs = factor_list(named)
    except BasePolynomialError:  # not a polynomial: it is its own factor
        number, pairs = S.One, [(named, 1)]
    number, factors = number.xreplace(values), []
    for factor, multiplicity in pairs:
        factor = factor.xreplace(values)
        if factor.free_symbols:
            factors.append((factor, multiplicity))
        else:
            number *= factor**multiplicity
    return number / bottom, tuple(factors)


def rational(exprs: Sequence[Expr]) -> tuple[list[Expr], dict[Expr, Expr]]:
    """Polynomials with symbols in place of irrational numbers, and the values of these symbols.

    SymPy cannot factor a polynomial with a coefficient such as √π, and divides by it slowly. With a symbol for π^{1/2} it
    does both.
    """
    orders: dict[Expr, int] = {}
    for expr in exprs:
        _merge(orders, _irrational(expr))
    names = {base: Dummy(f"k{n}") for n, base in enumerate(orders)}
    return [_named(expr, names, orders) for expr in exprs], {
        name: base ** Rational(1, orders[base]) for base, name in names.items()
    }


def _merge(into: dict[Expr, int], orders: dict[Expr, int]) -> None:
    for base, order in orders.items():
        into[base] = lcm(into.get(base, 1), order)


def _irrational(expr: Expr) -> dict[Expr, int]:
    """The bases of the irrational numbers in a polynomial, each with the order of the root that is taken of it."""
    if expr.is_Rational or expr.is_Symbol:
        return {}
    if isinstance(expr, (Add, Mul)):
        orders: dict[Expr, int] = {}
        for arg in expr.args:
            _merge(orders, _irrational(arg))
        return orders
    base, exponent = expr.as_base_exp()
    if base.free_symbols:
        return _irrational(base)
    return {base: int(exponent.q)} if exponent.is_Rational else {expr: 1}


def _named(expr: Expr, names: dict[Expr, Dummy], orders: dict[Expr, int]) -> Expr:
    if isinstance(expr, (Add, Mul)):
        return expr.func(*(_named(arg, names, orders) for arg in expr.args))
    base, exponent = expr.as_base_exp()
    if base.free_symbols and base != expr:
        return _named(base, names, orders) ** exponent
    if base in names and exponent.is_Rational:
        return names[base] ** int(exponent * orders[base])
    return names.get(expr, expr)


def normal(expr: Expr) -> dict[tuple[int, int, int, int], Expr]:
    """Coefficients of pⁱ qʲ cᵏ rˡ in the unique form in which p²q² does not occur.

    >>> normal(p**2 * q**2 - c**2)
    {(0, 0, 0, 2): 1}
    """
    total: dict[tuple[int, int, int, int], list[Expr]] = {}
    for term in Add.make_args(expand(expr)):
        number, rest = term.as_independent(p, q, c, r, as_Add=False)
        powers = rest.as_powers_dict()
        i, j, n, m = (int(powers.get(symbol, 0)) for symbol in (p, q, c, r))
        both = min(i, j) // 2
        for part in range(both + 1):  # (p²q²)ⁿ = (c² + r²)ⁿ
            key = i - 2 * both, j - 2 * both, n + 2 * part, m + 2 * (both - part)
            total.setdefault(key, []).append(comb(both, part) * number)
    sums = {key: expand(Add(*numbers)) for key, numbers in total.items()}
    return {key: number for key, number in sorted(sums.items(), reverse=True) if sign_of(number)}


def monomial(powers: tuple[int, int, int, int]) -> Expr:
    """pⁱ qʲ cᵏ rˡ."""
    return Mul(*(symbol**n for symbol, n in zip((p, q, c, r), powers, strict=True)))


@lru_cache(maxsize=4096)
def polynomial(expr: Expr) -> Value:
    """A polynomial in p, q, c, r as code should evaluate it, and its sign.

    >>> polynomial(1 + p**2 + q**2 + p**2*q**2 - c**2)
    Value(expr=p**2 + q**2 + r**2 + 1, sign=1)
    >>> polynomial(p**2 + q**2 - 2*c)
    Value(expr=4*p*q*s**2 + (p - q)**2, sign=1)
    """
    unrooted = Poly(expr, r).as_dict()
    if all(n % 2 == 0 for (n,) in unrooted):
        expr = Add(*(coefficient * (p**2 * q**2 - c**2) ** (n // 2) for (n,), coefficient in unrooted.items()))
    content, factors = irreducible(expr)
    total = Value(content, sign_of(content))
    for factor, multiplicity in factors:
        total = total * _factor(factor) ** multiplicity
    return total


@lru_cache(maxsize=4096)
def sign_of(number: Expr) -> int:
    """The sign of an exact real number; 0 also for a number that is zero only after simplification.

    >>> sign_of(sqrt(2) - 2), sign_of(sqrt(8) - 2*sqrt(2))
    (-1, 0)
    """
    if number.is_real is False:
        raise NotDerivableError(f"code generation: {number} is not real")
    return 1 if number.is_positive else compare(number, S.Zero)


def _factor(factor: Expr) -> Value:
    """The value of an irreducible factor."""
    for pattern, value in _PATTERNS:
        for sign in (1, -1):
            if factor == sign * pattern:
                return Value(sign * value.expr, sign * value.sign)
    terms = normal(factor)
    signs = {sign_of(coefficient) for coefficient in terms.values()}
    odd = {powers[2] % 2 for powers in terms}
    plain = Add(*(coefficient * monomial(powers) for powers, coefficient in terms.items()))
    if len(signs) == 1 and odd == {0}:
        return Value(plain, signs.pop())
    return _completed(terms) or Value(_leaning(terms), 0)


_PATTERNS = (
    (p * q - c, Value(2 * p * q * s**2, 1)),
    (p * q + c, Value(2 * p * q * k**2, 1)),
)


def _leaning(terms: dict[tuple[int, int, int, int], Expr]) -> Expr:
    """A p² + C c as p (A p + C q cos θ), which keeps its digits where it vanishes with the angle; other terms as they are."""
    rest, parts = dict(terms), []
    for key, first, second in (((2, 0, 0, 0), p, q), ((0, 2, 0, 0), q, p)):
        C = rest.get((0, 0, 1, 0))
        if C is not None and key in rest:
            del rest[0, 0, 1, 0]
            A = rest.pop(key)
            scale = abs(C / A)
            towards, half_angle = (c, s) if sign_of(C / A) < 0 else (-c, k)
            parts.append(A * first * p_minus_q_cos(first, scale * second, scale * towards, half_angle))
    return Add(*parts, *(coefficient * monomial(powers) for powers, coefficient in rest.items()))


def _completed(terms: dict[tuple[int, int, int, int], Expr]) -> Value | None:
    """Definite quadratic forms A p² + B q² + 2C c with C² ≤ AB, times any rⁿ, as sums of positive terms."""
    rest, parts = dict(terms), []
    for (i, j, n, m), twice in terms.items():
        if n % 2 == 0:
            continue
        keys = (2, 0, 0, m), (0, 2, 0, m)
        if (i, j, n) != (0, 0, 1) or not all(key in rest for key in keys):
            return None
        A, B = (rest.pop(key) for key in keys)
        del rest[i, j, n, m]
        sign, C = sign_of(A), abs(twice) / 2
        if sign_of(B) != sign or sign_of(A * B - C**2) < 0:
            return None
        A, B = sign * A, sign * B
        slack = sqrt(A * B) - C
        half_angle = k if sign_of(twice) == sign else s
        square = (sqrt(A) * p - sqrt(B) * q) ** 2
        cross = 2 * slack * p * q if sign_of(slack) else S.Zero
        parts.append((sign, (square + cross + 4 * C * p * q * half_angle**2) * r**m))
    signs = {sign for sign, _ in parts} | {sign_of(coefficient) for coefficient in rest.values()}
    if len(signs) != 1:
        return None
    sign = signs.pop()
    total = Add(*(form for _, form in parts), *(sign * number * monomial(powers) for powers, number in rest.items()))
    return Value(sign * total, sign)
