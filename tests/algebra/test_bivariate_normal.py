"""Phi2 against an iterated integral that shares nothing with it, and its laws."""

from itertools import pairwise

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from sympy import Min, Rational, S, Symbol, asin, latex, nan, oo, pi, sqrt, sympify

from ndksym.algebra.bivariate_normal import LOCALS, Phi2, normal_cdf, phi2_mp

h, k, r = (Symbol(name, real=True) for name in "hkr")

POINTS = [
    ("1", "-2", "0.5"),
    ("0", "1", "-0.9"),
    ("0", "-6", "0.3"),
    ("3", "3", "0.999999"),
    ("-5", "-5", "-0.9"),
    ("-5", "-5.5", "0.99"),
    ("2", "-2", "-0.999999"),
    ("1.5", "1.25", "-0.75"),
    ("0.001", "0.002", "0.999999999999"),
    ("-1", "1.00001", "-0.99999999999"),
    ("-20", "-21", "0.2"),
    ("40", "-1", "0.3"),
    ("-3", "8", "1e-20"),
    ("-30", "-30", "0.5"),
]


def conditional(x, y, rho):
    """∫_{−∞}^x φ(z) Φ((y − ρz)/√(1−ρ²)) dz on panels graded towards its end and its turn."""
    across = mpmath.sqrt((1 - rho) * (1 + rho))
    turn = y / rho
    marks = {x - mpf(2) ** j for j in range(-8, 7)} | {
        turn + s * across * mpf(2) ** j for j in range(-6, 7) for s in (1, -1)
    }
    grid = sorted(z for z in {*marks, x, turn} if x - 80 <= z <= x)

    def log_integrand(z):
        return -z * z / 2 + mpmath.log(mpmath.erfc((rho * z - y) / across / mpmath.sqrt(2)) / 2)

    top = max(log_integrand(z) for z in grid)
    total = sum(
        mpmath.quad(lambda z: mpmath.exp(log_integrand(z) - top), [left, right]) for left, right in pairwise(grid)
    )
    return total * mpmath.exp(top) / mpmath.sqrt(2 * mpmath.pi)


@pytest.mark.parametrize("point", POINTS)
def test_value_to_25_relative_digits(point):
    with mpmath.workdps(32):
        x, y, rho = map(mpf, point)
        truth = conditional(x, y, rho)
        assert abs(phi2_mp(x, y, rho) / truth - 1) < mpf(10) ** -25


def test_evalf_reaches_the_digits_asked_for_near_correlation_one():
    expr = Phi2(Rational(1, 3), sqrt(2), 1 - Rational(1, 10**30))
    assert abs(expr.evalf(60) - expr.evalf(40)) < Rational(1, 10**39)
    assert abs(expr.evalf(40) - normal_cdf(Rational(1, 3)).evalf(40)) < Rational(1, 10**30)


@given(x=st.floats(-6, 6), y=st.floats(-6, 6), rho=st.floats(-0.999, 0.999))
@settings(max_examples=25, deadline=None)
def test_reflections(x, y, rho):
    with mpmath.workdps(25):
        x, y, rho = mpf(x), mpf(y), mpf(rho)
        value = phi2_mp(x, y, rho)
        tolerance = mpf(10) ** -23
        assert abs(value - phi2_mp(y, x, rho)) < tolerance
        assert abs(phi2_mp(-x, y, -rho) - (mpmath.ncdf(y) - value)) < tolerance
        assert abs(phi2_mp(-x, -y, rho) - (1 - mpmath.ncdf(x) - mpmath.ncdf(y) + value)) < tolerance


def test_known_values():
    assert Phi2(0, 0, r) == S.One / 4 + asin(r) / (2 * pi)
    assert Phi2(h, oo, r) == normal_cdf(h)
    assert Phi2(-oo, k, r) == 0
    assert Phi2(oo, oo, r) == 1
    assert Phi2(h, k, 0) == normal_cdf(h) * normal_cdf(k)
    assert Phi2(h, k, 1) == normal_cdf(Min(h, k))
    assert Phi2(1, 2, -1).evalf(20) == (normal_cdf(S(1)) + normal_cdf(S(2)) - 1).evalf(20)
    assert Phi2(h, k, 2) is nan
    assert Phi2(k, h, r) == Phi2(h, k, r)


def test_bad_correlation():
    with pytest.raises(ValueError, match="correlation"):
        phi2_mp(0, 0, mpf("1.5"))


@pytest.mark.parametrize("symbol", [h, k, r])
def test_derivatives(symbol):
    place = {h: Rational(3, 10), k: Rational(-7, 5), r: Rational(2, 5)}
    expr, step = Phi2(h, k, r), Rational(1, 10**12)
    ahead, behind = (expr.subs({**place, symbol: place[symbol] + s * step}) for s in (1, -1))
    slope = (ahead - behind).evalf(45) / (2 * step)
    assert abs(expr.diff(symbol).subs(place).evalf(30) - slope) < Rational(1, 10**22)


def test_reads_back_and_prints():
    expr = Phi2(h, -k, r)
    assert sympify(str(expr), locals={**LOCALS, "h": h, "k": k, "r": r}) == expr
    assert latex(Phi2(h, k, r)) == r"\Phi_{2}\left(h, k; r\right)"
    assert latex(Phi2(h, k, r) ** 2) == r"\Phi_{2}^{2}\left(h, k; r\right)"
    assert expr.is_real
    assert expr.is_nonnegative


FAR = [
    ("-60", "-58", "0.7"),
    ("-60", "59", "-0.9"),
    ("60", "-61", "-0.99"),
    ("-56", "-3", "-0.3"),
    ("-60", "60", "-0.5"),
    ("-58", "-58", "0.25"),
    ("-57", "-2", "0.8"),
    ("56", "-4", "-0.6"),
]


@pytest.mark.parametrize("point", FAR)
def test_value_beyond_the_reach_of_owens_series(point):
    with mpmath.workdps(45):
        x, y, rho = map(mpf, point)
        truth = conditional(x, y, rho)
    with mpmath.workdps(32):
        assert abs(phi2_mp(x, y, rho) / truth - 1) < mpf(10) ** -25


@pytest.mark.parametrize(
    "point", [("-3000", "-3001", "0.5"), ("-3000", "3000.25", "-0.75"), ("-70000", "-69000", "0.875")]
)
def test_digits_do_not_run_out_far_away(point):  # exact in binary
    values = []
    for digits in (32, 60):
        with mpmath.workdps(digits):
            values.append(phi2_mp(*map(mpf, point)))
    with mpmath.workdps(60):
        assert abs(values[0] / values[1] - 1) < mpf(10) ** -30


def test_one_variable_left_free():
    assert Phi2(oo, k, r) == normal_cdf(k)
    assert Phi2(oo, Rational(1, 3), r) == normal_cdf(Rational(1, 3))


@pytest.mark.parametrize(("x", "y"), [(1, 2), (2, 1), (3, -1), (-1, 3), (9, -8), (-8, 9), (-1, 1), (-2, 1), (0.5, 0.5)])
def test_correlation_minus_one_is_an_interval(x, y):
    with mpmath.workdps(80):
        truth = max(mpf(0), mpmath.ncdf(x) - mpmath.ncdf(-y))
    with mpmath.workdps(30):
        assert abs(phi2_mp(mpf(x), mpf(y), mpf(-1)) - truth) <= mpf(10) ** -28 * truth


def test_one_variable_out_of_reach():
    assert Phi2(h, -oo, r) == Phi2(-oo, h, r) == 0
    assert Phi2(h, nan, r) is nan
    assert Phi2(nan, k, r) is nan
