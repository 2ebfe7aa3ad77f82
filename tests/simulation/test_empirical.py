"""Networks of finite width compared with their limits: NTK and NDK, curvature, movement, and drift in steps.

The largest |z| of each test must stay below the value that it exceeds by chance with probability 1e-4, by Student's t at the degrees
of freedom of the standard error. The bias of order 1/N is removed by extrapolation from two widths.
"""

import numpy as np
import pytest

import ndksym
from ndksym.dynamics.physics import Physics, PriorProcess
from ndksym.errors import DivergentKernelError, InputError, InputTypeError
from ndksym.simulation import Estimate, empirical_ndk, empirical_ntk, lazy_measure, parameter_movement
from ndksym.simulation.ensemble import EnsembleOptions, ensemble
from ndksym.simulation.networks import gradients, hessian, network
from ndksym.simulation.networks.path import Segment, TrainingSet, trajectory
from ndksym.simulation.options import columns
from tests.bench import finite_width as bench

X, X_TEST, Y = bench.X, bench.X_TEST, bench.Y


def gradient(of, x):
    """∇f at one column, with all parameters."""
    seen = network.forward(of, x)
    deltas = network.backward(of, seen, np.ones_like(seen.f))
    parts = [delta[0, 0] @ a[0, 0].T for a, delta in zip(seen.inputs, deltas, strict=True)]
    if of.biases:
        parts = [each for part, delta in zip(parts, deltas, strict=True) for each in (part, of.beta * delta[0, 0])]
    return np.concatenate([part.ravel() for part in parts])


def tiny(activation, depth, width, bias, seed=0):
    of = ensemble(EnsembleOptions(activation, depth, width, 1, seed, 0.7, bias), curvature=True)
    return of, next(of.draw(X.shape[1]))[0]


@pytest.mark.parametrize("bias", [0.0, 0.4])
def test_overlaps_are_products_of_the_gradients(bias):
    _, first = tiny(["gelu", "erf", "tanh"], 3, (6, 4, 5), bias)
    _, second = tiny(["gelu", "erf", "tanh"], 3, (6, 4, 5), bias, seed=1)
    a, b = columns(X), columns(X_TEST)
    got = gradients.overlap(gradients.gradients(first, a), gradients.gradients(second, b))[0, 0]
    want = np.array([[gradient(first, x) @ gradient(second, x2) for x2 in b.T[:, :, None]] for x in a.T[:, :, None]])
    assert np.abs(got - want).max() < 1e-13 * np.abs(want).max()


@pytest.mark.parametrize(
    ("activation", "widths", "bias"),
    [("gelu", (4, 3), 0.3), (["tanh", "erf"], (5, 4), 0.0), ("gelu", (3,), 0.0), ("softplus", (2, 3, 2), 0.5),
     ("gelu", (20, 16), 0.3), ("relu(2)", (40,), 0.0)],
)  # fmt: skip
def test_the_norm_of_the_hessian_is_that_of_the_matrix(activation, widths, bias):
    """The Hessian by central differences of the gradient; `norm` uses Lanczos iteration for the larger networks."""
    of, net = tiny(activation, len(widths), widths, bias)
    x = columns(X[:1])
    rows = []
    for each in net.parameters:
        for at in np.ndindex(each.shape):
            start = each[at]
            each[at] = start + 1e-5
            high = gradient(net, x)
            each[at] = start - 1e-5
            rows.append((high - gradient(net, x)) / 2e-5)
            each[at] = start
    want = np.abs(np.linalg.eigvalsh(np.array(rows))).max()
    found = hessian.hessian(net, of.hidden, x)
    assert (found.size > 64) == (sum(widths) > 20)
    assert hessian.norm(found) == pytest.approx(want, rel=1e-6)
    # all that the Hessian sees is in those coordinates: the other eigenvalues are 0
    matrix = np.array([found.apply(e) for e in np.eye(found.size)])
    assert np.abs(matrix - matrix.T).max() < 1e-12
    assert np.linalg.norm(matrix) == pytest.approx(np.linalg.norm(rows), rel=1e-6)


