"""Certified enclosures of dual kernels: choice of the method and of the precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from ndksym.activation.activation import Activation
from ndksym.verify.oracle.atoms import ExpErfAtom
from ndksym.verify.oracle.compiled_pieces import compiled_pieces
from ndksym.verify.oracle.covariance import Geometry, Inputs, geometry
from ndksym.verify.oracle.entire import entire_ball
from ndksym.verify.oracle.gauss_panels import log_size
from ndksym.verify.oracle.line import line_ball, piece_atoms
from ndksym.verify.oracle.majorant import bounded_pieces
from ndksym.verify.oracle.numbers import NotCertifiedError, bits, exact, flint, precision
from ndksym.verify.oracle.trapezoid import trapezoid_ball

if TYPE_CHECKING:
    from flint import arb

__all__ = ["METHODS", "dual_ball"]

Method: TypeAlias = "Callable[[Activation, Inputs, int, int], arb]"
"""(act, (a, b, c), order, digits) → an enclosure of K (order 0) or K_dot (order 1)."""
BallRule: TypeAlias = "Callable[[Activation, Geometry, int, arb], arb]"
"""(act, geometry, order, tolerance) → an enclosure at the current precision, with an error of about the tolerance."""

_LOG10 = math.log(10)
_FAST = 40.0
"""|η|·standard deviation beyond which quadrature of e^{ηu} is not tried."""


def dual_ball(
    act: Activation, a: Any, b: Any, c: Any, digits: int = 30, method: str | None = None
) -> tuple[arb, arb | None]:
    """Certified enclosures of K = E φ(u)φ(v) and K_dot = E φ′(u)φ′(v).

    Parameters
    ----------
    act : Activation
        The activation φ.
    a, b, c : int, float, Fraction, str or SymPy number
        Variances E u², E v² and covariance E uv of the Gaussian (u, v), taken exactly.
    digits : int
        The radius is at most 10^−digits times the value or, where the value is 0 or too small to resolve, √(K(a,a) K(b,b)).
    method : str, optional
        A key of METHODS; chosen by the form of φ by default.

    Returns
    -------
    K, K_dot : arb
        The enclosures; K_dot is None where it is infinite, at coincident inputs of a φ with jumps.

    Raises
    ------
    InputError
        Where (a, b, c) is no covariance.
    DivergentKernelError
        Where the kernel is infinite.
    NotCertifiedError
        Where no enclosure of this accuracy is found.

    Notes
    -----
    K_dot = ∂K/∂c (T4, Price's theorem). The certified trapezoid rule is T17.

    Examples
    --------
    >>> from ndksym.activation.activation import activation
    >>> K, K_dot = dual_ball(activation("relu"), 1, 1, 1)
    >>> K.contains(flint().arb("0.5")), K_dot.rel_accuracy_bits() >= 99
    (True, True)
    """
    inputs = exact(a), exact(b), exact(c)
    with precision(128):
        shape = geometry(*inputs)
        jumps = any(jump != 0 for jump in compiled_pieces(act).jump_heights())
    kernel = _first_certified(act, inputs, 0, digits, method)
    if shape.s == 0 and jumps:
        return kernel, None
    return kernel, _first_certified(act, inputs, 1, digits, method)


def _entire(act: Activation, inputs: Inputs, order: int, digits: int) -> arb:
    """Exact moments: the only error is rounding, so the precision is raised until it is small enough."""
    terms = piece_atoms(act, order)[0]
    if len(act.pieces) != 1 or terms is None or any(atom.line or atom.alpha.is_real is False for atom in terms):
        raise NotCertifiedError("not a sum of x^n·exp(quadratic) on the whole line")
    prec = bits(digits) + 64
    for _ in range(10):
        with precision(prec):
            ball = entire_ball(terms, geometry(*inputs))
        if ball.is_finite() and log_size(ball.rad()) <= log_size(ball.mid()) - digits * _LOG10:
            break
        prec = prec * 3 // 2
    return ball


METHODS: dict[str, Method] = {
    "trapezoid": lambda *task: _accurate(trapezoid_ball, *task),
    "line": lambda *task: _accurate(line_ball, *task),
    "entire": _entire,
}


def _ladder(act: Activation, shape: Geometry) -> list[str]:
    """Methods to try, first those that use least knowledge of φ."""
    terms = piece_atoms(act, 0)[0]
    entire = ["entire"] if len(act.pieces) == 1 and terms and not any(atom.line for atom in terms) else []
    if entire and terms and _fastest(terms) * max(float(shape.p), float(shape.q)) > _FAST:
        return entire
    if shape.s == 0 or shape.rho == 0:
        return ["line", *entire]
    return ["trapezoid", *entire, "line"] if len(act.pieces) == 1 else ["line"]


def _fastest(terms: Sequence[ExpErfAtom]) -> float:
    """The largest |η|: how fast e^{ηx} oscillates or grows."""
    return max(abs(complex(atom.eta)) for atom in terms)


def _first_certified(act: Activation, inputs: Inputs, order: int, digits: int, method: str | None) -> arb:
    """The enclosure by the first method that gives one."""
    with precision(128):
        shape = geometry(*inputs)
    reasons = []
    for name in [method] if method else _ladder(act, shape):
        try:
            return METHODS[name](act, inputs, order, digits)
        except NotCertifiedError as error:
            reasons.append(f"{name}: {error}")
    raise NotCertifiedError("no certified value; " + "; ".join(reasons))


def _accurate(rule: BallRule, act: Activation, inputs: Inputs, order: int, digits: int) -> arb:
    """Determine the size of the value with a few digits, then compute all digits relative to it."""
    scale = _scale(act, inputs, order)
    depth = 5.0  # digits below the scale
    lowest = 2.0 * digits + 30
    ball = None
    while True:
        ball = _with_bits(partial(rule, act), inputs, order, scale - depth * _LOG10, depth)
        size = log_size(ball.mid())
        resolved = log_size(ball.rad()) < size - _LOG10
        if log_size(ball.rad()) <= size - digits * _LOG10 or (not resolved and depth >= lowest):
            return ball
        if resolved:
            depth = (scale - size) / _LOG10 + digits + 1
        else:
            depth = min(max(2 * depth, 20), lowest)
        if depth > 40 * digits + 2000:
            raise NotCertifiedError("the value is too small compared with √(K(a,a) K(b,b))")


def _scale(act: Activation, inputs: Inputs, order: int) -> float:
    """log of the upper bound √(E f(u)² E f(v)²) of |K|, or 0 where no bound is found."""
    with precision(128):
        shape = geometry(*inputs)
        f = bounded_pieces(act, order)
        try:
            size = (f.square_beyond(shape.p, 0) * f.square_beyond(shape.q, 0)).sqrt()
        except NotCertifiedError:
            return 0.0
        return log_size(size) if size > 0 else 0.0


def _with_bits(run: Callable[[Geometry, int, arb], arb], inputs: Inputs, order: int, goal: float, depth: float) -> arb:
    """Run with enough bits for rounding errors below the tolerance e^goal."""
    prec = bits(depth) + 64
    for _ in range(12):
        with precision(prec):
            tolerance = flint().arb(goal).exp()
            ball = run(geometry(*inputs), order, tolerance)
            wanted = max(goal + 2.0, log_size(ball.mid()) - depth * _LOG10) if ball.is_finite() else goal
            if ball.is_finite() and log_size(ball.rad()) <= wanted:
                return ball
        prec = prec * 3 // 2 + 32
    raise NotCertifiedError("rounding errors remain at every precision tried")
