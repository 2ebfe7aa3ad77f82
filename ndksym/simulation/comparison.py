"""Comparison of theory with a simulation: z-scores of all cells, the expected size of the largest, and a verdict."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from ndksym.dynamics import Run
from ndksym.errors import InputError
from ndksym.output import records
from ndksym.output.notebook import html_table
from ndksym.output.tables import Column, table
from ndksym.runtime.types import Array
from ndksym.simulation.estimates import Estimate

__all__ = ["Agreement", "Comparison", "Predicted", "compare"]

_DRAWS, _SEED = 500, 1908
_FARTHEST = 38.0
"""Largest |z|: the probability of a larger one underflows in float64."""
_SYMMETRIC = 1e-9
"""A skewness below this counts as 0."""


class Predicted(Protocol):
    """Times and outputs of a theory: a Run or a Drift."""

    @property
    def times(self) -> Array: ...
    @property
    def train(self) -> Array: ...
    @property
    def test(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of theory and simulation in one quantity.

    Attributes
    ----------
    theory, value, stderr : array (M, P + rows, outputs)
        The prediction, the simulated value and its standard error in each cell.
    z : array (M, P + rows, outputs)
        The z-score of each cell; standard normal if the theory is right.
    worst : float
        The largest |z|.
    expected : float
        The mean of the largest |z| if the theory is right, for cells with the correlations of these (multiplier bootstrap).
    chance : float
        Upper bound (Bonferroni) of the probability of a larger |z| if the theory is right.
    """

    theory: Array
    value: Array
    stderr: Array
    z: Array
    worst: float
    expected: float
    chance: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Agreement of theory and simulation in the predictor's mean and, where the theory has one, variance; str() is a table.

    Attributes
    ----------
    times : array (M,)
        Times of the comparison.
    trained : int
        Number P of training rows; they come first in each Agreement.
    mean : Agreement
        The mean over networks.
    var : Agreement or None
        The variance over networks; None for a theory without covariance.
    """

    times: Array
    trained: int
    mean: Agreement
    var: Agreement | None

    def agrees(self, false_alarm: float = 1e-3) -> bool:
        """Whether theory and simulation agree.

        Parameters
        ----------
        false_alarm : float
            Probability of disagreement for a right theory, divided equally among mean and variance.

        Returns
        -------
        bool
            False where the largest |z| of mean or variance is less likely than that.
        """
        both = [each for each in (self.mean, self.var) if each is not None]
        return all(each.chance >= false_alarm / len(both) for each in both)

    def record(self) -> dict[str, Any]:
        """All fields as dictionaries, lists and numbers, for JSON."""
        out: dict[str, Any] = records.document(self)
        return out

    def __repr__(self) -> str:
        parts = {"mean": self.mean, "variance": self.var}
        worst = (f"{name} max |z| = {each.worst:.2f}" for name, each in parts.items() if each is not None)
        return f"Comparison({', '.join(worst)}: {'agrees' if self.agrees() else 'disagrees'})"

    def _repr_html_(self) -> str:
        parts = {"mean": self.mean, "variance": self.var}
        rows = [
            (name, f"{each.worst:.2f}", f"{each.expected:.2f}", f"{each.chance:.2g}")
            for name, each in parts.items()
            if each is not None
        ]
        return html_table(repr(self), ("quantity", "max |z|", "expected max |z|", "probability of more ≤"), rows)

    def __str__(self) -> str:
        parts = {"mean": self.mean, "variance": self.var}
        lines = [
            f"{name}: max |z| = {each.worst:.2f} over {each.z.size} cells, expected {each.expected:.2f}, chance of more ≤ "
            f"{each.chance:.2g}"
            for name, each in parts.items()
            if each is not None
        ]
        row = self.trained if self.mean.z.shape[1] > self.trained else 0
        kind = "test 0" if row else "train 0"
        columns = [Column("time"), Column(f"f({kind})"), Column("simulated"), Column("z of f")]
        if self.var is not None:
            columns += [Column("variance"), Column("simulated"), Column("z of variance")]
        rows = [
            [
                f"{time:.4g}",
                *(cell for each in parts.values() if each is not None for cell in _row(each, (m, row, 0))),
            ]
            for m, time in enumerate(self.times)
        ]
        return "\n".join([*lines, "", table(columns, rows)])


def _row(each: Agreement, at: tuple[int, int, int]) -> tuple[str, str, str]:
    """Theory, simulation and z of one cell."""
    return f"{each.theory[at]:.5f}", f"{each.value[at]:.5f} ± {each.stderr[at]:.5f}", f"{each.z[at]:.2f}"


class Sampled(Protocol):
    """Estimates that can be compared with theory: a simulation, or a scan over widths."""

    @property
    def times(self) -> Array: ...
    @property
    def trained(self) -> int: ...
    @property
    def mean_estimate(self) -> Estimate: ...
    @property
    def var_estimate(self) -> Estimate: ...


def compare(simulated: Sampled, run: Predicted) -> Comparison:
    """Compare a theory with a simulation at the same times of the same data.

    Parameters
    ----------
    simulated : Simulation or Scan
        The simulated networks.
    run : Run or Drift
        The theory: what `solve` or `drift` returns. The variance is compared if it has a covariance.

    Returns
    -------
    Comparison
        z-scores of mean and variance; str() is a table, and `agrees()` the verdict.

    Raises
    ------
    InputError
        Where times or rows differ.

    Notes
    -----
    z of the mean follows from Student's t. z of the variance allows for its skewness, as for a χ² law.

    Examples
    --------
    >>> import ndksym
    >>> X, y, args = [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0], {"times": [2.0], "temperature": 0.01, "step": 0.5}
    >>> sim = ndksym.simulate("erf", X, y, width=100, pairs=20, **args)
    >>> ndksym.simulation.compare(sim, ndksym.solve(ndksym.derive("erf").compile(), X, y, **args)).agrees()
    True
    """
    estimate = simulated.mean_estimate
    theory = _cells(run.train, run.test, simulated)
    if not np.array_equal(run.times, simulated.times) or theory.shape != estimate.value.shape:
        raise InputError(
            f"theory and simulation must have the same times and rows: {theory.shape} at {run.times[:3]}… against "
            f"{estimate.value.shape} at {simulated.times[:3]}…"
        )
    mean = _agreement(theory, estimate, _student(estimate.value - theory, estimate.stderr, estimate.freedom))
    var = None
    if isinstance(run, Run) and run.train_cov is not None and run.test_cov is not None:
        train, test = (np.diagonal(cov, axis1=-2, axis2=-1) for cov in (run.train_cov, run.test_cov))
        spread = simulated.var_estimate
        variance = np.broadcast_to(_cells(train, test, simulated, variances=True), spread.value.shape)
        var = _agreement(variance, spread, _gamma(variance, spread))
    return Comparison(simulated.times, simulated.trained, mean, var)


def _cells(train: Array, test: Array, simulated: Sampled, variances: bool = False) -> Array:
    """Predictions as (M, P[ + rows], outputs); `variances` have no axis of outputs, being equal for all of them."""
    both = (
        train if simulated.mean_estimate.value.shape[1] == simulated.trained else np.concatenate([train, test], axis=1)
    )
    return both[..., None] if both.ndim == 2 or variances else both


def _student(distance: Array, stderr: Array, freedom: int) -> Array:
    """Normal z-scores with the probabilities of the t-values; 0 where theory and simulation are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(distance == 0, 0.0, np.abs(distance) / stderr)
    return np.asarray(np.sign(distance) * np.minimum(-ndtri(stdtr(freedom, -t)), _FARTHEST))


