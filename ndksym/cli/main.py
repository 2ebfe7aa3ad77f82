"""The command line: stdout is the result, stderr the progress; exit codes 0 fine, 2 input, 3 not derivable, 4 check
failed, 5 out of time."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ndksym.cli import console
from ndksym.cli import derive as deriving
from ndksym.cli.options import (
    ActivationArgument,
    BiasOption,
    BiasScaleOption,
    DataOption,
    DepthOption,
    FigureOption,
    InitOption,
    JsonOption,
    LossOption,
    PriorOption,
    SaveOption,
    SeedOption,
    StrengthOption,
    TemperatureOption,
    TimeoutOption,
    TrainOption,
)
from ndksym.cli.timeout import run_in_child
from ndksym.errors import CheckFailedError
from ndksym.output import files, progress

if TYPE_CHECKING:
    from ndksym.verify import Evidence

app = typer.Typer(
    name="ndksym",
    help="Derive, compile and verify the kernels of infinitely wide networks: dual kernels, NNGP, NTK, NDK.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SCHEMA = 1
MINUTE = 60.0


def main() -> None:
    """Entry point; whatever stops a command becomes one line and its exit code."""
    sys.exit(console.exit_code(app, "ndksym"))


def _emit(document: dict[str, Any]) -> None:
    print(json.dumps({"schema": SCHEMA} | document, indent=2, ensure_ascii=False))


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


def _deliver(by: Any, found: Any, figure: Path | None, save: Path | None, json_: bool) -> None:
    """Write and print an answer by its own module; files first: what fails there leaves stdout empty."""
    for path, write in ((save, by.save), (figure, by.plot)):
        if path is not None:
            write(found, path)
            print(f"wrote {path}", file=sys.stderr)
    if json_:
        _emit(by.document(found))
    else:
        print(by.text(found))


@app.command("list")
def list_(json_: JsonOption = False) -> None:
    """The catalogue and the cases: closed form or not, and what the checks said."""
    from ndksym.cli.list import listing, table

    rows = listing()
    if json_:
        _emit({"catalogue": rows.catalogue, "cases": rows.cases})
    else:
        print(table(rows))


@app.command()
def derive(
    activation: ActivationArgument,
    depth: DepthOption = None,
    bias: BiasOption = False,
    json_: JsonOption = False,
    expand: Annotated[bool, typer.Option("--expand", help="Write nngp, ntk and ndk out, however long.")] = False,
    nngp_only: Annotated[
        bool, typer.Option("--nngp-only", help="Stop at the NNGP kernel; discontinuous activations have no other.")
    ] = False,
    code: Annotated[
        str | None, typer.Option("--code", metavar="BACKEND", help="Print the generated code instead.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the derivation as LaTeX too.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE.html", help="A page with all of it and its figures; numbers beside it."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.1,
            help="Seconds before the work is stopped (exit code 5).",
            show_default="60, or 600 with --report",
        ),
    ] = None,
) -> None:
    """Derive a network's kernels: dual kernel, recursion, NNGP, NTK, NDK, the steps, and a certificate."""
    options = deriving.Options(expand, nngp_only, code, latex, report)
    deriving.check(options)
    run_in_child(timeout or (MINUTE if report is None else 10 * MINUTE))
    from ndksym.report import text

    with progress.spinner(f"deriving {', '.join(activation)}"):
        d = deriving.network(activation, depth, bias)
        text.require_kernels(d, nngp_only)
    if code is not None:
        print(deriving.source(d, code), end="")
        return
    with progress.spinner("certifying"):
        certificate = d.verify(rungs=options.rungs, quick=True)
    # files first: what fails there leaves stdout empty
    if latex is not None:
        files.write_whole(latex, text.latex_document(d))
        print(f"wrote {latex}", file=sys.stderr)
    deriving.report(d, certificate, options, sys.argv[1:])
    if json_:
        _emit(text.document(d, certificate, expand=expand, nngp_only=nngp_only))
    else:
        print(text.text(d, certificate, expand=expand, nngp_only=nngp_only))
    deriving.judge([(", ".join(activation), certificate)])


