"""Each record of an elementary function is right, by mpmath, and all that reads the records can use it."""

import re
import subprocess
import sys

import mpmath
import pytest
from sympy import Float, I, Integer, Rational, Symbol, atan, erf, exp, oo, pi, sinh, solve

from ndksym.activation.activation import activation
from ndksym.activation.analyticity import strip
from ndksym.activation.growth import growth
from ndksym.activation.limits import limit_at_infinity
from ndksym.activation.parser import allowed, parse
from ndksym.activation.pieces import pieces
from ndksym.activation.roots import in_exponentials, real_zeros
from ndksym.activation.size_limits import ExpressionSize, measure
from ndksym.activation.taylor import SingularError, taylor
from ndksym.activation.values import value
from ndksym.algebra import puiseux
from ndksym.algebra.evaluate import evaluate
from ndksym.algebra.functions import FUNCTIONS, record
from ndksym.algebra.zero_test import is_zero
from ndksym.symbols import x

ALL = pytest.mark.parametrize("f", FUNCTIONS.values(), ids=lambda f: f.name)
IN_ACTIVATIONS = pytest.mark.parametrize("f", [f for f in FUNCTIONS.values() if f.in_activations], ids=lambda f: f.name)
FAR = 10**5


def inside(f):
    """Points of the domain."""
    low, high = f.domain
    candidates = [Rational(n, 7) for n in (-13, -5, -2, 1, 3, 6, 9, 17)]
    return [point for point in candidates if low < point < high]


def close(one, other, digits=25):
    return abs(mpmath.mpmathify(one) - mpmath.mpmathify(other)) <= mpmath.mpf(10) ** -digits * (1 + abs(other))


def number(expr, point):
    """SymPy's own value, which knows nothing of the records."""
    real, imag = expr.subs(x, point).evalf(40).as_real_imag()
    return mpmath.mpc(Float(real, 40)._mpf_, Float(imag, 40)._mpf_)


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(30):
        yield


@ALL
def test_values(f):
    assert len(inside(f)) >= 1
    for point in inside(f):
        name = f.sympy.__name__
        expected = getattr(mpmath, name if hasattr(mpmath, name) else name.lower())(mpmath.mpf(point.p) / point.q)
        assert close(evaluate(f.sympy(x), {x: point}), expected)
        assert close(number(f.sympy(x), point), expected)
        if f.in_activations:
            assert close(value(f.sympy(x), {x: point}), expected)


@ALL
def test_derivatives_and_series(f):
    for point in inside(f):
        at = mpmath.mpf(point.p) / point.q
        with mpmath.workdps(60):
            expected = mpmath.taylor(f.value, at, 5)
        assert close(number(f.derivative, point), expected[1])
        if f.in_activations:
            assert all(map(close, taylor(f.sympy(x), point, 5), expected))
        line = puiseux.constant(point, 6) + puiseux.variable(Integer(1), 6)
        exact = puiseux.series(f.sympy(x), {x: line}, 5)
        assert all(close(number(exact.coefficient(n), 0), expected[n]) for n in range(6))


@ALL
def test_ranges_and_limits(f):
    low, high = f.range
    for point in inside(f):
        assert low <= f.sympy(point).evalf(20) <= high
    y = x.as_dummy()
    for end, limit, sign in zip(f.domain, f.limits, (-1, 1), strict=True):
        if limit is None:
            continue
        near = sign * mpmath.mpf(FAR) if end.is_infinite else mpmath.mpf(int(end)) - sign * mpmath.mpf(10) ** -FAR
        there = f.value(near)
        assert close(there, number(limit, 0), 4) if limit.is_finite else sign_of(limit) * there > 10
        assert limit_at_infinity(f.sympy(sign * y if end.is_infinite else end + 1 / y), y) == limit


def sign_of(limit):
    return 1 if limit == oo else -1


@IN_ACTIVATIONS
def test_inverses_and_zeros(f):
    low, high = f.range
    levels = [
        level for level in (Rational(-6, 5), Rational(-1, 3), Rational(1, 4), Rational(3, 2)) if low < level < high
    ]
    levels += [end for end in f.extremes if end is not None]
    if not f.inverses:
        pytest.skip("its inverse is not stated")
    for level in levels:
        for inverse in f.inverses:
            assert close(number(f.sympy(x), inverse(level)), number(level, 0))
        if f.period is None:
            zeros = real_zeros(f.sympy(x) - level)
            assert len(zeros) == (1 if level in f.extremes else len(f.inverses))
            assert all(close(number(f.sympy(x), zero), number(level, 0)) for zero in zeros)
    for end, extreme in zip((low, high), f.extremes, strict=True):
        if extreme is None and end.is_finite:
            assert real_zeros(f.sympy(x) - end) == ()


