"""Zero or not: proofs where there is one, digits where there is none, and never a proof of something false."""

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import (
    Abs,
    Function,
    I,
    Integer,
    Max,
    Rational,
    Symbol,
    acos,
    asin,
    atan,
    cos,
    cosh,
    diff,
    erf,
    erfc,
    exp,
    expand_log,
    gamma,
    log,
    loggamma,
    oo,
    pi,
    powdenest,
    sin,
    sinh,
    sqrt,
    tanh,
)

from ndksym.algebra.claim import DUAL, Claim
from ndksym.algebra.normal_form import Budget, TooHardError, Tower
from ndksym.algebra.zero_test import Domain, evaluate, is_zero, points
from ndksym.errors import InputError
from ndksym.symbols import T, a, b, c, k12, lam, n, s, sigma2, t, x

ANGLE = asin(c / sqrt(a * b))
ARCCOSINE = (sqrt(a * b - c**2) + c * (pi / 2 + ANGLE)) / (2 * pi)
RATE = lam / (lam + T / sigma2)

TRUE = {
    "root of a product": sqrt(a * b) - sqrt(a) * sqrt(b),
    "root of a quotient": sqrt(1 - c**2 / (a * b)) - sqrt(a * b - c**2) / sqrt(a * b),
    "Price for relu": diff(ARCCOSINE, c) - (pi / 2 + ANGLE) / (2 * pi),
    "acos and asin": diff(ARCCOSINE, c) - (pi - acos(c / sqrt(a * b))) / (2 * pi),
    "atan and asin": ANGLE - atan(c / sqrt(a * b - c**2)),
    "sinh and exp": exp(-(a + b) / 2) * sinh(c) - (exp(c - (a + b) / 2) - exp(-c - (a + b) / 2)) / 2,
    "double angle": sin(2 * x) - 2 * sin(x) * cos(x),
    "hyperbolic Pythagoras": cosh(x) ** 2 - sinh(x) ** 2 - 1,
    "Pythagoras": cos(x) ** 2 + sin(x) ** 2 - 1,
    "partial fractions inside exp": exp(-a / (2 + 2 * a)) - exp(-Rational(1, 2)) * exp(1 / (2 + 2 * a)),
    "exponents over different denominators": exp(1 / a) * exp(1 / b) - exp((a + b) / (a * b)),
    "symbolic powers": RATE ** (t - s + 1) * (1 + T / (lam * sigma2)) - RATE ** (t - s),
    "powers of a number": 3 ** (2 * x) - 9**x,
    "sign of a function": erf((1 - x) * sqrt(2)) + erf((x - 1) * 2 / sqrt(2)),
    "erfc": erfc(x) + erf(x) - 1,
    "absolute values": Abs(x) ** 3 - x**2 * sqrt(x**2),
    "log": log(4 * a**2 / b) - 2 * log(2) - 2 * log(a) + log(b),
    "algebraic numbers": 1 / (sqrt(2) - 1) - sqrt(2) - 1,
    "cube roots": Integer(2) ** Rational(1, 3) * Integer(4) ** Rational(1, 3) - 2,
    "nested roots": sqrt(a * b - c**2) * sqrt(1 / (a * b - c**2)) - 1,
    "derivatives of exp(erf)": diff(exp(erf(x)), x) - 2 * exp(erf(x) - x**2) / sqrt(pi),
}

FALSE = {
    "sign of a root": sqrt(c**2) - c,
    "sign inside a root": sqrt(x) - sqrt(-x),
    "branch of a root": sqrt(1 - x) * sqrt(x - 1) - sqrt(-((x - 1) ** 2)) * 2,
    "branch of asin": asin(sqrt(1 - c**2 / (a * b))) - acos(c / sqrt(a * b)),
    "a factor 2": diff(ARCCOSINE, c) - (pi / 2 + ANGLE) / pi,
    "a sign": exp(-(a + b) / 2) * sinh(c) - (exp(c - (a + b) / 2) + exp(-c - (a + b) / 2)) / 2,
    "a tiny number": exp(c) - exp(c) * (1 + Rational(1, 10**60)),
    "a truncated series": exp(Rational(1, 10**30) * c) - 1 - c / 10**30 - c**2 / (2 * 10**60),
    "pi": pi - Rational(355, 113),
    "forced powers": powdenest(sqrt(x**2), force=True) - sqrt(x**2),
    "forced logs": expand_log(log(Symbol("z") ** 2), force=True) - log(Symbol("z") ** 2),
}


