"""Sums of polynomials times exponentials, real or complex: after a shift of the mean, a Gauss rule is exact.

For φ(x) = Σ e^{ηx} P_η(x) (Cameron–Martin; valid for complex η, since both sides are entire),

    E[e^{ηu + η'v} P(u) Q(v)] = e^{½(aη² + 2cηη' + bη'²)} E[P(u + aη + cη') Q(v + cη + bη')].

This rule is needed where e^{ηu} oscillates or grows too fast for quadrature, as sin at a variance of 1e16.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import sympy

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.covariance import Geometry
from ndksym.verify.oracle.evaluate import constant
from ndksym.verify.oracle.numbers import flint
from ndksym.verify.oracle.rules import hermite

if TYPE_CHECKING:
    from flint import acb, arb

__all__ = ["ExponentialTerms", "expectation", "fastest", "terms"]

ExponentialTerms = tuple[tuple[sympy.Expr, tuple[sympy.Expr, ...]], ...]
"""(η, coefficients of P_η from the constant up) of each term."""

_MOST_TERMS = 24


@lru_cache(maxsize=128)
def terms(act: Activation) -> ExponentialTerms | None:
    """The decomposition Σ e^{ηx} P_η(x), or None if φ has another form."""
    if len(act.pieces) != 1:
        return None
    x = act.symbol
    expr = act.pieces[0].expr
    if any(
        isinstance(node, sympy.Function) and type(node) not in _FUNCTIONS for node in sympy.preorder_traversal(expr)
    ):
        return None
    expanded = sympy.expand(sympy.expand(expr.rewrite(sympy.exp)), power_exp=True)
    sums: dict[sympy.Expr, dict[int, sympy.Expr]] = {}
    for term in sympy.Add.make_args(expanded):
        split = _split(term, x)
        if split is None:
            return None
        rate, power, factor = split
        powers = sums.setdefault(rate, {})
        powers[power] = powers.get(power, sympy.Integer(0)) + factor
    if len(sums) > _MOST_TERMS:
        return None
    return tuple(
        (rate, tuple(powers.get(k, sympy.Integer(0)) for k in range(max(powers) + 1)))
        for rate, powers in sorted(sums.items(), key=lambda item: sympy.default_sort_key(item[0]))
    )


_FUNCTIONS = (sympy.exp, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh)


def _split(term: sympy.Expr, x: sympy.Symbol) -> tuple[sympy.Expr, int, sympy.Expr] | None:
    """(η, n, factor) of term = factor·x^n·e^{ηx}, or None if the term has another form."""
    rate, power, factor = sympy.Integer(0), 0, sympy.Integer(1)
    for part in sympy.Mul.make_args(term):
        base, exponent = part.as_base_exp()
        if not part.has(x):
            factor *= part
        elif base == x and exponent.is_Integer and exponent > 0:
            power += int(exponent)
        elif base is sympy.E or isinstance(part, sympy.exp):
            line = sympy.expand(exponent if base is sympy.E else part.args[0])
            slope = sympy.diff(line, x)
            if slope.has(x):
                return None
            rate += slope
            factor *= sympy.exp(line.subs(x, 0))
        else:
            return None
    return sympy.expand(rate), power, factor


def fastest(parts: ExponentialTerms) -> float:
    """The largest |η|."""
    return max(abs(complex(rate)) for rate, _ in parts)


def expectation(parts: ExponentialTerms, shape: Geometry) -> tuple[arb, arb]:
    """E φ(u)φ(v) and E φ′(u)φ′(v)."""
    a, b, c, p, q = shape.a, shape.b, shape.c, shape.p, shape.q
    acb = flint().acb
    rows = []
    for rate, coefficients in parts:
        eta = acb(constant(rate))
        values = [acb(constant(value)) for value in coefficients]
        slopes = [eta * value for value in values]  # (e^{ηx} P)' = e^{ηx} (ηP + P')
        for k in range(1, len(values)):
            slopes[k - 1] += k * values[k]
        rows.append((eta, values, slopes))
    size = max(len(values) for _, values, _ in rows) + 1  # exact to degree 2·size − 1
    nodes, weights = hermite(size)
    total, total_dot = acb(0), acb(0)
    for eta, values, slopes in rows:
        for eta2, values2, slopes2 in rows:
            factor = ((a * eta * eta + 2 * c * eta * eta2 + b * eta2 * eta2) / 2).exp()
            shift, shift2 = a * eta + c * eta2, c * eta + b * eta2
            for x, w in zip(nodes, weights, strict=True):
                u = p * x + shift
                first, first_dot = w * factor * _horner(values, u), w * factor * _horner(slopes, u)
                for z, w2 in zip(nodes, weights, strict=True):
                    v = q * (shape.rho * x + shape.s * z) + shift2
                    total += first * w2 * _horner(values2, v)
                    total_dot += first_dot * w2 * _horner(slopes2, v)
    return total.real, total_dot.real


def _horner(coefficients: list[acb], x: acb) -> acb:
    """A polynomial at x."""
    total = coefficients[-1]
    for value in reversed(coefficients[:-1]):
        total = total * x + value
    return total
