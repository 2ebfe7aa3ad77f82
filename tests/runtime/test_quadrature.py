"""The numeric rules against closed forms they are not told of, over norms from 1e-8 to 1e8 and angles from 1e-8 to π
− 1e-8."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf

from ndksym.errors import NotDerivableError
from ndksym.runtime import mehler, quadrature
from ndksym.runtime.panels import panels
from ndksym.runtime.quadrature import GaussianPair
from tests.networks import Numeric, erf_, erf_dual, relu, relu6, relu_dual, softsign, tanh

NORMS = [
    (1, 1),
    (1, 2.3),
    (1e-8, 1e-8),
    (1e8, 1e8),
    (1e4, 3e4),
    (1e8, 1e-8),
    (5, 5 * (1 + 1e-9)),
    (1e3, 1e3 * (1 + 1e-9)),
]
ANGLES = [1e-8, 1e-4, 0.01, 0.5, 2.0, 3.0, np.pi - 1e-3, np.pi - 1e-8]


def exact(dual, p, q, s, k):
    """K, K_dot, P, Q at 60 digits, with the half-angle that is the smaller taken as exact."""
    p, q, s, k = map(mp.mpf, (p, q, float(s), float(k)))
    s, k = (s, mp.sqrt(1 - s * s)) if s < k else (mp.sqrt(1 - k * k), k)
    c = p * q * (k * k - s * s)
    return *dual(p * p, q * q, c), mp.sqrt(dual(p * p, p * p, p * p)[0]), mp.sqrt(dual(q * q, q * q, q * q)[0])


@pytest.mark.parametrize(("layer", "dual"), [(relu, relu_dual), (erf_, erf_dual)], ids=["relu", "erf"])
@pytest.mark.parametrize(("p", "q"), NORMS)
def test_quadrature_is_right_everywhere(layer, dual, p, q):
    grid = panels(layer.phi, layer.dphi, layer.breaks)
    with mp.workdps(60):
        for angle in ANGLES:
            s, k = np.sin(angle / 2), np.sin((np.pi - angle) / 2)
            K, K_dot, P, Q = exact(dual, p, q, s, k)
            got = quadrature.double(layer, grid, GaussianPair(p, q, s, k, float(P), float(Q)))
            assert abs(got.K - K) <= 3e-15 * max(abs(K), 1e-2 * P * Q if layer is erf_ else 0)
            assert abs(got.K_dot - K_dot) <= 5e-15 * K_dot
            assert abs(mp.sqrt(got.PQ_minus_K / (P * Q)) - mp.sqrt((P * Q - K) / (P * Q))) < 2e-15
            assert abs(mp.sqrt(got.PQ_plus_K / (P * Q)) - mp.sqrt((P * Q + K) / (P * Q))) < 2e-15


@pytest.mark.parametrize("layer", [relu, erf_, tanh, relu6, softsign], ids=lambda layer: layer.name)
def test_series_and_quadrature_agree(layer):
    grid = panels(layer.phi, layer.dphi, layer.breaks)
    s = np.array([0.3, 0.5, 0.9])
    k = np.sqrt(1 - s * s)
    for p in (1e-8, 0.3, 2.0, 16.0, 1e3, 1e8):
        norms = np.array([p, 1.3 * p])
        found = mehler.series(layer, grid, norms)
        i, j = np.zeros(3, dtype=int), np.array([0, 1, 1])
        K, K_dot, served = mehler.pairs(found, found, i, j, (k - s) * (k + s))
        assert served.all()
        for m in range(3):
            P, Q = (np.sqrt(quadrature.single(layer, grid, x)[0]) for x in (p, norms[j[m]]))
            want = quadrature.double(layer, grid, GaussianPair(p, norms[j[m]], s[m], k[m], P, Q))
            assert K[m] == pytest.approx(want.K, rel=5e-15)
            assert K_dot[m] == pytest.approx(want.K_dot, rel=5e-15)


def test_the_series_says_what_it_cannot_do():
    grid = panels(relu.phi, relu.dphi, relu.breaks)
    found = mehler.series(relu, grid, np.ones(1))
    zero = np.zeros(1, dtype=int)
    assert not mehler.pairs(found, found, zero, zero, np.array([0.99]))[2].any()
    assert not mehler.resolves_PQ_minus_K(found, found)


@pytest.mark.parametrize("norms", [(0.3, 1.6), (1.6, 0.3), (1.6, 1.6)])
def test_the_gap_by_the_series_is_that_by_quadrature(norms):
    """At 1.6 the squares of the coefficients die out within MOST, the coefficients do not."""
    grid = panels(tanh.phi, tanh.dphi, tanh.breaks)
    first, second = (mehler.series(tanh, grid, np.array([p])) for p in norms)
    assert mehler.resolves_PQ_minus_K(first, second)
    zero, s = np.zeros(1, dtype=int), np.array([0.01])
    k = np.sqrt(1 - s * s)
    P, Q = (np.sqrt(quadrature.single(tanh, grid, p)[0]) for p in norms)
    want = quadrature.double(tanh, grid, GaussianPair(*norms, s[0], k[0], P, Q)).PQ_minus_K
    assert mehler.PQ_minus_K(first, second, zero, zero, s, np.array([P]), np.array([Q]))[0] == pytest.approx(
        want, rel=1e-13
    )


def test_the_gap_of_parallel_inputs_serves_many_pairs_at_once():
    grid = panels(erf_.phi, erf_.dphi, erf_.breaks)
    rng = np.random.default_rng(7)
    p = 10 ** rng.uniform(-6, 6, 300)
    q = p * (1 + 10 ** rng.uniform(-9, 1, 300))
    with mp.workdps(60):
        known = [exact(erf_dual, *norms, 0.0, 1.0) for norms in zip(p, q, strict=True)]
        P, Q = (np.array([float(each[n]) for each in known]) for n in (2, 3))
        gaps = np.array([float(P * Q - K) for K, _, P, Q in known])
    got = quadrature.radial_PQ_minus_K(erf_, grid, p, q, P, Q)
    assert np.abs(np.sqrt(got / (P * Q)) - np.sqrt(gaps / (P * Q))).max() < 2e-15
    assert quadrature.radial_PQ_minus_K(erf_, grid, *np.zeros((4, 0))).shape == (0,)


def test_a_series_ends_where_the_rest_does_not_count():
    short = mehler.series(tanh, panels(tanh.phi, tanh.dphi, tanh.breaks), np.array([0.3]))
    assert short.h[1, 0] > 0
    assert not short.h[mehler.SHORT :].any()
    for rho in (0.3, 0.8, 0.9):
        length = mehler._length(np.ones(mehler.MOST), rho)
        assert rho**length / (1 - rho) <= mehler.TAIL < rho ** (length - 2) / (1 - rho)


def test_an_endless_oscillation_is_refused_beyond_its_reach():
    wave = Numeric(
        "wave",
        lambda u: np.sin(u) * np.tanh(u),
        lambda u: np.cos(u) * np.tanh(u) + np.sin(u) / np.cosh(np.clip(u, -300, 300)) ** 2,
    )
    grid = panels(wave.phi, wave.dphi, wave.breaks)
    quadrature.single(wave, grid, 1.0)
    with pytest.raises(NotDerivableError, match="variances up to"):
        quadrature.single(wave, grid, 1e6)
    norms = np.array([1.0, 32 * np.pi])  # the second's oscillation is the step of the trapezoidal grid
    assert list(quadrature.follows(grid, norms)) == [True, False]
    found = mehler.series(wave, grid, norms)
    zero, one = np.zeros(1, dtype=int), np.ones(1, dtype=int)
    assert mehler.pairs(found, found, zero, zero, np.array([0.5]))[2].all()
    assert not mehler.pairs(found, found, zero, one, np.array([0.5]))[2].any()


def test_panels_break_at_kinks_and_merge_straight_lines():
    grid = panels(relu6.phi, relu6.dphi, relu6.breaks)
    assert list(grid.edges[1:-1]) == [0.0, 6.0]
    assert {0.0, 6.0} <= set(grid.centres)


@pytest.mark.parametrize("side", [1, -1])
def test_growth_far_out_does_not_coarsen_what_is_near(side):
    """u erf(2u) ± u²/2 grows on one side only beyond u, and bends on the scale 1/2 on both."""

    def phi(u):
        return u * erf(2 * u) + side * u * u / 2

    def dphi(u):
        return erf(2 * u) + u * erf_.dphi(2 * u) * 2 + side * u

    lopsided = Numeric("lopsided", phi, dphi)
    grid = panels(phi, dphi, ())
    square = Numeric("square", lambda u: np.where(u < 0, 0.0, u) + erf(3 * u), lambda u: (u > 0) + 3 * erf_.dphi(3 * u))
    for layer, mesh in ((lopsided, grid), (square, panels(square.phi, square.dphi, (0.0,)))):
        for p in (0.1, 0.7, 3.0):
            K, K_dot = quadrature.single(layer, mesh, p)
            z, w = quadrature.gauss(np.linspace(-12, 12, 961))
            assert pytest.approx(w @ layer.phi(p * z) ** 2, rel=3e-15) == K
            assert K_dot == pytest.approx(w @ layer.dphi(p * z) ** 2, rel=3e-15)


def test_a_norm_of_zero_is_a_number_like_any_other():
    grid = panels(erf_.phi, erf_.dphi, erf_.breaks)
    P = np.sqrt(quadrature.single(erf_, grid, 1.0)[0])
    for p, q, first, second in ((1.0, 0.0, P, 0.0), (0.0, 1.0, 0.0, P), (0.0, 0.0, 0.0, 0.0)):
        got = quadrature.double(erf_, grid, GaussianPair(p, q, 0.6, 0.8, first, second))
        assert (got.K, got.PQ_minus_K, got.PQ_plus_K) == pytest.approx((0, 0, 0), abs=1e-30)
        assert got.K_dot == pytest.approx(4 / np.pi / np.sqrt((1 + 2 * p * p) * (1 + 2 * q * q)), rel=1e-14)