@pytest.mark.parametrize("name", TRUE)
def test_proves(name):
    assert is_zero(TRUE[name], DUAL).kind == "proved"
    assert is_zero(TRUE[name], DUAL, exact=False).kind == "supported"


@pytest.mark.parametrize("name", FALSE)
def test_refutes(name):
    verdict = is_zero(FALSE[name], DUAL)
    assert verdict.kind == "refuted"
    assert " = " in verdict.detail or "only value" in verdict.detail
    assert not Tower(DUAL.positive).is_zero(FALSE[name])


def test_supports_what_it_cannot_prove():
    assert is_zero(Max(x, 0) - (Abs(x) + x) / 2).kind == "supported"
    assert is_zero(loggamma(a) - log(gamma(a))).kind == "supported"


def test_unknown_is_not_a_pass():
    f = Function("f")
    for expr in (f(x) - f(2 * x), f(x)):
        verdict = is_zero(expr)
        assert verdict.kind == "unknown"
        assert not verdict.holds
    assert is_zero(sqrt(x) - 1, Domain(conditions=(x < 0, x > 1))).kind == "unknown"
    assert is_zero(oo - x).kind == "unknown"


def test_undefined_functions_are_compared_by_their_arguments():
    f = Function("f")
    assert is_zero(f((x + 1) ** 2) - f(x**2 + 2 * x + 1)).kind == "proved"


def test_the_domain_decides():
    claim = sqrt(x**2) - x
    assert is_zero(claim, Domain({x: (Integer(0), oo)})).kind == "supported"
    assert is_zero(claim, Domain({x: (-oo, Integer(0))})).kind == "refuted"


def test_a_condition_can_take_a_root_apart():
    claim = sqrt(b - a) * sqrt(a * (b - a)) - (b - a) * sqrt(a)
    assert is_zero(claim, Domain(conditions=(a < b,))).kind == "proved"
    assert is_zero(sqrt(b - a) * sqrt(a / (b - a)) - sqrt(a), Domain(conditions=(a < b,))).kind == "proved"
    assert is_zero(claim + 2 * (b - a) * sqrt(a), Domain(conditions=(a < b,))).kind == "refuted"
    assert is_zero(claim, Domain(conditions=(b < a,))).kind == "proved"
    assert is_zero(sqrt((a - b) ** 2) - (b - a), Domain(conditions=(a < b,))).kind == "proved"
    assert is_zero(sqrt((a - b) ** 2) - (b - a), Domain(conditions=(b < a,))).kind == "refuted"


def test_a_condition_settles_what_it_implies():
    claim = sqrt((a - 4) * (b - 4)) - sqrt(4 - a) * sqrt(4 - b)
    assert is_zero(claim, Domain(conditions=(a < 2, b < 2))).kind == "proved"
    assert is_zero(claim, Domain(conditions=(a < 2, b < 4))).kind == "proved"
    assert is_zero(claim, Domain({a: (Integer(4), Integer(6))}, (b > 5,))).kind != "proved"


def test_points_are_inside_exact_and_always_the_same():
    m, z = Symbol("m", integer=True, positive=True), Symbol("z")
    domain = Domain({b: (Integer(2), Integer(3))}, (c**2 < a * b,))
    drawn = points({a, b, c, m, z}, domain, count=20)
    assert len(drawn) == 20
    assert drawn == points({z, m, c, b, a}, domain, count=20)
    for point in drawn:
        assert point[a] > 0
        assert 2 < point[b] < 3
        assert point[c] ** 2 < point[a] * point[b]
        assert point[m].is_Integer
        assert point[m] >= 1
        assert point[z].has(I)
        assert all(value.is_Rational for name, value in point.items() if name != z)
    assert len({tuple(point.values()) for point in drawn}) == 20
    # one symbol's draws do not depend on which others are there
    assert points({a}, Domain(), 1)[0][a] == points({a, x}, Domain(), 1)[0][a]


