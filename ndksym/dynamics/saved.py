"""Results read back from the files that their `save` writes."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from ndksym.dynamics import archive
from ndksym.dynamics.problem import Posterior
from ndksym.dynamics.result import Drift, Run
from ndksym.errors import InputError

__all__ = ["plain", "read", "restored"]


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """The kind of the result in a file, and its values by attribute; inner records are dictionaries.

    Raises InputError if the file does not exist, is damaged, or holds no result. Nothing in it is executed or unpickled.
    """
    stored = archive.arrays(path, ("kind",), None, kinds="biufU")
    return str(stored.pop("kind")), _nested(stored)


def restored(kind: type[Run] | type[Drift], values: dict[str, Any], path: Path) -> Run | Drift:
    """The result with these values. Raises InputError if one is missing."""
    arguments: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in values:
            arguments[field.name] = _restored(field.name, values[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{path} is incomplete: it has no {field.name}, which a saved {kind.__name__} has")
    return kind(**arguments)


def _nested(stored: dict[str, Any]) -> dict[str, Any]:
    """Names joined by dots as dictionaries of dictionaries."""
    out: dict[str, Any] = {}
    for name, value in stored.items():
        *outer, last = name.split(".")
        place = out
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return out


def _restored(name: str, value: Any) -> Any:
    """An attribute of a result from its arrays."""
    if name == "equilibrium":
        return Posterior(**value)
    if isinstance(value, dict):
        return plain(value)
    return value.item() if value.ndim == 0 else value


def plain(value: Any) -> Any:
    """An array as a number, a text or a list of them; a dictionary of arrays as a dictionary of these."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return np.asarray(value).tolist()
