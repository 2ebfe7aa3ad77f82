"""Pieces of an activation as sums of atoms factor·xⁿ·e^{αx² + ηx}·{1, erf(λx + μ)}, for the certified route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import flint

__all__ = ["Atom", "atoms"]

_KNOWN = (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.erf, sympy.erfc)
_MOST = 60


@dataclass(frozen=True)
class Atom:
    """factor·xⁿ·e^{αx² + ηx}, times erf(λx + μ) when line = (λ, μ)."""

    factor: sympy.Expr
    power: int
    alpha: sympy.Expr
    eta: sympy.Expr
    line: tuple[sympy.Expr, sympy.Expr] | None = None

    def at(self, x: Any) -> Any:
        """The atom's value at an arb or acb."""
        alpha, eta = constant(self.alpha), constant(self.eta)
        value = constant(self.factor) * (alpha * x * x + eta * x).exp()
        for _ in range(self.power):
            value = value * x
        if self.line:
            value = value * (constant(self.line[0]) * x + constant(self.line[1])).erf()
        return value


def atoms(expr: sympy.Expr, x: sympy.Symbol) -> tuple[Atom, ...] | None:
    """Decompose an expression, or None when it is not such a sum; the sum is checked against it at sample points."""
    functions = [node for node in sympy.preorder_traversal(expr) if isinstance(node, sympy.Function) and node.has(x)]
    if any(type(node) not in _KNOWN for node in functions):
        return None
    plain = expr
    for kind in (sympy.sin, sympy.cos, sympy.sinh, sympy.cosh):
        plain = plain.replace(kind, lambda arg, kind=kind: kind(arg).rewrite(sympy.exp))
    plain = plain.replace(sympy.erfc, lambda arg: 1 - sympy.erf(arg))
    found: dict[tuple[Any, ...], sympy.Expr] = {}
    for term in sympy.Add.make_args(sympy.expand(plain)):
        split = _split(term, x)
        if split is None:
            return None
        key, factor = split
        found[key] = found.get(key, sympy.Integer(0)) + factor
    result = tuple(Atom(factor, *key) for key, factor in found.items() if factor != 0)
    return result if len(result) <= _MOST and _agree(expr, x, result) else None


def _split(term: sympy.Expr, x: sympy.Symbol) -> tuple[tuple[Any, ...], sympy.Expr] | None:
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
    expr = sympy.expand(expr)
    if not expr.is_polynomial(x) or sympy.degree(expr, x) > degree:
        return None
    return tuple(expr.coeff(x, k) for k in range(degree + 1))


def _agree(expr: sympy.Expr, x: sympy.Symbol, found: Sequence[Atom]) -> bool:
    from ndksym.verify.oracle.evaluate import Program

    points = [flint().arb(k) / 7 for k in (-11, -3, 2, 9)]
    [values] = Program([expr], x).run(points)
    for point, value in zip(points, values, strict=True):
        total = sum((flint().acb(atom.at(point)) for atom in found), flint().acb(0))
        if not (total - value).contains(0):
            return False
    return True
