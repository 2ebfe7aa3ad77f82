"""Processes end with the one that started them, whatever ends it; a sample of the kills of tests/bench/kills.py."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench import kills

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are looked up in /proc")

BUSY = "x = 7 ** 10**9"
"""Python holds its lock for longer than any test takes."""
IDLE = "import time; time.sleep(600)"
IN = "from ndksym.cli.timeout import run_in_child; run_in_child(600); import sys; print('in', file=sys.stderr); "
"""In the child of a command."""
PORTABLE = "from ndksym.simulation import lifeline; lifeline.sys = type('', (), {'platform': 'other'}); "


@pytest.fixture(autouse=True)
def _nothing_runs_on(tmp_path):
    """A test that fails leaves no process."""
    yield
    for process in kills.processes(str(tmp_path)):
        os.kill(int(process.name), signal.SIGKILL)


def start(tmp_path, code):
    place = kills.Place(tmp_path)
    return place, place.start([sys.executable, "-c", code])


def gone(place):
    """Seconds until nothing of a place runs any more."""
    begin = time.monotonic()
    while place.alive():
        assert time.monotonic() - begin < kills.SECONDS, place.alive()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("before", "work"), [("", BUSY), ("", IDLE), (PORTABLE, IDLE)], ids=["busy", "idle", "idle-without-the-kernel"]
)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGSEGV])
def test_a_child_ends_with_its_parent(before, work, how, tmp_path):
    place, process = start(tmp_path, before + IN + work)
    assert process.stderr.readline() == "in\n"
    assert len(place.alive()) == 2
    os.kill(process.pid, how)
    ordered = how in (signal.SIGTERM, signal.SIGHUP)
    assert process.wait(kills.SECONDS) == (128 + how if ordered else -how)
    process.stderr.close()
    gone(place)


@pytest.mark.parametrize("whom", [os.kill, os.killpg])
@pytest.mark.parametrize("numbers", [(15,), (2,), (1,), (15, 15, 2, 1), (2, 2, 15)])
def test_a_child_tidies_up_undisturbed(whom, numbers, tmp_path):
    """Though more signals come meanwhile, which reach it before it is done."""
    tidied = tmp_path / "tidied"
    work = f"""
try:
    import time
    print("at work", file=sys.stderr)
    time.sleep(600)
finally:
    time.sleep(0.2)
    open({str(tidied)!r}, "w").close()"""
    default = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    place, process = start(tmp_path, default + IN + work)
    assert [process.stderr.readline() for _ in range(2)] == ["in\n", "at work\n"]
    for number in numbers:
        whom(process.pid, number)
        time.sleep(0.02)
    process.wait(kills.SECONDS)
    process.stderr.close()
    assert tidied.exists()
    gone(place)


def test_what_is_ignored_at_the_start_stays_ignored(tmp_path):
    """As under nohup, and in the background of a shell without job control."""
    code = f"""
import os, signal, sys
for each in (signal.SIGHUP, signal.SIGINT):
    signal.signal(each, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-c", {IN + IDLE!r}])"""
    place, process = start(tmp_path, code)
    assert process.stderr.readline() == "in\n"
    os.killpg(process.pid, signal.SIGHUP)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert len(place.alive()) == 2
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(kills.SECONDS) == 128 + signal.SIGTERM
    process.stderr.close()
    gone(place)


def test_a_child_that_is_killed_is_said_to_be(tmp_path):
    code = """
import os, sys
from ndksym.cli import console
from ndksym.cli.timeout import run_in_child
def work():
    run_in_child(600)
    os.kill(os.getpid(), 9)
sys.exit(console.exit_code(work, "x"))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("x: the working process was ended by signal 9 (Killed)")


def test_a_compiler_ends_with_its_caller_and_leaves_nothing(tmp_path):
    """This compiler hands its work to a process of its own, as they do."""
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\ntouch "$TMPDIR/temporary"\necho in >&2\nsleep 600 &\nwait\n')
    compiler.chmod(0o755)
    code = f"""
import os
os.environ["CC"] = {str(compiler)!r}
from ndksym.codegen.library import library
library("int f;")"""
    place = kills.Place(tmp_path)
    process = place.start([sys.executable, "-c", code])
    begin = time.monotonic()
    while not (found := list(place.cache.rglob("temporary"))) or len(place.alive()) < 4:
        assert time.monotonic() - begin < 30, "we, the guard, the compiler and what it has started"
        time.sleep(0.02)
    process.kill()
    process.wait()
    process.stderr.close()
    gone(place)
    assert found[0].exists(), "nobody was left to remove it"
    done = place.start([sys.executable, "-c", code.replace(str(compiler), "true")])
    assert "has written no library" in done.communicate()[1]
    assert [path.name for path in place.cache.rglob("*")] == ["ndksym"]


def test_a_compiler_that_is_interrupted_is_ended_first(tmp_path, monkeypatch):
    from ndksym.codegen import library

    place = kills.Place(tmp_path)
    monkeypatch.setenv("NDKSYM_ROUND", place.token)
    monkeypatch.setattr(library, "_SECONDS", 0.5)
    with pytest.raises(subprocess.TimeoutExpired):
        library._run(["/bin/sh", "-c", "sleep 600 & wait"], Path(tmp_path))
    monkeypatch.delenv("NDKSYM_ROUND")
    gone(place)


@pytest.mark.parametrize(
    ("name", "whom", "how"),
    [("solve", "parent", 9), ("simulate", "parent", 9), ("generate", "group", 15)],
)
def test_a_sample_of_the_campaign(name, whom, how):
    command = kills.COMMANDS[name]
    found = kills.killed(
        command, kills.reference(command, (0,)), whom, signal.Signals(how), random.Random(f"{name} {whom}")
    )
    assert found.wrong == []


def test_the_judge_can_say_no():
    before, after = {"a": b"1", "b": b"1"}, {"a": b"2", "b": b"2"}
    assert kills.judged({"a": b"2", "b": b"2"}, before, after, ("a", "b")) == []
    assert kills.judged({"a": b"2", ".ndksym-1": b"half"}, before, after, ("a", "b")) == []
    assert kills.judged({"a": b"2", "b": b"1"}, before, after, ("a", "b")) == ["a, b are of two runs"]
    assert kills.judged({"a": b"2", "b": b"1"}, before, after, ()) == []
    assert kills.judged({"a": b"", "b": b"1"}, before, after, ()) == ["a is half-written"]
    assert kills.judged({"a": b"1"}, before, after, ()) == ["b is gone"]
