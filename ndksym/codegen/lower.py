"""Closed forms K(a, b, c) as sums of terms that are each right to a few ulp in float64 (theory §6).

Each term is a monomial times well-conditioned functions, so Σ|terms| / |Σ terms| measures the whole cancellation.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sympy import Add, Expr, Mul, Poly, S, factor, sqrt

from ndksym.codegen import functions as v
from ndksym.codegen.closed_form import Algebra, Powers, product
from ndksym.codegen.functions import c
from ndksym.codegen.positivity import irreducible, sign_of
from ndksym.codegen.term_table import TermTable, arccos_kernels, differences, distances, fold, table
from ndksym.symbols import a, b
from ndksym.symbols import c as covariance

__all__ = ["LoweredTerms", "lower", "lower_defect", "lower_diagonal", "lower_pair"]


@dataclass(frozen=True)
class LoweredTerms:
    """value = Σ terms, in p, q, c, s, k and the symbols that `definitions` define in order."""

    terms: tuple[Expr, ...]
    definitions: tuple[tuple[Expr, Expr], ...]


def lower(expr: Expr) -> LoweredTerms:
    """The terms of a closed form in a, b, c.

    >>> from ndksym.symbols import a, b, c
    >>> from sympy import asin, pi, sqrt
    >>> lower(2/pi*asin(2*c/sqrt((1 + 2*a)*(1 + 2*b)))).terms
    (2*atan2(2*c, w3)/pi,)
    """
    if expr is S.Infinity:
        return LoweredTerms((expr,), ())
    algebra = Algebra()
    return _sum(table(algebra, algebra(expr)))


def lower_pair(K: Expr, mean: Expr | None) -> LoweredTerms:
    """The terms of K(a, b, c); K(a, b, 0) = E φ(u) E φ(v) is separated if its constant would cancel with exponentials.

    >>> from ndksym.symbols import a, b, c
    >>> from sympy import cosh, exp
    >>> K = c + (1 - exp(-2*a) - exp(-2*b) + exp(-2*a - 2*b)*cosh(4*c))/4
    >>> lower_pair(K, (1 - exp(-2*a))/2).terms[0]
    expm1(-2*p**2)*expm1(-2*q**2)/4
    """
    terms = _polynomial(K)
    if terms is not None:
        return LoweredTerms(terms, ())
    algebra = Algebra()
    rows = table(algebra, algebra(K))
    exponential = all(kind == "exp" for functions in rows.rows for kind, _ in rows.kinds(functions))
    if mean is None or not exponential or len(rows.rows) == 1 or rows.get(frozenset(), frozenset()) == 0:
        return _sum(rows)
    own = lower(mean).terms
    if len(own) > 1:
        return _sum(rows)
    other = own[0].xreplace({v.p: v.q})
    rest = lower(K - mean * mean.subs(a, b))
    return LoweredTerms((own[0] * other, *rest.terms), rest.definitions)


def lower_diagonal(K: Expr, K_diag: Expr) -> LoweredTerms:
    """The terms of K(a, a, a); for a polynomial φ they are squares, Σ cⁿ (E φ⁽ⁿ⁾(u))²/n! at c = a.

    >>> from ndksym.symbols import a, b, c
    >>> lower_diagonal(2*c**2 + (a - 1)*(b - 1), 3*a**2 - 2*a + 1).terms
    (2*p**4, (p**2 - 1)**2)
    """
    if _polynomial(K) is None:
        return lower(K_diag)
    squares = (coefficient.subs(b, a) * a**n for (n,), coefficient in Poly(K, covariance).terms())
    return LoweredTerms(tuple(factor(square).subs(a, v.p**2) for square in squares), ())


def _polynomial(K: Expr) -> tuple[Expr, ...] | None:
    """The terms cⁿ E φ⁽ⁿ⁾(u) E φ⁽ⁿ⁾(v)/n! of a polynomial φ, if no factor cancels; those of Hermite polynomials do not."""
    if not K.is_polynomial(a, b, covariance):
        return None
    terms = []
    for (n,), coefficient in Poly(K, covariance).terms():
        number, factors = irreducible(coefficient.subs({a: v.p**2, b: v.q**2}))
        if any(Poly(part).total_degree() > 1 and not _one_sign(part) for part, _ in factors):
            return None
        terms.append(number * c**n * Mul(*(part**power for part, power in factors)))
    return tuple(terms)


def _one_sign(polynomial: Expr) -> bool:
    return len({number > 0 for number in Poly(polynomial).coeffs()}) == 1


def lower_defect(K: Expr, K_diag: Expr) -> LoweredTerms:
    """The terms of E(φ(u) − φ(v))² = K(a,a) + K(b,b) − 2K(a,b,c), which is small where the inputs nearly coincide.

    >>> from ndksym.symbols import a, c
    >>> lower_defect(c, a).terms
    (4*p*q*s**2 + (p - q)**2,)
    """
    algebra = Algebra()
    defect = K_diag + K_diag.xreplace({a: b}) - 2 * K
    rows = table(algebra, algebra(defect))
    distances(rows)
    differences(rows)
    return _finished(rows)


def _sum(rows: TermTable) -> LoweredTerms:
    """The terms of a table after the rewriting steps that keep digits."""
    fold(rows)
    arccos_kernels(rows)
    differences(rows)
    return _finished(rows)


def _finished(rows: TermTable) -> LoweredTerms:
    terms = tuple(_terms(rows))
    return LoweredTerms(terms or (S.Zero,), tuple(_definitions(rows.algebra)))


def _definitions(algebra: Algebra) -> Iterator[tuple[Expr, Expr]]:
    yield v.r, 2 * v.s * v.k * v.p * v.q
    yield v.theta, 2 * v.atan2(v.s, v.k)
    yield v.psi, 2 * v.atan2(v.k, v.s)
    for root, square in algebra.squares.items():
        if root != v.r:
            yield root, sqrt(algebra.value(square).expr)


def _terms(rows: TermTable) -> Iterator[Expr]:
    """One term per product of atoms, sign, and parity in c: the monomials in it cannot cancel."""
    for functions, row in rows.rows.items():
        factor = _function(rows, functions)
        blocks: dict[tuple[bool, bool], dict[Powers, Expr]] = {}
        for monomial, number in row.items():
            kind = (dict(monomial).get(c, 0) % 2 == 1, sign_of(number) > 0)
            blocks.setdefault(kind, {})[monomial] = number
        for block in blocks.values():
            yield _block(block) * factor


def _block(block: dict[Powers, Expr]) -> Expr:
    """A sum of monomials, with the common powers and a common number factored out."""
    symbols = {symbol for monomial in block for symbol, _ in monomial}
    least = {symbol: min(dict(monomial).get(symbol, 0) for monomial in block) for symbol in symbols}
    common = frozenset((symbol, n) for symbol, n in least.items() if n)
    first = next(iter(block.values()))
    scale = first / first.as_coeff_Mul()[0]
    parts = []
    for monomial, number in block.items():
        powers = {symbol: n - least.get(symbol, 0) for symbol, n in dict(monomial).items()} | {
            symbol: -least[symbol] for symbol in symbols - {symbol for symbol, _ in monomial}
        }
        parts.append(number / scale * product(frozenset(powers.items())))
    return Mul(scale, product(common), Add(*parts))


def _function(rows: TermTable, functions: Powers) -> Expr:
    """The value of a product of atoms; an exponential is combined with an erfc or erfi that could over- or underflow."""
    algebra = rows.algebra
    atoms = sorted(rows.kinds(functions), key=lambda item: item[0] != "exp")
    exponent = None
    factors: list[Expr] = []
    if atoms and atoms[0][0] == "exp":
        exponent = algebra.atoms[atoms.pop(0)[1]].args[0]
    for kind, symbol in atoms:
        if kind == "angle":
            factors.append(symbol)
            continue
        args = algebra.atoms[symbol].args
        if kind in _SCALED and exponent is not None:
            z, sign = args[0], _SCALED[kind]
            word = v.experfc if kind == "erfc" else v.experfi
            factors.append(word(*(algebra.value(x).expr for x in (exponent, z, exponent + sign * z**2))))
            exponent = None
        else:
            factors.append(_atom(algebra, kind, args))
    if exponent is not None:
        factors.append(v.exp_(algebra.value(exponent).expr))
    return Mul(*factors)


_SCALED = {"erfc": -1, "erfi": 1}


_WORDS = {
    "sin": v.sin, "cos": v.cos, "erf": v.erf, "erfc": v.erfc, "corner": v.corner, "edge": v.edge, "expdiff": v.expdiff,
}  # fmt: skip


def _atom(algebra: Algebra, kind: str, args: tuple[Expr, ...]) -> Expr:
    if kind == "theta":
        return v.theta
    if kind == "arccos_kernel_1":
        return v.arccos_kernel_1(*args)
    if kind == "distance":
        return (v.p - v.q) ** 2 + 4 * v.p * v.q * v.s**2
    values = [algebra.value(x).expr for x in args]
    if kind == "arc":
        return v.atan2(*values)
    if kind == "erfi":
        return v.experfi(S.Zero, values[0], algebra.value(args[0] ** 2).expr)
    if kind == "expdiff" and values[0] == 0:
        return -v.expm1(values[1])
    if kind == "expdiff" and values[1] == 0:
        return v.expm1(values[0])
    return _WORDS[kind](*values)
