"""A closed form as a table of coefficients, and the rewriting steps that make its terms keep their digits.

A row of the table belongs to a product of atoms, a column to a monomial that multiplies it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product as pairs

from sympy import Add, Expr, Rational, S, expand, pi

from ndksym.codegen.closed_form import Algebra, Powers, expanded, powers_of, product
from ndksym.codegen.functions import c, k, p, psi, q, r, s
from ndksym.codegen.positivity import sign_of
from ndksym.errors import NotDerivableError

__all__ = ["TermTable", "table"]

Coefficients = dict[Powers, Expr]


@dataclass
class TermTable:
    """rows[F][m] is the coefficient of monomial m in the factor of F, a product of atoms."""

    algebra: Algebra
    rows: dict[Powers, Coefficients] = field(default_factory=dict)

    def add(self, functions: Powers, monomial: Powers, number: Expr) -> None:
        """Add to one entry; an entry that becomes zero is removed."""
        row = self.rows.setdefault(functions, {})
        total = expand(row.pop(monomial, S.Zero) + number)
        if sign_of(total):
            row[monomial] = total
        if not row:
            del self.rows[functions]

    def get(self, functions: Powers, monomial: Powers) -> Expr:
        """One entry, 0 if it is not there."""
        return self.rows.get(functions, {}).get(monomial, S.Zero)

    def entries(self) -> list[tuple[Powers, Powers, Expr]]:
        """A list of all entries, so that the table may change while it is read."""
        return [(F, m, number) for F, row in self.rows.items() for m, number in row.items()]

    def kinds(self, functions: Powers) -> Iterator[tuple[str, Expr]]:
        """The kind and the symbol of each atom of a product."""
        for symbol, n in sorted(functions, key=str):
            for _ in range(n):
                yield self.algebra.atoms[symbol].kind if symbol in self.algebra.atoms else "angle", symbol


def table(algebra: Algebra, expr: Expr) -> TermTable:
    """The table of a closed form; products of exponentials are merged, and Φ2 is split into corner and edges."""
    raw: dict[Powers, list[Expr]] = {}
    for term in Add.make_args(expanded(expr)):
        number, powers = powers_of(term)
        functions = frozenset((symbol, n) for symbol, n in powers if symbol in algebra.atoms)
        for weight, merged in _split(algebra, functions):
            raw.setdefault(merged, []).append(number * weight * product(powers - functions))
    out = TermTable(algebra)
    for functions, parts in raw.items():
        for monomial, number in algebra.collected(Add(*parts)).items():
            out.add(functions, monomial, number)
    return out


def _split(algebra: Algebra, functions: Powers) -> Iterator[tuple[Expr, Powers]]:
    """One product of atoms as a weighted sum: exponentials are merged, e^A Φ2 = corner + edges."""
    exponent, rest, wedges = S.Zero, dict(functions), []
    for symbol, _ in sorted(functions, key=str):
        kind = algebra.atoms[symbol].kind
        if kind == "exp":
            exponent += rest.pop(symbol) * algebra.atoms[symbol].args[0]
        elif kind == "Phi2":
            wedges.extend([symbol] * rest.pop(symbol))
    if len(wedges) > 1:
        raise NotDerivableError("code generation: a product of two bivariate normal functions")
    exponent = algebra.flat(exponent)
    parts = _wedge(algebra, exponent, algebra.atoms[wedges[0]].args) if wedges else [(S.One, S.One)]
    for weight, symbol in parts:
        powers = dict(rest)
        if exponent != 0 and (symbol == 1 or algebra.atoms[symbol].kind == "erfc"):
            powers[algebra.atom("exp", exponent)] = 1
        if symbol != 1:
            powers[symbol] = powers.get(symbol, 0) + 1
        yield weight, frozenset(powers.items())


def _wedge(algebra: Algebra, A: Expr, args: tuple[Expr, ...]) -> Iterator[tuple[Expr, Expr]]:
    """The parts of e^A Φ2(h, k; ρ), each with its weight."""
    h, k_, rho = args
    across = algebra.power(1 - rho**2, Rational(-1, 2))
    signs = [algebra.value(h).sign, algebra.value(k_).sign]
    if signs == [1, 1]:
        yield S.One, S.One
    elif -1 not in signs and not _both_cannot(algebra, h, k_):
        yield S.One, algebra.atom("corner", A, h, k_)
    for this, other, sign, other_sign in ((h, k_, *signs), (k_, h, *reversed(signs))):
        g = algebra.flat((rho * this - other) * across)
        if this == 0:  # the limit of an edge as its argument tends to 0: half, where the other is positive
            if other_sign == 0:
                yield S.Half, algebra.atom("corner", A, other, other)
            elif other_sign == 1:
                yield S.Half, S.One
        elif g == 0 and sign:
            yield Rational(-sign, 4), algebra.atom("erfc", sign * this / 2 ** Rational(1, 2))
        else:
            yield S.One, algebra.atom("edge", this, g, A - this**2 / 2, A - (this**2 + g**2) / 2)


def _both_cannot(algebra: Algebra, h: Expr, k_: Expr) -> bool:
    """Whether h = −(a + c)/√a and k = −(b + c)/√b, or the same with −c: because |c| ≤ √(ab) not both are positive."""
    return any(
        algebra.value(-h - (p + sign * c / p)).expr == 0 and algebra.value(-k_ - (q + sign * c / q)).expr == 0
        for sign in (1, -1)
    )


def fold(rows: TermTable) -> None:
    """Write α + β asin and α + β erf as an angle or an erfc without a constant."""
    for functions, _, _ in rows.entries():
        for kind, symbol in rows.kinds(functions):
            if kind in ("arc", "erf") and dict(functions)[symbol] == 1:
                half = pi / 2 if kind == "arc" else S.One
                _fold_one(rows, functions, symbol, half)


def _fold_one(rows: TermTable, functions: Powers, symbol: Expr, half: Expr) -> None:
    plain = functions - {(symbol, 1)}
    for monomial, beta in list(rows.rows.get(functions, {}).items()):
        alpha = rows.get(plain, monomial)
        ratio = alpha / (beta * half)
        if abs(ratio.n(20)) < 1 - 1e-15:
            continue
        side = 1 if ratio.n(20) > 0 else -1
        rows.add(functions, monomial, -beta)
        rows.add(plain, monomial, -side * beta * half)
        rows.add(plain | {(_beside(rows.algebra, symbol, side), 1)}, monomial, side * beta)


def _beside(algebra: Algebra, symbol: Expr, side: int) -> Expr:
    """The atom of π/2 ± asin, or of 1 ± erf."""
    atom = algebra.atoms[symbol]
    if atom.kind == "erf":
        return algebra.atom("erfc", -side * atom.args[0])
    top, bottom = atom.args
    if (top, bottom) == (c, r):
        return psi if side == 1 else algebra.atom("theta")
    return algebra.atom("arc", bottom, -side * top)


def arccos_kernels(rows: TermTable) -> None:
    """Write c ψ + r, which cancels as θ → π, as pq arccos_kernel_1(ψ, s, k)."""
    for functions in list(rows.rows):
        if (psi, 1) not in functions:
            continue
        plain = functions - {(psi, 1)}
        for monomial, beta in list(rows.rows.get(functions, {}).items()):
            rest = _times(monomial, {c: -1})
            straight = _times(rest, {r: 1})
            alpha = rows.get(plain, straight)
            if dict(monomial).get(c, 0) < 1 or (alpha / beta).n(20) <= 0:
                continue
            share = alpha if abs(alpha.n(20)) <= abs(beta.n(20)) else beta
            rows.add(functions, monomial, -share)
            rows.add(plain, straight, -share)
            arccos_kernel_1 = rows.algebra.atom("arccos_kernel_1", psi, s, k)
            rows.add(plain | {(arccos_kernel_1, 1)}, _times(rest, {p: 1, q: 1}), share)


def _times(monomial: Powers, factors: dict[Expr, int]) -> Powers:
    powers = dict(monomial)
    for symbol, n in factors.items():
        powers[symbol] = powers.get(symbol, 0) + n
    return frozenset((symbol, n) for symbol, n in powers.items() if n)


def distances(rows: TermTable) -> None:
    """Write p² + q² − 2c as E(u − v)², which is computed without cancellation."""
    for functions, monomial, _ in rows.entries():
        rest = _times(monomial, {p: -2})
        squares, straight = (_times(rest, {p: 2}), _times(rest, {q: 2})), _times(rest, {c: 1})
        numbers = [*(rows.get(functions, square) for square in squares), -rows.get(functions, straight) / 2]
        if 0 not in numbers and len({number.n(20) > 0 for number in numbers}) == 1:
            share = min(numbers, key=lambda number: abs(number.n(20)))
            for square in squares:
                rows.add(functions, square, -share)
            rows.add(functions, straight, 2 * share)
            rows.add(functions | {(rows.algebra.atom("distance"), 1)}, rest, share)


def differences(rows: TermTable) -> None:
    """Write α(e^A − e^B) as expdiff where A − B is free of cancellation."""
    families: dict[tuple[Powers, Powers], dict[Expr, Powers]] = {}
    for functions, monomial, _ in rows.entries():
        kinds = [kind for kind, _ in rows.kinds(functions)]
        if kinds in ([], ["exp"]):
            exponent = rows.algebra.atoms[next(iter(functions))[0]].args[0] if kinds else S.Zero
            families.setdefault((frozenset(), monomial), {})[exponent] = functions
    for (_, monomial), members in families.items():
        if len(members) > 1:
            _pair(rows, monomial, members)


def _pair(rows: TermTable, monomial: Powers, members: dict[Expr, Powers]) -> None:
    coincident = {q: p, c: p**2}
    # an exponent that vanishes where the inputs coincide is paired with the constant
    order = sorted(members, key=lambda A: (expand(A.subs(coincident)) != 0, len(Add.make_args(A)), str(A)))
    for A, B in pairs(order, order):
        alpha, beta = rows.get(members[A], monomial), rows.get(members[B], monomial)
        if A == B or alpha == 0 or beta == 0 or alpha.n(20) < 0 or beta.n(20) > 0 or not _keeps(rows.algebra, A - B):
            continue
        share = alpha if (alpha + beta).n(20) <= 0 else -beta
        rows.add(members[A], monomial, -share)
        rows.add(members[B], monomial, share)
        rows.add(frozenset({(rows.algebra.atom("expdiff", A, B, A - B), 1)}), monomial, share)


def _keeps(algebra: Algebra, difference: Expr) -> bool:
    """Whether the difference is a power of c times an expression of one sign."""
    classes = list(algebra.classes(difference))
    if len(classes) != 1:
        return False
    outer, inner = classes[0]
    while inner != 0 and inner.subs(c, 0) == 0:
        inner = expand(inner / c)
    return bool(algebra.value(product(outer - {(c, dict(outer).get(c, 0))}) * inner).sign)
