"""What `ndksym simulate` does and shows: options in, an ensemble of networks and, beside it, theory, as text, JSON, figure."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ndksym
from ndksym.cli import solve
from ndksym.derivation import Derivation
from ndksym.dynamics import checks as physical
from ndksym.dynamics.tasks import Task
from ndksym.errors import InputError
from ndksym.output import draw, records
from ndksym.runtime.types import Array
from ndksym.simulation import DYNAMICS, Comparison, Quantity, Scan, Simulation, WidthSlope, simulate, width_scan
from ndksym.simulation.defaults import step_length
from ndksym.simulation.points import with_points

__all__ = ["Answer", "Options", "answer", "check", "document", "plot", "save", "text", "theory"]

_STEPS, _COUNT, _SPAN = 1000, 20, 3.0
"""By default at most so many steps, so many times, and up to so many σ²/T."""


@dataclass(frozen=True)
class Options:
    """The physics and the ensemble asked for; `width`, `scan` and `times` as text, None where a default is meant."""

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

    @property
    def physics(self) -> dict[str, Any]:
        """What `simulate` and `solve` both take."""
        return {
            "temperature": self.temperature, "prior_variance": self.prior_variance, "init_variance": self.init_variance,
            "bias": self.bias_scale, "reduction": self.reduction,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Answer:
    """An ensemble, with what theory says of it where that was asked for."""

    options: Options
    task: Task
    found: Simulation | Scan
    run: Any = None
    comparison: Comparison | None = None
    slopes: tuple[tuple[str, WidthSlope], ...] = ()

    @property
    def each(self) -> tuple[Simulation, ...]:
        """The simulations, by width."""
        return self.found.simulations if isinstance(self.found, Scan) else (self.found,)


def check(options: Options) -> None:
    """Refuse, before any work, what would be refused after it."""
    if options.dynamics not in DYNAMICS:
        raise InputError(f"dynamics {options.dynamics!r} is not known; allowed are {', '.join(DYNAMICS)}")
    if options.dynamics == "mpl" and options.times is None:
        raise InputError("with --dynamics mpl the times count steps; say which, with --times")
    _widths(options.width, "--width")
    if options.scan is not None and len(_widths(options.scan, "--scan")) < 2:
        raise InputError(f"--scan wants two widths or more, such as 50,100,200; got {options.scan!r}")


def answer(d: Derivation, task: Task, options: Options, progress: Callable[[float], None]) -> Answer:
    """Simulate; errors are those of `ndksym.simulate`."""
    h = _step(d, task, options)
    known: dict[str, Any] = {
        **options.physics, "times": _times(options, h), "step": h, "strength": options.strength, "pairs": options.pairs,
        "seed": options.seed, "dynamics": options.dynamics, "progress": progress, "depth": d.depth,
    }  # fmt: skip
    args = (list(d.activations), task.X, task.y, task.X_test)
    found: Simulation | Scan
    if options.scan is not None:
        found = width_scan(*args, widths=_widths(options.scan, "--scan"), **known)
    else:
        widths = _widths(options.width, "--width")
        found = simulate(*args, width=widths[0] if len(widths) == 1 else widths, **known)
    return Answer(options, task, found)


def theory(of: Answer, progress: Callable[[float], None]) -> Answer:
    """The same, held against theory."""
    run = of.found.theory()
    progress(0.8)
    slopes: tuple[tuple[str, WidthSlope], ...] = ()
    if isinstance(of.found, Scan):
        kinds: tuple[Quantity, ...] = ("mean", "var") if run.train_cov is not None else ("mean",)
        slopes = tuple((kind, of.found.slope(run, kind)) for kind in kinds)
    return Answer(of.options, of.task, of.found, run, of.found.compare(run), slopes)


def document(of: Answer) -> dict[str, Any]:
    """The JSON document."""
    out = {
        "task": of.task.name,
        "seed": of.options.seed,
        "physics": {name: value for name, value in asdict(of.options).items() if name not in ("times", "seed")},
        "simulations": [each.record() for each in of.each],
    }
    if isinstance(of.found, Scan):
        out["extrapolated"] = records.document(of.found.curves)
    if of.comparison is not None:
        out["comparison"] = of.comparison.record() | {"agrees": of.comparison.agrees()}
        out["slopes"] = records.document(dict(of.slopes))
    return out


def plot(of: Answer, path: Path) -> None:
    """Simulated means with their errors, on the curves of theory where there are any; numbers beside it."""
    run = of.run if of.run is not None else of.found.theory(covariance=False)
    task = of.task
    if task.X_test is None:
        panel = run.panel(y_test=task.y, rows="training")
    else:
        panel = run.panel(y=task.y, y_test=task.y_test)
    panel = with_points(panel, of.found, task.y if task.X_test is None else task.y_test)
    draw.write(panel, path, title=_title(of))


def save(of: Answer, path: Path) -> None:
    """Samples and estimates; of a scan, those of its widest."""
    about = {"task": of.task.name, "version": ndksym.__version__, "y": of.task.y, "y_test": of.task.y_test}
    of.each[-1].save(path, about)


def text(of: Answer) -> str:
    """What was simulated, its curves or the comparison, and how the finite width shows."""
    options, one = of.options, of.each[0]
    physics = one.physics
    lines = [
        _title(of),
        f"{options.dynamics}, T = {physics['temperature']:g}, σ² = {options.prior_variance:g}, σ0² = {options.init_variance:g}, "
        f"β = {options.bias_scale:g}, reduction {options.reduction}"
        + "".join(f", {name} = {physics[name]:g}" for name in ("step", "strength") if name in physics),
        f"{one.pairs} pairs of networks with labels ±y, seed {options.seed}",
        "",
    ]
    if of.comparison is None:
        return "\n".join([*lines, *_table(of.found)])
    if isinstance(of.found, Scan):
        for each in of.each:
            compared = each.compare(of.run)
            worst = [part.worst for part in (compared.mean, compared.var) if part is not None]
            lines.append(f"width {min(each.widths):>6}: max |z| = {', '.join(f'{z:.2f}' for z in worst)}")
        for kind, slope in of.slopes:
            said = (
                f"{slope.value:.2f} ± {slope.error:.2f}" if slope.resolved else "not resolved: it drowns in the noise"
            )
            lines.append(f"slope in width of what is left of the {kind}: {said}")
        lines += ["", "extrapolated to infinite width:"]
    return "\n".join([*lines, str(of.comparison)])


def _title(of: Answer) -> str:
    names = list(dict.fromkeys(of.each[0].activations))
    widths = ", ".join("×".join(map(str, dict.fromkeys(each.widths))) for each in of.each)
    return f"{', '.join(names)}, depth {len(of.each[0].activations)}, width {widths}, {Path(of.task.name).name}"


def _table(found: Simulation | Scan) -> list[str]:
    mean, stderr, var, spread = (each.test[:, 0] for each in (found.mean, found.stderr, found.var, found.var_stderr))
    lines = [f"{'time':>10}  {'f(test 0)':>21}  {'variance':>21}"]
    for m, time in enumerate(found.times):
        cells = [
            f"{float(np.ravel(a[m])[0]):.5f} ± {float(np.ravel(b[m])[0]):.5f}"
            for a, b in ((mean, stderr), (var, spread))
        ]
        lines.append(f"{time:>10.4g}  {cells[0]:>21}  {cells[1]:>21}")
    return lines


def _widths(said: str, option: str) -> list[int]:
    try:
        return [int(part) for part in said.split(",")]
    except ValueError as error:
        raise InputError(f"{option} is a width such as 200, or several such as 100,200; got {said!r}") from error


def _step(d: Derivation, task: Task, options: Options) -> float | None:
    """What was asked for, or a quarter of the largest stable step, rounded down to one digit."""
    if options.step is not None or options.dynamics == "mpl":
        return options.step
    kernel = d.compile()
    zero = options.dynamics == "gradient"
    T = 0.0 if zero else options.temperature
    physics = physical.physics(kernel, T, options.prior_variance, options.init_variance, options.bias_scale, zero)
    scale = physical.loss_scale(options.reduction, len(task.X))
    return step_length(kernel, task.X, physics, scale)


def _times(options: Options, h: float | None) -> Array:
    """The times asked for, moved to whole steps; by default 20 of them, log-spaced."""
    if options.times is not None:
        asked = solve.spelled(options.times)
        return asked if h is None else h * np.unique(np.rint(asked / h))
    assert h is not None
    last = _SPAN * options.prior_variance / options.temperature / h if options.dynamics == "langevin" else np.inf
    return h * np.unique(np.rint(np.geomspace(1, max(2.0, min(last, _STEPS)), _COUNT)))
