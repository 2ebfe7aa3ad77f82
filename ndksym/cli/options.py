"""Arguments and options of the commands: names, units, defaults in words, help, and what the shell completes."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ndksym.cli import completion
from ndksym.codegen.backends import names
from ndksym.dynamics import methods

PHYSICS, ACCURACY, OUTPUT = "Physics", "Accuracy", "Output"
"""Panels of the help beside that of the network and the task."""


def _option(
    name: str,
    metavar: str,
    text: str,
    *,
    panel: str | None = None,
    default: str | None = None,
    words: Callable[[str], list[str]] | None = None,
    least: float | None = None,
) -> Any:  # what typer.Option itself returns
    """An option with a value; `default` describes a default that is computed, `words` completes the value."""
    return typer.Option(
        name, metavar=metavar, help=text, rich_help_panel=panel, show_default=True if default is None else default,
        autocompletion=words, min=least,
    )  # fmt: skip


def _flag(name: str, text: str, panel: str | None = None) -> Any:
    """An option without a value."""
    return typer.Option(name, help=text, rich_help_panel=panel)


def _timeout(default: str) -> Any:
    text = "Stop the work after this time, with exit code 5."
    return _option("--timeout", "SECONDS", text, default=default, least=0.1)


# of most commands
Networks = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK",
        help="An activation: a name ('ndksym list' shows them) or a formula in x; several are one hidden layer each.",
        autocompletion=completion.networks,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CASE|NETWORK",
        help="Cases of derivations/, names or formulas.",
        show_default="all cases",
        autocompletion=completion.cases_and_networks,
    ),
]
Depth = Annotated[int | None, _option("--depth", "L", "Number of hidden layers.", default="1")]
Bias = Annotated[bool, _flag("--bias", "Give every layer biases of scale β.")]
Timeout = Annotated[float | None, _timeout("1800")]
Json = Annotated[bool, _flag("--json", "Print one JSON document.", OUTPUT)]
Latex = Annotated[Path | None, _option("--latex", "FILE", "Also write the formulas as LaTeX.", panel=OUTPUT)]

# of derive, verify, generate, phases
NngpOnly = Annotated[bool, _flag("--nngp-only", "Derive the NNGP kernel alone; where φ jumps there is no other.")]
Expand = Annotated[bool, _flag("--expand", "Write nngp, ntk and ndk out at any depth.", OUTPUT)]
Code = Annotated[
    str | None,
    _option(
        "--code", "|".join(names()), "Print the generated code and nothing else.", panel=OUTPUT, words=completion.texts
    ),
]
ReportFile = Annotated[
    Path | None,
    _option("--report", "FILE.html", "Also write a page with figures; their numbers go to FILE.json.", panel=OUTPUT),
]
DeriveTimeout = Annotated[float | None, _timeout("60, with --report 600")]
Slow = Annotated[bool, _flag("--slow", "Take larger samples, and simulate networks of finite width.")]
Check = Annotated[bool, _flag("--check", "Write nothing; exit code 4 if a file is not what would be written.")]
OutFolder = Annotated[
    Path | None, _option("--out", "FOLDER", "Folder for the files.", default="generated/ of the repository")
]
Order = Annotated[int, _option("--order", "n", "Highest power of T.", least=0)]
PhasesTimeout = Annotated[float | None, _timeout("300")]

# of solve and simulate: the task
Data = Annotated[
    str,
    _option("--data", "TASK", "FILE.npz, orthogonal:P, digits:A,B or openml:NAME:A,B.", words=completion.tasks),
]
Train = Annotated[
    int | None,
    _option("--train", "P", "Number of training examples; the others are for testing.", default="80 % of images"),
]
Seed = Annotated[int, _option("--seed", "N", "Seed of all random numbers; the output states it.")]

# of solve and simulate: physics
Temperature = Annotated[float, _option("--temperature", "T", "Temperature of the Langevin noise.", panel=PHYSICS)]
PriorVariance = Annotated[float, _option("--prior-variance", "σ²", "Variance of the prior of weights.", panel=PHYSICS)]
InitVariance = Annotated[float, _option("--init-variance", "σ0²", "Variance of the initial weights.", panel=PHYSICS)]
BiasScale = Annotated[float, _option("--bias-scale", "β", "Scale of the biases; 0 means none.", panel=PHYSICS)]
_TIMES = "In units of 1/learning rate: start:stop:count, log-spaced, or a list such as 0.1,1,10"
Times = Annotated[
    str | None, _option("--times", "TIMES", f"{_TIMES}.", panel=PHYSICS, default="60 from 0.01 to 10σ²/T")
]
SimulateTimes = Annotated[
    str | None,
    _option(
        "--times", "TIMES", f"{_TIMES}; rounded to whole steps.", panel=PHYSICS, default="20 up to 3σ²/T or 1000 steps"
    ),
]
Method = Annotated[
    str,
    _option(
        "--method",
        "NAME",
        "\n\n".join(f"{name}: {methods.summary(name)}" for name in methods.names()),
        panel=PHYSICS,
        words=completion.methods,
    ),
]
Dynamics = Annotated[
    str,
    _option(
        "--dynamics",
        "NAME",
        "langevin, gradient (T = 0), mpl (Markov proximal learning).",
        panel=PHYSICS,
        words=completion.dynamics,
    ),
]
Strength = Annotated[
    float | None, _option("--strength", "λ", "Strength of mpl; the times then count steps.", panel=PHYSICS)
]
MethodOptions = Annotated[
    list[str] | None,
    _option(
        "--option", "NAME=VALUE", "A number that the method takes and that has no option of its own here; may be repeated.",
        panel=PHYSICS,
    ),
]  # fmt: skip
Step = Annotated[
    float | None,
    _option(
        "--step", "h", "Length of a step of discrete dynamics, in units of 1/learning rate.", panel=PHYSICS,
        default="continuous time",
    ),
]  # fmt: skip
SimulateStep = Annotated[
    float | None,
    _option(
        "--step", "h", "Length of a step, in units of 1/learning rate.", panel=PHYSICS,
        default="a quarter of the largest stable one",
    ),
]  # fmt: skip
Reduction = Annotated[
    str,
    _option(
        "--reduction",
        "sum|mean",
        "The loss is the sum or the mean of ½(y − f)² over examples.",
        panel=PHYSICS,
        words=completion.reductions,
    ),
]

# of solve and simulate: accuracy
Tolerance = Annotated[float, _option("--rtol", "ε", "Largest error of f, relative to the largest |y|.", panel=ACCURACY)]
Backend = Annotated[
    str | None,
    _option(
        "--backend",
        "NAME",
        "Language of the compiled kernel, one of those of 'ndksym derive --code' that can be run.",
        panel=ACCURACY,
        default="numpy",
        words=completion.backends,
    ),
]
Width = Annotated[str, _option("--width", "N[,N…]", "Width of all hidden layers, or one for each.", panel=ACCURACY)]
Pairs = Annotated[int, _option("--pairs", "N", "Pairs of networks with labels y and −y.", panel=ACCURACY)]
Scan = Annotated[
    str | None,
    _option("--scan", "N,N[,N…]", "Simulate several widths and extrapolate to infinite width.", panel=ACCURACY),
]
Compare = Annotated[bool, _flag("--compare", "Compare with theory; exit code 4 if they disagree.", ACCURACY)]

# of solve and simulate: output
Covariance = Annotated[bool, _flag("--covariance", "Also give the covariance over the ensemble.", OUTPUT)]
TwoTime = Annotated[bool, _flag("--two-time", "Give that covariance at all pairs of times.", OUTPUT)]
Figure = Annotated[
    Path | None,
    _option("--plot", "FILE", "Also draw the curves (.png, .svg, .pdf); their numbers go to a .json.", panel=OUTPUT),
]
Save = Annotated[Path | None, _option("--save", "FILE.npz", "Also save all arrays, for numpy.load.", panel=OUTPUT)]
