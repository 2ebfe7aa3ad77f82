"""Interpolation error of a kernel table, integrated against the residual: ∫ (F − table)(t, s) Δ(s) ds.

Δ is gathered into a few pulses, evenly spaced in log time. The errors of the pulses are added as if they all had one sign.
"""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics.kernel_table import PatchedTable, TwoTimeKernel
from ndksym.dynamics.row_sample import judged_rows
from ndksym.runtime.types import Array

__all__ = ["Pulses", "interpolation_error", "pulses"]

_PULSES, _TIMES = 16, 4


@dataclass(frozen=True)
class Pulses:
    """∫ Δ over each of a few spans of time, (n, P, outputs), and the time at which half of it is reached, (n,)."""

    times: Array
    sizes: Array


def pulses(times: Array, weights: Array, values: Array) -> Pulses:
    """Σ weights · values (times, P, outputs) over spans of the ascending times, evenly spaced in log time."""
    later = times[times > 0]
    ends = np.geomspace(later[0], later[-1], _PULSES + 1)[1:-1] if len(later) else later
    spans = np.searchsorted(ends, times)
    when, sizes = [], []
    for span in np.unique(spans):
        own = np.nonzero(spans == span)[0]
        parts = weights[own, None, None] * values[own]
        reached = np.cumsum(np.abs(parts).sum(axis=(1, 2)))
        when.append(times[own[np.searchsorted(reached, 0.5 * reached[-1])]])
        sizes.append(parts.sum(axis=0))
    return Pulses(np.array(when), np.array(sizes).reshape(-1, *values.shape[1:]))


def interpolation_error(
    evaluate: TwoTimeKernel, table: PatchedTable, rows: Array, X: Array, past: Pulses, last: float
) -> float:
    """The largest entry of the integral, on some of the rows and at some times up to `last`."""
    i, rate = judged_rows(rows, X), table.process.rate
    some = table.rows(i)
    largest = 0.0
    for t in [*past.times[:: max(1, len(past.times) // _TIMES)], last]:
        before = past.times <= t
        lag = t - past.times[before]
        q, m = table.place(lag, past.times[before])
        error = np.einsum("nk,xkp->nxp", table.at(q, m), some.grams) - evaluate(rows[i], X, q, m)
        error = np.abs(np.einsum("nxp,npo->nxo", error, past.sizes[before]))
        total = np.einsum("n,nxo->xo", np.exp(-rate * lag), error)
        largest = max(largest, float(total.max()))
    return largest
