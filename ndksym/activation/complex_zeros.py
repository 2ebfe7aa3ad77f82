"""The complex zeros of a polynomial with real coefficients."""

from sympy import Expr, Poly, roots
from sympy.polys.polyroots import roots_linear, roots_quadratic

__all__ = ["complex_zeros"]


def complex_zeros(polynomial: Poly) -> list[Expr] | None:
    """All complex zeros of a polynomial, exactly; None if no formula gives them.

    >>> from ndksym.symbols import x
    >>> complex_zeros(Poly(x**2 + 2*x + 2, x))
    [-1 - I, -1 + I]
    """
    zeros: list[Expr] = []
    if not polynomial.get_domain().is_Numerical:  # with an irrational coefficient SymPy may factor for minutes
        parts = [factor for factor, _ in polynomial.sqf_list()[1]]
        if any(part.degree() > 2 for part in parts):
            return None
        return [z for part in parts for z in (roots_linear if part.degree() == 1 else roots_quadratic)(part)]
    for factor, _ in polynomial.factor_list()[1]:
        if factor.degree() > 4:  # no radicals, and SymPy takes seconds per root
            return None
        radicals = roots(factor)
        if sum(radicals.values()) != factor.degree():
            return None
        zeros += radicals
    return zeros
