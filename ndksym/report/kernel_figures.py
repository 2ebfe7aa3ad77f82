"""The figures of activation and kernels: φ, NNGP and NTK against the angle between inputs, NDK over both times."""

from collections.abc import Iterator

import numpy as np

from ndksym.activation.activation import Activation
from ndksym.errors import NdksymError
from ndksym.kernels.network import Network
from ndksym.output.figure import Absent, Chart, Curve, Figure, Heat
from ndksym.report.setting import Physics
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["figures"]

_REACH, _POINTS = 4.0, 401
_ANGLES = np.linspace(0.0, 180.0, 61)
_DEEPEST = 40
"""Layers up to which the kernel of a deeper network of the same kind is shown too."""
_LATEST, _GRID = 2.0, 17
"""The times of the NDK, in units of σ²/T, and how many."""


def figures(d: Network, kernel: Kernel, physics: Physics, nngp_only: bool) -> Iterator[Figure | Absent]:
    """One after the other; one that cannot be drawn says why."""
    distinct = list(dict.fromkeys(d.duals))
    for number, dual in enumerate(distinct, 1):
        name = "activation" if len(distinct) == 1 else f"activation-{number}"
        yield _activation(name, dual.activation, kernel, d.duals.index(dual))
    yield _angles(d, kernel, physics, "nngp", "NNGP kernel")
    if nngp_only or d.diverges:
        return
    yield _angles(d, kernel, physics, "ntk", "NTK")
    for angle in (0, 60):
        yield _two_times(kernel, physics, angle)


def _activation(name: str, act: Activation, kernel: Kernel, layer: int) -> Figure:
    breaks = [float(point) for point in (*act.discontinuities, *act.kinks)]
    reach = max([_REACH, *(1.25 * abs(point) for point in breaks)])
    x = np.linspace(-reach, reach, _POINTS)
    phi, dphi = kernel.layers[layer].phi(x), kernel.layers[layer].dphi(x)
    # a line is not to be drawn across a jump
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
    """Those of the network's own layers, or of networks of the same activation."""
    if len(set(d.activations)) > 1 or 4 * d.depth > _DEEPEST:
        return sorted({1, (d.depth + 1) // 2, d.depth})
    return sorted({1, d.depth, 2 * d.depth, 4 * d.depth})


def _angles(d: Network, kernel: Kernel, physics: Physics, which: str, title: str) -> Figure | Absent:
    angles = np.deg2rad(_ANGLES)
    X = np.sqrt(2) * np.column_stack([np.cos(angles), np.sin(angles)])
    variance = physics.prior_variance if which == "nngp" else physics.init_variance
    curves: list[Curve] = []
    missing: list[str] = []
    for depth in _depths(d):
        layers = kernel.layers[:depth] if depth <= d.depth else kernel.layers[:1] * depth
        network = Kernel(layers, kernel.bias, kernel.backend)
        try:
            with np.errstate(all="ignore"):
                found = getattr(network, which)(X[:1], X, variance=variance, bias=physics.bias)[0]
                found = found / found[0]
        except NdksymError as error:
            missing.append(f"depth {depth}: {error}")
            continue
        if not np.all(np.isfinite(found)):
            missing.append(f"depth {depth}: it leaves float64")
            continue
        curves.append(Curve(f"depth {depth}" + (" (this network)" if depth == d.depth else ""), found, len(curves)))
    name = f"{which}-angle"
    if not curves:
        return Absent(name, f"{title} against the angle", "; ".join(missing))
    symbol = "σ²" if which == "nngp" else "σ0²"
    caption = (
        f"Two inputs with x·x/N₀ = 1; {title}(θ)/{title}(0) at {symbol} = {variance:g}"
        + (f", β = {physics.bias:g}" if kernel.bias else "")
        + (". " + "; ".join(missing) if missing else "")
        + "."
    )
    label = f"{title}(θ) / {title}(0) (dimensionless)"
    chart = Chart("angle θ between the inputs (degrees)", label, _ANGLES, tuple(curves))
    return Figure(name, f"{title} against the angle", caption, chart)


def _two_times(kernel: Kernel, physics: Physics, angle: int) -> Figure | Absent:
    """The NDK depends on the times through T t/σ² alone."""
    turn = np.deg2rad(angle)
    X = np.sqrt(2) * np.array([[1.0, 0.0], [np.cos(turn), np.sin(turn)]])
    tau = np.linspace(0.0, _LATEST, _GRID)
    later, earlier = np.tril_indices(_GRID)
    name, title = f"ndk-{angle}", f"NDK over both times, inputs at {angle}°"
    known = {
        "prior_variance": physics.prior_variance,
        "init_variance": physics.other_init_variance,
        "bias": physics.bias,
    }
    scale = physics.prior_variance / physics.temperature
    try:
        found = kernel.ndk(
            X[:1], X[1:], t=scale * tau[later], s=scale * tau[earlier], temperature=physics.temperature, **known
        )
    except NdksymError as error:
        return Absent(name, title, str(error))
    values = np.full((_GRID, _GRID), np.nan)
    values[later, earlier] = found[:, 0, 0]
    caption = (
        f"NDK(t, s) for s ≤ t, two inputs with x·x/N₀ = 1 at {angle}°; σ² = {physics.prior_variance:g}, "
        f"σ0² = {physics.other_init_variance:g}" + (f", β = {physics.bias:g}" if kernel.bias else "") + "."
    )
    labels = ("later time T t/σ² (dimensionless)", "earlier time T s/σ² (dimensionless)", "NDK(t, s) (dimensionless)")
    return Figure(name, title, caption, Heat(*labels, tau, values))
