"""Tests of the oracle: values computed elsewhere, comparison of independent methods, and false claims that it must refuse."""

from fractions import Fraction
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import oo

from ndksym.activation.activation import activation
from ndksym.errors import DivergentKernelError, InputError
from ndksym.kernels.dual import dual
from ndksym.verify import digits, points
from ndksym.verify.oracle import conditional
from ndksym.verify.oracle.balls import METHODS, dual_ball
from ndksym.verify.oracle.covariance import geometry
from ndksym.verify.oracle.evaluate import as_arb
from ndksym.verify.oracle.network import motion, reference, two_time
from ndksym.verify.oracle.numbers import NotCertifiedError, as_mpf, flint, precision
from ndksym.verify.oracle.quadrature import dual_mp, single_arb
from ndksym.verify.oracle.trapezoid import trapezoid_ball
from tests.networks import covariance_and_tangent, erf_dual, prior, relu_dual

HALF = Fraction(1, 2)
ANCHORS = {  # computed elsewhere, at a = b = 1; tanh at .9 also by a trapezoid sum in mpmath
    ("tanh", HALF): ".18632441320344808610678288997241",
    ("tanh", Fraction(9, 10)): ".34920335058192518927174195407556",
    ("relu", HALF): ".30449889052211467904449829124491",
    ("erf", HALF): ".21634689593878545965828888155514",
    ("gelu", HALF): ".22729491502199153501806676091125",
}


def within(ball, value, digits=45):
    with mp.workdps(digits):
        return abs(as_mpf(ball.mid()) - value) <= as_mpf(ball.rad())


@pytest.mark.parametrize(("name", "rho"), ANCHORS)
def test_anchors(name, rho):
    with mp.workdps(45):
        want = mp.mpf(ANCHORS[name, rho])
        ball, _ = dual_ball(activation(name), 1, 1, rho, digits=31)
        assert ball.rel_accuracy_bits() >= 100
        assert abs(as_mpf(ball.mid()) - want) < 1e-32 + as_mpf(ball.rad())
        assert abs(dual_mp(activation(name), 1, 1, rho, 31)[0] - want) < 2e-32


@pytest.mark.parametrize(
    "rho", ["0.9999999999999999", "0.99999999999999999999999999999", "-0.9999999999999999", "1e-40"]
)
def test_cuts_closer_than_a_float_can_tell(rho):
    """u and v change sign within 1e-8 of each other. Sorted as floats, the interval between was once counted twice."""
    with precision(400), mp.workdps(60):
        K, K_dot = dual_ball(activation("sign"), 1, 1, Fraction(rho), digits=35)
        root = mp.sqrt(mp.mpf(str((1 - Fraction(rho) ** 2).numerator)) / (1 - Fraction(rho) ** 2).denominator)
        assert within(K, 2 / mp.pi * mp.atan2(mp.mpf(rho), root), 60)
        assert within(K_dot, 2 / mp.pi / root, 60)
        assert K.rel_accuracy_bits() > 110


@pytest.mark.parametrize("strip", [1.7, 2.0, 10.0])
def test_a_strip_that_is_claimed_too_wide_is_refused(strip):
    """tanh has poles at ±iπ/2 = ±1.5708i."""
    with precision(160):
        shape, tolerance = geometry(Fraction(1), Fraction(1), HALF), flint().arb("1e-20")
        narrow = trapezoid_ball(activation("tanh"), shape, 0, tolerance, strip=1.2)
        with mp.workdps(45):
            assert within(narrow, mp.mpf(ANCHORS["tanh", HALF]))
        with pytest.raises(NotCertifiedError):
            trapezoid_ball(activation("tanh"), shape, 0, tolerance, strip=strip)


class Liar:
    """tanh that claims to be entire."""

    strip = oo

    def __getattr__(self, name):
        return getattr(activation("tanh"), name)


def test_the_activations_own_word_on_its_strip_is_checked():
    with precision(160), pytest.raises(NotCertifiedError):
        trapezoid_ball(Liar(), geometry(Fraction(1), Fraction(1), HALF), 0, flint().arb("1e-20"))


def test_kinks_are_not_for_the_trapezoid():
    with precision(160), pytest.raises(NotCertifiedError, match="analytic"):
        trapezoid_ball(activation("relu"), geometry(Fraction(1), Fraction(1), HALF), 0, flint().arb("1e-20"))


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("gelu", ["trapezoid", "line"]),
        ("sin", ["trapezoid", "entire", "line"]),
        ("he3", ["trapezoid", "entire", "line"]),
    ],
)
def test_methods_that_share_nothing_agree(name, methods):
    for a, b, c in ((1, 1, HALF), (Fraction(9, 4), HALF, Fraction(-1, 3)), (HALF, 2, Fraction(99, 100))):
        found = [dual_ball(activation(name), a, b, c, 30, method=method) for method in methods]
        assert set(methods) <= set(METHODS)
        for one, other in pairwise(found):
            assert one[0].overlaps(other[0])
            assert one[1].overlaps(other[1])


