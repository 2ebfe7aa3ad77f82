"""Commands killed at random moments: python -m tests.bench.kills [COMMAND…] [--kills 40] [--seed 1] (Linux)

A round runs a command over what another run, or none, has left in a folder, kills it, and asks: has every process of it gone
within 5 s; is each file that of the one run or of the other, byte for byte, and are those that belong together of one; does
the same command, run again, end well, give the right bytes and leave nothing else, neither there nor among the temporary
files nor in the cache of compiled code? The parent alone or its group gets SIGTERM or SIGKILL; the moment is uniform within a
stage, each stage as likely as the next. Rounds that end before they are killed do not count.
"""

import argparse
import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 5.0
"""What a process may take to go."""
WHOM = ("parent", "group")
HOW = (signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True)
class Command:
    """Words of the command, with a place for the activation: the one that is killed, and the one that ran before it."""

    words: str
    activations: tuple[str, str]
    together: tuple[str, ...]

    def line(self, which: int) -> list[str]:
        """What is run."""
        words = [word.replace("PHI", self.activations[which]) for word in self.words.split()]
        return [sys.executable, "-m", "ndksym", *words]


_TASK = "--data orthogonal:2"
COMMANDS = {
    "solve": Command(
        f"solve PHI {_TASK} --times 0.1,1 --rtol 1e-3 --backend c --save run.npz --plot run.png",
        ("relu", "abs"), ("run.png", "run.json"),
    ),
    "simulate": Command(
        f"simulate PHI {_TASK} --times 1,40 --width 40 --pairs 8 --save run.npz", ("relu", "abs"), ()
    ),
    "generate": Command(
        "generate PHI --out .", ("x**2", "x**3"), ("kernel.py", "kernel.c", "kernel.tex", "derivation.json")
    ),
    "report": Command("derive PHI --nngp-only --report run.html", ("x**2", "x**3"), ("run.html", "run.json")),
}  # fmt: skip


