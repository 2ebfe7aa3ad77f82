"""Closed forms as Laurent polynomials in p, q, c, square roots w, and atoms (exp, erf, asin, Φ2 … of such polynomials).

One `Algebra` per expression gives names to its roots and atoms. Exponents of roots may be negative, so denominators are
powers of roots too. Expressions that are equal by w² = polynomial are brought to one form (`collected`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from sympy import (
    Add,
    Dummy,
    Expr,
    Integer,
    Mul,
    Poly,
    Pow,
    Rational,
    S,
    Symbol,
    acos,
    asin,
    atan,
    cos,
    cosh,
    div,
    erf,
    erfc,
    erfi,
    exp,
    expand,
    pi,
    sin,
    sinh,
)

from ndksym.algebra.bivariate_normal import Phi2
from ndksym.codegen.functions import c, p, q, r
from ndksym.codegen.positivity import Value, irreducible, normal, polynomial, rational, sign_of
from ndksym.errors import NotDerivableError
from ndksym.symbols import a, b
from ndksym.symbols import c as covariance

__all__ = ["Algebra", "Powers", "Transcendental", "expanded", "powers_of"]

Powers = frozenset[tuple[Symbol, int]]
"""A monomial: symbols and their integer powers."""

_SAMPLE = {p: Rational(3, 10), q: Rational(29, 100), c: Rational(3, 100)}
_DET = p**2 * q**2 - c**2


@dataclass(frozen=True)
class Transcendental:
    """An atom of an algebra: a transcendental function whose arguments are in the algebra."""

    kind: str
    args: tuple[Expr, ...]


def powers_of(term: Expr) -> tuple[Expr, Powers]:
    """Split a product into its number and its powers of symbols.

    >>> powers_of(3 * p**2 / q) == (3, frozenset({(p, 2), (q, -1)}))
    True
    """
    number: list[Expr] = []
    powers: dict[Symbol, int] = {}
    for factor in Mul.make_args(term):
        if not factor.free_symbols:
            number.append(factor)
            continue
        base, exponent = factor.as_base_exp()
        if not (base.is_Symbol and exponent.is_Integer):
            raise NotDerivableError(f"code generation: {factor} is no power of a symbol")
        powers[base] = powers.get(base, 0) + int(exponent)
    return Mul(*number), frozenset((symbol, n) for symbol, n in powers.items() if n)


def expanded(expr: Expr) -> Expr:
    """Expand into a sum of products of powers; a number such as 1/(π − 1) is not mixed with symbols.

    >>> expanded((p + q) / (pi * (pi - 1) * p))
    1/(pi*(-1 + pi)) + q/(pi*p*(-1 + pi))
    """
    quotients = [e for e in expr.atoms(Pow) if not e.free_symbols and e.exp.is_negative]
    names = {number: Dummy(f"k{n}") for n, number in enumerate(sorted(quotients, key=str))}
    values = {name: number for number, name in names.items()}
    return expand(expr.xreplace(names)).xreplace(values)


def product(powers: Powers) -> Expr:
    """The monomial as an expression."""
    return Mul(*(symbol**n for symbol, n in powers))


@dataclass
class Algebra:
    """Names for the roots and atoms of one expression, and the arithmetic of expressions in these names."""

    squares: dict[Symbol, Expr] = field(default_factory=lambda: {r: _DET})
    atoms: dict[Symbol, Transcendental] = field(default_factory=dict)
    _flat: dict[Expr, Expr] = field(default_factory=dict)
    _values: dict[Expr, Value] = field(default_factory=dict)

    def __call__(self, expr: Expr) -> Expr:
        """Rewrite a closed form in a, b, c; an unknown function raises NotDerivableError."""
        if not expr.free_symbols:
            return expr
        if expr.is_Symbol:
            values = {a: p**2, b: q**2, covariance: c}
            if expr not in values:
                raise NotDerivableError(f"code generation: unknown symbol {expr}; allowed are a, b, c")
            return values[expr]
        if isinstance(expr, (Add, Mul)):
            return expr.func(*map(self, expr.args))
        if isinstance(expr, Pow) and not expr.exp.free_symbols:
            return self.power(self(expr.base), expr.exp)
        rule = _RULES.get(expr.func)
        if rule is None:
            raise NotDerivableError(f"code generation: {expr.func.__name__} is not among the functions it can lower")
        args: tuple[Expr, ...] = expr.args  # exp is a Function here, although SymPy also has it as a power of E
        return rule(self, *map(self, args))

    def atom(self, kind: str, *args: Expr) -> Symbol:
        """The symbol of an atom, the same for equal arguments."""
        wanted = Transcendental(kind, tuple(map(self.flat, args)))
        for symbol, existing in self.atoms.items():
            if existing == wanted:
                return symbol
        symbol = Symbol(f"f{len(self.atoms)}")
        self.atoms[symbol] = wanted
        return symbol

    def root(self, square: Expr) -> Symbol:
        """The symbol of √square."""
        for symbol, existing in self.squares.items():
            if existing == square:
                return symbol
        symbol = Symbol(f"w{len(self.squares)}", positive=True)
        self.squares[symbol] = square
        return symbol

    def power(self, base: Expr, exponent: Expr) -> Expr:
        """baseⁿ or base^{n/2}: denominators and radicands become powers of roots of irreducible polynomials."""
        if exponent.is_Integer and exponent > 0:
            return base**exponent
        twice = 2 * exponent
        if not twice.is_Integer:
            raise NotDerivableError(f"code generation: ({base})^({exponent}) is no power of a square root")
        classes = list(self.classes(base))
        if len(classes) != 1:
            raise NotDerivableError(f"code generation: cannot take a root of {base}")
        outer, inner = classes[0]
        powers: dict[Expr, int] = {}
        number, factors = _positive_factors(inner)
        for factor, multiplicity in factors:
            powers[factor] = multiplicity * int(twice)
        for symbol, n in outer:
            powers[symbol] = powers.get(symbol, 0) + n * int(twice)
        both = _common(powers.get(p * q - c, 0), powers.get(p * q + c, 0))
        if both:
            powers[p * q - c], powers[p * q + c] = powers[p * q - c] - both, powers[p * q + c] - both
        return Mul(number**exponent, r**both, *(self._root_power(factor, n) for factor, n in powers.items() if n))

    def _root_power(self, factor: Expr, n: int) -> Expr:
        if factor.is_Symbol and n % 2 == 0:
            return factor ** (n // 2)
        return self.root(factor) ** n

    def classes(self, expr: Expr) -> Iterator[tuple[Powers, Expr]]:
        """Pairs (monomial, polynomial in p, q, c): one for each parity of the exponents of the roots."""
        groups: dict[frozenset[Symbol], list[tuple[Expr, dict[Symbol, int]]]] = {}
        for term in Add.make_args(expanded(expr)):
            number, powers = powers_of(term)
            odd = frozenset(symbol for symbol, n in powers if symbol in self.squares and n % 2)
            groups.setdefault(odd, []).append((number, dict(powers)))
        for group in groups.values():
            symbols = sorted({symbol for _, powers in group for symbol in powers}, key=lambda v: str(v.name))
            least = {symbol: min(powers.get(symbol, 0) for _, powers in group) for symbol in symbols}
            parts = []
            for number, exponents in group:
                factors = [number]
                for symbol in symbols:
                    n = exponents.get(symbol, 0) - least[symbol]
                    factors.append(self.squares[symbol] ** (n // 2) if symbol in self.squares else symbol**n)
                parts.append(Mul(*factors))
            inner = expand(Add(*parts))
            for symbol in symbols:
                while inner != 0 and symbol in self.squares and least[symbol] < 0:
                    quotient = _quotient(inner, self.squares[symbol])
                    if quotient is None:
                        break
                    inner, least[symbol] = quotient, least[symbol] + 2
            if inner != 0:
                yield frozenset((symbol, n) for symbol, n in least.items() if n), inner

    def collected(self, expr: Expr) -> dict[Powers, Expr]:
        """The normal form of an expression without atoms: coefficients of monomials that no relation w² = polynomial shortens."""
        out: dict[Powers, Expr] = {}
        for outer, inner in self.classes(expr):
            for exponents, number in normal(inner).items():
                both = dict(outer)
                for symbol, n in zip((p, q, c, r), exponents, strict=True):
                    both[symbol] = both.get(symbol, 0) + n
                key = frozenset((symbol, n) for symbol, n in both.items() if n)
                out[key] = out.get(key, S.Zero) + number
        return {key: number for key, number in out.items() if sign_of(number)}

    def flat(self, expr: Expr) -> Expr:
        """The normal form as an expression, so that equal arguments of atoms are identical."""
        if expr not in self._flat:
            normal_form = Add(*(number * product(powers) for powers, number in self.collected(expr).items()))
            self._flat[expr] = self._flat[normal_form] = normal_form
        return self._flat[expr]

    def value(self, expr: Expr) -> Value:
        """The value of an expression without atoms as code should evaluate it, and its sign."""
        if expr not in self._values:
            self._values[expr] = self._value(expr)
        return self._values[expr]

    def _value(self, expr: Expr) -> Value:
        parts = []
        for outer, inner in self.classes(expr):
            flip = -1 if dict(outer).get(c, 0) % 2 else 1
            inside = polynomial(inner)
            parts.append(Value(product(outer) * inside.expr, inside.sign if flip == 1 else 0))
        signs = {part.sign for part in parts}
        return Value(Add(*(part.expr for part in parts)), signs.pop() if len(signs) == 1 else 0)


@lru_cache(maxsize=4096)
def _quotient(dividend: Expr, divisor: Expr) -> Expr | None:
    """dividend/divisor, if it is a polynomial in p, q, c."""
    named, values = rational([dividend, divisor])
    quotient, remainder = div(*(Poly(each, p, q, c) for each in named))
    return quotient.as_expr().xreplace(values) if remainder.is_zero else None


def _common(m: int, n: int) -> int:
    """The largest power, positive or negative, that two factors share."""
    return 0 if m * n <= 0 else min(m, n) if m > 0 else max(m, n)


def _positive_factors(inner: Expr) -> tuple[Expr, list[tuple[Expr, int]]]:
    """Irreducible factors, each with the sign that makes it positive at a sample point of the domain."""
    number, factors = irreducible(inner)
    out = []
    for factor, multiplicity in factors:
        if factor.subs(_SAMPLE).n(20) < 0:
            number *= Integer(-1) ** multiplicity
            out.append((expand(-factor), multiplicity))
        else:
            out.append((factor, multiplicity))
    return number, out


def _exp(algebra: Algebra, A: Expr) -> Expr:
    A = algebra.flat(A)
    return S.One if A == 0 else algebra.atom("exp", A)


def _erf(algebra: Algebra, z: Expr) -> Expr:
    """erf z = 1 − erfc z if the sign of z is known: erfc keeps its digits at large z."""
    sign = algebra.value(z).sign
    if sign:
        return sign * (1 - algebra.atom("erfc", sign * z))
    flip = -1 if algebra.flat(z).could_extract_minus_sign() else 1
    return flip * algebra.atom("erf", flip * z)


def _erfi(algebra: Algebra, z: Expr) -> Expr:
    return algebra.atom("erfi", z)


def _asin(algebra: Algebra, x: Expr) -> Expr:
    """asin(n/d) as atan2(n, √(d² − n²)), with a radicand free of cancellation."""
    (outer, inner) = next(iter(algebra.classes(x)))
    top = inner * product(frozenset((symbol, n) for symbol, n in outer if n > 0))
    bottom = product(frozenset((symbol, -n) for symbol, n in outer if n < 0))
    return algebra.atom("arc", top, algebra.power(bottom**2 - top**2, Rational(1, 2)))


def _atan(algebra: Algebra, x: Expr) -> Expr:
    return algebra.atom("arc", x, S.One)


_RULES: dict[type, Callable[..., Expr]] = {
    exp: _exp,
    sinh: lambda algebra, x: (_exp(algebra, x) - _exp(algebra, -x)) / 2,
    cosh: lambda algebra, x: (_exp(algebra, x) + _exp(algebra, -x)) / 2,
    sin: lambda algebra, x: algebra.atom("sin", x),
    cos: lambda algebra, x: algebra.atom("cos", x),
    erf: _erf,
    erfc: lambda algebra, z: 1 - _erf(algebra, z),
    erfi: _erfi,
    asin: _asin,
    acos: lambda algebra, x: pi / 2 - _asin(algebra, x),
    atan: _atan,
    Phi2: lambda algebra, h, k, rho: algebra.atom("Phi2", h, k, rho),
}
