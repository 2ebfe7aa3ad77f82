"""The diffusive limit T → 0 at fixed τ = T t (theory T12): a Volterra equation of the first kind.

The gradient-driven phase leaves the impulse a_0 = Θ⁻¹ y at τ = 0; from there on Δ = T r(τ), with
y = G(τ, 0) a_0 + ∫_0^τ G(τ, τ') r(τ') dτ' and f(τ) the same with the rows of f.
"""

import numpy as np

from ndksym.dynamics import linearised, volterra
from ndksym.dynamics.langevin import ROUNDING, Problem
from ndksym.dynamics.memory import Memory
from ndksym.dynamics.panels import Panels, integrals
from ndksym.dynamics.table import Table, field, fitted, missed
from ndksym.runtime.types import Array

_FIRST = 1e-13
"""Length of the first panel in units of σ²: where φ has a kink, r starts as 1/√τ."""
_SHARE = 0.2


def mean(problem: Problem, times: Array, progress: volterra.Progress) -> tuple[Array, Array, Array]:
    """Mean on the training set and on the further rows, and the error estimate, at `times` = τ."""
    physics, P = problem.physics, len(problem.X)
    theta = problem.theta()
    values, vectors = linearised.modes(theta[:P])
    # what no time ever teaches (conflicting labels of one input) is left out of the equation
    values, vectors = values[values > 0], vectors[:, values > 0]
    impulse = vectors @ ((vectors.T @ problem.y) / values[:, None])
    across = max(1.0, float(np.linalg.norm((theta @ vectors) / values, axis=1).max()))
    wanted = _SHARE * problem.rtol * problem.size / across
    reach = max(problem.size, float(np.linalg.norm(impulse, axis=0).max()) * float(np.abs(theta).max()) * np.sqrt(P))
    memory = Memory(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    evaluate = field(problem.kernel, memory, physics.bias, "ntk")
    start = problem.scale * impulse
    ndk = fitted(evaluate, memory, problem.both, problem.X, min(0.3 * wanted / reach, 1e-2), start, wanted)
    ndk = ndk.scaled(problem.scale)
    reduced = np.einsum("xm,xky,yn->mkn", vectors, ndk.grams[:P], vectors, optimize=True)
    own = Table(memory, ndk.coefficients, np.ascontiguousarray(reduced))

    def left(of: Table, start: Array, at: Array) -> Array:
        """G(τ, 0) a_0."""
        u = of.weights(at, 0.0 * at) * np.exp(-memory.rate * at)[:, None]
        return np.asarray(np.einsum("tk,xkp,po->txo", u, of.grams, start, optimize=True))

    known, begin = vectors.T @ problem.y, vectors.T @ impulse
    equation = volterra.Equation(own, lambda at: known[None] - left(own, begin, at), identity=0.0)
    f, error = left(ndk, impulse, times), np.full(len(times), ROUNDING * problem.size)
    if len(times) and times[-1] > 0:
        first = min(_FIRST * physics.prior_variance, float(times[-1]))
        r, defects = volterra.solve(equation, float(times[-1]), first, wanted, progress=progress)
        everywhere = Panels(r.ends, np.einsum("xm,njmo->njxo", vectors, r.values))
        f = f + integrals(ndk, everywhere, times)
        total = impulse + np.einsum("n,npo->po", r.quadrature, everywhere.values.reshape(-1, *impulse.shape))
        left_out = missed(evaluate, ndk.scaled(1 / problem.scale), problem.both, problem.X, problem.scale * total)
        error = error + 2 * across * (defects[np.searchsorted(r.ends, times)] + left_out)
    train, test = problem.split(f)
    return train, test, error
