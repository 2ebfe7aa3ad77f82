"""PQ − K = (pq)ⁿ κ(0) − K of a homogeneous φ, as a sum of terms that each vanish with the angle (theory §6).

K = (pq)ⁿ [A(x) + B(x) θ + C(x) sin θ] with x = cos θ, for every homogeneous φ that has a closed form.
"""

from collections.abc import Iterator

from sympy import Add, Expr, Mul, Poly, S, Symbol, acos, asin, cancel, expand, pi, sqrt

from ndksym.codegen import functions as v
from ndksym.codegen.lower import LoweredTerms
from ndksym.codegen.positivity import irreducible
from ndksym.errors import NotDerivableError
from ndksym.symbols import a, b, c

__all__ = ["PQ_minus_K"]

_x = Symbol("x", real=True)
_sine = Symbol("sine", positive=True)


def PQ_minus_K(K: Expr, degree: Expr) -> LoweredTerms:
    """The terms of (pq)ⁿ κ(0) − K, each of order θ or smaller.

    >>> from sympy import acos, pi, sqrt
    >>> relu = (c*(pi - acos(c/(sqrt(a)*sqrt(b)))) + sqrt(a*b - c**2))/(2*pi)
    >>> PQ_minus_K(relu, 1).terms
    (p*q*theta_minus_sin(theta, s, k)/(2*pi), p*psi*q*s**2/pi)
    """
    A, B, C = _angular(K)
    A = expand(A.subs(_x, 1) - A)
    B, C = -B, -C
    scale = (v.p * v.q) ** degree
    terms = [scale * term for term in _split(A, B, C) if term != 0]
    x = (v.k - v.s) * (v.k + v.s)
    return LoweredTerms(
        tuple(terms) or (S.Zero,),
        ((v.theta, 2 * v.atan2(v.s, v.k)), (v.psi, 2 * v.atan2(v.k, v.s)), (_sine, 2 * v.s * v.k), (_x, x)),
    )


def _angular(K: Expr) -> tuple[Expr, Expr, Expr]:
    """The polynomials A, B, C in x."""
    kappa = K.subs({a: 1, b: 1, c: _x})
    kappa = kappa.replace(acos, lambda z: v.theta if z == _x else acos(z))
    kappa = kappa.replace(asin, lambda z: pi / 2 - v.theta if z == _x else asin(z))
    kappa = expand(kappa.subs(sqrt(1 - _x**2), _sine))
    outside = NotDerivableError(f"code generation: {K} is not of the form of a homogeneous kernel")
    if not kappa.is_polynomial(_x, _sine, v.theta):
        raise outside
    out = [S.Zero, S.Zero, S.Zero]
    for (n, m, turns), coefficient in Poly(kappa, _x, _sine, v.theta).terms():
        if coefficient == 0:
            continue
        if turns > 1 or (turns and m % 2) or coefficient.free_symbols:
            raise outside
        part = coefficient * _x**n * (1 - _x**2) ** (m // 2)
        out[1 if turns else 2 if m % 2 else 0] += part
    A, B, C = map(expand, out)
    return A, B, C


def _split(A: Expr, B: Expr, C: Expr) -> Iterator[Expr]:
    """The terms of A + Bθ + C sin θ with A(1) = 0: B and C at x = 1, then 2s² times the quotients by 1 − x = 2s²."""
    B_one, C_one = B.subs(_x, 1), C.subs(_x, 1)
    if expand(B_one + C_one) == 0:
        yield B_one * v.theta_minus_sin(v.theta, v.s, v.k)
    else:
        yield from (B_one * v.theta, C_one * _sine)
    A, B, C = (cancel(part / (1 - _x)) for part in (A, B - B_one, C - C_one))
    straight = expand(A + pi * B)
    if straight == 0 or len(Add.make_args(straight)) < len(Add.make_args(A)):
        parts = ((straight, S.One), (-B, v.psi), (C, _sine))
    else:
        parts = ((A, S.One), (B, v.theta), (C, _sine))
    for polynomial, function in parts:
        for term in _monomials(polynomial):
            yield 2 * v.s**2 * term * function


def _monomials(polynomial: Expr) -> Iterator[Expr]:
    """The terms of a polynomial in x, whose factors 1 + x and 1 − x are written as 2k² and 2s²."""
    number, factors = irreducible(polynomial)
    rest, outside = number, []
    for factor, n in factors:
        half_angle = {_x + 1: 2 * v.k**2, _x - 1: -2 * v.s**2}.get(factor)
        if half_angle is None:
            rest *= factor**n
        else:
            outside.append(half_angle**n)
    for term in Add.make_args(expand(rest)):
        if term != 0:
            yield Mul(term, *outside)
