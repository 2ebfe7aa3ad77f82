"""Networks of finite width: gradients, estimates, checks of arguments, and results that do not depend on the number of processes."""

import copy
import dataclasses
import functools
import pickle

import numpy as np
import pytest
from scipy.stats import chi2, norm

import ndksym
from ndksym.dynamics import checks as physical
from ndksym.errors import DivergentKernelError, InputError, InputTypeError
from ndksym.simulation import Scan, compare, comparison, estimates, options
from ndksym.simulation.networks import network, proximal, worker

RNG = np.random.default_rng(11)
X, X_TEST = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 5))
Y = np.array([1.0, -0.5, 0.25])


def job(activation="gelu", depth=2, *, times=(0.0, 0.5, 1.0), loss=1.0, y=Y, **changes):
    physics = {"temperature": 0.1, "prior": 1.0, "init": 0.5, "bias": 0.0}
    given = {"dynamics": "langevin", "step": 0.25, "strength": None, "freeze_time": None, "signal": False, "seed": 5}
    given |= {"pairs": 4, "width": 7}
    for name, value in changes.items():
        (given if name in given else physics)[name] = value
    d = ndksym.derive(activation, depth=depth, bias=physics["bias"] != 0)
    data = physical.checked(X, y, X_TEST, times)
    kernel = d.compile()
    checked = physical.physics(kernel, *physics.values(), zero=physics["temperature"] == 0)
    return options.job(d, kernel, data, checked, loss, options.SimulationOptions(**given))


def networks(task, pairs=2):
    layers = worker.load_numpy(task.text)
    hidden = [layers[n] for n in task.order]
    return network.created(hidden, task.shapes, task.bias, network.Noise(task.seed, range(pairs)), 0.7)


@pytest.mark.parametrize("bias", [0.0, 0.4])
def test_back_propagation_is_the_derivative(bias):
    """A step with decay = 1 changes each parameter by Σ error ∂f/∂θ, which central differences of f confirm."""
    task = job(bias=bias, depth=3, activation=["tanh", "gelu", "erf"])
    of = networks(task)
    error = RNG.normal(size=(2, 2, 1, 3))

    def total():
        return np.sum(error * network.forward(of, task.X).f, axis=(2, 3))

    seen = network.forward(of, task.X)
    deltas = network.backward(of, seen, error)
    before = [each.copy() for each in of.parameters]
    gradients = []
    for each in of.parameters:
        found = np.empty_like(each)
        for at in np.ndindex(each.shape[2:]):
            where = (slice(None), slice(None), *at)
            start = each[where].copy()
            each[where] = start + 1e-5
            high = total()
            each[where] = start - 1e-5
            found[where] = (high - total()) / 2e-5
            each[where] = start
        gradients.append(found)
    network.step(of, 1.0, seen.inputs, deltas)
    for each, old, gradient in zip(of.parameters, before, gradients, strict=True):
        assert np.abs(each - old - gradient).max() < 1e-8
    scaled = [each.copy() for each in of.parameters]
    network.step(of, 0.5, seen.inputs, [0 * delta for delta in deltas])
    assert all(np.allclose(each, 0.5 * old) for each, old in zip(of.parameters, scaled, strict=True))


def test_one_step_by_hand():
    """Two steps of one pair of depth 1, computed directly: decay, gradient, noise, and the scale of the loss."""
    task = job("erf", 1, width=3, times=(0.0, 0.25, 0.5), loss=0.5)
    layers = worker.load_numpy(task.text)
    noise = network.Noise(task.seed, [0])
    W, v = (np.sqrt(0.5) * noise.like(np.empty((1, 2, *shape)))[0, 0].copy() for shape in task.shapes)
    both = np.hstack([task.X, task.rows])
    parameters = [(W.copy(), v.copy()) for _ in range(2)]
    expected = []
    for _ in range(3):
        expected.append([v @ layers[0].phi(W @ both) / np.sqrt(3) for W, v in parameters])
        shaken = [np.sqrt(2 * 0.25 * 0.1) * noise.like(np.empty((1, 2, *shape)))[0, 0].copy() for shape in task.shapes]
        moved = []
        for (W, v), sign in zip(parameters, (1, -1), strict=True):
            h = W @ task.X
            error = v @ layers[0].phi(h) / np.sqrt(3) - sign * Y
            slope = layers[0].dphi(h) * (v.T @ error) / np.sqrt(3) @ task.X.T
            a = 1 - 0.25 * 0.1
            moved.append(
                (
                    a * W - 0.25 * 0.5 * slope + shaken[0],
                    a * v - 0.25 * 0.5 * error @ layers[0].phi(h).T / np.sqrt(3) + shaken[1],
                )
            )
        parameters = moved
    found = worker.simulated(task, range(1))
    assert np.abs(found[0, :, :, :, 0] - np.array(expected)[:, :, 0].swapaxes(0, 1)).max() < 1e-12