def _gamma(theory: Array, spread: Estimate) -> Array:
    """z-scores of a sum of independent variance estimates, from its studentised distance t and its skewness γ.

    z = (6/γ) [(1 − γt/2)^{−1/3} − 1] + γ/6. For one variance this is the cube-root transformation of Wilson and Hilferty (1931);
    for several it equals Hall's (1992) correction, t + γ(2t² + 1)/6, to second order. The variance of each estimate is that for
    normal outputs, or the measured one where that is larger; its skewness is that of a gamma law of this mean and variance.
    """
    means = [term.mean(axis=0) for term in spread.terms]
    errors = [
        np.maximum(2 * mean**2, term.var(axis=0, ddof=1)) / len(term)
        for mean, term in zip(means, spread.terms, strict=True)
    ]
    total = np.asarray(sum(errors))
    with np.errstate(divide="ignore", invalid="ignore"):
        third = sum(np.where(v > 0, 2 * v * v / mean, 0.0) for v, mean in zip(errors, means, strict=True))
        gamma, t = third / total**1.5, (spread.value - theory) / np.sqrt(total)
        root = np.maximum(1 - gamma * t / 2, 0.0)
        curved = 6 / gamma * (np.cbrt(1 / root) - 1) + gamma / 6
        z = np.where(root > 0, np.where(np.abs(gamma) < _SYMMETRIC, t, curved), np.sign(t) * _FARTHEST)
    return np.asarray(np.clip(np.where(spread.value == theory, 0.0, z), -_FARTHEST, _FARTHEST))


def _agreement(theory: Array, estimate: Estimate, z: Array) -> Agreement:
    worst = float(np.abs(z).max())
    chance = min(1.0, 2 * z.size * float(ndtr(-worst)))
    return Agreement(theory, estimate.value, estimate.stderr, z, worst, _expected(estimate), chance)


def _expected(estimate: Estimate) -> float:
    """E max |z| by the multiplier bootstrap: normal factors for each pair's deviation keep the correlations of the cells."""
    rng = np.random.default_rng(_SEED)
    sums: Array = np.zeros((_DRAWS, estimate.value.size))
    for term in estimate.terms:
        deviations = (term - term.mean(axis=0)).reshape(len(term), -1) / len(term)
        sums += rng.normal(size=(_DRAWS, len(term))) @ deviations
    stderr = estimate.stderr.ravel()
    kept = stderr > 0
    return float(np.abs(sums[:, kept] / stderr[kept]).max(axis=1).mean()) if kept.any() else 0.0
