"""`solve` for the mean: ordinary differential equations, a dense solver of the same equation, limits, published curves."""

import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import ndksym
from ndksym.dynamics import collocation, methods, volterra
from ndksym.dynamics.kernel_table import table_residual, tabulate, two_time_kernel
from ndksym.dynamics.patches import divided, length
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.errors import DivergentKernelError, InputError, InputTypeError, ToleranceWarning
from tests import volterra_reference

RNG = np.random.default_rng(2309)
X, X_TEST = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 5))
Y = RNG.normal(size=(4, 2))


@pytest.mark.parametrize(("T", "init"), [(1.0, 4.0), (0.05, 0.4), (1e-3, 1.3)])
def test_a_linear_network_is_an_ordinary_differential_equation(T, init):
    """NDK = 2k e^{−2r(t−s)} m(s,s), r = T/σ²: the integral I obeys I' = −2rI + 2k m(t,t) (y − I)."""
    prior = 1.3
    r, times = T / prior, np.geomspace(1e-3, 20 * prior / T, 12)
    run = ndksym.solve(
        ndksym.derive("x").compile(), X, Y[:, 0], X_TEST, times=times, temperature=T, prior_variance=prior,
        init_variance=init, rtol=1e-8,
    )  # fmt: skip
    values, vectors = np.linalg.eigh(X @ X.T / 5)
    learnt, impulse = [], []
    for k, y in zip(values, vectors.T @ Y[:, 0], strict=True):
        found = solve_ivp(
            lambda t, f, k=k, y=y: -2 * r * f + 2 * k * (prior + (init - prior) * np.exp(-2 * r * t)) * (y - f),
            (0, times[-1]), [0.0], method="Radau", t_eval=times, rtol=1e-11, atol=1e-13,
        ).y[0]  # fmt: skip
        learnt.append(found)
        impulse.append(found / k)
    assert np.abs(run.train - (vectors @ learnt).T).max() < 1e-8
    assert np.abs(run.test - (X_TEST @ X.T / 5 @ vectors @ impulse).T).max() < 1e-8
    assert run.error.max() <= 1e-8 * np.abs(Y).max()


CASES = [
    ("erf", 2, 0.1, 1e-3), ("relu", 1, 4.0, 0.1), ("relu", 3, 0.1, 1e-5), ("erf", 4, 1.0, 1.0), ("relu", 4, 1.0, 1e-3),
    ("erf", 1, 4.0, 1e-5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "depth", "init", "T"), CASES)
def test_against_a_dense_solver_of_the_kernel_typed_by_hand(name, depth, init, T):
    times, both = np.geomspace(0.05, 20 / T, 6), np.vstack([X[:2], X_TEST[:1]])
    network = volterra_reference.Network(volterra_reference.DUALS[name], depth, T, 1.0, init)
    coarse, fine = (volterra_reference.mean(network, X[:2], both, Y[:2, 0], times, ratio) for ratio in (1.6, 1.3))
    assert np.abs(coarse - fine).max() < 1e-6  # the oracle has settled
    run = ndksym.solve(
        ndksym.derive(name, depth=depth).compile(), X[:2], Y[:2, 0], X_TEST[:1], times=times, temperature=T,
        init_variance=init, rtol=1e-9,
    )  # fmt: skip
    assert np.abs(np.hstack([run.train, run.test]) - fine).max() <= 1e-8


@pytest.mark.parametrize(("name", "depth"), [("erf", 3), ("relu", 2), ("gelu", 1), ("tanh", 1)])
def test_the_end_is_the_posterior(name, depth):
    kernel, T = ndksym.derive(name, depth=depth, bias=True).compile(), 0.1
    run = ndksym.solve(kernel, X, Y, X_TEST, times=[40 / T, 1e9], temperature=T, init_variance=0.3, bias=0.4, rtol=1e-8)
    C = kernel.nngp(np.vstack([X, X_TEST]), bias=0.4)
    want = C[:, :4] @ np.linalg.solve(C[:4, :4] + T * np.eye(4), Y)
    for k in (0, 1):
        assert np.abs(run.train[k] - want[:4]).max() < 1e-8
        assert np.abs(run.test[k] - want[4:]).max() < 1e-8
    assert np.abs(run.equilibrium.mean - want[4:]).max() < 1e-12
    reduced = C[4:, 4:] - C[4:, :4] @ np.linalg.solve(C[:4, :4] + T * np.eye(4), C[:4, 4:])
    assert np.abs(run.equilibrium.cov - reduced).max() < 1e-12


