"""An activation φ and its properties, all derived from its expression."""

from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword

from mpmath import mpf
from mpmath.libmp import prec_to_dps, to_str
from sympy import Expr, Float, Integer, Piecewise, Rational, Symbol, oo, simplify

from ndksym.activation.analyticity import strip
from ndksym.activation.equality import is_constant, same
from ndksym.activation.growth import growth
from ndksym.activation.parser import named
from ndksym.activation.pieces import Piece, pieces
from ndksym.activation.roots import compare
from ndksym.activation.size_limits import MAX_BITS, MAX_DEPTH, measure
from ndksym.activation.smoothness import break_order
from ndksym.activation.values import value
from ndksym.errors import InputError, InputTypeError, NoValueError
from ndksym.symbols import x

__all__ = ["Activation", "Piece", "activation"]

_UNDECIDED = ("positive", "negative", "nonnegative", "nonpositive", "zero", "integer", "rational")


@dataclass(frozen=True)
class Activation:
    """A real activation φ(x) with the properties that its kernels depend on.

    Networks accept activations as text, as catalogue names or as SymPy expressions, and convert them to this class.

    Parameters
    ----------
    name : str
        The catalogue name or the text.
    expr : sympy.Expr
        φ as an expression in `ndksym.symbols.x`.
    pieces : tuple of Piece
        The analytic pieces (lo, hi, expr) of φ in ascending order; they cover the real line.

    Attributes
    ----------
    symbol : sympy.Symbol
        The variable of φ, `ndksym.symbols.x`.
    derivative : sympy.Expr
        φ′ without delta functions.
    orders : dict
        Break point → order of the lowest derivative that jumps there.
    discontinuities, kinks, rough : tuple of sympy.Expr
        Points where φ jumps, where it is continuous but not analytic, and where φ′ is not square integrable.
    smoothness : sympy.Expr
        The lowest of the orders; oo for an analytic φ.
    parity : {"even", "odd", None}
        The proved symmetry.
    homogeneity : sympy.Expr or None
        The degree n with φ(λx) = λⁿ φ(x) for λ > 0.
    strip : sympy.Expr or None
        Half-width of the strip of analyticity.
    growth : sympy.Expr
        The rate α of φ(x) ~ exp(αx²).
    reach : sympy.Expr or None
        The variance 1/(4α) at and above which the kernel is infinite.

    Raises
    ------
    InputError
        If φ is constant, complex, infinite or undefined somewhere, or differs from its pieces.
    DivergentKernelError
        If φ grows faster than every exp(αx²), so that its kernel is infinite for every variance.

    Notes
    -----
    The properties are computed on first use. Each is proved or derived exactly; where no proof exists it is None.

    Examples
    --------
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
        """The variable of φ, `ndksym.symbols.x`."""
        return x

    @cached_property
    def derivative(self) -> Expr:
        """φ′ between the break points, without delta functions; at a break point, the derivative from the right.

        Examples
        --------
        >>> activation("relu").derivative
        Piecewise((0, x < 0), (1, True))
        """
        slopes = [piece.expr.diff(x) for piece in self.pieces]
        ends = [x < piece.hi for piece in self.pieces[:-1]]
        return Piecewise(*zip(slopes, [*ends, True], strict=True))

    @cached_property
    def orders(self) -> dict[Expr, Expr]:
        """Break point → order of the lowest derivative that jumps or is infinite there.

        The order is 0 for a jump of φ, 1/2 if φ is continuous and φ′ is not square integrable, and oo if none of the derivatives
        that were compared jumps.

        Examples
        --------
        >>> activation("hard_tanh").orders, activation("step").orders
        ({-1: 1, 1: 1}, {0: 0})
        """
        neighbours = zip(self.pieces, self.pieces[1:], strict=False)
        return {left.hi: break_order(left.expr, right.expr, left.hi) for left, right in neighbours}

    @property
    def discontinuities(self) -> tuple[Expr, ...]:
        """The points where φ jumps.

        Examples
        --------
        >>> activation("sign").discontinuities
        (0,)
        """
        return tuple(point for point, order in self.orders.items() if order == 0)

    @property
    def rough(self) -> tuple[Expr, ...]:
        """The points at which φ′ is not square integrable: jumps, and roots as steep as √|x|.

        Such an activation has an infinite NTK at coincident inputs.

        Examples
        --------
        >>> activation("sqrt(Abs(x - 1))").rough, activation("Abs(x)**(2/3)").rough
        ((1,), ())
        """
        return tuple(point for point, order in self.orders.items() if order < 1)

    @property
    def kinks(self) -> tuple[Expr, ...]:
        """The points where φ is continuous but not analytic.

        Examples
        --------
        >>> activation("hard_tanh").kinks
        (-1, 1)
        """
        return tuple(point for point, order in self.orders.items() if order != 0)

    @property
    def smoothness(self) -> Expr:
        """Order of the lowest discontinuous derivative; oo for an analytic φ.

        Examples
        --------
        >>> [activation(name).smoothness for name in ("step", "relu", "elu", "gelu")]
        [0, 1, 2, oo]
        """
        return min(self.orders.values(), default=oo)

    @cached_property
    def parity(self) -> str | None:
        """The proved symmetry: "even", "odd", or None.

        Examples
        --------
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
        """The degree n with φ(λx) = λⁿ φ(x) for all λ > 0; None if there is none.

        Examples
        --------
        >>> activation("relu(3)").homogeneity, activation("step").homogeneity, activation("erf").homogeneity
        (3, 0, None)
        """
        if any(point != 0 for point in self.orders):
            return None
        degrees = {_degree(piece.expr) for piece in self.pieces if piece.expr != 0}
        return degrees.pop() if len(degrees) == 1 else None

    @cached_property
    def strip(self) -> Expr | None:
        """Half-width w of the strip |Im x| < w in which φ is analytic; oo for an entire φ, None with break points or if unknown.

        The trapezoid rule with step h converges as exp(−2π w/h) (T17).

        Examples
        --------
        >>> activation("mish").strip, activation("gelu").strip, activation("relu").strip
        (3*pi/4, oo, None)
        """
        return strip(self.pieces[0].expr) if len(self.pieces) == 1 else None

    @cached_property
    def growth(self) -> Expr:
        """α = max(0, lim sup log|φ(x)|/x²); 0 unless φ grows like the exponential of a square.

        Examples
        --------
        >>> activation("exp(x**2/8)").growth
        1/8
        """
        left, right = growth(self.pieces[0].expr, -1), growth(self.pieces[-1].expr, 1)
        return left if compare(left, right) > 0 else right

    @property
    def reach(self) -> Expr | None:
        """The variance 1/(4α) below which the kernel is finite; None if it is finite for every variance.

        Examples
        --------
        >>> activation("exp(x**2/8)").reach
        2
        """
        return None if self.growth == 0 else 1 / (4 * self.growth)


