"""From the words of a command line to a network and a task."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ndksym.errors import InputError

if TYPE_CHECKING:
    from ndksym.derivation import Derivation
    from ndksym.dynamics.tasks import Task

__all__ = ["derive_network", "load_task", "network_title"]


def derive_network(activations: Sequence[str], depth: int | None, bias: bool) -> "Derivation":
    """The derivation of a network with one activation in all hidden layers, or with one for each.

    Raises InputError if --depth is not the number of several activations, and all that `ndksym.derive` raises.
    """
    from ndksym.derivation import derive
    from ndksym.output import progress

    with progress.spinner(f"deriving {', '.join(activations)}"):
        if len(activations) == 1:
            return derive(activations[0], depth=1 if depth is None else depth, bias=bias)
        if depth is not None and depth != len(activations):
            raise InputError(f"{len(activations)} activations make depth {len(activations)}, but --depth says {depth}")
        return derive(list(activations), depth=len(activations), bias=bias)


def load_task(data: str, train: int | None, seed: int) -> "Task":
    """The task that --data names, as `ndksym.dynamics.tasks.load` reads it."""
    from ndksym.dynamics import tasks
    from ndksym.output import progress

    with progress.spinner(f"reading {data}"):
        return tasks.load(data, train=train, seed=seed)


def network_title(activations: Sequence[str]) -> str:
    """The activations, once if all layers have the same, and the depth.

    >>> network_title(["relu", "relu"]), network_title(["relu", "erf"])
    ('relu, depth 2', 'relu, erf, depth 2')
    """
    names = activations if len(set(activations)) > 1 else activations[:1]
    return f"{', '.join(names)}, depth {len(activations)}"
