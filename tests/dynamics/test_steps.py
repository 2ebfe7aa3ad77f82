"""Dynamics in steps (T3, T8), the diffusive limit (T12) and drift (T15): direct sums, limits, and each beside the others."""

import numpy as np
import pytest

import ndksym
from ndksym.errors import InputError, InputTypeError
from tests import volterra_reference

RNG = np.random.default_rng(2309)
X, X_TEST = RNG.normal(size=(3, 5)), RNG.normal(size=(2, 5))
Y = RNG.normal(size=3)
BOTH = np.vstack([X, X_TEST])


def moments(rate, level, init):
    """m(t, s) of T3 in steps."""
    return lambda t, s: level * rate ** abs(t - s) + (init - level) * rate ** (t + s)


def layers(name, depth, m_tt, m_ss, m_ts):
    """C^{L+1} and Θ^{L+1} between all rows and the training rows, by T5 typed afresh."""
    dual, gram = volterra_reference.DUALS[name], BOTH @ BOTH.T / 5
    a, b = m_tt * np.diag(gram)[:, None], m_ss * np.diag(gram)[None, :3]
    c, theta = m_ts * gram[:, :3], gram[:, :3]
    for _ in range(depth):
        K, K_dot = dual(a, b, c)
        theta = m_ts * K_dot * theta + K
        a, b, c = m_tt * dual(a, a, a)[0], m_ss * dual(b, b, b)[0], m_ts * K
    return c, theta


@pytest.mark.parametrize(("name", "depth", "strength"), [("erf", 2, 2.0), ("relu", 1, 0.5), ("erf", 1, 3000.0)])
def test_proximal_learning_is_the_sum_of_what_the_steps_injected(name, depth, strength):
    """T8, summed directly. For a large λ, D must not be computed by subtraction."""
    T, init, count = 0.5, 0.3, 12
    kept = strength / (strength + T)
    m = moments(kept, 2 / (1 + kept), init)
    f = np.zeros((count + 1, 5))
    for t in range(1, count + 1):
        D = [
            layers(name, depth, m(t, t), m(s, s), m(t, s))[0]
            - layers(name, depth, m(t, t), m(s, s), kept * m(t, s - 1))[0]
            for s in range(1, t + 1)
        ]
        past = sum((D[s - 1] @ (Y - f[s, :3]) for s in range(1, t)), np.zeros(5)) / (2 * T)
        last = D[-1] / (2 * T)
        own = np.linalg.solve(np.eye(3) + last[:3], past[:3] + last[:3] @ Y)
        f[t] = past + last @ (Y - own)
    run = ndksym.solve(
        ndksym.derive(name, depth=depth).compile(), X, Y, X_TEST, times=np.arange(count + 1), temperature=T,
        init_variance=init, method="mpl", strength=strength,
    )  # fmt: skip
    got = np.hstack([run.train, run.test])
    assert np.abs(got - f).max() < 1e-8 * max(1, np.abs(f).max())


@pytest.mark.parametrize(("name", "depth"), [("erf", 2), ("relu", 1)])
def test_euler_steps_are_the_sum_of_the_gradients_overlaps(name, depth):
    """f_n = h Σ_{k<n} a^{n−k−1} Θ(n, k) (y − f_k) with the m of T3."""
    T, init, h, count = 0.2, 2.0, 0.25, 30
    a = 1 - h * T
    m = moments(a, 1 / (1 - h * T / 2), init)
    f = np.zeros((count + 1, 5))
    for n in range(1, count + 1):
        f[n] = sum(
            h * a ** (n - k - 1) * layers(name, depth, m(n, n), m(k, k), m(n, k))[1] @ (Y - f[k, :3]) for k in range(n)
        )
    run = ndksym.solve(
        ndksym.derive(name, depth=depth).compile(), X, Y, X_TEST, times=h * np.arange(count + 1), temperature=T,
        init_variance=init, step=h,
    )  # fmt: skip
    assert np.abs(np.hstack([run.train, run.test]) - f).max() < 1e-8


