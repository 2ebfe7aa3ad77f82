"""Kernels at every scale that X may have, in the tails of φ, and where small norms meet right angles: against formulas typed
by hand and integrals of φ itself, in mpmath on the exact float64 inputs."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from sympy import lambdify

from ndksym.derivation import derive
from ndksym.errors import DivergentKernelError
from ndksym.runtime import tails, wide
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.panels import panels
from ndksym.symbols import a, b, c
from tests.closed_forms import KERNELS, typed
from tests.generated_code import BACKENDS
from tests.networks import Numeric, erf_, relu, tanh

BAR = 1e-13
X = np.array([[1.0, 0.5], [0.3, -0.7]])
SMALL, LARGE = mp.mpf("1e-295"), mp.mpf("1e300")


@cache
def formulas(name):
    """K and K_dot of two inputs, and of one, typed by hand."""
    if name == "probit":  # Φ(x) = (1 + erf(x/√2))/2

        def K(A, B, C):
            return mp.mpf(1) / 4 + mp.asin(C / mp.sqrt((1 + A) * (1 + B))) / (2 * mp.pi)

        def K_dot(A, B, C):
            return 1 / (2 * mp.pi * mp.sqrt((1 + A) * (1 + B) - C * C))

        return K, K_dot
    source = typed(name)
    return tuple(lambdify((a, b, c), expr, "mpmath") for expr in (source.K, source.K_dot))


@cache
def compiled(name, backend, depth=1):
    return derive(name, depth=depth).compile(backend)


def inner(x, y):
    return mp.fsum(mp.mpf(float(u)) * mp.mpf(float(v)) for u, v in zip(x, y, strict=True)) / len(x)


def truth(name, x, y, variance):
    """NNGP and NTK of one hidden layer, for inputs given as mpf."""
    m, (K, K_dot) = mp.mpf(variance), formulas(name)
    at = [m * mp.fdot(u, v) / len(u) for u, v in ((x, x), (y, y), (x, y))]
    if at[0] * at[1] <= at[2] ** 2 * (1 + mp.mpf(10) ** (-mp.mp.dps * 2 // 3)):  # the limit
        at[2] *= 1 - mp.mpf(10) ** (-mp.mp.dps // 2)
    kernel = K(*at)
    return m * kernel, K_dot(*at) * at[2] + kernel


PATTERNS = (((1, -1), (-1, 1)), ((1, -1), (1, -1)), ((1, 1), (-1, -1)), ((1, -1), (1, 1)))


def moved(x, signs):
    return [mp.mpf(float(v)) * (1 + int(s) * mp.mpf(2) ** -53) for v, s in zip(x, signs, strict=True)]


def assert_close(name, kernel, x, y, variance=1.0, parts=(0, 1)):
    """Within 1e-13, or ten times what half an ulp of the inputs does."""
    with mp.workdps(2000 if variance > 1e300 else 900):  # 1 beside a = 1e608, twice over
        true = truth(name, moved(x, (0, 0)), moved(y, (0, 0)), variance)
        others = [truth(name, moved(x, one), moved(y, other), variance) for one, other in PATTERNS]
        for which in parts:
            got = (kernel.nngp, kernel.ntk)[which]([list(x)], [list(y)], variance=variance)[0, 0]
            size = abs(true[which])
            if size > LARGE:
                assert np.isinf(got) or size < mp.mpf("1.8e308")
            elif size < SMALL:
                assert abs(got) < 1e-294
            else:
                assert np.isfinite(got), (name, which, x, y)
                motion = max(abs(each[which] - true[which]) for each in others)
                assert abs(mp.mpf(float(got)) - true[which]) <= max(BAR * size, 10 * motion), (name, which, got)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "scale", "variance"),
    [
        ("erf", 1e78, 1.0), ("erf", 1e150, 1.0), ("erf", 1e-150, 1.0), ("erf", 1.0, 1e308), ("erf", 1e150, 1e308),
        ("probit", 1e78, 1.0), ("gelu", 1e55, 1.0), ("gelu", 1e150, 1.0), ("gelu", 1e-140, 1.0), ("gaussian", 1e78, 1.0),
        ("gaussian", 1e140, 1.0), ("relu", 1e150, 1.0), ("relu", 1e-147, 1.0), ("abs", 1e-10, 1e-270), ("cube", 1e45, 1.0),
    ],
)  # fmt: skip
def test_the_scales_that_inputs_may_have(name, scale, variance, backend):
    kernel = compiled(name, backend)
    for i, j in ((0, 1), (1, 0), (0, 0)):
        assert_close(name, kernel, X[i] * scale, X[j] * scale, variance)
    whole = kernel.nngp(X * scale, variance=variance)
    assert np.array_equal(whole, whole.T)
    assert np.isfinite(whole).all()
    assert whole[1, 1] == pytest.approx(kernel.nngp(X[1:] * scale, X[1:] * scale, variance=variance)[0, 0], rel=1e-12)


@pytest.mark.parametrize("scale", [1e-163, 1e-158, 1e-140])
def test_a_tiny_row_beside_a_large_one(scale):
    assert_close("relu", compiled("relu", "numpy"), np.array([scale, 2 * scale]), np.array([1e10, -3e10]))


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from([*sorted(set(KERNELS) - {"exp"}), "probit"]),
    exponents=st.tuples(*[st.floats(-149, 149)] * 2),
    angle=st.one_of(st.floats(0, np.pi), st.floats(-16, 0).map(lambda e: 10.0**e)),
    opposite=st.booleans(),
    variance=st.sampled_from([1.0, 1.3, 1e-30, 1e40]),
    backend=st.sampled_from(BACKENDS),
)
@example("gaussian", (140.0, 140.0), 0.3, False, 1.0, "c")
@example("erf", (-80.0, 80.0), 1e-9, True, 1.0, "numpy")
@example("gelu", (80.0, -80.0), 1.6, False, 1.0, "numpy")
def test_every_pair_of_scales(name, exponents, angle, opposite, variance, backend):
    side = -1.0 if opposite else 1.0
    x = np.array([0.8, 0.6]) * 10.0 ** exponents[0]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    y = side * (np.array([0.8, 0.6]) @ turn) * 10.0 ** exponents[1]
    assert_close(name, compiled(name, backend), x, y, variance, (0,) if name == "step" else (0, 1))


def test_what_leaves_float64_says_so():
    """At the output ∞, before it an error."""
    assert np.isinf(compiled("cube", "numpy").nngp(X * 1e60)).all()
    with pytest.raises(DivergentKernelError, match=r"beyond float64 \(1\.8e308\) at a hidden layer"):
        compiled("cube", "numpy", 2).nngp(X * 1e150)
    assert np.isinf(compiled("relu", "numpy").nngp(X * 1e150, variance=1e20)).all()


@pytest.mark.parametrize("names", [["relu", "step"], ["linear", "sign"], ["relu", "relu", "cos"]])
def test_a_hidden_layer_out_of_range_hands_its_angles_on(names):
    """Nothing after relu knows the scale, but for cos, which sees 0: the second moments are 1e−326 and have no digits."""
    tiny, usual = derive(names).compile(), derive(names).compile()
    at = X * 1e-163
    want = usual.nngp(X) if names[-1] != "cos" else np.ones((2, 2))
    assert tiny.nngp(at) == pytest.approx(want, rel=1e-13)


def test_biases_and_two_times_at_the_ends_of_the_range():
    kernel = derive("erf", bias=True).compile()
    far, beside = kernel.nngp(X * 1e140, bias=0.5), kernel.nngp(X * 1e8, bias=0.5)
    assert far == pytest.approx(beside, rel=1e-7)
    assert kernel.nngp(X * 1e-140, bias=0.5)[0, 1] == pytest.approx(kernel.nngp(0 * X, bias=0.5)[0, 1], rel=1e-14)
    physics = {"t": [0.5, 2.0], "s": [0.5, 0.1], "temperature": 0.3, "init_variance": 0.4}
    for name in ("ndk", "prior_covariance"):
        relu_, scale = derive("relu", depth=2).compile(), 1e140
        got, want = (getattr(relu_, name)(X * size, **physics) for size in (scale, 1.0))
        assert got / scale / scale == pytest.approx(want, rel=1e-13)


gelu = Numeric(
    "gelu", lambda u: u * ndtr(u),
    lambda u: ndtr(u) + np.clip(u, -40, 40) * np.exp(-0.5 * np.clip(u, -40, 40) ** 2) / np.sqrt(2 * np.pi),
)  # fmt: skip
gaussian = Numeric(
    "gaussian", lambda u: np.exp(-np.clip(u, -28, 28) ** 2),
    lambda u: -2 * np.clip(u, -28, 28) * np.exp(-np.clip(u, -28, 28) ** 2), parity="even",
)  # fmt: skip


@pytest.mark.parametrize("layer", [erf_, relu, gelu, gaussian], ids=lambda layer: layer.name)
@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e-20, 1e20, 1e78, 1e140])
def test_without_a_closed_form_too(layer, scale):
    """The series and the quadrature, at all scales; the peak's φ' has both signs, and its kernel falls as 1/(pq)."""
    assert_close(layer.name, Kernel((layer,), False, "numpy"), X[0] * scale, X[1] * scale)
    assert_close(layer.name, Kernel((layer,), False, "numpy"), X[0] * scale, X[0] * scale + X[1] * scale * 1e-3)


def test_wide_numbers_are_numbers():
    x, y = wide.scaled(np.array([0.75, -3.0]), np.array([4000, -4000])), wide.wide(np.array([2.0, 5.0]))
    assert np.array_equal((x * y / x).floats, [2.0, 5.0])
    assert np.array_equal((x - x).floats, [0.0, 0.0])
    assert np.array_equal((x + y).floats, [np.inf, 5.0])
    assert np.array_equal((wide.root(x * x) - abs(x)).floats, [0.0, 0.0])
    assert np.array_equal((x**3 / x / x / x).floats, [1.0, 1.0])
    assert np.array_equal((3.0 / y).floats, [1.5, 0.6])


@pytest.mark.parametrize(
    "name", ["relu2", "erf", "gelu", "elu", "snake", "gabor", "hard_tanh", "x*erf(x/2) + sin(2*x)"]
)
def test_generated_code_says_the_same_in_wide_numbers(name):
    """Bit for bit where float64 has the range, but for what Φ₂ adds up."""
    layer = compiled(name, "c").layers[0]
    rng = np.random.default_rng(5)
    p, q = np.exp(rng.uniform(-2, 2, (2, 50)))
    angle = rng.uniform(0, np.pi, 50)
    s, k = np.sin(angle / 2), np.cos(angle / 2)
    at = p, q, p * q * (k - s) * (k + s), s, k
    plain, far = derive(name).compile("numpy").layers[0].pair(*at), layer.wide("pair", *at)
    for value, size, other in zip(plain[::2], plain[1::2], far[::2], strict=True):
        assert value is None or (np.abs(other.floats - value) <= 1e-14 * size).all()


def tail(f, A, B, rho, threshold):
    """E f(u) h(u), u > τ, by the mean h of f(v), v > τ, given u, which `f` gives as (f, h(mean, deviation, τ))."""
    values, given_u = f
    p, q, rho, t = mp.sqrt(A), mp.sqrt(B), mp.mpf(rho), mp.mpf(threshold)
    deviation = q * mp.sqrt(1 - rho * rho)

    def integrand(z):
        return values(p * z, t) * given_u(q * rho * z, deviation, t) * mp.npdf(z)

    start = t / p
    steep = start + max(0, (t - q * rho * start)) * -rho * q / deviation**2
    step = 1 / max(1, steep)
    peak = start if steep > 0 else max(start, rho * t / q)
    places = sorted({start, *(start + n * step for n in (1, 3, 8, 20, 60)), *(peak + n for n in (-2, 0, 2, 6, 20))})
    places = [z for z in places if z >= start]
    top = max(integrand(z + step / 3) for z in places[:-1])
    return mp.quad(lambda z: integrand(z) / top, places) * top


def ramp_given(m, d, t):
    y = (t - m) / d
    return d * mp.npdf(y) - (t - m) * mp.erfc(y / mp.sqrt(2)) / 2


def square_given(m, d, t):
    y = (t - m) / d
    return (m * m + d * d) * mp.erfc(y / mp.sqrt(2)) / 2 + d * (m + t) * mp.npdf(y)


RAMP, SQUARE = (lambda u, t: u - t, ramp_given), (lambda u, t: u * u, square_given)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("norm", [0.1, 0.09, 0.083, 0.3, 0.028])
def test_the_diagonal_of_a_ramp_in_its_tail(norm, backend):
    """K = (A+1)Φ(−z) − √A N(z), z = 1/√A."""
    with mp.workdps(60):
        s = mp.mpf(norm)
        z = 1 / s
        want = (s * s + 1) * mp.erfc(z / mp.sqrt(2)) / 2 - s * mp.npdf(z)
    assert compiled("Max(0,x-1)", backend).nngp([[norm]])[0, 0] == pytest.approx(float(want), rel=2e-13 / norm)


@pytest.mark.parametrize(
    ("text", "f", "threshold", "A", "B", "rho"),
    [
        ("Max(0,x-7)", RAMP, 7, 1.0, 1.0, -0.5), ("Max(0,x-7)", RAMP, 7, 1.0, 2.0, 0.0),
        ("Heaviside(x-pi)*x**2", SQUARE, mp.pi, 1.25, 0.6, -0.95), ("Max(0,x-1)", RAMP, 1, 0.01, 0.04, 0.9),
        ("Max(0,x-1)", RAMP, 1, 0.02, 0.3, -0.6), ("Max(0,x-1)", RAMP, 1, 0.05, 0.05, 0.99),
    ],
)  # fmt: skip
def test_pairs_in_the_tails(text, f, threshold, A, B, rho):
    p, q = np.sqrt(A), np.sqrt(B)
    x, y = np.sqrt(2) * np.array([p, 0.0]), np.sqrt(2) * np.array([q * rho, q * np.sqrt(1 - rho**2)])
    got = compiled(text, "numpy").nngp([x], [y])[0, 0]
    with mp.workdps(40):
        A, B, C = inner(x, x), inner(y, y), inner(x, y)
        want = tail(f, A, B, C / mp.sqrt(A * B), threshold)
        # the exponent moves by twice itself with the inputs' last digit
        assert abs(got - want) <= 1e-15 * max(100, 8 * abs(mp.log(want))) * want


def test_the_tails_rule_is_the_usual_one_where_nothing_is_far_out():
    for layer in (tanh, erf_):
        grid = panels(layer.phi, layer.dphi, layer.breaks)
        (P, _), (Q, _) = (tails.single(layer, grid, p) for p in (0.7, 1.9))
        from ndksym.runtime import quadrature

        at = (0.7, 1.9, 0.6, 0.8, P, Q)
        found, usual = (rule.double(layer, grid, quadrature.GaussianPair(*at)) for rule in (tails, quadrature))
        for field in ("K", "K_dot", "PQ_minus_K", "PQ_plus_K"):
            assert getattr(found, field) == pytest.approx(getattr(usual, field), rel=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("s", [1e-4, 1e-6, 1e-8, 1e-12, 1e-40, 1e-100])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.99])
def test_gelu_of_nearly_orthogonal_rows_of_unequal_norm(s, share, backend):
    r = -share * s / np.pi
    x, y = np.array([1.0, 0.0]), s * np.array([r, np.sqrt(1 - r * r)])
    assert_close("gelu", compiled("gelu", backend), x, y)


MEANS = {
    "silu": lambda u: u / (1 + mp.exp(-u)),
    "elu": lambda u: u if u > 0 else mp.expm1(u),
    "mish": lambda u: u * mp.tanh(mp.log1p(mp.exp(u))),
    "x*sigmoid(2*x)": lambda u: u / (1 + mp.exp(-2 * u)),
    "selu": lambda u: mp.mpf("1.0507009873554804934193349852946") * (
        u if u > 0 else mp.mpf("1.6732632423543772848170429916717") * mp.expm1(u)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MEANS))
@pytest.mark.parametrize("s", [1e-2, 1e-4, 1e-8, 1e-20])
def test_orthogonal_rows_see_the_mean_of_a_small_input(name, s):
    """K(a, b, 0) = E φ(u) E φ(v): of a small v only what is even in it counts, which float64 values of φ have lost."""
    got = compiled(name, "numpy").nngp([[1.0, 0.0]], [[0.0, s]])[0, 0]
    with mp.workdps(60):
        means = [
            mp.quad(lambda z, p=p: (MEANS[name](p * z) + MEANS[name](-p * z)) * mp.npdf(z), [0, 1, 3, 6, 14])
            for p in (mp.sqrt(inner([v], [v]) / 2) for v in (1.0, s))
        ]
        want = means[0] * means[1]
    assert got == pytest.approx(float(want), rel=BAR)
