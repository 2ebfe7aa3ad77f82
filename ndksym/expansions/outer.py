"""The diffusive phase: its equations, and their closed solutions where there are any (T12; arXiv 2309.04522).

At fixed τ = T t, Δ = T Σ T^k r_k(τ). Each r_k satisfies a Volterra equation of the first kind. Its derivative is of the second kind,
with a kernel that diverges at most as (τ−τ')^{−1/2}, if φ has a kink. If G is a finite sum Σ_ν e^{−ντ} h_ν(τ'), as for polynomial
dual kernels, the equation becomes a linear ordinary differential equation; with one term it has a closed solution.
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
"""Largest number of nodes of G for which a closed solution is tried."""
_HIGHEST = 48
"""Largest degree of G in e^{−τ/σ²} and e^{±τ'/σ²} for which it is multiplied out."""
_TERMS = 3000
"""Largest number of terms of G when multiplied out."""


@dataclass(frozen=True)
class Closed:
    """G = Σ_ν e^{−ντ} h_ν(τ') for one mode; then H_ν' = h_ν r_0 and r_0 = Σ ν e^{−ντ} H_ν / G(τ, τ).

    `rates` are the ν and `weights` the h_ν. `system` holds the equations of H_ν(τ), with H_ν(0) = h_ν(0) y/θ; `r0` is the
    solution if there is one term. `approach` are the rates of the approach to equilibrium: 2/σ², the rate at which the initial
    variance is forgotten, and the zeros μ of ∫_0^∞ G_eq(u) e^{μu} du between the ν.
    """

    rates: tuple[Expr, ...]
    weights: tuple[Expr, ...]
    system: tuple[Eq, ...]
    r0: Expr | None
    approach: tuple[Expr, ...]


@dataclass(frozen=True)
class Outer:
    """The equations of r_0 … r_{n−1} in G(τ, τ'), y and the kicks a_kj, in their forms of first and second kind.

    `closed` is None if G is not a finite sum of exponentials in τ.
    """

    first_kind: tuple[Eq, ...]
    second_kind: tuple[Eq, ...]
    closed: Closed | None

    def record(self) -> dict[str, object]:
        """The equations as a dictionary of texts, for JSON."""
        closed = self.closed
        return {
            "first_kind": [f"{eq.lhs} = {eq.rhs}" for eq in self.first_kind],
            "second_kind": [f"{eq.lhs} = {eq.rhs}" for eq in self.second_kind],
            "closed": None
            if closed is None
            else {
                "rates": [str(rate) for rate in closed.rates],
                "r0": None if closed.r0 is None else str(closed.r0),
                "approach": [str(rate) for rate in closed.approach],
            },
        }


def kick(k: int, j: int) -> Symbol:
    """The symbol a_kj: the factor of ∂_2^j G(τ, 0), at order T^k, through which the gradient-driven phase acts."""
    return Symbol(f"a_{k}{j}", real=True)


def outer(order: int, G: Expr | None) -> Outer:
    """The equations of r_0 … r_{order−1}, at least of r_0; `G` is G(τ, τ') of one mode as an expression, or None.

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
        process = Integral(Derivative(_G(tau, tau_), tau) * r(tau_), (tau_, 0, tau))
        second.append(Eq(_G(tau, tau) * r(tau) + process, Derivative(driving, tau)))
    return Outer(tuple(first), tuple(second), None if G is None or is_large(G, _LARGE) else separated(G))


def kernel(ndk: Expr) -> Expr:
    """G(τ, τ') = NDK(τ, τ') at T = 1."""
    return ndk.subs({T: Integer(1), t: tau, s: tau_}, simultaneous=True)


def separated(G: Expr) -> Closed | None:
    """G(τ, τ') as a polynomial in e^{−τ/σ²}; None if it is not one.

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
    """Coefficients of z^n, z = e^{−τ/σ²}, by n; None if G is not a polynomial, or one with more than _TERMS terms.

    The product is formed in a polynomial ring with generators z, e^{−τ'/σ²} and its reciprocal, because SymPy's expand() merges
    exponentials one by one.
    """
    replaced = G.replace(exp, _split)
    others = sorted(replaced.free_symbols - {_Z, _W, _V}, key=str)
    if replaced.has(exp, tau, tau_) or not replaced.is_polynomial(_Z, _W, _V, *others):
        return None
    if _degree(replaced) > _HIGHEST:
        return None
    by_power: dict[int, list[Expr]] = {}
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
            by_power.setdefault(n, []).append(Mul(number, *factors, exp(-earlier * tau_ / sigma2)))
    return {n: Add(*each) for n, each in by_power.items()}


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
    """The solution r = ν y e^{ντ}/h(τ) of y = e^{−ντ} (h(0) a_0 + ∫ h r), checked in the equation."""
    lasting = Add(*(term * exp(-rate * tau) for term in Add.make_args(expand(weight))))
    solution = rate * label / factor(lasting)
    if not is_zero(rate * label * exp(rate * tau) - weight * solution).holds:
        raise CheckFailedError("the closed solution of the outer equation does not solve it")
    return solution


def _approach(rates: tuple[Expr, ...], weights: list[Expr], solution: Expr | None) -> tuple[Expr, ...]:
    """2/σ², unless r_0 is constant, and a root μ of Σ_ν g_ν/(ν − μ) = 0, g_ν = lim h_ν e^{−ντ}, if it is rational."""
    if solution is not None and not solution.has(tau):
        return ()
    approach = [2 / sigma2]
    mu = Symbol("mu", positive=True)
    if 1 < len(rates) <= 3:
        sizes = [limit(expand(h * exp(-rate * tau)), tau, oo) for rate, h in zip(rates, weights, strict=True)]
        total = Add(*(g / (rate * sigma2 - mu) for rate, g in zip(rates, sizes, strict=True)))
        numerator = Poly(factor(total).as_numer_denom()[0], mu)
        if numerator.degree() == 1:
            approach.append(cancel(-numerator.nth(0) / numerator.nth(1)) / sigma2)
    return tuple(approach)
