"""Fluctuations over the ensemble: R C Rᵀ of theory T9 against a dense rule, closed forms and limits."""

import numpy as np
import pytest
from scipy import special
from scipy.integrate import solve_ivp
from scipy.special import ndtr

import ndksym
from tests import resolvent_reference, volterra_reference

RNG = np.random.default_rng(2309)
X, X_TEST = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 5))
Y = RNG.normal(size=3)


def covariance(name, depth, times, **physics):
    return ndksym.solve(
        ndksym.derive(name, depth=depth).compile(), X, Y, X_TEST, times=times, covariance=True, **physics
    )


CASES = [
    ("erf", 4, 0.1, 1e-3), ("relu", 1, 4.0, 1.0), ("relu", 3, 0.1, 1e-5), ("gelu", 1, 4.0, 1e-5), ("gelu", 3, 1.0, 1e-1),
    ("tanh", 1, 1.0, 1e-3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "depth", "init", "T"), CASES)
def test_against_a_dense_resolvent_of_kernels_typed_by_hand(name, depth, init, T):
    times = np.array([0.3, 1 / T, 10 / T])
    network = resolvent_reference.Network(name, depth, T, 1.0, init)
    mean, cov = resolvent_reference.solve(network, X[:2], X_TEST, Y[:2], times, 1.6)
    kernel = ndksym.derive(name, depth=depth).compile()
    args = {"times": times, "temperature": T, "init_variance": init}
    run = ndksym.solve(kernel, X[:2], Y[:2], X_TEST, rtol=1e-8, **args)
    assert np.abs(np.hstack([run.train, run.test]) - mean).max() < 1e-8
    run = ndksym.solve(kernel, X[:2], Y[:2], X_TEST, covariance=True, **args)
    assert np.abs(run.train_cov - cov[:, :2, :2]).max() < 1e-6
    assert np.abs(run.test_cov - cov[:, 2:, 2:]).max() < 1e-6


def test_the_dense_resolvent_is_the_trapezoidal_rule():
    """On one mesh in time, second order: three step sizes, extrapolated."""
    network = resolvent_reference.Network("erf", 1, 0.1, 1.0, 0.1)
    true = resolvent_reference.solve(network, X, X_TEST, Y, [2.0], 1.6)[1][0]
    network = volterra_reference.Network(volterra_reference.DUALS["erf"], 1, 0.1, 1.0, 0.1)
    coarse, middle, fine = (volterra_reference.covariance(network, X, X_TEST, 2.0, steps) for steps in (41, 81, 161))
    better = (4 * fine - middle) / 3
    assert np.abs(better - true[3:, 3:]).max() < np.abs(better - (4 * middle - coarse) / 3).max() < 2e-5


@pytest.mark.parametrize("name", ["gelu", "erf"])
def test_duals_typed_by_hand_are_the_trapezoidal_rule(name):
    a, b = RNG.uniform(0.1, 5, size=(2, 20))
    c = np.sqrt(a * b) * RNG.uniform(-1, 1, 20)
    phi, dphi = {
        "gelu": (lambda u: u * ndtr(u), lambda u: ndtr(u) + u * np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi)),
        "erf": (special.erf, lambda u: 2 / np.sqrt(np.pi) * np.exp(-u * u)),
    }[name]
    want = resolvent_reference.by_trapezoid(phi, dphi)(a, b, c, None)
    for got, true in zip(resolvent_reference.DUALS[name](a, b, c, None)[:2], want[:2], strict=True):
        assert np.abs(got - true).max() < 1e-10