@pytest.mark.parametrize(("name", "power"), [("erf", 1.0), ("relu", 0.5)])
def test_early_on_it_is_gradient_flow_with_the_error_that_theory_gives(name, power):
    """T11: O(T) for a smooth φ, O(√T) for a kinked one."""
    kernel, times = ndksym.derive(name).compile(), [0.3, 1.0, 3.0]
    flow = ndksym.solve(kernel, X, Y, X_TEST, times=times, temperature=0.0, method="gradient")
    misses = []
    for T in (1e-6, 1e-7):
        run = ndksym.solve(kernel, X, Y, X_TEST, times=times, temperature=T, rtol=1e-8)
        misses.append(np.abs(run.test - flow.test).max())
    assert np.log10(misses[0] / misses[1]) == pytest.approx(power, abs=0.03)


TABLE = [  # T → 0, P = 8 balanced labels: φ, L, σ0², NTK plateau, extremum, NNGP
    ("relu", 1, 0.1, 0.810, 0.876, 0.867),
    ("relu", 1, 1.0, 0.810, None, 0.867),
    ("relu", 1, 4.0, 0.810, None, 0.867),
    ("relu", 3, 0.1, 0.655, 0.838, 0.810),
    ("erf", 1, 0.1, 0.898, None, 0.882),
    ("erf", 1, 4.0, 0.745, None, 0.882),
    ("erf", 3, 0.1, 0.899, None, 0.867),
    ("erf", 3, 4.0, 0.475, None, 0.867),
]


@pytest.mark.parametrize(("name", "depth", "init", "plateau", "extremum", "equilibrium"), TABLE)
def test_known_shapes(name, depth, init, plateau, extremum, equilibrium):
    directions = np.linalg.qr(np.random.default_rng(3).normal(size=(32, 9)))[0].T * np.sqrt(32)
    test = 0.9 * directions[:1] + np.sqrt(1 - 0.81) * directions[8:]
    y, T = np.array([1.0, 1, 1, 1, -1, -1, -1, -1]), 1e-8
    run = ndksym.solve(
        ndksym.derive(name, depth=depth).compile(), directions[:8], y, test, times=np.geomspace(0.01 / T, 8 / T, 100),
        temperature=T, init_variance=init, rtol=1e-4,
    )  # fmt: skip
    assert run.ntk_plateau[0] == pytest.approx(plateau, abs=6e-4)
    assert run.equilibrium.mean[0] == pytest.approx(equilibrium, abs=6e-4)
    highest = run.test.max()
    if extremum is None:
        assert highest <= max(plateau, equilibrium) + 1.5e-3
        assert run.test.min() >= min(plateau, equilibrium) - 1.5e-3
    else:
        assert highest == pytest.approx(extremum, abs=6e-4)
        assert run.early_stopping(np.ones(1)).phase == "diffusive"


def test_the_order_of_convergence():
    """On one panel of length h the predictor is right to O(h^NODES), as Radau collocation is."""
    kernel, physics = ndksym.derive("erf", depth=2).compile(), Physics(0.3, 1.0, 0.5, 0.0)
    process = PriorProcess.langevin(physics)
    own = tabulate(two_time_kernel(kernel, process, 0.0, "ntk"), process, X, X, 1e-13)
    equation = volterra.VolterraEquation(own, lambda times: np.broadcast_to(Y, (len(times), *Y.shape)))
    misses = []
    for h in (0.75, 0.375):
        at = h * np.array([0.4, 0.7, 1.0])
        true = collocation.integrals(own, volterra.solve(equation, h, 0.02, 1e-13)[0], at)
        one, _ = volterra.solve(equation, h, h, 1e9)
        assert len(one.values) == 1
        misses.append(np.abs(collocation.integrals(own, one, at) - true).max())
    assert np.log2(misses[0] / misses[1]) > collocation.NODES - 1


def test_a_table_holds_the_kernel_between_its_nodes():
    kernel, process = ndksym.derive("relu", depth=2).compile(), PriorProcess(0.01, 1.3, 0.4)
    evaluate = two_time_kernel(kernel, process, 0.0, "ntk")
    for tolerance in (1e-5, 1e-9):
        found = tabulate(evaluate, process, np.vstack([X, X_TEST]), X, tolerance)
        left_out = table_residual(evaluate, found, np.vstack([X, X_TEST]), X, np.eye(4))
        assert left_out < 50 * tolerance * np.abs(found.grams).max()  # the corners, beyond the last nodes, are worst
        t, s = 90.0, 30.0
        exact = kernel.ndk(X, X, t=t, s=s, temperature=0.013, prior_variance=1.3, init_variance=0.4)
        u = found.weights(np.array([t - s]), np.array([s]))[0] * np.exp(-0.01 * (t - s))
        assert np.abs((u @ found.grams)[:4] - exact).max() < 3 * tolerance * np.abs(exact).max()


