"""What a table leaves out of what has been learnt: ∫ (F − table)(t, s) Δ(s) ds, measured where Δ is.

Δ is gathered into a few pulses, even in log time; their misses are added up as if all had one sign.
"""

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics.kernel_table import Field, Pieces, seen
from ndksym.runtime.types import Array

_PULSES, _TIMES = 16, 4


@dataclass(frozen=True)
class Pulses:
    """∫ Δ over each of a few spans of time, (n, P, outputs), and the time by which half of it has come, (n,)."""

    times: Array
    sizes: Array


def pulses(times: Array, weights: Array, values: Array) -> Pulses:
    """Σ weights · values (times, P, outputs) in spans of ascending times, even in log time."""
    later = times[times > 0]
    ends = np.geomspace(later[0], later[-1], _PULSES + 1)[1:-1] if len(later) else later
    spans = np.searchsorted(ends, times)
    when, sizes = [], []
    for span in np.unique(spans):
        own = np.nonzero(spans == span)[0]
        parts = weights[own, None, None] * values[own]
        come = np.cumsum(np.abs(parts).sum(axis=(1, 2)))
        when.append(times[own[np.searchsorted(come, 0.5 * come[-1])]])
        sizes.append(parts.sum(axis=0))
    return Pulses(np.array(when), np.array(sizes).reshape(-1, *values.shape[1:]))


def left_out(evaluate: Field, found: Pieces, rows: Array, X: Array, past: Pulses, last: float) -> float:
    """The largest entry, on some of the rows and at some times up to `last`."""
    i, rate = seen(rows, X), found.memory.rate
    some = found.rows(i)
    worst = 0.0
    for t in [*past.times[:: max(1, len(past.times) // _TIMES)], last]:
        known = past.times <= t
        lag = t - past.times[known]
        q, m = found.place(lag, past.times[known])
        off = np.einsum("nk,xkp->nxp", found.at(q, m), some.grams) - evaluate(rows[i], X, q, m)
        off = np.abs(np.einsum("nxp,npo->nxo", off, past.sizes[known]))
        total = np.einsum("n,nxo->xo", np.exp(-rate * lag), off)
        worst = max(worst, float(total.max()))
    return worst
