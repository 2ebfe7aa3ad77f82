"""All real zeros of an expression, exactly, or an error if they cannot be found.

They are the break points of Abs, Max, Heaviside, …. A missed zero would give a wrong kernel, so each rule finds all zeros, and
an expression without a rule raises an error.
"""

from functools import cmp_to_key, reduce

from sympy import (
    Add,
    Dummy,
    Expr,
    Float,
    I,
    Integer,
    Mul,
    Poly,
    Pow,
    Rational,
    arg,
    default_sort_key,
    exp,
    expand,
    fraction,
    gcd,
    log,
    oo,
    real_roots,
    simplify,
    sqrt,
    together,
)

from ndksym.activation.complex_zeros import complex_zeros
from ndksym.algebra.functions import FUNCTIONS, ElementaryFunction, record
from ndksym.errors import NotDerivableError
from ndksym.symbols import x

__all__ = [
    "EndlessZerosError",
    "ascending",
    "compare",
    "exponential_form",
    "exponentials",
    "in_exponentials",
    "is_zero_number",
    "real_zeros",
]

_DIGITS = 30
_MAX_SHIFT = 1000  # of |r| in exp(κx + r)
_MAX_POWER = 200  # of exp(κx) when several exponentials are written as its powers
_MAX_OPERATIONS = 16  # of a function whose turning points are computed


class EndlessZerosError(NotDerivableError):
    """There are infinitely many real zeros; `example` is one of them."""

    def __init__(self, g: Expr, example: Expr) -> None:
        super().__init__(f"{g} has infinitely many real zeros, one of them at x = {example}")
        self.example = example


def is_zero_number(value: Expr) -> bool:
    """Whether an exact real number is zero.

    >>> from sympy import pi
    >>> is_zero_number(sqrt(8) - 2*sqrt(2)), is_zero_number(pi - Rational(355, 113))
    (True, False)
    """
    if isinstance(value, Rational):
        return bool(value == 0)
    # evalf raises its working precision until digits are certain; a number with none at 400 digits counts as zero
    approximate = value.evalf(_DIGITS, maxn=400)
    if not isinstance(approximate, Float):
        return bool(approximate == 0)
    return bool(approximate._prec == 1 or approximate == 0)


def compare(left: Expr, right: Expr) -> int:
    """Sign of left − right, for exact real numbers and ±oo.

    >>> from sympy import pi
    >>> compare(sqrt(2), Rational(3, 2)), compare(pi, pi)
    (-1, 0)
    """
    if left == right:
        return 0
    if left.is_infinite or right.is_infinite:
        return 1 if left > right else -1
    difference = left - right
    if is_zero_number(difference):
        return 0
    return 1 if difference.evalf(_DIGITS, maxn=400) > 0 else -1


def ascending(points: list[Expr]) -> tuple[Expr, ...]:
    """Distinct points in ascending order.

    >>> from sympy import pi
    >>> ascending([pi, Integer(1), sqrt(1), -pi])
    (-pi, 1, pi)
    """
    distinct: list[Expr] = []
    for point in sorted(points, key=cmp_to_key(compare)):
        if not distinct or compare(distinct[-1], point) != 0:
            distinct.append(point)
    return tuple(distinct)


def real_zeros(g: Expr) -> tuple[Expr, ...]:
    """All real zeros of g(x), ascending, for a real g that is smooth on its domain and not identically zero.

    EndlessZerosError if there are infinitely many; NotDerivableError if no rule finds all of them.

    >>> real_zeros(x**3 - x)
    (-1, 0, 1)
    >>> real_zeros(exp(2*x) - 3)
    (log(3)/2,)
    """
    return ascending(_zeros(g))


def _zeros(g: Expr, derivatives: int = 3) -> list[Expr]:
    if not g.has(x) or g.is_positive or g.is_negative:
        return []
    if g.is_polynomial(x):
        return _polynomial_zeros(Poly(g, x))
    numerator, denominator = fraction(together(g))
    if denominator.has(x):
        return [z for z in _zeros(numerator, derivatives) if not is_zero_number(denominator.subs(x, z))]
    if isinstance(g, Mul):
        return [z for factor in g.args for z in _zeros(factor, derivatives)]
    if isinstance(g, Pow) and not g.exp.has(x):
        return _zeros(g.base)
    generators = _generators(g)
    if len(generators) == 1 and x not in generators:
        (f,) = generators
        y = Dummy("y", real=True)
        levels = _polynomial_zeros(Poly(g.xreplace({f: y}), y))
        return [z for level in levels for z in _preimages(f, level)]
    form = exponential_form(g)
    if form is not None and form[1].is_real:
        return [log(w) / form[1] for w in _polynomial_zeros(form[0]) if compare(w, Integer(0)) > 0]
    if form is not None:
        return _zeros_of_waves(g, *form)
    return _zeros_between_turning_points(g, derivatives)