def test_a_step_is_refused_where_it_is_unstable_and_not_before():
    """A mode of the NTK decays by 1 − h(θ + T/σ²) a step."""
    kernel, T = ndksym.derive("erf").compile(), 0.8
    limit = 2 / (np.linalg.eigvalsh(kernel.ntk(X, variance=4.0))[-1] + T)

    def last(step):
        run = ndksym.solve(
            kernel, X, Y, times=[0.0, 200 * step], temperature=T, init_variance=4.0, step=step, rtol=1e-5
        )
        return np.abs(run.train[-1]).max()

    assert last(0.99 * limit) < 2 * np.abs(Y).max()
    with pytest.raises(InputError, match=f"largest stable step is {limit:.4g}"):
        last(1.01 * limit)


@pytest.mark.parametrize("count", [63, 64, 65, 129])
def test_steps_are_the_same_however_many_follow(count):
    kernel = ndksym.derive("erf").compile()
    args = {"temperature": 0.2, "init_variance": 0.3, "step": 0.05}
    longer = ndksym.solve(kernel, X, Y, X_TEST, times=0.05 * np.array([count, 140]), **args)
    run = ndksym.solve(kernel, X, Y, X_TEST, times=[0.05 * count], **args)
    assert np.abs(run.test - longer.test[:1]).max() < 1e-13


def test_before_the_first_step_there_is_no_error():
    run = ndksym.solve(ndksym.derive("erf").compile(), X, Y, times=[0], temperature=0.2, method="mpl", strength=2.0)
    assert not np.any(run.train)
    assert 0 <= run.error[0] < 1e-12


def test_a_single_gaussian_weight_judges_the_fluctuations_of_proximal_learning():
    """Without a hidden layer MPL is a linear Gaussian chain: Θ' | Θ has precision 1/Var ξ + x²/2T. The noise of variance
    2T on the data is what makes R C Rᵀ agree with it; here C = m x², D = x² λ~^{t−s} Var ξ."""
    T, strength, x, init, count = 0.4, 1.5, 1.3, 0.3, 9
    kept = strength / (strength + T)
    fresh = 2 * (1 - kept)
    precision = 1 / fresh + x * x / (2 * T)
    variance = init
    for _ in range(count):
        variance = (kept / fresh / precision) ** 2 * variance + 1 / precision
    steps = np.arange(count + 1)
    t, s = steps[:, None], steps[None, :]
    C = x * x * moments(kept, 2 / (1 + kept), init)(t, s)
    D = np.where((s <= t) & (s >= 1), x * x * kept ** np.abs(t - s) * fresh, 0.0) / (2 * T)
    R = np.linalg.inv(np.eye(count + 1) + D)
    assert (R @ (C + 2 * T * D @ D.T) @ R.T)[-1, -1] == pytest.approx(x * x * variance, rel=1e-12)
    # and the library's own sum is that one, for a network
    kernel = ndksym.derive("erf").compile()
    run = ndksym.solve(
        kernel,
        X[:1],
        Y[:1],
        times=steps,
        temperature=T,
        init_variance=init,
        method="mpl",
        strength=strength,
        covariance=True,
    )
    m = moments(kept, 2 / (1 + kept), init)
    C, D = np.zeros((2, count + 1, count + 1))
    for i in steps:
        for j in range(i + 1):
            C[i, j] = C[j, i] = layers("erf", 1, m(i, i), m(j, j), m(i, j))[0][0, 0]
            if j >= 1:
                D[i, j] = (C[i, j] - layers("erf", 1, m(i, i), m(j, j), kept * m(i, j - 1))[0][0, 0]) / (2 * T)
    R = np.linalg.inv(np.eye(count + 1) + D)
    want = np.diag(R @ (C + 2 * T * D @ D.T) @ R.T)
    assert np.abs(run.train_cov[:, 0, 0] - want).max() < 1e-7


