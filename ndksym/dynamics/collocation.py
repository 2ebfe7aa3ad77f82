"""Functions of time as polynomials on panels, and integrals of a tabulated kernel over them.

On each panel a function is a polynomial through right Radau nodes. Integrals are product integrals in z = √|t − s|, in which
the kernel of an activation with kinks is smooth as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

from ndksym.dynamics.kernel_table import KernelTable
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

__all__ = [
    "FORWARD",
    "NODES",
    "Integral",
    "PiecewisePolynomial",
    "TimeFunction",
    "integrals",
    "lagrange",
    "radau",
    "weights",
]

NODES = 8
_GAUSS, _FINER = 16, 24
_POINTS = 2**15
"""Number of quadrature points treated at once; the Chebyshev basis at these points takes about a hundred megabytes."""

TimeFunction = Callable[[Array, Array], Array]
"""A function of t and of the integration variable s."""


def _integration_variable(_: Array, s: Array) -> Array:
    """The earlier time of the kernel where the integral runs forward in time."""
    return s


@dataclass(frozen=True)
class Integral:
    """Σ_k M_k ∫ u_k(t, s) factor(t, s) f(s) ds over s < t (`side` "below") or s > t ("above"), between `since` and `until`.

    `earlier` gives the earlier of the two times of the kernel. Without a `factor` it is e^{−r|t−s|}. The `finer` rule has
    more points, none of which belongs to the usual rule; it measures the quadrature error of the usual one.
    """

    side: Literal["below", "above"] = "below"
    earlier: TimeFunction = _integration_variable
    factor: TimeFunction | None = None
    since: float = 0.0
    until: float = np.inf
    finer: bool = False


FORWARD = Integral()
"""∫_0^t of the kernel forward in time."""


@dataclass(frozen=True)
class PiecewisePolynomial:
    """A function of time: `ends` (panels + 1,) start at 0, `values` (panels, NODES, …) are those at the nodes of each panel."""

    ends: Array
    values: Array

    def __post_init__(self) -> None:
        if self.values.shape[:2] != (len(self.ends) - 1, NODES):
            raise AssertionError("each panel must have NODES values")

    @property
    def nodes(self) -> Array:
        """All nodes in ascending order: (panels · NODES,)."""
        return np.asarray(self.ends[:-1, None] + radau()[0] * np.diff(self.ends)[:, None]).ravel()

    @property
    def quadrature(self) -> Array:
        """Weights at the nodes of the integral over all panels."""
        return np.asarray(radau()[1] * np.diff(self.ends)[:, None]).ravel()

    def spread(self, basis: Array) -> "PiecewisePolynomial":
        """The function on the rows, from its values in a basis (P, r) of their combinations."""
        return replace(self, values=np.einsum("xm,njmo->njxo", basis, self.values))

    def panel_of(self, times: Array) -> NDArray[np.intp]:
        """The index of the end of the panel that contains each time."""
        return np.minimum(np.searchsorted(self.ends, times), len(self.ends) - 1)


@lru_cache(maxsize=1)
def radau() -> tuple[Array, Array, Array]:
    """Right Radau nodes on (0, 1], their quadrature weights, and the barycentric weights of their polynomial."""
    x = 0.5 * (1 + np.append(roots_jacobi(NODES - 1, 1, 0)[0], 1.0))
    barycentric = np.array([1 / np.prod(x[j] - np.delete(x, j)) for j in range(NODES)])
    gauss, w = legendre(NODES)
    weights = 0.5 * w @ _products(0.5 * (1 + gauss), x, barycentric)
    return x, weights, barycentric


def lagrange(at: Array) -> Array:
    """The Lagrange polynomials of the nodes at points of the panel [0, 1]; the last axis is the node."""
    return _products(at, radau()[0], radau()[2])


def _products(at: Array, x: Array, barycentric: Array) -> Array:
    differences = at[..., None] - x
    out = np.empty(differences.shape)
    for j in range(len(x)):
        out[..., j] = barycentric[j] * np.prod(np.delete(differences, j, axis=-1), axis=-1)
    return out


def integrals(table: KernelTable, f: PiecewisePolynomial, times: Array, integral: Integral = FORWARD) -> Array:
    """The integral of the tabulated kernel times f at each of the times: (times, rows, …)."""
    inner = f.values.shape[2:]
    out = np.zeros((len(times), len(table.grams), *inner[1:]))
    if len(f.values) == 0:
        return out
    flat = f.values.reshape(-1, int(np.prod(inner)))
    height = max(1, _POINTS // (len(f.values) * _GAUSS))
    for start in range(0, len(times), height):
        block = times[start : start + height]
        w = np.moveaxis(weights(table, f.ends, block, integral), 3, 0).reshape(-1, flat.shape[0])
        sums = (w @ flat).reshape(-1, len(block), *inner)  # (k, times, P, …)
        out[start : start + height] = np.moveaxis(table.apply(np.moveaxis(sums, 1, -1)), -1, 0)
    return out


def weights(table: KernelTable, ends: Array, times: Array, integral: Integral = FORWARD) -> Array:
    """∫ u_k factor ℓ_j(s) ds over the part of each panel on one side of t: (times, panels, NODES, k)."""
    x, w = legendre(_FINER if integral.finer else _GAUSS)
    a, b = np.maximum(ends[:-1], integral.since), np.minimum(ends[1:], integral.until)
    t = times[:, None]
    near, far = (t - b, t - a) if integral.side == "below" else (a - t, b - t)
    out = np.zeros((len(times), len(a), NODES, table.grams.shape[1]))

    def add(n: NDArray[np.intp], panel: NDArray[np.intp], s: Array, lag: Array, size: Array) -> None:
        """Add the quadrature points (pairs, GAUSS) of pairs of a time and a panel."""
        at, now = (s - ends[panel, None]) / np.diff(ends)[panel, None], times[n, None]
        size = size * (np.exp(-table.process.rate * lag) if integral.factor is None else integral.factor(now, s))
        u = table.weights(lag, integral.earlier(now + 0.0 * s, s))
        out[n, panel] += np.matmul((size[..., None] * lagrange(at)).swapaxes(1, 2), u)

    # far from t the integrand is smooth, and s computed as t ∓ z² would lose the digits of a short panel
    away = (near > b - a) & (b > a)
    if away.any():
        n, panel = np.nonzero(away)
        half = 0.5 * (b - a)[panel, None]
        s = a[panel, None] + half * (1 + x)
        add(n, panel, s, np.abs(times[n, None] - s), half * w)
    beside = ~away & (far > np.maximum(near, 0.0)) & (b > a)
    n, panel = np.nonzero(beside)
    if len(n):
        now, low, high = times[n], np.maximum(near, 0.0)[beside], far[beside]
        scale = np.minimum(*(table.shortest(integral.earlier(now, end[panel])) for end in (a, b)))
        scale = scale * (0.5 if integral.finer else 1.0)
        for span in range(int(np.ceil(np.log2(np.maximum(high / scale, 0.5)).max())) + 2):
            # spans of lags that double in length; the first is as short as the kernel requires
            start = np.sqrt(np.maximum(low, 2.0 ** (span - 1) * scale if span else 0.0))
            end = np.sqrt(np.minimum(high, 2.0**span * scale))
            part = end > start
            if part.any():
                half = 0.5 * (end - start)[part, None]
                z = 0.5 * (end + start)[part, None] + half * x
                lag, t = z * z, now[part, None]
                add(n[part], panel[part], t - lag if integral.side == "below" else t + lag, lag, half * w * 2 * z)
    return out
