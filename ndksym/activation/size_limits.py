"""What an expression may be made of, and how large it may grow: one rule for texts and for SymPy objects.

Sizes are checked on what SymPy has built *so far*, so nothing is built from parts that are already too large.
"""

from dataclasses import dataclass

from sympy import (
    Abs,
    Add,
    And,
    Basic,
    E,
    Eq,
    Expr,
    Float,
    Ge,
    Gt,
    Heaviside,
    I,
    Le,
    Lt,
    Max,
    Min,
    Mul,
    Ne,
    Not,
    Or,
    Piecewise,
    Pow,
    Rational,
    Symbol,
    ceiling,
    nan,
    oo,
    pi,
    sign,
    zoo,
)
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from ndksym.algebra.functions import FUNCTIONS
from ndksym.errors import InputError

__all__ = ["HELP", "MAX_BITS", "MAX_DEGREE", "MAX_DEPTH", "MAX_LENGTH", "MAX_SIZE", "ExpressionSize", "measure"]

HELP = "`ndksym list` shows what a formula may contain"
"""The end of messages about what is not allowed."""
MAX_LENGTH = 2000
"""Characters of a text."""
MAX_DEPTH = 40
"""Levels of nesting."""
MAX_SIZE = 1000
"""Nodes of an expression."""
MAX_DEGREE = 64
"""Degree of an expression in x and in its functions of x; no exponent is larger either."""
MAX_BITS = 512
"""Bits of the numerator and of the denominator of a number."""

SMOOTH = tuple(f.sympy for f in FUNCTIONS.values() if f.in_activations)
KINKED = (Abs, sign, Heaviside, Max, Min, Piecewise)
_PARTS = (Add, Mul, Pow, *SMOOTH, *KINKED, ExprCondPair, Lt, Le, Gt, Ge, Eq, Ne, And, Or, Not)


@dataclass(frozen=True)
class ExpressionSize:
    """Nodes, degree and depth of an expression."""

    nodes: int
    degree: int
    depth: int


def measure(expr: Expr, known: dict[Basic, ExpressionSize] | None = None) -> ExpressionSize:
    """ExpressionSize of an expression made of allowed parts; InputError says which part or which bound is broken.

    `known` remembers the sizes of subexpressions, so that a growing expression is measured step by step.

    >>> from ndksym.symbols import x
    >>> measure(1 + x**2)
    ExpressionSize(nodes=5, degree=2, depth=3)
    """
    known = {} if known is None else known
    if expr not in known:
        size = _measure(expr, known)
        if size.nodes > MAX_SIZE:
            raise InputError(f"the expression is too large: more than {MAX_SIZE} nodes")
        if size.depth > MAX_DEPTH:
            raise InputError(f"the expression is nested more than {MAX_DEPTH} levels deep")
        if size.degree > MAX_DEGREE:
            raise InputError(f"the degree is {size.degree}; at most {MAX_DEGREE} is allowed")
        known[expr] = size
    return known[expr]


def _measure(expr: Basic, known: dict[Basic, ExpressionSize]) -> ExpressionSize:
    if expr in (zoo, nan, oo, -oo):
        raise InputError(f"a value is not a finite number ({expr}); division by zero and infinities are not allowed")
    if expr is I:
        raise InputError("a value is complex (the square root or logarithm of a negative number, or I); φ must be real")
    if isinstance(expr, Rational):
        if max(abs(expr.p).bit_length(), expr.q.bit_length()) > MAX_BITS:
            raise InputError(f"a number is too long: more than {MAX_BITS} bits")
        return ExpressionSize(1, 0, 1)
    if isinstance(expr, Symbol):
        return ExpressionSize(1, 1, 1)
    if expr in (pi, E) or isinstance(expr, (Float, BooleanTrue, BooleanFalse)):
        return ExpressionSize(1, 0, 1)
    if not isinstance(expr, _PARTS):
        raise InputError(f"{type(expr).__name__} is not allowed in an activation; {HELP}")
    sizes = [measure(arg, known) for arg in expr.args]
    degrees = [size.degree for size in sizes]
    if isinstance(expr, Mul):
        degree = sum(degrees)
    elif isinstance(expr, Pow):
        degree = _power_degree(expr, degrees[0])
    elif isinstance(expr, SMOOTH):
        degree = 1
    else:
        degree = max(degrees)
    return ExpressionSize(1 + sum(size.nodes for size in sizes), degree, 1 + max(size.depth for size in sizes))


def _power_degree(power: Pow, degree: int) -> int:
    exponent = power.exp
    if exponent.free_symbols:
        if power.base.free_symbols:
            raise InputError(f"{power}: base and exponent may not both vary; write exp(exponent*log(base))")
        return 1
    if isinstance(power.base, Rational):
        return 1
    return int(max(degree, 1) * max(1, ceiling(abs(exponent).evalf())))
