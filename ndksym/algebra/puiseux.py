"""Power series of an expression along a curve, in ε, where it need not be analytic: roots and inverse functions at their ends.

A step from a closed form at (a, b, c) to what it is beside coincident inputs, where ab = c². Coefficients are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from sympy import (
    Add,
    Expr,
    Integer,
    Mul,
    Pow,
    Rational,
    Symbol,
    acos,
    asin,
    atan,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expand,
    expand_mul,
    log,
    pi,
    sin,
    sinh,
    sqrt,
)  # fmt: skip

from ndksym.algebra import sparse_sums as co
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.algebra.sparse_sums import Sum
from ndksym.errors import NotDerivableError

__all__ = ["Series", "constant", "plus", "power", "scaled", "series", "times", "variable"]


@dataclass(frozen=True)
class Series:
    """ε^start (c_0 + c_1 ε + …), the coefficients that are known; c_0 is not 0 unless none is known to differ from it."""

    start: int
    terms: tuple[Sum, ...]

    @property
    def end(self) -> int:
        """The first power that is not known."""
        return self.start + len(self.terms)

    def __getitem__(self, power: int) -> Sum:
        return self.terms[power - self.start] if power >= self.start else co.ZERO

    def coefficient(self, power: int) -> Expr:
        """Of ε^power, as an expression."""
        return co.write(self[power])


Curve = Mapping[Symbol, Series]


def series(expr: Expr, curve: Curve, order: int) -> Series:
    """`expr` along the curve, all powers up to ε^order that the curve determines.

    NotDerivableError for a function without a rule, or one that does not tend to a limit.

    >>> from ndksym.symbols import x
    >>> curve = {x: plus(constant(Integer(1), 5), scaled(power(variable(Integer(1), 5), Integer(2)), Integer(-2)))}
    >>> [series(acos(x), curve, 2).coefficient(n) for n in range(3)]
    [0, 2, 0]
    """
    # far out sinh and cosh are one exponential too many: each is to meet the one that tames it
    for func, sign in ((sinh, -1), (cosh, 1)):
        expr = expr.replace(func, lambda u, sign=sign: (exp(u) + sign * exp(-u)) / 2)
    length = max((f.end for f in curve.values()), default=order + 1)
    found = _of(expand_mul(expr) if expr.has(exp) else expr, curve, length, {})
    return Series(found.start, found.terms[: max(order + 1 - found.start, 0)])


def constant(value: Expr, length: int) -> Series:
    """A constant, known up to ε^(length−1)."""
    return _constant(co.read(value), length)


def variable(factor: Expr, length: int) -> Series:
    """factor · ε, known up to ε^(length−1)."""
    return Series(1, (co.read(factor), *[co.ZERO] * (length - 2)))


def _constant(value: Sum, length: int) -> Series:
    return Series(0, (value, *[co.ZERO] * (length - 1)))


def _made(start: int, terms: list[Sum]) -> Series:
    """Without leading zeros; only leading terms are asked, what vanishes further on does no harm."""
    lead = next((n for n, term in enumerate(terms) if not co.vanishes(term)), None)
    if lead is None:
        # poles that are known to vanish are none
        zeros = (co.ZERO,) * len(terms)
        return Series(0, zeros[-start:]) if start < 0 < start + len(terms) else Series(start, zeros)
    return Series(start + lead, tuple(terms[lead:]))


def _of(e: Expr, curve: Curve, length: int, memo: dict[Expr, Series]) -> Series:
    if e not in memo:
        memo[e] = _computed(e, curve, length, memo)
    return memo[e]


def _computed(e: Expr, curve: Curve, length: int, memo: dict[Expr, Series]) -> Series:
    if not e.free_symbols & curve.keys():
        return constant(e, length)
    if e.is_Symbol:
        return curve[e]
    if isinstance(e, Pow) and e.exp.is_Rational:
        return power(_of(e.base, curve, length, memo), e.exp)
    if isinstance(e, Mul) and sum(isinstance(arg, exp) for arg in e.args) > 1:
        exponents = [arg.args[0] for arg in e.args if isinstance(arg, exp)]
        return _of(Mul(*(arg for arg in e.args if not isinstance(arg, exp)), exp(Add(*exponents))), curve, length, memo)
    parts = [_of(arg, curve, length, memo) for arg in e.args]
    if isinstance(e, Add):
        return reduce(plus, parts)
    if isinstance(e, Mul):
        return reduce(times, parts)
    if isinstance(e, exp):
        return _exponential(parts[0], length)
    if isinstance(e, Phi2):
        h, k, rho = parts
        return _normal(h, k, rho, length)
    if e.func in _SLOPES and len(parts) == 1:
        return _function(e.func, parts[0], length)
    raise NotDerivableError(f"{e.func.__name__} has no rule for its series beside coincident inputs")


def plus(f: Series, g: Series) -> Series:
    """f + g."""
    start, end = min(f.start, g.start), min(f.end, g.end)
    return _made(start, [co.add(f[n], g[n]) for n in range(start, end)])


def times(f: Series, g: Series) -> Series:
    """f g."""
    length = min(len(f.terms), len(g.terms))
    terms = [co.add(*(co.multiply(f.terms[i], g.terms[n - i]) for i in range(n + 1))) for n in range(length)]
    return _made(f.start + g.start, terms)


def scaled(f: Series, factor: Expr) -> Series:
    """factor · f."""
    number = co.read(factor)
    return Series(f.start, tuple(co.multiply(number, term) for term in f.terms))


def power(f: Series, p: Rational) -> Series:
    """f^p, by J. C. P. Miller's recurrence."""
    if not f.terms[0]:
        if p.is_Integer and p > 0:
            return Series(f.start * int(p), f.terms)
        raise NotDerivableError("a root or reciprocal of what vanishes to the order that is known")
    start = f.start * p
    if not start.is_Integer:
        raise NotDerivableError("the series runs in a finer root than √T")
    lead = f.terms[0]
    ratios = [co.multiply(co.inverse(lead), term) for term in f.terms]
    out, q = [co.ONE], Fraction(int(p.p), int(p.q))
    for k in range(1, len(ratios)):
        total = co.add(*(co.scale(co.multiply(ratios[i], out[k - i]), ((q + 1) * i - k) / k) for i in range(1, k + 1)))
        out.append(total)
    size = co.power(lead, p)
    return Series(int(start), tuple(co.multiply(size, term) for term in out))


