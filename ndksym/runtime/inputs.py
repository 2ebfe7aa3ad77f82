"""What the numeric surface accepts: every argument is checked once, here, and named in the error."""

from typing import Any

import numpy as np

from ndksym.errors import InputError, InputTypeError
from ndksym.runtime.types import Array

LARGEST = 1e150
"""Entries beyond this (or nonzero norms below its inverse) leave float64 as soon as they are squared."""


def points(value: Any, name: str, columns: int | None = None) -> Array:
    """A finite float64 matrix (n, N_0), n and N_0 at least 1."""
    try:
        with np.errstate(over="ignore"):
            out = np.asarray(value)
            if out.dtype.kind == "c":
                raise InputTypeError(f"{name} must be real, got complex numbers")
            out = np.asarray(out, dtype=np.float64)
    except InputTypeError:
        raise
    except (ValueError, TypeError) as error:
        raise InputTypeError(
            f"{name} must be a rectangular array of numbers, one row per input; got {_what(value)}"
        ) from error
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
    try:
        if isinstance(value, (bool, np.bool_)) or np.ndim(value) != 0:
            raise TypeError
        out = float(value)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"{name} must be a number, got {_what(value)}") from error
    if not np.isfinite(out) or out < 0 or (out == 0 and not zero):
        raise InputError(f"{name} must be finite and {'≥ 0' if zero else '> 0'}, got {out!r}")
    return out


def bias_scale(value: Any, allowed: bool) -> float:
    """β ≥ 0; anything else than 0 only for a network derived with biases."""
    out = number(value, "bias", zero=True)
    if out and not allowed:
        raise InputError(
            f"this network was derived without biases, so bias must be 0, got {out!r}; derive(…, bias=True)"
        )
    return out


def times(t: Any, s: Any) -> tuple[Array, Array]:
    """Broadcast 0 ≤ s ≤ t, all finite."""
    out = []
    for value, name in ((t, "t"), (s, "s")):
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputTypeError(f"{name} must be a time or an array of times, got {_what(value)}") from error
        if not np.all(np.isfinite(array)) or np.any(array < 0):
            raise InputError(
                f"{name} must be finite and ≥ 0, got {array[~(np.isfinite(array) & (array >= 0))].flat[0]}"
            )
        out.append(array)
    try:
        later, earlier = np.broadcast_arrays(*out)
    except ValueError as error:
        raise InputError(f"t and s must broadcast, got shapes {out[0].shape} and {out[1].shape}") from error
    if np.any(earlier > later):
        at = tuple(int(i) for i in np.argwhere(earlier > later)[0])
        raise InputError(f"s must not exceed t, but s = {earlier[at]:g} > t = {later[at]:g}; swap them (and X, X2)")
    return later, earlier


def _what(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:57] + '…'}"
