"""The two learning phases: inner and outer expansions in T, their matching, time scales and shape (theory T11–T13).

In reading order: `learning` (Phases, what a user gets), `inner` and `outer`, `matching` with `laplace`, `dual_expansion` and
`small_time` (the kernel near t = s = 0), `plateau`, `overshoot`, `variance_limits`; on data: `table_series`, `inner_on_data`,
`outer_on_data`, `composite`; `small_time_check`; `summary`. It may use all rooms up to `dynamics`.
"""

from ndksym.expansions.composite import Composite
from ndksym.expansions.learning import Phases, phases

__all__ = ["Composite", "Phases", "phases"]
