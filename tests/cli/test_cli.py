"""The command line as a user meets it: results on stdout, progress on stderr, the promised exit codes, nothing
written on failure."""

import importlib.metadata
import json
import os
import subprocess
import sys
import time

import pytest
import sympy

import ndksym as package
from ndksym import symbols
from ndksym.algebra import bivariate_normal

NAMES = {name: getattr(symbols, name) for name in symbols.__all__} | bivariate_normal.LOCALS


def ndksym(*args, cwd=None, timeout=120):
    return subprocess.run(
        [sys.executable, "-m", "ndksym", *args], capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False
    )


def test_help_does_not_import_sympy():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ndksym", "--help"], capture_output=True, text=True, check=True
    )
    assert "derive" in done.stdout
    assert "sympy" not in done.stderr
    assert "numpy" not in done.stderr


def test_help_has_an_example_of_each_command_and_lists_every_choice():
    from ndksym.cli import completion

    shown = " ".join(ndksym("--help").stdout.split())
    for command in ("derive", "phases", "list", "solve", "simulate", "verify", "generate"):
        assert f"ndksym {command}" in shown
    for command, words in (("solve", completion.methods("")), ("simulate", completion.dynamics(""))):
        shown = ndksym(command, "--help").stdout
        assert all(word in shown for word in words)