def processes(token: str) -> Iterator[Path]:
    """What runs of the commands that were started with a token, in /proc."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"NDKSYM_ROUND={token}\0".encode() in (process / "environ").read_bytes():
                yield process


def _hears_all() -> None:
    """A job in the background inherits these signals as ignored; a command on a terminal hears them."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Place:
    """A folder for the output, one for temporary files, and a cache."""

    def __init__(self, folder: Path) -> None:
        self.out, self.temporary, self.cache = (folder / name for name in ("out", "tmp", "cache"))
        for each in (self.out, self.temporary, self.cache):
            each.mkdir()
        self.token = f"{folder}"

    def start(self, line: list[str]) -> "subprocess.Popen[str]":
        """The command, in a group of its own; all that it starts can be found by the token."""
        known = {"TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(self.cache), "NDKSYM_ROUND": self.token}
        return subprocess.Popen(
            line, cwd=self.out, env=os.environ | known, start_new_session=True, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=_hears_all,
        )  # fmt: skip

    def alive(self) -> list[str]:
        """Command lines of what still runs."""
        found = []
        for process in processes(self.token):
            with contextlib.suppress(OSError):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def contents(self) -> dict[str, bytes]:
        """Of all files that were written."""
        return {str(p.relative_to(self.out)): p.read_bytes() for p in self.out.rglob("*") if p.is_file()}

    def strays(self) -> list[str]:
        """Temporary files and folders, wherever they may be."""
        parts = [each.rglob("*") for each in (self.out, self.cache, self.temporary)]
        hidden = [str(path) for part in parts for path in part if path.name.startswith(".ndksym-")]
        return hidden + [str(path) for path in self.temporary.iterdir() if not path.name.startswith(".ndksym-")]


@dataclass(frozen=True)
class Reference:
    """What undisturbed runs of both variants write, and how long the stages of the first take."""

    contents: tuple[dict[str, bytes], dict[str, bytes]]
    gaps: list[float]


def reference(command: Command, variants: tuple[int, ...] = (1, 0)) -> Reference:
    """Run the variants, the first of them last; they must end well. One that is not run has written nothing."""
    contents, gaps = [{}, {}], []
    for which in variants:
        with tempfile.TemporaryDirectory() as name:
            place, marks = Place(Path(name)), [time.monotonic()]
            process = place.start(command.line(which))
            for _ in process.stderr:
                marks.append(time.monotonic())
            assert process.wait() == 0
            process.stderr.close()
            marks.append(time.monotonic())
            gaps = [b - a for a, b in itertools.pairwise(marks)]
            contents[which] = place.contents()
            assert not place.strays()
    return Reference(tuple(contents), gaps)


@dataclass(frozen=True)
class Round:
    """One kill: what is wrong, how long the processes took to go, how the command ended, and what it left until the next run."""

    wrong: list[str]
    seconds: float
    code: int
    left: int


def killed(command: Command, known: Reference, whom: str, how: signal.Signals, rng: random.Random) -> Round:
    """One round that counts."""
    while True:
        with tempfile.TemporaryDirectory() as name:
            place = Place(Path(name))
            before = known.contents[1] if rng.random() < 0.5 else {}
            for file, content in before.items():
                (place.out / file).parent.mkdir(parents=True, exist_ok=True)
                (place.out / file).write_bytes(content)
            found = _round(place, command, known.contents[0], before, (whom, how), known.gaps, rng)
            if found is not None:
                return found


def _round(place, command, after, before, kill, gaps, rng) -> Round | None:
    process = place.start(command.line(0))
    stage = rng.randrange(len(gaps))
    for _ in range(stage):
        process.stderr.readline()
    time.sleep(rng.uniform(0, 1.2 * gaps[stage]))
    ended = process.poll() is not None
    if not ended:
        whom, how = kill
        (os.kill if whom == "parent" else os.killpg)(process.pid, how)
    begin = time.monotonic()
    code = process.wait()
    while place.alive() and time.monotonic() - begin < 2 * SECONDS:
        time.sleep(0.02)
    seconds = time.monotonic() - begin
    process.stderr.close()
    if ended or code == 0:
        return None
    wrong = [f"still running: {line}" for line in place.alive()] if seconds > SECONDS else []
    wrong += judged(place.contents(), before, after, command.together)
    left = len(place.strays())
    again = place.start(command.line(0))
    said = again.communicate()[1]
    if again.returncode:
        wrong.append(f"the next run ends with {again.returncode}: {said.splitlines()[-1:]}")
    if place.contents() != after:
        wrong.append(f"after the next run there are {sorted(place.contents())}, not all of them right")
    return Round(wrong + [f"left for ever: {stray}" for stray in place.strays()], seconds, code, left)


def judged(
    found: dict[str, bytes], before: dict[str, bytes], after: dict[str, bytes], together: tuple[str, ...]
) -> list[str]:
    """What is wrong with the files after a kill."""
    seen = {name: content for name, content in found.items() if not Path(name).name.startswith(".ndksym-")}
    wrong = [
        f"{name} is half-written"
        for name, content in seen.items()
        if content not in (before.get(name), after.get(name))
    ]
    mates = [name for name in together if name in seen]
    if not any(all(seen[name] == run.get(name) for name in mates) for run in (before, after)):
        wrong.append(f"{', '.join(mates)} are of two runs")
    return wrong + [f"{name} is gone" for name in before if name not in seen and name not in together]


def main() -> None:
    """Print a line for each way to kill each command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    print(
        f"seed {args.seed}, {args.kills} kills each\ncommand   whom    signal   wrong  slowest  left  exit codes",
        flush=True,
    )
    total = 0
    for name in args.commands:
        known = reference(COMMANDS[name])
        for whom in WHOM:
            for how in HOW:
                rng = random.Random(f"{args.seed} {name} {whom} {how}")
                rounds = [killed(COMMANDS[name], known, whom, how, rng) for _ in range(args.kills)]
                wrong = [said for each in rounds for said in each.wrong]
                codes = ", ".join(f"{code}: {n}" for code, n in Counter(each.code for each in rounds).items())
                slowest, left = max(each.seconds for each in rounds), sum(each.left > 0 for each in rounds)
                print(f"{name:9} {whom:7} {how.name}  {len(wrong):5}  {slowest:5.2f} s  {left:4}  {codes}", flush=True)
                for said in wrong:
                    print(f"    {said}", flush=True)
                total += len(wrong)
    sys.exit(4 if total else 0)


if __name__ == "__main__":
    main()
