"""The strip |Im z| < w in which φ is analytic, from the complex singularities of its expression.

Between its break points φ is analytic except where the argument of a reciprocal, a root or a function such as log or atan takes
a singular value. These equations are solved if they are polynomial in x or in exp(κx); otherwise the width is unknown (None).
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
    """Half-width w of the widest strip around the real line in which φ is analytic; oo for an entire φ, None if unknown.

    In the strip, logarithms and roots are continued from the real line, so they may differ from the principal branch.
    The trapezoid rule with step h converges as exp(−2π w/h) (T17).

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
    """The expression as one fraction in lowest terms, in which zeros have cancelled poles."""
    if expr.count_ops() > _MAX_OPERATIONS:
        return expr
    w = Dummy("w")
    expr = expr.replace(lambda e: isinstance(e, exp), lambda e: expand(e, power_base=False))
    form = exponentials(expr, w)
    if form is None:
        # SymPy chooses a common unit itself: exp(10**9*x) would be a power of degree 10**9
        large = any(abs(n.p) > 64 or n.q > 64 for e in expr.atoms(exp) for n in e.atoms(Rational))
        return expr if large else cancel(together(expr))
    powers, kappa = form
    return cancel(together(expr.xreplace(powers))).xreplace({w: exp(kappa * x)})


def _singular_arguments(expr: Expr) -> set[Expr]:
    """The subexpressions at whose zeros φ may be singular; there are no other singularities."""
    arguments = {e.base for e in expr.atoms(Pow) if e.base.has(x) and not (e.exp.is_integer and e.exp.is_positive)}
    arguments |= {_SINGULAR[e.func](e.args[0]) for e in expr.atoms(*_SINGULAR)}
    return {argument for argument in arguments if argument.has(x)}


def _distance(argument: Expr) -> Expr | None:
    """The smallest |Im z| over the complex zeros z of an expression; oo if there are none, None if unknown."""
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
    """The smallest distance, chosen by its digits: exact numbers are slow to compare, and ties do not matter."""
    if not zeros:
        return oo
    return distance(min(zeros, key=lambda zero: distance(zero.evalf(30)).evalf(30)))


def _least(distances: list[Expr | None]) -> Expr | None:
    derived = [distance for distance in distances if distance is not None]
    if len(derived) < len(distances):
        return None
    return min(derived, key=lambda distance: distance.evalf(30), default=oo)  # the first of equal ones
