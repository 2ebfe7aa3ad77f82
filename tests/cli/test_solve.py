"""`ndksym solve` as a user meets it: numbers on stdout, progress on stderr, files whole or not at all, bad input refused."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import ndksym
from ndksym.cli import main
from ndksym.dynamics import tasks
from ndksym.errors import ToleranceWarning
from ndksym.output import progress


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """The command in this process, in a folder of its own: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main, "run_in_child", lambda seconds, default: None)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["ndksym", "solve", *args])
        try:
            main.main()
        except SystemExit as end:
            code = end.code or 0
        else:
            code = 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_everything_at_once(tmp_path):
    args = ["solve", "erf", "--data", "orthogonal:4,overlap=0.8", "--init-variance", "0.3", "--bias-scale", "0.2", "--seed",
            "3", "--times", "1e-1:1e3:5", "--rtol", "1e-4", "--json", "--plot", "curves.png", "--save", "run.npz"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ndksym", *args], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "solving" in done.stderr
    assert len(done.stderr.splitlines()) < 12
    found = json.loads(done.stdout)
    assert (found["schema"], found["seed"], found["physics"]["bias_scale"]) == (1, 3, 0.2)
    task = tasks.load("orthogonal:4,overlap=0.8", seed=3)
    run = ndksym.solve(
        ndksym.derive("erf", bias=True).compile(), task.X, task.y, task.X_test, times=np.geomspace(0.1, 1e3, 5),
        temperature=1e-3, init_variance=0.3, bias=0.2, rtol=1e-4,
    )  # fmt: skip
    assert np.array(found["run"]["test"]) == pytest.approx(run.test, abs=1e-12)
    assert found["test_error"] == pytest.approx(((run.test - task.y_test) ** 2)[:, 0], abs=1e-12)
    assert found["train_error"] == pytest.approx(np.mean((run.train - task.y) ** 2, axis=1), abs=1e-12)
    assert found["early_stopping"]["time"] == pytest.approx(run.early_stopping(task.y_test).time)
    with np.load(tmp_path / "run.npz", allow_pickle=False) as saved:
        assert saved["test"] == pytest.approx(run.test, abs=1e-12)
        assert (saved["about.seed"], saved["about.init_variance"], saved["about.task"]) == (
            3,
            0.3,
            found["data"]["task"],
        )
        assert np.array_equal(saved["about.y"], task.y)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    drawn = json.loads((tmp_path / "curves.json").read_text())
    assert drawn["curves"][0]["values"] == [row[0] for row in found["run"]["test"]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.json", "curves.png", "run.npz"]


def test_the_table_is_short_and_says_what_was_solved(command):
    code, out, err = command(
        "erf", "--data", "orthogonal:2", "--method", "gradient", "--temperature", "0", "--init-variance", "0.7", "--depth", "2"
    )  # fmt: skip
    assert code == 0, err
    lines = out.splitlines()
    assert len(lines) < 30
    assert "erf, depth 2 on orthogonal:2: 2 training inputs in 32 dimensions, 1 for testing" in lines[0]
    assert "gradient, T = 0, σ² = 1, σ0² = 0.7, β = 0, reduction sum" in lines[1]
    task = tasks.load("orthogonal:2")
    run = ndksym.solve(
        ndksym.derive("erf", depth=2).compile(), task.X, task.y, task.X_test, times=[1e-2, 1e4], temperature=0,
        init_variance=0.7, method="gradient",
    )  # fmt: skip
    rows = [line.split() for line in lines if "gradient-driven" in line and "early" not in line]
    assert [rows[0][0], rows[-1][0]] == ["0.01", "1e+04"]
    assert float(rows[-1][-1]) == pytest.approx(run.test[-1, 0], rel=1e-3)
    assert f"NTK plateau         f(test 0) = {run.ntk_plateau[0]:.4g}" in out
    assert "early stopping" in out
    assert re.search(r"^seed +0$", out, flags=re.M)


def test_many_test_rows_and_none(command, tmp_path):
    code, out, err = command(
        "relu", "--data", "digits:0,1", "--train", "20", "--method", "gradient", "--times", "0,1,10"
    )
    assert code == 0, err
    assert "f(test" not in out
    assert re.search(r"NTK plateau +test error 0\.\d+", out)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "task.npz", X=rng.normal(size=(3, 2)), y=rng.normal(size=(3, 2)))
    args = ("relu", "--data", "task.npz", "--method", "gradient", "--times", "1,10", "--plot", "curves.svg")
    code, out, err = command(*args)
    assert code == 0, err
    assert "none for testing" in out
    assert "early stopping" not in out
    assert "training" in (tmp_path / "curves.json").read_text()
    assert "test" not in (tmp_path / "curves.json").read_text()


def test_covariance_is_in_the_document_when_asked_for(command):
    args = ("erf", "--data", "orthogonal:2", "--method", "gradient", "--times", "1", "--json")
    found = json.loads(command(*args)[1])["run"]
    assert found["test_cov"] is None
    assert "cov" not in found["equilibrium"]
    found = json.loads(command(*args, "--covariance")[1])["run"]
    assert np.shape(found["test_cov"]) == (1, 1, 1)
    assert np.shape(found["equilibrium"]["cov"]) == (1, 1)


def test_the_covariance_at_two_times_has_that_at_one_on_its_diagonal(command, tmp_path):
    args = (
        "erf",
        "--data",
        "orthogonal:2",
        "--method",
        "gradient",
        "--times",
        "1,3,5",
        "--json",
        "--plot",
        "curves.png",
    )
    single = json.loads(command(*args, "--covariance")[1])
    bands = (tmp_path / "curves.json").read_text()
    double = json.loads(command(*args, "--two-time")[1])
    assert double["physics"]["covariance"] == "two-time"
    cov = np.array(double["run"]["test_cov"])
    assert cov.shape == (3, 3, 1, 1)
    assert cov[[0, 1, 2], [0, 1, 2]] == pytest.approx(np.array(single["run"]["test_cov"]))
    assert cov[0, 2, 0, 0] != pytest.approx(cov[2, 2, 0, 0])
    assert (tmp_path / "curves.json").read_text() == bands


def test_the_default_times_reach_past_equilibrium(command):
    args = (
        "erf",
        "--data",
        "orthogonal:2",
        "--method",
        "gradient",
        "--json",
        "--temperature",
        "0.1",
        "--prior-variance",
        "2",
    )
    times = json.loads(command(*args)[1])["run"]["times"]
    assert len(times) == 60
    assert (times[0], times[-1]) == pytest.approx((1e-2, 200))
    assert np.ptp(np.diff(np.log(times))) < 1e-12


GOOD = {"--data": "orthogonal:2", "--times": "1,10", "--method": "gradient"}
BAD = [
    ({"--data": "missing.npz"}, "missing.npz does not exist"),
    ({"--data": "text.npz"}, "not a .npz"),
    ({"--data": "no_y.npz"}, "has no y"),
    ({"--data": "short.npz"}, "y must have shape (4,)"),
    ({"--data": "nan.npz"}, "y[1] is nan"),
    ({"--data": "orthogonal:two"}, "how many inputs"),
    ({"--data": "digits:0"}, "two different classes"),
    ({"--times": "-1,2"}, "times must be ≥ 0"),
    ({"--times": "2,1"}, "times must ascend"),
    ({"--times": "nan"}, "not finite"),
    ({"--times": "soon"}, "start:stop:count"),
    ({"--times": "0:1:5"}, "0 < start < stop"),
    ({"--times": "1:10:1"}, "count is 2"),
    ({"--times": "1:10:999999999"}, "count is 2"),
    ({"--times": "1:10"}, "start:stop:count"),
    ({"--times": "1:10:5:7"}, "0 < start < stop"),
    ({"--method": "euler"}, "method must be diffusive, gradient, langevin or mpl"),
    ({"--method": "langevin", "--temperature": "0"}, "temperature is 0"),
    ({"--temperature": "-1"}, "temperature must be"),
    ({"--temperature": "nan"}, "temperature must be"),
    ({"--temperature": "1e-310", "--times": None}, "temperature must be of a size between 1e-100"),
    ({"--data": "large.npz"}, "X must be of a size"),
    ({"--times": "1,nan"}, "not finite"),
    ({"--init-variance": "0"}, "init_variance"),
    ({"--prior-variance": "0", "--times": None}, "prior_variance"),
    ({"--bias-scale": "-1"}, "bias must be"),
    ({"--reduction": "huber"}, "reduction must be"),
    ({"--rtol": "0"}, "rtol"),
    ({"--train": "1"}, "leave out train"),
    ({"--seed": "-1"}, "seed"),
    ({"--backend": "fortran"}, "fortran"),
    ({"--depth": "0"}, "depth"),
    ({"--plot": "missing/curves.png"}, "missing does not exist"),
    ({"--plot": "curves.bmp"}, ".png, .svg, .pdf"),
    ({"--plot": "."}, "folder"),
    ({"--save": "missing/run.npz"}, "missing does not exist"),
    ({"--save": "run.txt"}, "something.npz"),
    ({"--times": "0", "--save": None, "--plot": "curves.png"}, "time > 0"),
]


@pytest.mark.parametrize(
    ("change", "says"),
    BAD,
    ids=[" ".join(map(str, *change.items())) if len(change) == 1 else says for change, says in BAD],
)
def test_bad_input_is_refused_with_a_reason(change, says, command, tmp_path):
    X = np.eye(4)
    np.savez(tmp_path / "no_y.npz", X=X)
    np.savez(tmp_path / "short.npz", X=X, y=np.ones(3))
    np.savez(tmp_path / "nan.npz", X=X, y=[1, np.nan, 1, 1])
    np.savez(tmp_path / "large.npz", X=1e60 * X, y=np.ones(4))
    (tmp_path / "text.npz").write_text("X = 1")
    before = sorted(tmp_path.iterdir())
    options = GOOD | {"--save": "run.npz"} | change
    code, out, err = command("erf", *(word for pair in options.items() if pair[1] is not None for word in pair))
    assert code == 2, err
    assert says in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("ndksym: ")
    assert out == ""
    if says.startswith("missing does") or says in ("folder", "something.npz", ".png, .svg, .pdf"):
        assert "reading" not in err, "paths are checked before the work"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        ["--times", "1,1e300"],
        ["--step", "0.1", "--times", "1,2"],
        ["--method", "mpl", "--strength", "5", "--times", "1,2"],
        ["--method", "gradient", "--times", "1,1e300"],
        ["--method", "diffusive", "--times", "1e300"],
    ],
    ids=" ".join,
)
def test_conflicting_labels_are_no_error(options, command, tmp_path):
    np.savez(tmp_path / "twice.npz", X=np.eye(3)[[0, 1, 0]], y=[1.0, 0.5, -0.4])
    code, out, err = command("erf", "--data", "twice.npz", "--temperature", "0.1", "--json", *options)
    assert code == 0, err
    assert "warning" not in err
    last = json.loads(out)["run"]["train"][-1]  # null where it is not finite
    assert last[0] == pytest.approx(last[2], abs=1e-9)
    assert None not in last


