"""Figures of activation and kernels: φ, NNGP and NTK against the angle between inputs, NDK against both times."""

from collections.abc import Iterator

import numpy as np

from ndksym.activation.activation import Activation
from ndksym.errors import NdksymError
from ndksym.kernels.network import Network
from ndksym.output.figure import Absent, Chart, Curve, Figure, Heat
from ndksym.report.setting import Setting
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["figures"]

_REACH, _POINTS = 4.0, 401
_ANGLES = np.linspace(0.0, 180.0, 61)
_DEEPEST = 40
"""Depth of the deepest network that is drawn beside a shallower one of the same activation."""
_LATEST, _GRID = 2.0, 17
"""The last time of the NDK in units of σ²/T, and the number of times."""


def figures(d: Network, kernel: Kernel, setting: Setting, nngp_only: bool) -> Iterator[Figure | Absent]:
    """Yield the figures one by one; an absent figure states its reason."""
    distinct = list(dict.fromkeys(d.duals))
    for number, dual in enumerate(distinct, 1):
        name = "activation" if len(distinct) == 1 else f"activation-{number}"
        yield _activation(name, dual.activation, kernel, d.duals.index(dual))
    yield _angles(d, kernel, setting, "nngp", "NNGP kernel")
    if nngp_only or d.diverges:
        return
    yield _angles(d, kernel, setting, "ntk", "NTK")
    for angle in (0, 60):
        yield _two_times(kernel, setting, angle)


def _activation(name: str, act: Activation, kernel: Kernel, layer: int) -> Figure:
    breaks = [float(point) for point in (*act.discontinuities, *act.kinks)]
    reach = max([_REACH, *(1.25 * abs(point) for point in breaks)])
    x = np.linspace(-reach, reach, _POINTS)
    phi, dphi = kernel.layers[layer].phi(x), kernel.layers[layer].dphi(x)
    # no line crosses a jump
    jumps = [np.searchsorted(x, float(point)) for point in act.discontinuities]
    corners = [np.searchsorted(x, point) for point in breaks]
    curves = (
        Curve("φ(x)", _cut(phi, jumps), 0),
        Curve("φ′(x)", _cut(dphi, corners), 1),
    )
    chart = Chart("preactivation x (dimensionless)", "φ, φ′ (dimensionless)", x, curves)
    return Figure(name, f"Activation {act.name}", "φ and its derivative, where it has one.", chart)


def _cut(values: Array, at: list[np.intp]) -> Array:
    out = np.array(values, dtype=np.float64)
    out[[int(i) for i in at]] = np.nan
    return out


def _depths(d: Network) -> list[int]:
    """Depths of parts of the network, or of networks of the same activation."""
    if len(set(d.activations)) > 1 or 4 * d.depth > _DEEPEST:
        return sorted({1, (d.depth + 1) // 2, d.depth})
    return sorted({1, d.depth, 2 * d.depth, 4 * d.depth})


def _angles(d: Network, kernel: Kernel, setting: Setting, which: str, title: str) -> Figure | Absent:
    angles = np.deg2rad(_ANGLES)
    X = np.sqrt(2) * np.column_stack([np.cos(angles), np.sin(angles)])
    variance = setting.prior_variance if which == "nngp" else setting.init_variance
    curves: list[Curve] = []
    missing: list[str] = []
    for depth in _depths(d):
        layers = kernel.layers[:depth] if depth <= d.depth else kernel.layers[:1] * depth
        network = Kernel(layers, kernel.bias, kernel.backend)
        try:
            with np.errstate(all="ignore"):
                values = getattr(network, which)(X[:1], X, variance=variance, bias=setting.bias)[0]
                values = values / values[0]
        except NdksymError as error:
            missing.append(f"depth {depth}: {error}")
            continue
        if not np.all(np.isfinite(values)):
            missing.append(f"depth {depth}: the kernel is too large for float64")
            continue
        curves.append(Curve(f"depth {depth}" + (" (this network)" if depth == d.depth else ""), values, len(curves)))
    name = f"{which}-angle"
    if not curves:
        return Absent(name, f"{title} against the angle", "; ".join(missing))
    symbol = "σ²" if which == "nngp" else "σ0²"
    caption = (
        f"Two inputs with x·x/N₀ = 1; {title}(θ)/{title}(0) at {symbol} = {variance:g}"
        + (f", β = {setting.bias:g}" if kernel.bias else "")
        + (". " + "; ".join(missing) if missing else "")
        + "."
    )
    label = f"{title}(θ) / {title}(0) (dimensionless)"
    chart = Chart("angle θ between the inputs (degrees)", label, _ANGLES, tuple(curves))
    return Figure(name, f"{title} against the angle", caption, chart)


def _two_times(kernel: Kernel, setting: Setting, angle: int) -> Figure | Absent:
    """The NDK of two inputs; it depends on the times only through T t/σ² and T s/σ²."""
    theta = np.deg2rad(angle)
    X = np.sqrt(2) * np.array([[1.0, 0.0], [np.cos(theta), np.sin(theta)]])
    tau = np.linspace(0.0, _LATEST, _GRID)
    later, earlier = np.tril_indices(_GRID)
    name, title = f"ndk-{angle}", f"NDK over both times, inputs at {angle}°"
    scale = setting.prior_variance / setting.temperature
    try:
        ndk = kernel.ndk(
            X[:1], X[1:], t=scale * tau[later], s=scale * tau[earlier], temperature=setting.temperature,
            prior_variance=setting.prior_variance, init_variance=setting.other_init_variance, bias=setting.bias,
        )  # fmt: skip
    except NdksymError as error:
        return Absent(name, title, str(error))
    values = np.full((_GRID, _GRID), np.nan)
    values[later, earlier] = ndk[:, 0, 0]
    caption = (
        f"NDK(t, s) for s ≤ t, two inputs with x·x/N₀ = 1 at {angle}°; σ² = {setting.prior_variance:g}, "
        f"σ0² = {setting.other_init_variance:g}" + (f", β = {setting.bias:g}" if kernel.bias else "") + "."
    )
    labels = ("later time T t/σ² (dimensionless)", "earlier time T s/σ² (dimensionless)", "NDK(t, s) (dimensionless)")
    return Figure(name, title, caption, Heat(*labels, tau, values))
