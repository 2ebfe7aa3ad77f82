"""Substitution that stays cheap: SymPy evaluates a rebuilt node by asking about signs, endlessly on large ones."""

from __future__ import annotations

from collections.abc import Mapping

from sympy import Basic, Expr, Symbol

__all__ = ["is_large", "plant"]

_SMALL = 40
"""Nodes of a value up to which SymPy may evaluate what it is put into."""


def plant(expr: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    """`expr` with symbols replaced, evaluated where all values are small, and otherwise just put together.

    >>> from sympy import sqrt
    >>> from ndksym.symbols import a, b
    >>> plant(sqrt(a * b), {a: b})
    b
    """
    used = {name: values[name] for name in expr.free_symbols & values.keys()}
    if not any(is_large(value, _SMALL) for value in used.values()):
        return expr.xreplace(used)
    return _planted(expr, used, {})


def _planted(e: Basic, values: Mapping[Symbol, Expr], memo: dict[Basic, Basic]) -> Basic:
    if e in values:
        return values[e]
    if not e.args or not e.free_symbols & values.keys():
        return e
    if e not in memo:
        args = [_planted(arg, values, memo) for arg in e.args]
        plain = e.is_Add or e.is_Mul or e.is_Pow or getattr(e, "is_Function", False)
        memo[e] = e.func(*args, evaluate=False) if plain else e.func(*args)
    return memo[e]


def is_large(e: Basic, nodes: int) -> bool:
    """Whether e, written out, has more nodes than that; counts no further.

    >>> from ndksym.symbols import a, b
    >>> is_large(a * b, 2), is_large(a * b, 3)
    (True, False)
    """
    todo: list[Basic] = [e]
    while todo and nodes >= 0:
        nodes -= 1
        todo.extend(todo.pop().args)
    return nodes < 0
