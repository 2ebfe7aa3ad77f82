"""Simulated means as points beside the curves of theory."""

from dataclasses import replace
from typing import Any

import numpy as np

from ndksym.dynamics.curves import ERROR, FEW, fitting, positive
from ndksym.errors import InputError
from ndksym.output.figure import Panel, Points
from ndksym.simulation.samples import SimulatedCurves

__all__ = ["with_points"]


def with_points(panel: Panel, simulated: SimulatedCurves, y_test: Any = None) -> Panel:
    """Add the simulated means of the test rows to a panel: as errors, which need y_test, where the panel shows errors.

    E |mean − y|² exceeds the squared error of the expected mean by the squared standard error, which is therefore subtracted.
    """
    shown_times = positive(simulated.times)
    mean, stderr = simulated.mean.test[shown_times], simulated.stderr.test[shown_times]
    if len(mean) != len(panel.times):
        raise InputError(f"the simulation has {len(mean)} times > 0, the panel {len(panel.times)}")
    if panel.y_label == ERROR:
        residual = mean - fitting(y_test, simulated.mean.test, "y_test", "test")
        axes = tuple(range(1, residual.ndim))
        errors = np.sqrt(np.sum((2 * residual * stderr) ** 2, axis=axes)) / residual[0].size
        values = np.mean(residual**2 - stderr**2, axis=axes)
        return replace(panel, points=(Points("test, simulated", values, errors, 0),))
    flat, sizes = mean.reshape(len(mean), -1), stderr.reshape(len(mean), -1)
    shown = range(min(FEW, flat.shape[1]))
    return replace(panel, points=tuple(Points("simulated, ± its error", flat[:, k], sizes[:, k], k) for k in shown))