@ALL
def test_equal_formulas(f):
    for formula in filter(None, (f.exponentials, f.normal, f.quotient)):
        assert is_zero(f.sympy(x) - formula(x)).kind == "proved"
        assert all(close(number(formula(x), point), number(f.sympy(x), point)) for point in inside(f))
    for formula in f.tails or ():
        assert all(close(number(formula(x), point), number(f.sympy(x), point)) for point in inside(f))
    if f.period is not None:
        assert all(close(number(f.sympy(x), point + f.period), number(f.sympy(x), point)) for point in inside(f))
    if f.exponentials is not None:
        assert in_exponentials(f.sympy(x), waves=True).has(I) == (f.period is not None)


@IN_ACTIVATIONS
def test_growth(f):
    if f.growth == "exponential":
        assert growth(f.sympy(x**2 / 8), 1) == Rational(1, 8)
        assert f.value(mpmath.mpf(100)) > mpmath.exp(99)
    elif f.growth is not None:
        assert growth(x * f.sympy(1 + x**2), 1) == 0
        large, larger = abs(f.value(mpmath.mpf(10) ** 20)), abs(f.value(mpmath.mpf(10) ** 40))
        assert large < 2 if f.growth == "bounded" else 1.5 * large < larger < 3 * large
    else:
        assert f.quotient is not None


@IN_ACTIVATIONS
def test_singularities(f):
    """The Taylor series at 1 converges as far as the nearest zero of the record's `singular`."""
    roots = [abs(c) ** (1 / mpmath.mpf(n)) for n, c in enumerate(taylor(f.sympy(x), Integer(1), 42)) if n > 30]
    if f.singular is None:
        assert max(roots) < 0.5
        assert strip(f.sympy(x)) == oo
    else:
        z = Symbol("z")
        radius = min(abs(complex(zero - 1)) for zero in solve(f.singular(z), z))
        assert float(max(roots)) * radius == pytest.approx(1, abs=0.15)
        assert strip(f.sympy(x)) != oo


@IN_ACTIVATIONS
def test_in_activations(f):
    text = f"{f.name}(1 + x**2)"
    assert parse(f"{f.name}(x)") == f.sympy(x)
    assert f.name in re.findall(r"\w+", allowed())
    assert measure(f.sympy(x)) == ExpressionSize(2, 1, 2)
    if f.quotient is None:
        assert activation(text).parity == "even"
    if f.domain == (-oo, oo) and f.quotient is None:
        assert pieces(f.sympy(abs(x)))[-1].expr == f.sympy(x)


def test_one_sided_series_at_infinity():
    """atan(1/ε) = π/2 − ε + ε³/3 − …, and erf(1/ε) = 1 to all orders."""
    curve = {x: puiseux.constant(Integer(1), 6).shifted(-1)}
    series = puiseux.series(atan(x), curve, 4)
    assert [series.coefficient(n) for n in range(5)] == [pi / 2, -1, 0, Rational(1, 3), 0]
    series = puiseux.series(erf(x), curve, 4)
    assert [series.coefficient(n) for n in range(4)] == [1, 0, 0, 0]
    with pytest.raises(SingularError, match="without bound"):
        puiseux.series(sinh(x), curve, 4)
    with pytest.raises(SingularError, match="pole"):
        taylor(exp(-1 / x**2), Integer(0), 3)


def test_what_has_no_record():
    assert record(x + 1) is None
    assert record(abs(x)) is None


NEW = """
import mpmath
from sympy import Integer, Rational, acosh, cosh, exp, oo, pi, sech, sinh
from ndksym.algebra import functions
from ndksym.symbols import x

functions.FUNCTIONS[sech] = functions.ElementaryFunction(
    sech, mpmath.sech, slope=-sinh(x) / cosh(x)**2, limits=(Integer(0), Integer(0)), extremes=(None, Integer(1)),
    inverses=(lambda y: acosh(1 / y), lambda y: -acosh(1 / y)), growth="bounded", saturates=True,
    exponentials=lambda u: 2 / (exp(u) + exp(-u)), singular=cosh,
)
from ndksym.activation.activation import activation
from ndksym.activation.limits import limit_at_infinity
from ndksym.activation.roots import real_zeros
from ndksym.activation.taylor import SingularError, taylor
from ndksym.algebra.evaluate import evaluate
from ndksym.algebra.zero_test import is_zero

phi = activation("sech(u) + Max(0, sech(u) - 1/2)")
assert phi.parity == "even" and phi.growth == 0 and phi.kinks == (-acosh(2), acosh(2)), phi
assert activation("x*sech(x)").strip == pi / 2
assert real_zeros(sech(x) - 1) == (0,) and real_zeros(sech(x)) == ()
assert limit_at_infinity(sech(x), x) == 0
assert is_zero(sech(x) * cosh(x) - 1).kind == "proved"
with mpmath.workdps(40):
    expected = mpmath.taylor(mpmath.sech, mpmath.mpf(1) / 3, 4)
    assert all(abs(a - b) < 1e-30 for a, b in zip(taylor(sech(x), Rational(1, 3), 4), expected))
    assert abs(evaluate(sech(x), {x: Integer(2)}) - mpmath.sech(2)) < 1e-30
"""


def test_one_record_adds_a_function():
    done = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
