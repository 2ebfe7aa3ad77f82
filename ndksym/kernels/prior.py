"""Markov proximal learning without data: transition, stationary law and two-time covariance, derived (T1–T3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from sympy import Expr, Function, Integer, Poly, Symbol, cancel, diff, limit, log, oo, pi, rsolve, solve

from ndksym.algebra.zero_test import is_zero
from ndksym.errors import CheckFailedError
from ndksym.symbols import T, lam, n, s, sigma02, sigma2, step, t

__all__ = [
    "SYMBOLS",
    "GaussianChain",
    "PriorMoments",
    "complete_square",
    "continuous",
    "detailed_balance",
    "euler_langevin",
    "exponent",
    "langevin_limit",
    "prior_energy",
    "proximal",
    "response",
    "theta",
    "theta_prev",
]

theta = Symbol("theta", real=True)
"""One parameter Θ_t."""
theta_prev = Symbol("theta_prev", real=True)
"""The same parameter one step before, Θ_{t−1}."""


@dataclass(frozen=True)
class PriorMoments:
    """Second moments of one parameter at two times: m(t,t), m(s,s) and m(t,s)."""

    tt: Expr
    ss: Expr
    ts: Expr

    @classmethod
    def equal(cls, variance: Expr) -> PriorMoments:
        """The moments of the static kernels, for which both times are equal."""
        return cls(variance, variance, variance)


@dataclass(frozen=True)
class GaussianChain:
    """The Gaussian chain Θ_t = rate·Θ_{t−1} + ξ with Var ξ = noise, for one parameter.

    >>> chain = proximal()
    >>> chain.rate, chain.noise
    (lambda*sigma2/(T + lambda*sigma2), 2*T*sigma2/(T + lambda*sigma2))
    """

    rate: Expr
    noise: Expr

    def __post_init__(self) -> None:
        if self.noise.is_positive is False:
            raise CheckFailedError(f"the variance of a step must be positive, not {self.noise}")

    def log_density(self, after: Expr, before: Expr) -> Expr:
        """log P(Θ_t = after | Θ_{t−1} = before)."""
        return _log_normal(after, self.rate * before, self.noise)

    @property
    def stationary(self) -> Expr:
        """The variance that a step leaves unchanged, the root v of v = rate² v + noise; σ~² of T3."""
        v = Symbol("v")
        (root,) = solve(self.rate**2 * v + self.noise - v, v)
        return cancel(root)

    def covariance(self, later: Expr, earlier: Expr) -> Expr:
        """E Θ_t Θ_s for t ≥ s, both in steps, from Θ_0 ~ N(0, σ0²): m(t,s) of T3 (arXiv 2309.04522).

        Two linear recurrences: v_{k+1} = rate² v_k + noise from v_0 = σ0², then c_{k+1} = rate·c_k from c_0 = v_s.
        """
        rate, level = Symbol("r", nonzero=True), Symbol("v", positive=True)
        # in terms of the fixed point v the source of the first recurrence is v (1 − r²)
        start = _recurrence(rate**2, level * (1 - rate**2), sigma02, earlier)
        between = _recurrence(rate, Integer(0), start, later - earlier)
        return between.xreplace({rate: self.rate, level: self.stationary})

    def moments(self, later: Expr = t, earlier: Expr = s) -> PriorMoments:
        """The three second moments after `later` and `earlier` steps."""
        return PriorMoments(
            *(self.covariance(*pair) for pair in ((later, later), (earlier, earlier), (later, earlier)))
        )


@lru_cache(maxsize=256)
def _solved(rate: Expr, source: Expr, start: Expr) -> Expr:
    y = Function("y")
    value = rsolve(y(n + 1) - rate * y(n) - source, y(n), {y(0): start})
    value = value.expand().collect(rate**n, cancel)
    for claim in (value.subs(n, 0) - start, value.subs(n, n + 1) - rate * value - source):
        if is_zero(claim).kind != "proved":
            raise CheckFailedError(f"the solution {value} of a linear recurrence fails its induction: {claim} is not 0")
    return value


def _recurrence(rate: Expr, source: Expr, start: Expr, steps: Expr) -> Expr:
    """y_steps of y_{k+1} = rate·y_k + source, y_0 = start. The solution is proved by induction."""
    first = Symbol("y0")
    return _solved(rate, source, first).subs(n, steps).xreplace({first: start})


def _log_normal(z: Expr, mean: Expr, variance: Expr) -> Expr:
    return -((z - mean) ** 2) / (2 * variance) - log(2 * pi * variance) / 2


def prior_energy(z: Expr = theta, temperature: Expr = T, prior: Expr = sigma2) -> Expr:
    """The cost of one parameter without data, (T/2σ²) Θ²."""
    return temperature / (2 * prior) * z**2


def exponent(after: Expr = theta, before: Expr = theta_prev, strength: Expr = lam) -> Expr:
    """Exponent of the proximal transition without data (T1, arXiv 2309.04522):

    −(1/2T) [ (T/2σ²) Θ_t² + (λ/2)(Θ_t − Θ_{t−1})² ]
    """
    return -(prior_energy(after) + strength / 2 * (after - before) ** 2) / (2 * T)


def complete_square(quadratic: Expr, variable: Symbol) -> tuple[Expr, Expr]:
    """Mean and variance of the density ∝ exp(quadratic) in `variable`.

    >>> complete_square(-theta**2 + 3*theta, theta)
    (3/2, 1/2)
    """
    p2, p1, _ = Poly(quadratic, variable).all_coeffs()
    return cancel(-p1 / (2 * p2)), cancel(-1 / (2 * p2))


@cache
def proximal() -> GaussianChain:
    """The proximal chain of strength λ without data: rate λ~ = λ/(λ + T/σ²), noise 2σ²(1 − λ~) (T1, T3)."""
    mean, variance = complete_square(exponent(), theta)
    return GaussianChain(cancel(mean / theta_prev), variance)


@cache
def euler_langevin() -> GaussianChain:
    """Euler steps of length h for dΘ = −∇E dt + √(2T) dB without data: rate 1 − hT/σ², noise 2Th (T3)."""
    mean = theta - step * diff(prior_energy(), theta)
    return GaussianChain((mean / theta).expand(), 2 * T * step)


def detailed_balance(chain: GaussianChain) -> tuple[Expr, Expr]:
    """log[π(Θ) P(Θ'|Θ)] and log[π(Θ') P(Θ|Θ')] with π = N(0, stationary). They are equal if the chain is reversible."""

    def joint(before: Expr, after: Expr) -> Expr:
        return _log_normal(before, Integer(0), chain.stationary) + chain.log_density(after, before)

    return joint(theta_prev, theta), joint(theta, theta_prev)


def langevin_limit() -> tuple[Expr, Expr]:
    """Drift and squared noise per unit time of the proximal chain as λ → ∞, steps of 1/λ: −∂E/∂Θ and 2T (T2).

    >>> langevin_limit()
    (-T*theta/sigma2, 2*T)
    """
    chain = proximal()
    return limit(lam * (chain.rate - 1) * theta, lam, oo), limit(lam * chain.noise, lam, oo)


@cache
def _relaxation() -> tuple[Expr, Expr, Symbol]:
    """The limits λ → ∞ of λ~^(λτ) and σ~², and the symbol τ."""
    chain, tau = proximal(), Symbol("tau", nonnegative=True)
    return limit(chain.rate ** (lam * tau), lam, oo), limit(chain.stationary, lam, oo), tau


def response(later: Expr = t, earlier: Expr = s) -> Expr:
    """The response of a parameter at time t to a kick at time s ≤ t: e^{−T(t−s)/σ²} (T3, λ → ∞).

    >>> response()
    exp(-T*(-s + t)/sigma2)
    """
    decay, _, tau = _relaxation()
    return decay.subs(tau, later - earlier)


@lru_cache(maxsize=256)
def continuous(later: Expr = t, earlier: Expr = s) -> Expr:
    """E Θ_t Θ_s in continuous time, the λ → ∞ limit of m(λt, λs) (T3, arXiv 2309.04522):

    m(t,s) = σ² e^{−T(t−s)/σ²} + (σ0² − σ²) e^{−T(t+s)/σ²},  t ≥ s
    """
    _, level, _ = _relaxation()
    return level * response(later, earlier) + (sigma02 - level) * response(later, -earlier)


SYMBOLS = PriorMoments(Symbol("m_tt", positive=True), Symbol("m_ss", positive=True), Symbol("m_ts", positive=True))
"""Symbols for the three moments."""


def continuous_moments() -> PriorMoments:
    """m(t,t), m(s,s) and m(t,s) in continuous time."""
    return PriorMoments(continuous(t, t), continuous(s, s), continuous(t, s))
