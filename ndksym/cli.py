"""The command line: stdout is the result, stderr the progress; exit codes 0 fine, 2 input, 3 not derivable, 4 check
failed, 5 out of time."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ndksym import files
from ndksym.errors import CheckFailedError, InputError, NdksymError
from ndksym.timebox import run_in_child

if TYPE_CHECKING:
    from ndksym.derivation import Derivation
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

ActivationArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="ACTIVATION…",
        help="Catalogue name or formula in x, such as 'gelu' or 'x*(1+erf(x/sqrt(2)))/2'; "
        "several give one hidden layer each.",
    ),
]
DepthOption = Annotated[int | None, typer.Option("--depth", help="Number of hidden layers.", show_default="1")]
BiasOption = Annotated[bool, typer.Option("--bias", help="With biases of scale β.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds before the work is stopped (exit code 5).")
]


def main() -> None:
    """Entry point; every error that is ours becomes one line and its exit code."""
    try:
        app()
    except NdksymError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; nothing was left half-written", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _complain(error: NdksymError) -> None:
    print(f"ndksym: {error}", file=sys.stderr)


@contextlib.contextmanager
def _progress(text: str) -> Iterator[None]:
    """A spinner on a terminal, one plain line otherwise; on stderr."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(text):
            yield
    else:
        print(text, file=sys.stderr, flush=True)
        yield


def _emit(document: dict[str, Any]) -> None:
    print(json.dumps({"schema": SCHEMA} | document, indent=2, ensure_ascii=False))


def _derive(activations: list[str], depth: int | None, bias: bool) -> "Derivation":
    from ndksym.derivation import derive

    if len(activations) == 1:
        return derive(activations[0], depth=1 if depth is None else depth, bias=bias)
    if depth is not None and depth != len(activations):
        raise InputError(f"{len(activations)} activations make depth {len(activations)}, but --depth says {depth}")
    return derive(activations, depth=len(activations), bias=bias)


@app.command("list")
def list_(json_: JsonOption = False) -> None:
    """The catalogue and the cases: closed form or not, and what the checks said."""
    from ndksym.listing import listing, table

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
    timeout: TimeoutOption = MINUTE,
) -> None:
    """Derive a network's kernels: dual kernel, recursion, NNGP, NTK, NDK, the steps, and a certificate."""
    if latex is not None:
        files.check_writable(latex)
    run_in_child(timeout)
    from ndksym import present

    with _progress(f"deriving {', '.join(activation)}"):
        d = _derive(activation, depth, bias)
        present.require_kernels(d, nngp_only)
    if code is not None:
        from ndksym import generation

        print(generation.source(" ".join(act.name for act in d.activations), d, code), end="")
        return
    with _progress("certifying"):
        certificate = d.verify(rungs=("exact", "precise", "oracle"), quick=True)
    if json_:
        _emit(present.document(d, certificate, expand=expand, nngp_only=nngp_only))
    else:
        print(present.text(d, certificate, expand=expand, nngp_only=nngp_only))
    if latex is not None:
        files.write_whole(latex, present.latex_document(d))
        print(f"wrote {latex}", file=sys.stderr)
    _judge([(", ".join(activation), certificate)])


@app.command()
def verify(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[CASE|ACTIVATION]…", help="Cases or activations; all cases if none.")
    ] = None,
    depth: DepthOption = None,
    bias: BiasOption = False,
    slow: Annotated[bool, typer.Option("--slow", help="Larger samples at every rung.")] = False,
    json_: JsonOption = False,
    timeout: TimeoutOption = 30 * MINUTE,
) -> None:
    """Climb the ladder: exact identities, 50 digits, certified balls, laws, backends."""
    run_in_child(timeout)
    from ndksym import present
    from ndksym.cases import cases
    from ndksym.verify import verify as climb

    found = {case.id: case for case in cases()}
    results: list[tuple[str, list[Evidence]]] = []
    for name in target or list(found):
        with _progress(f"verifying {name}"):
            if name in found and depth is None and not bias:
                evidence = climb(found[name].derivation, claims=found[name].claimed, slow=slow)
            else:
                evidence = climb(_derive([name], depth, bias), slow=slow)
        results.append((name, evidence))
        if not json_:
            print(present.ladder(name, evidence), flush=True)
    if json_:
        _emit({"results": [{"target": name, "evidence": [e.record() for e in evidence]} for name, evidence in results]})
    _judge(results)


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
    from ndksym import generation

    with _progress("generating"):
        report = generation.generate(case or [], out=out, depth=depth, bias=bias, check=check)
    if json_:
        _emit({"written": report.written, "unchanged": report.unchanged, "stale": report.stale})
    else:
        print(report)
    if check and report.stale:
        raise CheckFailedError(f"{len(report.stale)} generated files are stale; refresh them with: {report.command}")


def _judge(results: "list[tuple[str, list[Evidence]]]") -> None:
    failed = [f"{name}: {e.rung}: {e.claim}" for name, evidence in results for e in evidence if e.failed]
    if failed:
        raise CheckFailedError("failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
