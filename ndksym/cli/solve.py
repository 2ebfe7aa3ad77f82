"""What `ndksym solve` does and shows: options in, a run and its text, JSON document, figure and arrays out."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ndksym
from ndksym import dynamics
from ndksym.codegen.backends import runnable_names
from ndksym.derivation import Derivation
from ndksym.dynamics import METHODS, Run, curves
from ndksym.dynamics.tasks import Task
from ndksym.errors import InputError
from ndksym.output import draw, records
from ndksym.runtime.arguments import choice
from ndksym.runtime.types import Array

__all__ = ["Answer", "Options", "answer", "check", "document", "moments", "plot", "save", "text"]

_SHOWN = 16
"""Rows of the table on stdout; --json and --save have them all."""
_MOST = 100_000


@dataclass(frozen=True)
class Options:
    """The physics and numerics asked for; `times` as text, None where the solver's own default is meant."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias_scale: float
    method: str
    loss: str
    rtol: float
    backend: str
    seed: int
    times: str | None = None
    strength: float | None = None
    step: float | None = None
    covariance: bool | str = False

    @property
    def passed_on(self) -> dict[str, Any]:
        """What goes to `solve` only if it was given."""
        given = {"strength": self.strength, "step": self.step, "covariance": self.covariance or None}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, eq=False)
class Answer:
    """A run with what it is a run of; errors are mean squared ones at each time, of the test set where it is known."""

    activations: tuple[str, ...]
    options: Options
    task: Task
    run: Run
    train_error: Array
    test_error: Array | None

    @property
    def few(self) -> bool:
        """Few enough test predictors to show each."""
        return self.task.X_test is not None and self.run.test[0].size <= curves.FEW


def check(options: Options) -> None:
    """Refuse, before any work, what the solver would refuse after it."""
    if options.method not in METHODS:
        raise InputError(f"method {options.method!r} is not known; allowed are {', '.join(METHODS)}")
    choice(options.backend, "backend", runnable_names())
    moments(options)


def moments(options: Options) -> Array:
    """Times from start:stop:count (log-spaced) or a list; by default 60 of them from 1e-2 to 10σ²/T, or to 1e4 at T = 0.

    Errors: InputError says what is wrong with the text; that times must ascend is for the solver to say.
    """
    said = options.times
    if said is None:
        if "step" in options.passed_on or options.method == "mpl":
            raise InputError(
                "with --step the times are multiples of it, with --method mpl they count steps; say which, with --times"
            )
        rate = options.temperature / options.prior_variance if options.prior_variance else np.nan
        last = 10 / rate if rate > 1e-300 else 1e4
        return np.geomspace(min(1e-2, last / 1e3), last, 60)
    return spelled(said)


def spelled(said: str) -> Array:
    """Times from start:stop:count, log-spaced, or a list."""
    parts = [part.strip() for part in (said.split(":") if ":" in said else said.split(","))]
    try:
        numbers = np.array([float(part) for part in parts])
        if ":" not in said:
            return numbers
        start, stop = numbers[:2]
        count = int(parts[2])
    except (ValueError, IndexError) as error:
        raise InputError(
            f"--times is start:stop:count, such as 1e-2:1e4:60, or a list such as 0.1,1,10; got {said!r}"
        ) from error
    if len(parts) != 3 or not 0 < start < stop < np.inf or not 2 <= count <= _MOST:
        raise InputError(
            f"--times start:stop:count is log-spaced, so 0 < start < stop, and count is 2 to {_MOST}; got {said!r}"
        )
    return np.geomspace(start, stop, count)


def answer(d: Derivation, task: Task, options: Options, progress: Callable[[float], None]) -> Answer:
    """Solve; errors are those of `ndksym.solve`."""
    run = dynamics.solve(
        d.compile(options.backend), task.X, task.y, task.X_test,
        times=moments(options), temperature=options.temperature, prior_variance=options.prior_variance,
        init_variance=options.init_variance, bias=options.bias_scale, method=options.method, loss=options.loss,
        rtol=options.rtol, progress=progress, **options.passed_on,
    )  # fmt: skip
    test_error = None if task.y_test is None else curves.mse(run.test, task.y_test)
    return Answer(
        tuple(act.name for act in d.activations), options, task, run, curves.mse(run.train, task.y), test_error
    )


def document(found: Answer) -> dict[str, Any]:
    """The JSON document; covariances only if they were asked for."""
    run = found.run.record()
    if not found.options.covariance:
        run["equilibrium"].pop("cov")
    return {
        "activations": list(found.activations),
        "depth": len(found.activations),
        "physics": _physics(found.options),
        "seed": found.options.seed,
        "data": _about_data(found.task),
        "train_error": records.document(found.train_error),
        "test_error": records.document(found.test_error),
        "early_stopping": records.document(_stop(found)),
        "run": run,
    }


