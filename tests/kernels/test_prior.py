"""T1–T3: what is derived of the data-free chain, against its definition, its published form, and a simulated chain."""

import numpy as np
import pytest
from sympy import Integer, Symbol, diff, exp, integrate, limit, oo, simplify, srepr

from ndksym.algebra.zero_test import evaluate, is_zero
from ndksym.errors import CheckFailedError
from ndksym.kernels import prior
from ndksym.kernels.prior import Chain, euler_langevin, proximal, theta, theta_prev
from ndksym.symbols import T, lam, n, s, sigma02, sigma2, step, t

RATE = lam / (lam + T / sigma2)
LEVEL = 2 * sigma2 / (1 + RATE)
CHAINS = {"proximal": proximal(), "euler": euler_langevin()}


def proved(left, right=0):
    return is_zero(left - right).kind == "proved"


def test_the_exponent_is_that_of_t1():
    energy = T * theta**2 / (2 * sigma2)
    assert proved(prior.exponent(), -(energy + lam * (theta - theta_prev) ** 2 / 2) / (2 * T))


def test_the_transition_is_the_normalised_exponential():
    density = proximal().log_density(theta, theta_prev)
    assert proved(diff(density - prior.exponent(), theta))
    assert simplify(integrate(exp(density.subs(theta_prev, 0)), (theta, -oo, oo))) == 1


def test_rate_noise_and_level_have_the_published_form():
    chain = proximal()
    assert proved(chain.rate, RATE)
    assert proved(chain.noise, 2 * sigma2 * (1 - RATE))
    assert proved(chain.stationary, LEVEL)


def test_euler_langevin_has_the_published_form():
    chain, rate = euler_langevin(), 1 - step * T / sigma2
    level = sigma2 / (1 - step * T / (2 * sigma2))
    assert proved(chain.rate, rate)
    assert proved(chain.noise, 2 * T * step)
    assert proved(chain.stationary, level)
    whole = chain.covariance(n + 3, n)
    assert proved(whole, level * rate**3 + (sigma02 - level) * rate ** (2 * n + 3))


@pytest.mark.parametrize("name", CHAINS)
def test_detailed_balance(name):
    left, right = prior.detailed_balance(CHAINS[name])
    assert proved(left, right)
    # it is the stationary law that does it
    wrong = CHAINS[name].log_density(theta, theta_prev) - CHAINS[name].log_density(theta_prev, theta)
    assert is_zero(wrong).kind == "refuted"


@pytest.mark.parametrize("name", CHAINS)
def test_stationarity(name):
    chain = CHAINS[name]
    assert proved(chain.rate**2 * chain.stationary + chain.noise, chain.stationary)
    assert proved(chain.covariance(n, n).subs(sigma02, chain.stationary), chain.stationary)


def test_two_time_covariance_is_that_of_t3():
    m = proximal().covariance(t, s)
    assert proved(m, LEVEL * RATE ** (t - s) + (sigma02 - LEVEL) * RATE ** (t + s))
    assert proved(m.subs({t: 0, s: 0}), sigma02)


def test_two_time_covariance_obeys_its_recurrences():
    chain = proximal()
    later = chain.covariance(n + 2, n)
    assert proved(chain.covariance(n + 3, n), chain.rate * later)
    assert proved(chain.covariance(n + 1, n + 1), chain.rate**2 * chain.covariance(n, n) + chain.noise)


def test_a_recurrence_that_is_not_solved_is_an_error(monkeypatch):
    monkeypatch.setattr(prior, "rsolve", lambda *_: Symbol("y0") * Symbol("r") ** n)
    with pytest.raises(CheckFailedError, match="induction"):
        prior._recurrence(Symbol("r"), Integer(1), sigma02, t)


@pytest.mark.parametrize("name", CHAINS)
def test_both_chains_tend_to_langevin(name):
    if name == "proximal":
        late = limit(proximal().covariance(lam * t, lam * s), lam, oo)
    else:
        late = limit(euler_langevin().covariance(t / step, s / step), step, 0)
    published = sigma2 * exp(-T * (t - s) / sigma2) + (sigma02 - sigma2) * exp(-T * (t + s) / sigma2)
    assert proved(late, published)
    assert proved(prior.continuous(), published)


