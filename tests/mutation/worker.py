"""What runs in a child process: pytest on a copy of the tree, to count what each test evaluates, or to judge."""

import builtins
import contextlib
import functools
import importlib
import inspect
import json
import os
import resource
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MEMORY = 8 << 30
PATIENCE, FACTOR = 10.0, 10.0
"""A test may take this many seconds of processor time, plus this many times what it takes without a mutant."""


def preload() -> None:
    """Import what is the same for every mutant, before forking."""
    import hypothesis

    for name in ("pytest", "mpmath", "numpy", "scipy.special", "sympy.polys.fields", "typer.testing", "flint"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", phases=phases, database=None, derandomize=True, deadline=None)
    hypothesis.settings.load_profile("mutation")


class Child:
    """A forked process that runs `work` and writes its result to a file."""

    def __init__(self, folder: Path, work: Callable[[Path], Any], environment: dict[str, str]) -> None:
        self.folder, self.result = folder, folder / "result.json"
        self.begin = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.setpgrp()
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                with open(folder / "log", "wb") as log:
                    os.dup2(log.fileno(), 1)
                    os.dup2(log.fileno(), 2)
                os.environ.update(environment, PYTHONPATH=str(folder), XDG_CACHE_HOME=str(folder / "cache"))
                os.chdir(folder)
                sys.path[:] = [str(folder), *(p for p in sys.path if p not in ("", os.environ.get("PWD")))]
                for name in [n for n in sys.modules if n.partition(".")[0] in ("ndksym", "tests")]:
                    del sys.modules[name]
                self.result.write_text(json.dumps(work(folder)))
                code = 0
            finally:
                os._exit(code)

    def poll(self) -> int | None:
        """The wait status once it has ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return status if pid else None

    def kill(self) -> None:
        """End it and what it started."""
        for send in (os.killpg, os.kill):
            try:
                send(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


class _Profile:
    """The suite's own profile must not replace ours; what the tests start has never heard of ours."""

    def pytest_collection_finish(self) -> None:
        os.environ.pop("HYPOTHESIS_PROFILE", None)


def _pytest(arguments: list[str], plugin: object) -> int:
    import pytest

    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    fixed = ["-q", "--tb=short", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"]
    return int(pytest.main([*fixed, *arguments], plugins=[plugin, _Profile()]))


class Count:
    """Per test: processor seconds, whether it passes, and the places it evaluates."""

    def __init__(self) -> None:
        self.places: set[str] = set()
        self.collecting: set[str] = set()
        self.tests: dict[str, tuple[float, bool, list[str]]] = {}
        self.begin = self.wall = 0.0
        builtins.__evaluated__ = self.places.add  # type: ignore[attr-defined]

    def pytest_collection_finish(self) -> None:
        self.collecting = set(self.places)

    def pytest_runtest_setup(self, item: Any) -> None:
        self.places.clear()
        self.places |= self.collecting
        self.begin, self.wall = time.process_time(), time.monotonic()

    def pytest_runtest_logreport(self, report: Any) -> None:
        if (report.when == "call" and not report.skipped) or report.failed:
            self.tests[report.nodeid] = (time.process_time() - self.begin, bool(report.passed), sorted(self.places))


def count(file: str) -> Callable[[Path], Any]:
    """The work of counting one test file."""

    def work(_: Path) -> Any:
        plugin = Count()
        _pytest([file], plugin)
        return plugin.tests

    return work


class Judge:
    """Run chosen tests in order, stop at the first failure; a test that takes far too long ends the process."""

    def __init__(self, tests: dict[str, float]) -> None:
        self.tests, self.killer = tests, ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        order = {name: n for n, name in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, PATIENCE + FACTOR * self.tests.get(nodeid, 0.0))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.killer:
            self.killer = report.nodeid


def judge(tests: dict[str, float]) -> Callable[[Path], Any]:
    """The work of judging a mutant by tests of known duration."""

    def work(_: Path) -> Any:
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        plugin = Judge(tests)
        files = list(dict.fromkeys(name.partition("::")[0] for name in tests))
        code = _pytest(["-x", *files], plugin)
        return {"code": code, "killer": plugin.killer or ("collection" if code in (1, 2, 3, 4) else "")}

    return work


def batches(tests: dict[str, float], first: int) -> Iterator[dict[str, float]]:
    """The first few tests, then the rest: most mutants die at once."""
    names = list(tests)
    for part in (names[:first], names[first:]):
        if part:
            yield {name: tests[name] for name in part}


class Server:
    """A pytest session, collected once, that forks for each mutant: the child exchanges functions and runs tests.

    What cannot be judged so (tables, whatever is computed at import) and what survives is left to a tree of its own.
    """

    def __init__(self, jobs: int, requests: Callable[[], Any], answer: Callable[[Any, str, str], None]) -> None:
        self.jobs, self.requests, self.answer, self.killer = jobs, requests, answer, ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.killer:
            self.killer = report.nodeid

    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        running: dict[int, tuple[Any, int]] = {}
        more = True
        while more or running:
            while more and len(running) < self.jobs:
                request = self.requests()
                if request is None:
                    more = False
                    break
                read, written = os.pipe()
                pid = os.fork()
                if pid == 0:
                    os.close(read)
                    self._child(items, request, written)
                os.close(written)
                running[pid] = request, read
            if running:
                pid, status = os.wait()
                request, read = running.pop(pid)
                with os.fdopen(read, "rb") as pipe:
                    word = pipe.read().decode()
                if os.WIFSIGNALED(status):
                    number = os.WTERMSIG(status)
                    kind = "timeout" if number == signal.SIGPROF else "killed"
                    self.answer(request, kind, signal.Signals(number).name)
                else:
                    kind, _, by = word.partition(" ")
                    self.answer(request, kind or "killed", by if kind else "crash")
        return True

    def _child(self, items: dict[str, Any], request: Any, written: int) -> None:
        _, module, source, tests = request
        try:
            os.setpgrp()
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            word = "unfit "
            if patch(module, source):
                chosen = [items[name] for name in tests if name in items]
                signal.signal(signal.SIGPROF, signal.SIG_DFL)
                for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                    signal.setitimer(signal.ITIMER_PROF, PATIENCE + FACTOR * tests[item.nodeid])
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                    if self.killer:
                        break
                word = f"killed {self.killer}" if self.killer else "survived "
            os.write(written, word.encode())
        finally:
            os._exit(0)


def patch(module: str, source: str) -> bool:
    """Give the functions of an imported module the code of the changed source; False where that cannot be done."""
    codes: dict[str, list[Any]] = {}

    def collect(code: Any) -> None:
        for inner in code.co_consts:
            if isinstance(inner, type(code)):
                codes.setdefault(inner.co_qualname, []).append(inner)
                collect(inner)

    collect(compile(source, module, "exec"))
    functions: dict[str, list[Any]] = {}
    seen: set[int] = set()

    def find(value: Any, depth: int) -> None:
        if id(value) in seen or depth > 3:
            return
        seen.add(id(value))
        value = inspect.unwrap(value) if callable(value) else value
        if isinstance(value, types.FunctionType):
            if value.__module__ == module:
                functions.setdefault(value.__code__.co_qualname, []).append(value)
        elif isinstance(value, (staticmethod, classmethod)):
            find(value.__func__, depth)
        elif isinstance(value, property):
            find(value.fget, depth)
        elif isinstance(value, functools.cached_property):
            find(value.func, depth)
        elif isinstance(value, type) and value.__module__ == module:
            for member in vars(value).values():
                find(member, depth + 1)
        elif isinstance(value, dict):
            for member in value.values():
                find(member, depth + 1)
        elif isinstance(value, (list, tuple)):
            for member in value:
                find(member, depth + 1)

    for value in list(vars(sys.modules[module]).values()):
        find(value, 0)
    for name, found in functions.items():
        new = codes.get(name, [])
        if name.endswith("<lambda>") and len(new) != len(found):
            return False
        for function, code in zip(sorted(found, key=lambda f: int(f.__code__.co_firstlineno)), new, strict=False):
            if len(found) != len(new) or function.__code__.co_freevars != code.co_freevars:
                return False
            function.__code__ = code
    return True


def serve(files: list[str], server: Server) -> Callable[[Path], Any]:
    """The work of a server over some test files."""
    return lambda _: _pytest(files, server)
