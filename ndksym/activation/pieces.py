"""The smooth pieces of φ: Abs, Max, Min, sign, Heaviside and Piecewise are resolved exactly, with every break point.

`_resolve` descends the expression together with an interval. At a node that may break, it splits the interval at the zeros of
the deciding expression, and a sample point in each part shows which case holds. Parts of the expression that do not matter on
an interval (another branch of a Piecewise, a factor beside 0) may be undefined there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import pairwise

from sympy import (
    Abs,
    Add,
    And,
    Basic,
    Dummy,
    Expr,
    Heaviside,
    Integer,
    Max,
    Min,
    Mul,
    Not,
    Or,
    Piecewise,
    Poly,
    Pow,
    Rational,
    exp,
    log,
    nan,
    oo,
    sign,
    zoo,
)
from sympy.logic.boolalg import BooleanAtom

from ndksym.activation.equality import same
from ndksym.activation.limits import limit_at_infinity
from ndksym.activation.roots import EndlessZerosError, compare, real_zeros
from ndksym.activation.taylor import SingularError, taylor
from ndksym.activation.values import PLAIN, TooLargeError, value
from ndksym.algebra.functions import FUNCTIONS
from ndksym.errors import InputError, NotDerivableError, NoValueError
from ndksym.symbols import x

__all__ = ["Piece", "pieces", "sample", "value_at"]


_QUOTIENTS = {f.sympy: f.quotient for f in FUNCTIONS.values() if f.quotient is not None}
_PARTIAL = tuple(f.sympy for f in FUNCTIONS.values() if f.in_activations and f.domain != (-oo, oo))
_DIGITS = 100  # with fewer, log(1 + exp(-100)) would be zero and its reciprocal infinite
_FARTHEST = 10**30  # largest break point


@dataclass(frozen=True)
class Piece:
    """The expression of φ on the open interval (lo, hi), where it is analytic; the ends may be ±oo."""

    lo: Expr
    hi: Expr
    expr: Expr


def pieces(expr: Expr) -> tuple[Piece, ...]:
    """The smooth pieces of an expression in ascending order; they cover the real line, and neighbours differ.

    InputError if φ is complex, infinite or undefined somewhere; NotDerivableError if there are infinitely many break points or
    they cannot be found exactly.

    >>> from sympy import exp
    >>> [(p.lo, p.hi, p.expr) for p in pieces(Max(0, Min(6, x)))]
    [(-oo, 0, 0), (0, 6, x), (6, oo, 6)]
    >>> [p.expr for p in pieces(Abs(x)*exp(-x**2))]
    [-x*exp(-x**2), x*exp(-x**2)]
    """
    parts = list(_resolve(expr, -oo, oo))
    for left, right in pairwise(parts):
        if left.hi != right.lo:
            raise AssertionError("pieces do not meet")
        _check_finite(expr, left, right)
    return reduce(_merged, parts, ())


def _merged(done: tuple[Piece, ...], piece: Piece) -> tuple[Piece, ...]:
    if done and same(done[-1].expr, piece.expr) and _is_regular(piece.expr, piece.lo):
        return (*done[:-1], Piece(done[-1].lo, piece.hi, done[-1].expr))
    return (*done, piece)


def _is_regular(expr: Expr, point: Expr) -> bool:
    """Whether the expression is analytic at a point; poles may cancel."""
    try:
        taylor(expr, point, 0)
    except (SingularError, NoValueError, TooLargeError):
        return False
    return True


def _check_finite(expr: Expr, left: Piece, right: Piece) -> None:
    """Require finite one-sided limits at a break point; the value at the point itself changes no expectation."""
    point = left.hi
    for piece, side in ((left, "-"), (right, "+")):
        if not _is_regular(piece.expr, point) and not _is_finite(value_at(piece.expr, point, side)):
            raise _singular(expr, point)


def _is_finite(number: Expr) -> bool:
    if not number.is_number or number.has(oo, -oo, zoo, nan):
        return False
    try:
        value(number, digits=_DIGITS, largest=PLAIN)
    except NoValueError:
        return False
    return True


def value_at(expr: Expr, point: Expr, side: str) -> Expr:
    """One-sided value of an expression at a point: "-" from below, "+" from above.

    >>> value_at(x*log(x), Integer(0), "+")
    0
    """
    try:
        value(expr, {x: point}, _DIGITS, PLAIN)  # refuses numbers that are too large for SymPy
    except NoValueError:
        return _one_sided_limit(expr, point, side)
    exact = _exact(expr, point)
    return exact if _is_finite(exact) else _one_sided_limit(expr, point, side)


def _exact(expr: Expr, point: Expr) -> Expr:
    try:
        return expr.subs(x, point)
    except (TypeError, ValueError):  # Max, Piecewise: infinities cannot be compared
        return nan


def _one_sided_limit(expr: Expr, point: Expr, side: str) -> Expr:
    y = Dummy("y", positive=True)
    near = point + 1 / y if side == "+" else point - 1 / y
    limit = limit_at_infinity(expr.xreplace({x: near}), y)
    if limit is None:
        raise NotDerivableError(f"the value of {expr} at x = {point} cannot be derived")
    return limit


def sample(lo: Expr, hi: Expr) -> Rational:
    """A simple rational point strictly between lo and hi.

    >>> sample(-oo, Integer(0)), sample(Integer(0), Integer(1)), sample(-oo, oo)
    (-1, 1/2, 0)
    """
    if lo == -oo and hi == oo:
        return Integer(0)
    if lo == -oo:
        return _whole(hi, -1)
    if hi == oo:
        return _whole(lo, 1)
    middle = Fraction(str(((lo + hi) / 2).evalf(40)))
    for digits in range(1, 40):
        near = middle.limit_denominator(2**digits)
        point = Rational(near.numerator, near.denominator)
        if compare(lo, point) < 0 and compare(point, hi) < 0:
            return point
    raise NotDerivableError(f"the break points {lo} and {hi} are too close to each other")


def _whole(end: Expr, step: int) -> Rational:
    """A whole number beyond the end, without `ceiling`, which fails for ends too close to a whole number."""
    near, distance = Integer(int(value(end))), Integer(1)
    while compare(near + step * distance, end) != step:
        distance *= 2
    return near + step * distance


def _split(expr: Expr, lo: Expr, hi: Expr, zeros_of: Expr) -> list[tuple[Expr, Expr]]:
    if not zeros_of.has(x):
        return [(lo, hi)]
    try:
        zeros = real_zeros(zeros_of)
    except EndlessZerosError as endless:
        raise NotDerivableError(f"{expr} has infinitely many break points: {endless}") from endless
    if any(abs(value(z)) > _FARTHEST for z in zeros):
        raise NotDerivableError(f"a break point of {expr} is too far out: beyond ±{_FARTHEST:.0e}")
    inside = [z for z in zeros if compare(lo, z) < 0 and compare(z, hi) < 0]
    ends = [lo, *inside, hi]
    return list(pairwise(ends))


def _side(expr: Expr, lo: Expr, hi: Expr) -> int:
    """Sign of an expression without zeros in (lo, hi); 0 if it is identically zero."""
    if not expr.has(x):
        return compare(expr, Integer(0))
    number = value(expr, {x: sample(lo, hi)})
    if abs(number) > 1e-20:
        return 1 if number > 0 else -1
    return compare(expr.subs(x, sample(lo, hi)), Integer(0))


def _resolve(expr: Expr, lo: Expr, hi: Expr) -> Iterator[Piece]:
    if not expr.has(x) or not expr.has(Abs, sign, Heaviside, Max, Min, Piecewise, Pow, *_PARTIAL, *_QUOTIENTS):
        yield Piece(lo, hi, expr)
    elif isinstance(expr, Piecewise):
        yield from _branches(expr, list(expr.args), lo, hi)
    elif isinstance(expr, Add | Mul):
        first, rest = _ordered(expr)
        for piece in _resolve(first, lo, hi):
            if isinstance(expr, Mul) and piece.expr == 0:
                yield piece
                continue
            for other in _resolve(rest, piece.lo, piece.hi):
                yield Piece(other.lo, other.hi, expr.func(piece.expr, other.expr))
    elif isinstance(expr, Max | Min):
        yield from _extremum(expr, lo, hi)
    elif isinstance(expr, Abs | sign | Heaviside):
        for piece in _resolve(expr.args[0], lo, hi):
            for low, high in _split(expr, piece.lo, piece.hi, piece.expr):
                side = _side(piece.expr, low, high)
                yield Piece(low, high, _one_sided(expr, piece.expr, side))
    elif isinstance(expr, Pow):
        yield from _power(expr, lo, hi)
    elif isinstance(expr, _PARTIAL):
        for piece in _resolve(expr.args[0], lo, hi):
            for low, high in _inside_domain(expr, piece):
                yield Piece(low, high, expr.func(piece.expr))
    elif expr.func in _QUOTIENTS:
        yield from _resolve(_QUOTIENTS[expr.func](expr.args[0]), lo, hi)
    else:
        for piece in _resolve(expr.args[0], lo, hi):
            yield Piece(piece.lo, piece.hi, expr.func(piece.expr))


def _inside_domain(expr: Expr, argument: Piece) -> list[tuple[Expr, Expr]]:
    """The intervals between the points where the argument of a function meets the ends of its domain."""
    cells = [(argument.lo, argument.hi)]
    for end, inward in zip(FUNCTIONS[expr.func].domain, (1, -1), strict=True):
        if end.is_finite:
            distance = inward * (argument.expr - end)
            cells = [cell for low, high in cells for cell in _split(expr, low, high, distance)]
            for low, high in cells:
                if _side(distance, low, high) <= 0:
                    raise InputError(f"{expr} is not real at x = {sample(low, high)}; φ must be real everywhere")
    return cells


def _ordered(expr: Expr) -> tuple[Expr, Expr]:
    """One argument and the rest of a sum or product; arguments that may vanish on an interval come first."""
    args = sorted(expr.args, key=lambda arg: not arg.has(Heaviside, Piecewise, Max, Min))
    return args[0], expr.func(*args[1:])


def _one_sided(node: Expr, argument: Expr, side: int) -> Expr:
    if isinstance(node, Abs):
        return side * argument
    if isinstance(node, sign):
        return Integer(side)
    return Integer(side) if side > 0 else Integer(0) if side < 0 else node.func(0, *node.args[1:])


def _extremum(expr: Expr, lo: Expr, hi: Expr) -> Iterator[Piece]:
    first, *others = expr.args
    rest = expr.func(*others)
    for piece in _resolve(first, lo, hi):
        for other in _resolve(rest, piece.lo, piece.hi):
            difference = piece.expr - other.expr
            for low, high in _split(expr, other.lo, other.hi, difference):
                larger = _side(difference, low, high) >= 0
                yield Piece(low, high, piece.expr if larger == isinstance(expr, Max) else other.expr)


def _power(power: Pow, lo: Expr, hi: Expr) -> Iterator[Piece]:
    base, exponent = power.args
    if exponent.has(x):
        for piece in _resolve(exponent, lo, hi):
            yield Piece(piece.lo, piece.hi, exp(piece.expr * log(base)))
        return
    for piece in _resolve(base, lo, hi):
        if exponent.is_integer and exponent.is_positive:
            yield Piece(piece.lo, piece.hi, piece.expr**exponent)
            continue
        if piece.expr == 0 and exponent.is_positive:
            yield piece
            continue
        try:
            cells = _split(power, piece.lo, piece.hi, piece.expr)
        except NotDerivableError as error:
            if isinstance(error.__cause__, EndlessZerosError) and exponent.is_negative:
                raise _singular(power, error.__cause__.example) from None
            raise
        for low, high in cells:
            side = _side(piece.expr, low, high)
            if side == 0:
                raise _singular(power, sample(low, high))
            if side < 0 and not exponent.is_integer:
                point = sample(low, high)
                raise InputError(
                    f"{power} is complex at x = {point}; φ must be real everywhere (for a root of a number of either "
                    "sign write sign(u)*Abs(u)**p)"
                )
            yield Piece(low, high, _rooted(piece.expr, exponent, low, high))


def _rooted(base: Expr, exponent: Expr, lo: Expr, hi: Expr) -> Expr:
    """base**exponent with squares taken out of the root: sqrt(x**4 + x**2) is −x sqrt(x**2 + 1) below zero."""
    if exponent.is_integer or not base.is_polynomial(x):
        return base**exponent
    content, factors = _factors(base)
    result = Integer(1)
    for factor, multiplicity in factors:
        side = _side(factor, lo, hi)
        content *= side**multiplicity
        result *= (side * factor) ** (multiplicity * exponent)
    return content**exponent * result


def _factors(base: Expr) -> tuple[Expr, list[tuple[Expr, int]]]:
    """A constant and the factors with multiplicities; with irrational coefficients only the factors that are written out."""
    polynomial = Poly(base, x)
    if polynomial.get_domain().is_Numerical:
        content, parts = polynomial.factor_list()
        return content, [(part.as_expr(), n) for part, n in parts]
    # SymPy may need minutes to factor such a polynomial
    content, factors = Integer(1), []
    for arg in Mul.make_args(base):
        part, exponent = arg.as_base_exp()
        if not part.has(x):
            content *= arg
            continue
        (n,), rest = Poly(part, x).terms_gcd()
        factors += [(factor, m * int(exponent)) for factor, m in ((x, n), (rest.as_expr(), 1)) if m and factor.has(x)]
        content *= Integer(1) if rest.degree() > 0 else rest.as_expr() ** exponent
    return content, factors


def _singular(expr: Expr, point: Expr) -> InputError:
    return InputError(f"{expr} is not finite: it is singular at x = {point}; φ must be finite everywhere")


def _branches(expr: Piecewise, branches: list[Basic], lo: Expr, hi: Expr) -> Iterator[Piece]:
    if not branches:
        raise InputError(f"{expr} has no value at x = {sample(lo, hi)}; let its last condition be True")
    (branch, condition), *rest = branches
    for low, high, holds in _truth(expr, condition, lo, hi):
        if holds:
            yield from _resolve(branch, low, high)
        else:
            yield from _branches(expr, rest, low, high)


def _truth(expr: Expr, condition: Basic, lo: Expr, hi: Expr) -> Iterator[tuple[Expr, Expr, bool]]:
    if isinstance(condition, BooleanAtom):
        yield lo, hi, bool(condition)
    elif isinstance(condition, Not):
        for low, high, holds in _truth(expr, condition.args[0], lo, hi):
            yield low, high, not holds
    elif isinstance(condition, And | Or):
        first, *others = condition.args
        rest = condition.func(*others)
        for low, high, holds in _truth(expr, first, lo, hi):
            if holds == isinstance(condition, Or):
                yield low, high, holds
            else:
                yield from _truth(expr, rest, low, high)
    else:
        for piece in _resolve(condition.lhs - condition.rhs, lo, hi):
            for low, high in _split(expr, piece.lo, piece.hi, piece.expr):
                side = _side(piece.expr, low, high)
                yield low, high, bool(condition.func(Integer(side), 0))
