"""SymPy expressions of one variable as straight-line programs over vectors of arb or acb.

Common subexpressions are evaluated once. On real points (arb) every node is rounded outward, so the values are enclosures. On
complex boxes (acb) with `analytic`, a node that is not analytic on the whole box gives nan; nodes that are analytic nowhere (Abs,
sign, Max, …) raise an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import sympy

from ndksym.errors import NotDerivableError
from ndksym.verify.oracle.numbers import exact, flint

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["BallProgram", "as_arb", "constant"]

# SymPy class → name of the method of arb and acb; all are entire or meromorphic (poles give nan or inf)
_METHODS: dict[Any, str] = {
    sympy.exp: "exp",
    sympy.erf: "erf",
    sympy.erfc: "erfc",
    sympy.erfi: "erfi",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.tan: "tan",
    sympy.cot: "cot",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.tanh: "tanh",
    sympy.coth: "coth",
    sympy.sech: "sech",
    sympy.csch: "csch",
}
# these have branch cuts, which acb crosses without notice, so the box is tested first
_CUT_METHODS: dict[Any, str] = {
    sympy.log: "log",
    sympy.atan: "atan",
    sympy.asinh: "asinh",
    sympy.asin: "asin",
    sympy.acos: "acos",
    sympy.atanh: "atanh",
    sympy.acosh: "acosh",
}

Ball: TypeAlias = "arb | acb"
BallType = TypeVar("BallType", "arb", "acb")
Vector = list[Any]
"""Values of the type of the points: arb or acb."""
Step: TypeAlias = "tuple[Callable[..., Vector], tuple[int, ...]]"
"""A function and the slots of its arguments."""


class BallProgram:
    """Expressions f_1(x), …, f_k(x) of one variable, compiled once and evaluated at vectors of points.

    >>> x = sympy.Symbol("x")
    >>> [[value]] = BallProgram([sympy.tanh(x) ** 2], x).run([flint().arb(0)])
    >>> value
    0
    """

    def __init__(self, outputs: Sequence[sympy.Expr], symbol: sympy.Symbol) -> None:
        self.symbol = symbol
        self.steps: list[Step] = []
        self._slot: dict[sympy.Basic, int] = {symbol: 0}
        self._constants: dict[int, sympy.Expr] = {}
        self.outputs = [self._compile(sympy.sympify(out, strict=True)) for out in outputs]
        self.zero = [bool(sympy.sympify(out, strict=True).is_zero) for out in outputs]

    def run(self, points: Sequence[BallType], analytic: bool = False) -> list[list[BallType]]:
        """Values of every expression at every point, at the current precision."""
        slots: list[Vector] = [list(points)]
        size = len(slots[0])
        for number, (apply, arguments) in enumerate(self.steps, start=1):
            if number in self._constants:
                slots.append([constant(self._constants[number])] * size)
            else:
                slots.append(apply(analytic, *(slots[k] for k in arguments)))
        return [slots[k] for k in self.outputs]

    def _compile(self, expr: sympy.Expr) -> int:
        """The slot of an expression, whose steps are added if it is new."""
        if expr in self._slot:
            return self._slot[expr]
        if expr.is_number:
            slot = self._push(_identity, ())
            self._constants[slot] = expr
        elif isinstance(expr, sympy.Add | sympy.Mul):
            slot = self._fold(_add if isinstance(expr, sympy.Add) else _mul, expr.args)
        elif isinstance(expr, sympy.Pow):
            slot = self._power(*expr.args)
        elif type(expr) in _METHODS:
            slot = self._push(_method(_METHODS[type(expr)]), (self._compile(expr.args[0]),))
        elif type(expr) in _CUT_METHODS:
            slot = self._push(_cut_method(_CUT_METHODS[type(expr)]), (self._compile(expr.args[0]),))
        elif isinstance(expr, sympy.Max | sympy.Min):
            slot = self._fold(_max if isinstance(expr, sympy.Max) else _min, expr.args)
        elif isinstance(expr, sympy.Piecewise):
            slot = self._piecewise(expr)
        elif isinstance(expr, sympy.Abs | sympy.sign | sympy.Heaviside):
            slot = self._push(_REAL[type(expr)], (self._compile(expr.args[0]),))
        else:
            raise NotDerivableError(f"the oracle cannot evaluate {type(expr).__name__} in {expr}")
        self._slot[expr] = slot
        return slot

    def _push(self, apply: Callable[..., Vector], arguments: tuple[int, ...]) -> int:
        self.steps.append((apply, arguments))
        return len(self.steps)

    def _fold(self, apply: Callable[..., Vector], args: Sequence[sympy.Expr]) -> int:
        """Apply a function of two arguments to all arguments in turn; numbers are combined first."""
        numbers = [arg for arg in args if arg.is_number]
        rest = [self._compile(arg) for arg in args if not arg.is_number]
        if numbers:
            joined = {_add: sympy.Add, _mul: sympy.Mul}.get(apply)
            extra = [joined(*numbers)] if joined else numbers
            rest += [self._compile(number) for number in extra]
        slot = rest[0]
        for other in rest[1:]:
            slot = self._push(apply, (slot, other))
        return slot

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> int:
        if base is sympy.E:
            return self._push(_method("exp"), (self._compile(exponent),))
        inner = self._compile(base)
        if exponent.is_Integer:
            return self._push(_integer_power(int(exponent)), (inner,))
        if exponent.is_Rational and exponent.q == 2:
            root = self._push(_cut_method("sqrt"), (inner,))
            return self._push(_integer_power(int(exponent.p)), (root,)) if exponent.p != 1 else root
        # base^e = exp(e log base), analytic off the cut of the logarithm
        logarithm = self._push(_cut_method("log"), (inner,))
        product = self._push(_mul, (self._compile(exponent), logarithm))
        return self._push(_method("exp"), (product,))

    def _piecewise(self, expr: sympy.Piecewise) -> int:
        slots: list[int] = []
        tests: list[sympy.Basic] = []
        for value, condition in expr.args:
            slots.append(self._compile(value))
            tests.append(condition)
        return self._push(_select(tests, self.symbol), (0, *slots))


@lru_cache(maxsize=4096)
def _constant_at(expr: sympy.Expr, prec: int) -> Any:
    """`constant` at the current precision, which is part of the cache's key."""
    return _Constants().value(expr)


