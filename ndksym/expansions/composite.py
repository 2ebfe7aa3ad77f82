"""Inner, outer and composite predictor on data (T11, T12; arXiv 2309.04522).

composite = inner + outer − overlap. The kernel is taken from a table, so that no closed form is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sympy import Rational

from ndksym.dynamics import checks
from ndksym.dynamics.kernel_table import two_time_kernel
from ndksym.dynamics.physics import HORIZON, Physics, PriorProcess
from ndksym.errors import InputError
from ndksym.expansions import inner_on_data, laplace, outer_on_data, table_series
from ndksym.expansions.chebyshev_table import ChebyshevTable, chebyshev_table
from ndksym.expansions.inner_on_data import Numbers
from ndksym.expansions.laplace import CoefficientAction, LaurentSeries
from ndksym.output import records
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

__all__ = ["HIGHEST", "Composite", "composite"]

HIGHEST = 3
"""Largest order in T for which the derivatives of a table have enough digits."""
_TOLERANCE = 1e-13
_SMOOTH, _ROOTED, _LARGEST = 0.02, 0.3, 1e-5
"""Length of the first panel of the outer phase in units of σ²; if φ has a kink, in decay times of the fastest mode, and its bound."""


@dataclass(frozen=True)
class Composite:
    """Mean predictor to order T^order.

    Attributes
    ----------
    order : int
        Highest power of T.
    error_order : float
        The error is of order T^error_order, in both phases.
    times : ndarray (M,)
    train : ndarray (M, P[, outputs])
        Composite predictor on the training set.
    test : ndarray (M, n_test[, outputs])
        Composite predictor on the test rows; on the training rows without any.
    inner, outer, overlap : ndarray (M, n_test[, outputs])
        Both expansions on the test rows, and their common part; test = inner + outer − overlap.
    """

    order: int
    error_order: float
    times: Array
    train: Array
    test: Array
    inner: Array
    outer: Array
    overlap: Array

    def record(self) -> dict[str, object]:
        """The fields as dictionaries, lists and numbers, for JSON."""
        document: dict[str, object] = records.document(self)
        return document


@dataclass(frozen=True)
class _Parts:
    """The input of both phases: the table on all rows (rows, P) and on the training set, the same for the G_jl, transforms, y."""

    whole: ChebyshevTable
    own: ChebyshevTable
    coefficients: Numbers
    ours: Numbers
    action: CoefficientAction
    transforms: list[LaurentSeries]
    y: Array
    rooted: bool


def composite(
    kernel: Kernel, data: checks.Data, physics: Physics, scale: float, order: int, error_order: float
) -> Composite:
    """Evaluate to order T^order; `scale` is the factor of the loss.

    InputError if the order is above HIGHEST, or if the NTK of the training set is singular (equal inputs).
    """
    if not 0 <= order <= HIGHEST:
        raise InputError(
            f"on data, order must be between 0 and {HIGHEST}, because the derivatives of a float64 kernel of higher order have no "
            f"digits left; got {order}"
        )
    process = PriorProcess(1 / physics.prior_variance, physics.prior_variance, physics.init_variance)
    both = data.both
    whole = chebyshev_table(
        two_time_kernel(kernel, process, physics.bias, "ntk"), process, both, data.X, _TOLERANCE
    ).scaled(scale)
    rooted = any(layer.smoothness < np.inf for layer in kernel.layers)
    parts = _parts(whole if rooted else table_series.even(whole), data.y, order, rooted)
    # at the horizon the memory of the start is below rounding
    reached = np.minimum(data.times, HORIZON * physics.prior_variance / physics.temperature)
    now = reached > 0
    inner, outer, shared = (np.zeros((len(reached), len(both), data.y.shape[1])) for _ in range(3))
    if now.any():
        inner[now], outer[now], shared[now] = _phases(parts, order, reached[now], physics.temperature)
    # if φ has a kink, outer − overlap is a difference of poles as t → 0; there it is smaller than the truncation error
    fastest = float(np.linalg.norm(parts.ours[0, 0], 2))
    late = (reached * fastest >= 1.0) | (not parts.rooted)
    total = inner + np.where(late[:, None, None], outer - shared, 0.0)
    P, rows, shaped = len(data.X), slice(-len(data.rows), None), data.shaped
    return Composite(
        order, error_order, data.times, shaped(total[:, :P]), shaped(total[:, rows]), shaped(inner[:, rows]),
        shaped(outer[:, rows]), shaped(shared[:, rows]),
    )  # fmt: skip


def _parts(whole: ChebyshevTable, y: Array, order: int, rooted: bool) -> _Parts:
    P = len(y)
    coefficients = table_series.coefficients(whole, 2 * order + 1)
    if not rooted:
        coefficients = {at: G for at, G in coefficients.items() if at[0] % 2 == 0}
    ours = {at: G[:P] for at, G in coefficients.items()}
    rates = np.linalg.eigvalsh(0.5 * (ours[0, 0] + ours[0, 0].T))
    if rates[0] <= P * np.finfo(float).eps * rates[-1]:
        raise InputError(
            f"the NTK of X is singular (its eigenvalues run from {rates[0]:.1e} to {rates[-1]:.1e}), as with equal inputs: a mode is "
            "never learnt and has no two phases; remove equal rows of X"
        )
    inverse = np.linalg.inv(ours[0, 0])
    action = CoefficientAction(lambda G, v: G @ v, lambda v: inverse @ v, float)
    transforms = laplace.transforms(ours, y, action, 2 * order + 1, 2 * order)
    return _Parts(whole, whole.rows(slice(0, P)), coefficients, ours, action, transforms, y, rooted)


def _phases(parts: _Parts, order: int, times: Array, T: float) -> tuple[Array, Array, Array]:
    """Inner, outer, overlap on all rows."""
    root = float(np.sqrt(T))
    terms = inner_on_data.terms(parts.ours, parts.y, 2 * order, float(times[-1]))
    inner = sum(
        root**k * inner_on_data.memory_integrals(parts.coefficients, terms, k, times) for k in range(2 * order + 1)
    )
    tau = T * times
    starts = [_poles(parts, k) for k in range(order + 1)]
    kicks = [laplace.residues(parts.transforms, k) for k in range(order + 1)]
    outer_terms = outer_on_data.terms(parts.own, parts.y, starts, kicks, float(tau[-1]), _first_panel(parts, T))
    outer = sum(T**k * term.values(parts.whole, tau) for k, term in enumerate(outer_terms))
    shared = np.zeros((len(times), len(parts.whole.grams), parts.y.shape[1]))
    for k, series in enumerate(laplace.predictor(parts.coefficients, parts.transforms, parts.action, 2 * order)):
        for power, value in laplace.overlap(series, parts.action).items():
            if Rational(k, 2) - power <= order:
                shared += root**k * times[:, None, None] ** float(power) * value
    return np.asarray(inner), np.asarray(outer), shared


def _first_panel(parts: _Parts, T: float) -> float:
    """Its length in τ. If r starts with roots, it follows the fastest mode, because rounding grows as the panel shrinks."""
    unit = 1 / parts.own.process.rate
    if not parts.rooted:
        return _SMOOTH * unit
    return min(_ROOTED * T / float(np.linalg.norm(parts.ours[0, 0], 2)), _LARGEST * unit)


def _poles(parts: _Parts, k: int) -> Mapping[float, Array]:
    """The overlap terms τ^q of r_k with q < 0, which come from Δ_i with i = 2 + 2k + 2q."""
    out = {}
    for i in range(1, 2 * k + 2, 2):
        power = Rational(i, 2) - 1 - k
        value = laplace.overlap(parts.transforms[i], parts.action).get(power)
        if value is not None:
            out[float(power)] = value
    return out
