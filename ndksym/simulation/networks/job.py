"""What a worker needs to know, and how it is handed over: numbers, arrays and our own generated text, no pickle."""

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
    """One simulation. `text` is a generated NumPy module, `order` says which of its layers each hidden layer is.

    X (N_0, P) and rows (N_0, n) are inputs as columns, divided by √N_0; y (outputs, P). `kept`, `noise` and `push` make one
    step of a parameter: Θ ← kept Θ + noise ξ − push ∇½Σ(f − y)²; proximal steps have no push but accept with
    exp(−hardness ½Σ(f − y)²). `asked` are the numbers of the steps to report, ascending. From step `frozen` on, if ≥ 0, the
    readout that reports stays as it is; without `signal` the network then no longer learns.
    """

    text: str
    order: tuple[int, ...]
    widths: tuple[int, ...]
    X: Array
    rows: Array
    y: Array
    asked: NDArray[np.int64]
    dynamics: Dynamics
    init_variance: float
    bias: float
    kept: float
    noise: float
    push: float
    hardness: float
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
        """Shape of what one pair of networks reports: sign, time, row, output."""
        return 2, len(self.asked), self.X.shape[1] + self.rows.shape[1], len(self.y)

    def save(self, stream: IO[bytes]) -> None:
        """Write it down for a worker."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        plain = {name: value for name, value in asdict(self).items() if name not in _ARRAYS}
        np.savez(stream, allow_pickle=False, plain=np.array(json.dumps(plain)), **arrays)


_ARRAYS = tuple(field.name for field in fields(Job) if field.name in ("X", "rows", "y", "asked"))


def read(stream: IO[bytes]) -> Job:
    """What `Job.save` wrote."""
    with np.load(stream, allow_pickle=False) as found:
        known: dict[str, Any] = json.loads(str(found["plain"]))
        known |= {name: found[name] for name in _ARRAYS}
    known |= {name: tuple(known[name]) for name in ("order", "widths")}
    return Job(**known)
