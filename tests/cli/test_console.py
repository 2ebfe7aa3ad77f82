"""How commands end: one line and the promised code for whatever the system does to them; a result that is cut off is an error."""

import errno
import os
import subprocess
import sys

import pytest

from ndksym.cli import console
from ndksym.errors import CheckFailedError, NotDerivableError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices are those of POSIX")

NDKSYM = f'"{sys.executable}" -m ndksym'


def shell(script, cwd=None, **known):
    """Exit code, stdout, stderr of a line of sh; Python holds back what it prints, as it does by default."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | known
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=120, check=False, cwd=cwd, env=env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def raising(error):
    def work():
        raise error

    return work


def closed():
    """As Typer and Rich end when a reader has closed the pipe."""
    try:
        raise BrokenPipeError
    except BrokenPipeError:
        sys.exit(1)


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        (lambda: None, 0, ""),
        (raising(NotDerivableError("infinite")), 3, "x: infinite\n"),
        (raising(CheckFailedError("failed")), 4, "x: failed\n"),
        (raising(OSError(errno.ENOSPC, "No space left on device")), 2, "x: No space left on device\n"),
        (raising(PermissionError(errno.EACCES, "Permission denied", "a.npz")), 2, "x: Permission denied: a.npz\n"),
        (raising(OSError("no name")), 2, "x: no name\n"),
        (raising(OSError()), 2, "x: OSError\n"),
        (raising(MemoryError()), 2, "x: not enough memory; ask for less\n"),
        (raising(KeyboardInterrupt()), 130, "x: interrupted; nothing was left half-written\n"),
        (raising(BrokenPipeError()), 0, ""),
        (closed, 0, ""),
        (raising(SystemExit(143)), 143, ""),
        (raising(SystemExit()), 0, ""),
    ],
)
def test_what_stops_a_command_is_one_line_and_a_code(work, code, said, capsys):
    assert console.exit_code(work, "x") == code
    assert capsys.readouterr() == ("", said)


def test_our_own_mistakes_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        console.exit_code(lambda: 1 / 0, "x")


@pytest.mark.parametrize("words", ["--help", "derive relu --code numpy"])
def test_a_reader_may_leave_early(words):
    """The reader ends before anything is written."""
    code, out, err = shell(f"{{ {NDKSYM} {words}; echo $? >&3; }} 3>&2 | :")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "0"
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "line",
    [
        "--help >/dev/full",
        "derive relu --code numpy >/dev/full",
        "derive relu --latex /dev/full",
        "list >&-",
        "solve relu --data orthogonal:2 --times 1 --save /sys/run.npz",
        f"derive relu --report {'x' * 251}.htm",
        f"solve relu --data {'x' * 300}.npz",
        "generate relu --out /sys/new",
    ],
)
def test_the_system_may_refuse(line, tmp_path):
    code, out, err = shell(f"{NDKSYM} {line}", cwd=tmp_path)
    assert (code, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("ndksym: ")
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(tmp_path):
    """The limit of a file's size stands for the disk; the first block fits, the last does not."""
    script = (
        f"ulimit -f 2; {NDKSYM} solve relu --data orthogonal:4 --times 1:9:4 --covariance --two-time --save run.npz"
    )
    code, out, err = shell(script, cwd=tmp_path)
    assert (code, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("ndksym: cannot write run.npz: ")
    assert list(tmp_path.iterdir()) == []


def test_any_encoding_prints_all_there_is():
    code = "from ndksym.cli import console; console.exit_code(lambda: print('σ \\udcff'), 'x')"
    code, out, err = shell(f'"{sys.executable}" -c "{code}"', PYTHONIOENCODING="ascii")
    assert (code, out, err) == (0, "\\u03c3 \\udcff\n", "")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "3>&1 1>&2 2>&3 3>&- | :"], ids=["closed", "full", "left"])
def test_who_does_not_listen_to_the_progress_gets_the_result(where):
    code, out, err = shell(f"{NDKSYM} derive relu --code numpy {where}")
    assert code == 0
    assert "def network" in out + err