def plot(found: Answer, path: Path) -> None:
    """The figure, and its numbers beside it."""
    task = found.task
    if task.X_test is None:
        panel = curves.learning(found.run, y_test=task.y, rows="training")
    else:
        panel = curves.learning(found.run, y=task.y, y_test=task.y_test)
    draw.write(panel, path, title=f"{_network(found)}, {Path(task.name).name}, T = {found.options.temperature:g}")


def save(found: Answer, path: Path) -> None:
    """All arrays, with the physics, the labels and the seed as about.…"""
    about = (
        _physics(found.options) | _about_data(found.task) | {"seed": found.options.seed, "version": ndksym.__version__}
    )
    about |= {"activations": list(found.activations), "y": found.task.y, "y_test": found.task.y_test}
    found.run.save(path, about)


def text(found: Answer) -> str:
    """What was solved, a table of at most _SHOWN times, the limits, and how good it is."""
    options, run, stop = found.options, found.run, _stop(found)
    extra = "".join(f", {name} = {value:g}" for name, value in options.passed_on.items() if name != "covariance")
    test = f"{len(run.test[0])} for testing" if found.task.X_test is not None else "none for testing"
    lines = [
        f"{_network(found)} on {found.task.name}: {len(found.task.X)} training inputs in {found.task.X.shape[1]} "
        f"dimensions, {test}",
        f"{options.method}, T = {options.temperature:g}, σ² = {options.prior_variance:g}, σ0² = {options.init_variance:g}, "
        f"β = {options.bias_scale:g}, loss {options.loss}{extra}",
        "",
        *_table(found, stop),
        "",
        f"NTK plateau         {_limit(found, run.ntk_plateau)}",
        f"NNGP equilibrium    {_limit(found, run.equilibrium.mean)}",
    ]
    if stop is not None:
        at_end = ", the last of the times" if stop.index == len(run.times) - 1 else ""
        lines.append(f"early stopping      t = {stop.time:.4g} ({stop.phase}{at_end}), test error {stop.error:.4g}")
    lines += [
        f"estimated error     at most {run.error.max():.1e} in f, at any time",
        f"seed                {options.seed}",
    ]
    return "\n".join(lines)


def _table(found: Answer, stop: "dynamics.EarlyStop | None") -> list[str]:
    run = found.run
    columns: dict[str, Array] = {"train error": found.train_error}
    if found.test_error is not None:
        columns["test error"] = found.test_error
    if found.few:
        columns |= {_row_name(k, run.test[0]): curve for k, curve in enumerate(run.test.reshape(len(run.times), -1).T)}
    chosen = set(np.linspace(0, len(run.times) - 1, _SHOWN).astype(int).tolist()) | ({stop.index} if stop else set())
    lines = [f"{'time':>10}  {'phase':15}" + "".join(f"  {name:>12}" for name in columns)]
    for index in sorted(chosen):
        phase = "diffusive" if run.times[index] > run.boundary else "gradient-driven"
        cells = "".join(f"  {values[index]:>12.4g}" for values in columns.values())
        lines.append(f"{run.times[index]:>10.4g}  {phase:15}{cells}")
    return lines


def _limit(found: Answer, values: Array) -> str:
    said = []
    if found.few:
        said += [f"{_row_name(k, values)} = {value:.4g}" for k, value in enumerate(values.ravel())]
    if found.task.X_test is None:
        said.append(f"train error {curves.mse(values[None], found.task.y)[0]:.4g}")
    elif found.task.y_test is not None:
        said.append(f"test error {curves.mse(values[None], found.task.y_test)[0]:.4g}")
    return ", ".join(said) or "in --json and --save"


def _row_name(number: int, values: Array) -> str:
    """f(test 0), or f(test 0)[1] for the second of several outputs."""
    row, output = divmod(number, int(np.prod(values.shape[1:])))
    return f"f(test {row})" + (f"[{output}]" if values.ndim > 1 else "")


def _network(found: Answer) -> str:
    distinct = dict.fromkeys(found.activations)
    return f"{', '.join(found.activations if len(distinct) > 1 else distinct)}, depth {len(found.activations)}"


def _stop(found: Answer) -> "dynamics.EarlyStop | None":
    return None if found.task.y_test is None else found.run.early_stopping(found.task.y_test)


def _physics(options: Options) -> dict[str, Any]:
    """The options but for those that the document has elsewhere."""
    return {name: value for name, value in asdict(options).items() if name not in ("times", "seed")}


def _about_data(task: Task) -> dict[str, Any]:
    rows = 0 if task.X_test is None else len(task.X_test)
    return {"task": task.name, "inputs": len(task.X), "width": task.X.shape[1], "test_inputs": rows}
