"""An activation φ and all that is derived from its expression: nothing about it is typed in."""

from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from typing import Any

import mpmath
from mpmath.libmp import prec_to_dps, to_str
from sympy import Expr, Float, Integer, Piecewise, Poly, Rational, Symbol, oo, simplify

from ndksym.activation.analyticity import strip
from ndksym.activation.catalogue import CATALOGUE
from ndksym.activation.growth import growth
from ndksym.activation.parser import formula, parse
from ndksym.activation.pieces import Piece, pieces, same, value_at
from ndksym.activation.roots import compare, is_zero_number
from ndksym.activation.size_limits import MAX_BITS, allowed, measure
from ndksym.activation.taylor import SingularError, taylor
from ndksym.activation.values import NoValueError, value
from ndksym.errors import InputError, InputTypeError
from ndksym.symbols import x

__all__ = ["Activation", "Piece", "activation"]

_UNDECIDED = ("positive", "negative", "nonnegative", "nonpositive", "zero", "integer", "rational")
_MAX_ORDER = 12  # derivatives compared across a break where the pieces are not polynomials
_STEPS = mpmath.mpf(10) ** -50, mpmath.mpf(10) ** -25  # from a break, where the growth of φ′ is seen
_MAX_ORDER_BY_LIMITS = 4  # and where they are not even analytic, as in exp(-1/x)


@dataclass(frozen=True)
class Activation:
    """A real activation φ(x): its name, its expression in `symbols.x`, and its analytic pieces.

    Built by `activation()`. The rest is derived on first use. Construction asserts what every kernel needs: φ is real
    and finite, not constant, agrees with its pieces, and grows like exp(αx²) at most (else DivergentKernelError).

    >>> phi = activation("leaky_relu(0.2)")
    >>> phi.expr, phi.kinks, phi.homogeneity, phi.smoothness
    (Max(0, x) + Min(0, x)/5, (0,), 1, 1)
    """

    name: str
    expr: Expr
    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        if self.expr.free_symbols != {x}:
            raise InputError(f"{self.name}: φ must depend on the one variable {x}, and it is {self.expr}")
        ends = [piece.lo for piece in self.pieces] + [oo]
        if not self.pieces or ends[0] != -oo or [piece.hi for piece in self.pieces] != ends[1:]:
            raise InputError(f"{self.name}: the pieces do not cover the line")
        for piece in self.pieces:
            _check_piece(self, piece)
        if len(self.pieces) == 1 and is_constant(self.pieces[0].expr):
            raise InputError(f"{self.name}: φ is constant ({self.expr}); it must depend on its variable")
        _ = self.growth  # raises where the kernel is infinite at every variance

    @property
    def symbol(self) -> Symbol:
        """The variable of φ, `symbols.x`."""
        return x

    @cached_property
    def derivative(self) -> Expr:
        """φ′ wherever φ is differentiable, without delta functions; at a break, the derivative from the right.

        >>> activation("relu").derivative
        Piecewise((0, x < 0), (1, True))
        """
        slopes = [piece.expr.diff(x) for piece in self.pieces]
        ends = [x < piece.hi for piece in self.pieces[:-1]]
        return Piecewise(*zip(slopes, [*ends, True], strict=True))

    @cached_property
    def orders(self) -> dict[Expr, Expr]:
        """Per break point, the order of the lowest derivative that jumps or is infinite there (oo: none was found).

        It is 1/2 where φ is continuous and φ′ so large that its square has no integral.
        """
        neighbours = zip(self.pieces, self.pieces[1:], strict=False)
        return {left.hi: _order(left.expr, right.expr, left.hi) for left, right in neighbours}

    @property
    def discontinuities(self) -> tuple[Expr, ...]:
        """The points where φ jumps."""
        return tuple(point for point, order in self.orders.items() if order == 0)

    @property
    def rough(self) -> tuple[Expr, ...]:
        """The points beside which φ′ is not square integrable: jumps, and roots as steep as √|x|. There the NTK is infinite.

        >>> activation("sqrt(Abs(x - 1))").rough, activation("Abs(x)**(2/3)").rough
        ((1,), ())
        """
        return tuple(point for point, order in self.orders.items() if order < 1)

    @property
    def kinks(self) -> tuple[Expr, ...]:
        """The points where φ is continuous but not analytic."""
        return tuple(point for point, order in self.orders.items() if order != 0)

    @property
    def smoothness(self) -> Expr:
        """Order of the lowest discontinuous derivative: step 0, relu 1, elu 2, oo for an analytic φ.

        >>> [activation(name).smoothness for name in ("step", "relu", "elu", "gelu")]
        [0, 1, 2, oo]
        """
        return min(self.orders.values(), default=oo)

    @cached_property
    def parity(self) -> str | None:
        """ "even", "odd", or None where neither is proved.

        >>> activation("gelu").parity, activation("tanh").parity, activation("cos").parity
        (None, 'odd', 'even')
        """
        mirrored = [Piece(-p.hi, -p.lo, p.expr.subs(x, -x)) for p in reversed(self.pieces)]
        if any(compare(p.hi, q.hi) for p, q in zip(self.pieces, mirrored, strict=True)):
            return None
        for parity, factor in (("even", 1), ("odd", -1)):
            if all(same(p.expr, factor * q.expr) for p, q in zip(self.pieces, mirrored, strict=True)):
                return parity
        return None

    @cached_property
    def homogeneity(self) -> Expr | None:
        """The n with φ(λx) = λⁿ φ(x) for λ > 0; None where there is none.

        >>> activation("relu(3)").homogeneity, activation("step").homogeneity, activation("erf").homogeneity
        (3, 0, None)
        """
        if any(point != 0 for point in self.orders):
            return None
        degrees = {_degree(piece.expr) for piece in self.pieces if piece.expr != 0}
        return degrees.pop() if len(degrees) == 1 else None

    @cached_property
    def strip(self) -> Expr | None:
        """Half-width of the strip of analyticity, oo for entire φ; None with breaks, or where it is not derived.

        >>> activation("mish").strip, activation("gelu").strip, activation("relu").strip
        (3*pi/4, oo, None)
        """
        return strip(self.pieces[0].expr) if len(self.pieces) == 1 else None

    @cached_property
    def growth(self) -> Expr:
        """α = max(0, lim sup log|φ(x)|/x²): 0 for anything slower than Gaussian growth.

        >>> activation("exp(x**2/8)").growth
        1/8
        """
        left, right = growth(self.pieces[0].expr, -1), growth(self.pieces[-1].expr, 1)
        return left if compare(left, right) > 0 else right

    @property
    def reach(self) -> Expr | None:
        """The kernel is finite only for variances below reach = 1/(4α); None without such a limit.

        >>> activation("exp(x**2/8)").reach
        2
        """
        return None if self.growth == 0 else 1 / (4 * self.growth)