@pytest.mark.parametrize("text", ["sign", '__import__("os").system("id")'])
def test_a_network_that_has_no_dynamics(text, command):
    code, out, err = command(text, "--data", "orthogonal:2", "--times", "1")
    assert (code, out) == ({"sign": 3}.get(text, 2), "")
    assert err.splitlines()[-1].startswith("ndksym: ")


def test_options_reach_the_solver(command):
    args = ("erf", "--data", "orthogonal:2")
    code, out, err = command(*args, "--method", "mpl", "--strength", "7", "--times", "1,20")
    assert code == 0, err
    assert "strength = 7" in out
    code, out, err = command(*args, "--step", "0.5", "--times", "1")
    assert code == 0, err
    assert "step = 0.5" in out
    assert "strength" in command(*args, "--method", "gradient", "--strength", "7", "--times", "1")[2]
    assert command(*args, "--method", "diffusive", "--times", "1,200")[0] == 0
    # discrete dynamics has no times but its own
    code, out, err = command(*args, "--step", "1")
    assert (code, out) == (2, "")
    assert "--times" in err


def test_a_tolerance_that_was_not_reached_is_one_plain_line(capsys):
    with progress.plain_warnings():
        for _ in range(2):
            warnings.warn("not\nreached", ToleranceWarning, stacklevel=1)
    assert capsys.readouterr().err == "ndksym: warning: not reached\n"