def test_steps_tend_to_continuous_time_at_first_order():
    kernel, times = ndksym.derive("relu", depth=2).compile(), np.array([0.4, 2.0])
    args = {"temperature": 0.1, "init_variance": 0.3, "covariance": True}
    true = ndksym.solve(kernel, X, Y, X_TEST, times=times, **args)

    def miss(found):
        return max(np.abs(found.test - true.test).max(), np.abs(found.test_cov - true.test_cov).max())

    euler = [miss(ndksym.solve(kernel, X, Y, X_TEST, times=times, step=h, **args)) for h in (0.05, 0.025)]
    proximal = [
        miss(ndksym.solve(kernel, X, Y, X_TEST, times=times * n, method="mpl", strength=n, **args)) for n in (20, 40)
    ]
    for coarse, fine in (euler, proximal):
        assert np.log2(coarse / fine) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("signal", [False, True])
@pytest.mark.parametrize(("name", "depth"), [("erf", 2), ("relu", 1)])
def test_drift_in_steps_is_the_sum_of_what_each_step_left(name, depth, signal):
    """T15 in Euler steps with the m of T3, summed directly."""
    T, init, h, frozen, asked = 0.3, 2.0, 0.5, 4, (4, 5, 13)
    a = 1 - h * T
    m = moments(a, 1 / (1 - h * T / 2), init)

    def parts(n, k):
        c, theta = layers(name, depth, m(n, n), m(k, k), m(n, k))
        return theta, c / m(n, k), (theta - c / m(n, k)) / m(n, k)

    delta = [Y]
    for n in range(1, asked[-1] + 1):
        delta.append(Y - sum(h * a ** (n - k - 1) * parts(n, k)[0][:3] @ delta[k] for k in range(n)))
    want = []
    for n in asked:
        readout = sum(h * a ** (frozen - k - 1) * parts(n, k)[1] @ delta[k] for k in range(frozen))
        last = n if signal else frozen
        hidden = sum(h * a ** (n - k - 1) * m(frozen, k) * parts(n, k)[2] @ delta[k] for k in range(last))
        want.append(readout + hidden)
    kernel = ndksym.derive(name, depth=depth).compile()
    args = {"freeze_time": h * frozen, "times": h * np.array(asked), "temperature": T, "init_variance": init}
    for reduction, P in (("sum", 1), ("mean", 3)):  # the mean over P is the sum with step and rate rescaled
        steps = {"temperature": T / P, "step": h * P, "times": args["times"] * P, "freeze_time": h * frozen * P}
        got = ndksym.drift(kernel, X, Y, X_TEST, signal=signal, reduction=reduction, **(args | steps))
        assert np.abs(np.hstack([got.train, got.test]) - want).max() < 1e-8
        assert got.error.max() < 1e-6


def test_drift_in_steps_tends_to_drift_at_first_order():
    kernel = ndksym.derive("relu", depth=2, bias=True).compile()
    args = {"freeze_time": 2.0, "times": [2.0, 4.0], "temperature": 0.1, "init_variance": 0.3, "bias": 0.3}
    for signal in (False, True):
        true = ndksym.drift(kernel, X, Y, X_TEST, signal=signal, **args)
        coarse, fine = (
            np.abs(ndksym.drift(kernel, X, Y, X_TEST, signal=signal, step=h, **args).test - true.test).max()
            for h in (0.02, 0.01)
        )
        assert np.log2(coarse / fine) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("name", "depth"), [("erf", 2), ("relu", 2)])
def test_the_diffusive_limit_is_approached_linearly_in_the_temperature(name, depth):
    kernel, tau = ndksym.derive(name, depth=depth).compile(), np.array([0.05, 0.5, 3.0])
    misses = []
    for T in (1e-5, 1e-6):
        args = {"times": tau / T, "temperature": T, "init_variance": 0.3, "rtol": 1e-7}
        limit = ndksym.solve(kernel, X, Y, X_TEST, method="diffusive", **args)
        misses.append(np.abs(ndksym.solve(kernel, X, Y, X_TEST, **args).test - limit.test).max())
        assert np.abs(limit.train - Y).max() < 1e-6
    assert np.log10(misses[0] / misses[1]) == pytest.approx(1.0, abs=0.1)


