"""Inner, outer and composite predictor on data (theory T11, T12; arXiv 2309.04522).

composite = inner + outer − overlap. The kernel comes from its table, so activations without a closed form are served as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Rational

from ndksym.dynamics import checks, threads
from ndksym.dynamics.kernel_table import two_time_kernel
from ndksym.dynamics.physics import HORIZON, Physics, PriorProcess
from ndksym.errors import InputError
from ndksym.expansions import inner_on_data, laplace, outer_on_data, table_series
from ndksym.expansions.inner_on_data import Numbers
from ndksym.expansions.laplace import Laurent, Left
from ndksym.expansions.square import Square, square
from ndksym.output import records
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["HIGHEST", "Composite", "composite"]

HIGHEST = 3
"""Order in T up to which derivatives of a table keep enough digits."""
_TOLERANCE = 1e-13
_SMOOTH, _ROOTED, _LARGEST = 0.02, 0.3, 1e-5
"""First panel of the outer phase: in units of σ², in decay times of the fastest mode where φ has a kink, and there at most."""


@dataclass(frozen=True)
class Composite:
    """Mean predictor to order T^order, at `times`: on the training set, and on the test rows (training rows without any).

    `inner` and `outer` are the two expansions on the test rows, `overlap` what they share; the composite `test` and `train` hold
    in both phases, with an error of order T^error_order.
    """

    order: int
    error_order: float
    times: Array
    train: Array
    test: Array
    inner: Array
    outer: Array
    overlap: Array

    def record(self) -> dict[str, Any]:
        """All of it as dictionaries, lists and numbers, for JSON."""
        out: dict[str, Any] = records.document(self)
        return out


@dataclass(frozen=True)
class _Parts:
    """What both phases are made from: the table on (both, P), the same on the training set, G_jl, transforms, and y."""

    whole: Square
    own: Square
    jets: Numbers
    ours: Numbers
    left: Left
    transforms: list[Laurent]
    y: Array
    rooted: bool


def composite(
    kernel: Kernel,
    X: Any,
    y: Any,
    X_test: Any = None,
    *,
    order: int,
    error_order: float,
    times: Any,
    temperature: float,
    prior_variance: float = 1.0,
    init_variance: float = 1.0,
    bias: float = 0.0,
    reduction: str = "sum",
) -> Composite:
    """Evaluate to order T^order; arguments and their errors are those of `ndksym.solve`.

    InputError beyond HIGHEST, and where the NTK of the training set is singular (equal inputs).
    """
    if not 0 <= order <= HIGHEST:
        raise InputError(
            f"on data, order is 0 to {HIGHEST}: beyond, the derivatives of a float64 kernel have no digits left; got {order}"
        )
    data = checks.checked(X, y, X_test, times)
    physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=False)
    scale = checks.loss_scale(reduction, len(data.X))
    checks.fits(data, checks.TABLE_MATRICES, False)
    with threads.suited(len(data.both)):
        return _evaluated(kernel, data, physics, scale, order, error_order)


def _evaluated(
    kernel: Kernel, data: checks.Data, physics: Physics, scale: float, order: int, error_order: float
) -> Composite:
    process = PriorProcess(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    both = data.both
    whole = square(two_time_kernel(kernel, process, physics.bias, "ntk"), process, both, data.X, _TOLERANCE).scaled(
        scale
    )
    rooted = any(layer.smoothness < np.inf for layer in kernel.layers)
    parts = _parts(whole if rooted else table_series.even(whole), data.y, order, rooted)
    # by the horizon every memory of the start is below rounding
    reached = np.minimum(data.times, HORIZON * physics.prior_variance / physics.temperature)
    now = reached > 0
    inner, outer, shared = (np.zeros((len(reached), len(both), data.y.shape[1])) for _ in range(3))
    if now.any():
        inner[now], outer[now], shared[now] = _phases(parts, order, reached[now], physics.temperature)
    # where φ has a kink, outer − overlap is a difference of poles as t → 0; there it is smaller than what is left out anyway
    fastest = float(np.linalg.norm(parts.ours[0, 0], 2))
    late = (reached * fastest >= 1.0) | (not parts.rooted)
    total = inner + np.where(late[:, None, None], outer - shared, 0.0)
    P, rows, shaped = len(data.X), slice(-len(data.rows), None), data.shaped
    return Composite(
        order, error_order, data.times, shaped(total[:, :P]), shaped(total[:, rows]), shaped(inner[:, rows]),
        shaped(outer[:, rows]), shaped(shared[:, rows]),
    )  # fmt: skip


def _parts(whole: Square, y: Array, order: int, rooted: bool) -> _Parts:
    P = len(y)
    jets = table_series.jets(whole, 2 * order + 1)
    if not rooted:
        jets = {at: G for at, G in jets.items() if at[0] % 2 == 0}
    ours = {at: G[:P] for at, G in jets.items()}
    rates = np.linalg.eigvalsh(0.5 * (ours[0, 0] + ours[0, 0].T))
    if rates[0] <= P * np.finfo(float).eps * rates[-1]:
        raise InputError(
            f"the NTK of X is singular (its eigenvalues run from {rates[0]:.1e} to {rates[-1]:.1e}), as with equal inputs: some "
            "mode is never learnt, and there are no two phases of it; leave such rows out"
        )
    inverse = np.linalg.inv(ours[0, 0])
    left = Left(lambda G, v: G @ v, lambda v: inverse @ v, float)
    found = laplace.transforms(ours, y, left, 2 * order + 1, 2 * order)
    return _Parts(whole, whole.rows(slice(0, P)), jets, ours, left, found, y, rooted)


def _phases(parts: _Parts, order: int, times: Array, T: float) -> tuple[Array, Array, Array]:
    """Inner, outer, overlap on all rows."""
    root = float(np.sqrt(T))
    terms = inner_on_data.terms(parts.ours, parts.y, 2 * order, float(times[-1]))
    inner = sum(root**k * inner_on_data.driven(parts.jets, terms, k, times) for k in range(2 * order + 1))
    tau = T * times
    starts = [_poles(parts, k) for k in range(order + 1)]
    kicks = [laplace.residues(parts.transforms, k) for k in range(order + 1)]
    found = outer_on_data.terms(parts.own, parts.y, starts, kicks, float(tau[-1]), _first_panel(parts, T))
    outer = sum(T**k * term.values(parts.whole, tau) for k, term in enumerate(found))
    shared = np.zeros((len(times), len(parts.whole.grams), parts.y.shape[1]))
    for k, series in enumerate(laplace.predictor(parts.jets, parts.transforms, parts.left, 2 * order)):
        for power, value in laplace.overlap(series, parts.left).items():
            if Rational(k, 2) - power <= order:
                shared += root**k * times[:, None, None] ** float(power) * value
    return np.asarray(inner), np.asarray(outer), shared


def _first_panel(parts: _Parts, T: float) -> float:
    """In τ. Where r starts with roots, a part of what the fastest mode takes: rounding grows as the panel shrinks."""
    unit = 1 / parts.own.process.rate
    if not parts.rooted:
        return _SMOOTH * unit
    return min(_ROOTED * T / float(np.linalg.norm(parts.ours[0, 0], 2)), _LARGEST * unit)


def _poles(parts: _Parts, k: int) -> Mapping[float, Array]:
    """The overlap terms τ^q of r_k with q < 0, from Δ_i with i = 2 + 2k + 2q."""
    out = {}
    for i in range(1, 2 * k + 2, 2):
        power = Rational(i, 2) - 1 - k
        value = laplace.overlap(parts.transforms[i], parts.left).get(power)
        if value is not None:
            out[float(power)] = value
    return out