@pytest.mark.parametrize(("pole", "tolerance"), [(0.5, 1e-8), (0.5, 1e-4), (0.05, 1e-6)])
def test_a_series_is_as_long_as_its_nearest_pole_says(pole, tolerance):
    """1/(q + pole) has coefficients ∝ ϱ^{−k}, ϱ = 1 + 2 pole + √((1 + 2 pole)² − 1)."""
    at = 1 + 2 * pole
    rho, first = at + np.sqrt(at * at - 1), 4 / np.sqrt(at * at - 1)  # coefficient k is ± first · ϱ^{−k}
    want = np.log(first / (0.1 * tolerance / pole)) / np.log(rho)
    assert length(lambda q: 1 / (q + pole)[:, None], 512, tolerance / pole) == pytest.approx(want, abs=2)


@pytest.mark.parametrize("size", [1e-3, 1.0, 140.0])
def test_the_rounding_of_a_field_is_not_followed(size):
    rng = np.random.default_rng(5)

    def field(z, w):
        return size * (np.exp(z + w) * (1 + 3e-15 * rng.uniform(-1, 1, len(z))))[:, None]

    assert len(divided(field, field, False, 1e-13)) == 1


@pytest.mark.parametrize(
    ("depth", "init", "method"), [(4, 4.0, "langevin"), (2, 0.25, "langevin"), (3, 4.0, "diffusive")]
)
def test_the_error_estimate_holds_and_is_not_a_thousand_times_too_large(depth, init, method):
    """The interpolation error is integrated against Δ, not multiplied by all of ∫ Δ at the worst place of the table; rtol is kept."""
    rng = np.random.default_rng(8)
    inputs, labels, kernel = rng.normal(size=(12, 8)), rng.normal(size=12), ndksym.derive("relu", depth=depth).compile()
    known = {"times": np.geomspace(10.0, 1e4, 6), "temperature": 1e-3, "init_variance": init, "method": method}
    rough, fine = (ndksym.solve(kernel, inputs, labels, inputs[:3] + 0.1, **known, rtol=rtol) for rtol in (1e-3, 1e-6))
    off = max(np.abs(rough.train - fine.train).max(), np.abs(rough.test - fine.test).max())
    assert off < rough.error[-1] < 1000 * off
    assert rough.error[-1] < 1e-3 * np.abs(labels).max()


def beside_a_column(angle):
    """True and estimated error of a table of relu at depth 2, with a further row at this angle to one of 33 training inputs."""
    rng, process = np.random.default_rng(9), PriorProcess(1e-3, 1.0, 4.0)
    many, aside = rng.normal(size=(33, 8)), rng.normal(size=(7, 8))
    across = np.cross(many[17, :3], rng.normal(size=3))
    aside[4] = many[17]
    aside[4, :3] += angle * np.linalg.norm(many[17]) * across / np.linalg.norm(across)
    evaluate = two_time_kernel(ndksym.derive("relu", depth=2).compile(), process, 0.0, "ntk")
    found = tabulate(evaluate, process, np.vstack([many, aside]), many, 1e-9)
    q, p = np.vstack([rng.uniform(size=(20, 2)), [[0.0, 1.0], [angle, 1.0], [1.0, 1.0]]]).T
    m = 1 + 3 * p
    off = np.abs(np.einsum("nk,xkp->nxp", found.at(q, m), found.grams[33:]) - evaluate(aside, many, q, m)).max()
    return off / np.abs(found.grams).max(), table_residual(evaluate, found, np.vstack([many, aside]), many, np.eye(33))


@pytest.mark.parametrize("angle", [0.3, 0.1, 0.03])
def test_a_table_knows_a_row_at_a_small_angle_to_a_column(angle):
    """Its entry varies on the scale q ≈ angle."""
    assert beside_a_column(angle)[0] < 3e-9


@pytest.mark.parametrize("angle", [3e-3, 1e-4])
def test_what_a_table_cannot_follow_at_a_tiny_angle_is_said(angle):
    off, said = beside_a_column(angle)
    assert off < 1e-5
    assert said > 0.1 * off