def test_second_derivatives_are_those_of_the_first():
    u = np.linspace(-4, 4, 41) + 0.013
    for name in ("erf", "relu", "gelu", "tanh", "elu", "softplus", "sin"):
        layer = ensemble(EnsembleOptions(name, 1, 2, 1, 0, 1.0, 0.0), curvature=True).hidden[0]
        want = (layer.dphi(u + 1e-5) - layer.dphi(u - 1e-5)) / 2e-5
        assert np.abs(layer.ddphi(u) - want).max() < 1e-8


@pytest.mark.parametrize(("name", "bias"), [("erf", 0.0), ("relu", 0.4), ("gelu", 0.4), ("tanh", 0.0)])
def test_the_mean_empirical_ntk_of_one_hidden_layer_is_the_ntk_at_any_width(name, bias):
    args = {"init_variance": 0.6, "bias": bias}
    found = Estimate((empirical_ntk(name, X, X_TEST, width=20, networks=3000, **args),))
    args["variance"] = args.pop("init_variance")
    z, most = bench.score(found, ndksym.derive(name, bias=bias != 0).compile().ntk(X, X_TEST, **args))
    assert z < most


@pytest.mark.parametrize(("name", "depth"), [("erf", 3), ("relu", 1), ("gelu", 2), ("tanh", 2)])
def test_the_empirical_ntk_tends_to_the_ntk_as_one_over_root_width(name, depth):
    widths = [32, 128, 512]
    rate, error = bench.slope(widths, bench.ntk_errors(name, depth, widths, 64), bench.root_mean_square)
    assert error < 0.05
    assert abs(rate + 0.5) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", bench.NAMES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_same_with_wider_networks(name, depth):
    widths = [64, 128, 256, 512, 1024, 2048]
    rate, error = bench.slope(widths, bench.ntk_errors(name, depth, widths, 128), bench.root_mean_square)
    assert error < 0.035
    assert abs(rate + 0.5) < 0.1


@pytest.mark.parametrize(("name", "depth"), [("erf", 1), ("relu", 2)])
def test_the_two_time_ndk_of_prior_dynamics(name, depth):
    z, most = bench.score(*bench.two_time(name, depth, 256, 150))
    assert z < most


def test_the_two_time_ndk_in_coarse_steps_and_in_training():
    """A step of 2 and T = 0.2 give a = 0.6, far from e^{−0.4}, so m and the weight must be those of the Euler chain (T3)."""
    T, h, init, n, k = 0.2, 2.0, 0.5, 5, 2
    args = {"t": n * h, "s": k * h, "temperature": T, "init_variance": init, "step": h, "networks": 400}
    process = PriorProcess.euler(Physics(T, 1.0, init, 0.0), h)
    kernel = ndksym.derive("erf").compile()
    q, m = np.array([np.sqrt(1 - 0.6 ** (n - k))]), process.variance([k])
    limit = 0.6 ** (n - k) * kernel.grams(X, X_TEST, process.priors(q, m))[0]
    found = Estimate((empirical_ndk("erf", X, X_TEST, width=64, **args),))
    z, most = bench.score(found, limit)
    assert z < most
    continuous = kernel.ndk(X, X_TEST, t=n * h, s=k * h, temperature=T, init_variance=init)
    assert bench.score(found, continuous)[0] > 2 * most
    # the learning signal moves each unit by 1/√N only: in the limit the same kernel
    args |= {"step": 1.0, "t": 10.0, "s": 4.0, "networks": 150}
    process = PriorProcess.euler(Physics(T, 1.0, init, 0.0), 1.0)
    limit = 0.8**6 * kernel.grams(X, X_TEST, process.priors(np.array([np.sqrt(1 - 0.8**6)]), process.variance([4])))[0]
    half, whole = (
        Estimate((empirical_ndk("erf", X, X_TEST, width=width, seed=width, training=(X, Y), **args),))
        for width in (64, 128)
    )
    z, most = bench.score(whole.times(2.0).plus(half.times(-1.0)), limit)
    assert z < most


