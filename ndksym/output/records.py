"""Frozen records of numbers as JSON documents and as .npz files, which load without pickle."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ndksym.errors import InputError, InputTypeError
from ndksym.output import files

__all__ = ["arrays", "check_npz", "document", "same", "save"]


def document(value: object) -> Any:
    """A value as dictionaries, lists, numbers and text, for JSON; numbers that are not finite become None.

    >>> document(np.array([1.0, np.inf]))
    [1.0, None]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return document(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): document(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [document(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def arrays(value: Any, prefix: str = "") -> dict[str, Any]:
    """Each field as an array under its name, fields of an inner record as outer.inner; None is left out.

    Raises InputTypeError for a value that is no array of numbers, truth values or text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    out: dict[str, Any] = {}
    for name, entry in value.items():
        if dataclasses.is_dataclass(entry) or isinstance(entry, Mapping):
            out |= arrays(entry, f"{prefix}{name}.")
        elif entry is not None:
            out[f"{prefix}{name}"] = _plain(entry, f"{prefix}{name}")
    return out


def same(one: Any, other: Any) -> bool:
    """Whether two records, mappings, sequences or arrays have equal contents; NaN equals NaN.

    >>> same({"a": np.array([1.0, np.nan])}, {"a": np.array([1.0, np.nan])}), same([1], [2])
    (True, False)
    """
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [field.name for field in dataclasses.fields(one) if field.compare]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list | tuple):
        return isinstance(other, list | tuple) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")
    return bool(one == other)


def save(path: str | Path, value: Any, about: Mapping[str, Any]) -> None:
    """Write the arrays of a record, and the entries of `about` as about.NAME, to a .npz, whole or not at all.

    Raises InputError for another suffix or a folder that does not exist, InputTypeError as `arrays` does.
    """
    path = Path(path)
    check_npz(path)
    contents = arrays(value) | arrays(about, "about.")
    with files.whole(path) as stream:
        np.savez_compressed(stream, **contents)


def check_npz(path: Path) -> None:
    """Raise InputError if the path is not a writable .npz file."""
    if path.suffix != ".npz":
        raise InputError(f"arrays are saved as .npz, so the file must be called something.npz; got {path}")
    files.check_writable(path)


def _plain(entry: object, name: str) -> np.ndarray[Any, Any]:
    """The entry as an array that loads without pickle."""
    try:
        out = np.asarray(entry)
    except ValueError as error:
        raise InputTypeError(f"{name} is ragged and cannot be saved as an array") from error
    if out.dtype.kind not in "biufcUS":
        raise InputTypeError(f"{name} must be numbers, truth values or text to be saved, got {type(entry).__name__}")
    return out
