"""T5 against the recursion typed afresh in mpmath, against random networks of finite width, and its own laws."""

import time
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from sympy import Function, Integer, Rational, Symbol, cos, diff

from ndksym.activation.activation import activation
from ndksym.algebra.zero_test import evaluate, is_zero
from ndksym.derivation import derive
from ndksym.errors import DivergentKernelError
from ndksym.kernels import recursion
from ndksym.kernels.dual import dual
from ndksym.kernels.ndk import dynamics
from ndksym.kernels.prior import SYMBOLS, Moments, continuous_moments
from ndksym.kernels.recursion import Kernel, Layer, kernels, unroll
from ndksym.symbols import T, a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t

POINT = {
    k11: Rational(9, 8),
    k22: Rational(3, 4),
    k12: Rational(-1, 3),
    t: Rational(7, 4),
    s: Rational(1, 2),
    T: Rational(2, 5),
    sigma2: Rational(5, 4),
    sigma02: Rational(9, 4),
    beta: Rational(3, 8),
}

# E φ(u)φ(v) and E φ'(u)φ'(v), typed from Cho & Saul 2009 and Williams 1997 and used with any covariance


def relu(p, q, r):
    angle = mpmath.acos(r / mpmath.sqrt(p * q))
    return (mpmath.sqrt(p * q - r * r) + (mpmath.pi - angle) * r) / (2 * mpmath.pi), (mpmath.pi - angle) / (
        2 * mpmath.pi
    )


def erf(p, q, r):
    u, v = 1 + 2 * p, 1 + 2 * q
    return 2 / mpmath.pi * mpmath.asin(2 * r / mpmath.sqrt(u * v)), 4 / mpmath.pi / mpmath.sqrt(u * v - 4 * r * r)


def sine(p, q, r):
    damp = mpmath.exp(-(p + q) / 2)
    return damp * mpmath.sinh(r), damp * mpmath.cosh(r)


def linear(p, q, r):
    return r, mpmath.mpf(1)


PAIRS = {"relu": relu, "erf": erf, "sin": sine, "linear": linear}
NETWORKS = [("relu",), ("erf",), ("sin",), ("erf", "relu"), ("sin", "linear", "relu"), ("relu", "erf", "sin", "relu")]


def by_hand(names, m_tt, m_ss, m_ts, shift):
    """C^{L+1} and Θ^{L+1}, one number at a time."""
    x, y, xy = (mpmath.mpf(POINT[k].p) / POINT[k].q for k in (k11, k22, k12))
    var_t, var_s, cov, theta = m_tt * (x + shift), m_ss * (y + shift), m_ts * (xy + shift), xy + shift
    for name in names:
        K, K_dot = PAIRS[name](var_t, var_s, cov)
        theta = m_ts * K_dot * theta + K + shift
        cov = m_ts * (K + shift)
        var_t = m_tt * (PAIRS[name](var_t, var_t, var_t)[0] + shift)
        var_s = m_ss * (PAIRS[name](var_s, var_s, var_s)[0] + shift)
    return cov, theta


def number(symbol):
    return mpmath.mpf(int(POINT[symbol].p)) / int(POINT[symbol].q)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("names", NETWORKS, ids="-".join)
def test_against_the_recursion_by_hand(names, bias):
    duals = [dual(activation(name)) for name in names]
    whole = dynamics(duals, bias)
    with mpmath.workdps(40):
        level, start, heat, later, earlier = map(number, (sigma2, sigma02, T, t, s))
        shift = number(beta) ** 2 if bias else 0

        def m(one, other):
            gap, sum_ = abs(one - other), one + other
            return level * mpmath.exp(-heat * gap / level) + (start - level) * mpmath.exp(-heat * sum_ / level)

        cov, theta = by_hand(names, m(later, later), m(earlier, earlier), m(later, earlier), shift)
        still, _ = by_hand(names, level, level, level, shift)
        _, frozen = by_hand(names, start, start, start, shift)
    close = mpmath.mpf(10) ** -35
    assert abs(evaluate(whole.output.c, POINT, 40, whole.definitions) - cov) < close
    assert abs(evaluate(whole.output.theta, POINT, 40, whole.definitions) - theta) < close
    assert abs(evaluate(whole.expand(whole.output.theta), POINT, 40) - theta) < close
    assert abs(evaluate(recursion.nngp(duals, bias), POINT, 40) - still) < close
    assert abs(evaluate(recursion.ntk(duals, bias), POINT, 40) - frozen) < close


