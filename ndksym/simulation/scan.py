"""Several widths: what is left of the finite width, its slope, and the limit without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.arguments import integer
from ndksym.runtime.types import Array
from ndksym.simulation.comparison import Predicted, compare
from ndksym.simulation.estimates import Estimate, Rows
from ndksym.simulation.samples import Estimated, Simulation

__all__ = ["Quantity", "Scan", "Slope", "enough"]

Quantity = Literal["mean", "var"]

_RESOLVED = 4.0
"""Standard errors that the bias at the largest width must measure."""


def enough(widths: Sequence[int], degree: int) -> None:
    """Refuse what no polynomial of that degree in 1/N can be laid through."""
    if integer(degree, "degree", 1) >= len(set(widths)):
        wanted = "two" if degree == 1 else f"{degree + 1}"
        raise InputError(f"a scan of degree {degree} needs {wanted} different widths or more, got {tuple(widths)}")


@dataclass(frozen=True, eq=False)
class Slope:
    """The distance from theory, in standard errors of the smallest width, along its direction there: `bias` ± `stderr`
    at each of `widths`, and the slope of its logarithm in that of the width; `resolved` says whether all are large enough."""

    widths: tuple[int, ...]
    bias: Array
    stderr: Array
    value: float
    error: float
    resolved: bool


@dataclass(frozen=True, eq=False)
class Scan(Estimated):
    """Simulations that differ in width alone. mean, stderr, var and var_stderr are extrapolated to infinite width: the value
    at 1/N = 0 of a polynomial in 1/N of this `degree`, N the narrowest hidden layer."""

    simulations: tuple[Simulation, ...]
    degree: int = 1

    def __post_init__(self) -> None:
        enough(self.widths, self.degree)

    @property
    def widths(self) -> tuple[int, ...]:
        """The narrowest hidden layer of each."""
        return tuple(min(each.widths) for each in self.simulations)

    @property
    def times(self) -> Array:
        """Of all."""
        return self.simulations[0].times

    @property
    def trained(self) -> int:
        """P."""
        return self.simulations[0].trained

    def rows(self, values: Array) -> Rows:
        return self.simulations[0].rows(values)

    @cached_property
    def mean_estimate(self) -> Estimate:
        """Of the mean at infinite width."""
        return self._extrapolated([each.mean_estimate for each in self.simulations])

    @cached_property
    def var_estimate(self) -> Estimate:
        """Of the variance at infinite width."""
        return self._extrapolated([each.var_estimate for each in self.simulations])

    def theory(self, covariance: bool = True) -> Any:
        return self.simulations[0].theory(covariance)

    def slope(self, run: Predicted | None = None, of: Quantity = "mean") -> Slope:
        """How the bias of the mean or of the variance falls with width; 1/N is −1.

        The direction comes from one half of the pairs of the smallest width, the sizes from all others: a size measured along
        a direction that the same noise has chosen would be too large.
        """
        run = self.theory(of == "var") if run is None else run
        order = sorted(self.simulations, key=lambda each: min(each.widths))
        half = order[0].pairs // 2
        target = getattr(compare(order[0], run), of)
        if target is None:
            raise InputError("the variance's slope needs a theory with covariance=True")
        theory, estimate = target.theory, f"{of}_estimate"
        guide = getattr(order[0].some(slice(0, half)), estimate)
        weight = np.divide(1.0, guide.stderr**2, out=np.zeros_like(guide.stderr), where=guide.stderr > 0)
        direction = (guide.value - theory) * weight
        direction /= np.sqrt(np.sum(direction**2 / np.where(weight > 0, weight, 1.0)))
        found = []
        for each in [order[0].some(slice(half, None)), *order[1:]]:
            (term,) = getattr(each, estimate).terms
            along = Estimate((np.tensordot(term - theory, direction, 3)[:, None],))
            found.append((min(each.widths), along.value[0], along.stderr[0]))
        widths, bias, stderr = (np.array(column) for column in zip(*found, strict=True))
        resolved = bool(np.all(bias > _RESOLVED * stderr))
        value = error = float("nan")
        if resolved:
            x, w = np.log(widths), (bias / stderr) ** 2
            centred = x - np.average(x, weights=w)
            value = float(np.sum(w * centred * np.log(bias)) / np.sum(w * centred**2))
            error = float(1 / np.sqrt(np.sum(w * centred**2)))
        return Slope(tuple(widths.tolist()), bias, stderr, value, error, resolved)

    def _extrapolated(self, estimates: list[Estimate]) -> Estimate:
        """Σ_w c_w estimate_w, c from least squares in powers of 1/N; each width's error falls as √(pairs N)."""
        N = np.array(self.widths, dtype=float)
        design = (N.min() / N)[:, None] ** np.arange(self.degree + 1)
        root = np.sqrt(N * [each.pairs for each in self.simulations])[:, None]
        c = np.linalg.pinv(root * design)[0] * root[:, 0]
        first, *rest = (each.times(float(factor)) for each, factor in zip(estimates, c, strict=True))
        for each in rest:
            first = first.plus(each)
        return first
