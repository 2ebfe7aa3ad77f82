"""What `solve` accepts: every argument checked once, and named in the error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics.physics import Physics
from ndksym.errors import InputError
from ndksym.runtime import arguments, checks
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.memory import require_memory
from ndksym.runtime.types import Array

LARGEST = 1e100
"""Labels, temperature, variances and squares of inputs; or one over it."""
_FAR = 1e8
"""σ0²/σ², or one over it: beyond, Gram matrices of early and late times have no digit in common."""
_MATRICES, _MATRICES_GRADIENT = 28, 8
_COUNTABLE = 2.0**40
"""Steps that can be told apart in a float64 time."""


@dataclass(frozen=True)
class Data:
    """Training rows, labels (P, outputs), rows to predict at, ascending times; `flat` where y came as (P,)."""

    X: Array
    y: Array
    rows: Array
    times: Array
    flat: bool

    @property
    def both(self) -> Array:
        """Training rows, then the further ones where there are any."""
        return self.X if self.rows is self.X else np.vstack([self.X, self.rows])

    @property
    def shaped(self) -> Callable[[Array], Array]:
        """Drops the axis of outputs where y had none."""
        return lambda values: values[..., 0] if self.flat else values

    def on_training_rows(self) -> "Data":
        """The same, to be predicted at the training rows."""
        return replace(self, rows=self.X)


def checked(X: Any, y: Any, X_test: Any, times: Any) -> Data:
    """Finite arrays that fit one another; without X_test, predictions are at the training rows."""
    rows = checks.points(X, "X")
    _sized(rows, "X", LARGEST**0.5)
    labels = _finite(y, "y")
    if labels.ndim not in (1, 2) or len(labels) != len(rows) or labels.size == 0:
        raise InputError(
            f"y must have shape ({len(rows)},) or ({len(rows)}, outputs), one row per input; got {labels.shape}"
        )
    _sized(labels, "y", LARGEST)
    moments = _finite(times, "times", truth=False)
    if moments.ndim != 1 or len(moments) == 0:
        raise InputError(f"times must be a non-empty list of times, got shape {moments.shape}")
    if moments[0] < 0:
        raise InputError(f"times must be ≥ 0, got {moments[0]:g}")
    if np.any(np.diff(moments) < 0):
        raise InputError(f"times must ascend, but {moments[np.argmax(np.diff(moments) < 0)]:g} is followed by less")
    test = rows if X_test is None else checks.points(X_test, "X_test", rows.shape[1])
    _sized(test, "X_test", LARGEST**0.5)
    return Data(rows, labels.reshape(len(rows), -1), test, moments, labels.ndim == 1)


def labels(value: Any, name: str, shape: tuple[int, ...], which: str = "test") -> Array:
    """Finite labels of a known shape. Errors: InputError and InputTypeError name the argument."""
    out = _finite(value, name)
    if out.shape != shape:
        raise InputError(f"{name} must have shape {shape}, one row per {which} input; got {out.shape}")
    _sized(out, name, LARGEST)
    return out


def steps(times: Array, step: float, name: str = "each of times") -> NDArray[np.intp]:
    """How many steps each time is."""
    numbers = times / step
    if numbers.max() > _COUNTABLE:
        raise InputError(f"{name} must be at most {_COUNTABLE:g} steps; got {times.max():g}")
    whole = np.rint(numbers).astype(np.intp)
    odd = np.abs(numbers - whole) > 1e-9 * np.maximum(numbers, 1.0)
    if odd.any():
        what = "a whole number of steps" if step == 1 else f"a multiple of step = {step:g}"
        raise InputError(f"{name} must be {what}; got {times[odd][0]:g}")
    return whole


def physics(kernel: Kernel, temperature: Any, prior: Any, init: Any, bias: Any, zero: bool) -> Physics:
    """T ≥ 0 (T > 0 unless `zero`), σ² > 0, σ0² > 0, β; none so far from 1, or σ0² from σ², that products leave float64."""
    T = checks.number(temperature, "temperature", zero=True)
    if T == 0 and not zero:
        raise InputError(
            "temperature is 0: then there is no diffusion, and method='gradient' serves; the others want T > 0"
        )
    level, start = checks.number(prior, "prior_variance", zero=False), checks.number(init, "init_variance", zero=False)
    for name, value in (("temperature", T), ("prior_variance", level), ("init_variance", start)):
        _sized(np.array([value]), name, LARGEST)
    if not 1 / _FAR <= start / level <= _FAR:
        raise InputError(
            f"init_variance / prior_variance must lie between {1 / _FAR:g} and {_FAR:g}, got {start / level:g}"
        )
    beta = checks.bias_scale(bias, kernel.bias)
    _sized(np.array([beta]), "bias", LARGEST**0.5)
    return Physics(T, level, start, beta)


def _sized(values: Array, name: str, most: float) -> None:
    """All 0, or the largest so near to 1 that products of a few such stay in float64."""
    size = float(np.abs(values).max())
    if size and not 1 / most <= size <= most:
        raise InputError(f"{name} must be of a size between {1 / most:g} and {most:g}, got {size:g}")


def method(
    name: Any, known: tuple[str, ...], strength: Any, step: Any, covariance: Any
) -> tuple[float | None, float | None]:
    """A known method, with the options that belong to it and no others: strength and step as floats."""
    arguments.choice(name, "method", known)
    if name == "mpl":
        if strength is None:
            raise InputError("method='mpl' needs strength=λ > 0; its times count steps")
        strength = sized(strength, "strength", LARGEST)
    elif strength is not None:
        raise InputError(f"strength belongs to method='mpl', not to {name!r}")
    if step is not None:
        if name not in ("langevin", "gradient"):
            raise InputError(f"step belongs to method='langevin' and 'gradient', not to {name!r}")
        step = sized(step, "step", LARGEST)
    arguments.choice(covariance, "covariance", (False, True, "two-time"))
    if covariance and name == "diffusive":
        raise InputError(
            "method='diffusive' gives the mean; covariance=True goes with 'langevin', 'mpl' and 'gradient'"
        )
    return strength, step


def sized(value: Any, name: str, most: float) -> float:
    """A number between 1/most and most."""
    found = checks.number(value, name, zero=False)
    _sized(np.array([found]), name, most)
    return found


def fits(data: Data, method: str, covariance: Any) -> None:
    """Refuse what cannot fit into memory: the matrices of a table of Gram matrices, the posterior's, and the result's.

    Measured: 28 (relu, depth 1) to 105 (erf, depth 3) matrices (P + rows, P) by "langevin", 10 by "gradient".
    """
    P, n, M = len(data.X), len(data.both), len(data.times)
    result = M * n * data.y.shape[1] + {False: 0, True: M, "two-time": M * M}[covariance] * n * n
    matrices = _MATRICES_GRADIENT if method == "gradient" else _MATRICES
    size = 8 * (matrices * n * P + 4 * n * n + 2 * result)
    what = f"{P:,} training inputs, {n:,} in all, at {M:,} times"
    require_memory(size, what, "use fewer inputs or times" + (", or leave out the covariance" if covariance else ""))


def tolerance(value: Any) -> float:
    """1e-12 … 0.1."""
    rtol = checks.number(value, "rtol", zero=False)
    if not 1e-12 <= rtol <= 0.1:
        raise InputError(f"rtol must lie between 1e-12 and 0.1, got {rtol:g}")
    return rtol


def loss_scale(loss: Any, P: int) -> float:
    """What multiplies ½ Σ (y − f)²."""
    return 1.0 if arguments.choice(loss, "loss", ("sum", "mean")) == "sum" else 1 / P


def _finite(value: Any, name: str, truth: bool = True) -> Array:
    out = checks.floats(value, name, truth=truth)
    if not np.all(np.isfinite(out)):
        raise InputError(f"{name} has an entry that is not finite: {out[~np.isfinite(out)].flat[0]}")
    return out