def test_training_moves_the_networks_of_simulate():
    """With the same random numbers the path is that of the first network of each pair in `simulate`."""
    args = {"width": 9, "seed": 3, "temperature": 0.1, "step": 0.5, "depth": 2, "bias": 0.3}
    sim = ndksym.simulate("gelu", X, Y, X_TEST, times=[3.0], pairs=2, processes=1, **args)
    found = empirical_ndk("gelu", X, t=3.0, s=3.0, networks=2, training=(X, Y), **args)
    prior = empirical_ndk("gelu", X, t=3.0, s=3.0, networks=2, **args)
    assert found.shape == prior.shape == (2, 3, 3)
    assert np.abs(found - prior).max() > 1e-3
    of = ensemble(EnsembleOptions("gelu", 2, 9, 2, 3, 1.0, 0.3))
    training = TrainingSet(columns(X), Y[None], 0.5)
    for number, (net, draws) in enumerate(of.draw(5)):
        for moved in trajectory(net, draws, [Segment(6, 0.95, np.sqrt(0.1))], training):
            f = network.forward(moved, columns(X)).f[0, 0, 0]
        assert np.abs(f - sim.samples[number, 0, 0, :3, 0]).max() < 1e-10
        seen = gradients.gradients(moved, columns(X))
        assert np.abs(gradients.overlap(seen, seen)[0, 0] - found[number]).max() < 1e-10


def test_the_first_inputs_are_seen_at_the_later_time():
    of = ensemble(EnsembleOptions("gelu", 2, 9, 1, 3, 0.5, 0.3))
    net, draws = next(of.draw(5))
    segments = [Segment(1, np.exp(-0.1 * gap), np.sqrt(1 - np.exp(-0.2 * gap))) for gap in (2.0, 5.0)]
    early, late = (
        [gradients.gradients(moved, columns(rows)) for rows in (X, X_TEST)]
        for moved in trajectory(net, draws, segments)
    )
    args = {"depth": 2, "width": 9, "networks": 1, "seed": 3, "temperature": 0.1, "init_variance": 0.5, "bias": 0.3}
    found = empirical_ndk("gelu", X, X_TEST, t=[7.0, 2.0], s=2.0, **args)
    assert np.allclose(found[0, 0], np.exp(-0.5) * gradients.overlap(late[0], early[1])[0, 0], rtol=1e-12)
    assert np.allclose(found[0, 1], gradients.overlap(early[0], early[1])[0, 0], rtol=1e-12)


