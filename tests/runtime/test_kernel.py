"""Compiled recursions against T5 and T6 typed afresh in 60-digit arithmetic, on inputs chosen to break float64."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import ndtr
from sympy import lambdify

from ndksym.activation.activation import activation
from ndksym.derivation import derive
from ndksym.errors import DivergentKernelError, InputError, InputTypeError
from ndksym.kernels.dual import dual
from ndksym.runtime import mehler, near_parallel, quadrature
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.preactivations import LayerRules, Preactivations
from ndksym.symbols import a, b, c
from ndksym.verify import closed_form_values
from ndksym.verify.accuracy import family, score, truth
from ndksym.verify.oracle.quadrature import dual_mp
from tests.networks import Numeric, covariance_and_tangent, erf_, erf_dual, prior, relu, relu_dual, tanh

DUALS = {"relu": relu_dual, "erf": erf_dual}
BAR = 1e-13


def exact_rows(X):
    return [[mp.mpf(float(v)) for v in row] for row in X]


def jogged(X, seed):
    """X with every entry moved by half an ulp, up or down."""
    rng = np.random.default_rng(seed)
    return [
        [mp.mpf(float(v)) + int(rng.choice([-1, 1])) * mp.mpf(float(np.spacing(abs(v)))) / 2 for v in row] for row in X
    ]


def inputs(scale):
    rng = np.random.default_rng(1)
    x = rng.normal(size=5)
    near = [x * (1 + e) + e * rng.normal(size=5) for e in (1e-1, 1e-4, 1e-6, 1e-8)]
    far = [-x + 1e-6 * rng.normal(size=5), 2 * x + 1e-6 * rng.normal(size=5), rng.normal(size=5), x]
    return scale * np.array([x, *near, *far])


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize(
    ("names", "bias", "variance"),
    [
        (("relu",), 0.0, 1.0),
        (("erf",), 0.0, 1.0),
        (("relu", "erf", "relu"), 0.3, 1.5),
        (("relu",) * 10, 0.0, 2.0),
        (("erf",) * 10, 0.1, 1.7),
    ],
    ids=["relu", "erf", "mixed", "relu10", "erf10"],
)
def test_errors_stay_below_the_bar_or_ten_times_the_motion_of_the_truth(names, bias, variance, scale):
    X = inputs(scale)
    layers = {"relu": relu, "erf": erf_}
    kernel = Kernel(tuple(layers[n] for n in names), True, "numpy")
    got = [k(X[:1], X, variance=variance, bias=bias)[0] for k in (kernel.nngp, kernel.ntk)]
    with mp.workdps(60):
        duals, m = [DUALS[n] for n in names], (mp.mpf(variance),) * 3
        rows, others = exact_rows(X), [jogged(X, seed) for seed in range(3)]
        for j in range(len(X)):
            truth = covariance_and_tangent(duals, rows[0], rows[j], bias, m)
            moved = [covariance_and_tangent(duals, o[0], o[j if j < len(X) - 1 else 0], bias, m) for o in others]
            for which in (0, 1):
                motion = max(abs(v[which] - truth[which]) for v in moved)
                size = abs(truth[which])
                allowed = BAR * size if motion < BAR * size else 10 * motion
                assert abs(mp.mpf(got[which][j]) - truth[which]) <= allowed, (j, which)


@pytest.mark.parametrize(("names", "bias"), [(("relu",), 0.0), (("erf", "relu"), 0.4), (("erf",) * 3, 0.0)])
def test_two_times(names, bias):
    X = inputs(1.0)[[0, 1, 3, 6, 7]]
    layers = {"relu": relu, "erf": erf_}
    kernel = Kernel(tuple(layers[n] for n in names), True, "numpy")
    physics = {"temperature": 0.3, "prior_variance": 1.3, "init_variance": 0.4}
    t, s = np.array([0.0, 1e-9, 0.7, 5.0, 400.0]), np.array([0.0, 0.0, 0.2, 5.0, 399.0])
    C = kernel.prior_covariance(X, t=t, s=s, bias=bias, **physics)
    N = kernel.ndk(X, t=t, s=s, bias=bias, **physics)
    assert C.shape == N.shape == (5, 5, 5)
    with mp.workdps(60):
        rows = exact_rows(X)
        for at in range(5):
            m = prior(float(t[at]), float(s[at]), 0.3, 1.3, 0.4)
            decay = mp.exp(-mp.mpf(0.3) / mp.mpf(1.3) * (mp.mpf(t[at]) - mp.mpf(s[at])))
            for i in range(5):
                for j in range(5):
                    want = covariance_and_tangent([DUALS[n] for n in names], rows[i], rows[j], bias, m)
                    for got, value in ((C, want[0]), (N, decay * want[1])):
                        assert abs(mp.mpf(got[at, i, j]) - value) <= 3e-13 * abs(value)


def test_symmetric_case_is_exactly_symmetric_and_blocks_do_not_matter(monkeypatch):
    X = np.random.default_rng(0).normal(size=(9, 3))
    kernel = Kernel((tanh, tanh), False, "numpy")
    whole = kernel.ntk(X)
    assert np.array_equal(whole, whole.T)
    monkeypatch.setattr("ndksym.runtime.gram._BLOCK", 5)
    assert np.allclose(kernel.ntk(X), whole, rtol=1e-14, atol=0)


def test_zero_rows_and_zero_variance_are_finite():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    kernel = Kernel((erf_, relu), True, "numpy")
    assert np.isfinite(kernel.ntk(X, bias=0.5)).all()
    assert np.isfinite(kernel.ntk(X)).all()
    assert np.isfinite(kernel.ndk(X, t=0.0, s=0.0, temperature=1.0, init_variance=0.0)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"X": [[1.0, np.nan]]}, InputError, r"X\[0, 1\] is nan"),
        ({"X": [[1.0], [1.0, 2.0]]}, InputTypeError, "rectangular"),
        ({"X": [1.0, 2.0]}, InputError, r"shape \(n, N_0\)"),
        ({"X": np.ones((0, 3))}, InputError, "at least one row"),
        ({"X": [["a"]]}, InputTypeError, "numbers"),
        ({"X": [[1j]]}, InputTypeError, "real"),
        ({"X": [[1e200]]}, InputError, "rescale"),
        ({"X2": [[1.0, 2.0, 3.0]]}, InputError, "as many columns as X"),
        ({"variance": 0.0}, InputError, "variance must be finite and > 0"),
        ({"variance": -1}, InputError, "variance"),
        ({"variance": "big"}, InputTypeError, "variance must be a number"),
        ({"variance": True}, InputTypeError, "variance"),
        ({"bias": float("inf")}, InputError, "bias"),
        ({"bias": 0.5}, InputError, "derived without biases"),
    ],
)
def test_bad_arguments_are_named(arguments, error, text):
    kernel = Kernel((erf_,), False, "numpy")
    with pytest.raises(error, match=text):
        kernel.nngp(**{"X": [[1.0, 2.0]], **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"t": 1.0, "s": 2.0}, InputError, "s must not exceed t"),
        ({"t": [1.0, 2.0], "s": [1.0, 1.0, 1.0]}, InputError, "broadcast"),
        ({"t": -1.0, "s": 0.0}, InputError, "t must be finite and ≥ 0"),
        ({"t": np.nan, "s": 0.0}, InputError, "t must be finite"),
        ({"t": "soon", "s": 0.0}, InputTypeError, "t must be a time"),
        ({"t": 1.0, "s": 0.0, "temperature": -1.0}, InputError, "temperature"),
        ({"t": 1.0, "s": 0.0, "init_variance": -1.0}, InputError, "init_variance"),
        ({"t": 1.0, "s": 0.0, "prior_variance": 0.0}, InputError, "prior_variance"),
    ],
)
def test_bad_times_are_named(arguments, error, text):
    kernel = Kernel((erf_,), False, "numpy")
    with pytest.raises(error, match=text):
        kernel.ndk([[1.0, 2.0]], **{"temperature": 1.0, **arguments})


def test_a_discontinuous_activation_has_no_tangent_kernel():
    step = Numeric("step", lambda u: (u > 0) * 1.0, lambda u: 0 * u, (0.0,), 0)
    kernel = Kernel((step,), False, "numpy")
    assert kernel.nngp([[1.0]])[0, 0] == pytest.approx(0.5, rel=1e-14)
    with pytest.raises(DivergentKernelError, match="step is discontinuous"):
        kernel.ntk([[1.0]])


def test_beyond_its_reach_a_kernel_is_refused():
    short = Numeric("short", lambda u: np.exp(u * u / 8), lambda u: u / 4 * np.exp(u * u / 8), reach=2.0)
    kernel = Kernel((short,), False, "numpy")
    with pytest.raises(DivergentKernelError, match="variances below 2"):
        kernel.nngp([[2.0]])


def test_from_a_start_at_zero_the_two_sides_differ():
    """σ0² = 0: every parameter is 0 at s = 0, so v = 0 there while u has variance m(t,t)."""
    wave = Numeric("wave", np.cos, lambda u: -np.sin(u), parity="even")
    kernel = Kernel((wave,), True, "numpy")
    t, T, beta = 1.5, 0.7, 0.25
    got = kernel.ndk([[0.75], [-2.0]], t=t, s=0.0, temperature=T, init_variance=0.0, bias=beta)
    variances = (1 - np.exp(-2 * T * t)) * (np.array([0.75, 2.0]) ** 2 + beta**2)
    want = np.exp(-T * t) * (np.exp(-variances / 2) + beta**2)
    assert np.allclose(got, want[:, None], rtol=1e-13, atol=0)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_closed_forms_with_bias(backend):
    """What a closed form is given, c among it, and not only its angles."""
    X = np.array([[1.0, 0.5], [-1.0, 0.25], [0.5, -2.0], [0.125, 0.25]])
    kernel = derive(["erf", "relu"], bias=True).compile(backend)
    got = [k(X, variance=1.25, bias=0.75) for k in (kernel.nngp, kernel.ntk)]
    with mp.workdps(40):
        m, rows = (mp.mpf(1.25),) * 3, exact_rows(X)
        for i in range(4):
            for j in range(4):
                want = covariance_and_tangent([erf_dual, relu_dual], rows[i], rows[j], 0.75, m)
                for which in (0, 1):
                    assert abs(mp.mpf(got[which][i, j]) - want[which]) <= BAR * abs(want[which])


def test_nearly_parallel_rows_of_a_large_closed_form_keep_their_angle_for_a_kink():
    """gelu at norms of a thousand, then relu, whose K_dot feels the angle: PQ − K must not be a plain difference."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=4) * 2048
    X = np.array([x, x + 0.03 * rng.normal(size=4)])
    got = derive(["gelu", "relu"]).compile("numpy").ntk(X)[0, 1]
    gelu = dual("gelu")
    K, K_dot = (lambdify((a, b, c), expr, "mpmath") for expr in (gelu.K, gelu.K_dot))
    with mp.workdps(80):
        rows = exact_rows(X)
        one = (mp.mpf(1),) * 3
        want = covariance_and_tangent([lambda *at: (K(*at), K_dot(*at)), relu_dual], *rows, 0, one)[1]
        assert abs(mp.mpf(got) - want) <= 2e-13 * want