def test_work_is_bounded():
    runaway = (x + a + b + c + 1) ** 60 - (x + a + b + c) ** 60 - 1
    with pytest.raises(TooHardError):
        Tower(budget=Budget(10_000)).is_zero(runaway)
    assert is_zero(runaway).kind == "refuted"


def test_abbreviations_are_compared_link_by_link():
    chain = [Symbol(f"u{i}", real=True) for i in range(6)], [Symbol(f"v{i}", real=True) for i in range(6)]
    where = []
    for names, square in zip(chain, (lambda z: (1 + z) ** 2, lambda z: 1 + 2 * z + z**2), strict=True):
        value = x
        for name in names:
            where.append((name, square(sin(value))))
            value = name
    last = chain[0][-1] - chain[1][-1]
    assert is_zero(last, where=where).kind == "proved"
    assert is_zero(last, where=where, exact=False).kind == "supported"
    broken = [(name, value + int(name == chain[1][2])) for name, value in where]
    assert is_zero(last, where=broken).kind == "refuted"


def test_abbreviations_that_only_look_alike_stay_apart():
    u, v = Symbol("u", real=True), Symbol("v", real=True)
    assert is_zero(u - v, where=[(u, exp(x)), (v, exp(x) * (1 + Rational(1, 10**40)))]).kind == "refuted"


def test_abbreviations_are_written_out_when_they_must_be():
    u = Symbol("u", real=True)
    assert is_zero(x - u**2, where=[(u, sqrt(a))], domain=Domain({x: (Integer(0), oo)})).kind == "refuted"
    assert is_zero(a - u**2, where=[(u, sqrt(a))]).kind == "proved"


def test_evaluate_gives_the_digits_asked_for():
    value = evaluate(tanh(a) * Max(a, b) - ANGLE, {a: Integer(2), b: Integer(3), c: Integer(1)}, 60)
    with mpmath.workdps(60):
        truth = mpmath.tanh(2) * 3 - mpmath.asin(1 / mpmath.sqrt(6))
        assert abs(value - truth) < mpmath.mpf(10) ** -60


terms = st.recursive(
    st.sampled_from([x, a, b, c, Integer(2), Rational(-1, 3), pi]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        inner.map(lambda e: e**2),
        st.tuples(st.sampled_from([exp, sin, cos, erf, atan, tanh]), inner).map(lambda p: p[0](p[1] / 8)),
        inner.map(lambda e: sqrt(1 + e**2)),
    ),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(terms, terms)
def test_products_and_their_derivatives(e, f):
    product = (e + f) ** 2 - e**2 - 2 * e * f - f**2
    assert is_zero(product, DUAL).holds
    leibniz = diff(e * f, x) - diff(e, x) * f - e * diff(f, x)
    assert is_zero(leibniz, DUAL).holds
    assert is_zero(leibniz + Rational(1, 10**20), DUAL).kind == "refuted"


def test_claims_say_what_they_need():
    assert Claim("square", (a + b) ** 2, a**2 + 2 * a * b + b**2).met()
    weak = Claim("max", Max(x, 0), (Abs(x) + x) / 2)
    assert weak.check().kind == "supported"
    assert not weak.met()
    assert Claim("max", Max(x, 0), (Abs(x) + x) / 2, rung="precise").met()
    assert not Claim("wrong", a, b, rung="precise").met()
    with pytest.raises(InputError, match="rung"):
        Claim("typo", a, a, rung="exactly")
    with pytest.raises(InputError, match="left side"):
        Claim("relation", a < b, a)
    assert is_zero(n - n + k12 * 0).kind == "proved"
