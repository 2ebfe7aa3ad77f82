"""T6–T8: proved for every closed-form case at depth 1 and 2, held to 50 digits deeper down, and able to fail."""

from dataclasses import replace

import mpmath
import pytest
from sympy import Integer, Rational, diff

from ndksym.activation.activation import activation
from ndksym.algebra.zero_test import evaluate, is_zero
from ndksym.cases import cases
from ndksym.derivation import derive
from ndksym.errors import DivergentKernelError
from ndksym.kernels import identities, ndk
from ndksym.kernels.dual import dual
from ndksym.kernels.prior import continuous, proximal, response
from ndksym.symbols import T, a, b, beta, c, k11, k12, k22, lam, s, sigma02, sigma2, t

POINT = {
    k11: Rational(9, 8),
    k22: Rational(3, 4),
    k12: Rational(1, 3),
    t: Rational(7, 4),
    s: Rational(1, 2),
    T: Rational(2, 5),
    sigma2: Rational(5, 4),
    sigma02: Rational(9, 4),
    beta: Rational(3, 8),
}


ACTIVATIONS = {each.name: each for case in cases() for each in case.derivation.activations}
"""The distinct activations of the cases."""


def failures(claims, digits=False):
    verdicts = [(claim.name, claim.digits() if digits else claim.check()) for claim in claims]
    good = "supported" if digits else "proved"
    return [(name, verdict) for name, verdict in verdicts if verdict.kind != good]


@pytest.mark.parametrize(("depth", "bias"), [(1, True), (1, False), (2, True)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_identities_are_proved(name, depth, bias):
    each = dual(ACTIVATIONS[name])
    if not each.closed_form or each.diverges:
        pytest.skip("identities are of continuous activations with a closed form")
    claims = identities.identities([each] * depth, bias, [each.activation.homogeneity] * depth)
    assert len(claims) >= 9
    assert not failures(claims)


@pytest.mark.parametrize("names", [("erf", "sin", "gelu"), ("relu", "snake", "relu", "he3")], ids="-".join)
def test_identities_hold_to_50_digits_further_down(names):
    duals = [dual(activation(name)) for name in names]
    claims = identities.identities(duals, True)
    assert not failures(claims, digits=True)
    assert not failures(claims)


@pytest.mark.parametrize("names", [("relu", "relu2", "abs"), ("linear",) * 4], ids="-".join)
def test_homogeneous_networks(names):
    layers = [activation(name) for name in names]
    claims = identities.identities([dual(each) for each in layers], False, [each.homogeneity for each in layers])
    assert "homogeneity" in [claim.name for claim in claims]
    assert not failures(claims, digits=True)
    assert not failures(claims)


def broken(each):
    """Duals with one mistake each, and the identity that must notice."""
    yield replace(each, K_dot=2 * each.K_dot), {"NDK = ∂_s C / T at σ0 = σ", "Θ = ∂C/∂m"}
    yield replace(each, K=each.K + c**2 / 7), {"NDK = ∂_s C / T at σ0 = σ", "Θ = ∂C/∂m"}
    yield replace(each, K=each.K * (1 + a)), {"C(t,x; s,x') = C(s,x'; t,x)", "Θ(t,x; s,x') = Θ(s,x'; t,x)"}
    yield replace(each, K_dot=each.K_dot.subs(a, b)), {"Θ(t,x; s,x') = Θ(s,x'; t,x)"}


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("name", ["erf", "relu"])
def test_a_broken_dual_is_noticed(name, which):
    wrong, expected = list(broken(dual(activation(name))))[which]
    claims = identities.identities([wrong, wrong], True)
    refuted = {claim.name for claim in claims if claim.check().kind == "refuted"}
    assert expected <= refuted


def test_homogeneity_notices_a_wrong_degree():
    each = dual(activation("relu2"))
    claim = identities.homogeneity([each, each], [Integer(2), Integer(1)], False)
    assert claim.check().kind == "refuted"
    assert identities.homogeneity([each], [Integer(2)], True) is None
    assert identities.homogeneity([each], [None], False) is None


def test_fluctuation_dissipation_needs_equilibrium():
    d = derive("erf", bias=True)
    slope = diff(d.prior_covariance, s) / T
    assert is_zero((d.ndk - slope).subs(sigma02, sigma2), identities.INPUTS).kind == "proved"
    assert is_zero(d.ndk - slope, identities.INPUTS).kind == "refuted"


@pytest.mark.parametrize(
    ("names", "bias"), [(("erf",), True), (("sin", "erf"), False), (("relu", "gelu", "erf"), True)]
)
def test_integral_of_the_ndk(names, bias):
    left, right = identities.integral([dual(activation(name)) for name in names], bias, POINT, 50)
    with mpmath.workdps(60):
        assert abs(left / right - 1) < mpmath.mpf(10) ** -50


def test_integral_at_coincident_inputs_has_a_cusp_and_still_holds():
    point = POINT | {k22: POINT[k11], k12: POINT[k11]}
    left, right = identities.integral([dual(activation("relu"))] * 2, True, point, 50)
    with mpmath.workdps(60):
        assert abs(left / right - 1) < mpmath.mpf(10) ** -50


def test_linear_networks():
    for depth in (1, 2, 5):
        d = derive("linear", depth)
        closed = (depth + 1) * response() * continuous() ** depth * k12
        assert is_zero(d.ndk - closed).kind == "proved"
    assert identities.linear(derive("linear", bias=True).duals, True) is None
    assert identities.linear(derive("he2").duals, False) is None


def test_the_ndk_is_damped_theta_at_unequal_times():
    """T6 by numbers: one erf layer, typed from Williams 1997."""
    d = derive("erf", bias=True)
    with mpmath.workdps(40):
        value = {name.name: mpmath.mpf(int(q.p)) / int(q.q) for name, q in POINT.items()}

        def m(gap, total):
            return value["sigma2"] * mpmath.exp(-value["T"] * gap / value["sigma2"]) + (
                value["sigma02"] - value["sigma2"]
            ) * mpmath.exp(-value["T"] * total / value["sigma2"])

        later, earlier, shift = value["t"], value["s"], value["beta"] ** 2
        p = m(0, 2 * later) * (value["k11"] + shift)
        q = m(0, 2 * earlier) * (value["k22"] + shift)
        r = m(later - earlier, later + earlier) * (value["k12"] + shift)
        K = 2 / mpmath.pi * mpmath.asin(2 * r / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q)))
        K_dot = 4 / mpmath.pi / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * r * r)
        theta = m(later - earlier, later + earlier) * K_dot * (value["k12"] + shift) + K + shift
        exact = mpmath.exp(-value["T"] * (later - earlier) / value["sigma2"]) * theta
        assert abs(evaluate(d.ndk, POINT, 40) - exact) < mpmath.mpf(10) ** -38