def activation(obj: object) -> Activation:
    """Convert a text, a catalogue name or a SymPy expression to an Activation.

    Parameters
    ----------
    obj : str, sympy.Expr or Activation
        A formula in one variable; a catalogue name in any case, also with numbers, as in "leaky_relu(0.2)" or "erf(2, 1/3)"; or
        a SymPy expression in one real symbol.

    Returns
    -------
    Activation

    Raises
    ------
    ParseError
        If the text is no formula; the message gives the place, the reason and the nearest name.
    InputError, InputTypeError
        If the object is no real, finite and non-constant function of one variable.
    NotDerivableError
        If its break points or its growth cannot be derived.

    Examples
    --------
    >>> activation("u*(1 + erf(u/sqrt(2)))/2").expr == activation("gelu").expr
    True
    """
    if isinstance(obj, Activation):
        return obj
    if isinstance(obj, str):
        name, expr = named(obj)
    elif isinstance(obj, Expr):
        try:
            expr = _in_x(obj)
        except RecursionError:
            raise InputError(f"the expression is nested too deeply: at most {MAX_DEPTH} levels are allowed") from None
        name = str(obj)
    else:
        raise InputTypeError(
            f"an activation is a text, a catalogue name, a SymPy expression or an Activation, not {type(obj).__name__}"
        )
    try:
        return Activation(name, expr, pieces(expr))
    except RecursionError:
        raise InputError(f"{name}: the expression is nested too deeply") from None


def _in_x(expr: Expr) -> Expr:
    measure(expr)
    symbols = sorted(expr.free_symbols, key=str)
    if len(symbols) != 1:
        raise InputError(
            f"an activation has exactly one variable; this one has {', '.join(map(str, symbols)) or 'none'}"
        )
    (symbol,) = symbols
    advice = "use Symbol('x', real=True)"
    if not symbol.name.isidentifier() or iskeyword(symbol.name):
        raise InputError(f"the variable's name {ascii(symbol.name)[:60]} is not an identifier; {advice}")
    if any(getattr(symbol, f"is_{fact}") is not None for fact in _UNDECIDED) or not _may_be_real(symbol):
        # with assumptions SymPy has simplified the expression for a part of the line: Abs(x) of a positive x is x
        raise InputError(f"the variable {symbol} must stand for every real number; {advice}")
    floats = {number: _decimal(number) for number in expr.atoms(Float)}
    exact = expr.xreplace({symbol: x, **floats})
    measure(exact)
    return exact


def _decimal(number: Float) -> Rational:
    """The shortest decimal that is read as this float, whose precision may be any."""
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


def _generic_points(piece: Piece) -> list[mpf]:
    """Points inside the piece without special values: φ may differ from its pieces at single points, as sign(x)**2 at 0."""
    if piece.lo == -oo and piece.hi == oo:
        return [value(Rational(-41, 29)), value(Rational(29, 37))]
    if piece.lo == -oo:
        return [value(piece.hi) - value(Rational(41, 29))]
    if piece.hi == oo:
        return [value(piece.lo) + value(Rational(29, 37))]
    return [value(piece.lo + (piece.hi - piece.lo) * Rational(29, 73))]


def _degree(expr: Expr) -> Expr | None:
    degree = x * expr.diff(x) / expr
    for point in (Integer(1), Integer(-1)):
        constant = degree.subs(x, point)
        if constant.is_finite:
            return simplify(constant) if same(degree, constant) else None
    return None
