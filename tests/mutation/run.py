"""Run the mutants and print what became of them: python -m tests.mutation.run [--only PATTERN] [--list].

First every test file runs once on a copy whose formulas report when they are evaluated; a mutant is then judged by the
tests that evaluate its place, the ones that kill its neighbours and the quick ones first. Tests that fail without any
mutant judge nothing.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation import worker
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import TARGETS, Mutant, instrumented, mutants, mutated

ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 40.0
"""Tests longer than this (processor seconds) are no judges."""
QUICK, THOROUGH = 60.0, 240.0
"""Processor seconds that the tests of one mutant may add up to, at first and where it survives that."""
WALL = 1800.0
FIRST = 12


@dataclass
class Suite:
    """What each test takes and which places it evaluates."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    broken: list[str] = field(default_factory=list)

    def add(self, counted: dict[str, tuple[float, bool, list[str]]]) -> None:
        """Take in one test file."""
        for name, (seconds, passed, places) in counted.items():
            if not passed:
                self.broken.append(name)
                continue
            self.seconds[name] = seconds
            for place in places:
                self.tests_of[place].add(name)
                self.tests_of[place.partition(":")[0]].add(name)

    def judges(self, mutant: Mutant, kills: Counter[tuple[str, str]], wide: bool = False) -> dict[str, float]:
        """Tests that evaluate a mutant, the most promising first, up to some total time."""

        def cost(name: str) -> tuple[float, str]:
            return (self.seconds[name] + 0.02) / (1 + kills[mutant.file, name]), name

        names = self.tests_of.get(mutant.file if mutant.static else mutant.place, set())
        order = sorted(names, key=cost)
        if order and wide:  # what one test evaluates another may find remembered
            order += sorted(self.tests_of[mutant.file] - names, key=cost)
        chosen: dict[str, float] = {}
        left = THOROUGH if wide else QUICK
        for name in order:
            if self.seconds[name] <= min(SLOWEST, left):
                chosen[name] = self.seconds[name]
                left -= self.seconds[name]
        return chosen


@dataclass
class Outcome:
    """killed, timeout, survived, unreached, or equivalent."""

    mutant: Mutant
    kind: str
    by: str = ""


def copy_tree(folder: Path) -> None:
    """What the tests need of the repository, at a place of its own."""
    folder.mkdir(exist_ok=True)
    for name in ("ndksym", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("mutation", ".mypy_cache"))
    for path in ROOT.iterdir():
        if path.name not in ("ndksym", "tests", ".git") and not path.name.endswith("_cache"):
            (folder / path.name).symlink_to(path)


def write(path: Path, text: str) -> None:
    """Replace a module, and its compiled form."""
    path.write_text(text, encoding="utf-8")
    for old in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        old.unlink()


def _digest(paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:20]


def counted(cache: Path, environment: dict[str, str], files: list[Path], jobs: int) -> Suite:
    """The suite, each file run once on an instrumented copy; remembered while nothing changes."""
    suite, package = Suite(), ROOT / "ndksym"
    sources = [p for p in package.rglob("*") if p.suffix in (".py", ".h")]
    helpers = [p for p in (ROOT / "tests").glob("*.py") if not p.name.startswith("test_")]
    base = _digest([*sources, *helpers, Path(__file__).with_name("mutants.py"), Path(worker.__file__)])
    known = {file: cache / f"{file.parent.name}-{file.stem}-{base}-{_digest([file])}.json" for file in files}
    todo = [file for file in reversed(files) if not known[file].exists()]
    running: dict[int, tuple[Path, worker.Child]] = {}
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        if todo:
            _instrument(Path(name))
        while todo or running:
            while todo and len(running) < jobs:
                file = todo.pop()
                folder = Path(name) / f"{file.parent.name}-{file.stem}"
                shutil.copytree(Path(name) / "tree", folder, symlinks=True)
                child = worker.Child(folder, worker.count(file.relative_to(ROOT).as_posix()), environment)
                running[child.pid] = file, child
            pid, status = os.wait()
            file, child = running.pop(pid)
            log = (child.folder / "log").read_text(errors="replace").strip()
            print(
                f"  {file.name}: {time.monotonic() - child.begin:.0f} s  {log[-80:].splitlines()[-1:]}", file=sys.stderr
            )
            if status or not child.result.exists():
                print(log[-2000:], file=sys.stderr)
                known.pop(file)
            else:
                shutil.copy(child.result, known[file])
    for path in known.values():
        suite.add(json.loads(path.read_text()))
    return suite


