"""`ndksym solve`: the predictor of an infinitely wide network in time, as text, JSON, figure and arrays."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ndksym import dynamics
from ndksym.cli.network import network_title
from ndksym.cli.times import parse_times
from ndksym.codegen.backends import runnable_names
from ndksym.derivation import Derivation
from ndksym.dynamics import EarlyStop, Run, curves, methods
from ndksym.dynamics.tasks import Task
from ndksym.errors import InputError, brief
from ndksym.output import draw, records
from ndksym.output.tables import Column, table
from ndksym.runtime.arguments import choice
from ndksym.runtime.types import Array

__all__ = ["SolveOptions", "SolveResult", "check", "parse_options", "solve"]

_ROWS = 16
"""Rows of the table on stdout; --json and --save have all times."""


@dataclass(frozen=True)
class SolveOptions:
    """Physics and numerics; `times` is the text of --times, None means that the solver chooses."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias_scale: float
    method: str
    reduction: str
    rtol: float
    backend: str
    seed: int
    times: str | None = None
    strength: float | None = None
    step: float | None = None
    others: tuple[tuple[str, float], ...] = ()
    covariance: bool | str = False

    @property
    def given(self) -> dict[str, Any]:
        """The arguments of `ndksym.solve` that have no default here, if they were given."""
        optional = {
            "strength": self.strength,
            "step": self.step,
            **dict(self.others),
            "covariance": self.covariance or None,
        }
        return {name: value for name, value in optional.items() if value is not None}

    def record(self) -> dict[str, object]:
        """The options for a document that has times and seed elsewhere."""
        kept = {name: value for name, value in asdict(self).items() if name not in ("times", "seed", "others")}
        return kept | dict(self.others)


@dataclass(frozen=True, eq=False)
class SolveResult:
    """A run with its task and its mean squared errors at each time; `test_error` is None without test labels."""

    activations: tuple[str, ...]
    options: SolveOptions
    task: Task
    run: Run
    train_error: Array
    test_error: Array | None

    @property
    def early_stop(self) -> EarlyStop | None:
        """The time of the least test error."""
        return None if self.task.y_test is None else self.run.early_stopping(self.task.y_test)

    def document(self) -> dict[str, object]:
        """The JSON document; it has covariances only if they were asked for."""
        run = self.run.record()
        if not self.options.covariance:
            run["equilibrium"].pop("cov")
        return {
            "activations": list(self.activations),
            "depth": len(self.activations),
            "physics": self.options.record(),
            "seed": self.options.seed,
            "data": _task_record(self.task),
            "train_error": records.document(self.train_error),
            "test_error": records.document(self.test_error),
            "early_stopping": records.document(self.early_stop),
            "run": run,
        }

    def plot(self, path: Path) -> None:
        """Write the learning curves, and their numbers beside them."""
        task = self.task
        if task.X_test is None:
            panel = self.run.panel(y_test=task.y, rows="training")
        else:
            panel = self.run.panel(y=task.y, y_test=task.y_test)
        title = f"{network_title(self.activations)}, {Path(task.name).name}, T = {self.options.temperature:g}"
        draw.write(panel, path, title=title)

    def save(self, path: Path) -> None:
        """Write all arrays; options, labels, seed and version have names that begin with `about.`."""
        about = self.options.record() | _task_record(self.task)
        about |= {"seed": self.options.seed, "version": version("ndksym"), "activations": list(self.activations)}
        self.run.save(path, about | {"y": self.task.y, "y_test": self.task.y_test})

    def text(self) -> str:
        """What was solved, a table of at most _ROWS times, both limits, and the errors."""
        options, run, stop = self.options, self.run, self.early_stop
        given = "".join(f", {name} = {value:g}" for name, value in options.given.items() if name != "covariance")
        test = f"{len(run.test[0])} for testing" if self.task.X_test is not None else "none for testing"
        lines = [
            f"{network_title(self.activations)} on {self.task.name}: {len(self.task.X)} training inputs in "
            f"{self.task.X.shape[1]} dimensions, {test}",
            f"{options.method}, T = {options.temperature:g}, σ² = {options.prior_variance:g}, "
            f"σ0² = {options.init_variance:g}, β = {options.bias_scale:g}, reduction {options.reduction}{given}",
            "",
            _table(self, stop),
            "",
            f"NTK plateau         {_limit(self, run.ntk_plateau)}",
            f"NNGP equilibrium    {_limit(self, run.equilibrium.mean)}",
        ]
        if stop is not None:
            at_end = ", the last of the times" if stop.index == len(run.times) - 1 else ""
            lines.append(f"early stopping      t = {stop.time:.4g} ({stop.phase}{at_end}), test error {stop.error:.4g}")
        lines += [
            f"estimated error     at most {run.error.max():.1e} in f, at any time",
            f"seed                {options.seed}",
        ]
        return "\n".join(lines)