def constant(expr: sympy.Expr) -> Any:
    """Enclosure of an exact SymPy number at the current precision: an arb, or an acb if it is not real.

    >>> abs(float(constant(sympy.sqrt(2) / 2)) - 0.5**0.5) < 1e-15
    True
    """
    return _constant_at(sympy.sympify(expr, strict=True), flint().ctx.prec)


def as_arb(value: Any) -> arb:
    """Enclosure of a number in an arb at the current precision; dyadic numbers are exact.

    >>> as_arb("1/4")
    0.250000000000000
    """
    number = exact(value)
    if isinstance(number, Fraction):
        return _fraction(number)
    if isinstance(number, sympy.Expr):
        real: arb = constant(number)
        return real
    return number


def _fraction(value: Fraction) -> arb:
    module = flint()
    den = value.denominator
    if den & (den - 1) == 0:  # a power of two: exact whatever the precision
        return module.arb((value.numerator, 1 - den.bit_length()))
    return module.arb(module.fmpq(value.numerator, den))


class _Constants:
    """Evaluation of SymPy numbers by a walk over their tree."""

    def value(self, expr: sympy.Expr) -> Any:
        """Enclosure of a number, an arb or, if it is not real, an acb. Raises NotDerivableError for a form that is not supported."""
        module = flint()
        if expr.is_Rational:
            return module.arb(module.fmpq(int(expr.p), int(expr.q)))
        if expr.is_Float:
            return self.value(sympy.Rational(expr))
        if expr is sympy.pi:
            return module.arb.pi()
        if expr is sympy.E:
            return module.arb.const_e()
        if expr is sympy.I:
            return module.acb(0, 1)
        if isinstance(expr, sympy.Add):
            return sum((self.value(arg) for arg in expr.args), module.arb(0))
        if isinstance(expr, sympy.Mul):
            product: Any = module.arb(1)
            for arg in expr.args:
                product = product * self.value(arg)
            return product
        if isinstance(expr, sympy.Pow):
            base, exponent = expr.args
            if exponent.is_Integer:
                return self.value(base) ** int(exponent)
            if base is sympy.E:
                return self.value(exponent).exp()
            if exponent == sympy.Rational(1, 2):
                return self.value(base).sqrt()
            if exponent == sympy.Rational(-1, 2):
                return self.value(base).rsqrt()
            return (self.value(base).log() * self.value(exponent)).exp()
        name = _METHODS.get(type(expr)) or _CUT_METHODS.get(type(expr))
        if name:
            return getattr(self.value(expr.args[0]), name)()
        if isinstance(expr, sympy.erfinv):
            return self._erfinv(expr)
        if isinstance(expr, sympy.CRootOf) and expr.is_real:
            width = sympy.Rational(1, 2 ** (module.ctx.prec + 20))
            middle = expr.eval_rational(dx=width)  # within `width` of the root, by its isolating interval
            return self.value(middle) + module.arb(0, self.value(width).upper())
        raise NotDerivableError(f"the oracle cannot evaluate the constant {expr}")

    def _erfinv(self, expr: sympy.Expr) -> arb:
        """An interval around an approximate value, proved by erf, which is below the level at its left end and above at its right."""
        module = flint()
        level = self.value(expr.args[0])
        digits = int(0.31 * module.ctx.prec) + 10
        near = sympy.Rational(str(expr.evalf(digits)))
        slack = abs(near) * sympy.Rational(1, 2 ** (module.ctx.prec - 16)) + sympy.Rational(
            1, 2 ** (2 * module.ctx.prec)
        )
        low: arb = self.value(near - slack)
        high: arb = self.value(near + slack)
        if not (low.erf() < level < high.erf()):
            raise NotDerivableError(f"the oracle cannot enclose the constant {expr}")
        return low.union(high)


