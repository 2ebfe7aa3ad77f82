"""Laws of all kernels, checked for compiled kernels on drawn inputs (T7).

A law is a function of a kernel and a `Draw`. It returns the largest deviation divided by the allowed one: above 1 the kernel fails.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ndksym.activation.activation import Activation
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.preactivations import LayerRules
from ndksym.runtime.types import Array

ROUNDING = 2e-13
"""Allowed relative difference of two evaluations that are equal up to rounding, which deep networks amplify slightly."""

_TINY = np.finfo(float).tiny  # whole kernels may underflow to 0, as those of Max(0, x − 10)


@dataclass(frozen=True)
class Draw:
    """One drawn experiment: inputs, bias, variances, temperature and two times s ≤ t."""

    X: Array
    X2: Array
    bias: float
    prior_variance: float
    init_variance: float
    temperature: float
    t: float
    s: float

    @property
    def two_time(self) -> dict[str, float]:
        """The arguments of the two-time kernels but t and s."""
        return {
            "temperature": self.temperature,
            "prior_variance": self.prior_variance,
            "init_variance": self.init_variance,
            "bias": self.bias,
        }


def draw(rng: np.random.Generator, bias: bool, reach: float = float("inf")) -> Draw:
    """A draw of moderate size, with duplicate, nearly duplicate and opposite rows.

    Inputs and biases are small enough for a kernel that is finite only below variance `reach`.
    """
    small = min(1.0, float(np.sqrt(reach)) / 8)
    X = rng.normal(size=(6, 3)) * rng.uniform(0.3, 2.0) * small
    X[1] = X[0]
    X[2] = X[0] + 1e-7 * rng.normal(size=3) * small
    X[3] = -X[0]
    s, t = np.sort(rng.uniform(0.0, 3.0, size=2))
    return Draw(
        X,
        np.vstack([X[:2], rng.normal(size=(2, 3)) * small]),
        float(rng.uniform(0.1, 1.0)) * small if bias else 0.0,
        float(rng.uniform(0.5, 1.5)),
        float(rng.uniform(0.3, 1.5)),
        float(rng.uniform(0.1, 1.0)),
        float(t),
        float(s),
    )


def _deviation(got: Array, want: Array, allowed: float = ROUNDING) -> float:
    """The largest difference, relative to the largest entry, divided by the allowed one."""
    size = np.maximum(np.abs(want).max(), _TINY)
    return float(np.abs(got - want).max() / (allowed * size))


def symmetry(k: Kernel, x: Draw) -> float:
    """C(X, X2) = C(X2, X)ᵀ and C(X) = C(X, X)."""
    args = {"variance": x.prior_variance, "bias": x.bias}
    across = _deviation(k.nngp(x.X, x.X2, **args), k.nngp(x.X2, x.X, **args).T)
    return max(across, _deviation(k.nngp(x.X, x.X, **args), k.nngp(x.X, **args)))


def positive_semidefinite(k: Kernel, x: Draw) -> float:
    """The Gram matrix of C over any set of (t, x) has no negative eigenvalue."""
    n, times = len(x.X), (x.t, x.s)
    gram = np.empty((2 * n, 2 * n))
    for i, t in enumerate(times):
        for j, s in enumerate(times):
            block = k.prior_covariance(x.X, x.X, t=max(t, s), s=min(t, s), **x.two_time)
            gram[i * n : (i + 1) * n, j * n : (j + 1) * n] = block if t >= s else block.T
    values = np.linalg.eigvalsh(0.5 * (gram + gram.T))
    return max(0.0, float(-values[0] / (1e-12 * np.maximum(values[-1], _TINY))))


def cauchy_schwarz(k: Kernel, x: Draw) -> float:
    """C² ≤ C(x,x) C(x',x')."""
    C = k.nngp(x.X, variance=x.prior_variance, bias=x.bias)
    bound = np.sqrt(np.outer(np.diag(C), np.diag(C)))
    return float(np.maximum(np.abs(C) - bound, 0.0).max() / (ROUNDING * np.maximum(bound.max(), _TINY)))


def rotation(k: Kernel, x: Draw) -> float:
    """C depends on the inner products of the inputs only."""
    rotation_matrix, _ = np.linalg.qr(x.X.T @ x.X + np.arange(9.0).reshape(3, 3))
    args = {"variance": x.prior_variance, "bias": x.bias}
    rows = [0, 4, 5]
    return _deviation(k.nngp(x.X[rows] @ rotation_matrix, **args), k.nngp(x.X[rows], **args), 1e-11)


def equilibrium(k: Kernel, x: Draw) -> float:
    """C(t, t) → NNGP at σ² as t → ∞."""
    late = 200.0 * x.prior_variance / x.temperature
    got = k.prior_covariance(x.X, t=late, s=late, **x.two_time)
    return _deviation(got, k.nngp(x.X, variance=x.prior_variance, bias=x.bias))


def initial(k: Kernel, x: Draw) -> float:
    """C(0, 0) = NNGP at σ0²."""
    got = k.prior_covariance(x.X, t=0.0, s=0.0, **x.two_time)
    return _deviation(got, k.nngp(x.X, variance=x.init_variance, bias=x.bias))


def tangent_limit(k: Kernel, x: Draw) -> float:
    """NDK(0, 0) = NTK at σ0²."""
    return _deviation(k.ndk(x.X, t=0.0, s=0.0, **x.two_time), k.ntk(x.X, variance=x.init_variance, bias=x.bias))


def fluctuation_dissipation(k: Kernel, x: Draw) -> float:
    """NDK(t, s) = (1/T) ∂_s C(t, s) at equilibrium; ∂_s by two central differences and Richardson extrapolation."""
    args = x.two_time | {"init_variance": x.prior_variance}
    t, s = x.t + 1.0, x.s + 0.25

    def slope(h: float) -> Array:
        up, down = (k.prior_covariance(x.X, x.X2, t=t, s=s + d, **args) for d in (h, -h))
        return np.asarray((up - down) / (2 * h))

    h = 2e-3 * x.prior_variance / x.temperature
    h = min(h, 0.05)
    derivative = (4 * slope(h / 2) - slope(h)) / 3
    return _deviation(derivative / x.temperature, k.ndk(x.X, x.X2, t=t, s=s, **args), 3e-7)


def tangent_symmetry(k: Kernel, x: Draw) -> float:
    """Θ is symmetric and has no negative eigenvalue."""
    theta = k.ntk(x.X, variance=x.init_variance, bias=x.bias)
    values = np.linalg.eigvalsh(theta)
    return max(_deviation(theta.T, theta), max(0.0, float(-values[0] / (1e-12 * np.maximum(values[-1], _TINY)))))


def homogeneity(k: Kernel, x: Draw, degree: float) -> float:
    """If φ(λx) = λⁿ φ(x) at every layer and β = 0: C(λX) = λ^{2 n^L} C(X), and the same for Θ."""
    power = 2 * degree ** len(k.layers)
    want, got = (
        (f(x.X, variance=x.prior_variance) * 2.0**power for f in (k.nngp, k.ntk)),
        (f(2 * x.X, variance=x.prior_variance) for f in (k.nngp, k.ntk)),
    )
    return max(_deviation(g, w) for g, w in zip(got, want, strict=True))


def parity(k: Kernel, x: Draw, sign: float) -> float:
    """C(−X, X2) = sign · C(X, X2) if β = 0: sign −1 for odd φ at every layer, 1 for even φ at the first."""
    args = {"variance": x.prior_variance}
    return _deviation(k.nngp(-x.X, x.X2, **args), sign * k.nngp(x.X, x.X2, **args))


Law = Callable[[Kernel, Draw], float]


def laws_of(activations: tuple[Activation, ...], bias: bool) -> dict[str, Law]:
    """The laws that apply to a network of these activations, by name."""
    laws: dict[str, Law] = {
        law.__name__: law for law in (symmetry, positive_semidefinite, cauchy_schwarz, rotation, equilibrium, initial)
    }
    if not any(act.rough for act in activations):
        for law in (tangent_limit, tangent_symmetry, fluctuation_dissipation):
            laws[law.__name__] = law
        degrees = {act.homogeneity for act in activations if act.homogeneity is not None}
        if not bias and len(degrees) == 1 and all(act.homogeneity is not None for act in activations):
            degree = float(degrees.pop())
            laws["homogeneity"] = lambda k, x: homogeneity(k, x, degree)
    if not bias and all(act.parity == "odd" for act in activations):
        laws["parity"] = lambda k, x: parity(k, x, -1.0)
    if not bias and activations[0].parity == "even":
        laws["parity"] = lambda k, x: parity(k, x, 1.0)
    return laws


def worst(kernel: Kernel, law: Law, bias: bool, draws: int, seed: int) -> tuple[float, Draw]:
    """The largest deviation over seeded draws, and the draw with it."""
    rng = np.random.default_rng(seed)
    reach = min(LayerRules(layer).largest_variance for layer in kernel.layers)
    experiments = [draw(rng, bias, reach) for _ in range(draws)]
    deviations = [law(kernel, x) for x in experiments]
    at = int(np.argmax(deviations))
    return deviations[at], experiments[at]