def parse_options(texts: list[str]) -> tuple[tuple[str, float], ...]:
    """Names and numbers of --option; InputError if a text is not name=value, or is an option of the command itself.

    >>> parse_options(["share=0.5"])
    (('share', 0.5),)
    """
    own = {each.name for each in fields(SolveOptions)}
    options: list[tuple[str, float]] = []
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"--option must be name=value with a number, got {brief(text)}") from None
        if not name.isidentifier() or name in own or name in dict(options):
            raise InputError(
                f"--option {brief(text)}: the name must be an option of the method, given once, without a flag"
            )
        options.append((name, number))
    return tuple(options)


def check(options: SolveOptions) -> None:
    """Raise InputError, before any work, for a method, a backend or times that the solver would refuse later."""
    methods.find(options.method)
    choice(options.backend, "backend", runnable_names())
    _times(options)


def solve(d: Derivation, task: Task, options: SolveOptions, progress: Callable[[float], None]) -> SolveResult:
    """Call `ndksym.solve` with the options of the command; errors are those of that function."""
    run = dynamics.solve(
        d.compile(options.backend), task.X, task.y, task.X_test,
        times=_times(options), temperature=options.temperature, prior_variance=options.prior_variance,
        init_variance=options.init_variance, bias=options.bias_scale, method=options.method, reduction=options.reduction,
        rtol=options.rtol, progress=progress, **options.given,
    )  # fmt: skip
    return SolveResult(
        activations=tuple(act.name for act in d.activations),
        options=options,
        task=task,
        run=run,
        train_error=curves.mse(run.train, task.y),
        test_error=None if task.y_test is None else curves.mse(run.test, task.y_test),
    )


def _times(options: SolveOptions) -> Array:
    """The times of --times; by default 60 from 1e-2 to 10σ²/T, or to 1e4 at T = 0."""
    if options.times is not None:
        return parse_times(options.times)
    if options.step is not None or options.method == "mpl":
        raise InputError(
            "with --step the times are multiples of it, with --method mpl they count steps; say which, with --times"
        )
    rate = options.temperature / options.prior_variance if options.prior_variance else np.nan
    last = 10 / rate if rate > 1e-300 else 1e4
    return np.geomspace(min(1e-2, last / 1e3), last, 60)


def _table(result: SolveResult, stop: EarlyStop | None) -> str:
    run = result.run
    columns: dict[str, Array] = {"train error": result.train_error}
    if result.test_error is not None:
        columns["test error"] = result.test_error
    if _has_few_predictors(result):
        columns |= {_predictor(k, run.test[0]): curve for k, curve in enumerate(run.test.reshape(len(run.times), -1).T)}
    chosen = set(np.linspace(0, len(run.times) - 1, _ROWS).astype(int).tolist()) | ({stop.index} if stop else set())
    rows = [
        [
            f"{run.times[k]:.4g}",
            "diffusive" if run.times[k] > run.boundary else "gradient-driven",
            *(f"{values[k]:.4g}" for values in columns.values()),
        ]
        for k in sorted(chosen)
    ]
    return table([Column("time"), Column("phase", text=True), *map(Column, columns)], rows)


def _has_few_predictors(result: SolveResult) -> bool:
    """Whether there are few enough test predictors to show each."""
    return result.task.X_test is not None and result.run.test[0].size <= curves.FEW


def _limit(result: SolveResult, values: Array) -> str:
    """Predictors and error at the plateau or at equilibrium."""
    task = result.task
    parts = []
    if _has_few_predictors(result):
        parts += [f"{_predictor(k, values)} = {value:.4g}" for k, value in enumerate(values.ravel())]
    if task.X_test is None:
        parts.append(f"train error {curves.mse(values[None], task.y)[0]:.4g}")
    elif task.y_test is not None:
        parts.append(f"test error {curves.mse(values[None], task.y_test)[0]:.4g}")
    return ", ".join(parts) or "in --json and --save"


def _predictor(number: int, values: Array) -> str:
    """f(test 0), or f(test 0)[1] for the second of several outputs."""
    row, output = divmod(number, int(np.prod(values.shape[1:])))
    return f"f(test {row})" + (f"[{output}]" if values.ndim > 1 else "")


def _task_record(task: Task) -> dict[str, object]:
    rows = 0 if task.X_test is None else len(task.X_test)
    return {"task": task.name, "inputs": len(task.X), "width": task.X.shape[1], "test_inputs": rows}
