"""What the numeric surface accepts: every argument is checked once, here, and named in the error."""

from typing import Any

import numpy as np

from .errors import FOREIGN, InputError, InputTypeError, brief
from .memory import require_memory
from .types import Array

LARGEST = 1e150
"""Entries beyond this (or nonzero norms below its inverse) leave float64 as soon as they are squared."""


def floats(value: Any, name: str, *, truth: bool = True, what: str = "real numbers in a rectangular array") -> Array:
    """Real numbers as float64, of any shape; masked arrays, text, dates, complex numbers (and truth values) are refused."""
    if _masked(value):
        raise InputTypeError(
            f"{name} is a masked array, and its mask would be lost; drop the masked rows, or fill them with .filled(…)"
        )
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(value)
            if out.dtype.kind == "O":
                out = np.array([_float(entry) for entry in out.ravel()], dtype=np.float64).reshape(out.shape)
            if out.dtype.kind not in ("biuf" if truth else "iuf"):
                raise TypeError(f"{out.dtype} is no type of real numbers")
            return np.asarray(out, dtype=np.float64)
    except OverflowError as error:
        raise InputError(f"{name} has an entry that is past the range of float64: got {brief(value)}") from error
    except FOREIGN as error:
        said = " ".join(str(error).split())[:200]
        raise InputTypeError(f"{name} must be {what}; got {brief(value)}{f' ({said})' if said else ''}") from error


def _masked(value: Any, level: int = 3) -> bool:
    """Whether it is, or as a list holds, a masked array."""
    if isinstance(value, list | tuple):
        return level > 0 and any(_masked(entry, level - 1) for entry in value)
    return isinstance(value, np.ma.MaskedArray)


def _float(entry: Any) -> float:
    """What is a number and not the text or the date of one."""
    if isinstance(entry, str | bytes | bytearray | np.flexible | np.datetime64 | np.timedelta64) or np.ndim(entry):
        raise TypeError(f"{type(entry).__name__} is no real number")
    return float(entry)


def points(value: Any, name: str, columns: int | None = None) -> Array:
    """A finite float64 matrix (n, N_0), n and N_0 at least 1."""
    out = floats(value, name)
    if out.ndim != 2:
        raise InputError(f"{name} must have shape (n, N_0), one row per input; got shape {out.shape}")
    if 0 in out.shape:
        raise InputError(f"{name} must have at least one row and one column; got shape {out.shape}")
    if columns is not None and out.shape[1] != columns:
        raise InputError(f"{name} must have as many columns as X, {columns}; got {out.shape[1]}")
    bad = np.argwhere(~np.isfinite(out))
    if len(bad):
        i, j = bad[0]
        raise InputError(f"{name}[{i}, {j}] is {out[i, j]}; all entries must be finite")
    if np.abs(out).max() > LARGEST:
        raise InputError(f"{name} has an entry of size {np.abs(out).max():.3g}; rescale it below {LARGEST:g}")
    return out


def number(value: Any, name: str, *, zero: bool) -> float:
    """A finite float, positive or (if `zero`) nonnegative."""
    found = floats(value, name, truth=False, what="a number")
    if found.ndim:
        raise InputTypeError(f"{name} must be a number, got {brief(value)}")
    out = float(found)
    if not np.isfinite(out) or out < 0 or (out == 0 and not zero):
        raise InputError(f"{name} must be finite and {'≥ 0' if zero else '> 0'}, got {out!r}")
    return out


def bias_scale(value: Any, allowed: bool) -> float:
    """β ≥ 0; anything else than 0 only for a network derived with biases."""
    out = number(value, "bias", zero=True)
    if out > LARGEST:
        raise InputError(f"bias must be at most {LARGEST:g}, since its square occurs; got {out:g}")
    if out and not allowed:
        raise InputError(
            f"this network was derived without biases, so bias must be 0, got {out!r}; derive(…, bias=True)"
        )
    return out


def times(t: Any, s: Any) -> tuple[Array, Array]:
    """Broadcast 0 ≤ s ≤ t, all finite."""
    out = []
    for value, name in ((t, "t"), (s, "s")):
        array = floats(value, name, truth=False, what="a time or an array of times")
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise InputError(
                f"{name} must be finite and ≥ 0, got {array[~(np.isfinite(array) & (array >= 0))].flat[0]}"
            )
        out.append(array)
    try:
        later, earlier = np.broadcast_arrays(*out)
    except ValueError as error:
        raise InputError(f"t and s must broadcast, got shapes {out[0].shape} and {out[1].shape}") from error
    require_memory(8 * later.size, f"a kernel at {later.size:,} pairs of times", "ask for fewer at a time")
    if np.any(earlier > later):
        at = tuple(int(i) for i in np.argwhere(earlier > later)[0])
        raise InputError(f"s must not exceed t, but s = {earlier[at]:g} > t = {later[at]:g}; swap them (and X, X2)")
    return later, earlier