def activation(obj: object) -> Activation:
    """The activation that a text, a catalogue name or a SymPy expression stands for.

    Catalogue names may carry numbers, as in "leaky_relu(0.2)" or "erf(2, 1/3)"; a SymPy expression has one real symbol
    of any name. InputError, ParseError, InputTypeError or NotDerivableError say what is wrong and what is allowed.

    >>> activation("u*(1 + erf(u/sqrt(2)))/2").expr == activation("gelu").expr
    True
    """
    if isinstance(obj, Activation):
        return obj
    if isinstance(obj, str):
        name = " ".join(obj.split())
        expr = formula(name) if name in CATALOGUE else parse(obj, named=True)
    elif isinstance(obj, Expr):
        try:
            expr = _in_x(obj)
        except RecursionError:
            raise InputError(f"the expression is nested too deeply; {allowed()}") from None
        name = str(obj)
    else:
        raise InputTypeError(
            f"an activation is a text, a catalogue name, a SymPy expression or an Activation, not {type(obj).__name__}"
        )
    try:
        return Activation(name, expr, pieces(expr))
    except RecursionError:
        raise InputError(f"{name}: the expression is nested too deeply") from None


def is_constant(expr: Expr) -> bool:
    """Whether an expression has one value everywhere.

    >>> from sympy import cos, sin
    >>> is_constant(sin(x)**2 + cos(x)**2)
    True
    """
    return not expr.has(x) or same(expr, expr.subs(x, Rational(1, 3)))


def _in_x(expr: Expr) -> Expr:
    measure(expr)
    symbols = sorted(expr.free_symbols, key=str)
    if len(symbols) != 1:
        found = ", ".join(map(str, symbols)) or "none"
        raise InputError(f"an activation has exactly one variable; this one has {found}")
    (symbol,) = symbols
    advice = "use Symbol('x', real=True)"
    if not symbol.name.isidentifier() or iskeyword(symbol.name):
        raise InputError(f"the variable's name {ascii(symbol.name)[:60]} is not an identifier; {advice}")
    if any(getattr(symbol, f"is_{fact}") is not None for fact in _UNDECIDED) or not _may_be_real(symbol):
        # Abs(x) of a positive x is x already: the expression would not be the one on the line
        raise InputError(f"the variable {symbol} must stand for every real number; {advice}")
    floats = {number: _decimal(number) for number in expr.atoms(Float)}
    exact = expr.xreplace({symbol: x, **floats})
    measure(exact)
    return exact


