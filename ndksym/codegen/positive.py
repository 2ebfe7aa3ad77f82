"""Polynomials in p, q, c as sums of positive terms wherever they are such sums, so that no digit is lost in them.

The relation p²q² = c² + r² is used in one direction only: what is positive in any form is so without the left side.
"""

from dataclasses import dataclass
from functools import lru_cache

from sympy import Add, Expr, Mul, Poly, S, factor_list, sqrt

from ndksym.codegen.vocabulary import away, c, k, p, q, r, s
from ndksym.errors import NotDerivableError

__all__ = ["Value", "irreducible", "normal", "polynomial"]


@dataclass(frozen=True)
class Value:
    """An expression to be evaluated, and its sign if it has one on the whole domain (0: it may change)."""

    expr: Expr
    sign: int

    def __mul__(self, other: "Value") -> "Value":
        return Value(self.expr * other.expr, self.sign * other.sign)

    def __pow__(self, n: int) -> "Value":
        return Value(self.expr**n, 1 if n % 2 == 0 and self.sign else self.sign)


@lru_cache(maxsize=4096)
def irreducible(expr: Expr) -> tuple[Expr, tuple[tuple[Expr, int], ...]]:
    """A number and irreducible factors with their multiplicities; irrational numbers may stand anywhere.

    Remembered, because K, K_dot and their diagonals are made of the same polynomials.
    """
    top, bottom = expr.together().as_numer_denom()
    if bottom.free_symbols:
        raise NotDerivableError(f"code generation: {expr} is not a polynomial")
    if not top.free_symbols:
        return top / bottom, ()
    number, found = factor_list(top)
    factors = []
    for factor, multiplicity in found:
        if factor.free_symbols:
            factors.append((factor, multiplicity))
        else:
            number *= factor**multiplicity
    return number / bottom, tuple(factors)


def normal(expr: Expr) -> dict[tuple[int, int, int, int], Expr]:
    """Coefficients of pⁱ qʲ cᵏ rˡ in the unique form without p²q².

    >>> normal(p**2 * q**2 - c**2)
    {(0, 0, 0, 2): 1}
    """
    square = Poly(c**2 + r**2, p, q, c, r)
    total = Poly(0, p, q, c, r)
    for (i, j, n, m), coefficient in Poly(expr, p, q, c, r).terms():
        both = min(i, j) // 2
        rest = Poly(Mul(coefficient, p ** (i - 2 * both), q ** (j - 2 * both), c**n, r**m), p, q, c, r)
        total += rest * square**both
    return {powers: coefficient for powers, coefficient in total.terms() if coefficient != 0}


def monomial(powers: tuple[int, int, int, int]) -> Expr:
    """pⁱ qʲ cᵏ rˡ."""
    return Mul(*(symbol**n for symbol, n in zip((p, q, c, r), powers, strict=True)))


@lru_cache(maxsize=4096)
def polynomial(expr: Expr) -> Value:
    """The lowered value of a polynomial in p, q, c, r.

    >>> polynomial(1 + p**2 + q**2 + p**2*q**2 - c**2)
    Value(expr=p**2 + q**2 + r**2 + 1, sign=1)
    >>> polynomial(p**2 + q**2 - 2*c)
    Value(expr=4*p*q*s**2 + (p - q)**2, sign=1)
    """
    unrooted = Poly(expr, r).as_dict()
    if all(n % 2 == 0 for (n,) in unrooted):
        expr = Add(*(coefficient * (p**2 * q**2 - c**2) ** (n // 2) for (n,), coefficient in unrooted.items()))
    content, factors = irreducible(expr)
    total = Value(content, _sign(content))
    for factor, multiplicity in factors:
        total = total * _factor(factor) ** multiplicity
    return total


def _sign(number: Expr) -> int:
    return 0 if number == 0 else 1 if number.is_positive or number.n(20) > 0 else -1


def _factor(factor: Expr) -> Value:
    """An irreducible factor."""
    for pattern, value in _PATTERNS:
        for sign in (1, -1):
            if factor == sign * pattern:
                return Value(sign * value.expr, sign * value.sign)
    terms = normal(factor)
    signs = {_sign(coefficient) for coefficient in terms.values()}
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
    """A p² + C c = p (A p + C q cos θ), which may vanish with the angle and keeps its digits there; the rest plain."""
    rest, parts = dict(terms), []
    for key, first, second in (((2, 0, 0, 0), p, q), ((0, 2, 0, 0), q, p)):
        C = rest.get((0, 0, 1, 0))
        if C is not None and key in rest:
            del rest[0, 0, 1, 0]
            A = rest.pop(key)
            scale = abs(C / A)
            towards, half_angle = (c, s) if _sign(C / A) < 0 else (-c, k)
            parts.append(A * first * away(first, scale * second, scale * towards, half_angle))
    return Add(*parts, *(coefficient * monomial(powers) for powers, coefficient in rest.items()))


def _completed(terms: dict[tuple[int, int, int, int], Expr]) -> Value | None:
    """Definite quadratic forms A p² + B q² + 2C c, C² ≤ AB, times any rⁿ, completed to sums of positive terms."""
    rest, parts = dict(terms), []
    for (i, j, n, m), twice in terms.items():
        if n % 2 == 0:
            continue
        keys = (2, 0, 0, m), (0, 2, 0, m)
        if (i, j, n) != (0, 0, 1) or not all(key in rest for key in keys):
            return None
        A, B = (rest.pop(key) for key in keys)
        del rest[i, j, n, m]
        sign, C = _sign(A), abs(twice) / 2
        if _sign(B) != sign or _sign(A * B - C**2) < 0:
            return None
        A, B = sign * A, sign * B
        slack = sqrt(A * B) - C
        half_angle = k if _sign(twice) == sign else s
        square = (sqrt(A) * p - sqrt(B) * q) ** 2
        cross = 2 * slack * p * q if _sign(slack) else S.Zero
        parts.append((sign, (square + cross + 4 * C * p * q * half_angle**2) * r**m))
    signs = {sign for sign, _ in parts} | {_sign(coefficient) for coefficient in rest.values()}
    if len(signs) != 1:
        return None
    sign = signs.pop()
    total = Add(*(form for _, form in parts), *(sign * number * monomial(powers) for powers, number in rest.items()))
    return Value(sign * total, sign)
