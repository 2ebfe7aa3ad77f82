"""Certified enclosures of the dual kernels: which method, and how many bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ndksym.verify.oracle.covariance import Geometry, geometry
from ndksym.verify.oracle.curve import curve
from ndksym.verify.oracle.entire import entire_ball
from ndksym.verify.oracle.line import known_atoms, line_ball
from ndksym.verify.oracle.majorant import face
from ndksym.verify.oracle.numbers import NotCertifiedError, bits, exact, flint, precision
from ndksym.verify.oracle.panels import log_size
from ndksym.verify.oracle.trapezoid import trapezoid_ball

__all__ = ["METHODS", "dual_ball"]

Method = Callable[[Any, tuple[Any, ...], int, int], Any]
"""(act, (a, b, c), order, digits) → an enclosure of K (order 0) or K_dot (order 1)."""
Rule = Callable[[Any, Geometry, int, Any], Any]
"""(act, geometry, order, tolerance) → the same at the current precision, with an error of about the tolerance."""

_LOG10 = math.log(10)
_FAST = 40.0  # |η|·standard deviation beyond which quadrature of e^{ηu} is hopeless


def dual_ball(act: Any, a: Any, b: Any, c: Any, digits: int = 30, method: str | None = None) -> tuple[Any, Any]:
    """Arb enclosures of K = E φ(u)φ(v) and K_dot = E φ'(u)φ'(v) = ∂K/∂c, with relative radii of at most 10^−digits.

    (u, v) is Gaussian with E u² = a, E v² = b, E uv = c (T4; arXiv 2309.04522), given as exact numbers: int, float,
    Fraction, text, SymPy number. Where the value is 0 or immeasurably small the radius is relative to √(K(a,a)K(b,b)).
    K_dot is None where it is infinite: a jump of φ at coincident inputs. `method` is one of METHODS; the best by
    default.

    >>> from ndksym.activation.activation import activation
    >>> K, K_dot = dual_ball(activation("relu"), 1, 1, 1)
    >>> K.contains(flint().arb("0.5")), K_dot.rel_accuracy_bits() >= 99
    (True, True)

    Errors: InputError when (a, b, c) is no covariance; DivergentKernelError where the kernel is infinite;
    NotCertifiedError where no enclosure of that accuracy is found.
    """
    inputs = tuple(exact(value) for value in (a, b, c))
    with precision(128):
        shape = geometry(*inputs)
        jumps = any(jump != 0 for jump in curve(act).heights())
    kernel = _settle(act, inputs, 0, digits, method)
    if shape.s == 0 and jumps:
        return kernel, None
    return kernel, _settle(act, inputs, 1, digits, method)


def _entire(act: Any, inputs: tuple[Any, ...], order: int, digits: int) -> Any:
    """Nothing but rounding errs here: take more bits until it is small against the value."""
    found = known_atoms(act, order)[0]
    if len(act.pieces) != 1 or found is None or any(atom.line or atom.alpha.is_real is False for atom in found):
        raise NotCertifiedError("not a sum of x^n·exp(quadratic) on the whole line")
    prec = bits(digits) + 64
    for _ in range(10):
        with precision(prec):
            ball = entire_ball(found, geometry(*inputs))
        if ball.is_finite() and log_size(ball.rad()) <= log_size(ball.mid()) - digits * _LOG10:
            break
        prec = prec * 3 // 2
    return ball


METHODS: dict[str, Method] = {
    "trapezoid": lambda *task: _accurate(trapezoid_ball, *task),
    "line": lambda *task: _accurate(line_ball, *task),
    "entire": _entire,
}


def _ladder(act: Any, shape: Geometry) -> list[str]:
    """Methods to try, first the one that knows least about φ."""
    found = known_atoms(act, 0)[0]
    entire = ["entire"] if len(act.pieces) == 1 and found and not any(atom.line for atom in found) else []
    if entire and _turns(found) * max(float(shape.p), float(shape.q)) > _FAST:  # quadrature would be hopeless
        return entire
    if shape.s == 0 or shape.rho == 0:
        return ["line", *entire]
    return ["trapezoid", *entire, "line"] if len(act.pieces) == 1 else ["line"]


def _turns(found: Any) -> float:
    """How fast e^{ηx} turns or grows."""
    return max(abs(complex(atom.eta)) for atom in found)


def _settle(act: Any, inputs: tuple[Any, ...], order: int, digits: int, method: str | None) -> Any:
    with precision(128):
        shape = geometry(*inputs)
    reasons = []
    for name in [method] if method else _ladder(act, shape):
        try:
            return METHODS[name](act, inputs, order, digits)
        except NotCertifiedError as error:
            reasons.append(f"{name}: {error}")
    raise NotCertifiedError("no certified value; " + "; ".join(reasons))


def _accurate(rule: Rule, act: Any, inputs: tuple[Any, ...], order: int, digits: int) -> Any:
    """Find the size of the value with a few digits, then ask for all of them relative to it."""
    scale = _scale(act, inputs, order)
    depth = 5.0  # digits below the scale
    lowest = 2.0 * digits + 30
    ball = None
    while True:
        ball = _with_bits(partial(rule, act), inputs, order, scale - depth * _LOG10, depth)
        size = log_size(ball.mid())
        known = log_size(ball.rad()) < size - _LOG10
        if log_size(ball.rad()) <= size - digits * _LOG10 or (not known and depth >= lowest):
            return ball
        if known:
            depth = (scale - size) / _LOG10 + digits + 1
        else:
            depth = min(max(2 * depth, 20), lowest)
        if depth > 40 * digits + 2000:
            raise NotCertifiedError("the value is too small against its scale")


def _scale(act: Any, inputs: tuple[Any, ...], order: int) -> float:
    """log of an upper bound on |K|: √(E f(u)² E f(v)²), or 0 where there is none."""
    with precision(128):
        shape = geometry(*inputs)
        f = face(act, order)
        try:
            size = (f.square_beyond(shape.p, 0) * f.square_beyond(shape.q, 0)).sqrt()
        except NotCertifiedError:
            return 0.0
        return log_size(size) if size > 0 else 0.0


def _with_bits(
    run: Callable[[Geometry, int, Any], Any], inputs: tuple[Any, ...], order: int, goal: float, depth: float
) -> Any:
    """Run with enough bits that rounding stays below the tolerance e^goal."""
    prec = bits(depth) + 64
    for _ in range(12):
        with precision(prec):
            tolerance = flint().arb(goal).exp()
            ball = run(geometry(*inputs), order, tolerance)
            wanted = max(goal + 2.0, log_size(ball.mid()) - depth * _LOG10) if ball.is_finite() else goal
            if ball.is_finite() and log_size(ball.rad()) <= wanted:
                return ball
        prec = prec * 3 // 2 + 32
    raise NotCertifiedError("rounding errors do not go away")