def _identity(_: bool, *__: Vector) -> Vector:
    return []


def _add(_: bool, u: Vector, v: Vector) -> Vector:
    return [p + q for p, q in zip(u, v, strict=True)]


def _mul(_: bool, u: Vector, v: Vector) -> Vector:
    return [p * q for p, q in zip(u, v, strict=True)]


def _method(name: str) -> Callable[..., Vector]:
    def apply(_: bool, u: Vector) -> Vector:
        return [getattr(p, name)() for p in u]

    return apply


def _cut_method(name: str) -> Callable[..., Vector]:
    def apply(analytic: bool, u: Vector) -> Vector:
        if analytic:
            nan = flint().acb("nan")
            return [getattr(p, name)() if _off_cut(name, p) else nan for p in u]
        return [getattr(p, name)() for p in u]

    return apply


def _off_cut(name: str, z: Ball) -> bool:
    """Whether the box avoids the cut: (−∞, 0] of log and sqrt, ±i[1, ∞) of atan and asinh; on ℝ, |x| ≥ 1 of asin, acos and atanh, and
    x ≤ 1 of acosh."""
    z = flint().acb(z)
    re, im = z.real, z.imag
    if name in ("log", "sqrt"):
        return bool(re > 0 or im > 0 or im < 0)
    if name in ("atan", "asinh"):
        return bool(re > 0 or re < 0 or (im > -1 and im < 1))
    if name in ("asin", "acos", "atanh"):
        return bool(im > 0 or im < 0 or (re > -1 and re < 1))
    return bool(im > 0 or im < 0 or re > 1)


def _integer_power(exponent: int) -> Callable[..., Vector]:
    def apply(_: bool, u: Vector) -> Vector:
        # not p**exponent, because python-flint gives nan for a ball that contains 0
        powers = [_power(p, abs(exponent)) for p in u]
        return powers if exponent > 0 else [1 / p for p in powers]

    return apply


def _power(base: Ball, exponent: int) -> Ball:
    """base^exponent by repeated squaring, exponent ≥ 1."""
    result = base
    for bit in bin(exponent)[3:]:
        result = result * result * base if bit == "1" else result * result
    return result


def _real(function: Callable[..., arb]) -> Callable[..., Vector]:
    """A function of real points, applied to vectors."""

    def apply(analytic: bool, *columns: Vector) -> Vector:
        if analytic:
            raise NotDerivableError(
                "Abs, sign, Max, Min, Heaviside and Piecewise are not analytic; evaluate the pieces instead"
            )
        return [function(*row) for row in zip(*columns, strict=True)]

    return apply


def _sign_of(value: arb) -> arb:
    return value.sgn()


_max = _real(lambda p, q: p.max(q))
_min = _real(lambda p, q: p.min(q))
_REAL: dict[Any, Callable[..., Vector]] = {
    sympy.Abs: _real(abs),
    sympy.sign: _real(_sign_of),
    sympy.Heaviside: _real(lambda p: (1 + _sign_of(p)) / 2),
}


def _select(tests: Sequence[sympy.Basic], symbol: sympy.Symbol) -> Callable[..., Vector]:
    """The value whose condition is the first to hold, or nan."""

    def choose(point: arb, *values: arb) -> arb:
        for test, value in zip(tests, values, strict=True):
            if _holds(test, point, symbol):
                return value
        return flint().arb("nan")

    return _real(choose)


def _holds(test: sympy.Basic, point: arb, symbol: sympy.Symbol) -> bool:
    """Whether a condition of a Piecewise certainly holds at a point."""
    if test == sympy.true or test == sympy.false:
        return bool(test)
    if isinstance(test, sympy.And):
        return all(_holds(arg, point, symbol) for arg in test.args)
    if isinstance(test, sympy.Or):
        return any(_holds(arg, point, symbol) for arg in test.args)
    if isinstance(test, sympy.Not):
        return not _holds(test.args[0], point, symbol)
    [[left], [right]] = BallProgram([test.lhs, test.rhs], symbol).run([point])
    compare: dict[str, Callable[[arb, arb], bool]] = {
        "<": lambda p, q: p < q,
        "<=": lambda p, q: p <= q,
        ">": lambda p, q: p > q,
        ">=": lambda p, q: p >= q,
        "==": lambda p, q: p == q,
        "!=": lambda p, q: p != q,
    }
    return bool(compare[test.rel_op](left, right))
