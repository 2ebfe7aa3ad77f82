"""From the words of a command line to a network and a task."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ndksym.errors import InputError, ParseError

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

    if len(activations) > 1 and depth not in (None, len(activations)):
        raise InputError(f"{len(activations)} activations make depth {len(activations)}, but --depth says {depth}")
    network = activations[0] if len(activations) == 1 else list(activations)
    with progress.spinner(f"deriving {', '.join(activations)}"):
        try:
            return derive(network, depth=depth, bias=bias)
        except ParseError:
            _refuse_cases(activations)
            raise


def _refuse_cases(activations: Sequence[str]) -> None:
    from ndksym.cases import case_names

    for name in activations:
        if name in case_names():
            raise InputError(
                f"{name} is a case, not an activation; try: ndksym verify {name}, or ndksym generate {name}"
            )


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