@pytest.mark.parametrize("dynamics", ["langevin", "mpl"])
def test_the_same_numbers_however_the_work_is_shared(dynamics, monkeypatch):
    step, strength, times = (0.25, None, (0.0, 0.5, 1.0)) if dynamics == "langevin" else (None, 0.5, (0, 1, 2))
    common = {"depth": 2, "width": 9, "times": times, "temperature": 2.0, "step": step, "strength": strength}
    runs = [
        ndksym.simulate(
            "gelu", X, Y, X_TEST, pairs=pairs, seed=3, processes=many, dynamics=dynamics, bias=0.3, **common
        )
        for pairs, many in ((7, 1), (7, 3), (4, 2))
    ]
    assert np.array_equal(runs[0].samples, runs[1].samples)
    assert np.array_equal(runs[0].samples[:4], runs[2].samples)
    other = ndksym.simulate("gelu", X, Y, X_TEST, pairs=2, seed=4, dynamics=dynamics, bias=0.3, **common)
    assert not np.any(runs[0].samples[:2] == other.samples)
    task = job(dynamics=dynamics, step=step, strength=strength, times=times, temperature=2.0)
    together = worker.simulated(task, range(5))
    monkeypatch.setattr(worker, "CACHE", 1)
    assert np.array_equal(together, worker.simulated(task, range(5)))


def test_inputs_of_many_dimensions_are_turned_into_few():
    """The outputs depend on inner products only, so a rotation of the inputs does not change them."""
    wide = RNG.normal(size=(3, 50))
    rotation = np.linalg.qr(RNG.normal(size=(50, 50)))[0]
    common = {"width": 20, "times": [1.0], "temperature": 0.1, "step": 0.5, "pairs": 2}
    a, b = (ndksym.simulate("erf", each, Y, **common) for each in (wide, wide @ rotation))
    assert np.abs(a.samples - b.samples).max() < 1e-9
    data = physical.checked(wide, Y, None, [1.0])
    columns, rows = options._columns(data)
    assert columns.shape == (3, 3)
    assert rows.size == 0
    assert np.abs(columns.T @ columns - wide @ wide.T / 50).max() < 1e-12


def test_gradient_descent_is_deterministic_but_for_its_beginning():
    sim = ndksym.simulate(
        "erf", X, Y, width=30, times=[0.0, 500.0], temperature=9.0, step=0.5, dynamics="gradient", pairs=3
    )
    assert np.abs(sim.samples[:, 0, -1, :, 0] - Y).max() < 1e-6
    assert sim.physics["temperature"] == 0


def test_shapes_and_estimates():
    both = np.column_stack([Y, -2 * Y])
    sim = ndksym.simulate("erf", X, both, X_TEST, width=(8,), times=[0.5, 1.0], temperature=0.1, step=0.5, pairs=5)
    assert sim.mean.train.shape == (2, 3, 2)
    assert sim.stderr.test.shape == sim.var.test.shape == np.asarray(sim.var_stderr).shape == (2, 2, 2)
    half = 0.5 * (sim.samples[:, 0] - sim.samples[:, 1])
    assert np.allclose(sim.mean.train, half.mean(axis=0)[:, :3])
    assert np.allclose(sim.stderr.test, half.std(axis=0, ddof=1)[:, 3:] / np.sqrt(5))
    total = half.var(axis=0, ddof=1) + np.mean((0.5 * sim.samples.sum(axis=1)) ** 2, axis=0)
    assert np.allclose(sim.var.train, total[:, :3])
    assert (
        (sim.mean - sim.mean.test == 0).all() if hasattr(sim.mean, "__sub__") else (sim.mean.test - sim.mean == 0).all()
    )


