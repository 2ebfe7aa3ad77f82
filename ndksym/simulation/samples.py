"""Results of a simulation: the outputs of every network, and the estimates of mean and variance from the ensemble."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import drift, solve
from ndksym.dynamics.checks import Data
from ndksym.dynamics.steps import MOST_UNKNOWNS
from ndksym.kernels.network import Network
from ndksym.output import records
from ndksym.output.notebook import html_table
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array
from ndksym.simulation.comparison import Comparison, Predicted, compare
from ndksym.simulation.estimates import Estimate, TrainTest

__all__ = ["SimulatedCurves", "Simulation"]

_SHOWN = 20
"""Largest number of times in a table for notebooks."""


class SimulatedCurves(ABC):
    """Mean and variance over networks in time, and the theory to compare them with: of one simulation, or of a width scan."""

    if TYPE_CHECKING:  # at run time they would be the defaults of a subclass's fields

        @property
        def times(self) -> Array: ...
        @property
        def trained(self) -> int: ...

    @property
    @abstractmethod
    def mean_estimate(self) -> Estimate:
        """Estimate of the mean, training rows first: (M, P + rows, outputs)."""

    @property
    @abstractmethod
    def var_estimate(self) -> Estimate:
        """Estimate of the variance over networks, training rows first: (M, P + rows, outputs)."""

    @abstractmethod
    def rows(self, values: Array) -> TrainTest:
        """Split (M, P + rows, outputs) into training and test rows, in the shape of y."""

    @abstractmethod
    def theory(self, covariance: bool = True) -> Any:
        """The infinitely wide network in the same training: same data, physics, times and, if any, steps.

        Parameters
        ----------
        covariance : bool
            Whether to compute the covariance over networks too, where its matrices fit into memory.

        Returns
        -------
        Run or Drift
            What `ndksym.solve` returns, or, for a frozen readout, `ndksym.drift`.
        """

    @property
    def mean(self) -> TrainTest:
        """Mean output over networks."""
        return self.rows(self.mean_estimate.value)

    @property
    def stderr(self) -> TrainTest:
        """Standard error of `mean`."""
        return self.rows(self.mean_estimate.stderr)

    @property
    def var(self) -> TrainTest:
        """Variance of the output over networks."""
        return self.rows(self.var_estimate.value)

    @property
    def var_stderr(self) -> TrainTest:
        """Standard error of `var`."""
        return self.rows(self.var_estimate.stderr)

    @property
    def curves(self) -> dict[str, TrainTest]:
        """mean, stderr, var and var_stderr by name."""
        return {"mean": self.mean, "stderr": self.stderr, "var": self.var, "var_stderr": self.var_stderr}

    def compare(self, run: Predicted | None = None) -> Comparison:
        """Compare mean and variance with a theory.

        Parameters
        ----------
        run : Run or Drift, optional
            The theory; `theory()` by default.

        Returns
        -------
        Comparison
            z-scores; str() is a table, `agrees()` the verdict.

        Raises
        ------
        InputError
            Where times or rows of `run` differ from those of the simulation.
        """
        return compare(self, self.theory() if run is None else run)

    def _repr_html_(self) -> str:
        curves = list(self.curves.values())
        row = "train 0" if curves[0].test is curves[0].train else "test 0"
        mean, stderr, var, var_stderr = (np.asarray(each) for each in curves)
        shown = np.unique(np.linspace(0, len(self.times) - 1, _SHOWN).round().astype(int))
        pairs = (mean, stderr), (var, var_stderr)
        rows = [
            (f"{self.times[m]:.4g}", *(f"{value[m].flat[0]:.5f} ± {error[m].flat[0]:.5f}" for value, error in pairs))
            for m in shown
        ]
        return html_table(repr(self), ("time", f"mean f({row}) ± stderr", "variance ± stderr"), rows)


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(SimulatedCurves):
    """Networks of finite width in training, in pairs with labels y and −y and the same noise.

    Attributes
    ----------
    dynamics : str
        "langevin", "mpl" or "gradient".
    network : Network
        The network's derivation.
    widths : tuple of int
        Width of each hidden layer.
    times : array (M,)
        Times of the samples, in units of 1/learning rate; in steps for "mpl".
    samples : array (pairs, 2, M, P + rows, outputs)
        Outputs of every network; the second axis is the sign of the labels, and training rows come first.
    trained : int
        Number P of training rows.
    seed : int
        Seed of all random numbers.
    physics : dict
        Temperature, variances, bias and the other arguments of the training.
    data : Data
        Inputs and labels.
    versions : dict
        Versions of ndksym, its libraries and Python at the time of the simulation.
    mean, stderr, var, var_stderr : TrainTest
        Mean and variance over networks and their standard errors; `.train` is (M, P[, outputs]), `.test` (M, rows[, outputs]).

    Notes
    -----
    f(−y) has the law of −f(y), since the readout's sign is arbitrary. So (f₊ − f₋)/2 estimates the mean without bias and without
    the initial fluctuations that both networks share (theory.md, "Paired networks"); the variance is
    Var (f₊ − f₋)/2 + E ((f₊ + f₋)/2)². A simulation can be pickled and copied; == compares it with another one.
    """

    dynamics: str
    network: Network
    widths: tuple[int, ...]
    times: Array
    samples: Array
    trained: int
    seed: int
    physics: Mapping[str, Any]
    data: Data
    versions: Mapping[str, str]

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(self.activations))
        widths = "×".join(map(str, dict.fromkeys(self.widths)))
        size = f"{self.pairs} pairs at {len(self.times)} times"
        return (
            f"Simulation({names}: depth {len(self.widths)}, width {widths}, {self.dynamics}, {size}, seed {self.seed})"
        )

    def __eq__(self, other: object) -> bool:
        return records.same(self, other) if isinstance(other, Simulation) else NotImplemented

    def __getstate__(self) -> dict[str, Any]:
        # only the fields: estimates and the kernel are computed again when needed
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @property
    def activations(self) -> tuple[str, ...]:
        """Name of the activation of each hidden layer."""
        return tuple(each.name for each in self.network.activations)

    @property
    def pairs(self) -> int:
        """Number of pairs."""
        return len(self.samples)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that made the samples but the data: network, dynamics, physics, seed and versions of the software."""
        return {
            "network": list(self.activations), "depth": len(self.widths), "widths": self.widths, "dynamics": self.dynamics,
            "pairs": self.pairs, "seed": self.seed, **self.physics, "versions": dict(self.versions),
        }  # fmt: skip

    @cached_property
    def kernel(self) -> Kernel:
        """Compiled kernel of the infinitely wide network."""
        return compiled(self.network)

    @cached_property
    def mean_estimate(self) -> Estimate:
        """Estimate of the mean; its term is (pairs, M, P + rows, outputs)."""
        return Estimate((0.5 * (self.samples[:, 0] - self.samples[:, 1]),))

    @cached_property
    def var_estimate(self) -> Estimate:
        """Estimate of the variance over networks."""
        learnt, shared = self.mean_estimate.terms[0], 0.5 * (self.samples[:, 0] + self.samples[:, 1])
        n = len(learnt)
        return Estimate((n / (n - 1) * (learnt - learnt.mean(axis=0)) ** 2 + shared**2,))

    def rows(self, values: Array) -> TrainTest:
        values = self.data.shaped(values)
        train = values[:, : self.trained]
        return TrainTest(train, values[:, self.trained :] if values.shape[1] > self.trained else train)

    def theory(self, covariance: bool = True) -> Any:
        physics = dict(self.physics)
        freeze_time, signal = physics.pop("freeze_time", None), physics.pop("signal", False)
        rows = None if self.data.rows is self.data.X else self.data.rows
        data = self.data.X, self.data.shaped(self.data.y), rows
        if freeze_time is not None:
            return drift(self.kernel, *data, times=self.times, freeze_time=freeze_time, signal=signal, **physics)
        steps = self.times[-1] / physics.get("step", 1.0)
        fits = self.dynamics == "gradient" or (steps + 1) * self.trained <= MOST_UNKNOWNS
        return solve(
            self.kernel, *data, times=self.times, method=self.dynamics, covariance=covariance and fits, **physics
        )

    def some(self, pairs: slice) -> "Simulation":
        """The simulation of some of the pairs alone."""
        return replace(self, samples=self.samples[pairs])

    def record(self) -> dict[str, Any]:
        """Settings, times and estimates, but not the samples, as dictionaries, lists and numbers, for JSON."""
        about = {"dynamics": self.dynamics, "activations": self.activations, "widths": self.widths, "pairs": self.pairs}
        out: dict[str, Any] = records.document(
            {**about, "seed": self.seed, "physics": self.physics, "times": self.times, **self.curves}
        )
        return out

    def save(self, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
        """Write the simulation to a .npz of plain arrays, completely or not at all; `ndksym.load` reads it back.

        Parameters
        ----------
        path : str or Path
            A path that ends in .npz.
        about : mapping, optional
            Further numbers or text, saved as about.NAME.

        Raises
        ------
        InputError
            For a path that is not .npz or cannot be written.
        """
        data = {"X": self.data.X, "y": self.data.y, "flat": self.data.flat}
        if self.data.rows is not self.data.X:
            data["rows"] = self.data.rows
        arrays = {
            "kind": type(self).__name__, "dynamics": self.dynamics, "activations": self.activations, "biases": self.network.bias,
            "widths": self.widths, "times": self.times, "samples": self.samples, "trained": self.trained,
            "seed": str(self.seed), "physics": self.physics, "data": data, "versions": self.versions, **self.curves,
        }  # fmt: skip
        records.save(path, arrays, about or {})