SMOOTH = ["gelu", "erf", "sin", "tanh", "x_gauss", "snake", "he3"]
KINKED = ["relu", "sign", "elu", "hard_tanh", "abs", "relu3"]


@settings(max_examples=12)
@given(
    st.sampled_from(SMOOTH + KINKED),
    st.fractions(Fraction(1, 50), 20, max_denominator=60),
    st.fractions(Fraction(1, 50), 20, max_denominator=60),
    st.fractions(Fraction(-99, 100), Fraction(99, 100), max_denominator=1000),
)
def test_balls_hold_what_quadrature_finds(name, a, b, r):
    with mp.workdps(40):
        c = Fraction(str(mp.nstr(mp.sqrt(mp.mpf(a.numerator) / a.denominator * b.numerator / b.denominator), 20))) * r
        K, K_dot, error = dual_mp(activation(name), a, b, c, 25)
        try:
            balls = dual_ball(activation(name), a, b, c, 25)
        except NotCertifiedError:
            assert name in SMOOTH  # a pole too near the real axis for these variances
            return
        for value, ball in zip((K, K_dot), balls, strict=True):
            scale = max(abs(value), mp.mpf(10) ** -80)
            assert abs(as_mpf(ball.mid()) - value) <= as_mpf(ball.rad()) + (error + mp.mpf(10) ** -25) * scale


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh"])
def test_more_digits_lie_inside_fewer(name):
    few = dual_ball(activation(name), 2, 1, HALF, 15)
    many = dual_ball(activation(name), 2, 1, HALF, 40)
    for wide, fine in zip(few, many, strict=True):
        assert wide.contains(fine)
        assert fine.rel_accuracy_bits() >= 130


@pytest.mark.parametrize("method", [dual_ball, dual_mp])
def test_what_is_no_covariance_is_refused(method):
    for a, b, c in ((1, 1, 2), (0, 1, 0), (-1, 1, 0), (1, 1, Fraction(10**30 + 1, 10**30))):
        with pytest.raises(InputError):
            method(activation("relu"), a, b, c)


@pytest.mark.parametrize("method", [dual_ball, dual_mp])
def test_infinite_kernels_are_not_numbers(method):
    explosive = activation("exp(x**2/8)")
    K = method(explosive, 1, 1, HALF)[0]
    assert 1.3 < float(K) < 1.5
    for a, c in ((5, 1), (3, Fraction(5, 2))):
        with pytest.raises(DivergentKernelError):
            method(explosive, a, a, c)


def test_a_jump_makes_the_derivative_infinite_where_inputs_coincide():
    assert dual_ball(activation("step"), 2, 2, 2)[1] is None
    assert dual_ball(activation("step"), 2, 2, 1)[1] is not None
    assert dual_mp(activation("step"), 2, 2, 2)[1] is None


@pytest.mark.parametrize(("name", "dual"), [("relu", relu_dual), ("erf", erf_dual)])
@pytest.mark.parametrize("bias", [0.0, 0.75])
@pytest.mark.parametrize("depth", [1, 3])
def test_networks_from_the_inputs_as_they_are(name, dual, bias, depth):
    X, X2 = np.array([[0.3, -1.7]]), np.array([[1.1, 0.4]])
    acts, T, v, v0, t, s = [activation(name)] * depth, 0.375, 1.5, 0.625, 1.25, 0.5
    with mp.workdps(45):
        x, y = ([mp.mpf(float(e)) for e in row[0]] for row in (X, X2))
        C, theta = covariance_and_tangent([dual] * depth, x, y, bias, (mp.mpf(v),) * 3)
        got = reference(acts, X, X2, bias=bias, variance=v, digits=30)
        assert abs(got[0][0, 0] / C - 1) < 1e-29
        assert abs(got[1][0, 0] / theta - 1) < 1e-29

        C, theta = covariance_and_tangent([dual] * depth, x, y, bias, prior(t, s, T, v, v0))
        times = {"t": t, "s": s, "temperature": T, "prior_variance": v, "init_variance": v0, "bias": bias}
        got = two_time(acts, X, X2, digits=30, **times)
        assert abs(got[0][0, 0] / C - 1) < 1e-29
        assert abs(got[1][0, 0] / (mp.exp(-mp.mpf(T) * (t - s) / v) * theta) - 1) < 1e-29


def test_as_many_digits_as_asked_for_are_left_where_many_are_lost():
    """At 1 − ρ ~ 1e-18 the slope of relu's kernel loses half as many digits."""
    X, X2 = np.array([[1.0, 2.0]]), np.array([[1.0, 2.0 + 2**-29]])
    with mp.workdps(150):
        x, y = ([mp.mpf(float(e)) for e in row[0]] for row in (X, X2))
        want = covariance_and_tangent([relu_dual] * 3, x, y, 0.0, (mp.mpf(1),) * 3)
        got = reference([activation("relu")] * 3, X, X2, digits=50)
        for one, other in zip(got, want, strict=True):
            assert abs(one[0, 0] / other - 1) < 1e-50