def test_a_simulation_is_short_to_read_and_compares_by_its_numbers(tmp_path):
    sim = blank()
    assert repr(sim) == "Simulation(erf: depth 1, width 4, langevin, 2 pairs at 2 times, seed 0)"
    table = sim._repr_html_()
    assert table.count("<tr>") == 3
    assert "mean f(test 0)" in table
    assert f"{sim.mean.test[1, 0]:.5f} ± {sim.stderr.test[1, 0]:.5f}" in table
    _ = sim.mean, sim.kernel  # what is computed later is no part of it
    sim.save(tmp_path / "sim.npz", {"note": "kept beside it"})
    loaded = ndksym.load(tmp_path / "sim.npz")
    for other in (loaded, pickle.loads(pickle.dumps(sim)), copy.copy(sim), copy.deepcopy(sim)):
        assert (other == sim) is True
        assert other.settings == sim.settings
        assert other.theory().test.shape == (2, 2)
    for changes in ({"seed": 1}, {"samples": sim.samples + 1e-9}, {"physics": {**sim.physics, "bias": 1.0}}):
        assert (dataclasses.replace(sim, **changes) == sim) is False
    assert sim != 1
    args = {"width": 4, "times": [0.5, 1.0], "temperature": 0.1, "step": 0.5, "pairs": 2}
    assert ndksym.simulate(ndksym.derive("erf"), X, Y, X_TEST, **args) == sim
    settings = {"network": ["erf"], "widths": (4,), "pairs": 2, "seed": 0, "temperature": 0.1, "step": 0.5}
    assert settings.items() <= sim.settings.items()


def test_the_variance_estimate_has_no_bias():
    """For pairs of known normal numbers, E v = Var d + E e²."""
    rng = np.random.default_rng(0)
    learnt, shared = 0.5 + 0.3 * rng.normal(size=(20_000, 1, 1, 1)), 0.8 * rng.normal(size=(20_000, 1, 1, 1))
    sim = dataclasses.replace(
        blank(), times=np.array([0.5]), samples=np.stack([shared + learnt, shared - learnt], axis=1), trained=1
    )
    assert abs(sim.var.train[0, 0] - (0.09 + 0.64)) < 4 * sim.var_stderr.train[0, 0]
    few = dataclasses.replace(sim, samples=sim.samples.reshape(4000, 5, 2, 1, 1, 1)[0])
    many = np.mean(
        [dataclasses.replace(few, samples=part).var.train for part in sim.samples.reshape(4000, 5, 2, 1, 1, 1)]
    )
    assert abs(many - 0.73) < 0.04


def test_a_readout_frozen_at_the_end_reports_what_it_would_have():
    args = {"width": 12, "temperature": 0.1, "step": 0.5, "pairs": 3, "depth": 2, "bias": 0.3}
    plain = ndksym.simulate("erf", X, Y, times=[2.0, 4.0], **args)
    frozen = ndksym.simulate("erf", X, Y, times=[2.0, 4.0], freeze_time=2.0, signal=True, **args)
    assert np.array_equal(plain.samples[:, :, 0], frozen.samples[:, :, 0])
    assert np.abs(plain.samples[:, :, 1] - frozen.samples[:, :, 1]).min() > 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "width must be at least 1"),
        ({"width": (5, 5)}, "one for each of 1 hidden layers"),
        ({"pairs": 1}, "pairs must be at least 2"),
        ({"step": 50.0}, "the largest stable step is"),
        ({"step": None}, "the largest stable one is"),
        ({"times": [0.3]}, "must be a multiple of step"),
        ({"dynamics": "adam"}, "dynamics must be langevin, mpl or gradient"),
        ({"dynamics": "mpl"}, "needs strength"),
        ({"strength": 2.0}, "strength belongs to"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"freeze_time": 3.0}, "must be ≥ freeze_time"),
        ({"freeze_time": 0.3}, "freeze_time must be a multiple"),
        ({"temperature": 0.0}, "method='gradient' serves"),
        ({"width": 200_000, "depth": 2}, "would take"),
        ({"reduction": "max"}, "reduction must be"),
    ],
)
def test_bad_input_is_named(changes, message):
    args = {"width": 5, "times": [0.5], "temperature": 0.1, "step": 0.5, "pairs": 2} | changes
    with pytest.raises(InputError, match=message):
        ndksym.simulate("erf", X, Y, **args)


def test_other_errors():
    args = {"times": [0.5], "temperature": 0.1, "step": 0.5, "pairs": 2}
    with pytest.raises(InputTypeError, match="width must be an integer"):
        ndksym.simulate("erf", X, Y, width=2.5, **args)
    with pytest.raises(DivergentKernelError):
        ndksym.simulate("sign", X, Y, width=5, **args)
    with pytest.raises(InputError, match="left float64 at step"):
        ndksym.simulate("x**3", X, Y, width=1, times=[10.0], temperature=0.1, step=0.05, pairs=99)


def test_rejection_is_estimated_before_it_starts():
    with pytest.raises(InputError, match="proposals a step"):
        ndksym.simulate("erf", X, 5 * Y, width=5, times=[3], temperature=0.01, dynamics="mpl", strength=1.0, pairs=2)


