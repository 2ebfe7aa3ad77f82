"""The elementary functions, one record each: to add a function is to add a record here.

All tables of `algebra` and `activation` read `FUNCTIONS`: parser, sizes, values, series, limits, zeros, growth, strips of
analyticity, evaluation and the normal form. The oracle (`verify/oracle`) keeps tables of its own, because it checks these
rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import mpmath
from mpmath import mpf
from sympy import (
    Expr,
    Function,
    I,
    Integer,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    erfi,
    erfinv,
    exp,
    log,
    oo,
    pi,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
)

from ndksym.symbols import x

__all__ = ["FUNCTIONS", "ElementaryFunction", "record"]

Form = Callable[[Expr], Expr]
"""A formula in the argument u of a function."""


@dataclass(frozen=True)
class ElementaryFunction:
    """What is known about a function f of one real variable; a field that is not given states nothing.

    >>> record(tanh(x)).range, record(log(x)).domain
    ((-1, 1), (0, oo))
    """

    sympy: type[Function]
    """SymPy's class; its name is the name in texts."""
    value: Callable[[mpf], mpf]
    """The value in mpmath numbers."""
    in_activations: bool = True
    """Whether an activation may contain f; the others occur in kernels and break points only."""
    slope: Expr | None = None
    """f′(x) where SymPy's own derivative contains f itself."""
    domain: tuple[Expr, Expr] = (-oo, oo)
    """The open interval on which f is real."""
    limits: tuple[Expr | None, Expr | None] = (None, None)
    """The limits at both ends of the domain, ±oo included; None where there is none."""
    extremes: tuple[Expr | None, Expr | None] = (None, None)
    """The least and the largest value; None where f takes none."""
    inverses: tuple[Form, ...] = ()
    """The solutions u of f(u) = y as formulas in y, one per branch, up to the period."""
    period: Expr | None = None
    growth: Literal["bounded", "logarithmic", "exponential"] | None = None
    """How |f(u)| grows as |u| → ∞; None if f has poles on the real line."""
    saturates: bool = False
    """Whether values at huge arguments (`values.HUGE`) are of no use: too large, rounded to the limit, or without certain digits."""
    exponentials: Form | None = None
    """f in exponentials, real or complex."""
    normal: Callable[[Expr], Expr | None] | None = None
    """f in asin or erf, which are generators of the normal form; None for arguments for which that is not valid."""
    quotient: Form | None = None
    """f with poles on the real line, as a quotient of functions without."""
    singular: Form | None = None
    """An expression in u whose complex zeros are the singularities of f; None where f is entire."""
    tails: tuple[Form, Form] | None = None
    """Equal formulas that show the constant that f tends to as u → −∞ and as u → ∞."""

    @property
    def name(self) -> str:
        """The name in texts."""
        return str(self.sympy.__name__)

    @property
    def derivative(self) -> Expr:
        """f′(x), in `symbols.x`.

        >>> record(asinh(x)).derivative
        1/sqrt(x**2 + 1)
        """
        return self.sympy(x).diff(x) if self.slope is None else self.slope

    @property
    def range(self) -> tuple[Expr, Expr]:
        """Infimum and supremum of f on its domain; ±oo where unknown."""
        least, largest = self.extremes
        ends = [limit for limit in self.limits if limit is not None] or [-oo, oo]
        return min(ends) if least is None else least, max(ends) if largest is None else largest


def _real(z: Expr) -> bool:
    return all(g.is_extended_real for g in z.free_symbols)


