"""Programs run in mpmath: the words of generated code defined once more, from their meaning and not from its code."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import mpmath as mp
from sympy import Add, Expr, Mul, Pow, Symbol, lambdify

from ndksym.algebra.bivariate_normal import phi2_mp
from ndksym.codegen.program import StraightLineProgram
from ndksym.symbols import a, b, c


def far(h: Any, g: Any) -> Any:
    """1/2π ∫_g^∞ e^{−(h² + y²)/2} h/(h² + y²) dy for h ≥ 0."""
    if h == 0:
        return mp.mpf(1) / 2 if g < 0 else mp.mpf(0)
    if g < 0:
        return mp.erfc(h / mp.sqrt(2)) / 2 - far(h, -g)
    width = min(mp.hypot(h, g) / 2, 4 / (1 + g))
    cuts = [g]
    while (cuts[-1] - g) * (cuts[-1] + g) < 5 * mp.mp.dps:
        cuts.append(cuts[-1] + width)
        width = min(2 * width, 4 / (1 + g))
    relative = mp.quad(lambda y: mp.exp((g * g - y * y) / 2) * (h * h + g * g) / (h * h + y * y), cuts)
    return mp.exp(-(h * h + g * g) / 2) * h / (h * h + g * g) * relative / (2 * mp.pi)


def edge(h: Any, g: Any, along: Any, apex: Any) -> Any:
    return -(1 if h > 0 else -1) * mp.exp(along + h * h / 2) * far(abs(h), g)


MEANING = {
    "exp_": mp.exp, "expm1": mp.expm1, "log": mp.log, "log1p": mp.log1p, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "atan": mp.atan, "atan2": mp.atan2, "asinh": mp.asinh, "erf": mp.erf,
    "erfc": mp.erfc, "hypot": mp.hypot, "absolute": abs, "sign": mp.sign, "minimum": min, "maximum": max,
    "where": lambda y, e, f: e if y > 0 else f,
    "expdiff": lambda A, B, _: mp.exp(A) - mp.exp(B),
    "experfc": lambda A, z, _: mp.exp(A) * mp.erfc(z),
    "experfi": lambda A, z, _: mp.exp(A) * mp.erfi(z),
    "corner": lambda A, h, k: mp.exp(A) if h > 0 and k > 0 else mp.mpf(0),
    "edge": edge,
    "arccos_kernel_1": lambda psi, s, k: psi * mp.cos(mp.pi - psi) + mp.sin(psi),
    "theta_minus_sin": lambda theta, s, k: theta - mp.sin(theta),
    "p_minus_q_cos": lambda p, q, c, s: p - c / p,
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
}  # fmt: skip


REDUNDANT = {
    "expdiff": lambda A, B, difference: A - B - difference,
    "experfc": lambda A, z, B: A - z * z - B,
    "experfi": lambda A, z, B: A + z * z - B,
    "edge": lambda h, g, along, apex: along - g * g / 2 - apex,
    "arccos_kernel_1": lambda psi, s, k: mp.hypot(s - mp.cos(psi / 2), k - mp.sin(psi / 2)),
    "theta_minus_sin": lambda theta, s, k: mp.hypot(s - mp.sin(theta / 2), k - mp.cos(theta / 2)),
    "p_minus_q_cos": lambda p, q, c, s: c - p * q * (1 - 2 * s * s),
}
"""What is 0 where a word is given one quantity in two forms."""


def value(expr: Expr, values: dict[Symbol, Any]) -> Any:
    """An expression at the working precision, by a walk over its tree."""
    if expr.is_Symbol:
        return values[expr]
    if not expr.free_symbols:
        return number(expr, mp.mp.prec)
    args = [value(arg, values) for arg in expr.args]
    if isinstance(expr, Add):
        return mp.fsum(args)
    if isinstance(expr, Mul):
        return mp.fprod(args)
    if isinstance(expr, Pow):
        return args[0] ** args[1]
    name = type(expr).__name__
    assert name not in REDUNDANT or abs(REDUNDANT[name](*args)) <= mp.mpf(2) ** (-mp.mp.prec // 2) * max(map(abs, args))
    return MEANING[name](*args)


@cache
def number(expr: Expr, prec: int) -> Any:
    with mp.workprec(prec + 20):
        return mp.mpf(str(expr.n(mp.mp.dps + 5)))


def run(code: StraightLineProgram, inputs: Sequence[Any]) -> list[Any]:
    """The outputs of a program at the working precision."""
    values = dict(zip(code.inputs, inputs, strict=True))
    for symbol, expr in code.assignments:
        values[symbol] = value(expr, values)
    return [sum(value(term, values) for term in output.terms) for output in code.outputs]


@cache
def closed(expr: Expr) -> Any:
    """A closed form in a, b, c as a function of mpf."""
    return lambdify((a, b, c), expr, modules=[{"Phi2": phi2_mp}, "mpmath"])


def at(expr: Expr, p: Any, q: Any, s: Any, k: Any) -> Any:
    """Its value for norms p, q and the angle whose half has sine : cosine = s : k."""
    return _at(expr, mp.mpf(p), mp.mpf(q), mp.mpf(s), mp.mpf(k), mp.mp.prec)


@cache
def _at(expr: Expr, p: Any, q: Any, s: Any, k: Any, prec: int) -> Any:
    return closed(expr)(p * p, q * q, p * q * (k - s) * (k + s) / (s * s + k * k))