def test_rejection_accepts_as_often_as_was_estimated(monkeypatch):
    """The proposals of the first step are counted in wide networks."""
    args = {"temperature": 3.0, "dynamics": "mpl", "step": None, "strength": 0.5, "times": (1,), "y": 2 * Y}
    task = job("erf", 1, width=300, **args)
    d = ndksym.derive("erf")
    data = physical.checked(X, 2 * Y, X, [1])
    physics = physical.physics(d.compile(), 3.0, 1.0, 0.5, 0.0, zero=False)
    problem = options.Problem(d.compile(), X, X, data.y, physics, 1.0, 1e-6)
    expected = options.acceptance.proposals(problem, 0.5)
    tries = []
    inner = network.forward
    monkeypatch.setattr(proximal, "forward", lambda of, at: tries.append(0) or inner(of, at))
    worker.simulated(task, range(400))
    # a pair continues until both networks have accepted; two more calls compute the reported outputs
    mean = len(tries) / 400 - 2
    assert expected < mean < 2 * expected


@functools.cache
def blank():
    return ndksym.simulate("erf", X, Y, X_TEST, width=4, times=[0.5, 1.0], temperature=0.1, step=0.5, pairs=2)


def gaussian(mean, std, pairs=400, rows=5, seed=0):
    """A simulation with pairs from a known law: the shared part has variance 0.99 std², the learnt part 0.01 std²."""
    rng = np.random.default_rng(seed)
    learnt = mean + 0.1 * std * rng.normal(size=(pairs, 2, rows, 1))
    shared = np.sqrt(0.99) * std * rng.normal(size=(pairs, 2, rows, 1))
    return dataclasses.replace(blank(), samples=np.stack([shared + learnt, shared - learnt], axis=1))


def predicted(mean, variance):
    train, test = np.full((2, 3), mean), np.full((2, 2), mean)
    covs = [np.tile(variance * np.eye(n), (2, 1, 1)) for n in (3, 2)]
    return dataclasses.replace(
        ndksym.solve(ndksym.derive("erf").compile(), X, Y, X_TEST, times=[0.5, 1.0], temperature=0.1),
        train=train, test=test, train_cov=covs[0], test_cov=covs[1],
    )  # fmt: skip


def test_z_scores_of_right_theory_are_normal_and_of_wrong_theory_are_not():
    z, spread, worst, expected = [], [], [], []
    run = predicted(0.3, 4.0)
    for seed in range(200):
        compared = compare(gaussian(0.3, 2.0, pairs=12, seed=seed), run)
        z.append(compared.mean.z)
        spread.append(compared.var.z)
        worst.append(compared.mean.worst)
        expected.append(compared.mean.expected)
    for each in (np.array(z), np.array(spread)):
        assert abs(each.mean()) < 0.1
        assert abs(each.std() - 1) < 0.15
        assert np.mean(np.abs(each) > 2.576) < 0.025
    assert np.mean(worst) == pytest.approx(np.mean(expected), rel=0.15)
    good = gaussian(0.3, 2.0)
    assert compare(good, run).agrees()
    assert not compare(good, predicted(0.4, 4.0)).agrees()
    assert not compare(good, predicted(0.3, 6.5)).agrees()
    assert compare(good, predicted(0.3, 6.5)).mean.chance > 0.01
    text = str(compare(good, run))
    assert "max |z|" in text
    assert "test 0" in text


@pytest.mark.parametrize("pairs", [40, 300])
def test_z_scores_of_extrapolated_variances_are_normal_even_where_these_are_negative(pairs):
    run, z, lowest = predicted(0.3, 4.0), [], []
    for seed in range(100):
        parts = [
            dataclasses.replace(gaussian(0.3, 2.0, pairs=pairs, seed=3 * seed + k), widths=(N,))
            for k, N in enumerate((20, 40, 80))
        ]
        found = compare(Scan(tuple(parts), degree=2), run)
        z.append(found.var.z)
        lowest.append(found.var.value.min())
    z = np.array(z)
    assert abs(z.mean()) < 0.15
    assert abs(z.std() - 1) < 0.15
    assert np.mean(np.abs(z) > 2.576) < 0.025
    assert np.abs(z).max() < 5
    assert pairs > 40 or min(lowest) < 0


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("chance", [1e-5, 0.01, 0.3, 0.9, 0.999])
def test_z_of_one_variance_is_that_of_chi_squared(n, chance):
    share = chi2.ppf(chance, n) / n
    z = comparison._gamma(np.ones(1), estimates.Estimate((np.full((n, 1), share),)))
    assert z[0] == pytest.approx(norm.ppf(chance), abs=0.05)