def test_a_table_knows_coincident_inputs_wherever_they_stand():
    """Evenly spaced samples of 33 columns and 40 rows share few inputs, and the kernel varies most on coincident inputs."""
    rng = np.random.default_rng(4)
    many, more = rng.normal(size=(33, 5)), rng.normal(size=(7, 5))
    process = PriorProcess(1e-3, 1.0, 0.3)
    evaluate = two_time_kernel(ndksym.derive("erf", depth=2).compile(), process, 0.0, "ntk")
    found = tabulate(evaluate, process, np.vstack([many, more]), many, 1e-8)
    assert table_residual(evaluate, found, np.vstack([many, more]), many, np.eye(33)) < 1e-8 * np.abs(found.grams).max()


def test_a_panel_is_solved_alike_by_iteration_and_by_elimination(monkeypatch):
    kernel, args = ndksym.derive("relu", depth=2).compile(), {"times": [0.3, 40.0, 900.0], "temperature": 0.01}
    direct = ndksym.solve(kernel, X, Y, X_TEST, init_variance=0.3, **args)
    calls = []
    monkeypatch.setattr(volterra, "_DIRECT", 0)
    iterate = volterra.gmres
    monkeypatch.setattr(volterra, "gmres", lambda *a, **k: calls.append(1) or iterate(*a, **k))
    iterated = ndksym.solve(kernel, X, Y, X_TEST, init_variance=0.3, **args)
    assert calls
    assert np.abs(iterated.test - direct.test).max() < 1e-6


def test_gradient_flow_and_its_covariance():
    kernel, t = ndksym.derive("relu", depth=2, bias=True).compile(), 0.7
    run = ndksym.solve(
        kernel, X, Y, X_TEST, times=[0.0, t], temperature=0.0, init_variance=1.4, bias=0.2, method="gradient",
        covariance=True,
    )  # fmt: skip
    both = np.vstack([X, X_TEST])
    theta, C = (f(both, variance=1.4, bias=0.2) for f in (kernel.ntk, kernel.nngp))
    learnt = np.eye(4) - expm(-theta[:4, :4] * t)
    impulse = theta[4:, :4] @ np.linalg.solve(theta[:4, :4], learnt)
    assert np.allclose(run.train[1], learnt @ Y)
    assert np.allclose(run.test[1], impulse @ Y)
    moved = np.hstack([-impulse, np.eye(2)])
    assert np.allclose(run.test_cov[1], moved @ C @ moved.T)
    assert np.allclose(run.train_cov[1], (np.eye(4) - learnt) @ C[:4, :4] @ (np.eye(4) - learnt))
    assert np.allclose(run.test_cov[0], C[4:, 4:])


@pytest.mark.parametrize("method", ["langevin", "gradient"])
def test_duplicates_with_conflicting_labels_are_averaged(method):
    twice, y = np.vstack([X[:2], X[:1]]), np.array([1.0, 0.5, -0.4])
    kernel = ndksym.derive("erf").compile()
    run = ndksym.solve(kernel, twice, y, X_TEST, times=[1.0, 1e6], temperature=1e-4, method=method)
    assert np.isfinite(run.train).all()
    assert run.train[1] == pytest.approx([0.3, 0.5, 0.3], abs=1e-2)


def test_outputs_are_independent_and_the_mean_loss_is_a_slower_sum():
    kernel, args = ndksym.derive("gelu").compile(), {"times": [0.5, 50.0], "temperature": 0.1}
    both = ndksym.solve(kernel, X, Y, X_TEST, **args)
    one = ndksym.solve(kernel, X, Y[:, 1], X_TEST, **args)
    assert both.test[:, :, 1] == pytest.approx(one.test, abs=1e-6)
    mean = ndksym.solve(kernel, X, Y, X_TEST, reduction="mean", times=[1e4], temperature=0.1)
    C = kernel.nngp(X)
    assert mean.train[0] == pytest.approx(C @ np.linalg.solve(C + 0.4 * np.eye(4), Y), abs=1e-6)


def test_one_point_and_no_test_rows():
    run = ndksym.solve(ndksym.derive("erf").compile(), X[:1], [2.0], times=[1e-4, 1.0], temperature=0.5)
    assert run.test == pytest.approx(run.train)
    assert 0 < run.train[0, 0] < run.train[1, 0] < 2


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.0, 1e-300], [1e-12]])
def test_the_first_instant(times):
    run = ndksym.solve(ndksym.derive("erf").compile(), X, Y, X_TEST, times=times, temperature=0.5)
    theta = ndksym.derive("erf").compile().ntk(X)
    assert run.train == pytest.approx(np.array(times)[:, None, None] * (theta @ Y), abs=1e-20)


