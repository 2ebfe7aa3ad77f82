"""Truncated power series in w = √(τ−τ') and τ': coefficients by (power j of w, power l of τ'), up to a degree j + 2l.

Coefficients are SymPy expressions that are multiplied and added without expansion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import comb

from sympy import Add, Expr, Integer, Mul, Rational

__all__ = ["Powers", "composed", "constant", "cut", "divided", "later", "minus", "plus", "power", "scaled", "times"]

Powers = dict[tuple[int, int], Expr]


def constant(value: Expr) -> Powers:
    """A constant."""
    return {(0, 0): value} if value != 0 else {}


def cut(f: Mapping[tuple[int, int], Expr], degree: int) -> Powers:
    """The terms up to a degree."""
    return {at: c for at, c in f.items() if at[0] + 2 * at[1] <= degree}


def plus(*parts: Powers) -> Powers:
    """The sum."""
    terms: dict[tuple[int, int], list[Expr]] = {}
    for part in parts:
        for at, c in part.items():
            terms.setdefault(at, []).append(c)
    return _nonzero((at, Add(*c)) for at, c in terms.items())


def scaled(f: Powers, factor: Expr) -> Powers:
    """factor · f."""
    return _nonzero((at, factor * c) for at, c in f.items())


def minus(f: Powers, g: Powers) -> Powers:
    """f − g."""
    return plus(f, scaled(g, Integer(-1)))


def times(f: Powers, g: Powers, degree: int) -> Powers:
    """f g."""
    terms: dict[tuple[int, int], list[Expr]] = {}
    for (i, k), x in f.items():
        for (j, ell), y in g.items():
            if i + j + 2 * (k + ell) <= degree:
                terms.setdefault((i + j, k + ell), []).append(Mul(x, y))
    return _nonzero((at, Add(*c)) for at, c in terms.items())


def power(f: Powers, p: Rational, degree: int) -> Powers:
    """f^p for f with a constant term, by the binomial series."""
    lead = f[0, 0]
    rest = scaled({at: c for at, c in f.items() if at != (0, 0)}, 1 / lead)
    total, term, factor = constant(Integer(1)), constant(Integer(1)), Integer(1)
    for n in range(1, degree + 1):
        term = times(term, rest, degree)
        factor = factor * (p - n + 1) / n
        total = plus(total, scaled(term, factor))
    return scaled(total, lead**p)


def divided(f: Powers, n: int) -> Powers:
    """f / w^n for an f without lower powers of w."""
    if any(j < n for j, _ in f):
        raise AssertionError(f"the series has powers of w below {n}")
    return {(j - n, ell): c for (j, ell), c in f.items()}


def later(coefficients: Sequence[Expr], degree: int) -> Powers:
    """Σ f_n τ^n for the later time τ = τ' + w²."""
    return _nonzero(
        ((2 * i, n - i), comb(n, i) * f) for n, f in enumerate(coefficients) for i in range(n + 1) if 2 * n <= degree
    )


def composed(
    taylor: Mapping[tuple[int, ...], Expr],
    variables: Sequence[Powers],
    degree: int,
    named: Callable[[tuple[int, ...]], Expr],
) -> Powers:
    """Σ named(α) Π variable^α over the keys α of `taylor`; `named` is called only for terms that contribute."""
    powers: list[list[Powers]] = [[constant(Integer(1))] for _ in variables]
    total: list[Powers] = []
    for alpha in sorted(taylor):
        term: Powers | None = None
        for own, variable, n in zip(powers, variables, alpha, strict=True):
            while len(own) <= n:
                own.append(times(own[-1], variable, degree))
            term = own[n] if term is None else times(term, own[n], degree)
        if term:
            total.append(scaled(term, named(alpha)))
    return plus(*total)


def _nonzero(items: Iterable[tuple[tuple[int, int], Expr]]) -> Powers:
    return {at: c for at, c in items if c != 0}
