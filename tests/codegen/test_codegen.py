"""Compiled kernels against mpmath on arrays: the contract on which the driver rests."""

import mpmath as mp
import numpy as np
import pytest
from sympy import cos, sin

from ndksym.activation.activation import activation
from ndksym.codegen.compile import compile_layers
from ndksym.kernels.dual import dual
from tests.closed_forms import KERNELS, typed
from tests.generated_code import BACKENDS, ULP, strict
from tests.programs import at, closed

__all__ = ["strict"]

LIMIT = 30.0
"""Σ|terms|/|value| up to which the driver trusts a closed form: error ≤ BAR·|value| or ten motions of the truth."""
BAR = 3e-14

NARROW = [(np.sqrt(e / 2), np.sqrt(1 - e / 2)) for e in (1e-2, 1e-5, 1e-8, 1e-11, 1e-14, 1e-16)]
ANGLES = NARROW + [(np.sin(t), np.cos(t)) for t in (0.3, 0.7, np.pi / 4 + 1e-9, 0.9, 1.3)] + [(k, s) for s, k in NARROW]
"""s, k from ρ = 1 − 1e-16 through ρ ≈ −1e-9 to ρ = −1 + 1e-16."""
NORMS = [(1, 1), (0.3, 0.3000001), (1.7, 0.4), (1e-8, 1e-8), (1e-8, 2), (1e-3, 1e-3), (10, 10), (1e8, 1e8), (1e8, 1e-8)]


def motion(expr, point, want):
    """How far the truth moves with half an ulp in each of p, q, s."""
    ulp = mp.mpf(ULP)
    moved = [[mp.mpf(float(z)) * (1 + ulp * (i == j)) for j, z in enumerate(point)] for i in range(3)]
    return sum(abs(at(expr, *other) - want) for other in moved)


def check(expr, points, values, sizes):
    """The driver's contract; the number of entries it covers."""
    covered = 0
    for point, value, size in zip(points, values, sizes, strict=True):
        if not size <= LIMIT * abs(value):
            continue
        with mp.workdps(75 if max(point[:2]) < 1e3 else 130):
            want = at(expr, *map(float, point))
            if not 1e-280 < abs(want) < 1e290:
                continue
            covered += 1
            error = abs(mp.mpf(float(value)) - want)
            assert error <= BAR * abs(want) or error <= 10 * motion(expr, point, want), (point, value, want)
    return covered


def grid(norms, angles):
    """Points (p, q, s, k), and the covariance c that goes with each."""
    points = np.array([(p, q, s, k) for p, q in norms for s, k in angles])
    with mp.workdps(40):
        exact = [(*map(mp.mpf, map(float, row)),) for row in points]
        c = [float(p * q * (k - s) * (k + s) / (s * s + k * k)) for p, q, s, k in exact]
    return points, np.array(c)


SOUND = ["relu", "abs", "step", "erf", "sin", "cos", "gaussian", "gabor", "cube", "x*exp(-x**2)", "probit"]
"""Well conditioned at every variance and every angle."""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", [*SOUND, "leaky_relu", "relu2", "gelu", "snake", "he4", "exp(x)*erf(x)", "x**2*sin(x)"]
)
def test_pairs_keep_the_contract_the_driver_relies_on(name, backend):
    it = typed(name) if name in KERNELS else dual(activation(name))
    layer = compile_layers([it], backend)[0]
    points, c = grid(NORMS, ANGLES)
    p, q, s, k = points.T
    if name in ("exp(x)*erf(x)",):
        points, c = points[p < 1e3], c[p < 1e3]
        p, q, s, k = points.T
    K, K_size, K_dot, K_dot_size, extra, extra_size = layer.pair(p, q, c, s, k)
    assert K.shape == K_size.shape == K_dot.shape == K_dot_size.shape == p.shape
    covered = [check(it.K, points, K, K_size), check(it.K_dot, points, K_dot, K_dot_size)]
    if name in SOUND:
        assert min(covered) > 0.8 * len(points) or name in ("sin", "cos")
        assert (K_size <= 3 * np.abs(K)).all()
        assert (K_dot_size <= 3 * np.abs(K_dot)).all()
    wanted = (
        "PQ_minus_K"
        if it.activation.homogeneity is not None
        else "defect"
        if it.activation.expr.has(sin, cos)
        else None
    )
    assert layer.extra == wanted
    assert (extra is None) == (wanted is None)
    if wanted == "defect":
        for point, value, size in zip(points, extra, extra_size, strict=True):
            with mp.workdps(200):
                p, q = point[:2]
                want = at(it.K, p, p, 0, 1) + at(it.K, q, q, 0, 1) - 2 * at(it.K, *point)
                assert abs(mp.mpf(float(value)) - want) <= 5e-15 * size, (point, value)
        if name in ("snake", "sin", "cos"):
            far = np.minimum(points[:, 0], points[:, 1]) > 10
            assert (extra_size[far] <= LIMIT * extra[far]).all()
    if wanted == "PQ_minus_K":
        for point, value, size in zip(points, extra, extra_size, strict=True):
            with mp.workdps(80):
                if it.activation.parity and point[2] > point[3]:
                    continue  # the driver folds ρ < 0 away
                alone = mp.sqrt(at(it.K, point[0], point[0], 0, 1)) * mp.sqrt(at(it.K, point[1], point[1], 0, 1))
                want = alone - at(it.K, *point)
                assert size <= LIMIT * value
                assert abs(mp.mpf(float(value)) - want) <= 5e-15 * want, (point, value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["elu_dot", "elu", "relu6", "erf(2*x + 1/3)", "exp(-Abs(x))"])
