"""The parts that an expression may have, and bounds on its size: the same for texts and for SymPy objects.

The parser checks each subexpression as soon as it is built, so that nothing is built from parts that are too large.
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
"""Largest number of characters of a text."""
MAX_DEPTH = 40
"""Largest number of levels of nesting."""
MAX_SIZE = 1000
"""Largest number of nodes of an expression."""
MAX_DEGREE = 64
"""Largest degree of an expression in x and in its functions of x, and largest exponent."""
MAX_BITS = 512
"""Largest number of bits of the numerator and of the denominator of a number."""

SMOOTH = tuple(f.sympy for f in FUNCTIONS.values() if f.in_activations)
KINKED = (Abs, sign, Heaviside, Max, Min, Piecewise)
_PARTS = (Add, Mul, Pow, *SMOOTH, *KINKED, ExprCondPair, Lt, Le, Gt, Ge, Eq, Ne, And, Or, Not)


@dataclass(frozen=True)
class ExpressionSize:
    """Nodes, degree and depth of an expression."""

    nodes: int
    degree: int
    depth: int


def measure(expr: Expr, sizes: dict[Basic, ExpressionSize] | None = None) -> ExpressionSize:
    """The size of an expression; InputError names the part that is not allowed or the bound that is exceeded.

    `sizes` stores the sizes of subexpressions for later calls.

    >>> from ndksym.symbols import x
    >>> measure(1 + x**2)
    ExpressionSize(nodes=5, degree=2, depth=3)
    """
    sizes = {} if sizes is None else sizes
    if expr not in sizes:
        size = _measure(expr, sizes)
        if size.nodes > MAX_SIZE:
            raise InputError(f"the expression is too large: more than {MAX_SIZE} nodes")
        if size.depth > MAX_DEPTH:
            raise InputError(f"the expression is nested more than {MAX_DEPTH} levels deep")
        if size.degree > MAX_DEGREE:
            raise InputError(f"the degree is {size.degree}; at most {MAX_DEGREE} is allowed")
        sizes[expr] = size
    return sizes[expr]


def _measure(expr: Basic, sizes: dict[Basic, ExpressionSize]) -> ExpressionSize:
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
    parts = [measure(arg, sizes) for arg in expr.args]
    degrees = [part.degree for part in parts]
    if isinstance(expr, Mul):
        degree = sum(degrees)
    elif isinstance(expr, Pow):
        degree = _power_degree(expr, degrees[0])
    elif isinstance(expr, SMOOTH):
        degree = 1
    else:
        degree = max(degrees)
    return ExpressionSize(1 + sum(part.nodes for part in parts), degree, 1 + max(part.depth for part in parts))


def _power_degree(power: Pow, degree: int) -> int:
    exponent = power.exp
    if exponent.free_symbols:
        if power.base.free_symbols:
            raise InputError(f"{power}: base and exponent may not both vary; write exp(exponent*log(base))")
        return 1
    if isinstance(power.base, Rational):
        return 1
    return int(max(degree, 1) * max(1, ceiling(abs(exponent).evalf())))