def test_the_diffusive_limit_begins_at_the_plateau_and_ends_at_the_cold_posterior():
    kernel = ndksym.derive("relu", depth=2).compile()
    run = ndksym.solve(
        kernel, X, Y, X_TEST, times=[0.0, 6e7, 1e9], temperature=1e-6, init_variance=0.3, method="diffusive"
    )
    C = kernel.nngp(BOTH)
    assert np.abs(run.test[0] - run.ntk_plateau).max() < 1e-8
    for k in (1, 2):
        assert np.abs(run.test[k] - C[3:, :3] @ np.linalg.solve(C[:3, :3], Y)).max() < 1e-6


def test_conflicting_labels_in_the_diffusive_limit_are_averaged():
    twice, y = np.vstack([X[:2], X[:1]]), np.array([1.0, 0.5, -0.4])
    run = ndksym.solve(ndksym.derive("erf").compile(), twice, y, times=[1e4, 1e6], temperature=1e-5, method="diffusive")
    assert run.train == pytest.approx(np.tile([0.3, 0.5, 0.3], (2, 1)), abs=1e-6)


@pytest.mark.parametrize("name", ["erf", "relu"])
def test_a_readout_frozen_now_is_the_network_and_later_one_of_the_posterior(name):
    kernel = ndksym.derive(name, depth=2, bias=True).compile()
    args = {"temperature": 0.1, "init_variance": 0.3, "bias": 0.3}
    run = ndksym.solve(kernel, X, Y, X_TEST, times=[7.0], **args)
    now = ndksym.drift(kernel, X, Y, X_TEST, freeze_time=7.0, times=[7.0, 9.0], **args)
    assert np.abs(now.test[0] - run.test[0]).max() < 1e-6
    lags = np.array([0.0, 1.0, 20.0])
    for signal in (False, True):  # the general formula late enough, beside the formula of equilibrium
        late = ndksym.drift(kernel, X, Y, X_TEST, freeze_time=400.0, times=400 + lags, signal=signal, **args)
        ever = ndksym.drift(kernel, X, Y, X_TEST, freeze_time=np.inf, times=lags, signal=signal, **args)
        assert np.abs(late.test - ever.test).max() < 1e-6
        assert np.abs(ever.train[1] - ever.train[0]).max() > 1e-4
    assert np.abs(ever.test[0] - run.equilibrium.mean).max() < 1e-6


def test_what_drift_leaves_is_what_mean_activations_hold():
    """T15: as t − t_0 → ∞ the cross covariance of u, v vanishes and K = Eφ Eφ: 0 for an odd φ."""
    args = {"freeze_time": np.inf, "times": [0.0, 1e4], "temperature": 0.1}
    odd = ndksym.drift(ndksym.derive("erf").compile(), X, Y, X_TEST, **args)
    assert np.abs(odd.test[1]).max() < 1e-12
    kernel = ndksym.derive("relu").compile()
    left = ndksym.drift(kernel, X, Y, X_TEST, **args)
    norm = np.sqrt(np.diag(BOTH @ BOTH.T) / 5 / (2 * np.pi))  # E relu(u) = √(a/2π)
    C = kernel.nngp(X)
    want = norm[3:] * (norm[:3] @ np.linalg.solve(C + 0.1 * np.eye(3), Y))
    assert np.abs(left.test[1] - want).max() < 1e-6


@pytest.mark.parametrize(
    ("change", "says"),
    [({"freeze_time": np.inf, "step": 0.5}, "must be a finite multiple"), ({"step": 0.3}, "freeze_time must be a multiple"),
     ({"step": 0.5, "times": [1.2]}, "times must be a multiple"), ({"step": 5.0}, "unstable|multiple"), ({"step": -1}, "step"),
     ({"freeze_time": -1.0}, "freeze_time"), ({"freeze_time": "late"}, "freeze_time"), ({"freeze_time": 5.0}, "times must be ≥"),
     ({"times": [1.0, 0.5]}, "ascend"), ({"temperature": 0.0}, "temperature")],
)  # fmt: skip
def test_bad_input_to_drift_is_named(change, says):
    args = {"freeze_time": 1.0, "times": [1.0, 2.0], "temperature": 0.1} | change
    with pytest.raises((InputError, InputTypeError), match=says):
        ndksym.drift(ndksym.derive("erf").compile(), X, Y, X_TEST, **args)