def test_a_pair_does_not_depend_on_the_company_it_is_computed_in():
    X = np.array([[1.0, 0.2, -0.4], [2.5, 0.5, -1.0], [2.5 + 1e-7, 0.5, -1.0]])
    kernel = Kernel(
        (Numeric("gelu", lambda u: u * ndtr(u), lambda u: ndtr(u) + u * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)),) * 3,
        False,
        "numpy",
    )
    together = kernel.ntk(X)
    assert np.allclose(kernel.ntk(X[:1], X), together[:1], rtol=1e-14, atol=0)
    assert np.allclose(kernel.ntk(X[1:], X[:1]), together[1:, :1], rtol=1e-14, atol=0)


@pytest.mark.parametrize("scale", [30.0, 1e2, 1e8])
def test_an_endless_oscillation_keeps_its_digits_where_no_panel_follows_it(scale):
    d = derive("snake", depth=2)
    true = truth(
        d.activations, family(scale, (2, 6, 12, 16)), variance=1.3, bias=0.0, dual=closed_form_values.layers(d.duals)
    )
    for result in score(d.compile("numpy"), true):
        assert result.ratio <= 1, result


def test_an_oscillation_beside_one_that_no_panel_follows():
    d = derive("snake", depth=2)
    X = np.array([[7.0, -2.8, 2.1], [1e8, -0.4e8, 0.3e8 + 1e4]])
    for order in (X, X[::-1]):
        true = truth(d.activations, order, variance=1.3, bias=0.0, dual=closed_form_values.layers(d.duals))
        for result in score(d.compile("numpy"), true):
            assert result.ratio <= 1, result


