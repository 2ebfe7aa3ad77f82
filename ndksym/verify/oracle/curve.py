"""An activation as the oracle sees it: analytic pieces between breaks, their derivatives, and the jumps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sympy

from ndksym.verify.oracle.evaluate import Program, constant
from ndksym.verify.oracle.numbers import flint, precision

__all__ = ["Curve", "curve"]


@dataclass(frozen=True)
class Curve:
    """φ and φ' on the pieces of an activation.

    `programs[k]` evaluates (φ, φ') on piece k; `breaks[k]` separates the pieces k and k + 1; `centres` are the raw
    points around which φ may change quickly: 0, the breaks, and the zeros of the affine arguments inside φ.
    """

    programs: tuple[Program, ...]
    breaks: tuple[sympy.Expr, ...]
    jumps: tuple[sympy.Expr, ...]
    centres: tuple[sympy.Expr, ...]
    growth: sympy.Expr

    def points(self) -> list[Any]:
        """The breaks as arbs at the current precision."""
        return [constant(point) for point in self.breaks]

    def heights(self) -> list[Any]:
        """φ(τ+) − φ(τ−) at each break, 0 at a kink, as arbs."""
        return [constant(jump) for jump in self.jumps]


@lru_cache(maxsize=128)
def curve(act: Any) -> Curve:
    """Compile an Activation record."""
    x = act.symbol
    pieces = tuple(act.pieces)
    programs = tuple(Program([piece.expr, sympy.diff(piece.expr, x)], x) for piece in pieces)
    breaks = tuple(piece.hi for piece in pieces[:-1])
    jumps = tuple(_jump(before.expr, after.expr, x, before.hi) for before, after in itertools.pairwise(pieces))
    centres = {sympy.Integer(0), *breaks}
    for piece in pieces:
        centres |= _zeros(piece.expr, x)
    return Curve(
        programs,
        breaks,
        jumps,
        tuple(sorted(centres, key=float)),
        sympy.sympify(getattr(act, "growth", 0), strict=True),
    )


def _jump(before: sympy.Expr, after: sympy.Expr, x: sympy.Symbol, tau: sympy.Expr) -> sympy.Expr:
    """φ(τ+) − φ(τ−), exactly 0 when 200 bits cannot tell it from 0."""
    jump = (after - before).subs(x, tau)
    with precision(256):
        return sympy.Integer(0) if abs(constant(jump)) < flint().arb(2) ** -200 else jump


def _zeros(expr: sympy.Expr, x: sympy.Symbol) -> set[sympy.Expr]:
    """Zeros of the affine arguments of the functions in an expression: erf(2x + 1/3) turns around −1/6."""
    found = set()
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, sympy.Function) and node.has(x):
            slope = sympy.diff(node.args[0], x)
            if slope.is_number and slope.is_real and slope != 0:
                zero = -node.args[0].subs(x, 0) / slope
                if zero.is_finite:
                    found.add(zero)
    return found