def slope(f: Series) -> Series:
    """df/dε."""
    return _made(f.start - 1, [co.scale(term, f.start + n) for n, term in enumerate(f.terms)])


def integrated(value: Expr, f: Series, length: int) -> Series:
    """value + ∫_0 f."""
    known = {n + 1: co.scale(f[n], Fraction(1, n + 1)) for n in range(max(f.start, 0), f.end)}
    if any(not co.vanishes(f[n]) for n in range(f.start, 0)):
        raise NotDerivableError("the series would hold a logarithm or a pole")
    return _made(0, [co.read(value), *(known.get(n, co.ZERO) for n in range(1, min(f.end + 1, length)))])


def _sign(f: Series) -> int:
    """Where a series that grows beyond bounds goes."""
    lead = co.write(f.terms[0])
    if lead.is_positive or lead.is_negative:
        return 1 if lead.is_positive else -1
    raise NotDerivableError(f"the sign of {lead} decides a limit, and is not known")


def _exponential(u: Series, length: int) -> Series:
    if u.start < 0:
        if _sign(u) > 0:
            raise NotDerivableError("an exponential that grows without bound")
        return _constant(co.ZERO, length)
    terms = [u[n] for n in range(u.end)]
    out = [co.read(exp(co.write(terms[0])))]
    for k in range(1, len(terms)):
        out.append(co.add(*(co.scale(co.multiply(terms[i], out[k - i]), Fraction(i, k)) for i in range(1, k + 1))))
    return _made(0, out)


def _function(func: type[Expr], u: Series, length: int) -> Series:
    """f(u) from f'(u) u', with the value at the start."""
    if u.start < 0:
        if func not in _FAR:
            raise NotDerivableError(f"{func.__name__} has no rule far out")
        below, above = _FAR[func]
        return constant(above if _sign(u) > 0 else below, length)
    value = func(u.coefficient(0))
    if not any(u[n] for n in range(1, u.end)):
        return constant(value, min(length, u.end))
    return integrated(value, times(_SLOPES[func](u, length), slope(u)), length)


