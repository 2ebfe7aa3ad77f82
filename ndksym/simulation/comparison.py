"""Theory held against a simulation: z-scores cell by cell, how large their largest should be, and whether it is too large."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from ndksym.dynamics import Run
from ndksym.errors import InputError
from ndksym.output import records
from ndksym.output.tables import Column, table
from ndksym.runtime.types import Array
from ndksym.simulation.estimates import Estimate

__all__ = ["Agreement", "Comparison", "Predicted", "compare"]

_DRAWS, _SEED = 500, 1908
_FARTHEST = 38.0
"""|z| beyond which its probability leaves float64."""
_SYMMETRIC = 1e-9
"""Skewness below which there is none."""


class Predicted(Protocol):
    """A Run or a Drift."""

    @property
    def times(self) -> Array: ...
    @property
    def train(self) -> Array: ...
    @property
    def test(self) -> Array: ...


@dataclass(frozen=True, eq=False)
class Agreement:
    """One quantity, in cells (M, P + rows, outputs): what theory says, what was simulated, and z, normal if theory is right.

    `worst` is the largest |z|, `expected` what it would be on average for right theory and cells as correlated as these are
    (multiplier bootstrap), `chance` the probability of a larger one, bounded by Bonferroni over the cells.
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
    """Mean and, where theory has one, variance of the predictor; str() of it is a table."""

    times: Array
    trained: int
    mean: Agreement
    var: Agreement | None

    def agrees(self, false_alarm: float = 1e-3) -> bool:
        """Whether nothing is as unlikely as `false_alarm`, shared among the quantities, if theory is right."""
        both = [each for each in (self.mean, self.var) if each is not None]
        return all(each.chance >= false_alarm / len(both) for each in both)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        out: dict[str, Any] = records.document(self)
        return out

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


class Ensemble(Protocol):
    """What is compared with theory: a simulation, or a scan over widths."""

    @property
    def times(self) -> Array: ...
    @property
    def trained(self) -> int: ...
    @property
    def mean_estimate(self) -> Estimate: ...
    @property
    def var_estimate(self) -> Estimate: ...


def compare(simulated: Ensemble, run: Predicted) -> Comparison:
    """Hold a Run or a Drift against a simulation at the same times of the same data.

    The mean's z comes from Student's t; the variance's allows for its skewness, as for χ².

    Errors: InputError where times or rows differ.
    """
    ensemble = simulated.mean_estimate
    theory = _cells(run.train, run.test, simulated)
    if not np.array_equal(run.times, simulated.times) or theory.shape != ensemble.value.shape:
        raise InputError(
            f"theory and simulation must have the same times and rows: {theory.shape} at {run.times[:3]}… against "
            f"{ensemble.value.shape} at {simulated.times[:3]}…"
        )
    mean = _agreement(theory, ensemble, _student(ensemble.value - theory, ensemble.stderr, ensemble.freedom))
    var = None
    if isinstance(run, Run) and run.train_cov is not None and run.test_cov is not None:
        train, test = (np.diagonal(cov, axis1=-2, axis2=-1) for cov in (run.train_cov, run.test_cov))
        spread = simulated.var_estimate
        variance = np.broadcast_to(_cells(train, test, simulated, variances=True), spread.value.shape)
        var = _agreement(variance, spread, _gamma(variance, spread))
    return Comparison(simulated.times, simulated.trained, mean, var)


def _cells(train: Array, test: Array, simulated: Ensemble, variances: bool = False) -> Array:
    """(M, P[ + rows], outputs); per-output variances are the same for all."""
    both = (
        train if simulated.mean_estimate.value.shape[1] == simulated.trained else np.concatenate([train, test], axis=1)
    )
    return both[..., None] if both.ndim == 2 or variances else both


def _student(distance: Array, stderr: Array, freedom: int) -> Array:
    """t-values as the normal ones of the same probability; 0 where both agree without any spread (t = 0)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(distance == 0, 0.0, np.abs(distance) / stderr)
    return np.asarray(np.sign(distance) * np.minimum(-ndtri(stdtr(freedom, -t)), _FARTHEST))


def _gamma(theory: Array, spread: Estimate) -> Array:
    """z of a sum of independent variances from its studentised distance t and its skewness γ.

    z = (6/γ) [(1 − γt/2)^{−1/3} − 1] + γ/6: of one variance the cube root of Wilson and Hilferty 1931, of several Hall's
    1992 correction, t + γ(2t² + 1)/6, to second order. Each has the variance it has for normal outputs, or the measured one
    where that is larger, and the skewness of a gamma law of such mean and variance.
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


def _agreement(theory: Array, ensemble: Estimate, z: Array) -> Agreement:
    worst = float(np.abs(z).max())
    chance = min(1.0, 2 * z.size * float(ndtr(-worst)))
    return Agreement(theory, ensemble.value, ensemble.stderr, z, worst, _expected(ensemble), chance)


def _expected(ensemble: Estimate) -> float:
    """E max |z|: random signs and sizes for each pair's deviation from the mean keep the cells' correlations."""
    rng = np.random.default_rng(_SEED)
    sums: Array = np.zeros((_DRAWS, ensemble.value.size))
    for term in ensemble.terms:
        deviations = (term - term.mean(axis=0)).reshape(len(term), -1) / len(term)
        sums += rng.normal(size=(_DRAWS, len(term))) @ deviations
    stderr = ensemble.stderr.ravel()
    kept = stderr > 0
    return float(np.abs(sums[:, kept] / stderr[kept]).max(axis=1).mean()) if kept.any() else 0.0