def test_motion_is_what_half_an_ulp_does():
    """For a linear network, C = x·x'/N₀; at nearly orthogonal inputs it changes by ulps of the terms, not of the sum."""
    X, X2 = np.array([[1.0, 1.0]]), np.array([[1.0, -1.0 + 2**-30]])
    acts = [activation("x")]
    nngp, _ = reference(acts, X, X2, digits=40)
    moved = motion(acts, X, X2)
    assert float(nngp[0, 0]) == 2**-31
    assert all(2**-24 < float(m[0, 0]) < 2**-20 for m in moved)
    assert all(float(m[0, 0]) < 2**-50 for m in motion(acts, X))


@pytest.mark.parametrize("bad", [[[float("nan"), 1.0]], [[float("inf"), 1.0]], [[1.0], [1.0, 2.0]]])
def test_networks_want_numbers(bad):
    with pytest.raises(InputError):
        reference([activation("relu")], bad)


@pytest.mark.parametrize("a", [10**15, 1170000000233999, 10**16])
def test_a_slope_that_lives_within_a_millionth_of_a_deviation(a):
    """relu6 at |u| ~ 1e8: K = 18 − O(1/√a), K_dot = P(0 < u < 6) ≈ 6/√(2πa)."""
    K, K_dot, error = dual_mp(activation("relu6"), a, a, a, 40)
    assert error < 1e-38
    with mp.workdps(40):
        z = 6 / mp.sqrt(a)
        assert abs(K_dot / (mp.erf(z / mp.sqrt(2)) / 2) - 1) < 1e-36
        second = a * (mp.erf(z / mp.sqrt(2)) / 2 - z * mp.npdf(z))
        assert abs(K / (second + 36 * mp.erfc(z / mp.sqrt(2)) / 2) - 1) < 1e-20


@pytest.mark.parametrize("rho", ["0.5", "0.9999996763902905"])
def test_an_odd_activation_has_odd_kernels_at_any_scale(rho):
    """tanh changes within 1e-4 standard deviations, and the part of v that is independent of u has about this width."""
    a, b = 13 * 10**7, 130075101
    with mp.workdps(40):
        c = mp.mpf(rho) * mp.sqrt(mp.mpf(a) * b)
        there, back = (dual_mp(activation("tanh"), a, b, x, 30) for x in (c, -c))
        assert abs(there[0] + back[0]) < mp.mpf(10) ** -30 * abs(there[0])
        assert abs(there[1] - back[1]) < mp.mpf(10) ** -30 * there[1]


def test_a_straight_line_beside_a_bend_is_not_smoothed_all_along():
    """To 20 digits, mish at |u| ~ 1e8 is linear for u > 0 and curved for u < 0, on the scale of the part of v independent of u."""
    with mp.workdps(50):
        a, b = mp.mpf(13) * 10**15, mp.mpf(117) * 10**13
        c = mp.sqrt(a * b) * (1 - mp.mpf(10) ** -16)
        coarse, fine = (single_arb(activation("mish"), *(as_arb(x) for x in (a, b, c)), digits) for digits in (20, 40))
        for one, other, error in zip(coarse, fine, (1e-18, 1e-12), strict=True):
            assert abs(as_mpf(one) / as_mpf(other) - 1) < error


def test_narrow_panels_joined_sum_what_they_do_apart(monkeypatch):
    """elu is curved within 1e-7 standard deviations; the narrow panels there may be paired one by one or joined first."""
    where = (activation("elu"), 1e14, 1.5e14, 5e13)
    joined, before, after = conditional._joined, [], []

    def counting(parts, size):
        before.append(len(parts))
        parts = joined(parts, size)
        after.append(len(parts))
        return parts

    monkeypatch.setattr(conditional, "_joined", counting)
    short = dual_mp(*where, digits=30)
    assert sum(after) < sum(before) / 3
    monkeypatch.setattr(conditional, "_NARROW", 0)
    long = dual_mp(*where, digits=30)
    with mp.workdps(60):
        for one, other in zip(short[:2], long[:2], strict=True):
            assert abs(one - other) < mp.mpf(10) ** -34 * abs(other)


@pytest.mark.parametrize("text", ["tanh", "x/(1+x**2)", "softsign", "tanh(40*x)"])
def test_a_kernel_that_is_zero_by_parity_is_certified(text):
    """Beside a ball about 0 the digits count against the Cauchy–Schwarz bound, for they have no other scale."""
    zero = points.Point(Fraction(1), Fraction(1), Fraction(0))
    (evidence,) = digits.certified([dual(activation(text))], (zero,))
    assert evidence.verdict == "certified", evidence.detail
