"""Simulations at several widths: extrapolation to infinite width, and the decay of the bias with width."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ndksym.errors import InputError
from ndksym.runtime.arguments import integer
from ndksym.runtime.types import Array
from ndksym.simulation.comparison import Predicted, compare
from ndksym.simulation.estimates import Estimate, TrainTest
from ndksym.simulation.samples import SimulatedCurves, Simulation

__all__ = ["Quantity", "Scan", "WidthSlope", "require_widths"]

Quantity = Literal["mean", "var"]

_RESOLVED = 4.0
"""Least bias, in standard errors, at every width of a resolved slope."""


def require_widths(widths: Sequence[int], degree: int) -> None:
    """Raise InputError where there are too few different widths for a polynomial of this degree in 1/N."""
    if integer(degree, "degree", 1) >= len(set(widths)):
        wanted = "two" if degree == 1 else f"{degree + 1}"
        raise InputError(f"a scan of degree {degree} needs {wanted} different widths or more, got {tuple(widths)}")


@dataclass(frozen=True, eq=False)
class WidthSlope:
    """How the difference between simulation and theory decays with width.

    Attributes
    ----------
    widths : tuple of int
        Narrowest hidden layer of each simulation, ascending.
    bias, stderr : array
        Difference from theory at each width, projected on its direction at the smallest one, and the standard error. The unit is
        the standard error of the smallest width.
    value, error : float
        Slope of log bias against log width, and its standard error; NaN unless resolved. A bias ∝ 1/N has slope −1.
    resolved : bool
        Whether the bias exceeds its standard error fourfold at every width.
    """

    widths: tuple[int, ...]
    bias: Array
    stderr: Array
    value: float
    error: float
    resolved: bool


@dataclass(frozen=True, eq=False, repr=False)
class Scan(SimulatedCurves):
    """Simulations that differ in width alone, extrapolated to infinite width.

    Attributes
    ----------
    simulations : tuple of Simulation
        One simulation per width.
    degree : int
        Degree of the polynomial in 1/N, where N is the narrowest hidden layer.
    mean, stderr, var, var_stderr : TrainTest
        The polynomial's value at 1/N = 0 for mean and variance over networks, and their standard errors.
    """

    simulations: tuple[Simulation, ...]
    degree: int = 1

    def __post_init__(self) -> None:
        require_widths(self.widths, self.degree)

    def __repr__(self) -> str:
        first = self.simulations[0]
        names, widths = ", ".join(dict.fromkeys(first.activations)), ", ".join(map(str, self.widths))
        return f"Scan({names}: depth {len(first.widths)}, widths {widths}, {first.dynamics}, extrapolated with degree {self.degree})"

    @property
    def widths(self) -> tuple[int, ...]:
        """Narrowest hidden layer of each simulation."""
        return tuple(min(each.widths) for each in self.simulations)

    @property
    def times(self) -> Array:
        """Times of all simulations."""
        return self.simulations[0].times

    @property
    def trained(self) -> int:
        """Number P of training rows."""
        return self.simulations[0].trained

    def rows(self, values: Array) -> TrainTest:
        return self.simulations[0].rows(values)

    @cached_property
    def mean_estimate(self) -> Estimate:
        """Estimate of the mean at infinite width."""
        return self._extrapolated([each.mean_estimate for each in self.simulations])

    @cached_property
    def var_estimate(self) -> Estimate:
        """Estimate of the variance at infinite width."""
        return self._extrapolated([each.var_estimate for each in self.simulations])

    def theory(self, covariance: bool = True) -> Any:
        return self.simulations[0].theory(covariance)

    def slope(self, run: Predicted | None = None, of: Quantity = "mean") -> WidthSlope:
        """Decay of the bias of mean or variance with width.

        Parameters
        ----------
        run : Run or Drift, optional
            The theory; `theory()` by default.
        of : {"mean", "var"}
            The quantity.

        Returns
        -------
        WidthSlope
            Bias at each width, and its slope in logarithms.

        Raises
        ------
        InputError
            For "var" and a theory without covariance.

        Notes
        -----
        The direction of the bias is taken from one half of the pairs of the smallest width, and its size from all other pairs: with
        the same pairs for both, noise would increase the size.
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
        measured = []
        for each in [order[0].some(slice(half, None)), *order[1:]]:
            (term,) = getattr(each, estimate).terms
            along = Estimate((np.tensordot(term - theory, direction, 3)[:, None],))
            measured.append((min(each.widths), along.value[0], along.stderr[0]))
        widths, bias, stderr = (np.array(column) for column in zip(*measured, strict=True))
        resolved = bool(np.all(bias > _RESOLVED * stderr))
        value = error = float("nan")
        if resolved:
            x, w = np.log(widths), (bias / stderr) ** 2
            centred = x - np.average(x, weights=w)
            value = float(np.sum(w * centred * np.log(bias)) / np.sum(w * centred**2))
            error = float(1 / np.sqrt(np.sum(w * centred**2)))
        return WidthSlope(tuple(widths.tolist()), bias, stderr, value, error, resolved)

    def _extrapolated(self, estimates: list[Estimate]) -> Estimate:
        """Σ_w c_w estimate_w: value at 1/N = 0 of a least-squares fit in powers of 1/N, with weights pairs·N."""
        N = np.array(self.widths, dtype=float)
        design = (N.min() / N)[:, None] ** np.arange(self.degree + 1)
        root = np.sqrt(N * [each.pairs for each in self.simulations])[:, None]
        c = np.linalg.pinv(root * design)[0] * root[:, 0]
        first, *rest = (each.times(float(factor)) for each, factor in zip(estimates, c, strict=True))
        for each in rest:
            first = first.plus(each)
        return first
