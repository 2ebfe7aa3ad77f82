"""The predictor of an infinitely wide network in time, from any compiled kernel (theory T8–T12, T15).

In reading order: `solver` (solve) with `network_argument` and `checks` (its arguments); `physics`, `problem` (what every method
starts from), `methods` (one file each); `kernel_table` with `time_coordinates`, `patches` and `row_sample` (a kernel at all pairs of
times), `interpolation_error`; `collocation`, `volterra`, `volterra_setup`, `distinct`, `covariance`; `steps` and `stable_step`
(discrete dynamics), `linearised`; `frozen_readout` (drift) and `frozen_readout_steps`; `result` (Run, Drift) with `settings`,
`curves` (figures) and `saved` (files); `tasks` and `archive` (data sets); `threads`. It may use all rooms up to `codegen`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndksym.dynamics.frozen_readout import drift as drift
    from ndksym.dynamics.problem import Posterior as Posterior
    from ndksym.dynamics.result import Drift as Drift
    from ndksym.dynamics.result import EarlyStop as EarlyStop
    from ndksym.dynamics.result import Run as Run
    from ndksym.dynamics.solver import solve as solve

# name → file; loaded on first use, so that the command line lists the methods without loading SymPy
_HOMES = {
    "Drift": "result",
    "EarlyStop": "result",
    "Posterior": "problem",
    "Run": "result",
    "drift": "frozen_readout",
    "solve": "solver",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ndksym.dynamics' has no attribute {name!r}")
    return getattr(import_module(f"ndksym.dynamics.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
