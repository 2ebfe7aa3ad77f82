"""Pieces of an activation as sums of atoms factor·xⁿ·e^{αx² + ηx}·{1, erf(λx + μ)}, for certified integrals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from ndksym.verify.oracle.evaluate import BallProgram, constant
from ndksym.verify.oracle.numbers import flint

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["ExpErfAtom", "atoms"]

_FUNCTIONS = (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.erf, sympy.erfc)
_MOST = 60
"""Largest number of atoms."""


@dataclass(frozen=True)
class ExpErfAtom:
    """factor·xⁿ·e^{αx² + ηx}, times erf(λx + μ) if line = (λ, μ)."""

    factor: sympy.Expr
    power: int
    alpha: sympy.Expr
    eta: sympy.Expr
    line: tuple[sympy.Expr, sympy.Expr] | None = None

    def at(self, x: arb | acb) -> arb | acb:
        """Value at an arb or acb."""
        alpha, eta = constant(self.alpha), constant(self.eta)
        value: arb | acb = constant(self.factor) * (alpha * x * x + eta * x).exp()
        for _ in range(self.power):
            value = value * x
        if self.line:
            value = value * (constant(self.line[0]) * x + constant(self.line[1])).erf()
        return value


def atoms(expr: sympy.Expr, x: sympy.Symbol) -> tuple[ExpErfAtom, ...] | None:
    """The atoms of an expression, or None if it is no such sum. The sum is compared with the expression at sample points."""
    functions = [node for node in sympy.preorder_traversal(expr) if isinstance(node, sympy.Function) and node.has(x)]
    if any(type(node) not in _FUNCTIONS for node in functions):
        return None
    plain = expr
    for kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh):
        plain = plain.replace(kind, lambda arg, kind=kind: kind(arg).rewrite(sympy.exp))
    plain = plain.replace(sympy.erfc, lambda arg: 1 - sympy.erf(arg))
    factors: dict[tuple[Any, ...], sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(plain)):
        split = _split(term, x)
        if split is None:
            return None
        key, factor = split
        factors[key] = factors.get(key, sympy.Integer(0)) + factor
    result = tuple(ExpErfAtom(factor, *key) for key, factor in factors.items() if factor != 0)
    return result if len(result) <= _MOST and _agree(expr, x, result) else None


def _split(term: sympy.Expr, x: sympy.Symbol) -> tuple[tuple[Any, ...], sympy.Expr] | None:
    """((n, α, η, line), factor) of one term, or None if it is no atom."""
    power, factor = 0, sympy.Integer(1)
    exponent: sympy.Expr = sympy.Integer(0)
    line = None
    for part in sympy.Mul.make_args(term):
        base, degree = part.as_base_exp()
        if not part.has(x):
            factor *= part
        elif base == x and degree.is_Integer and degree > 0:
            power += int(degree)
        elif base is sympy.E:
            exponent += degree
        elif isinstance(base, sympy.exp) and not degree.has(x):
            exponent += base.args[0] * degree
        elif isinstance(part, sympy.erf) and line is None:
            line = _coefficients(part.args[0], x, 1)
            if line is None or any(value.is_extended_real is False for value in line):
                return None
        else:
            return None
    quadratic = _coefficients(exponent, x, 2)
    if quadratic is None:
        return None
    constant_part, eta, alpha = quadratic
    shape = (line[1], line[0]) if line else None
    return (power, alpha, eta, shape), factor * sympy.exp(constant_part)


def _coefficients(expr: sympy.Expr, x: sympy.Symbol, degree: int) -> tuple[sympy.Expr, ...] | None:
    """Coefficients of a polynomial from the constant up, or None for another expression or a higher degree."""
    expr = sympy.expand(expr)
    if not expr.is_polynomial(x) or sympy.degree(expr, x) > degree:
        return None
    return tuple(expr.coeff(x, k) for k in range(degree + 1))


def _agree(expr: sympy.Expr, x: sympy.Symbol, terms: Sequence[ExpErfAtom]) -> bool:
    """Whether the enclosures of the expression and of the sum of atoms overlap at sample points."""
    points = [flint().arb(k) / 7 for k in (-11, -3, 2, 9)]
    [values] = BallProgram([expr], x).run(points)
    for point, value in zip(points, values, strict=True):
        total = sum((flint().acb(atom.at(point)) for atom in terms), flint().acb(0))
        if not (total - value).contains(0):
            return False
    return True
