"""The commands. Stdout is the result, stderr the progress.

Exit codes: 0 fine, 2 wrong usage or input, 3 not derivable, 4 a check failed, 5 out of time, 130 interrupted. A command
checks what it can, starts a child process (`run_in_child`), and only then loads NumPy and SymPy.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from ndksym.cli import console, options
from ndksym.cli import derive as deriving
from ndksym.cli.network import derive_network, load_task
from ndksym.cli.timeout import run_in_child
from ndksym.errors import CheckFailedError
from ndksym.output import files, progress

if TYPE_CHECKING:
    from ndksym.verify import Evidence

Command = TypeVar("Command", bound=Callable[..., None])

SCHEMA = 1
MINUTE = 60.0
_DERIVE, _TRAIN, _CHECK = "Kernels", "Training", "Checks and code"

app = typer.Typer(
    name="ndksym",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'ndksym COMMAND --help' describes the options of a command.",
)


def main() -> None:
    """Run the command line; an error becomes one line on stderr and an exit code."""
    sys.exit(console.exit_code(lambda: app(prog_name="ndksym"), "ndksym"))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ndksym {installed_version('ndksym')}")
        raise typer.Exit


@app.callback()
def ndksym(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Derive, compile and verify the kernels of infinitely wide networks: dual kernels, NNGP, NTK, NDK."""


def _command(name: str, panel: str, summary: str, example: str) -> Callable[[Command], Command]:
    """A command with one line and an example in the list of commands, and the example below its own help."""
    return app.command(
        name, rich_help_panel=panel, short_help=f"{summary}\n$ ndksym {example}", epilog=f"Example: ndksym {example}"
    )


@_command("derive", _DERIVE, "Derive a network's kernels and certify them.", "derive gelu --depth 2 --bias")
def derive(
    activation: options.Networks,
    depth: options.Depth = None,
    bias: options.Bias = False,
    nngp_only: options.NngpOnly = False,
    json_: options.Json = False,
    expand: options.Expand = False,
    code: options.Code = None,
    latex: options.Latex = None,
    report: options.ReportFile = None,
    timeout: options.DeriveTimeout = None,
) -> None:
    """Derive a network's kernels: dual kernel, layer recursion, NNGP, NTK, NDK, all steps, and a certificate.

    The certificate lists the checks and their results; exit code 4 if one failed.
    """
    shown = deriving.DeriveOptions(expand=expand, nngp_only=nngp_only, code=code, latex=latex, report=report)
    deriving.check(shown)
    run_in_child(timeout, default=MINUTE if report is None else 10 * MINUTE)
    from ndksym.report import text

    d = derive_network(activation, depth, bias)
    text.require_kernels(d, nngp_only)
    if code is not None:
        print(deriving.generated_code(d, code), end="")
        return
    with progress.spinner("certifying"):
        certificate = d.verify(rungs=shown.rungs, quick=True)
    # files first: an error there leaves stdout empty
    if latex is not None:
        _write(latex, text.latex_document(d))
    deriving.report(d, certificate, shown, sys.argv[1:])
    if json_:
        _print_json(text.document(d, certificate, expand=expand, nngp_only=nngp_only))
    else:
        print(text.text(d, certificate, expand=expand, nngp_only=nngp_only))
    deriving.require_passed([(", ".join(activation), certificate)])


@_command("phases", _DERIVE, "Expand learning at low temperature.", "phases relu --order 2")
def phases(
    activation: options.Networks,
    depth: options.Depth = None,
    bias: options.Bias = False,
    order: options.Order = 2,
    json_: options.Json = False,
    latex: options.Latex = None,
    timeout: options.PhasesTimeout = None,
) -> None:
    """Expand learning in the temperature T: the gradient-driven phase, the diffusive phase, and their matching.

    Shows both expansions, their common terms, the time scales, and how the NTK plateau is left.
    """
    _check_writable(latex)
    run_in_child(timeout, default=5 * MINUTE)
    from ndksym.expansions import phases as expand
    from ndksym.kernels.latex import document

    d = derive_network(activation, depth, bias)
    with progress.spinner("expanding"):
        expansions = expand(d, order)
        shown = expansions.record() if json_ else str(expansions)
        written = None if latex is None else document(expansions.latex())
    if latex is not None and written is not None:
        _write(latex, written)
    if isinstance(shown, dict):
        _print_json(shown)
    else:
        print(shown)
    failed = [name for name, good in expansions.verdicts() if not good]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))


