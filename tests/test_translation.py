"""The table "Translation" of ndksym/theory.md, entry by entry: neural-tangents and PyTorch in this package's conventions."""

import numpy as np
import pytest
from scipy.special import erf
from scipy.stats import t as student

import ndksym

X = np.array([[1.0, 0.5, -0.3], [-0.2, 0.8, 1.1]])
Z = np.array([[0.4, -0.6, 0.9]])
Y = np.array([1.0, -1.0])
W_STD, B_STD = 1.3, 0.4
RATE, TIME = 0.7, 2.5
SETTING = {"variance": W_STD**2, "bias": B_STD / W_STD}

PRINTED = {
    # neural-tangents 0.6.5 in float64, two hidden layers, Dense(n, W_std=1.3, b_std=0.4, parameterization="ntk"):
    # kernel_fn(Z, X, "nngp"); kernel_fn(Z, X, "ntk"); gradient_descent_mse(k_XX, y, learning_rate=0.7) at t=2.5 from 0;
    # gp_inference(k_XX, y, diag_reg=0.3, diag_reg_absolute_scale=True), "nngp"
    "erf": (
        [0.319407479943566, 0.489656063501534],
        [0.517642270850563, 1.051906906022709],
        -0.185206587214987,
        -0.1781728742917,
    ),
    "relu": (
        [0.620919830978747, 0.764613507830387],
        [0.875936782568052, 1.26976082198801],
        -0.108006125418975,
        -0.101404893303029,
    ),
}


def duals(name, a, b, c):
    """K and K_dot as published: Williams 1997, Cho and Saul 2009."""
    if name == "erf":
        det = (1 + 2 * a) * (1 + 2 * b) - 4 * c * c
        return 2 / np.pi * np.arctan2(2 * c, np.sqrt(det)), 4 / (np.pi * np.sqrt(det))
    angle = np.arccos(c / np.sqrt(a * b))
    K = np.sqrt(a * b) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return K, (np.pi - angle) / (2 * np.pi)


def neural_tangents(name, x, z, depth, W_std, b_std):
    """Novak et al. 2020: Dense maps K to W_std² K + b_std² and Θ to that plus W_std² Θ; φ maps Θ to K_dot Θ."""
    a, b, c = (W_std**2 * (u @ v) / len(u) + b_std**2 for u, v in ((x, x), (z, z), (x, z)))
    theta = c
    for _ in range(depth):
        (A, _), (B, _), (K, K_dot) = (duals(name, p, q, r) for p, q, r in ((a, a, a), (b, b, b), (a, b, c)))
        a, b, c = (W_std**2 * each + b_std**2 for each in (A, B, K))
        theta = c + W_std**2 * K_dot * theta
    return c, theta


@pytest.fixture(scope="module", params=["erf", "relu"])
def kernel(request):
    return request.param, ndksym.derive(request.param, depth=2, bias=True).compile("numpy")


def test_kernels_of_the_published_recursion(kernel):
    name, k = kernel
    want = np.array([[neural_tangents(name, z, x, 2, W_STD, B_STD) for x in X] for z in Z])
    assert k.nngp(Z, X, **SETTING) == pytest.approx(want[..., 0], rel=1e-12)
    assert W_STD**2 * k.ntk(Z, X, **SETTING) == pytest.approx(want[..., 1], rel=1e-12)


def test_kernels_that_neural_tangents_prints(kernel):
    name, k = kernel
    nngp, ntk, *_ = PRINTED[name]
    assert k.nngp(Z, X, **SETTING)[0] == pytest.approx(nngp, rel=1e-12)
    assert W_STD**2 * k.ntk(Z, X, **SETTING)[0] == pytest.approx(ntk, rel=1e-12)


def test_time_of_gradient_descent_mse(kernel):
    name, k = kernel
    run = ndksym.solve(
        k, X, Y, Z, times=[W_STD**2 * RATE * TIME / Y.size], temperature=0.0, init_variance=W_STD**2,
        bias=SETTING["bias"], method="gradient",
    )  # fmt: skip
    assert run.test[0, 0] == pytest.approx(PRINTED[name][2], rel=1e-9)


def test_temperature_is_the_noise_of_gp_inference(kernel):
    name, k = kernel
    run = ndksym.solve(
        k, X, Y, Z, times=[1.0], temperature=0.3, prior_variance=W_STD**2, init_variance=W_STD**2, bias=SETTING["bias"],
    )  # fmt: skip
    assert run.equilibrium.mean[0] == pytest.approx(PRINTED[name][3], rel=1e-9)


# PyTorch: one hidden layer of erf, parameters by name as in torch.nn.Linear

PHYSICS = {"temperature": 0.2, "prior_variance": 1.4, "init_variance": 0.5, "bias": 0.6}
H, STEPS = 0.25, 8