def test_progress_ends_at_one():
    seen = []
    ndksym.solve(ndksym.derive("erf").compile(), X, Y, times=[1.0], temperature=0.5, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_tolerance_that_is_not_reached_is_said():
    kernel = ndksym.derive("relu", depth=3).compile()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = ndksym.solve(kernel, X, Y, times=[1.0], temperature=0.5, rtol=1e-12)
    told = any(issubclass(each.category, ToleranceWarning) for each in caught)
    assert told == bool(run.error.max() > 1e-12 * np.abs(Y).max())


BAD = [
    ({"y": Y[:3]}, InputError, "y must have shape"),
    ({"y": [1.0, np.nan, 0, 0]}, InputError, "finite"),
    ({"y": "abcd"}, InputTypeError, "y must be real numbers"),
    ({"X_test": X_TEST[:, :3]}, InputError, "X_test"),
    ({"times": [1.0, 0.5]}, InputError, "ascend"),
    ({"times": [-1.0, 0.5]}, InputError, "≥ 0"),
    ({"times": []}, InputError, "non-empty"),
    ({"times": [np.nan]}, InputError, "finite"),
    ({"temperature": 0.0}, InputError, "gradient"),
    ({"temperature": -1.0}, InputError, "temperature"),
    ({"prior_variance": 0.0}, InputError, "prior_variance"),
    ({"bias": 0.3}, InputError, "without biases"),
    ({"method": "euler"}, InputError, "method must be diffusive, gradient, langevin or mpl"),
    ({"reduction": "huber"}, InputError, "reduction"),
    ({"rtol": 0.0}, InputError, "rtol"),
    ({"covariance": "both"}, InputError, "covariance"),
    ({"covariance": True, "method": "diffusive"}, InputError, "covariance"),
    ({"method": "mpl"}, InputError, "strength"),
    ({"strength": 2.0}, InputError, "strength"),
    ({"method": "mpl", "strength": -2.0}, InputError, "strength"),
    ({"method": "mpl", "strength": 2.0, "times": [0.5]}, InputError, "whole number"),
    ({"method": "mpl", "strength": 2.0, "times": [1e6]}, InputError, "more than the 20,000"),
    ({"method": "mpl", "strength": 2.0, "times": [5000], "covariance": True}, InputError, "6,000"),
    ({"step": 0.1, "times": [0.25]}, InputError, "multiple"),
    ({"step": 30.0}, InputError, "largest stable step|forgets"),
    ({"step": 2.0}, InputError, "largest stable step"),
    ({"step": 0.1, "method": "diffusive"}, InputError, "step"),
]


@pytest.mark.parametrize(("change", "error", "says"), BAD, ids=[next(iter(change)) for change, _, _ in BAD])
def test_bad_input_is_named(change, error, says):
    args = {"X": X, "y": Y, "X_test": X_TEST, "times": [1.0], "temperature": 0.1} | change
    with pytest.raises(error, match=says):
        ndksym.solve(ndksym.derive("erf").compile(), args.pop("X"), args.pop("y"), args.pop("X_test"), **args)


METHODS = [
    {}, {"step": 0.1}, {"method": "mpl", "strength": 5.0}, {"method": "gradient"}, {"method": "diffusive"},
    {"freeze_time": 0.5}, {"freeze_time": np.inf, "signal": True},
]  # fmt: skip
"""Arguments of solve, and of drift where there is a freeze_time."""


def by(method, kernel, X, y, X_test=X_TEST, **args):
    """Solve or drift, with the covariance where the method has one; a warning is an error."""
    args = {"times": [1.0, 2.0], "temperature": 0.1} | method | args
    if "freeze_time" not in args and method.get("method") != "diffusive":
        args["covariance"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return (ndksym.drift if "freeze_time" in args else ndksym.solve)(kernel, X, y, X_test, **args)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_singular_matrices_are_no_exception(method):
    """One input; inputs of length 0; equal inputs with different labels; opposite inputs with equal labels, where erf is odd."""
    kernel = ndksym.derive("erf").compile()
    for rows, y in (
        (X[:1], [2.0]), (0 * X[:2], [1.0, -1.0]), (X[[0, 1, 0]], [1.0, 0.5, -0.4]), (np.vstack([X[:2], -X[:1]]), [1.0, 0.5, 1.0]),
        (X[:2], [0.0, 0.0]),
    ):  # fmt: skip
        run = by(method, kernel, rows, y)
        values = [run.train, run.test, run.error]
        if hasattr(run, "equilibrium"):
            values += [run.ntk_plateau, run.equilibrium.mean, run.equilibrium.cov]
            values += [] if run.train_cov is None else [run.train_cov, run.test_cov]
        assert all(np.isfinite(each).all() for each in values)
        if len(rows) == 3 and y[0] != y[2]:  # one input has one prediction, so the average is learnt
            assert np.abs(run.train[:, 0] - run.train[:, 2]).max() < 1e-12
            once = by(method, kernel, rows[:2], [0.3, 0.5])
            if method.get("method") == "diffusive":
                assert np.abs(run.train[:, :2] - once.train).max() < 1e-6
        if len(rows) == 3 and y[0] == y[2]:
            assert np.abs(run.train[:, 0] + run.train[:, 2]).max() < 1e-12
        if not np.any(rows) or not np.any(y):
            assert not np.any(run.test)


@pytest.mark.parametrize("method", METHODS, ids=str)
@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"X": 1e-60 * X}, InputError, "X must be of a size"),
        ({"X": 1e60 * X}, InputError, "X must be of a size"),
        ({"X_test": 1e60 * X_TEST}, InputError, "X_test must be of a size"),
        ({"y": 1e-300 * Y}, InputError, "y must be of a size"),
        ({"y": 1e300 * Y}, InputError, "y must be of a size"),
        ({"y": Y + 1j}, InputTypeError, "y must be real"),
        ({"y": [1, 2, 3, 10**400]}, InputError, "past the range"),
        ({"y": None}, InputTypeError, "y must be real"),
        ({"times": [1.0, 10**400]}, InputError, "past the range"),
        ({"times": [2.0, 1.0]}, InputError, "ascend"),
        ({"times": [-1.0, 1.0]}, InputError, "≥ 0"),
        ({"times": 1.0}, InputError, "list of times"),
        ({"temperature": 1e-310}, InputError, "temperature must be of a size"),
        ({"temperature": 1e300}, InputError, "temperature must be of a size"),
        ({"prior_variance": 1e200}, InputError, "prior_variance must be of a size"),
        ({"init_variance": 1e-200}, InputError, "init_variance must be of a size"),
        ({"init_variance": 1e9}, InputError, "init_variance / prior_variance"),
        ({"rtol": float("nan")}, InputError, "rtol"),
    ],
    ids=str,
)
def test_what_no_method_takes(method, change, error, says):
    args = {"X": X, "y": Y} | change
    with pytest.raises(error, match=says):
        by(method, ndksym.derive("erf").compile(), args.pop("X"), args.pop("y"), **args)