def test_langevin_drift_and_noise():
    drift, noise = prior.langevin_limit()
    assert proved(drift, -diff(prior.prior_energy(), theta))
    assert proved(noise, 2 * T)


def test_response_is_the_slope_of_the_covariance_in_equilibrium():
    still = prior.continuous().subs(sigma02, sigma2)
    assert proved(diff(still, s) / T, prior.response())


def test_moments_at_equal_times():
    m = prior.continuous_moments()
    assert proved(m.tt, prior.continuous(t, t))
    assert proved(m.ss, prior.continuous(s, s))
    assert proved(m.ts.subs(s, t), m.tt)
    assert proved(m.tt.subs(t, 0), sigma02)


def test_injected_noise():
    """m(t,s) − λ~ m(t,s−1) is the noise of step s, carried on to t: the step of T8 for one parameter."""
    chain = proximal()
    kick = chain.covariance(t, s) - chain.rate * chain.covariance(t, s - 1)
    assert proved(kick, chain.noise * chain.rate ** (t - s))


def test_linear_regression_solves_t8():
    """One linear unit: the exact mean of the chain with data obeys f_t = (1/2T) Σ D(t,s)(y − f_s)."""
    k, y = 0.7, 1.3
    point = {lam: Integer(3), T: Integer(1) / 5, sigma2: Integer(2), sigma02: Integer(1)}
    chain = proximal()
    pull = 1 / (3 + 0.2 / 2)
    rate, noise = (float(evaluate(e, point, 20)) for e in (chain.rate, chain.noise))
    f = [0.0]
    for now in range(1, 12):
        f.append((rate * f[-1] + k * pull * y) / (1 + k * pull))
        memory = sum(noise * rate ** (now - then) * k * (y - f[then]) for then in range(1, now + 1))
        assert f[now] == pytest.approx(memory / (2 * 0.2), rel=1e-12)


@pytest.mark.parametrize("name", CHAINS)
def test_simulated_chain(name):
    """40 000 chains of 9 steps: each covariance within 5 standard errors (false alarm below 1e-5 in all)."""
    point = {lam: Integer(2), step: Integer(1) / 3, T: Integer(1), sigma2: Integer(3) / 2, sigma02: Integer(3)}
    chain, rng, count = CHAINS[name], np.random.default_rng(20), 40_000
    rate, noise = (float(evaluate(e, point, 20)) for e in (chain.rate, chain.noise))
    path = [rng.normal(size=count) * np.sqrt(3.0)]
    for _ in range(9):
        path.append(rate * path[-1] + rng.normal(size=count) * np.sqrt(noise))
    for later, earlier in ((9, 9), (9, 8), (9, 4), (5, 1), (3, 0), (0, 0)):
        product = path[later] * path[earlier]
        exact = float(evaluate(chain.covariance(Integer(later), Integer(earlier)), point, 20))
        assert abs(product.mean() - exact) < 5 * product.std() / np.sqrt(count)


def test_proximal_step_samples_its_density():
    """One step by Metropolis on the exponent of T1 alone: mean and variance within 5 standard errors."""
    rng = np.random.default_rng(3)
    values = {lam: 2.0, T: 1.0, sigma2: 1.5}
    before, count = 0.8, 20_000

    def exponent(z):
        return -(values[T] / (2 * values[sigma2]) * z**2 + values[lam] / 2 * (z - before) ** 2) / (2 * values[T])

    z = np.zeros(count)
    for _ in range(120):
        move = z + rng.normal(size=count)
        z = np.where(np.log(rng.random(count)) < exponent(move) - exponent(z), move, z)
    rate, noise = (float(e.subs(values)) for e in (proximal().rate, proximal().noise))
    assert abs(z.mean() - rate * before) < 5 * np.sqrt(noise / count)
    assert abs(z.var() / noise - 1) < 5 * np.sqrt(2 / count)


def test_a_chain_needs_noise():
    with pytest.raises(CheckFailedError, match="positive"):
        Chain(Integer(1), Integer(-1))


def test_nothing_is_computed_twice():
    assert prior.proximal() is prior.proximal()
    assert srepr(prior.continuous()) == srepr(prior.continuous(t, s))