@_command("list", _DERIVE, "List the activations and the cases.", "list")
def list_(json_: options.Json = False) -> None:
    """List the activations and the cases: closed form or not, and the verdicts on their claims."""
    from ndksym.cli.list import listing

    shown = listing()
    if json_:
        _print_json(shown.document())
    else:
        print(shown.text())


@_command("solve", _TRAIN, "Solve for the mean predictor in time.", "solve relu --data orthogonal:4 --plot curves.png")
def solve(
    activation: options.Networks,
    data: options.Data,
    depth: options.Depth = None,
    train: options.Train = None,
    seed: options.Seed = 0,
    temperature: options.Temperature = 1e-3,
    prior_variance: options.PriorVariance = 1.0,
    init_variance: options.InitVariance = 1.0,
    bias_scale: options.BiasScale = 0.0,
    times: options.Times = None,
    method: options.Method = "langevin",
    strength: options.Strength = None,
    step: options.Step = None,
    option: options.MethodOptions = None,
    reduction: options.Reduction = "sum",
    rtol: options.Tolerance = 1e-6,
    backend: options.Backend = None,
    covariance: options.Covariance = False,
    two_time: options.TwoTime = False,
    json_: options.Json = False,
    figure: options.Figure = None,
    save: options.Save = None,
    timeout: options.Timeout = None,
) -> None:
    """Solve the dynamics of learning: the output of the infinitely wide network at each time of its training.

    TASK is FILE.npz with arrays X, y and, if any, X_test, y_test; or
    orthogonal:P, orthogonal inputs with labels ±1; or digits:A,B or
    openml:NAME:A,B, images of two classes. A class may be a group, as in
    digits:0+2,1+3. Options follow a comma: orthogonal:8,overlap=0.9,width=32.
    """
    _check_writable(figure, save)
    run_in_child(timeout, default=30 * MINUTE)
    from ndksym.cli import solve
    from ndksym.runtime.compiled import NUMPY

    chosen = solve.SolveOptions(
        temperature=temperature,
        prior_variance=prior_variance,
        init_variance=init_variance,
        bias_scale=bias_scale,
        method=method,
        reduction=reduction,
        rtol=rtol,
        backend=backend or NUMPY,
        seed=seed,
        times=times,
        strength=strength,
        step=step,
        others=solve.parse_options(option or []),
        covariance="two-time" if two_time else covariance,
    )
    solve.check(chosen)
    _check_formats(figure, save)
    with progress.plain_warnings():
        task = load_task(data, train, seed)
        d = derive_network(activation, depth, bias_scale != 0)
        with progress.bar("solving") as advance:
            result = solve.solve(d, task, chosen, advance)
    _deliver(result, figure, save, json_)


@_command(
    "simulate", _TRAIN, "Train networks of finite width.", "simulate erf --data orthogonal:2 --width 100 --compare"
)
def simulate(
    activation: options.Networks,
    data: options.Data,
    depth: options.Depth = None,
    train: options.Train = None,
    seed: options.Seed = 0,
    temperature: options.Temperature = 0.1,
    prior_variance: options.PriorVariance = 1.0,
    init_variance: options.InitVariance = 1.0,
    bias_scale: options.BiasScale = 0.0,
    times: options.SimulateTimes = None,
    dynamics: options.Dynamics = "langevin",
    strength: options.Strength = None,
    step: options.SimulateStep = None,
    reduction: options.Reduction = "sum",
    width: options.Width = "200",
    pairs: options.Pairs = 64,
    scan: options.Scan = None,
    compare: options.Compare = False,
    json_: options.Json = False,
    figure: options.Figure = None,
    save: options.Save = None,
    timeout: options.Timeout = None,
) -> None:
    """Train many networks of finite width, and compare them with theory.

    'ndksym solve --help' describes TASK.
    """
    _check_writable(figure, save)
    run_in_child(timeout, default=30 * MINUTE)
    from ndksym.cli import simulate

    chosen = simulate.SimulateOptions(
        temperature=temperature,
        prior_variance=prior_variance,
        init_variance=init_variance,
        bias_scale=bias_scale,
        dynamics=dynamics,
        reduction=reduction,
        seed=seed,
        pairs=pairs,
        width=width,
        scan=scan,
        times=times,
        strength=strength,
        step=step,
    )
    simulate.check(chosen)
    _check_formats(figure, save)
    with progress.plain_warnings():
        task = load_task(data, train, seed)
        d = derive_network(activation, depth, bias_scale != 0)
        with progress.bar("simulating") as advance:
            result = simulate.simulate(d, task, chosen, advance)
        if compare:
            with progress.bar("solving") as advance:
                result = simulate.with_theory(result, advance)
    _deliver(result, figure, save, json_)
    if result.comparison is not None and not result.comparison.agrees():
        raise CheckFailedError(
            "theory and simulation disagree; finite width may be the reason: try a larger --width, or --scan several widths"
        )


