"""Checks of arguments that are numbers, arrays or times; each error names the argument, its value, and what is allowed."""

from typing import Any

import numpy as np

from .errors import FOREIGN, InputError, InputTypeError, brief
from .memory import require_memory
from .prior import LangevinPrior
from .types import Array

LARGEST = 1e150
"""Largest allowed entry: beyond it (or for nonzero norms below its inverse) squares leave the range of float64."""


def floats(value: object, name: str, *, truth: bool = True, what: str = "real numbers in a rectangular array") -> Array:
    """Real numbers of any shape as float64.

    Masked arrays, text, dates and complex numbers are refused, and truth values too unless `truth`.
    """
    if _is_masked(value):
        raise InputTypeError(
            f"{name} is a masked array, and its mask would be lost; drop the masked rows, or fill them with .filled(…)"
        )
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(value)
            if array.dtype.kind == "O":
                array = np.array([_float(entry) for entry in array.ravel()], dtype=np.float64).reshape(array.shape)
            if array.dtype.kind not in ("biuf" if truth else "iuf"):
                raise TypeError(f"{array.dtype} is no type of real numbers")
            return np.asarray(array, dtype=np.float64)
    except OverflowError as error:
        raise InputError(f"{name} has an entry that is past the range of float64: got {brief(value)}") from error
    except FOREIGN as error:
        reason = " ".join(str(error).split())[:200]
        raise InputTypeError(f"{name} must be {what}; got {brief(value)}{f' ({reason})' if reason else ''}") from error


def _is_masked(value: object, levels: int = 3) -> bool:
    """Whether the value is a masked array, or a list that contains one."""
    if isinstance(value, list | tuple):
        return levels > 0 and any(_is_masked(entry, levels - 1) for entry in value)
    return isinstance(value, np.ma.MaskedArray)


def _float(entry: Any) -> float:
    """A number as a float; the text of a number and a date raise TypeError."""
    if isinstance(entry, str | bytes | bytearray | np.flexible | np.datetime64 | np.timedelta64) or np.ndim(entry):
        raise TypeError(f"{type(entry).__name__} is no real number")
    return float(entry)


def points(value: object, name: str, columns: int | None = None) -> Array:
    """Inputs: a finite float64 matrix of shape (n, N_0), with n and N_0 at least 1."""
    matrix = floats(value, name)
    if matrix.ndim != 2:
        raise InputError(f"{name} must have shape (n, N_0), one row per input; got shape {matrix.shape}")
    if 0 in matrix.shape:
        raise InputError(f"{name} must have at least one row and one column; got shape {matrix.shape}")
    if columns is not None and matrix.shape[1] != columns:
        raise InputError(f"{name} must have as many columns as X, {columns}; got {matrix.shape[1]}")
    bad = np.argwhere(~np.isfinite(matrix))
    if len(bad):
        i, j = bad[0]
        raise InputError(f"{name}[{i}, {j}] is {matrix[i, j]}; all entries must be finite")
    if np.abs(matrix).max() > LARGEST:
        raise InputError(f"{name} has an entry of size {np.abs(matrix).max():.3g}; rescale it below {LARGEST:g}")
    return matrix


def number(value: object, name: str, *, zero: bool) -> float:
    """A finite number, positive or (if `zero`) nonnegative."""
    array = floats(value, name, truth=False, what="a number")
    if array.ndim:
        raise InputTypeError(f"{name} must be a number, got {brief(value)}")
    out = float(array)
    if not np.isfinite(out) or out < 0 or (out == 0 and not zero):
        raise InputError(f"{name} must be finite and {'≥ 0' if zero else '> 0'}, got {out!r}")
    return out


def bias_scale(value: object, allowed: bool) -> float:
    """The scale β ≥ 0 of the biases; it must be 0 unless the network was derived with biases (`allowed`)."""
    beta = number(value, "bias", zero=True)
    if beta > LARGEST:
        raise InputError(f"bias must be at most {LARGEST:g}, since its square occurs; got {beta:g}")
    if beta and not allowed:
        raise InputError(
            f"this network was derived without biases, so bias must be 0, got {beta!r}; derive(…, bias=True)"
        )
    return beta


def langevin_prior(temperature: object, prior_variance: object, init_variance: object) -> LangevinPrior:
    """T ≥ 0, σ² > 0 and σ0² ≥ 0."""
    return LangevinPrior(
        number(temperature, "temperature", zero=True),
        number(prior_variance, "prior_variance", zero=False),
        number(init_variance, "init_variance", zero=True),
    )


def times(t: object, s: object) -> tuple[Array, Array]:
    """Pairs of times 0 ≤ s ≤ t, finite, broadcast to one shape."""
    both = []
    for value, name in ((t, "t"), (s, "s")):
        array = floats(value, name, truth=False, what="a time or an array of times")
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise InputError(
                f"{name} must be finite and ≥ 0, got {array[~(np.isfinite(array) & (array >= 0))].flat[0]}"
            )
        both.append(array)
    try:
        later, earlier = np.broadcast_arrays(*both)
    except ValueError as error:
        raise InputError(f"t and s must broadcast, got shapes {both[0].shape} and {both[1].shape}") from error
    require_memory(8 * later.size, f"a kernel at {later.size:,} pairs of times", "ask for fewer at a time")
    if np.any(earlier > later):
        at = tuple(int(i) for i in np.argwhere(earlier > later)[0])
        raise InputError(f"s must not exceed t, but s = {earlier[at]:g} > t = {later[at]:g}; swap them (and X, X2)")
    return later, earlier
