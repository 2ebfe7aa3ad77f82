"""φ and φ′ rewritten for float64: no overflow before a finite value is reached, no loss of digits where 1 cancels.

The same identities are tried on every expression: e^x − 1, 1 ± erf, 1 − cos, 1 ± tanh, log(1 + ·), rational functions of
one exponential (written in e^{−|y|} ≤ 1), and polynomials times a factor that underflows.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from math import gcd, lcm

import sympy as sp
from sympy import Add, Expr, Integer, Mul, Poly, Pow, Rational, S, Symbol

from ndksym.codegen import functions as v
from ndksym.codegen.functions import u
from ndksym.codegen.positivity import irreducible
from ndksym.errors import NotDerivableError
from ndksym.symbols import x

__all__ = ["stable"]

_HYPERBOLIC = (sp.tanh, sp.sinh, sp.cosh)
_PLAIN = {
    sp.sin: v.sin, sp.cos: v.cos, sp.tan: v.tan, sp.sinh: v.sinh, sp.cosh: v.cosh, sp.tanh: v.tanh,
    sp.atan: v.atan, sp.asinh: v.asinh, sp.erf: v.erf, sp.erfc: v.erfc, sp.exp: v.exp_, sp.Abs: v.absolute, sp.sign: v.sign,
}  # fmt: skip
_UNDERFLOW = 760
_LARGE = 120
"""An expression with more operations is not brought over one denominator: to factor it would take minutes."""


def stable(expr: Expr) -> Expr:
    """An expression in `symbols.x`, smooth where it is used, as code in `functions.u` should evaluate it.

    >>> stable(sp.exp(x) - 1), stable(x*(1 + sp.erf(x/sp.sqrt(2)))/2), stable(sp.log(1 + sp.exp(x)))
    (expm1(u), u*erfc(-sqrt(2)*u/2)/2, softplus(u))
    """
    expr = expr.replace(lambda e: isinstance(e, sp.tanh) and e.has(sp.log), _without_log)
    # log(1/u) becomes −log u for u > 0, which exists even where the quotient underflows
    expr = expr.replace(lambda e: isinstance(e, sp.log) and e.has(x), sp.expand_log)
    if expr.is_algebraic_expr(x) and not expr.is_polynomial(x) and expr.count_ops() <= _LARGE:
        expr = sp.factor(sp.together(expr))
    out: Expr = _rational(expr) if expr.is_rational_function(x) else _fractions(expr)
    out = out.xreplace({x: u})
    return out


def _without_log(tanh: Expr) -> Expr:
    """tanh(log(1 + e^x) + …) in powers of 1 + e^x, if their exponents are rational."""
    powers = tanh.rewrite(sp.exp, deep=False)
    return powers if all(p.exp.is_Rational for p in powers.atoms(Pow) if p.base.has(x)) else tanh


def _local(expr: Expr) -> Expr:
    """The identities without case distinction, applied from the inside out; the variable remains x."""
    if not expr.free_symbols or expr.is_Symbol:
        return expr
    if isinstance(expr, Add) and expr.is_polynomial(x):
        return sp.horner(expr, x)  # so that an overflow of x⁴ − 6x² gives ∞, not ∞ − ∞
    if isinstance(expr, Add):
        return Add(*map(_local, _cancelling(list(expr.args))))
    if isinstance(expr, Mul):
        return _beside_decay(expr)
    if isinstance(expr, Pow):
        return _power(expr)
    if isinstance(expr, v.CodeFunction):
        return expr.func(*map(_local, expr.args))
    if isinstance(expr, sp.log):
        return _log(expr.args[0])
    if isinstance(expr, sp.exp):
        return _beside_decay(expr)
    if expr.func in _PLAIN:
        return _PLAIN[expr.func](*map(_local, expr.args))
    raise NotDerivableError(f"code generation: {expr.func.__name__} is not among the functions it can print")


def _cancelling(args: list[Expr]) -> Iterator[Expr]:
    """Pairs of terms T·f − T with f near 1, as T times one function; the other terms as they are."""
    left = list(args)
    for arg in args:
        for function in Mul.make_args(arg):
            for one, replacement in _RULES.get(function.func, ()) if function.has(x) else ():
                rest = arg / function
                if arg in left and one * rest in left and arg != one * rest:
                    left.remove(arg)
                    left.remove(one * rest)
                    yield rest * replacement(function.args[0])
    yield from left


_RULES: dict[type, list[tuple[int, Callable[[Expr], Expr]]]] = {
    sp.exp: [(-1, lambda z: v.expm1(z))],
    sp.erf: [(1, lambda z: v.erfc(-z)), (-1, lambda z: -v.erfc(z))],
    sp.cos: [(-1, lambda z: -2 * v.sin(z / 2) ** 2)],
    sp.tanh: [(1, lambda z: 2 * v.logistic(2 * z)), (-1, lambda z: -2 * v.logistic(-2 * z))],
}
"""f: (±1, g) with f(z) ± 1 = g(z)."""


def _power(expr: Expr) -> Expr:
    base, exponent = expr.base, expr.exp
    if exponent.free_symbols:
        raise NotDerivableError(f"code generation: {expr} has a variable exponent; write it with exp and log")
    twice = 2 * exponent
    if twice.is_Integer and twice % 2 and base.is_polynomial(x):
        square, linear, constant = (base.coeff(x, n) for n in (2, 1, 0))
        if sp.degree(base, x) == 2 and linear == 0 and square.is_positive and constant.is_positive:
            return v.hypot(sp.sqrt(constant), sp.sqrt(square) * x) ** twice
    return _local(base) ** exponent


def _rational(expr: Expr) -> Expr:
    """A quotient of polynomials; for |x| > 1 in powers of 1/x if powers of x could overflow."""
    top, bottom = sp.fraction(expr)
    n, m = _x_degree(top), _x_degree(bottom)
    if n == 0 or m == 0 or max(n, m) < 2:
        return _local(expr)
    far = v.where(x, v.maximum(x, 1), v.minimum(x, -1))
    beyond = [sp.horner(sp.expand(part.subs(x, 1 / x) * x**degree), x) for part, degree in ((top, n), (bottom, m))]
    return v.where(
        v.absolute(x) - 1,
        far ** (n - m) * (beyond[0] / beyond[1]).xreplace({x: 1 / far}),
        _local(expr).xreplace({x: v.maximum(v.minimum(x, 1), -1)}),
    )


def _log(arg: Expr) -> Expr:
    """log(α + β e^y) = log α + softplus(y + log(β/α)); log(1 + ·)."""
    if isinstance(arg, sp.cosh):
        z = v.absolute(_local(arg.args[0]))
        near = v.log1p(2 * v.sinh(v.minimum(z, 1) / 2) ** 2)
        return v.where(z - 1, z + v.log1p(v.expm1(-2 * z) / 2), near)
    constants = [term for term in Add.make_args(arg) if not term.free_symbols]
    others = [term for term in Add.make_args(arg) if term.free_symbols]
    alpha = Add(*constants)
    if len(others) == 1 and alpha.is_positive:
        beta, exponential = others[0].as_independent(x)
        if isinstance(exponential, sp.exp) and beta.is_positive:
            exponent = sp.expand(exponential.args[0])
            if not exponent.free_symbols:  # x cancelled
                return sp.log(alpha + beta * sp.exp(exponent))
            y = exponent + sp.log(beta / alpha)
            return sp.log(alpha) + v.softplus(_local(y))
    if alpha == 1:
        return v.log1p(_local(Add(*others)))
    return v.log(_local(arg))


def _beside_decay(expr: Expr) -> Expr:
    """A product with a factor that underflows at large |x|: x is clipped to where the product is already zero."""
    factors = Mul.make_args(Mul(*(_local(e) if isinstance(e, Add) else e for e in Mul.make_args(expr))))
    degree = sum((_degree(factor) for factor in factors), S.Zero)
    bounds: dict[int, Expr] = {}
    for factor in factors:
        for side in (-1, 1):
            bound = _silence(factor, side, degree)
            if bound is not None:
                bounds[side] = min(bound, bounds.get(side, bound))
    out = Mul(*(_one(factor) for factor in factors))
    if bounds:
        clipped: Expr = x
        clipped = v.maximum(clipped, -bounds[-1]) if -1 in bounds else clipped
        clipped = v.minimum(clipped, bounds[1]) if 1 in bounds else clipped
        out = out.xreplace({x: clipped})
    return out


def _one(factor: Expr) -> Expr:
    return v.exp_(_local(factor.args[0])) if isinstance(factor, sp.exp) and factor.free_symbols else _local(factor)


def _degree(factor: Expr) -> Expr:
    base, exponent = factor.as_base_exp()
    if factor.func == sp.exp or not base.is_polynomial(x) or not base.has(x) or not exponent > 0:
        return S.Zero
    return sp.degree(base, x) * exponent


def _silence(factor: Expr, side: int, degree: Expr) -> Expr | None:
    """The |x| beyond which, on this side, factor · x^degree underflows; None if nothing could overflow before."""
    if isinstance(factor, sp.exp):
        exponent = factor.args[0]
    elif isinstance(factor, v.erfc):
        exponent = -sp.Piecewise((factor.args[0] ** 2, factor.args[0] > 0), (0, True))
    else:
        return None
    inside = factor.args[0]
    if not inside.is_polynomial(x) or (degree < 2 and (sp.degree(inside, x) < 2 or isinstance(factor, v.erfc))):
        return None
    for n in range(0, 40):
        values = [float(exponent.subs(x, side * Integer(2) ** (n + more)).n(20)) for more in range(3)]
        room = _UNDERFLOW + float(degree) * (n + 3)
        if values[0] < -room and values[0] > values[1] > values[2]:
            return Integer(2) ** n
    return None


def _fractions(expr: Expr) -> Expr:
    """Rational functions of one exponential E = e^y in terms of e^{−|y|}; everything else by the local rules."""
    divisors = [e for e in expr.atoms(Pow) if e.exp.could_extract_minus_sign() or isinstance(e.base, sp.tanh)]
    exponents = {f.args[0] for e in divisors for f in e.base.atoms(sp.exp, *_HYPERBOLIC) if f.has(x)}
    unit = _unit(exponents)
    if unit is None or expr.count_ops() > _LARGE:
        return _local(expr)
    E = Symbol("E", positive=True)
    hidden: dict[Expr, Symbol] = {}

    def visible(e: Expr) -> Expr:
        if isinstance(e, (sp.exp, *_HYPERBOLIC)) and e.has(x) and (n := sp.cancel(e.args[0] / unit)).is_Integer:
            return {sp.exp: lambda: E**n, sp.tanh: lambda: (E ** (2 * n) - 1) / (E ** (2 * n) + 1),
                    sp.sinh: lambda: (E**n - E**-n) / 2, sp.cosh: lambda: (E**n + E**-n) / 2}[e.func]()  # fmt: skip
        if isinstance(e, (Add, Mul, Pow)):
            return e.func(*map(visible, e.args))
        if e == x or not e.free_symbols:
            return e
        return hidden.setdefault(e, Symbol(f"hidden{len(hidden)}"))

    top, bottom = sp.fraction(sp.cancel(sp.together(visible(expr))))
    small, shown = v.exp_(-v.absolute(_local(unit))), {symbol: _local(e) for e, symbol in hidden.items()}
    sides = [_side(top, bottom, E, small, unit, side).xreplace(shown) for side in (1, -1)]
    return sides[0] if sides[0] == sides[1] else v.where(_local(unit), *sides)


def _unit(exponents: set[Expr]) -> Expr | None:
    """The largest y such that all exponents are integer multiples of it."""
    if not exponents:
        return None
    first = min(exponents, key=sp.default_sort_key)
    ratios = [sp.cancel(y / first) for y in exponents]
    if not all(ratio.is_Rational for ratio in ratios):
        return None
    unit = Rational(reduce(gcd, (int(n.p) for n in ratios)), reduce(lcm, (int(n.q) for n in ratios)))
    sign = -1 if first.could_extract_minus_sign() else 1
    return sp.expand(sign * unit * first)


def _side(top: Expr, bottom: Expr, E: Symbol, small: Expr, y: Expr, side: int) -> Expr:
    """The fraction for y > 0 or y ≤ 0, with powers of E as powers of e^{−|y|}, and E − 1 as expm1."""
    less = v.expm1(-v.absolute(_local(y)))
    total, spare = S.One, 0
    for part, sign in ((top, 1), (bottom, -1)):
        number, factors = irreducible(part)
        total *= number**sign
        for factor, multiplicity in factors:
            degree = sp.degree(factor, E)
            spare += (degree if side == 1 else 0) * multiplicity * sign
            if sp.expand(factor - E + 1) == 0:
                term = -less if side == 1 else less
            else:
                in_small = sp.expand(factor.subs(E, 1 / E) * E**degree) if side == 1 else factor
                terms = Poly(in_small, E).terms()
                parts = ((_silenced(_local(number), _x_degree(number), n, y), n) for (n,), number in terms)
                term = Add(*(number * small**n for number, n in parts))
            total *= term ** (multiplicity * sign)
    if spare > 0:
        return total * v.exp_(spare * v.absolute(_local(y)))
    lowest = min(n for (n,) in Poly(top, E).monoms()) if side == -1 else -spare
    return _silenced(total, _x_degree(top), lowest, y) * small**-spare


def _x_degree(number: Expr) -> int:
    return int(sp.degree(number, x)) if number.has(x) and number.is_polynomial(x, *number.free_symbols) else 0


def _silenced(out: Expr, degree: int, n: int, y: Expr) -> Expr:
    """A factor of e^{−n|y|}: in a polynomial that could overflow, x is clipped to where the product is already zero."""
    if n and degree >= 2 and y.is_polynomial(x):
        bounds = [_silence(sp.exp(-y * sp.sign(y.subs(x, side * 2**40))), side, S(degree)) for side in (1, -1)]
        bound = max((b for b in bounds if b is not None), default=None)
        out = out if bound is None else out.xreplace({x: v.maximum(v.minimum(x, bound), -bound)})
    return out
