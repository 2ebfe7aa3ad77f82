"""`load`: results read back from the files that their `save` writes."""

from pathlib import Path
from typing import Any

from ndksym.dynamics import Drift, Run, saved
from ndksym.dynamics.checks import Data
from ndksym.errors import FOREIGN, InputError
from ndksym.kernels.network import network
from ndksym.simulation.samples import Simulation

__all__ = ["load"]


def load(path: str | Path) -> Run | Drift | Simulation:
    """Read a result from the file that its `save` has written.

    Parameters
    ----------
    path : str or Path
        A .npz file written by `Run.save`, `Drift.save` or `Simulation.save`.

    Returns
    -------
    Run, Drift or Simulation
        The saved result, equal to the original.

    Raises
    ------
    InputError
        If the file does not exist, is damaged, or holds no such result.

    Notes
    -----
    Nothing in the file is executed or unpickled; the network of a simulation is derived again from the names of its activations.
    What was saved as `about` is not part of the result; np.load reads it.

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
    kind, values = saved.read(path)
    if kind == "Simulation":
        return _simulation(values, path)
    kinds: dict[str, type[Run] | type[Drift]] = {"Run": Run, "Drift": Drift}
    if kind not in kinds:
        raise InputError(f"{path} holds a {kind}; load reads Run, Drift and Simulation")
    return saved.restored(kinds[kind], values, path)


def _simulation(values: dict[str, Any], path: Path) -> Simulation:
    try:
        data, times = values["data"], values["times"]
        X, rows = data["X"], data.get("rows")
        return Simulation(
            saved.plain(values["dynamics"]),
            network(saved.plain(values["activations"]), bias=saved.plain(values["biases"])),
            tuple(saved.plain(values["widths"])),
            times,
            values["samples"],
            len(X),
            int(saved.plain(values["seed"])),
            saved.plain(values["physics"]),
            Data(X, data["y"], X if rows is None else rows, times, saved.plain(data["flat"])),
            saved.plain(values["versions"]),
        )
    except FOREIGN as error:
        raise InputError(f"{path} holds no complete Simulation: {type(error).__name__} {error}") from error