def test_shapes_and_the_beginning():
    args = {"width": 8, "networks": 3, "temperature": 0.1}
    found = empirical_ndk("erf", X, X_TEST, t=[[1.0, 2.0]], s=[[0.0], [1.0]], **args)
    assert found.shape == (3, 2, 2, 3, 2)
    start = empirical_ndk("erf", X, X_TEST, t=0.0, s=0.0, **args)
    assert np.array_equal(start, empirical_ntk("erf", X, X_TEST, width=8, networks=3))
    assert np.array_equal(start[:2], empirical_ntk("erf", X, X_TEST, width=8, networks=2))
    assert np.abs(start[0] - start[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("name", "depth", "expected"), [("relu", 1, -0.5), ("gelu", 2, -0.5), ("erf", 3, -0.5), ("erf", 1, -0.42)]
)
def test_the_lazy_measure_vanishes_with_width(name, depth, expected):
    """The slope is −1/2; with one hidden layer and φ″ ≠ 0, ‖∇²f‖ ~ √(log N/N) by its extreme unit: −0.42 at these widths."""
    widths = [32, 112, 384]
    each = [lazy_measure(name, X[0], 1.0, depth=depth, width=width, networks=64, seed=width) for width in widths]
    rate, error = bench.slope(widths, each, bench.root_mean_square)
    assert error < 0.06
    assert abs(rate - expected) < 0.1


def test_the_lazy_measure_by_hand():
    """For one hidden layer of relu, the only blocks of ∇²f are φ′(h_i) x/√N between w_i and v_i, so ‖∇²f‖ = |x|/√(N N_0)."""
    found = lazy_measure("relu", X[0], 2.0, width=50, networks=5)
    theta = empirical_ntk("relu", X[:1], width=50, networks=5)[:, 0, 0]
    of = ensemble(EnsembleOptions("relu", 1, 50, 5, 0, 1.0, 0.0))
    f = [network.forward(net, columns(X[:1])).f.item() for net, _ in of.draw(5)]
    want = np.abs(2.0 - np.array(f)) * np.linalg.norm(X[0]) / np.sqrt(5 * 50) / theta
    assert found == pytest.approx(want, rel=1e-7)


@pytest.mark.parametrize(("name", "depth", "widths"), [("erf", 1, (64, 256, 1024)), ("gelu", 2, (32, 96, 288))])
def test_parameters_move_as_the_ntk_says_and_less_and_less(name, depth, widths):
    """|Θ_t − Θ_0|² → g Θ g with g = Θ⁻¹ (1 − (1 − hΘ)ⁿ)(y − f_0) at infinite width; E |Θ_0|² is the number of parameters."""
    args = {"times": [1.0, 10.0], "step": 0.4, "depth": depth, "networks": 24}
    each = [parameter_movement(name, X, Y, width=width, seed=width, **args) for width in widths]
    assert all(np.all((found[:, 0] > 0) & (found[:, 0] < found[:, 1])) for found in each)
    rate, error = bench.slope(widths, [found[:, 1] for found in each], bench.root_mean_square)
    assert error < 0.05
    assert abs(rate + (0.5 if depth == 1 else 1.0)) < 0.1
    kernel = ndksym.derive(name, depth=depth).compile()
    theta = kernel.ntk(X)
    h, later = 9.0 / 23, np.linalg.matrix_power(np.eye(3) - theta / 3, 3)  # 1 in 3 steps, 9 more in 23
    learnt = np.eye(3) - np.linalg.matrix_power(np.eye(3) - h * theta, 23) @ later
    limit = np.trace(learnt @ np.linalg.solve(theta, learnt) @ (np.outer(Y, Y) + kernel.nngp(X)))
    squares = [found[:, 1] ** 2 * (5 * N + (depth - 1) * N * N + N) for N, found in zip(widths, each, strict=True)]
    assert bench.score(Estimate((squares[-1],)), limit)[0] < bench.threshold(1, 23)
    assert bench.score(Estimate((squares[-1],)), 2 * limit)[0] > bench.threshold(1, 23)


@pytest.mark.parametrize(("name", "depth"), [("erf", 1), ("relu", 2), ("gelu", 2)])
def test_drift_in_coarse_steps_is_that_of_networks(name, depth, slow):
    """The readout is frozen at t = 2; lags 0, 2 and 6, steps of 1, biases, σ0² ≠ σ². The formula for the other value of `signal` must
    disagree and, with more networks, also that of continuous time."""
    limits = [bench.drift(name, depth, signal, 1.0) for signal in (False, True)]
    for signal in (False, True):
        found = bench.drifting(name, depth, signal, *((512, 1000) if slow else (128, 150, 1)))
        z, most = bench.score(found, limits[signal])
        assert z < most
        assert bench.score(found, limits[not signal])[0] > 1.5 * most
        if slow:
            assert bench.score(found, bench.drift(name, depth, signal, None))[0] > most


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: empirical_ntk("erf", X, width=0), "width must be at least 1"),
        (lambda: empirical_ntk("erf", X, width=5, networks=0), "networks must be at least 1"),
        (lambda: empirical_ntk("erf", X, X[:, :2], width=5), "X2 must have as many columns"),
        (lambda: empirical_ndk("erf", X, width=5, t=1.0, s=2.0, temperature=0.1), "s must not exceed t"),
        (lambda: empirical_ndk("erf", X, width=5, t=0.3, s=0.0, temperature=0.1, step=0.2), "t must be a multiple"),
        (lambda: empirical_ndk("erf", X, width=5, t=20.0, s=0.0, temperature=0.1, step=20.0), "forgets everything"),
        (
            lambda: empirical_ndk("erf", X, width=5, t=1.0, s=0.0, temperature=0.1, training=(X, Y)),
            "training=.* needs step",
        ),
        (
            lambda: empirical_ndk("erf", X, width=5, t=9.0, s=0.0, temperature=0.1, step=9.0, training=(X, Y)),
            "largest stable step",
        ),
        (
            lambda: empirical_ndk(
                "erf", X, width=5, t=1.0, s=0.0, temperature=0.1, step=0.5, training=(X, np.ones((3, 2)))
            ),
            "one output",
        ),
        (lambda: lazy_measure("erf", X, 1.0, width=5), "y must have shape"),
        (lambda: lazy_measure("erf", X, Y, width=5), "x must be one input"),
        (lambda: parameter_movement("erf", X, Y, times=[1.0], width=5, step=50.0), "largest stable step"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_other_errors():
    with pytest.raises(InputTypeError, match="width must be an integer"):
        empirical_ntk("erf", X, width=2.5)
    with pytest.raises(DivergentKernelError, match="discontinuous"):
        empirical_ntk("sign", X, width=5)
