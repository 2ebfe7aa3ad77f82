"""Fast substitution: SymPy evaluates each node that it rebuilds, which takes very long for large expressions."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Basic, Expr, Symbol

__all__ = ["is_large", "substitute"]

_SMALL = 40
"""Largest number of nodes of a value for which SymPy evaluates the result."""


def substitute(expr: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    """Replace symbols in `expr`; evaluate the result only if all values are small.

    >>> from sympy import sqrt
    >>> from ndksym.symbols import a, b
    >>> substitute(sqrt(a * b), {a: b})
    b
    """
    used = {name: values[name] for name in expr.free_symbols & values.keys()}
    if not any(is_large(value, _SMALL) for value in used.values()):
        return expr.xreplace(used)
    return _unevaluated(expr, used, {})


def _unevaluated(e: Basic, values: Mapping[Symbol, Expr], memo: dict[Basic, Basic]) -> Basic:
    if e in values:
        return values[e]
    if not e.args or not e.free_symbols & values.keys():
        return e
    if e not in memo:
        args = [_unevaluated(arg, values, memo) for arg in e.args]
        takes_evaluate = e.is_Add or e.is_Mul or e.is_Pow or getattr(e, "is_Function", False)
        memo[e] = e.func(*args, evaluate=False) if takes_evaluate else e.func(*args)
    return memo[e]


def is_large(e: Basic, nodes: int) -> bool:
    """Whether the expression tree of `e` has more than `nodes` nodes; the count stops there.

    >>> from ndksym.symbols import a, b
    >>> is_large(a * b, 2), is_large(a * b, 3)
    (True, False)
    """
    pending: list[Basic] = [e]
    while pending and nodes >= 0:
        nodes -= 1
        pending.extend(pending.pop().args)
    return nodes < 0