def gradients(parameters, y, scales):
    """f at X and Z, and the gradients of ½ Σ (f − y)² over X; `scales` multiply weights and biases in the forward pass."""
    W1, b1, W2, b2 = (scale * each for scale, each in zip(scales, parameters, strict=True))
    rows = np.vstack([X, Z]).T
    h = W1 @ rows + b1
    f = (W2 @ erf(h) + b2)[..., 0, :]
    error = np.where(np.arange(rows.shape[1]) < len(X), f - np.append(y, 0.0), 0.0)[..., None, :]
    back = W2.swapaxes(-1, -2) * error * 2 / np.sqrt(np.pi) * np.exp(-h * h)
    each = (
        back @ rows.T, back.sum(axis=-1, keepdims=True), error @ erf(h).swapaxes(-1, -2), error.sum(axis=-1, keepdims=True)
    )  # fmt: skip
    return f, [scale * gradient for scale, gradient in zip(scales, each, strict=True)]


def sgd(parameters, grads, lr, weight_decay):
    """The documented rule of torch.optim.SGD without momentum: g ← g + λ p, p ← p − lr g."""
    each = zip(parameters, grads, lr, weight_decay, strict=True)
    return [p - rate * (g + decay * p) for p, g, rate, decay in each]


def trained(form, y, seed, count, width, decay=1.0):
    """Outputs (steps + 1, networks, rows) of networks in steps, from the table: `form` "ntk" or "torch"."""
    T, prior, init, beta = PHYSICS.values()
    shapes = ((width, X.shape[1]), (width, 1), (1, width), (1, 1))
    fan_in = np.array([X.shape[1], np.inf, width, np.inf])
    bias = np.isinf(fan_in)
    size = np.where(bias, beta, 1 / np.sqrt(fan_in))  # what a unit parameter is multiplied by
    if form == "torch":
        N = np.where(bias, 1.0, fan_in)
        lr = np.where(bias, H * beta**2, H / N)
        weight_decay = np.where(bias, T / (prior * beta**2), N * T / prior)
        noise = np.where(bias, np.sqrt(2 * H * T) * beta, np.sqrt(2 * H * T / N))
        start, scales = np.sqrt(init) * size, np.ones(4)
    else:
        lr, weight_decay, noise = np.full(4, H), np.full(4, T / prior), np.full(4, np.sqrt(2 * H * T))
        start, scales = np.full(4, np.sqrt(init)), size
    rng = np.random.default_rng(seed)
    parameters = [std * rng.normal(size=(count, *shape)) for std, shape in zip(start, shapes, strict=True)]
    found = []
    for _ in range(STEPS + 1):
        f, grads = gradients(parameters, y, scales)
        found.append(f)
        parameters = sgd(parameters, grads, lr, decay * weight_decay)
        parameters = [p + std * rng.normal(size=p.shape) for p, std in zip(parameters, noise, strict=True)]
    return np.array(found)


def test_sgd_with_the_settings_of_the_table_is_the_update_rule():
    one, other = (trained(form, Y, 1, 3, 40) for form in ("ntk", "torch"))
    assert np.abs(one - other).max() < 1e-12


def worst_z(count, width, **options):
    """Largest |z| of the mean of trained networks against `solve`, at all steps and rows; pairs with labels ±y."""
    plus, minus = (trained("torch", sign * Y, 2, count, width, **options) for sign in (1.0, -1.0))
    pairs = (plus - minus)[1:] / 2
    run = ndksym.solve("erf", X, Y, Z, times=H * np.arange(1, STEPS + 1), step=H, **PHYSICS)
    want = np.concatenate([run.train, run.test], axis=1)
    return np.abs((pairs.mean(axis=1) - want) / (pairs.std(axis=1, ddof=1) / np.sqrt(count))).max()


def test_networks_trained_by_sgd_agree_with_solve():
    count, width = 300, 400
    most = student.isf(1e-4 / 2 / (STEPS * 3), count - 1)
    assert worst_z(count, width) < most
    assert worst_z(count, width, decay=3.0) > most  # the test sees a wrong decay


# notes below the table


def test_variances_of_pytorchs_initialisations():
    """Documented: Linear draws U(−1/√N, 1/√N); kaiming_normal_ has std gain/√N, gain √2 for relu."""
    N, rng = 50, np.random.default_rng(5)
    assert N * np.var(rng.uniform(-1 / np.sqrt(N), 1 / np.sqrt(N), 10**5)) == pytest.approx(1 / 3, rel=0.02)
    assert N * np.var(rng.normal(0, np.sqrt(2) / np.sqrt(N), 10**5)) == pytest.approx(2, rel=0.02)


def test_mean_squared_error_is_slower_by_half_the_number_of_entries():
    def slope(loss, f, e=1e-6):
        return (loss(f + e) - loss(f - e)) / (2 * e)

    y = np.arange(6.0).reshape(3, 2)
    half_sum, mse = (slope(lambda f, loss=loss: loss((f - y) ** 2), 0.3) for loss in (lambda r: r.sum() / 2, np.mean))
    assert half_sum == pytest.approx(mse * y.size / 2)