def test_a_sum_that_cancels_stands_where_an_ulp_of_c_costs_as_much():
    """K = 2c² + (a − m)(b − m) to rounding: a sixteenth of its terms at a = b = 10⁶, where no rule follows sin."""
    d = derive("x**2 + sin(x) - 1616400")
    x = 1000 * np.sqrt(2) * np.array([1.0, 0.0])
    X = np.array([x, [0.15 * x[0], np.sqrt(1 - 0.15**2) * x[0]]])
    true = truth(d.activations, X, variance=1.0, bias=0.0, dual=closed_form_values.layers(d.duals))
    for result in score(d.compile("numpy"), true):
        assert result.ratio <= 1, result


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        ("silu", [[1.0, 0.0], [-0.3, 1.0], [-1.0, 0.7], [2.0, 0.4]]),
        ("x*tanh(x) - 3/5 + x/20", [[1.4, 0.014], [0.0, 1.4]]),
    ],
)
def test_the_series_serves_right_and_obtuse_angles_too(monkeypatch, formula, rows):
    def refuse(*_):
        raise AssertionError("the quadrature costs a thousand times more")

    kernel = derive(formula).compile("numpy")
    X = np.array(rows)
    want = kernel.nngp(X)
    monkeypatch.setattr(quadrature, "double", refuse)
    assert np.array_equal(kernel.nngp(X), want)


