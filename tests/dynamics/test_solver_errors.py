"""The error estimate of `solve` at extreme ratios σ0²/σ², compared with a dense graded solver that shares no code with it."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, ndtr

import ndksym
from ndksym.dynamics import covariance
from ndksym.dynamics.interpolation_error import Pulses
from ndksym.dynamics.patches import divided
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.dynamics.problem import Problem
from ndksym.dynamics.time_coordinates import TimeCoordinates
from ndksym.dynamics.volterra_setup import requirements, setup
from ndksym.errors import InputError, InputTypeError, ToleranceWarning
from ndksym.runtime.prior import Prior, Priors
from tests import graded_reference, resolvent_reference
from tests.bench import solver_errors

X, X_TEST = np.array([[0.24, -0.09]]), np.array([[0.5, 0.9]])
TIMES = np.geomspace(0.05, 5, 9)


@pytest.mark.parametrize(
    ("name", "init", "rtol"),
    [
        ("relu", 0.003, 1e-7), ("relu", 0.01, 1e-7), ("abs", 0.003, 1e-6), ("abs", 0.01, 1e-7), ("erf", 1e4, 1e-6),
        ("erf", 100.0, 1e-6), ("relu", 1e-8, 1e-7), ("erf", 1e8, 1e-6),
    ],
)  # fmt: skip
def test_one_row_at_extreme_ratios(name, init, rtol):
    network = graded_reference.Network(name, 1, 1.0, 1.0, init)
    coarse, fine = (
        graded_reference.mean(network, X, X_TEST, np.ones((1, 1)), TIMES, rule)[..., 0]
        for rule in (graded_reference.COARSE, graded_reference.FINE)
    )
    assert np.abs(coarse - fine).max() < 1e-9  # the oracle has settled
    with warnings.catch_warnings():
        warnings.simplefilter("error", ToleranceWarning)
        run = ndksym.solve(
            solver_errors.layer(name), X, [1.0], X_TEST, times=TIMES, temperature=1.0, init_variance=init, rtol=rtol
        )
    off = np.abs(np.hstack([run.train, run.test]) - fine).max(axis=1)
    assert np.all(off <= 3 * run.error)
    assert run.error.max() <= rtol


def holds(problem):
    run, warned = solver_errors.solved(problem)
    off, moved, right = solver_errors.judged(problem, run, warned)
    assert right or moved > 0.1 * off.max(), (solver_errors.told(problem), off, run.error)
    return warned


@pytest.mark.parametrize("number", [42, 44, 109])
def test_numbers_of_the_bench_that_failed_once(number):
    """Equal rows with different y and a kernel of 1e32; a table whose error is largest between the points at which it is measured."""
    assert not holds(solver_errors.drawn(10, number))


def test_an_oscillating_activation_at_a_large_ratio():
    network = graded_reference.Network("sin(x)", 2, 30.0, 1.0, 300.0)
    rows = np.array([[1.0, 0.3], [-0.4, 0.8]])
    assert not holds(solver_errors.Problem(network, rows, rows[:1] + 0.1, np.array([1.0, -1.0]), TIMES / 30, 1e-6))


@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1))
def test_the_error_is_what_it_says_or_larger_on_random_problems(seed):
    problem = solver_errors.drawn(seed, 0, ("relu", "erf", "sin(x)", "abs"))
    holds(
        replace(
            problem,
            X=problem.X[:3],
            y=problem.y[:3],
            network=replace(problem.network, depth=min(2, problem.network.depth)),
        )
    )


def cubed(rows):
    """Two rows with opposite labels, and a kernel of 1e32."""
    kernel = replace(solver_errors.layer("x**3"), layers=solver_errors.layer("x**3").layers * 2)
    return ndksym.solve(kernel, rows, [1.0, -1.0], times=[1.0], temperature=1e-3, init_variance=700.0)


def test_of_equal_rows_the_mean_is_learnt():
    assert cubed([[4.0], [4.0]]).train == pytest.approx(np.zeros((1, 2)), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_what_a_defect_does_to_far_test_rows_later_is_bounded(seed):
    """Labels δ lead to K(K + T)⁻¹δ at equilibrium, so a defect δ may have this effect (number 212 of the bench)."""
    rng = np.random.default_rng([212, seed])
    X, far = rng.uniform(0.01, 0.4, (3, 1)), np.array([[rng.uniform(1, 3)]])
    physics = Physics(1e-3, 3.0, 10 ** rng.uniform(-2, 0), 0.0)
    kernel, last = ndksym.derive("Abs(x)+x**2", depth=2).compile(), 50 * physics.prior_variance / physics.temperature
    weakest = np.linalg.eigh(kernel.ntk(X, variance=physics.init_variance))[1][:, :1]
    own = kernel.nngp(X, variance=physics.prior_variance) + physics.temperature * np.eye(3)
    end = kernel.nngp(far, X, variance=physics.prior_variance) @ np.linalg.solve(own, weakest)
    problem, process = Problem(kernel, X, far, weakest, physics, 1.0, 1e-3), PriorProcess.langevin(physics)
    start = setup(problem, process, requirements(problem, process, last, 0.0, physics.temperature))
    nothing = Pulses(np.zeros(0), np.zeros((0, 3, 1)))
    assert np.abs(end).max() <= start.error(np.ones(1), nothing, last)[0]


def test_where_float64_has_no_digits_it_is_said():
    """Rows that nearly agree: the terms that cancel between them are 1e16 times larger than the result."""
    with pytest.raises(InputError, match="no digits left"):
        cubed([[4.0, 0.0], [4.0, 1e-7]])


def test_a_covariance_whose_resolvent_is_wrong_is_said(monkeypatch):
    """The predictor from the wrong resolvent differs from the one computed forward in time."""
    known = {"times": [0.3, 3.0], "temperature": 1.0, "init_variance": 0.1, "covariance": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ToleranceWarning)
        good = ndksym.solve(solver_errors.layer("erf"), X, [1.0], X_TEST, **known)
    right = covariance.tables

    def wrong(problem):
        found = right(problem)
        return replace(found, ndk=found.ndk.scaled(1.01))

    monkeypatch.setattr(covariance, "tables", wrong)
    with pytest.warns(ToleranceWarning, match="was not reached by the covariance"):
        poor = ndksym.solve(solver_errors.layer("erf"), X, [1.0], X_TEST, **known)
    assert np.abs(good.test_cov - poor.test_cov).max() > 1e-6


@pytest.mark.parametrize(("name", "init"), [("relu", 0.003), ("erf", 1e4)])
def test_covariance_at_extreme_ratios(name, init):
    both, times = np.vstack([X, X_TEST]), np.array([0.05, 0.7])
    network = resolvent_reference.Network(name, 1, 1.0, 1.0, init)
    coarse, fine = (resolvent_reference.solve(network, X, X_TEST, np.ones(1), times, ratio)[1] for ratio in (1.6, 1.4))
    largest = max(1.0, init) * np.mean(both**2, axis=1).max()
    run = ndksym.solve(
        solver_errors.layer(name), X, [1.0], X_TEST, times=times, temperature=1.0, init_variance=init, covariance=True
    )
    assert np.abs(coarse - fine).max() < 1e-7 * largest  # the oracle has settled
    assert np.abs(run.test_cov - fine[:, 1:, 1:]).max() < 1e-6 * largest
    assert np.abs(run.train_cov - fine[:, :1, :1]).max() < 1e-6 * largest


PHI = {
    "x": lambda u: u,
    "relu": lambda u: np.maximum(u, 0),
    "abs": np.abs,
    "Max(x,x/5)": lambda u: np.maximum(u, u / 5),
    "x**2": np.square,
    "x**3": lambda u: u**3,
    "Abs(x)+x**2": lambda u: np.abs(u) + u**2,
    "erf": erf,
    "gelu": lambda u: u * ndtr(u),
    "exp(-x**2/2)": lambda u: np.exp(-(u**2) / 2),
    "sin(x)": np.sin,
    "cos(x)": np.cos,
    "sin(3*x)": lambda u: np.sin(3 * u),
    "x+sin(x)": lambda u: u + np.sin(u),
}


@pytest.mark.parametrize("name", sorted(graded_reference.DUALS))
@pytest.mark.parametrize(("a", "b", "rho"), [(0.7, 1.9, 0.6), (1.2, 0.4, -0.8), (0.5, 0.5, 0.99)])
def test_duals_typed_by_hand_are_gaussian_integrals(name, a, b, rho):
    """In polar coordinates; K_dot is ∂K/∂c (T4)."""
    dual, phi = graded_reference.DUALS[name], PHI[name]
    root = np.sqrt(a * b)
    K, K_dot = dual(a, b, rho * root, 1 - rho, 1 + rho)
    r, w = np.polynomial.legendre.leggauss(120)
    r, w = 5 * (1 + r)[:, None], 5 * w[:, None]
    angle = np.arange(3000) * 2 * np.pi / 3000
    both = phi(np.sqrt(a) * r * np.cos(angle)) * phi(np.sqrt(b) * r * np.cos(angle - np.arccos(rho)))
    integral = np.sum(w * r * np.exp(-r * r / 2) * both) / 3000
    assert integral == pytest.approx(float(K), rel=2e-5, abs=1e-7)
    high, low = (dual(a, b, (rho + step) * root, 1 - rho - step, 1 + rho + step)[0] for step in (1e-5, -1e-5))
    assert K_dot == pytest.approx((high - low) / (2e-5 * root), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("ratio", [1e-8, 3e-3, 1.0, 1.0 + 1e-9, 20.0, 1e8])
def test_the_coordinates_are_one_to_one_and_at_equal_variances_the_plain_one(ratio):
    process = PriorProcess(0.3, 1.7, 1.7 * ratio)
    coordinates = TimeCoordinates(process)
    z, w = np.random.default_rng(3).uniform(size=(2, 200))
    q, m = coordinates.times(z, w)
    assert np.all((q >= 0) & (q <= 1))
    again = coordinates.coordinates(q, m)
    assert np.abs(again[0] - z).max() < 1e-9
    if ratio != 1.0:
        assert np.abs(again[1] - w).max() < (1e-9 if abs(ratio - 1) > 1e-6 else 1e-5)
    if abs(ratio - 1) < 1e-6:
        assert np.abs(q - z).max() < 1e-6
    early, late = coordinates.times(np.array([0.0, 1.0]), np.array([1.0, 0.0]))[1]
    assert early == pytest.approx(process.init)
    assert late == pytest.approx(process.level)


def test_patches_cover_the_square_and_follow_a_narrow_ridge():
    def ridge(z, w):
        return np.stack([1 / (1 + ((z - w / 2) / 0.01) ** 2), np.cos(z + w)], axis=-1)

    found = divided(ridge, ridge, False, 1e-6)
    z, w = np.random.default_rng(5).uniform(size=(2, 500))
    assert np.all(sum(patch.holds(z, w).astype(int) for patch, _ in found) == 1)
    assert len(found) > 4
    for patch, values in found:
        own = patch.holds(z, w)
        series = patch.evaluated(patch.coefficients(values), z[own], w[own])
        assert np.abs(series - ridge(z[own], w[own])).max(initial=0.0) < 3e-5
    flat = divided(lambda z, w: np.ones((len(z), 1)), lambda z, w: np.ones((len(z), 1)), False, 1e-6)
    assert [(patch.low, patch.high) for patch, _ in flat] == [((0.0, 0.0), (1.0, 1.0))]


@pytest.mark.parametrize("part", ["ntk", "covariance", "readout", "hidden"])
def test_several_pairs_of_times_together_are_each_alone(part):
    rng, process = np.random.default_rng(1), PriorProcess(0.1, 1.0, 0.4)
    rows, others = rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    priors = process.priors(rng.uniform(size=7), rng.uniform(0.4, 1.0, size=7))
    for name in ("relu", "sin(x)", "gelu"):
        kernel = replace(solver_errors.layer(name), layers=solver_errors.layer(name).layers * 2)
        alone = [
            kernel.gram(rows, others, Prior(*map(float, at)), bias=0.3, part=part)
            for at in zip(priors.first, priors.second, priors.mu, priors.nu, strict=True)
        ]
        together = kernel.grams(
            rows, others, Priors(priors.first, priors.second, priors.mu, priors.nu), bias=0.3, part=part
        )
        assert np.abs(together - np.array(alone)).max() < 1e-14


@pytest.mark.parametrize("signal", [False, True])
def test_a_readout_frozen_at_the_start_in_steps(signal):
    """Without the signal nothing is ever learnt; with it, steps tend to continuous time."""
    known = {"freeze_time": 0.0, "times": [0.0, 0.5, 2.0], "temperature": 0.1, "signal": signal}
    rows, y, kernel = [[1.0, 0.0], [0.3, 1.0]], [1.0, -1.0], solver_errors.layer("erf")
    limit = ndksym.drift(kernel, rows, y, **known)
    off = [np.abs(ndksym.drift(kernel, rows, y, step=h, **known).test - limit.test).max() for h in (0.1, 0.05)]
    assert (off[0] / off[1] == pytest.approx(2, abs=0.1)) if signal else off == [0.0, 0.0]
    only = ndksym.drift(kernel, rows, y, step=0.1, **known | {"times": [0.0]})
    assert not np.any(only.test)
    assert np.all(np.isfinite(only.error))


@pytest.mark.parametrize(
    ("y_test", "error", "says"),
    [
        ([np.nan, 1.0], InputError, "y_test has an entry that is not finite"),
        ([np.inf, 1.0], InputError, "y_test has an entry that is not finite"),
        ([1e200, 1.0], InputError, "y_test must be of a size"),
        (["a", 1.0], InputTypeError, "y_test must be real numbers"),
        ([1.0], InputError, "y_test must have shape"),
    ],
    ids=str,
)
def test_labels_of_the_test_rows_are_checked(y_test, error, says):
    run = ndksym.solve(
        solver_errors.layer("erf"), [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], times=[0.1, 1.0], temperature=0.1
    )
    with pytest.raises(error, match=says):
        run.early_stopping(y_test)
    with pytest.raises(error, match=says):
        run.plot(y_test=y_test)