def _zeros_of_waves(g: Expr, polynomial: Poly, kappa: Expr) -> list[Expr]:
    zeros = complex_zeros(polynomial)
    if zeros is None:
        raise _not_found(g)
    for w in zeros:  # w = exp(κx) at a real x if and only if |w| = 1
        if is_zero_number(abs(w) - 1):
            raise EndlessZerosError(g, arg(w) / abs(kappa))
    return []


def _zeros_between_turning_points(g: Expr, derivatives: int) -> list[Expr]:
    """Between two zeros of g′ lies at most one zero of g; it is found if it is one of them or a simple rational number."""
    if not derivatives or g.count_ops() > _MAX_OPERATIONS:
        raise _not_found(g)
    try:
        turning = ascending(_zeros(g.diff(x), derivatives - 1))
    except NotDerivableError:  # the zeros of g′ are unknown or infinitely many, which says nothing about g
        raise _not_found(g) from None
    zeros = [point for point in turning if is_zero_number(g.subs(x, point))]
    for lo, hi in zip([-oo, *turning], [*turning, oo], strict=True):
        signs = [_end_sign(g, lo, "+"), _end_sign(g, hi, "-")]
        if 0 in signs or signs[0] == signs[1]:
            continue  # g is monotone in between: its zero is at an end, or there is none
        guesses = [Rational(k, m) for m in (1, 2, 3) for k in range(-6, 7)]
        inside = [z for z in guesses if compare(lo, z) < 0 and compare(z, hi) < 0 and is_zero_number(g.subs(x, z))]
        if not inside:
            raise _not_found(g)
        zeros.append(inside[0])
    return zeros


def _end_sign(g: Expr, point: Expr, side: str) -> int:
    limit = g.limit(x, point, side) if point.is_infinite else g.subs(x, point)
    if not limit.is_number or not limit.is_extended_real or (point.is_infinite and limit == 0):
        raise _not_found(g)
    return compare(limit, Integer(0)) if limit.is_finite else (1 if limit == oo else -1)


def _not_found(g: Expr) -> NotDerivableError:
    return NotDerivableError(
        f"the zeros of {g} cannot be found exactly; break points must be zeros of polynomials, or of one function "
        "(exp, tanh, erf, …) of a polynomial"
    )


def _generators(g: Expr) -> set[Expr]:
    """The subexpressions of which g is a polynomial."""
    if not g.has(x):
        return set()
    if isinstance(g, Add | Mul):
        return set().union(*(_generators(arg) for arg in g.args))
    if isinstance(g, Pow) and isinstance(g.exp, Integer) and g.exp > 0:
        return _generators(g.base)
    return {g}


def _polynomial_zeros(polynomial: Poly) -> list[Expr]:
    if polynomial.get_domain().is_QQ or polynomial.get_domain().is_ZZ:
        return list(real_roots(polynomial))
    if polynomial.degree() > 2 and not polynomial.get_domain().is_EX:
        _, factors = polynomial.factor_list()
        if len(factors) > 1:
            return [z for factor, _ in factors for z in _polynomial_zeros(factor)]
    (n,), rest = polynomial.terms_gcd()
    if n:
        return [Integer(0), *(_polynomial_zeros(rest) if rest.degree() else [])]
    n = polynomial.degree()
    coefficients = polynomial.all_coeffs()
    if n > 2 and n % 2 == 0 and not any(coefficients[1::2]):
        squares = _polynomial_zeros(Poly(coefficients[::2], x))
        return [side * sqrt(z) for z in squares if compare(z, Integer(0)) > 0 for side in (-1, 1)]
    if n == 1:
        return [-coefficients[1] / coefficients[0]]
    if n == 2:
        half, constant = coefficients[1] / (2 * coefficients[0]), coefficients[2] / coefficients[0]
        discriminant = half**2 - constant
        if compare(discriminant, Integer(0)) < 0:
            return []
        return [-half - sqrt(discriminant), -half + sqrt(discriminant)]
    if not any(coefficients[1:-1]):
        level = -coefficients[-1] / coefficients[0]
        side = compare(level, Integer(0))
        if n % 2:
            return [side * (side * level) ** Rational(1, n)]
        return [] if side < 0 else [-(level ** Rational(1, n)), level ** Rational(1, n)]
    raise _not_found(polynomial.as_expr())


def _preimages(f: Expr, level: Expr) -> list[Expr]:
    """All x with f(x) = level for a function or a power f."""
    if isinstance(f, Pow):
        return _root_preimages(f, level)
    function = record(f)
    if function is None or not function.inverses:
        raise NotDerivableError(f"the solutions of {f} = {level} cannot be found exactly")
    if not _attains(function, level):
        return []
    if function.period is not None:
        return _periodic_preimages(f, level, function.inverses[0](level), function.period)
    return [z for inverse in function.inverses for z in _zeros(f.args[0] - inverse(level))]


