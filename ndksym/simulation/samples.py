"""What a simulation returns: every network's output, and what an ensemble of them says of mean and variance."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndksym.dynamics import drift, solve
from ndksym.dynamics.checks import Data
from ndksym.dynamics.discrete import MOST_UNKNOWNS
from ndksym.output import records
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.simulation.comparison import Comparison, compare
from ndksym.simulation.estimates import Estimate, Rows

__all__ = ["Estimated", "Simulation"]

_SAVED = ("dynamics", "activations", "widths", "times", "samples", "trained", "seed", "physics")


class Estimated(ABC):
    """Mean and variance of networks as Rows, and theory beside them: of one simulation, or of a scan over widths."""

    if TYPE_CHECKING:  # at run time they would be the defaults of a subclass's fields

        @property
        def times(self) -> Array: ...
        @property
        def trained(self) -> int: ...

    @property
    @abstractmethod
    def mean_estimate(self) -> Estimate:
        """Of the mean, all rows: (M, P + rows, outputs)."""

    @property
    @abstractmethod
    def var_estimate(self) -> Estimate:
        """Of the variance over networks, all rows."""

    @abstractmethod
    def rows(self, values: Array) -> Rows:
        """(M, P + rows, outputs) as training and test rows, in the shape of y."""

    @abstractmethod
    def theory(self, covariance: bool = True) -> Any:
        """The Run (a Drift, if the readout was frozen) of this very training at infinite width, steps and all.

        Without `covariance`, or where its matrices would not fit, it has the mean alone.
        """

    @property
    def mean(self) -> Rows:
        """Mean output over networks."""
        return self.rows(self.mean_estimate.value)

    @property
    def stderr(self) -> Rows:
        """Standard error of `mean`."""
        return self.rows(self.mean_estimate.stderr)

    @property
    def var(self) -> Rows:
        """Variance of the output over networks."""
        return self.rows(self.var_estimate.value)

    @property
    def var_stderr(self) -> Rows:
        """Standard error of `var`."""
        return self.rows(self.var_estimate.stderr)

    @property
    def curves(self) -> dict[str, Rows]:
        """The four of them by name."""
        return {"mean": self.mean, "stderr": self.stderr, "var": self.var, "var_stderr": self.var_stderr}

    def compare(self, run: Any = None) -> Comparison:
        """z-scores of mean and variance against `run`, or against `theory()`.

        Errors: InputError where times or rows of `run` differ.
        """
        return compare(self, self.theory() if run is None else run)


@dataclass(frozen=True, eq=False)
class Simulation(Estimated):
    """Networks of finite width in training, as pairs with labels y and −y and the same noise.

    f(−y) has the law of −f(y), since the readout may change its sign; so (f₊ − f₋)/2 estimates the mean without bias, free
    of the initial fluctuations that both share (theory.md, "Paired networks"), and the variance is
    Var (f₊ − f₋)/2 + E ((f₊ + f₋)/2)².

    samples (pairs, 2, M, P + rows, outputs), second index the sign; `mean`, `stderr`, `var`, `var_stderr` are Rows.
    """

    dynamics: str
    activations: tuple[str, ...]
    widths: tuple[int, ...]
    times: Array
    samples: Array
    trained: int
    flat: bool
    seed: int
    physics: Mapping[str, Any]
    data: Data
    kernel: Kernel

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return len(self.samples)

    @cached_property
    def mean_estimate(self) -> Estimate:
        """Of the mean, all rows: terms (pairs, M, P + rows, outputs)."""
        return Estimate((0.5 * (self.samples[:, 0] - self.samples[:, 1]),))

    @cached_property
    def var_estimate(self) -> Estimate:
        """Of the variance over networks, all rows."""
        learnt, shared = self.mean_estimate.terms[0], 0.5 * (self.samples[:, 0] + self.samples[:, 1])
        n = len(learnt)
        return Estimate((n / (n - 1) * (learnt - learnt.mean(axis=0)) ** 2 + shared**2,))

    def rows(self, values: Array) -> Rows:
        values = values[..., 0] if self.flat else values
        train = values[:, : self.trained]
        return Rows(train, values[:, self.trained :] if values.shape[1] > self.trained else train)

    def theory(self, covariance: bool = True) -> Any:
        known = dict(self.physics)
        frozen, signal = known.pop("freeze_time", None), known.pop("signal", False)
        rows = None if self.data.rows is self.data.X else self.data.rows
        y = self.data.y[:, 0] if self.data.flat else self.data.y
        if frozen is not None:
            return drift(
                self.kernel, self.data.X, y, rows, times=self.times, freeze_time=frozen, signal=signal, **known
            )
        steps = self.times[-1] / known.get("step", 1.0)
        fits = self.dynamics == "gradient" or (steps + 1) * self.trained <= MOST_UNKNOWNS
        return solve(
            self.kernel,
            self.data.X,
            y,
            rows,
            times=self.times,
            method=self.dynamics,
            covariance=covariance and fits,
            **known,
        )

    def some(self, pairs: slice) -> "Simulation":
        """The same with some of the pairs."""
        return replace(self, samples=self.samples[pairs])

    def record(self) -> dict[str, Any]:
        """All but the samples as dictionaries, lists and numbers, for JSON."""
        about = {"dynamics": self.dynamics, "activations": self.activations, "widths": self.widths, "pairs": self.pairs}
        out: dict[str, Any] = records.document(
            {**about, "seed": self.seed, "physics": self.physics, "times": self.times, **self.curves}
        )
        return out

    def save(self, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write samples and estimates to a .npz of plain arrays, whole or not at all.

        Errors: InputError for a path that is no .npz or cannot be written.
        """
        own = {name: value for name, value in vars(self).items() if name in _SAVED}
        records.save(path, own | self.curves, about or {})