def test_the_gap_by_series_needs_both_sides_to_die_out():
    layer = derive("tanh").compile("numpy").layers[0]
    small, large = (
        Preactivations(LayerRules(layer), np.array([variance])).series(np.zeros(1, dtype=int))
        for variance in (0.1, 10.0)
    )
    assert mehler.resolves_PQ_minus_K(small, small)
    assert not any(mehler.resolves_PQ_minus_K(*both) for both in ((small, large), (large, small), (large, large)))


@pytest.mark.parametrize("theta", [0.1, 1e-3])
@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-5, 4e-5, 1e-3, 0.1])
@pytest.mark.parametrize(
    ("name", "p"), [("relu6", 3.161), ("elu", 3.161), ("gelu", 1.0), ("relu2", 1e3), ("relu2", 1e-3), ("x+x**3/9", 1.2)]
)
def test_the_gap_by_price_sees_the_bend_of_unequal_norms(name, p, apart, theta):
    """u and v cross a break at 6 at places 6 |p − q|/(pq) apart: within 1e-4 of θ = 0 the slope bends."""
    layer = derive(name).compile("numpy").layers[0]
    first, second = (Preactivations(LayerRules(layer), np.array([norm * norm])) for norm in (p, p * (1 + apart)))
    zero, s, k = np.zeros(1, dtype=int), np.array([np.sin(theta / 2)]), np.array([np.cos(theta / 2)])
    found, done = near_parallel.by_price(first, second, zero, zero, s, k)
    with mp.workdps(40):
        p, q, s = (mp.mpf(float(x[0])) for x in (first.p, second.p, s))
        K = [
            dual_mp(activation(name), *at, 36)[0]
            for at in ((p * p,) * 3, (q * q,) * 3, (p * p, q * q, p * q * (1 - 2 * s * s)))
        ]
        want = mp.sqrt(K[0] * K[1]) - K[2]
        assert done[0]
        assert abs(found[0] - want) < 5e-14 * want


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", ["elu", "selu", "celu", "gelu", "hard_tanh", "leaky_relu", "snake"])
def test_exactly_opposite_inputs(name, backend):
    """Where u = −v both half-angle terms vanish together, and each in its own order."""
    kernel, x = derive(name).compile(backend), np.array([1.0, 2.0, -2.0])  # |x|²/3 = 3
    for variance in (0.1, 0.3, 1.0):
        v = mp.mpf(3) * mp.mpf(variance)
        K, K_dot, _ = dual_mp(activation(name), v, v, -v)
        got = kernel.nngp([x], [-x], variance=variance)[0, 0], kernel.ntk([x], [-x], variance=variance)[0, 0]
        assert got[0] == pytest.approx(float(mp.mpf(variance) * K), rel=1e-13)
        assert got[1] == pytest.approx(float(K - v * K_dot), rel=1e-12)


def test_a_small_covariance_between_two_layers_keeps_its_digits():
    """relu leaves nearly opposite inputs all but uncorrelated; of that the half-angles know nothing."""
    both, first = derive(["relu", "tanh"]).compile(), derive("relu").compile()
    ratios = []
    for away in (1e-4, 1e-6, 1e-8):
        X = np.array([[1.0, 0.0], [-1.0, away]])
        # K(c) = c (E φ')² + O(c³): all small covariances are multiplied alike
        ratios.append(both.nngp(X)[0, 1] / first.nngp(X)[0, 1])
    assert ratios[0] > 0.1
    assert ratios[1:] == pytest.approx([ratios[0]] * 2, rel=1e-7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["erf(x+1)", "Max(0,x-1)", "gelu", "tanh(x-1)"])
def test_equal_and_parallel_rows_give_no_warning(name):
    k, rows = derive(name).compile(), np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 4.0]])
    found = k.ntk(rows, rows + 0.0)
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(found[0, 1], rel=1e-14)
