"""The diffusive phase: its equations, and where they close (theory T12; arXiv 2309.04522).

At fixed τ = T t, Δ = T Σ T^k r_k(τ). Each r_k obeys a Volterra equation of the first kind; differentiated once it is of the
second kind, with a kernel that is at worst (τ−τ')^{−1/2} where φ has a kink. If G is a finite sum Σ_ν e^{−ντ} h_ν(τ'),
as where dual kernels are polynomials, it is a linear ordinary differential equation; a single term has a closed solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import (
    QQ,
    Add,
    Derivative,
    Eq,
    Expr,
    Function,
    Integer,
    Integral,
    Mul,
    Poly,
    Pow,
    Rational,
    Symbol,
    cancel,
    diff,
    exp,
    expand,
    factor,
    limit,
    oo,
    ring,
)  # fmt: skip

from ndksym.algebra.substitute import is_large
from ndksym.algebra.zero_test import is_zero
from ndksym.errors import CheckFailedError
from ndksym.expansions.inner import label
from ndksym.symbols import T, s, sigma2, t

__all__ = ["Closed", "Outer", "kernel", "kick", "outer", "separated", "tau", "tau_"]

tau = Symbol("tau", nonnegative=True)
"""Diffusive time τ = T t."""
tau_ = Symbol("tau'", nonnegative=True)
"""The earlier diffusive time."""
_G = Function("G")
_Z, _W, _V = (Symbol(name, positive=True) for name in ("z", "w", "v"))
_LARGE = 4000
"""Nodes of G up to which a closed form is looked for."""
_HIGHEST = 48
"""Degree of G in e^{−τ/σ²} and e^{±τ'/σ²} up to which it is multiplied out at all."""
_TERMS = 3000
"""Terms of G, multiplied out, up to which one is written down."""


@dataclass(frozen=True)
class Closed:
    """G = Σ_ν e^{−ντ} h_ν(τ'), and what follows for one mode: H_ν' = h_ν r_0, r_0 = Σ ν e^{−ντ} H_ν / G(τ, τ).

    `rates` are the ν, `weights` the h_ν; `system` the equations of H_ν(τ), which start at h_ν(0) y/θ; `r0` the solution where
    there is one term, and `approach` the rates at which equilibrium is approached: 2/σ², at which the initial variance
    is forgotten, and the zeros of ∫_0^∞ G_eq(u) e^{μu} du between the ν.
    """

    rates: tuple[Expr, ...]
    weights: tuple[Expr, ...]
    system: tuple[Eq, ...]
    r0: Expr | None
    approach: tuple[Expr, ...]


@dataclass(frozen=True)
class Outer:
    """The equations of r_0 … r_{n−1} in G(τ, τ'), y and the kicks a_kj, each of the first and of the second kind.

    `closed` is None where G is no finite sum of exponentials in τ.
    """

    first_kind: tuple[Eq, ...]
    second_kind: tuple[Eq, ...]
    closed: Closed | None


def kick(k: int, j: int) -> Symbol:
    """a_kj: what the gradient-driven phase leaves at τ = 0, at order T^k in ∂_2^j G(τ, 0)."""
    return Symbol(f"a_{k}{j}", real=True)


def outer(order: int, G: Expr | None) -> Outer:
    """The equations of r_0 … r_{order−1} (of r_0 at least); G(τ, τ') of one mode written out, if it is.

    ∫_0^τ G r_k = y δ_k0 − r_{k−1} − Σ_j a_kj ∂_2^j G(τ, 0);   G(τ,τ) r_k + ∫_0^τ ∂_1 G r_k = its derivative
    """
    first, second = [], []
    for k in range(max(order, 1)):
        r = Function(f"r{k}")
        driving = label if k == 0 else -Function(f"r{k - 1}")(tau)
        for j in range(k + 1):
            at_zero = Derivative(_G(tau, tau_), (tau_, j)) if j else _G(tau, tau_)
            driving -= kick(k, j) * at_zero.subs(tau_, 0)
        first.append(Eq(Integral(_G(tau, tau_) * r(tau_), (tau_, 0, tau)), driving))
        memory = Integral(Derivative(_G(tau, tau_), tau) * r(tau_), (tau_, 0, tau))
        second.append(Eq(_G(tau, tau) * r(tau) + memory, Derivative(driving, tau)))
    return Outer(tuple(first), tuple(second), None if G is None or is_large(G, _LARGE) else separated(G))


def kernel(ndk: Expr) -> Expr:
    """G(τ, τ') = NDK(τ, τ') at T = 1."""
    return ndk.subs({T: Integer(1), t: tau, s: tau_}, simultaneous=True)


def separated(G: Expr) -> Closed | None:
    """Read G(τ, τ') as a polynomial in e^{−τ/σ²}; None where it is not one.

    >>> from ndksym.symbols import k12, sigma02
    >>> G = 2 * k12 * exp(-2 * (tau - tau_) / sigma2) * (sigma2 + (sigma02 - sigma2) * exp(-2 * tau_ / sigma2))
    >>> separated(G).rates, separated(G).approach
    ((2/sigma2,), (2/sigma2,))
    """
    terms = _powers(G)
    if terms is None:
        return None
    rates = tuple(Rational(power) / sigma2 for power in sorted(terms, reverse=True))
    weights = tuple(terms[power] for power in sorted(terms, reverse=True))
    if 0 in terms:
        return None
    held = [Function(f"H{n}")(tau) for n in range(len(rates))]
    here = [weight.subs(tau_, tau) for weight in weights]
    own = Add(*(exp(-rate * tau) * h for rate, h in zip(rates, here, strict=True)))
    r = Add(*(rate * exp(-rate * tau) * H for rate, H in zip(rates, held, strict=True))) / own
    system = tuple(Eq(Derivative(H, tau), h * r) for H, h in zip(held, here, strict=True))
    solution = _single(rates[0], here[0]) if len(rates) == 1 else None
    return Closed(rates, weights, system, solution, _approach(rates, here, solution))


def _powers(G: Expr) -> dict[int, Expr] | None:
    """Coefficients of z^n, z = e^{−τ/σ²}, by n; None where G is no polynomial, or one with more than _TERMS terms.

    In a ring, with symbols for z, for e^{−τ'/σ²} and for its reciprocal: SymPy's own expansion merges exponentials one by one.
    """
    replaced = G.replace(exp, _split)
    others = sorted(replaced.free_symbols - {_Z, _W, _V}, key=str)
    if replaced.has(exp, tau, tau_) or not replaced.is_polynomial(_Z, _W, _V, *others):
        return None
    if _degree(replaced) > _HIGHEST:
        return None
    found: dict[int, list[Expr]] = {}
    polynomial = ring([_Z, _W, _V, *others], QQ)[0].from_expr(replaced)
    merged: dict[tuple[int, ...], Any] = {}
    for (n, earlier, back, *rest), c in polynomial.terms():
        key = (n, earlier - back, *rest)
        merged[key] = merged.get(key, 0) + c
    if len(merged) > _TERMS:
        return None
    for (n, earlier, *rest), c in merged.items():
        if c:
            factors = (Pow(name, power) for name, power in zip(others, rest, strict=True))
            number = Rational(int(c.numerator), int(c.denominator))
            found.setdefault(n, []).append(Mul(number, *factors, exp(-earlier * tau_ / sigma2)))
    return {n: Add(*each) for n, each in found.items()}


def _degree(e: Expr) -> int:
    """Degree in z, w and v of a product form, without multiplying it out."""
    if e.is_Add:
        return max(map(_degree, e.args))
    if e.is_Mul:
        return sum(map(_degree, e.args))
    if e.is_Pow and e.exp.is_Integer:
        return int(e.exp) * _degree(e.base)
    return int(e in (_Z, _W, _V))


def _split(exponent: Expr) -> Expr:
    """e^{−(nτ + mτ')/σ²} is z^n w^m."""
    linear = cancel(-exponent * sigma2)
    n, m = diff(linear, tau), diff(linear, tau_)
    if not (n.is_Integer and m.is_Integer and n >= 0 and linear == expand(n * tau + m * tau_)):
        return exp(exponent)
    return _Z**n * (_W**m if m >= 0 else _V**-m)


def _single(rate: Expr, weight: Expr) -> Expr:
    """y = e^{−ντ} (h(0) a_0 + ∫ h r) has r = ν y e^{ντ}/h(τ); put back, to be sure."""
    lasting = Add(*(term * exp(-rate * tau) for term in Add.make_args(expand(weight))))
    solution = rate * label / factor(lasting)
    if not is_zero(rate * label * exp(rate * tau) - weight * solution).holds:
        raise CheckFailedError("the closed solution of the outer equation does not solve it")
    return solution


def _approach(rates: tuple[Expr, ...], weights: list[Expr], solution: Expr | None) -> tuple[Expr, ...]:
    """2/σ², unless r_0 is constant, and the roots μ of Σ_ν g_ν/(ν − μ) = 0, g_ν = lim h_ν e^{−ντ}, up to two of them."""
    if solution is not None and not solution.has(tau):
        return ()
    found = [2 / sigma2]
    mu = Symbol("mu", positive=True)
    if 1 < len(rates) <= 3:
        sizes = [limit(expand(h * exp(-rate * tau)), tau, oo) for rate, h in zip(rates, weights, strict=True)]
        total = Add(*(g / (rate * sigma2 - mu) for rate, g in zip(rates, sizes, strict=True)))
        numerator = Poly(factor(total).as_numer_denom()[0], mu)
        if numerator.degree() == 1:
            found.append(cancel(-numerator.nth(0) / numerator.nth(1)) / sigma2)
    return tuple(found)