@app.command()
def verify(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[CASE|ACTIVATION]…", help="Cases or activations; all cases if none.")
    ] = None,
    depth: DepthOption = None,
    bias: BiasOption = False,
    slow: Annotated[
        bool, typer.Option("--slow", help="Larger samples at every rung, and networks of finite width.")
    ] = False,
    json_: JsonOption = False,
    timeout: TimeoutOption = 30 * MINUTE,
) -> None:
    """Climb the ladder: exact identities, 50 digits, certified balls, compiled code, laws, backends; with --slow, simulation."""
    run_in_child(timeout)
    from ndksym.cases import cases
    from ndksym.report import text
    from ndksym.verify import verify as climb

    found = {case.id: case for case in cases()}
    results: list[tuple[str, list[Evidence]]] = []
    for name in target or list(found):
        with progress.spinner(f"verifying {name}"):
            if name in found and depth is None and not bias:
                evidence = climb(found[name].derivation, claims=found[name].claimed, slow=slow)
            else:
                evidence = climb(deriving.network([name], depth, bias), slow=slow)
        results.append((name, evidence))
        if not json_:
            print(text.ladder(name, evidence), flush=True)
    if json_:
        _emit({"results": [{"target": name, "evidence": [e.record() for e in evidence]} for name, evidence in results]})
    deriving.judge(results)


@app.command()
def generate(
    case: Annotated[list[str] | None, typer.Argument(metavar="[CASE|ACTIVATION]…", help="All cases if none.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only compare with what is there; exit code 4 if it is stale.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to; generated/ beside the cases.")
    ] = None,
    depth: DepthOption = None,
    bias: BiasOption = False,
    json_: JsonOption = False,
    timeout: TimeoutOption = 30 * MINUTE,
) -> None:
    """Write the generated code of cases (or of any activation, with --out): NumPy, C, LaTeX, and a record."""
    run_in_child(timeout)
    from ndksym.cli import generate

    with progress.spinner("generating"):
        report = generate.generate(case or [], out=out, depth=depth, bias=bias, check=check)
    if json_:
        _emit({"written": report.written, "unchanged": report.unchanged, "stale": report.stale})
    else:
        print(report)
    if check and report.stale:
        raise CheckFailedError(f"{len(report.stale)} generated files are stale; refresh them with: {report.command}")


@app.command()
def solve(
    activation: ActivationArgument,
    source: DataOption,
    depth: DepthOption = None,
    bias_scale: BiasScaleOption = 0.0,
    temperature: TemperatureOption = 1e-3,
    prior_variance: PriorOption = 1.0,
    init_variance: InitOption = 1.0,
    times: Annotated[
        str | None,
        typer.Option(
            "--times",
            metavar="TIMES",
            help="start:stop:count, log-spaced, or a list such as 0.1,1,10.",
            show_default="60 from 1e-2 to 10σ²/T",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="langevin, gradient (linearised network), diffusive (T → 0) or mpl.")
    ] = "langevin",
    strength: StrengthOption = None,
    step: Annotated[
        float | None, typer.Option("--step", help="Euler–Langevin steps of this length instead of continuous time.")
    ] = None,
    covariance: Annotated[bool, typer.Option("--covariance", help="The covariance over the ensemble too.")] = False,
    two_time: Annotated[bool, typer.Option("--two-time", help="That covariance, at all pairs of times.")] = False,
    loss: LossOption = "sum",
    rtol: Annotated[float, typer.Option("--rtol", help="Accuracy asked for, of the largest |y|.")] = 1e-6,
    train: TrainOption = None,
    seed: SeedOption = 0,
    backend: Annotated[str, typer.Option("--backend", help="numpy or c.")] = "numpy",
    json_: JsonOption = False,
    figure: FigureOption = None,
    save: SaveOption = None,
    timeout: TimeoutOption = 30 * MINUTE,
) -> None:
    """Solve the dynamics of the predictor: what the infinitely wide network outputs as it is trained, at each time."""
    _check_writable(figure, save)
    run_in_child(timeout)
    from ndksym.cli import solve

    options = solve.Options(
        temperature, prior_variance, init_variance, bias_scale, method, loss, rtol, backend, seed, times, strength, step,
        "two-time" if two_time else covariance,
    )  # fmt: skip
    solve.check(options)
    _check_formats(figure, save)
    with progress.plain_warnings():
        task, d = deriving.asked(source, train, seed, activation, depth, bias_scale)
        with progress.bar("solving") as tell:
            found = solve.answer(d, task, options, tell)
    _deliver(solve, found, figure, save, json_)