def _instrument(folder: Path) -> None:
    """A copy of the repository that counts, to be copied for each test file."""
    package = ROOT / "ndksym"
    copy_tree(folder / "tree")
    for target in TARGETS:
        if target.endswith(".py"):
            write(folder / "tree" / "ndksym" / target, instrumented(package, target))
    library = folder / "tree" / "ndksym" / "codegen" / "library.py"
    mark = '__evaluated__("runtime/ndk_support.h:*"); compiler = _compiler()'
    write(library, library.read_text(encoding="utf-8").replace("compiler = _compiler()", mark))


class Trial:
    """One mutant in its own tree, judged batch by batch."""

    def __init__(self, mutant: Mutant, judges: dict[str, float], environment: dict[str, str]) -> None:
        self.mutant, self.environment = mutant, environment
        self.folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        copy_tree(self.folder)
        write(self.folder / "ndksym" / mutant.file, mutated(ROOT / "ndksym", mutant))
        self.todo = list(worker.batches(judges, FIRST))
        self._next()

    def _next(self) -> None:
        self.child = worker.Child(self.folder, worker.judge(self.todo.pop(0)), self.environment)

    def poll(self) -> Outcome | None:
        """The outcome, once there is one."""
        status = self.child.poll()
        if status is None:
            if time.monotonic() - self.child.begin < WALL:
                return None
            self.child.kill()
            os.waitpid(self.child.pid, 0)
            return self._end("timeout", "wall clock")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return self._end("timeout" if number == signal.SIGPROF else "killed", signal.Signals(number).name)
        if not self.child.result.exists():
            return self._end("killed", f"crash: {(self.folder / 'log').read_text(errors='replace')[-200:]}")
        found = json.loads(self.child.result.read_text())
        self.child.result.unlink()
        if found["killer"]:
            return self._end("killed", found["killer"])
        if self.todo:
            self._next()
            return None
        return self._end("survived", "")

    def _end(self, kind: str, by: str) -> Outcome:
        self.child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        return Outcome(self.mutant, kind, by)


def quickly(chosen: list[Mutant], suite: Suite, jobs: int, environment: dict[str, str]) -> list[Outcome]:
    """Judge by functions exchanged in a session that has collected the tests already; `survived` is not final."""
    kills: Counter[tuple[str, str]] = Counter()
    queue = [m for m in reversed(chosen) if m.file.endswith(".py") and not m.static and suite.judges(m, kills)]

    def request() -> tuple[Mutant, str, str, dict[str, float]] | None:
        if not queue:
            return None
        mutant = queue.pop()
        module = "ndksym." + mutant.file.removesuffix(".py").replace("/", ".")
        return mutant, module, mutated(ROOT / "ndksym", mutant), suite.judges(mutant, kills)

    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder, read_write = Path(name), os.pipe()
        copy_tree(folder)
        number = {m: n for n, m in enumerate(chosen)}

        def answer(asked: tuple[Mutant, str, str, dict[str, float]], kind: str, by: str) -> None:
            kills[asked[0].file, by] += 1
            os.write(read_write[1], json.dumps([number[asked[0]], kind, by]).encode() + b"\n")

        files = sorted({name.partition("::")[0] for name in suite.seconds})
        child = worker.Child(folder, worker.serve(files, worker.Server(jobs, request, answer)), environment)
        os.close(read_write[1])
        outcomes = []
        with os.fdopen(read_write[0]) as lines:
            for line in lines:
                which, kind, by = json.loads(line)
                outcomes.append(Outcome(chosen[which], kind, by))
                note(outcomes[-1])
        os.waitpid(child.pid, 0)
    return outcomes