@pytest.mark.parametrize(("T", "init"), [(1.0, 4.0), (1e-1, 0.1), (1e-3, 1.0), (1e-5, 4.0)])
def test_a_linear_network_is_an_ordinary_differential_equation(T, init):
    """One input, φ = x: in the mode's own terms ζ = k^½ a(t) w(t), a product of two independent OU processes, and
    Cov f obeys the linear equations of f' = −2r f + 2k m (y − f) with ζ's covariance m(t,s)² k as the source of both."""
    prior, k, r = 1.0, float(X[0] @ X[0]) / 5, T
    times = np.array([0.3, 30.0, 0.5 / r, 8 / r])
    run = ndksym.solve(
        ndksym.derive("x").compile(), X[:1], Y[:1], times=np.sort(times), temperature=T, init_variance=init,
        covariance=True, rtol=1e-8,
    )  # fmt: skip

    def m(t):
        return prior + (init - prior) * np.exp(-2 * r * t)

    def slopes(t, v):
        # ζ: Cov(ζ,ζ) = k m(t,t)², decays at rate 2r; e = ζ − I with I' = −2r I + 2k m e, so (e, ζ) is a linear diffusion
        ee, ez = v
        zz = k * m(t) ** 2
        noise = 2 * 2 * r * zz + k * 2 * m(t) * 2 * r * (prior - m(t))  # d zz/dt + 4r zz: the diffusion of ζ
        pull = 2 * k * m(t)
        return [-2 * (2 * r + pull) * ee + noise, -(4 * r + pull) * ez + noise]

    start = k * init**2
    want = solve_ivp(
        slopes, (0, times.max()), [start, start], method="Radau", t_eval=np.sort(times), rtol=1e-11, atol=1e-14
    )
    assert np.abs(run.train_cov[:, 0, 0] - want.y[0]).max() < 1e-6 * start


@pytest.mark.parametrize(("name", "depth", "T"), [("erf", 2, 1e-3), ("relu", 1, 1e-5), ("gelu", 1, 0.1)])
def test_it_begins_as_the_prior_and_ends_as_the_posterior(name, depth, T):
    kernel = ndksym.derive(name, depth=depth).compile()
    run = covariance(name, depth, [0.0, 50 / T, 1e3 / T], temperature=T, init_variance=0.3)
    both = np.vstack([X, X_TEST])
    first, C = kernel.nngp(both, variance=0.3), kernel.nngp(both)
    last = C - C[:, :3] @ np.linalg.solve(C[:3, :3] + T * np.eye(3), C[:3])
    assert np.abs(run.test_cov[0] - first[3:, 3:]).max() < 1e-6
    for k in (1, 2):
        assert np.abs(run.test_cov[k] - last[3:, 3:]).max() < 1e-8
        assert np.abs(run.train_cov[k] - last[:3, :3]).max() < 1e-8


def test_two_times_are_one_where_they_meet_and_a_gram_matrix_together():
    args = {"temperature": 0.05, "init_variance": 0.4}
    times = [0.0, 0.4, 3.0, 60.0]
    kernel = ndksym.derive("relu", depth=2).compile()
    run = ndksym.solve(kernel, X, Y, X_TEST, times=times, covariance="two-time", **args)
    single = ndksym.solve(kernel, X, Y, X_TEST, times=times, covariance=True, **args)
    assert run.test_cov.shape == (4, 4, 2, 2)
    assert run.train_cov.shape == (4, 4, 3, 3)
    assert np.abs(run.test_cov[np.arange(4), np.arange(4)] - single.test_cov).max() < 1e-12
    whole = run.test_cov.transpose(0, 2, 1, 3).reshape(8, 8)
    assert np.abs(whole - whole.T).max() < 1e-12
    assert np.linalg.eigvalsh(whole).min() > -1e-8
    # beside the Euler recursion, which has nothing in common with it but the theory
    close = ndksym.solve(kernel, X, Y, X_TEST, times=times[:3], covariance="two-time", step=0.02, **args)
    closer = ndksym.solve(kernel, X, Y, X_TEST, times=times[:3], covariance="two-time", step=0.01, **args)
    assert np.abs(2 * closer.test_cov - close.test_cov - run.test_cov[:3, :3]).max() < 2e-4


def test_early_on_it_is_that_of_gradient_flow():
    kernel = ndksym.derive("erf", depth=2).compile()
    flow = ndksym.solve(kernel, X, Y, X_TEST, times=[0.5, 2.0], temperature=0.0, method="gradient", covariance=True)
    misses = [
        np.abs(covariance("erf", 2, [0.5, 2.0], temperature=T, rtol=1e-8).test_cov - flow.test_cov).max()
        for T in (1e-4, 1e-5)
    ]
    assert np.log10(misses[0] / misses[1]) == pytest.approx(1.0, abs=0.05)