@app.command()
def simulate(
    activation: ActivationArgument,
    source: DataOption,
    depth: DepthOption = None,
    width: Annotated[
        str, typer.Option("--width", metavar="N[,N…]", help="Width of the hidden layers, or one for each.")
    ] = "200",
    pairs: Annotated[int, typer.Option("--pairs", help="Pairs of networks with labels y and −y.")] = 64,
    scan: Annotated[
        str | None,
        typer.Option("--scan", metavar="N,N[,N…]", help="Several widths instead, extrapolated to infinite width."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="z-scores against theory; exit code 4 if they disagree.")
    ] = False,
    bias_scale: BiasScaleOption = 0.0,
    temperature: TemperatureOption = 0.1,
    prior_variance: PriorOption = 1.0,
    init_variance: InitOption = 1.0,
    times: Annotated[
        str | None,
        typer.Option(
            "--times",
            metavar="TIMES",
            help="start:stop:count, log-spaced, or a list such as 0.1,1,10; moved to whole steps.",
            show_default="20 up to 3σ²/T, or 1000 steps",
        ),
    ] = None,
    dynamics: Annotated[str, typer.Option("--dynamics", help="langevin, gradient (T = 0) or mpl.")] = "langevin",
    strength: StrengthOption = None,
    step: Annotated[
        float | None,
        typer.Option("--step", help="Length of a step.", show_default="a quarter of the largest stable one"),
    ] = None,
    loss: LossOption = "sum",
    train: TrainOption = None,
    seed: SeedOption = 0,
    json_: JsonOption = False,
    figure: FigureOption = None,
    save: SaveOption = None,
    timeout: TimeoutOption = 30 * MINUTE,
) -> None:
    """Train networks of finite width, many of them, and hold theory against them."""
    _check_writable(figure, save)
    run_in_child(timeout)
    from ndksym.cli import simulate

    options = simulate.Options(
        temperature, prior_variance, init_variance, bias_scale, dynamics, loss, seed, pairs, width, scan, times, strength, step,
    )  # fmt: skip
    simulate.check(options)
    _check_formats(figure, save)
    with progress.plain_warnings():
        task, d = deriving.asked(source, train, seed, activation, depth, bias_scale)
        with progress.bar("simulating") as tell:
            found = simulate.answer(d, task, options, tell)
        if compare:
            with progress.bar("solving") as tell:
                found = simulate.theory(found, tell)
    _deliver(simulate, found, figure, save, json_)
    if found.comparison is not None and not found.comparison.agrees():
        raise CheckFailedError(
            "theory and simulation disagree; finite width may be why: try a larger --width, or --scan several of them"
        )


@app.command()
def phases(
    activation: ActivationArgument,
    depth: DepthOption = None,
    bias: BiasOption = False,
    order: Annotated[int, typer.Option("--order", min=0, help="Highest power of T.")] = 2,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the expansions as LaTeX too.")
    ] = None,
    json_: JsonOption = False,
    timeout: TimeoutOption = 5 * MINUTE,
) -> None:
    """Expand learning in the temperature: gradient-driven and diffusive phase, what they share, time scales and shape."""
    _check_writable(latex)
    run_in_child(timeout)
    from ndksym.expansions import phases as expand
    from ndksym.kernels.latex import document

    with progress.spinner(f"deriving {', '.join(activation)}"):
        d = deriving.network(activation, depth, bias)
    with progress.spinner("expanding"):
        found = expand(d, order)
        shown = found.record() if json_ else str(found)
        written = None if latex is None else document(found.latex())
    if latex is not None and written is not None:
        files.write_whole(latex, written)
        print(f"wrote {latex}", file=sys.stderr)
    if isinstance(shown, dict):
        _emit(shown)
    else:
        print(shown)
    failed = [name for name, holds in found.verdicts() if not holds]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