NUMPY = {
    "relu": (lambda h: np.maximum(h, 0), lambda h: (h > 0) * 1.0),
    "sin": (np.sin, np.cos),
    "linear": (lambda h: h, np.ones_like),
}


def gradient_overlap(names, shift, m, width, rng):
    """f(t,x) f(s,x') is one sample; ⟨∇f(x,Θ_t)·∇f(x',Θ_s)⟩ is nearly its mean at large width."""
    inputs = np.linalg.cholesky(np.array([[9 / 8, -1 / 3], [-1 / 3, 3 / 4]])) * np.sqrt(2)
    tt, ss, ts = m
    root = np.linalg.cholesky(np.array([[tt, ts], [ts, ss]]))
    scale, sizes = np.sqrt(shift), [2, *[width] * len(names), 1]
    weights = [np.tensordot(root, rng.normal(size=(2, o, i)), 1) for i, o in pairwise(sizes)]
    offsets = [np.tensordot(root, rng.normal(size=(2, o)), 1) for o in sizes[1:]]
    sides = []
    for side in (0, 1):
        below, before, value = [inputs[side]], [], inputs[side]
        for layer, name in enumerate(names):
            h = weights[layer][side] @ value / np.sqrt(len(value)) + scale * offsets[layer][side]
            before.append(h)
            value = NUMPY[name][0](h)
            below.append(value)
        back, errors = np.ones(1), [np.ones(1)]
        for layer in range(len(names), 0, -1):
            through = weights[layer][side].T @ back / np.sqrt(weights[layer][side].shape[1])
            back = through * NUMPY[names[layer - 1]][1](before[layer - 1])
            errors.insert(0, back)
        sides.append((below, errors))
    (below, errors), (below2, errors2) = sides
    return sum(
        (e @ e2) * (v @ v2 / len(v) + shift) for e, e2, v, v2 in zip(errors, errors2, below, below2, strict=True)
    )


@pytest.mark.parametrize(("names", "bias"), [(("relu",), False), (("sin", "relu"), True), (("relu", "linear"), True)])
def test_against_random_networks(names, bias):
    """Two-time gradient overlaps of 24 networks of width 700: within 5 standard errors and the 1/width bias."""
    duals, rng = [dual(activation(name)) for name in names], np.random.default_rng(5)
    moments = [float(evaluate(e, POINT, 20)) for e in (lambda m: (m.tt, m.ss, m.ts))(continuous_moments())]
    shift = float(POINT[beta]) ** 2 if bias else 0.0
    samples = np.array([gradient_overlap(names, shift, moments, 700, rng) for _ in range(24)])
    whole = dynamics(duals, bias)
    exact = float(evaluate(whole.output.theta, POINT, 20, whole.definitions))
    error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert abs(samples.mean() - exact) < 5 * error + 3 * abs(exact) / 700
    assert error < 0.07 * abs(exact)


def test_kernels_hold_only_their_own_symbols():
    d = derive(["erf", "relu"], bias=True)
    assert d.nngp.free_symbols == {k11, k12, k22, sigma2, beta}
    assert d.ntk.free_symbols == {k11, k12, k22, sigma02, beta}
    assert derive("sin", 2).nngp.free_symbols == {k11, k12, k22, sigma2}


def test_no_closed_form_leaves_undefined_functions():
    whole = unroll(kernels([dual(activation("tanh"))]), SYMBOLS, bias=True)
    names = Layer.named("1")
    K, K_dot = Function("K_1")(names.a, names.b, names.c), Function("Kdot_1")(names.a, names.b, names.c)
    assert whole.output.c == SYMBOLS.ts * (K + beta**2)
    assert whole.output.theta == SYMBOLS.ts * K_dot * names.theta + K + beta**2
    assert whole.output.a == SYMBOLS.tt * (Function("K_1")(names.a, names.a, names.a) + beta**2)