@_command("verify", _CHECK, "Check derivations, compiled code and simulations.", "verify relu --slow")
def verify(
    target: options.Targets = None,
    depth: options.Depth = None,
    bias: options.Bias = False,
    slow: options.Slow = False,
    json_: options.Json = False,
    timeout: options.Timeout = None,
) -> None:
    """Check networks by exact identities, values to tens of digits, certified balls, compiled code, laws and backends.

    With --slow also networks of finite width. Exit code 4 if a check fails.
    """
    run_in_child(timeout, default=30 * MINUTE)
    from ndksym.cases import cases
    from ndksym.report import text
    from ndksym.verify import verify as climb

    named = {case.id: case for case in cases()}
    results: list[tuple[str, list[Evidence]]] = []
    for name in target or list(named):
        case = named.get(name) if depth is None and not bias else None
        d = derive_network([name], depth, bias) if case is None else case.derivation
        with progress.spinner(f"verifying {name}"):
            evidence = climb(d, claims=() if case is None else case.claimed, slow=slow)
        results.append((name, evidence))
        if not json_:
            print(text.ladder(name, evidence), flush=True)
    if json_:
        _print_json(
            {"results": [{"target": name, "evidence": [e.record() for e in evidence]} for name, evidence in results]}
        )
    deriving.require_passed(results)


@_command("generate", _CHECK, "Write the generated code of a network.", "generate gelu --out gelu")
def generate(
    target: options.Targets = None,
    out: options.OutFolder = None,
    check: options.Check = False,
    depth: options.Depth = None,
    bias: options.Bias = False,
    json_: options.Json = False,
    timeout: options.Timeout = None,
) -> None:
    """Write generated code, a file for each language, and a record; a network needs --out."""
    run_in_child(timeout, default=30 * MINUTE)
    from ndksym.cli import generate

    with progress.spinner("generating"):
        generated = generate.generate(target or [], out=out, depth=depth, bias=bias, check=check)
    if json_:
        _print_json({"written": generated.written, "unchanged": generated.unchanged, "stale": generated.stale})
    else:
        print(generated)
    if check and generated.stale:
        raise CheckFailedError(
            f"{len(generated.stale)} generated files are stale; refresh them with: {generated.command}"
        )


class _Result(Protocol):
    """The result of `solve` or `simulate`."""

    def text(self) -> str: ...
    def document(self) -> dict[str, object]: ...
    def plot(self, path: Path) -> None: ...
    def save(self, path: Path) -> None: ...


def _deliver(result: _Result, figure: Path | None, save: Path | None, json_: bool) -> None:
    """Write files, then print: an error in writing leaves stdout empty."""
    for path, write in ((save, result.save), (figure, result.plot)):
        if path is not None:
            write(path)
            print(f"wrote {path}", file=sys.stderr)
    if json_:
        _print_json(result.document())
    else:
        print(result.text())


def _print_json(document: dict[str, object]) -> None:
    print(json.dumps({"schema": SCHEMA} | document, indent=2, ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    files.write_whole(path, text)
    print(f"wrote {path}", file=sys.stderr)


def _check_writable(*paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            files.check_writable(path)


def _check_formats(figure: Path | None, save: Path | None) -> None:
    from ndksym.output import draw, records

    if figure is not None:
        draw.check(figure)
    if save is not None:
        records.check_npz(save)


if __name__ == "__main__":
    main()