def test_progress_is_a_few_plain_lines_where_there_is_no_terminal(capsys):
    with progress.bar("solving") as advance:
        for k in range(1001):
            advance(k / 1000)
    said = capsys.readouterr().err.splitlines()
    assert said == ["solving", "solving: 25 %", "solving: 50 %", "solving: 75 %", "solving: 100 %"]


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.spinner("deriving"):
        pass
    with progress.bar("solving") as advance:
        advance(0.5)
        time.sleep(0.2)
    assert "deriving" in screen.getvalue()
    assert "50%" in screen.getvalue()


@pytest.mark.parametrize("ignored", [False, True])
def test_an_interrupted_run_leaves_nothing(ignored, tmp_path):
    """Where SIGINT is ignored at the start, as in the background of a shell, it stays so, and SIGTERM is what ends it."""
    args = [
        "solve",
        "relu",
        "--data",
        "digits:0,1",
        "--train",
        "200",
        "--depth",
        "3",
        "--save",
        "run.npz",
        "--plot",
        "a.png",
    ]
    child = subprocess.Popen(
        [sys.executable, "-m", "ndksym", *args], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )  # fmt: skip
    for line in child.stderr:
        if line.startswith("solving"):
            break
    os.killpg(child.pid, signal.SIGINT)
    if ignored:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.5)
        os.killpg(child.pid, signal.SIGTERM)
    begin = time.monotonic()
    out, err = child.communicate(timeout=30)
    assert time.monotonic() - begin < 10
    assert child.returncode == (128 + signal.SIGTERM if ignored else 130)
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_out_of_time_leaves_nothing(tmp_path):
    args = [
        "solve",
        "relu",
        "--data",
        "digits:0,1",
        "--train",
        "200",
        "--depth",
        "3",
        "--save",
        "run.npz",
        "--timeout",
        "2",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ndksym", *args], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 5, done.stderr
    assert "--timeout" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