@pytest.mark.parametrize("method", [m for m in METHODS if methods.find(m.get("method", "langevin")).THERMAL], ids=str)
def test_without_temperature_gradient_flow_serves(method):
    with pytest.raises(InputError, match="method='gradient' serves"):
        by(method, ndksym.derive("erf").compile(), X, Y, temperature=0.0)


@pytest.mark.parametrize("method", [{}, {"method": "gradient"}, {"method": "diffusive"}], ids=str)
@pytest.mark.parametrize("times", [[1.7e308], [1e-300, 1e300]], ids=str)
def test_times_out_to_the_range_of_float64(method, times):
    run = by(method, ndksym.derive("erf").compile(), X, Y, times=times)
    last = run.ntk_plateau if method.get("method") == "gradient" else run.equilibrium.mean
    if method.get("method") == "diffusive":  # T → 0 at fixed T t
        C = ndksym.derive("erf").compile().nngp(np.vstack([X, X_TEST]))
        last = C[4:, :4] @ np.linalg.solve(C[:4, :4], Y)
    assert np.abs(run.test[-1] - last).max() < 1e-10


@pytest.mark.parametrize("method", METHODS[:5], ids=str)
@pytest.mark.parametrize(("text", "init"), [("sign", 1.0), ("step", 1.0), ("exp(x**2/8)", 9.0)])
def test_kernels_that_diverge_have_no_dynamics(method, text, init):
    with pytest.raises(DivergentKernelError):
        by(method, ndksym.derive(text).compile(), X, Y, init_variance=init)