def _attains(function: ElementaryFunction, level: Expr) -> bool:
    """Whether a function takes a value."""
    low, high = function.range
    above, below = compare(level, low), compare(high, level)
    return all(
        side > 0 or (side == 0 and end is not None) for side, end in zip((above, below), function.extremes, strict=True)
    )


def _root_preimages(f: Pow, level: Expr) -> list[Expr]:
    if not f.base.has(x):  # c**g(x)
        return _zeros(f.exp - log(level) / log(f.base)) if compare(level, Integer(0)) > 0 else []
    side = compare(level, Integer(0))
    if side == 0 and f.exp.is_positive:
        return _zeros(f.base)
    return _zeros(f.base - level ** (1 / f.exp)) if side > 0 else []


def _periodic_preimages(f: Expr, level: Expr, argument: Expr, period: Expr) -> list[Expr]:
    inner = f.args[0]
    if not inner.is_polynomial(x):
        raise NotDerivableError(f"the solutions of {f} = {level} cannot be found exactly")
    for n in range(8):  # an odd polynomial takes every value, an even one all values on one side
        for sign in (1, -1):
            zeros = _zeros(inner - argument - period * n * sign)
            if zeros:
                raise EndlessZerosError(f - level, ascending(zeros)[-1])
    raise NotDerivableError(f"the solutions of {f} = {level} cannot be found exactly")


def exponential_form(g: Expr) -> tuple[Poly, Expr] | None:
    """(p, κ) with g = p(exp(κx)) up to a factor without zeros, κ > 0 or κ/i > 0; None if there is no such polynomial p.

    >>> from sympy import cosh
    >>> polynomial, kappa = exponential_form(cosh(x/2))
    >>> polynomial.as_expr().subs(polynomial.gen, 3), kappa
    (10, 1/2)
    """
    g = expand(in_exponentials(g, waves=True))
    w = Dummy("w")
    form = exponentials(g, w)
    if form is None:
        return None
    powers, kappa = form
    numerator, _ = fraction(together(g.xreplace(powers)))
    if numerator.has(x) or not numerator.is_polynomial(w):
        return None
    return Poly(numerator, w), kappa


_HYPERBOLIC = {f.sympy: f.exponentials for f in FUNCTIONS.values() if f.exponentials and f.period is None}
_WAVES = {f.sympy: f.exponentials for f in FUNCTIONS.values() if f.exponentials and f.period is not None}


def in_exponentials(g: Expr, *, waves: bool = False) -> Expr:
    """g with hyperbolic functions and powers c**x of x, and with `waves` also sin, cos and tan, written in exponentials.

    >>> from sympy import sinh, tanh
    >>> in_exponentials(2**x + sinh(3*x) + tanh(1))
    exp(3*x)/2 + exp(x*log(2)) + tanh(1) - exp(-3*x)/2
    """
    rules = _HYPERBOLIC | _WAVES if waves else _HYPERBOLIC
    g = g.replace(lambda e: e.func in rules and e.has(x), lambda e: rules[e.func](e.args[0]))
    return g.replace(lambda e: isinstance(e, Pow) and not e.base.has(x), lambda e: exp(e.exp * log(e.base)))


def exponentials(g: Expr, w: Expr) -> tuple[dict[Expr, Expr], Expr] | None:
    """The exponentials in g as powers of w = exp(κx), and κ; None if an argument is not affine or there is no common κ.

    >>> exponentials(exp(x/2) + 1/exp(3*x), Dummy("w"))
    ({exp(-3*x): _w**(-6), exp(x/2): _w}, 1/2)
    """
    exponents = sorted((e.args[0] for e in g.atoms(exp) if e.has(x)), key=default_sort_key)
    rates = [e.diff(x) for e in exponents]
    if not rates or any(rate.has(x) for rate in rates):
        return None
    constants = [e.args[0] for e in g.atoms(exp) if not e.has(x)]
    first = max(rates, key=lambda rate: not rate.could_extract_minus_sign())
    ratios = [simplify(rate / first) for rate in rates]
    shifts = [expand(e - rate * x) for e, rate in zip(exponents, rates, strict=True)]
    if not all(isinstance(ratio, Rational) for ratio in ratios) or any(
        abs(u.evalf()) > _MAX_SHIFT for u in shifts + constants
    ):
        return None
    unit = reduce(gcd, ratios)
    if max(abs(ratio / unit) for ratio in ratios) > _MAX_POWER:
        return None
    kappa = first * unit
    sign = -1 if (kappa if kappa.is_real else kappa / I).is_negative else 1
    powers = {
        exp(e): exp(shift) * w ** (sign * ratio / unit)
        for e, shift, ratio in zip(exponents, shifts, ratios, strict=True)
    }
    return powers, sign * kappa
