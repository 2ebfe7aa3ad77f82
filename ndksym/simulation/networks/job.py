"""The task of a worker process and its file format: numbers, arrays and generated source text, no pickle."""

import json
from dataclasses import asdict, dataclass, fields
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ndksym.runtime.types import Array

Dynamics = Literal["langevin", "mpl", "gradient"]
DYNAMICS: tuple[Dynamics, ...] = ("langevin", "mpl", "gradient")


@dataclass(frozen=True, eq=False)
class Job:
    """One simulation.

    `text` is a generated NumPy module, and `order` gives for each hidden layer the number of its functions in that module.
    X (N_0, P) and rows (N_0, n) hold inputs as columns, divided by √N_0; y is (outputs, P). One step changes a parameter by
    Θ ← decay Θ + noise ξ − step_size ∇½Σ(f − y)². Proximal steps have step_size 0 and are accepted with probability
    exp(−inverse_temperature ½Σ(f − y)²). `report_steps` are the numbers of the steps whose outputs are returned, ascending.
    If frozen ≥ 0, outputs from step `frozen` on are computed with the readout of that step, and without `signal` the networks
    then no longer learn.
    """

    text: str
    order: tuple[int, ...]
    widths: tuple[int, ...]
    X: Array
    rows: Array
    y: Array
    report_steps: NDArray[np.int64]
    dynamics: Dynamics
    init_variance: float
    bias: float
    decay: float
    noise: float
    step_size: float
    inverse_temperature: float
    frozen: int
    signal: bool
    seed: int

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(N_l, N_{l−1}) of each layer, the readout last."""
        sizes = (len(self.X), *self.widths, len(self.y))
        return tuple(zip(sizes[1:], sizes[:-1], strict=True))

    @property
    def per_pair(self) -> tuple[int, ...]:
        """Shape of the outputs of one pair of networks: sign, time, row, output."""
        return 2, len(self.report_steps), self.X.shape[1] + self.rows.shape[1], len(self.y)

    def save(self, stream: IO[bytes]) -> None:
        """Write the job for `read`."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        plain = {name: value for name, value in asdict(self).items() if name not in _ARRAYS}
        np.savez(stream, allow_pickle=False, plain=np.array(json.dumps(plain)), **arrays)


_ARRAYS = tuple(field.name for field in fields(Job) if field.name in ("X", "rows", "y", "report_steps"))


def read(stream: IO[bytes]) -> Job:
    """The job that `Job.save` wrote."""
    with np.load(stream, allow_pickle=False) as archive:
        values: dict[str, Any] = json.loads(str(archive["plain"]))
        values |= {name: archive[name] for name in _ARRAYS}
    values |= {name: tuple(values[name]) for name in ("order", "widths")}
    return Job(**values)