def _waves(u: Series) -> tuple[Series, Series]:
    """sin u and cos u."""
    terms = [u[n] for n in range(u.end)]
    start = co.write(terms[0])
    one, other = [co.read(sin(start))], [co.read(cos(start))]
    for k in range(1, len(terms)):
        shares = [co.scale(terms[i], Fraction(i, k)) for i in range(1, k + 1)]
        one.append(co.add(*(co.multiply(share, other[k - i]) for i, share in enumerate(shares, 1))))
        other.append(co.scale(co.add(*(co.multiply(share, one[k - i]) for i, share in enumerate(shares, 1))), -1))
    return _made(0, one), _made(0, other)


def _bell(u: Series, length: int) -> Series:
    return scaled(_exponential(scaled(times(u, u), Integer(-1)), length), 2 / sqrt(pi))


def _arc(u: Series, length: int, sign: int) -> Series:
    """(1 ± u²)^{−1/2}, or its whole power."""
    return plus(constant(Integer(1), length), scaled(times(u, u), Integer(sign)))


_SLOPES: dict[type[Expr], Callable[[Series, int], Series]] = {
    sin: lambda u, _: _waves(u)[1],
    cos: lambda u, _: scaled(_waves(u)[0], Integer(-1)),
    log: lambda u, _: power(u, Integer(-1)),
    erf: _bell,
    erfc: lambda u, length: scaled(_bell(u, length), Integer(-1)),
    asin: lambda u, length: power(_arc(u, length, -1), Rational(-1, 2)),
    acos: lambda u, length: scaled(power(_arc(u, length, -1), Rational(-1, 2)), Integer(-1)),
    atan: lambda u, length: power(_arc(u, length, 1), Integer(-1)),
}
_FAR = {erf: (Integer(-1), Integer(1)), erfc: (Integer(2), Integer(0)), atan: (-pi / 2, pi / 2)}


def _cdf(u: Series, length: int) -> Series:
    """Φ."""
    return scaled(
        plus(constant(Integer(1), length), _function(erf, scaled(u, 1 / sqrt(Integer(2))), length)), Rational(1, 2)
    )


def _density(u: Series, length: int) -> Series:
    return scaled(_exponential(scaled(times(u, u), Rational(-1, 2)), length), 1 / sqrt(2 * pi))


def _normal(h: Series, k: Series, rho: Series, length: int) -> Series:
    """Φ2(h, k; ρ), from ∂_h = φ(h) Φ((k − ρh)/√(1−ρ²)), the same for k, and ∂_ρ = φ2(h, k; ρ)."""
    one = constant(Integer(1), length)
    root = power(plus(one, scaled(times(rho, rho), Integer(-1))), Rational(1, 2))
    inverse = power(root, Integer(-1))
    minus = scaled(rho, Integer(-1))

    def given(u: Series, v: Series) -> Series:
        return times(_density(u, length), _cdf(times(plus(v, times(minus, u)), inverse), length))

    # (h² − 2ρhk + k²)/(1 − ρ²) = h² + ((k − ρh)/√(1−ρ²))²
    away = times(plus(k, times(minus, h)), inverse)
    joint = times(times(_density(h, length), _density(away, length)), inverse)
    rate = plus(plus(times(given(h, k), slope(h)), times(given(k, h), slope(k))), times(joint, slope(rho)))
    return integrated(_start(h.coefficient(0), k.coefficient(0), rho.coefficient(0)), rate, length)


def _start(h: Expr, k: Expr, rho: Expr) -> Expr:
    def cdf(z: Expr) -> Expr:
        return (1 + erf(z / sqrt(Integer(2)))) / 2

    if rho == 1:
        return cdf(h if h == k or (k - h).is_nonnegative else k)
    if rho == -1:
        total = expand(h + k)
        if total == 0 or total.is_negative:
            return Integer(0)
        return expand(cdf(h) + cdf(k) - 1)
    return Phi2(h, k, rho)
