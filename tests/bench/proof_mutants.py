"""Every mutant of the rules that emitted code is made of, and what compile() does with it.

Run: python -m tests.bench.proof_mutants [--files codegen/term_table.py,runtime/special.py,…] [--first 0] [--every 1]
Each mutant is put in place in a child process, where a sample of activations is compiled and evaluated. For each activation the code
is refused (an error, or quadrature instead), unchanged (numbers within 1e-10 of PQ of the right ones), or WRONG: used, and not right.
A child takes only the activations that call the mutated function.

2026-11-28, all 496: 377 refused for one activation at least, 119 without effect on any, none WRONG. Before closed forms were compared
at every pair one was: `row.pop(…) − number` in Table.add made the code of gabor cancel nearly everywhere, so hardly a pair was served.
"""

import argparse
import ast
import multiprocessing
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType

import numpy as np

import ndksym
from ndksym.codegen import compile as compiling
from ndksym.codegen import library
from ndksym.errors import NdksymError
from tests.mutation.mutants import Mutant, mutants, mutated

PACKAGE = Path(ndksym.__file__).parent
ALLOWED = 1e-10
TEXTS = (
    "relu", "relu3", "gelu", "hard_tanh", "elu", "Abs(Abs(x)-1)", "elu(x)+Max(0,x+1)", "sin(x)+x", "gabor", "erf(x+1/2)",
    "exp(x/3)*Heaviside(x+1/2)", "x*exp(-x**2)+cos(x)", "x**2*Heaviside(x-1)",
)  # fmt: skip
"""One for each kind of term: angles, arc-cosine kernels, edges, corners, scaled erfc and erfi, exponentials, distances."""
SECONDS = 180


def inputs() -> np.ndarray:
    """Rows of several norms, nearly parallel, opposite and orthogonal ones among them."""
    angles = np.array([0, 1e-5, 0.3, 1.2, np.pi / 2, 2.2, 3.0, np.pi - 1e-4])
    norms = np.array([1.0, 1.0, 0.4, 2.5, 1.3, 0.7, 1.0, 3.0])
    return np.sqrt(2) * norms[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


@cache
def derivation(text: str) -> ndksym.Derivation:
    """Derived once, before any mutant: none of the mutated files takes part."""
    return ndksym.derive(text)


def functions(file: str) -> dict[int, int]:
    """The line of each `def` (or of its first decorator) and the last line of its body; those inside another are left out."""
    found = {}
    for node in ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                found[min(d.lineno for d in (*each.decorator_list, each))] = each.end_lineno or each.lineno
    return found


def called(text: str, file: str) -> tuple[np.ndarray, set[int]]:
    """The right numbers of a text, and the lines at which the functions of the file that are called for it begin."""
    path, lines = str(PACKAGE / file), set()

    def trace(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code.co_filename == path:
            lines.add(frame.f_code.co_firstlineno)

    compiling._proved.cache_clear()
    sys.settrace(trace)
    try:
        closed, right = numbers(text, "c" if file.endswith(".h") else "numpy")
    finally:
        sys.settrace(None)
    assert closed, text
    return right, lines


def numbers(text: str, backend: str) -> tuple[bool, np.ndarray]:
    """Whether the closed form is used, and NNGP and NTK (where finite) relative to the root of their diagonals."""
    d = derivation(text)
    kernel, X = d.compile(backend), inputs()
    matrices = [kernel.nngp(X)] if d.diverges else [kernel.nngp(X), kernel.ntk(X)]
    roots = [np.sqrt(np.diag(each)) for each in matrices]
    return kernel.layers[0].closed, np.stack([K / np.outer(r, r) for K, r in zip(matrices, roots, strict=True)])


def put(mutant: Mutant) -> None:
    """Make the change in this process."""
    source = mutated(PACKAGE, mutant)
    compiling._proved.cache_clear()
    if mutant.file.endswith(".h"):
        library.files = lambda _: _Header(source)  # type: ignore[attr-defined]
        return
    module = sys.modules["ndksym." + mutant.file.removesuffix(".py").replace("/", ".")]
    before = dict(vars(module))
    exec(compile(source, module.__name__, "exec"), vars(module))
    changed = {id(old): vars(module)[name] for name, old in before.items() if callable(old)}
    for other in [m for name, m in sys.modules.items() if name.startswith("ndksym") and isinstance(m, ModuleType)]:
        for name, value in list(vars(other).items()):
            if id(value) in changed:
                setattr(other, name, changed[id(value)])


class _Header:
    """Stands for the package folder that holds the C header."""

    def __init__(self, text: str) -> None:
        self.text = text

    def joinpath(self, _: str) -> "_Header":
        return self

    def read_text(self, encoding: str) -> str:
        return self.text


def work(mutant: Mutant, right: dict[str, np.ndarray], backend: str, queue: multiprocessing.Queue) -> None:
    """Judge one mutant over all texts."""
    put(mutant)
    for text, expected in right.items():
        try:
            closed, got = numbers(text, backend)
        except NdksymError:
            queue.put((text, "refused"))
            continue
        except Exception as error:
            queue.put((text, f"raised {type(error).__name__}"))
            continue
        same = got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= ALLOWED))
        queue.put((text, "refused" if not closed else "unchanged" if same else "WRONG"))


def judge(mutant: Mutant, right: dict[str, np.ndarray], backend: str) -> dict[str, str]:
    """What became of each text; 'hung' where time ran out."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue = context.Queue()
    child = context.Process(target=work, args=(mutant, right, backend, queue))
    child.start()
    child.join(SECONDS)
    child.kill()
    found = {}
    while not queue.empty():
        text, what = queue.get()
        found[text] = what
    return {text: found.get(text, "hung") for text in right}


def main() -> None:
    """Print a line for each mutant that is not refused or without effect everywhere, and the counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", default="codegen/term_table.py,runtime/special.py,runtime/ndk_support.h")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    kinds: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for file in args.files.split(","):
        backend = "c" if file.endswith(".h") else "numpy"
        known = {text: called(text, file) for text in TEXTS}
        bodies = {} if file.endswith(".h") else functions(file)
        for mutant in [m for m in mutants(PACKAGE) if m.file == file][args.first :: args.every]:
            begin = time.monotonic()
            inside = [first for first, last in bodies.items() if first <= mutant.line <= last and not mutant.static]
            right = {text: K for text, (K, lines) in known.items() if lines.issuperset(inside)}
            found = judge(mutant, right, backend)
            pairs.update(found.values())
            words = set(found.values())
            kind = "WRONG" if "WRONG" in words else "unchanged" if words <= {"unchanged"} else "refused"
            kinds[kind] += 1
            wrong = [text for text, what in found.items() if what == "WRONG"]
            print(kind, f"{file}:{mutant.line}", mutant.operator, mutant.change[:70], *wrong, f"{time.monotonic() - begin:.0f} s",
                  sep=" | ", flush=True)  # fmt: skip
    print(f"mutants: {dict(kinds)}; mutant × activation: {dict(pairs)}")


if __name__ == "__main__":
    main()