def _decimal(number: Float) -> Rational:
    """The shortest decimal that reads back as this float, of whatever precision it is."""
    _, mantissa, exponent, bits = number._mpf_
    if number.is_zero:
        return Integer(0)
    if not mantissa or abs(exponent + bits) > MAX_BITS:
        raise InputError(f"a number is not finite, or larger or smaller than 2**±{MAX_BITS}: {Float(number, 3)}")
    digits = prec_to_dps(number._prec)
    texts = (to_str(number._mpf_, digits + more, strip_zeros=False) for more in range(4))
    return Rational(next(text for text in texts if Float(text, precision=number._prec) == number))


def _may_be_real(symbol: Symbol) -> bool:
    return symbol.is_extended_real is not False and symbol.is_finite is not False


def _check_piece(phi: Activation, piece: Piece) -> None:
    for point in _generic_points(piece):
        try:
            number, written = value(piece.expr, {x: point}), value(phi.expr, {x: point})
        except NoValueError:
            where = f"x = {float(point):.6g}"
            raise InputError(f"{phi.name}: φ has no finite real value at {where}; it must have, everywhere") from None
        if abs(number - written) > 1e-10 * (1 + abs(number)):
            raise InputError(
                f"{phi.name}: the piece on ({piece.lo}, {piece.hi}) is not φ, as x = {float(point):.6g} shows"
            )


def _generic_points(piece: Piece) -> list[Any]:
    """Points inside the piece at which nothing special happens: single points, as 0 of sign(x)**2, do not count."""
    if piece.lo == -oo and piece.hi == oo:
        return [value(Rational(-41, 29)), value(Rational(29, 37))]
    if piece.lo == -oo:
        return [value(piece.hi) - value(Rational(41, 29))]
    if piece.hi == oo:
        return [value(piece.lo) + value(Rational(29, 37))]
    return [value(piece.lo + (piece.hi - piece.lo) * Rational(29, 73))]


def _order(left: Expr, right: Expr, point: Expr) -> Expr:
    jump = right - left
    if jump != 0 and jump.is_polynomial(x):
        polynomial, order = Poly(jump, x), 0
        while is_zero_number(polynomial.eval(point)):
            polynomial, order = polynomial.diff(x), order + 1
        return Integer(order)
    try:
        below, above = taylor(left, point, _MAX_ORDER), taylor(right, point, _MAX_ORDER)
        noise = 1e-60 * max(map(abs, below + above))
        for order, (one, other) in enumerate(zip(below, above, strict=True)):
            if abs(one - other) > noise or (order < 2 and _differs(jump.diff(x, order), point)):
                return Integer(order)
        return oo
    except SingularError:
        return _order_by_limits(left, right, point)


def _differs(jump: Expr, point: Expr) -> bool:
    """Whether a jump too small for the digits of two Taylor series is one: 1e-70 is not 0."""
    exact = jump.subs(x, point)
    return bool(exact.is_finite) and not is_zero_number(exact)


def _order_by_limits(left: Expr, right: Expr, point: Expr) -> Expr:
    for order in range(_MAX_ORDER_BY_LIMITS + 1):
        below, above = value_at(left, point, "-"), value_at(right, point, "+")
        if below.is_infinite or above.is_infinite or not is_zero_number(above - below):
            steep = order == 1 and not (_square_integrable(left, point, -1) and _square_integrable(right, point, 1))
            return Rational(1, 2) if steep else Integer(order)
        left, right = left.diff(x), right.diff(x)
    return oo


def _square_integrable(slope: Expr, point: Expr, side: int) -> bool:
    """Whether ∫ slope² beside the point is finite: the power with which it grows is above −1/2."""
    near, far = _STEPS
    try:
        with mpmath.workdps(120):  # the step is far below a double's rounding of the point
            places = [value(point, digits=120) + side * step for step in _STEPS]
        one, other = (abs(value(slope, {x: place}, 120)) for place in places)
    except NoValueError:
        return False
    if not one or not other:
        return True
    return bool(mpmath.log(one / other) / mpmath.log(near / far) > -0.5 + 1e-6)


def _degree(expr: Expr) -> Expr | None:
    degree = x * expr.diff(x) / expr
    for point in (Integer(1), Integer(-1)):
        constant = degree.subs(x, point)
        if constant.is_finite:
            return simplify(constant) if same(degree, constant) else None
    return None
