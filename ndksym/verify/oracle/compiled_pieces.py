"""An activation, compiled for evaluation in Arb: analytic pieces between breaks, their derivatives, and the jumps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import sympy

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.evaluate import BallProgram, constant
from ndksym.verify.oracle.numbers import flint, precision

if TYPE_CHECKING:
    from flint import arb

__all__ = ["CompiledPieces", "compiled_pieces"]


@dataclass(frozen=True)
class CompiledPieces:
    """φ and φ′ on the pieces of an activation.

    `programs[k]` evaluates (φ, φ′) on piece k, and `breaks[k]` separates the pieces k and k + 1. `centres` are the points around which
    φ may change quickly: 0, the breaks, and the zeros of affine arguments inside φ. |φ| grows like exp(growth·x²).
    """

    programs: tuple[BallProgram, ...]
    breaks: tuple[sympy.Expr, ...]
    jumps: tuple[sympy.Expr, ...]
    centres: tuple[sympy.Expr, ...]
    growth: sympy.Expr

    def break_points(self) -> list[arb]:
        """The breaks as arbs at the current precision."""
        return [constant(point) for point in self.breaks]

    def jump_heights(self) -> list[arb]:
        """φ(τ+) − φ(τ−) at each break as arbs; 0 at a kink."""
        return [constant(jump) for jump in self.jumps]


@lru_cache(maxsize=128)
def compiled_pieces(act: Activation) -> CompiledPieces:
    """The compiled pieces of an activation."""
    x = act.symbol
    pieces = tuple(act.pieces)
    programs = tuple(BallProgram([piece.expr, sympy.diff(piece.expr, x)], x) for piece in pieces)
    breaks = tuple(piece.hi for piece in pieces[:-1])
    jumps = tuple(_jump(before.expr, after.expr, x, before.hi) for before, after in itertools.pairwise(pieces))
    centres = {sympy.Integer(0), *breaks}
    for piece in pieces:
        centres |= _zeros(piece.expr, x)
    return CompiledPieces(
        programs,
        breaks,
        jumps,
        tuple(sorted(centres, key=float)),
        act.growth,
    )


def _jump(before: sympy.Expr, after: sympy.Expr, x: sympy.Symbol, tau: sympy.Expr) -> sympy.Expr:
    """φ(τ+) − φ(τ−); exactly 0 where it is 0 to 200 bits."""
    jump = (after - before).subs(x, tau)
    with precision(256):
        return sympy.Integer(0) if abs(constant(jump)) < flint().arb(2) ** -200 else jump


def _zeros(expr: sympy.Expr, x: sympy.Symbol) -> set[sympy.Expr]:
    """Zeros of affine arguments of functions, around which an expression may change quickly: −1/6 for erf(2x + 1/3)."""
    zeros = set()
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, sympy.Function) and node.has(x):
            slope = sympy.diff(node.args[0], x)
            if slope.is_number and slope.is_real and slope != 0:
                zero = -node.args[0].subs(x, 0) / slope
                if zero.is_finite:
                    zeros.add(zero)
    return zeros
