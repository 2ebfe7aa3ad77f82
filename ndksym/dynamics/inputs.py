"""What `solve` accepts: every argument checked once, and named in the error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndksym.dynamics.memory import Physics
from ndksym.errors import InputError, InputTypeError
from ndksym.runtime import inputs
from ndksym.runtime.kernel import Kernel
from ndksym.runtime.types import Array

_LARGEST = 1e100
"""Labels, temperature, variances and squares of inputs; or one over it."""
_FAR = 1e8
"""σ0²/σ², or one over it: beyond, Gram matrices of early and late times have no digit in common."""
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
    rows = inputs.points(X, "X")
    _sized(rows, "X", _LARGEST**0.5)
    labels = _floats(y, "y")
    if labels.ndim not in (1, 2) or len(labels) != len(rows) or labels.size == 0:
        raise InputError(
            f"y must have shape ({len(rows)},) or ({len(rows)}, outputs), one row per input; got {labels.shape}"
        )
    _sized(labels, "y", _LARGEST)
    moments = _floats(times, "times")
    if moments.ndim != 1 or len(moments) == 0:
        raise InputError(f"times must be a non-empty list of times, got shape {moments.shape}")
    if moments[0] < 0:
        raise InputError(f"times must be ≥ 0, got {moments[0]:g}")
    if np.any(np.diff(moments) < 0):
        raise InputError(f"times must ascend, but {moments[np.argmax(np.diff(moments) < 0)]:g} is followed by less")
    test = rows if X_test is None else inputs.points(X_test, "X_test", rows.shape[1])
    _sized(test, "X_test", _LARGEST**0.5)
    return Data(rows, labels.reshape(len(rows), -1), test, moments, labels.ndim == 1)


def labels(value: Any, name: str, shape: tuple[int, ...], which: str = "test") -> Array:
    """Finite labels of a known shape. Errors: InputError and InputTypeError name the argument."""
    out = _floats(value, name)
    if out.shape != shape:
        raise InputError(f"{name} must have shape {shape}, one row per {which} input; got {out.shape}")
    _sized(out, name, _LARGEST)
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
    T = inputs.number(temperature, "temperature", zero=True)
    if T == 0 and not zero:
        raise InputError(
            "temperature is 0: then there is no diffusion, and method='gradient' serves; the others want T > 0"
        )
    level, start = inputs.number(prior, "prior_variance", zero=False), inputs.number(init, "init_variance", zero=False)
    for name, value in (("temperature", T), ("prior_variance", level), ("init_variance", start)):
        _sized(np.array([value]), name, _LARGEST)
    if not 1 / _FAR <= start / level <= _FAR:
        raise InputError(
            f"init_variance / prior_variance must lie between {1 / _FAR:g} and {_FAR:g}, got {start / level:g}"
        )
    return Physics(T, level, start, inputs.bias_scale(bias, kernel.bias))


def _sized(values: Array, name: str, most: float) -> None:
    """All 0, or the largest so near to 1 that products of a few such stay in float64."""
    size = float(np.abs(values).max())
    if size and not 1 / most <= size <= most:
        raise InputError(f"{name} must be of a size between {1 / most:g} and {most:g}, got {size:g}")


def method(name: Any, known: tuple[str, ...], strength: Any, step: Any, covariance: Any) -> None:
    """A known method, with the options that belong to it and no others."""
    if name not in known:
        raise InputError(f"method {name!r} is not known; allowed are {', '.join(known)}")
    if name == "mpl":
        if strength is None:
            raise InputError("method='mpl' needs strength=λ > 0; its times count steps")
        inputs.number(strength, "strength", zero=False)
    elif strength is not None:
        raise InputError(f"strength belongs to method='mpl', not to {name!r}")
    if step is not None:
        if name not in ("langevin", "gradient"):
            raise InputError(f"step belongs to method='langevin' and 'gradient', not to {name!r}")
        inputs.number(step, "step", zero=False)
    if covariance not in (False, True, "two-time"):
        raise InputError(f"covariance must be False, True or 'two-time', got {covariance!r}")
    if covariance and name == "diffusive":
        raise InputError(
            "method='diffusive' gives the mean; covariance=True goes with 'langevin', 'mpl' and 'gradient'"
        )


def tolerance(value: Any) -> float:
    """1e-12 … 0.1."""
    rtol = inputs.number(value, "rtol", zero=False)
    if not 1e-12 <= rtol <= 0.1:
        raise InputError(f"rtol must lie between 1e-12 and 0.1, got {rtol:g}")
    return rtol


def loss_scale(loss: Any, P: int) -> float:
    """What multiplies ½ Σ (y − f)²."""
    if loss not in ("sum", "mean"):
        raise InputError(f"loss must be 'sum' or 'mean', got {loss!r}")
    return 1.0 if loss == "sum" else 1 / P


def _floats(value: Any, name: str) -> Array:
    try:
        out = np.asarray(value)
        if out.dtype.kind == "c":
            raise TypeError
        out = np.asarray(out, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name} must be real numbers in a rectangular array") from error
    except OverflowError as error:
        raise InputError(f"{name} has an entry that is past the range of float64") from error
    if not np.all(np.isfinite(out)):
        raise InputError(f"{name} has an entry that is not finite: {out[~np.isfinite(out)].flat[0]}")
    return out