def test_pairs_with_the_bivariate_normal_keep_it_too(name, backend):
    it = typed(name) if name == "elu_dot" else dual(activation(name))
    layer = compile_layers([it], backend)[0]
    norms = [(4, 7)] if name == "relu6" else [(1, 1), (1.7, 0.4), (1e-3, 1e-3), (5, 5.0000001)]
    points, c = grid(norms, [ANGLES[0], ANGLES[3], *ANGLES[6:10:2], ANGLES[11], ANGLES[14]])
    K, K_size, K_dot, K_dot_size, *_ = layer.pair(points[:, 0], points[:, 1], c, points[:, 2], points[:, 3])
    assert check(it.K, points, K, K_size) + check(it.K_dot, points, K_dot, K_dot_size) >= len(points)
    if name.startswith("elu"):
        assert (K_dot_size <= 3 * np.abs(K_dot)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_exponentials_of_huge_variances_neither_overflow_nor_vanish(backend):
    layer = compile_layers([typed("elu_dot")], backend)[0]
    p = np.array([40.0, 1e3, 1e8])
    K_dot, size = layer.pair(p, p, 0 * p, 0 * p + np.sqrt(0.5), 0 * p + np.sqrt(0.5))[2:4]
    # E φ'(u)φ'(v) → ¼ + 2·½·E e^{u}1_{u<0} = ¼ + 1/(√(2π) p) as p → ∞ at ρ = 0
    assert np.abs(K_dot - (0.25 + 1 / (np.sqrt(2 * np.pi) * p))).max() < 2e-4
    assert (size <= 1.01 * K_dot).all()
    assert layer.diag(1e16)[0] == pytest.approx(0.5, rel=1e-7)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*KERNELS, "elu_dot", "relu6", "snake", "he4", "selu"])
def test_the_diagonal_is_its_own_formula(name, backend):
    it = typed(name) if name in KERNELS or name == "elu_dot" else dual(activation(name))
    layer = compile_layers([it], backend)[0]
    a = np.array([1e-16, 1e-8, 1e-4, 0.01, 0.3, 1.0, 2.0, 10.0, 100.0, 1e4, 1e8, 1e16])
    out = layer.diag(a)
    for expr, values, sizes in ((it.K_diag, out[0], out[1]), (it.K_dot_diag, out[2], out[3])):
        for z, value, size in zip(a, values, sizes, strict=True):
            with mp.workdps(60):
                want = closed(expr)(mp.mpf(float(z)), mp.mpf(1), mp.mpf(0)) if expr.is_finite is not False else mp.inf
                if mp.isinf(want):
                    assert np.isposinf(value)
                elif size <= LIMIT * abs(value) and 1e-290 < abs(want) < 1e300:
                    assert abs(mp.mpf(float(value)) - want) <= 5e-15 * abs(want), (z, value, want)
        assert (sizes <= LIMIT * np.abs(values)).mean() >= 0.5
