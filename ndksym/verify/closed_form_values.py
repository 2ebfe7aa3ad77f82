"""Values of a closed form at exact points, to any number of digits, however strongly its terms cancel."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import mpmath
from mpmath import mpf
from sympy import Expr

from ndksym.algebra.bivariate_normal import Phi2
from ndksym.algebra.evaluate import Evaluator
from ndksym.kernels.dual import Dual
from ndksym.symbols import a, b, c

_MOST = 4000
"""Working digits beyond which convergence is not expected."""

Where = Callable[[], tuple[mpf, mpf, mpf]]
"""A function that gives (a, b, c) at the working precision."""


def value(expr: Expr, where: Where, digits: int) -> mpf:
    """`expr` as an mpf with `digits` digits: the precision is doubled until two values agree.

    At ρ = ±1, where ab − c² = 0 may be a denominator, the value is the limit: c is changed by less than the digits resolve.
    """
    work, last = digits + 10, None
    while work < _MOST:
        now = _once(expr, where, work)
        with mpmath.workdps(work):
            if last is not None and abs(now) <= abs(last) * mpf(10) ** (-digits / 4):
                return mpf(0)  # zero up to rounding: the value shrinks with the precision
            if last is not None and mpmath.isfinite(now) and abs(now - last) <= abs(now) * mpf(10) ** -digits:
                return now
        last, work = now, 2 * work
    raise ArithmeticError(f"{expr} does not converge at {where()}: {last}")


def _once(expr: Expr, where: Where, digits: int) -> mpf:
    with mpmath.workdps(digits):
        first, second, both = where()
        if abs(both * both - first * second) <= first * second * mpf(10) ** (3 - digits):
            # the change must not be lost where it is subtracted from one
            digits *= 7
            with mpmath.workdps(digits):
                first, second, both = where()
                both *= 1 - mpf(10) ** (-3 * digits // 7)
    evaluator = Evaluator({}, digits)
    evaluator.memo |= {a: first, b: second, c: both}
    result = evaluator(expr)
    return result.real if isinstance(result, mpmath.mpc) else result


def pair(dual: Dual, where: Where, digits: int) -> tuple[mpf, mpf]:
    """K and K_dot of a closed form (K_dot None where φ jumps); coincident inputs have formulas of their own."""
    if dual.K is None or dual.K_dot is None:
        raise ValueError(f"{dual.activation.name} has no closed form")
    with mpmath.workdps(10 * digits):
        first, second, both = where()  # enough digits to distinguish ρ = 1 from any value near it
    K, K_dot = dual.K, dual.K_dot
    if first == second == both and dual.K_diag is not None and dual.K_dot_diag is not None:
        K, K_dot = dual.K_diag, dual.K_dot_diag
    return value(K, where, digits), None if dual.diverges else value(K_dot, where, digits)


def layers(duals: Sequence[Dual]) -> Callable[[int, mpf, mpf, mpf], tuple[mpf, mpf]] | None:
    """The network's dual kernels as the oracle's recursion takes them; None where quadrature of φ is faster."""
    if not all(dual.K is not None and not dual.K.has(Phi2) for dual in duals):
        return None
    return lambda layer, x, y, z: _cached(duals[layer], x, y, z, mpmath.mp.dps + 5)


@lru_cache(maxsize=2**14)
def _cached(dual: Dual, x: mpf, y: mpf, z: mpf, digits: int) -> tuple[mpf, mpf]:
    return pair(dual, lambda: (x, y, z), digits)
