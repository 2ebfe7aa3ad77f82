"""What README and the other documents show is true: code runs and prints what is shown, commands run, links lead somewhere."""

import contextlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    ROOT / "README.md", ROOT / "ndksym" / "theory.md", *sorted((ROOT / ".github").glob("*.md")),
    *sorted((ROOT / "derivations" / "docs").glob("*.md")),
]  # fmt: skip
NUMBER = r"-?\d+\.?\d*(?:e[-+]?\d+)?"


def same(printed, shown):
    """The same text, and numbers that agree to a unit of their last digit."""
    assert re.sub(NUMBER, "#", printed).split() == re.sub(NUMBER, "#", shown).split()
    for one, other in zip(re.findall(NUMBER, printed), re.findall(NUMBER, shown), strict=True):
        digits = len(other.partition(".")[2])
        assert abs(float(one) - float(other)) <= 1.01 * 10.0**-digits


def test_python_blocks_run_and_print_what_is_shown():
    blocks = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README, flags=re.S)
    assert len(blocks) > 5
    assert sum(bool(shown) for _, shown in blocks) >= 2
    space: dict[str, object] = {}
    for code, shown in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), space)
        if shown:
            same(printed.getvalue(), shown)


def test_the_comparison_can_fail():
    same("x [1.0004]", "x [1.000]")
    for wrong in ("y [1.000]", "x [1.002]", "x [1.000] 2"):
        with pytest.raises(AssertionError):
            same(wrong, "x [1.000]")


def test_console_lines_run(tmp_path):
    lines = re.findall(r"^\$ ndksym (.*)$", README, flags=re.M)
    assert len(lines) > 5
    assert {line.split()[0] for line in lines} >= {"derive", "verify", "solve", "simulate", "phases", "generate"}

    def run(line):
        # a busy machine may need longer than the limit of `derive`
        patience = [] if line == "list" else ["--timeout", "280"]
        command = [sys.executable, "-m", "ndksym", *shlex.split(line), *patience]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    with ThreadPoolExecutor(2) as pool:
        for line, done in zip(lines, pool.map(run, lines), strict=True):
            assert done.returncode == 0, f"ndksym {line}: {done.stderr}"
            assert done.stdout, line


def test_the_first_two_bash_blocks_are_the_two_commands():
    main, tests, *_ = re.findall(r"```bash\n(.*?)```", README, flags=re.S)
    for block in (main, tests):
        assert block.strip().count("\n") == 0
        assert "python3 -m venv" in block
    assert all(f"ndksym {command}" in main for command in ("derive", "generate", "verify"))
    assert "pytest" in tests
    assert README.index("<!-- test-command -->") < README.index(tests)


def anchor(title):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        name, _, section = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{path.name} links to {target}"
        if section:
            titles = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.M)
            assert section in map(anchor, titles), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_modules_exist(path):
    for name in re.findall(r"python -m ([\w.]+[a-z_])", path.read_text(encoding="utf-8")):
        assert importlib.util.find_spec(name) is not None, f"{path.name} names {name}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(path):
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:ndksym|tests|derivations)/[\w/.]+)`", text):
        there = ROOT / name
        assert (there.parent if there.stem == "NAME" else there).exists(), f"{path.name} names {name}"
    tests = {each.name for each in (ROOT / "tests").rglob("test_*.py")}
    for name in re.findall(r"`(test_\w+\.py)`", text):
        assert name in tests, f"{path.name} names {name}"