def note(outcome: Outcome) -> None:
    """A line of progress."""
    m = outcome.mutant
    print(
        f"{outcome.kind:10} {m.file}:{m.line}  {m.operator}: {m.change[:100]}  [{outcome.by}]",
        file=sys.stderr,
        flush=True,
    )


def thoroughly(chosen: list[Mutant], suite: Suite, jobs: int, environment: dict[str, str]) -> list[Outcome]:
    """Judge each in a tree of its own."""
    outcomes: list[Outcome] = []
    kills: Counter[tuple[str, str]] = Counter()
    queue, trials = chosen[::-1], []
    while queue or trials:
        while queue and len(trials) < jobs:
            mutant = queue.pop()
            judges = suite.judges(mutant, kills, wide=True)
            if judges:
                trials.append(Trial(mutant, judges, environment))
            else:
                outcomes.append(Outcome(mutant, "unreached"))
        time.sleep(0.02)
        for trial in list(trials):
            if (outcome := trial.poll()) is not None:
                trials.remove(trial)
                outcomes.append(outcome)
                kills[outcome.mutant.file, outcome.by] += 1
                note(outcome)
    return outcomes


def run(chosen: list[Mutant], suite: Suite, jobs: int, environment: dict[str, str]) -> list[Outcome]:
    """Judge all mutants."""
    done = [Outcome(m, "equivalent", EQUIVALENT[m.key]) for m in chosen if m.key in EQUIVALENT]
    left = [m for m in chosen if m.key not in EQUIVALENT]
    done += [o for o in quickly(left, suite, jobs, environment) if o.kind in ("killed", "timeout")]
    judged = {o.mutant for o in done}
    return done + thoroughly([m for m in left if m not in judged], suite, jobs, environment)


def report(outcomes: list[Outcome]) -> str:
    """The table, and the survivors."""
    kinds = ("killed", "timeout", "survived", "unreached", "equivalent")
    by_file = {file: Counter(o.kind for o in outcomes if o.mutant.file == file) for file in TARGETS}
    lines = [f"{'module':30}{'mutants':>9}" + "".join(f"{kind:>12}" for kind in kinds)]
    for file, count in [*by_file.items(), ("total", Counter(o.kind for o in outcomes))]:
        if count:
            lines.append(f"{file:30}{count.total():>9}" + "".join(f"{count[kind]:>12}" for kind in kinds))
    lines.append("timeout: killed by taking far longer than without; unreached: no test evaluates the place.")
    for o in outcomes:
        if o.kind in ("survived", "unreached"):
            m = o.mutant
            lines += [f"{o.kind} {m.file}:{m.line}  {m.operator}: {m.change}", f"    {m.text}"]
    return "\n".join(lines)


def main() -> int:
    """0 if every mutant is killed or known to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="regular expression for file:line operator: change")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="name the mutants, run nothing")
    parser.add_argument("--all", action="store_true", help="every mutant, not the sample")
    parser.add_argument(
        "--tests", default="test_*.py", help="which files below tests/ are the suite (globs, with commas)"
    )
    args = parser.parse_args()
    found = mutants(ROOT / "ndksym")
    pattern = re.compile(args.only)
    chosen = [
        m for m in found if (args.all or m.chosen) and pattern.search(f"{m.file}:{m.line} {m.operator}: {m.change}")
    ]
    if args.list:
        for m in chosen:
            print(f"{m.file}:{m.line}  {m.operator}: {m.change}")
        print(f"{len(chosen)} of {len(found)} mutants")
        return 0
    cache = Path(tempfile.gettempdir()) / f"ndksym-mutation-{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.environ.update(environment)
    begin = time.monotonic()
    worker.preload()
    files = {path for glob in args.tests.split(",") for path in (ROOT / "tests").rglob(glob)}
    suite = counted(cache, environment, sorted(files), args.jobs)
    for name in suite.broken:
        print(f"fails without any mutant, so judges nothing: {name}", file=sys.stderr)
    outcomes = run(chosen, suite, args.jobs, environment)
    print(report(outcomes))
    print(f"{len(chosen)} of {len(found)} mutants in {(time.monotonic() - begin) / 60:.1f} min")
    return int(any(o.kind in ("survived", "unreached") for o in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
