"""Values of a closed form at exact points, to any number of digits however much it cancels."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import mpmath
from mpmath import mpf
from sympy import Expr

from ndksym.algebra.bivariate_normal import Phi2
from ndksym.algebra.evaluate import Evaluator
from ndksym.kernels.dual import Dual
from ndksym.symbols import a, b, c

_MOST = 4000
"""Digits past which an expression is not going to settle."""

Where = Callable[[], tuple[Any, Any, Any]]
"""(a, b, c) at the working precision: exact numbers have no other."""


def value(expr: Expr, where: Where, digits: int) -> Any:
    """`expr` as an mpf with `digits` digits: precision is doubled until two values agree.

    At ρ = ±1, where ab − c² = 0 divides, the value is the limit: c is moved by less than the digits can see.
    """
    work, last = digits + 10, None
    while work < _MOST:
        now = _once(expr, where, work)
        with mpmath.workdps(work):
            if last is not None and abs(now) <= abs(last) * mpf(10) ** (-digits / 4):
                return mpf(0)  # a zero seen through rounding: it shrinks with the precision
            if last is not None and mpmath.isfinite(now) and abs(now - last) <= abs(now) * mpf(10) ** -digits:
                return now
        last, work = now, 2 * work
    raise ArithmeticError(f"{expr} does not settle at {where()}: {last}")


def _once(expr: Expr, where: Where, digits: int) -> Any:
    with mpmath.workdps(digits):
        first, second, both = where()
        if abs(both * both - first * second) <= first * second * mpf(10) ** (3 - digits):
            # the nudge must itself be seen where it is subtracted from one
            digits *= 7
            with mpmath.workdps(digits):
                first, second, both = where()
                both *= 1 - mpf(10) ** (-3 * digits // 7)
    evaluator = Evaluator({}, digits)
    evaluator.memo |= {a: first, b: second, c: both}
    found = evaluator(expr)
    return found.real if isinstance(found, mpmath.mpc) else found


def pair(dual: Dual, where: Where, digits: int) -> tuple[Any, Any]:
    """K and K_dot of a closed form, K_dot None where φ jumps; on the diagonal from the diagonal's own formula."""
    if dual.K is None or dual.K_dot is None:
        raise ValueError(f"{dual.activation.name} has no closed form")
    with mpmath.workdps(10 * digits):
        first, second, both = where()  # enough digits to tell ρ = 1 from anything near it
    K, K_dot = dual.K, dual.K_dot
    if first == second == both and dual.K_diag is not None and dual.K_dot_diag is not None:
        K, K_dot = dual.K_diag, dual.K_dot_diag
    return value(K, where, digits), None if dual.diverges else value(K_dot, where, digits)


def layers(duals: Sequence[Dual]) -> Callable[[int, Any, Any, Any], tuple[Any, Any]] | None:
    """The duals of a network as the oracle's recursion wants them; None where quadrature of φ is the quicker truth."""
    if not all(dual.K is not None and not dual.K.has(Phi2) for dual in duals):
        return None
    return lambda layer, x, y, z: _remembered(duals[layer], x, y, z, mpmath.mp.dps + 5)


@lru_cache(maxsize=2**14)
def _remembered(dual: Dual, x: Any, y: Any, z: Any, digits: int) -> tuple[Any, Any]:
    return pair(dual, lambda: (x, y, z), digits)
