"""Inner, outer and composite predictor on data (theory T11, T12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ndksym.dynamics.langevin import HORIZON
from ndksym.dynamics.memory import Memory
from ndksym.dynamics.table import Table, field, table
from ndksym.expansion import corner, inside, laurent, outside
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

_TOLERANCE = 1e-13


@dataclass(frozen=True)
class Expanded:
    inner: Array
    outer: Array
    overlap: Array
    composite: Array


def expanded(kernel, X, y, rows, times, T, prior, init, bias, order) -> Expanded:
    memory = Memory(1 / prior, prior, init)
    P = len(X)
    whole = table(field(kernel, memory, bias, "ntk"), memory, rows, X, _TOLERANCE)
    own = whole.rows(slice(0, P))
    smooth = all(layer.smoothness > 1 for layer in kernel.layers)
    jets = corner.jets(whole, 2 * order + 1)
    if smooth:
        jets = {at: G for at, G in jets.items() if at[0] % 2 == 0}
    ours = {at: G[:P] for at, G in jets.items()}
    lu = np.linalg.inv(ours[0, 0])
    left = laurent.Left(lambda G, v: G @ v, lambda v: lu @ v, float)
    formal = laurent.transforms(ours, y, left, 2 * order + 1, 2 * order)
    eps = np.sqrt(T)
    # inner
    found = inside.terms(ours, y, 2 * order, float(times[-1]))
    inner = np.zeros((len(times), len(rows), y.shape[1]))
    for k in range(2 * order + 1):
        inner += eps**k * inside.driven(jets, found, k, times)
    # outer
    tau = T * times
    starts, kicks = [], []
    for k in range(order + 1):
        start = {}
        for i in range(1, 2 * k + 2, 2):
            q = (i - 2 - 2 * k) / 2
            v = laurent.overlap(formal[i], left).get(laurent.Rational(i - 2 - 2 * k, 2))
            if v is not None:
                start[q] = v
        starts.append(start)
        kicks.append(laurent.residues(formal, k))
    rs = outside.terms(own, y, starts, kicks, float(tau[-1]), smooth)
    outer = sum(T**k * r.values(whole, tau) for k, r in enumerate(rs))
    # overlap
    common = np.zeros_like(inner)
    fk = laurent.predictor(jets, formal, left, 2 * order)
    for k, series in enumerate(fk):
        for q, v in laurent.overlap(series, left).items():
            if k / 2 - float(q) <= order:
                common += eps**k * np.asarray(times)[:, None, None] ** float(q) * v
    return Expanded(inner, outer, common, inner + outer - common)