def test_a_step_is_t5():
    K, K_dot, diagonal = (Function(name) for name in ("K", "F", "G"))
    kernel = Kernel(K(a, b, c), K_dot(a, b, c), diagonal(a))
    p, q, r, theta = Symbol("p"), Symbol("q"), Symbol("r"), Symbol("theta")
    after = Layer(p, q, r, theta).step(kernel, SYMBOLS, beta**2)
    assert after.a == SYMBOLS.tt * (diagonal(p) + beta**2)
    assert after.b == SYMBOLS.ss * (diagonal(q) + beta**2)
    assert after.c == SYMBOLS.ts * (K(p, q, r) + beta**2)
    assert (after.theta - SYMBOLS.ts * K_dot(p, q, r) * theta - K(p, q, r) - beta**2).expand() == 0


def test_rates_are_the_derivative_of_what_is_written_out():
    duals = [dual(activation(name)) for name in ("sin", "sin")]
    whole = unroll(kernels(duals), Moments(SYMBOLS.tt, SYMBOLS.ss, cos(s)), bias=True)
    definitions, rate = whole.derivative(s)
    direct = diff(whole.expand(whole.output.c), s)
    written = rate
    for name, value in reversed((*whole.definitions, *definitions)):
        written = written.xreplace({name: value})
    assert is_zero(written - direct).holds
    assert direct != 0


def test_only_what_is_needed_is_written_out():
    whole = dynamics([dual(activation("relu"))] * 3, bias=False)
    behind = {name.name for name, _ in whole.behind(whole.output.c)}
    assert behind == {f"{kind}_{layer}" for kind in "abc" for layer in (1, 2, 3)}
    assert whole.expand(whole.output.c).free_symbols <= {k11, k12, k22, t, s, T, sigma2, sigma02}


def test_deep_expressions_are_cheap():
    d = derive("gelu", depth=3, bias=True)
    begin = time.perf_counter()
    assert d.ndk.free_symbols == set(POINT)
    assert d.nngp is d.nngp
    assert time.perf_counter() - begin < 5


def test_gram_of_the_prior_covariance_is_positive():
    """C over times × inputs, every pair from the symbolic kernel: no negative eigenvalue, Cauchy–Schwarz everywhere."""
    rng = np.random.default_rng(1)
    inputs, times = rng.normal(size=(3, 2)), (Rational(0), Rational(1, 2), Rational(3))
    places = [(when, row) for when in times for row in inputs]
    whole = dynamics([dual(activation(name)) for name in ("relu", "erf")], bias=True)
    gram = np.empty((9, 9))
    for i, one in enumerate(places):
        for j, other in enumerate(places):
            (later, x), (earlier, y) = (one, other) if one[0] >= other[0] else (other, one)
            values = {k11: x @ x / 2, k22: y @ y / 2, k12: x @ y / 2}
            point = POINT | {k: Rational(float(v)) for k, v in values.items()} | {t: later, s: earlier}
            gram[i, j] = float(mpmath.re(evaluate(whole.output.c, point, 25, whole.definitions)))
    assert np.allclose(gram, gram.T, rtol=1e-14)
    assert np.linalg.eigvalsh(gram).min() > -1e-14 * gram.max()
    assert (gram**2 <= np.outer(np.diag(gram), np.diag(gram)) * (1 + 1e-14)).all()


def test_a_jump_is_refused_by_name():
    duals = [dual(activation(name)) for name in ("relu", "Heaviside(x - 1/2)")]
    with pytest.raises(DivergentKernelError, match=r"Heaviside.*layer 2.*x = 1/2.*nngp"):
        recursion.ntk(duals, False)
    assert recursion.nngp(duals, False).free_symbols == {k11, k12, k22, sigma2}


def test_equal_inputs_take_the_diagonal():
    d = derive(["relu", "gelu"], bias=True)
    same = {k11: Integer(2), k12: Integer(2), k22: Integer(2), sigma2: Rational(1, 3), beta: Integer(1)}
    whole = unroll(kernels(d.duals), Moments.equal(sigma2), True)
    assert abs(evaluate(d.nngp, same, 30) - evaluate(whole.output.a, same, 30, whole.definitions)) < 1e-25
