"""Networks of finite width in training: samples to compare the formulas for infinite width with.

In reading order: `experiment` (simulate, width_scan), `options` (checked arguments), `pool` (worker processes), `lifeline` (a
child ends with its parent), `networks` (what a worker runs; it loads no SymPy), `estimates`, `samples` (Simulation) and `saved`
(load), `comparison` with theory, `points` (both in one figure), `acceptance` (of proximal steps), `ensemble`, `empirical` and
`laziness` (kernels of single networks), `scan` (several widths), `defaults`. It may use all rooms up to `dynamics`.
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
    from ndksym.simulation.estimates import TrainTest as TrainTest
    from ndksym.simulation.experiment import simulate as simulate
    from ndksym.simulation.experiment import width_scan as width_scan
    from ndksym.simulation.laziness import lazy_measure as lazy_measure
    from ndksym.simulation.laziness import parameter_movement as parameter_movement
    from ndksym.simulation.networks.job import DYNAMICS as DYNAMICS
    from ndksym.simulation.samples import Simulation as Simulation
    from ndksym.simulation.saved import load as load
    from ndksym.simulation.scan import Quantity as Quantity
    from ndksym.simulation.scan import Scan as Scan
    from ndksym.simulation.scan import WidthSlope as WidthSlope

# name → file; loaded on first use, so that workers import `networks` without SymPy
_HOMES = {
    "Agreement": "comparison",
    "Comparison": "comparison",
    "DYNAMICS": "networks.job",
    "Estimate": "estimates",
    "Quantity": "scan",
    "Scan": "scan",
    "Simulation": "samples",
    "TrainTest": "estimates",
    "WidthSlope": "scan",
    "compare": "comparison",
    "empirical_ndk": "empirical",
    "empirical_ntk": "empirical",
    "lazy_measure": "laziness",
    "load": "saved",
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
