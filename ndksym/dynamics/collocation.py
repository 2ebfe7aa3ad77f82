"""Functions of time as polynomials on panels, and integrals of a tabulated kernel over them.

On each panel a function is a polynomial through right Radau nodes. Integrals are product integrals in z = √|t − s|, where
the kernel of a kinked activation is smooth too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

from ndksym.dynamics.kernel_table import Table
from ndksym.runtime.quadrature import legendre
from ndksym.runtime.types import Array

NODES = 8
_GAUSS, _FINER = 16, 24
_POINTS = 2**15
"""Quadrature points at once: what the Chebyshev basis takes at them stays in the hundred megabytes."""

Side = Literal["below", "above"]
Earlier = Callable[[Array, Array], Array]
"""The earlier of the two times, of (t, s) that the integral runs between."""
Factor = Callable[[Array, Array], Array]
"""What multiplies Σ_k u_k M_k under the integral, of (t, s)."""


@dataclass(frozen=True)
class Panels:
    """A function of time: `ends` (panels + 1,) from 0 up, `values` (panels, NODES, …) at the nodes of each panel."""

    ends: Array
    values: Array

    def __post_init__(self) -> None:
        if self.values.shape[:2] != (len(self.ends) - 1, NODES):
            raise AssertionError("NODES values on each panel")

    @property
    def nodes(self) -> Array:
        """All nodes, ascending: (panels · NODES,)."""
        return np.asarray(self.ends[:-1, None] + radau()[0] * np.diff(self.ends)[:, None]).ravel()

    @property
    def quadrature(self) -> Array:
        """Weights of ∫ over the whole time, at the nodes."""
        return np.asarray(radau()[1] * np.diff(self.ends)[:, None]).ravel()

    def spread(self, basis: Array) -> "Panels":
        """The function on the rows, from its values in a basis (P, r) of their combinations."""
        return replace(self, values=np.einsum("xm,njmo->njxo", basis, self.values))

    def panel_of(self, times: Array) -> NDArray[np.intp]:
        """The end (its number) of the panel that each time lies in."""
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
    """The polynomials of the nodes, at points of a panel's own coordinate; a last axis for the node."""
    return _products(at, radau()[0], radau()[2])


def _products(at: Array, x: Array, barycentric: Array) -> Array:
    gaps = at[..., None] - x
    out = np.empty(gaps.shape)
    for j in range(len(x)):
        out[..., j] = barycentric[j] * np.prod(np.delete(gaps, j, axis=-1), axis=-1)
    return out


def between(_: Array, s: Array) -> Array:
    """Forward in time the kernel's earlier time is the one that is integrated over."""
    return s


def integrals(
    table: Table,
    f: Panels,
    times: Array,
    *,
    side: Side = "below",
    earlier: Earlier = between,
    factor: Factor | None = None,
    since: float = 0.0,
    until: float = np.inf,
    finer: bool = False,
) -> Array:
    """Σ_k M_k ∫ u_k f(s) ds over s < t (or s > t) within since … until, for each t in `times`: (times, rows, …).

    The integrand's factor is e^{−r|t−s|} unless another is given.
    """  # fmt: skip
    inner = f.values.shape[2:]
    out = np.zeros((len(times), len(table.grams), *inner[1:]))
    if len(f.values) == 0:
        return out
    flat = f.values.reshape(-1, int(np.prod(inner)))
    height = max(1, _POINTS // (len(f.values) * _GAUSS))
    for start in range(0, len(times), height):
        block = times[start : start + height]
        w = weights(
            table, f.ends, block, side=side, earlier=earlier, factor=factor, since=since, until=until, finer=finer
        )
        w = np.moveaxis(w, 3, 0).reshape(-1, flat.shape[0])
        sums = (w @ flat).reshape(-1, len(block), *inner)  # (k, times, P, …)
        out[start : start + height] = np.moveaxis(table.apply(np.moveaxis(sums, 1, -1)), -1, 0)
    return out


def weights(
    table: Table,
    ends: Array,
    times: Array,
    *,
    side: Side = "below",
    earlier: Earlier = between,
    factor: Factor | None = None,
    since: float = 0.0,
    until: float = np.inf,
    finer: bool = False,
) -> Array:
    """∫ over the part of each panel on one side of t of u_k factor ℓ_j(s) ds: (times, panels, NODES, k).

    A `finer` rule has other points, and more: it tells what the usual one leaves out.
    """  # fmt: skip
    x, w = legendre(_FINER if finer else _GAUSS)
    a, b = np.maximum(ends[:-1], since), np.minimum(ends[1:], until)
    t = times[:, None]
    near, far = (t - b, t - a) if side == "below" else (a - t, b - t)
    out = np.zeros((len(times), len(a), NODES, table.grams.shape[1]))

    def add(n: NDArray[np.intp], panel: NDArray[np.intp], s: Array, lag: Array, size: Array) -> None:
        """Quadrature points (pairs, GAUSS) of pairs of a time and a panel."""
        at, now = (s - ends[panel, None]) / np.diff(ends)[panel, None], times[n, None]
        size = size * (np.exp(-table.memory.rate * lag) if factor is None else factor(now, s))
        u = table.weights(lag, earlier(now + 0.0 * s, s))
        out[n, panel] += np.matmul((size[..., None] * lagrange(at)).swapaxes(1, 2), u)

    # away from t nothing is singular, and s formed as t ∓ z² would lose the digits of a short panel
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
        scale = np.minimum(*(table.shortest(earlier(now, end[panel])) for end in (a, b))) * (0.5 if finer else 1.0)
        for span in range(int(np.ceil(np.log2(np.maximum(high / scale, 0.5)).max())) + 2):
            # spans of lags as long as they are far from 0, the first as the kernel wants it
            start = np.sqrt(np.maximum(low, 2.0 ** (span - 1) * scale if span else 0.0))
            end = np.sqrt(np.minimum(high, 2.0**span * scale))
            part = end > start
            if part.any():
                half = 0.5 * (end - start)[part, None]
                z = 0.5 * (end + start)[part, None] + half * x
                lag, t = z * z, now[part, None]
                add(n[part], panel[part], t - lag if side == "below" else t + lag, lag, half * w * 2 * z)
    return out
