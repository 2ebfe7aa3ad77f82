"""Simulated means as points beside the curves of theory."""

from dataclasses import replace
from typing import Any

import numpy as np

from ndksym.dynamics.curves import ERROR, FEW, fitting, positive
from ndksym.errors import InputError
from ndksym.output.figure import Panel, Points
from ndksym.simulation.samples import Estimated

__all__ = ["with_points"]


def with_points(panel: Panel, simulated: "Estimated", y_test: Any = None) -> Panel:
    """The simulated means beside the curves of the test rows: errors where the panel shows errors, which need y_test.

    |mean − y|² is larger than the error of the mean by the squared standard error, which is taken off.
    """
    seen = positive(simulated.times)
    mean, stderr = simulated.mean.test[seen], simulated.stderr.test[seen]
    if len(mean) != len(panel.times):
        raise InputError(f"the simulation has {len(mean)} times > 0, the panel {len(panel.times)}")
    if panel.y_label == ERROR:
        away = mean - fitting(y_test, simulated.mean.test, "y_test", "test")
        axes = tuple(range(1, away.ndim))
        errors = np.sqrt(np.sum((2 * away * stderr) ** 2, axis=axes)) / away[0].size
        return replace(panel, points=(Points("test, simulated", np.mean(away**2 - stderr**2, axis=axes), errors, 0),))
    flat, sizes = mean.reshape(len(mean), -1), stderr.reshape(len(mean), -1)
    shown = range(min(FEW, flat.shape[1]))
    return replace(panel, points=tuple(Points("simulated, ± its error", flat[:, k], sizes[:, k], k) for k in shown))
