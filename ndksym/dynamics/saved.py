"""`load`: results read back from the files that their `save` writes."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from ndksym.dynamics import archive
from ndksym.dynamics.problem import Posterior
from ndksym.dynamics.result import Drift, Run
from ndksym.errors import InputError

__all__ = ["load"]

_KINDS: dict[str, type[Run] | type[Drift]] = {"Run": Run, "Drift": Drift}


def load(path: str | Path) -> Run | Drift:
    """Read a result from the file that its `save` has written.

    Parameters
    ----------
    path : str or Path
        A .npz file written by `Run.save` or `Drift.save`.

    Returns
    -------
    Run or Drift
        The saved result, equal to the original.

    Raises
    ------
    InputError
        If the file does not exist, is damaged, or holds no such result.

    Notes
    -----
    Nothing in the file is executed or unpickled. What was saved as `about` is not part of the result; np.load reads it.

    Examples
    --------
    >>> import ndksym, tempfile, os
    >>> run = ndksym.solve("erf", [[1.0], [0.5]], [1.0, -1.0], times=[1.0], method="gradient")
    >>> path = os.path.join(tempfile.mkdtemp(), "run.npz")
    >>> run.save(path)
    >>> load(path) == run
    True
    """
    path = Path(path)
    stored = archive.arrays(path, ("kind",), None, kinds="biufU")
    kind = str(stored.pop("kind"))
    if kind not in _KINDS:
        raise InputError(f"{path} holds a {kind}; load reads {' and '.join(_KINDS)}")
    nested = _nested(stored)
    values: dict[str, Any] = {}
    for field in fields(_KINDS[kind]):
        if field.name in nested:
            values[field.name] = _restored(field.name, nested[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{path} is incomplete: it has no {field.name}, which a saved {kind} has")
    return _KINDS[kind](**values)


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
        return {key: _restored_setting(each) for key, each in value.items()}
    return value.item() if value.ndim == 0 else value


def _restored_setting(value: Any) -> Any:
    """A setting: a number, a text, or a list or dictionary of them."""
    if isinstance(value, dict):
        return {key: _restored_setting(each) for key, each in value.items()}
    return np.asarray(value).tolist()
