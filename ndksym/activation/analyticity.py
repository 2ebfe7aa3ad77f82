"""The strip |Im z| < w in which φ is analytic, from the complex singularities of its expression.

Everything the whitelist allows is analytic except where a reciprocal, a root, a logarithm, atan or asinh meets its
singular argument. Those arguments are solved when they are polynomials in x or in exp(κx); otherwise the answer is
None, for unknown.
"""

from collections.abc import Callable

from sympy import (
    Dummy,
    Expr,
    Mul,
    Poly,
    Pow,
    Rational,
    arg,
    cancel,
    exp,
    expand,
    im,
    log,
    oo,
    together,
)

from ndksym.activation.complex_zeros import complex_zeros
from ndksym.activation.roots import exponential_form, exponentials, in_exponentials
from ndksym.algebra.functions import FUNCTIONS
from ndksym.symbols import x

__all__ = ["strip"]

_SINGULAR = {f.sympy: f.singular for f in FUNCTIONS.values() if f.singular is not None}
_MAX_OPERATIONS = 100  # of an expression that is brought to lowest terms


def strip(expr: Expr) -> Expr | None:
    """Half-width of the widest strip around the real line to which φ continues analytically: oo if φ is entire.

    Within it logarithms and roots are the continuation from the real line, which need not be the principal branch.
    None means that it could not be derived. See theory T17: the trapezoid rule converges as exp(−2π w/h).

    >>> from sympy import erf, tanh
    >>> strip(tanh(3*x)), strip(x*erf(x)), strip(1/(1 + x**2))
    (pi/6, oo, 1)
    """
    if not _singular_arguments(expr):
        return oo
    rational = _cancelled(in_exponentials(expr))
    distances = [_distance(argument) for argument in _singular_arguments(rational)]
    width = _least(distances)
    return None if width == 0 else width


def _cancelled(expr: Expr) -> Expr:
    """The expression over one denominator, in lowest terms: a pole under a zero is none."""
    if expr.count_ops() > _MAX_OPERATIONS:
        return expr
    w = Dummy("w")
    expr = expr.replace(lambda e: isinstance(e, exp), lambda e: expand(e, power_base=False))
    found = exponentials(expr, w)
    if found is None:
        # without a common unit SymPy picks one itself: exp(10**9*x) would be a power of degree 10**9
        large = any(abs(n.p) > 64 or n.q > 64 for e in expr.atoms(exp) for n in e.atoms(Rational))
        return expr if large else cancel(together(expr))
    powers, kappa = found
    return cancel(together(expr.xreplace(powers))).xreplace({w: exp(kappa * x)})


def _singular_arguments(expr: Expr) -> set[Expr]:
    """The subexpressions whose zeros are the only possible singularities."""
    found = {e.base for e in expr.atoms(Pow) if e.base.has(x) and not (e.exp.is_integer and e.exp.is_positive)}
    found |= {_SINGULAR[e.func](e.args[0]) for e in expr.atoms(*_SINGULAR)}
    return {argument for argument in found if argument.has(x)}


def _distance(argument: Expr) -> Expr | None:
    """Smallest |Im z| over the complex zeros z of an expression; oo without zeros; None if unknown."""
    if not argument.has(x) or isinstance(argument, exp):
        return oo
    if isinstance(argument, Mul):
        return _least([_distance(factor) for factor in argument.args])
    if isinstance(argument, Pow) and not argument.exp.has(x):
        return _distance(argument.base)
    if argument.is_polynomial(x):
        zeros = complex_zeros(Poly(argument, x))
        return None if zeros is None else _nearest(zeros, lambda z: abs(im(z)))
    form = exponential_form(argument) if argument.count_ops() <= _MAX_OPERATIONS else None
    zeros = None if form is None else complex_zeros(form[0])
    if form is None or zeros is None:
        return None
    kappa = form[1]
    zeros = [w for w in zeros if w != 0]
    if kappa.is_real:  # z = (log w + 2πik)/κ
        return _nearest(zeros, lambda w: abs(arg(w)) / kappa)
    return _nearest(zeros, lambda w: abs(log(abs(w))) / abs(kappa))


def _nearest(zeros: list[Expr], distance: Callable[[Expr], Expr]) -> Expr:
    """The smallest distance; chosen by digits, since the exact ones are slow to compare and ties do not matter."""
    if not zeros:
        return oo
    return distance(min(zeros, key=lambda zero: distance(zero.evalf(30)).evalf(30)))


def _least(distances: list[Expr | None]) -> Expr | None:
    known = [distance for distance in distances if distance is not None]
    if len(known) < len(distances):
        return None
    return min(known, key=lambda distance: distance.evalf(30), default=oo)  # of equal ones, the first
