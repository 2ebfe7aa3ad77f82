"""The checks of what `solve` and `drift` are given; every error names the argument."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics.physics import Physics
from ndksym.errors import InputError
from ndksym.runtime import arguments, checks
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array

LARGEST = 1e100
"""Largest size of labels, temperature, variances and squared norms of inputs; 1/LARGEST is the smallest."""
TABLE_MATRICES = 28
"""How many matrices (P + rows, P) a kernel table takes; measured: 28 (relu, depth 1) to 105 (erf, depth 3)."""
_LARGEST_RATIO = 1e8
"""Largest σ0²/σ², or σ²/σ0²: beyond, Gram matrices of early and late times have no digit in common."""
_COUNTABLE = 2.0**40
"""Largest number of steps that a float64 time can hold exactly enough."""


@dataclass(frozen=True, eq=False)
class Data:
    """Training rows X, labels y (P, outputs), rows to predict at, and ascending times; `flat` where y was given as (P,).

    Without further rows, `rows` is the same object as X.
    """

    X: Array
    y: Array
    rows: Array
    times: Array
    flat: bool

    @property
    def both(self) -> Array:
        """Training rows, followed by the further ones where there are any."""
        return self.X if self.rows is self.X else np.vstack([self.X, self.rows])

    @property
    def shaped(self) -> Callable[[Array], Array]:
        """A function that drops the axis of outputs where y had none."""
        return lambda values: values[..., 0] if self.flat else values


def checked(X: object, y: object, X_test: object, times: object, *, endless: bool = False) -> Data:
    """Finite arrays of fitting shapes. Without X_test the predictor is evaluated at the training rows.

    If `endless`, the last times may be ∞.
    """
    rows = checks.points(X, "X")
    _require_size(rows, "X", LARGEST**0.5)
    labels = _finite(y, "y")
    if labels.ndim not in (1, 2) or len(labels) != len(rows) or labels.size == 0:
        raise InputError(
            f"y must have shape ({len(rows)},) or ({len(rows)}, outputs), one row per input; got {labels.shape}"
        )
    _require_size(labels, "y", LARGEST)
    ascending = ascending_times(times, endless=endless)
    test = rows if X_test is None else checks.points(X_test, "X_test", rows.shape[1])
    _require_size(test, "X_test", LARGEST**0.5)
    return Data(rows, labels.reshape(len(rows), -1), test, ascending, labels.ndim == 1)


def ascending_times(value: object, *, endless: bool = False) -> Array:
    """Ascending times ≥ 0, all of them finite unless `endless`."""
    times = checks.floats(value, "times", truth=False)
    bad = np.isnan(times) if endless else ~np.isfinite(times)
    if bad.any():
        raise InputError(f"times has an entry that is not finite: {times[bad].flat[0]}")
    if times.ndim != 1 or len(times) == 0:
        raise InputError(f"times must be a non-empty list of times, got shape {times.shape}")
    if times[0] < 0:
        raise InputError(f"times must be ≥ 0, got {times[0]:g}")
    descends = times[1:] < times[:-1]
    if descends.any():
        raise InputError(f"times must ascend, but {times[np.argmax(descends)]:g} is followed by less")
    return times


def labels(value: object, name: str, shape: tuple[int, ...], which: str = "test") -> Array:
    """Finite labels of the given shape."""
    out = _finite(value, name)
    if out.shape != shape:
        raise InputError(f"{name} must have shape {shape}, one row per {which} input; got {out.shape}")
    _require_size(out, name, LARGEST)
    return out


def steps(times: Array, step: float, name: str = "each of times") -> NDArray[np.intp]:
    """The number of steps up to each time; InputError where it is no integer."""
    numbers = times / step
    if numbers.max() > _COUNTABLE:
        raise InputError(f"{name} must be at most {_COUNTABLE:g} steps; got {times.max():g}")
    whole = np.rint(numbers).astype(np.intp)
    fractional = np.abs(numbers - whole) > 1e-9 * np.maximum(numbers, 1.0)
    if fractional.any():
        what = "a whole number of steps" if step == 1 else f"a multiple of step = {step:g}"
        raise InputError(f"{name} must be {what}; got {times[fractional][0]:g}")
    return whole


def physics(kernel: Kernel, temperature: object, prior: object, init: object, bias: object, zero: bool) -> Physics:
    """T, σ² > 0, σ0² > 0 and β, all of moderate size. T must be > 0 unless `zero`, where None means 0."""
    if temperature is None and not zero:
        raise InputError("temperature must be given, and must be > 0; without thermal noise, method='gradient' serves")
    T = 0.0 if temperature is None else checks.number(temperature, "temperature", zero=True)
    if T == 0 and not zero:
        raise InputError(
            "temperature is 0: then there is no diffusion, and method='gradient' serves; others need T > 0"
        )
    level, start = checks.number(prior, "prior_variance", zero=False), checks.number(init, "init_variance", zero=False)
    for name, value in (("temperature", T), ("prior_variance", level), ("init_variance", start)):
        _require_size(np.array([value]), name, LARGEST)
    if not 1 / _LARGEST_RATIO <= start / level <= _LARGEST_RATIO:
        raise InputError(
            f"init_variance / prior_variance must lie between {1 / _LARGEST_RATIO:g} and {_LARGEST_RATIO:g}, "
            f"got {start / level:g}"
        )
    beta = checks.bias_scale(bias, kernel.bias)
    _require_size(np.array([beta]), "bias", LARGEST**0.5)
    return Physics(T, level, start, beta)


def sized(value: object, name: str, most: float = LARGEST) -> float:
    """A number between 1/most and most."""
    number = checks.number(value, name, zero=False)
    _require_size(np.array([number]), name, most)
    return number


def fits(data: Data, matrices: int, covariance: bool | str) -> None:
    """Raise InputError if the problem does not fit into memory.

    `matrices` is the number of matrices (P + rows, P) that the method keeps; the posterior and the result are added.
    """
    P, n, M = len(data.X), len(data.both), len(data.times)
    result = M * n * data.y.shape[1] + {False: 0, True: M, "two-time": M * M}[covariance] * n * n
    size = 8 * (matrices * n * P + 4 * n * n + 2 * result)
    what = f"{P:,} training inputs, {n:,} in all, at {M:,} times"
    require_memory(size, what, "use fewer inputs or times" + (", or leave out the covariance" if covariance else ""))


def tolerance(value: object) -> float:
    """A relative tolerance between 1e-12 and 0.1."""
    rtol = checks.number(value, "rtol", zero=False)
    if not 1e-12 <= rtol <= 0.1:
        raise InputError(f"rtol must lie between 1e-12 and 0.1, got {rtol:g}")
    return rtol


def loss_scale(reduction: object, P: int) -> float:
    """The factor on ½ Σ (y − f)²: 1 for "sum", 1/P for "mean"."""
    return 1.0 if arguments.choice(reduction, "reduction", ("sum", "mean")) == "sum" else 1 / P


def _require_size(values: Array, name: str, most: float) -> None:
    """Raise InputError unless all values are 0, or the largest is so close to 1 that products of a few stay in float64."""
    size = float(np.abs(values).max())
    if size and not 1 / most <= size <= most:
        raise InputError(f"{name} must be of a size between {1 / most:g} and {most:g}, got {size:g}")


def _finite(value: object, name: str) -> Array:
    out = checks.floats(value, name)
    if not np.all(np.isfinite(out)):
        raise InputError(f"{name} has an entry that is not finite: {out[~np.isfinite(out)].flat[0]}")
    return out
