"""The two learning phases: inner and outer expansions in T, their matching, time scales and shape (T11–T13).

In reading order: `result` (Phases and phases()), `inner` and `outer`, `laplace` and `matching` (their overlap), `dual_expansion`,
`small_time` and `small_time_check` (the kernel near t = s = 0), `plateau`, `overshoot`, `variance_limits` (a test predictor);
`summary` (text, LaTeX, HTML); on data: `chebyshev_table`, `table_series`, `inner_on_data`, `outer_on_data`, `composite`.
It may use all rooms up to `dynamics`.
"""

from ndksym.expansions.composite import Composite
from ndksym.expansions.result import Phases, phases

__all__ = ["Composite", "Phases", "phases"]