def test_version():
    done = ndksym("--version")
    assert (done.returncode, done.stdout) == (0, f"ndksym {importlib.metadata.version('ndksym')}\n")
    assert package.__version__ == importlib.metadata.version("ndksym")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ndksym s", ["simulate", "solve"]),
        ("ndksym derive gel", ["gelu"]),
        ("ndksym verify hermite", ["hermite3"]),
        ("ndksym derive relu --nng", ["--nngp-only"]),
        ("ndksym derive relu --code ", ["c", "latex", "numpy"]),
        ("ndksym solve relu --backend ", ["c", "numpy"]),
        ("ndksym solve relu --method ", ["diffusive", "gradient", "langevin", "mpl"]),
        ("ndksym solve relu --data dig", ["digits:"]),
        ("ndksym solve relu --reduction m", ["mean"]),
        ("ndksym simulate relu --dynamics l", ["langevin"]),
        # nothing: the shell completes names of files
        ("ndksym solve relu --data my", []),
        ("ndksym solve relu --plot ", []),
        ("ndksym solve relu --save ru", []),
        ("ndksym derive relu --report ", []),
        ("ndksym generate relu --out ", []),
    ],
)
def test_the_shell_completes(line, words):
    env = {
        **os.environ, "_NDKSYM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "ndksym"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert sorted(done.stdout.split()) == words, done.stderr


def test_the_completion_of_a_shell_is_shown():
    env = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "ndksym", "--show-completion", "zsh"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "compdef" in done.stdout
    assert "ndksym" in done.stdout


def test_without_fork_a_time_limit_is_said_to_have_no_effect(monkeypatch, capsys):
    from ndksym.cli.timeout import run_in_child

    monkeypatch.delattr(os, "fork")
    run_in_child(None)
    assert capsys.readouterr() == ("", "")
    run_in_child(5.0)
    assert "--timeout has no effect" in capsys.readouterr().err


def test_the_package_shows_its_public_names_alone():
    code = (
        "import ndksym, ndksym.cli.main; ndksym.derive; print(*dir(ndksym)); "
        "print(*dir(ndksym.errors), *dir(ndksym.symbols), *dir(ndksym.simulation))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first.split() == sorted(package.__all__)
    assert {"InputError", "k12", "width_scan", "empirical_ntk"} <= set(second.split())
    assert not {"reprlib", "Any", "Symbol", "import_module", "brief"} & set(second.split())


def test_derive_gelu_as_json():
    done = ndksym("derive", "x*(1+erf(x/sqrt(2)))/2", "--depth", "3", "--bias", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert (document["depth"], document["bias"], document["closed_form"]) == (3, True, True)
    assert document["nngp"] is None
    K, K_dot = (sympy.sympify(document[key], locals=NAMES) for key in ("K", "K_dot"))
    assert K.free_symbols == {symbols.a, symbols.b, symbols.c}
    # published anchor: E[gelu(u) gelu(v)] at a = b = 1, ρ = 1/2
    at = {symbols.a: 1, symbols.b: 1, symbols.c: sympy.Rational(1, 2)}
    assert abs(sympy.N(K.xreplace(at), 32) - sympy.Float("0.22729491502199153501806676091125", 32)) < 1e-31
    assert abs(sympy.N((K.diff(symbols.c) - K_dot).xreplace(at), 30)) < 1e-28
    assert {entry["rung"] for entry in document["certificate"]} >= {"exact", "precise", "oracle"}
    assert all(set(entry) >= {"rung", "verdict", "detail"} for entry in document["certificate"])


def test_expand_writes_the_kernels_out():
    short = json.loads(ndksym("derive", "erf", "--depth", "2", "--json").stdout)
    assert all(isinstance(short[key], str) for key in ("nngp", "ntk", "ndk"))
    long = json.loads(ndksym("derive", "erf", "--depth", "3", "--json", "--expand").stdout)
    ndk = sympy.sympify(long["ndk"], locals=NAMES)
    assert ndk.free_symbols <= {NAMES[n] for n in ("k11", "k12", "k22", "t", "s", "T", "sigma2", "sigma02")}


def test_a_case_is_not_an_activation():
    done = ndksym("derive", "hermite3")
    assert done.returncode == 2
    assert "hermite3 is a case, not an activation; try: ndksym verify hermite3" in done.stderr


def test_no_closed_form_is_said():
    done = ndksym("derive", "tanh", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["closed_form"] is False
    assert document["K"] is None
    assert document["ndk"] is None


def test_several_activations_are_several_layers():
    document = json.loads(ndksym("derive", "relu", "erf", "--json").stdout)
    assert document["depth"] == 2
    assert [layer["activation"] for layer in document["layers"]] == ["relu", "erf"]


BAD = [
    ('__import__("os").system("id")', 2),
    ("9**9**9", 2),
    ("x.__class__", 2),
    ("lambda: 0", 2),
    ("1/0", 2),
    ("zoo", 2),
    ("x*y", 2),
    ("3", 2),
    ("I*x", 2),
    ("sqrt(x)", 2),
    ("", 2),
    ("exp(x**4)", 3),
    ("sign", 3),
    ("Heaviside(x)", 3),
]


@pytest.mark.parametrize(("text", "code"), BAD, ids=[text or "empty" for text, _ in BAD])
def test_bad_input_is_refused_at_once_with_a_reason(text, code, tmp_path):
    begin = time.monotonic()
    done = ndksym("derive", text, "--latex", str(tmp_path / "out.tex"))
    assert done.returncode == code, done.stderr
    assert time.monotonic() - begin < 20
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ndksym: ")
    assert "Traceback" not in done.stderr
    assert len(message) > 30
    assert list(tmp_path.iterdir()) == []
    assert done.stdout == ""


@pytest.mark.parametrize("depth", ["0", "-1", "x"])
def test_bad_depth(depth):
    done = ndksym("derive", "relu", "--depth", depth)
    assert done.returncode == 2
    assert "depth" in done.stderr


def test_unknown_names_list_what_is_known():
    done = ndksym("verify", "rleu")
    assert done.returncode == 2
    assert "relu" in done.stderr


def test_a_runaway_is_stopped_and_the_old_file_is_untouched(tmp_path):
    target = tmp_path / "out.tex"
    target.write_text("before")
    begin = time.monotonic()
    done = ndksym("derive", "x**60*erf(x)*sin(x)", "--depth", "9", "--latex", str(target), "--timeout", "1")
    assert done.returncode == 5, done.stderr
    assert "--timeout" in done.stderr
    assert time.monotonic() - begin < 10
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.tex"]


def test_latex_is_refused_before_the_work(tmp_path):
    done = ndksym("derive", "relu", "--latex", str(tmp_path / "no" / "out.tex"))
    assert done.returncode == 2
    assert "does not exist" in done.stderr