@pytest.mark.parametrize("names", [("sin",), ("erf", "relu")], ids="-".join)
def test_injected_tends_to_the_ndk(names):
    """λ D/(2T) → NDK at steps λt, λs, with an error of order 1/λ (T8)."""
    d = derive(list(names), bias=True)
    exact, errors = evaluate(d.ndk, POINT, 40), []
    for strength in (10**3, 10**4, 10**5):
        at = POINT | {lam: Integer(strength), t: strength * POINT[t], s: strength * POINT[s]}
        errors.append(abs(strength / (2 * mpmath.mpf(2) / 5) * evaluate(d.injected, at, 40) - exact))
    assert errors[0] < 0.01 * abs(exact)
    assert errors[1] / errors[0] == pytest.approx(0.1, rel=0.02)
    assert errors[2] / errors[1] == pytest.approx(0.1, rel=0.002)


def test_injected_is_a_difference_of_covariances():
    """One sine layer at finite λ, typed from T8."""
    d, chain = derive("sin"), proximal()
    at = POINT | {lam: Integer(3), t: Integer(4), s: Integer(2)}
    with mpmath.workdps(40):
        later, earlier, cross, before = (
            evaluate(e, at, 40)
            for e in (
                chain.covariance(t, t),
                chain.covariance(s, s),
                chain.covariance(t, s),
                chain.rate * chain.covariance(t, s - 1),
            )
        )
        damp = mpmath.exp(-(later * mpmath.mpf(9) / 8 + earlier * mpmath.mpf(3) / 4) / 2)
        exact = damp * (cross * mpmath.sinh(cross / 3) - before * mpmath.sinh(before / 3))
        assert abs(evaluate(d.injected, at, 40) - exact) < mpmath.mpf(10) ** -38


def test_injected_is_finite_where_the_ndk_is_not():
    d = derive("sign")
    same = POINT | {k22: POINT[k11], k12: POINT[k11], lam: Integer(3), t: Integer(4), s: Integer(4)}
    value = evaluate(d.injected, same, 30)
    assert mpmath.isfinite(value)
    assert value > 0
    for ask in (lambda: d.ndk, lambda: identities.identities(d.duals, False), lambda: ndk.ndk(d.duals, False)):
        with pytest.raises(DivergentKernelError, match="sign"):
            ask()


def test_the_cusp_of_relu():
    """At coincident inputs NDK(t,t) − NDK(t,s) ~ √(t−s): the slope of its logarithm is ½ (T11)."""
    d = derive("relu")
    same = POINT | {k22: POINT[k11], k12: POINT[k11], sigma02: POINT[sigma2]}
    drops = []
    for gap in (Rational(1, 10**8), Rational(1, 10**10)):
        near = evaluate(d.ndk, same | {s: POINT[t] - gap}, 40)
        drops.append(evaluate(d.ndk, same | {s: POINT[t]}, 40) - near)
    assert float(mpmath.log(drops[0] / drops[1]) / mpmath.log(100)) == pytest.approx(0.5, abs=1e-3)
