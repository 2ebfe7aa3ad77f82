"""Formulas in the form in which a reader would write them: equal to what they show, common factors outside roots and sums."""

from __future__ import annotations

from sympy import Expr, Pow, expand_power_base, factor_terms

from ndksym.algebra.substitute import is_large

__all__ = ["readable"]

_LARGEST = 400
"""Nodes of a formula up to which it is rewritten."""


def readable(expr: Expr) -> Expr:
    """The expression with common positive factors outside roots and common factors outside sums, where that is shorter.

    >>> from sympy import sqrt
    >>> from ndksym.symbols import k11, k12, k22, sigma2
    >>> readable(sigma2 * sqrt(k11 * k22 * sigma2**2 - k12**2 * sigma2**2))
    sigma2**2*sqrt(k11*k22 - k12**2)
    """
    if is_large(expr, _LARGEST):
        return expr
    rewritten = factor_terms(expr.replace(_is_root_of_sum, _without_common_factor))
    return rewritten if rewritten.count_ops() < expr.count_ops() else expr


def _is_root_of_sum(expr: Expr) -> bool:
    return bool(expr.is_Pow and expr.base.is_Add and not expr.exp.is_Integer)


def _without_common_factor(root: Expr) -> Expr:
    return expand_power_base(Pow(factor_terms(root.base), root.exp))
