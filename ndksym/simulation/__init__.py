"""Networks of finite width in training, as samples: what every formula for infinite width is held against.

In reading order: `experiment` (simulate, width_scan), `options` (what is asked, checked), `pool` (worker processes),
`lifeline` (a child ends with its parent), `networks` (what a worker runs: it loads no SymPy), `estimates` and `samples`
(Simulation), `comparison` with theory and `points` (both in a figure), `acceptance`, `ensemble`, `empirical` and `laziness`
(kernels of sampled networks), `scan` (several widths), `defaults`. It may use all rooms up to `dynamics`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndksym.simulation.comparison import Agreement as Agreement
    from ndksym.simulation.comparison import Comparison as Comparison
    from ndksym.simulation.comparison import compare as compare
    from ndksym.simulation.empirical import empirical_ndk as empirical_ndk
    from ndksym.simulation.empirical import empirical_ntk as empirical_ntk
    from ndksym.simulation.estimates import Estimate as Estimate
    from ndksym.simulation.estimates import Rows as Rows
    from ndksym.simulation.experiment import simulate as simulate
    from ndksym.simulation.experiment import width_scan as width_scan
    from ndksym.simulation.laziness import lazy_measure as lazy_measure
    from ndksym.simulation.laziness import parameter_movement as parameter_movement
    from ndksym.simulation.networks.job import DYNAMICS as DYNAMICS
    from ndksym.simulation.samples import Simulation as Simulation
    from ndksym.simulation.scan import Quantity as Quantity
    from ndksym.simulation.scan import Scan as Scan
    from ndksym.simulation.scan import Slope as Slope

# name → file; loaded on first use, so that workers import `networks` without SymPy
_HOMES = {
    "Agreement": "comparison",
    "Comparison": "comparison",
    "DYNAMICS": "networks.job",
    "Estimate": "estimates",
    "Quantity": "scan",
    "Rows": "estimates",
    "Scan": "scan",
    "Simulation": "samples",
    "Slope": "scan",
    "compare": "comparison",
    "empirical_ndk": "empirical",
    "empirical_ntk": "empirical",
    "lazy_measure": "laziness",
    "parameter_movement": "laziness",
    "simulate": "experiment",
    "width_scan": "experiment",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ndksym.simulation' has no attribute {name!r}")
    return getattr(import_module(f"ndksym.simulation.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
