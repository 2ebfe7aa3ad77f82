"""`ndksym simulate`: networks of finite width in training, alone or compared with theory, as text, JSON, figure and arrays."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ndksym import simulation
from ndksym.cli.network import network_title
from ndksym.cli.times import parse_times
from ndksym.derivation import Derivation
from ndksym.dynamics import Run, checks
from ndksym.dynamics.tasks import Task
from ndksym.errors import InputError
from ndksym.output import draw, records
from ndksym.output.tables import Column, table
from ndksym.runtime.types import Array
from ndksym.simulation import DYNAMICS, Comparison, Quantity, Scan, Simulation, WidthSlope, width_scan
from ndksym.simulation.defaults import step_length
from ndksym.simulation.points import with_points

__all__ = ["SimulateOptions", "SimulateResult", "check", "simulate", "with_theory"]

_STEPS, _COUNT, _SPAN = 1000, 20, 3.0
"""Defaults: at most 1000 steps, 20 times, the last at most 3σ²/T."""


@dataclass(frozen=True)
class SimulateOptions:
    """Physics and ensemble; `width`, `scan` and `times` are the texts of these options, None means the default."""

    temperature: float
    prior_variance: float
    init_variance: float
    bias_scale: float
    dynamics: str
    reduction: str
    seed: int
    pairs: int
    width: str
    scan: str | None = None
    times: str | None = None
    strength: float | None = None
    step: float | None = None


@dataclass(frozen=True, eq=False)
class SimulateResult:
    """An ensemble of one width or of several; `run` and what follows are None or empty without a comparison."""

    options: SimulateOptions
    task: Task
    ensemble: Simulation | Scan
    run: Run | None = None
    comparison: Comparison | None = None
    slopes: tuple[tuple[str, WidthSlope], ...] = ()

    @property
    def simulations(self) -> tuple[Simulation, ...]:
        """One simulation for each width."""
        return self.ensemble.simulations if isinstance(self.ensemble, Scan) else (self.ensemble,)

    def document(self) -> dict[str, object]:
        """The JSON document."""
        out: dict[str, object] = {
            "task": self.task.name,
            "seed": self.options.seed,
            "physics": {name: value for name, value in asdict(self.options).items() if name not in ("times", "seed")},
            "simulations": [each.record() for each in self.simulations],
        }
        if isinstance(self.ensemble, Scan):
            out["extrapolated"] = records.document(self.ensemble.curves)
        if self.comparison is not None:
            out["comparison"] = self.comparison.record() | {"agrees": self.comparison.agrees()}
            out["slopes"] = records.document(dict(self.slopes))
        return out

    def plot(self, path: Path) -> None:
        """Write the simulated means with their errors on the curves of theory, and the numbers beside them."""
        run = self.run if self.run is not None else self.ensemble.theory(covariance=False)
        task = self.task
        if task.X_test is None:
            panel = run.panel(y_test=task.y, rows="training")
        else:
            panel = run.panel(y=task.y, y_test=task.y_test)
        panel = with_points(panel, self.ensemble, task.y if task.X_test is None else task.y_test)
        draw.write(panel, path, title=_title(self))

    def save(self, path: Path) -> None:
        """Write samples and estimates; of a scan, those of the largest width."""
        about = {"task": self.task.name, "version": version("ndksym"), "y": self.task.y, "y_test": self.task.y_test}
        self.simulations[-1].save(path, about)

    def text(self) -> str:
        """What was simulated, and its curves or the comparison with theory."""
        options, first = self.options, self.simulations[0]
        physics = first.physics
        lines = [
            _title(self),
            f"{options.dynamics}, T = {physics['temperature']:g}, σ² = {options.prior_variance:g}, "
            f"σ0² = {options.init_variance:g}, β = {options.bias_scale:g}, reduction {options.reduction}"
            + "".join(f", {name} = {physics[name]:g}" for name in ("step", "strength") if name in physics),
            f"{first.pairs} pairs of networks with labels ±y, seed {options.seed}",
            "",
        ]
        if self.comparison is None:
            return "\n".join([*lines, _table(self.ensemble)])
        if isinstance(self.ensemble, Scan):
            lines += [_scan_table(self), "", *_slope_lines(self.slopes), "", "extrapolated to infinite width:"]
        return "\n".join([*lines, str(self.comparison)])


def check(options: SimulateOptions) -> None:
    """Raise InputError, before any work, for what the simulation would refuse later."""
    if options.dynamics not in DYNAMICS:
        raise InputError(f"dynamics {options.dynamics!r} is not known; allowed are {', '.join(DYNAMICS)}")
    if options.dynamics == "mpl" and options.times is None:
        raise InputError("with --dynamics mpl the times count steps; say which, with --times")
    _widths(options.width, "--width")
    if options.scan is not None and len(_widths(options.scan, "--scan")) < 2:
        raise InputError(f"--scan wants two widths or more, such as 50,100,200; got {options.scan!r}")


def simulate(d: Derivation, task: Task, options: SimulateOptions, progress: Callable[[float], None]) -> SimulateResult:
    """Call `ndksym.simulate` or `width_scan` with the options of the command; errors are those of these functions."""
    h = _step(d, task, options)
    arguments: dict[str, Any] = {
        "temperature": options.temperature, "prior_variance": options.prior_variance, "init_variance": options.init_variance,
        "bias": options.bias_scale, "reduction": options.reduction, "times": _times(options, h), "step": h,
        "strength": options.strength, "pairs": options.pairs, "seed": options.seed, "dynamics": options.dynamics,
        "progress": progress, "depth": d.depth,
    }  # fmt: skip
    data = (list(d.activations), task.X, task.y, task.X_test)
    if options.scan is not None:
        return SimulateResult(options, task, width_scan(*data, widths=_widths(options.scan, "--scan"), **arguments))
    widths = _widths(options.width, "--width")
    width = widths[0] if len(widths) == 1 else widths
    return SimulateResult(options, task, simulation.simulate(*data, width=width, **arguments))


def with_theory(result: SimulateResult, progress: Callable[[float], None]) -> SimulateResult:
    """The result with the solution at infinite width, the comparison, and, for a scan, how the bias falls with width."""
    ensemble = result.ensemble
    run = ensemble.theory()
    progress(0.8)
    slopes: tuple[tuple[str, WidthSlope], ...] = ()
    if isinstance(ensemble, Scan):
        kinds: tuple[Quantity, ...] = ("mean", "var") if run.train_cov is not None else ("mean",)
        slopes = tuple((kind, ensemble.slope(run, kind)) for kind in kinds)
    return replace(result, run=run, comparison=ensemble.compare(run), slopes=slopes)


def _title(result: SimulateResult) -> str:
    widths = ", ".join("×".join(map(str, dict.fromkeys(each.widths))) for each in result.simulations)
    return f"{network_title(result.simulations[0].activations)}, width {widths}, {Path(result.task.name).name}"


def _table(ensemble: Simulation | Scan) -> str:
    """Mean and variance of the first output at the first test input, with standard errors."""
    both = ((ensemble.mean, ensemble.stderr), (ensemble.var, ensemble.var_stderr))
    first = [[rows.test[:, 0].reshape(len(ensemble.times), -1)[:, 0] for rows in pair] for pair in both]
    rows = [
        (f"{time:.4g}", *(f"{value[m]:.5f} ± {error[m]:.5f}" for value, error in first))
        for m, time in enumerate(ensemble.times)
    ]
    return table([Column("time"), Column("f(test 0)"), Column("variance")], rows)


def _scan_table(result: SimulateResult) -> str:
    """The largest |z| of each width."""
    assert result.run is not None
    rows = []
    for each in result.simulations:
        comparison = each.compare(result.run)
        parts = [comparison.mean] if comparison.var is None else [comparison.mean, comparison.var]
        rows.append([str(min(each.widths)), *(f"{part.worst:.2f}" for part in parts)])
    columns = ["width", "max |z| of the mean", "max |z| of the variance"]
    return table([Column(name) for name in columns[: len(rows[0])]], rows)


def _slope_lines(slopes: tuple[tuple[str, WidthSlope], ...]) -> list[str]:
    names = {"mean": "mean", "var": "variance"}
    return [
        f"slope of log |simulation − theory| of the {names[kind]} in log width: "
        + (f"{slope.value:.2f} ± {slope.error:.2f}" if slope.resolved else "not resolved, smaller than the noise")
        for kind, slope in slopes
    ]


def _widths(text: str, option: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{option} is a width such as 200, or several such as 100,200; got {text!r}") from error


def _step(d: Derivation, task: Task, options: SimulateOptions) -> float | None:
    """The length of --step, by default a quarter of the largest stable step, rounded down to one digit."""
    if options.step is not None or options.dynamics == "mpl":
        return options.step
    kernel = d.compile()
    zero = options.dynamics == "gradient"
    T = 0.0 if zero else options.temperature
    physics = checks.physics(kernel, T, options.prior_variance, options.init_variance, options.bias_scale, zero)
    return step_length(kernel, task.X, physics, checks.loss_scale(options.reduction, len(task.X)))


def _times(options: SimulateOptions, h: float | None) -> Array:
    """The times of --times, moved to multiples of the step; by default 20 of them, log-spaced."""
    if options.times is not None:
        times = parse_times(options.times)
        return times if h is None else h * np.unique(np.rint(times / h))
    assert h is not None
    last = _SPAN * options.prior_variance / options.temperature / h if options.dynamics == "langevin" else np.inf
    return h * np.unique(np.rint(np.geomspace(1, max(2.0, min(last, _STEPS)), _COUNT)))