_RECORDS = (
    ElementaryFunction(
        exp, mpmath.exp, limits=(Integer(0), oo), inverses=(log,), growth="exponential", saturates=True,
    ),
    ElementaryFunction(
        log, mpmath.log, domain=(Integer(0), oo), limits=(-oo, oo), inverses=(exp,), growth="logarithmic",
        singular=lambda u: u,
    ),
    ElementaryFunction(
        erf, mpmath.erf, limits=(Integer(-1), Integer(1)), inverses=(erfinv,), growth="bounded", saturates=True,
        tails=(lambda u: erfc(-u) - 1, lambda u: 1 - erfc(u)),
    ),
    ElementaryFunction(
        erfc, mpmath.erfc, limits=(Integer(2), Integer(0)), inverses=(lambda y: erfinv(1 - y),), growth="bounded",
        saturates=True, normal=lambda u: 1 - erf(u), tails=(lambda u: 2 - erfc(-u), erfc),
    ),
    ElementaryFunction(
        sin, mpmath.sin, extremes=(Integer(-1), Integer(1)), inverses=(asin,), period=2 * pi, growth="bounded",
        saturates=True, exponentials=lambda u: (exp(I * u) - exp(-I * u)) / (2 * I),
    ),
    ElementaryFunction(
        cos, mpmath.cos, extremes=(Integer(-1), Integer(1)), inverses=(acos,), period=2 * pi, growth="bounded",
        saturates=True, exponentials=lambda u: (exp(I * u) + exp(-I * u)) / 2,
    ),
    ElementaryFunction(
        tan, mpmath.tan, slope=cos(x) ** -2, inverses=(atan,), period=pi, saturates=True,
        exponentials=lambda u: (exp(I * u) - exp(-I * u)) / (exp(I * u) + exp(-I * u)) / I,
        quotient=lambda u: sin(u) / cos(u), singular=cos,
    ),
    ElementaryFunction(
        sinh, mpmath.sinh, limits=(-oo, oo), inverses=(asinh,), growth="exponential", saturates=True,
        exponentials=lambda u: (exp(u) - exp(-u)) / 2,
    ),
    ElementaryFunction(
        cosh, mpmath.cosh, limits=(oo, oo), extremes=(Integer(1), None), inverses=(acosh, lambda y: -acosh(y)),
        growth="exponential", saturates=True, exponentials=lambda u: (exp(u) + exp(-u)) / 2,
    ),
    ElementaryFunction(
        tanh, mpmath.tanh, slope=cosh(x) ** -2, limits=(Integer(-1), Integer(1)), inverses=(atanh,), growth="bounded",
        saturates=True, exponentials=lambda u: (exp(u) - exp(-u)) / (exp(u) + exp(-u)), singular=cosh,
        tails=(lambda u: 2 / (exp(-2 * u) + 1) - 1, lambda u: 1 - 2 / (exp(2 * u) + 1)),
    ),
    ElementaryFunction(
        atan, mpmath.atan, limits=(-pi / 2, pi / 2), inverses=(tan,), growth="bounded",
        normal=lambda u: asin(u / sqrt(1 + u**2)) if _real(u) else None, singular=lambda u: 1 + u**2,
    ),
    ElementaryFunction(
        asinh, mpmath.asinh, limits=(-oo, oo), inverses=(sinh,), growth="logarithmic", singular=lambda u: 1 + u**2,
    ),
    ElementaryFunction(asin, mpmath.asin, in_activations=False, domain=(Integer(-1), Integer(1))),
    ElementaryFunction(
        acos, mpmath.acos, in_activations=False, domain=(Integer(-1), Integer(1)), normal=lambda u: pi / 2 - asin(u),
    ),
    ElementaryFunction(acosh, mpmath.acosh, in_activations=False, domain=(Integer(1), oo)),
    ElementaryFunction(atanh, mpmath.atanh, in_activations=False, domain=(Integer(-1), Integer(1))),
    ElementaryFunction(erfi, mpmath.erfi, in_activations=False),
)  # fmt: skip

FUNCTIONS: dict[type, ElementaryFunction] = {f.sympy: f for f in _RECORDS}
"""All records, by SymPy's class."""


def record(e: Expr) -> ElementaryFunction | None:
    """The record of the outermost function of an expression; None where there is none.

    >>> record(x + 1) is None, record(sin(x)).name
    (True, 'sin')
    """
    return FUNCTIONS.get(e.func)