def test_theory_of_other_times_is_refused():
    run = ndksym.solve(ndksym.derive("erf").compile(), X, Y, X_TEST, times=[0.5, 2.0], temperature=0.1)
    with pytest.raises(InputError, match="same times and rows"):
        compare(gaussian(0.0, 1.0), run)


def test_a_scan_extrapolates_what_falls_as_one_over_the_width():
    """For a known bias 3/N the slope is −1, the limit has no bias, and the errors are those of the samples."""
    parts = []
    for index, width in enumerate((20, 40, 80)):
        sim = gaussian(0.3 + 3 / width, 0.2, pairs=2000, seed=index)
        parts.append(dataclasses.replace(sim, widths=(width,)))
    scan, run = Scan(tuple(parts)), predicted(0.3, 0.04)
    assert np.abs(scan.mean.train - 0.3).max() < 4.5 * scan.stderr.train.max()
    assert 0.0 < scan.stderr.train.max() < 0.005
    slope = scan.slope(run)
    assert slope.resolved
    assert abs(slope.value + 1) < 4 * slope.error
    assert slope.error < 0.1
    assert compare(scan, run).agrees()
    assert not compare(parts[0], run).agrees()
    unbiased = Scan(tuple(dataclasses.replace(gaussian(0.3, 0.2, seed=k), widths=(20 + k,)) for k in range(2)))
    assert not unbiased.slope(run).resolved
    with pytest.raises(InputError, match="two different widths"):
        Scan((parts[0], parts[0]))
    with pytest.raises(InputError, match="two different widths"):  # before anything is simulated
        ndksym.simulation.width_scan("erf", X, Y, times=[1e9], temperature=0.1, step=1.0, widths=[10**6, 10**6])


def test_a_parabola_takes_what_falls_as_its_square_out_too():
    parts = [
        dataclasses.replace(gaussian(0.3 + 3 / N + 60 / N**2, 0.2, pairs=2000, seed=k), widths=(N,))
        for k, N in enumerate((20, 40, 80, 160))
    ]
    run = predicted(0.3, 0.04)
    line, parabola = (compare(Scan(tuple(parts), degree), run) for degree in (1, 2))
    assert not line.agrees()
    assert parabola.agrees()
    with pytest.raises(InputError, match="needs 5 different widths"):
        Scan(tuple(parts), 4)
    with pytest.raises(InputError, match="degree must be at least 1"):
        Scan(tuple(parts), 0)


def test_the_variance_extrapolates_too():
    parts = [
        dataclasses.replace(gaussian(0.3, np.sqrt(0.04 * (1 + 30 / width)), pairs=3000, seed=k), widths=(width,))
        for k, width in enumerate((30, 60, 120))
    ]
    scan, run = Scan(tuple(parts)), predicted(0.3, 0.04)
    assert np.abs(scan.var.test - 0.04).max() < 4.5 * scan.var_stderr.test.max()
    slope = scan.slope(run, "var")
    assert abs(slope.value + 1) < 4 * slope.error < 0.6


def test_exact_proximal_learning_and_coarse_steps():
    """T8 at three strengths by rejection, and Euler steps so large that continuous time disagrees (T3)."""
    kernel = ndksym.derive("erf", depth=1).compile()
    for strength in (0.5, 2.0, 10.0):
        sim = ndksym.simulate(
            "erf", X[:2], Y[:2], X_TEST, width=300, times=[1, 2, 4], temperature=0.7, init_variance=0.5, strength=strength,
            dynamics="mpl", pairs=400, seed=8,
        )  # fmt: skip
        compared = sim.compare()
        assert compared.agrees(1e-4), f"λ = {strength}: {compared}"
        other = ndksym.solve(
            kernel, X[:2], Y[:2], X_TEST, times=[1, 2, 4], temperature=0.7, init_variance=0.5, strength=4 * strength,
            method="mpl", covariance=True,
        )  # fmt: skip
        assert not sim.compare(other).agrees(1e-4)
    args = {"times": [1.0, 2.0, 5.0, 20.0], "temperature": 0.2, "init_variance": 0.5}
    sim = ndksym.simulate("erf", X, Y, X_TEST, width=400, step=1.0, pairs=150, seed=9, **args)
    assert sim.compare().agrees(1e-4), str(sim.compare())
    assert not sim.compare(ndksym.solve(kernel, X, Y, X_TEST, covariance=True, **args)).agrees(1e-4)
