"""A new backend is one file: put into the folder of backends, it is found by everything that uses backends."""

import subprocess
import sys

import numpy as np
import pytest

import ndksym
from ndksym.cli import generate
from ndksym.codegen import backends
from ndksym.errors import InputError
from tests.generated_code import strict

__all__ = ["strict"]

TOY = '''"""A toy: NumPy under another name."""

from ndksym.codegen.backends.numpy import NumPy


class Toy(NumPy):
    name, label, file = "toy", "Toy", "kernel.toy"


BACKEND = Toy()
'''
WITH_TOY = """
import sys
from ndksym.codegen import backends
backends.__path__.append(sys.argv.pop(1))
from ndksym.cli.main import main
main()
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The folder of a package path that holds the toy, which is part of the package while the test runs."""
    folder = tmp_path / "more_backends"
    folder.mkdir()
    (folder / "toy.py").write_text(TOY)
    monkeypatch.setattr(backends, "__path__", [*backends.__path__, str(folder)])
    yield folder
    sys.modules.pop("ndksym.codegen.backends.toy", None)
    if hasattr(backends, "toy"):
        del backends.toy


def ndksym_with(folder, *words):
    command = [sys.executable, "-c", WITH_TOY, str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_file_is_found_by_compile(toy):
    assert backends.names() == ("c", "latex", "numpy", "toy")
    assert backends.runnable_names() == ("numpy", "c", "toy")
    X = np.array([[1.0, 2.0], [0.5, -1.0], [-1.0, -2.0]])
    d = ndksym.derive("gelu", depth=2)
    kernel = d.compile(backend="toy")
    assert kernel.backend == "toy"
    assert np.array_equal(kernel.ntk(X), d.compile("numpy").ntk(X))


def test_a_new_file_is_found_by_generate(toy, tmp_path):
    generate.generate(["softplus"], out=tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"kernel.toy", "kernel.py", "kernel.c", "kernel.tex", "derivation.json"} <= files


def test_a_new_file_is_found_by_the_ladder(toy):
    certificate = ndksym.derive("relu").verify(["code", "backends"])
    for rung in ("code", "backends"):
        claims = {row.claim.split(":")[0] for row in certificate if row.rung == rung}
        assert claims == {"numpy", "c", "toy"}
    assert not any(row.failed for row in certificate)


def test_a_new_file_is_found_by_the_command_line(toy, tmp_path):
    assert "c|latex|numpy|toy" in " ".join(ndksym_with(toy, "derive", "--help").replace("│", "").split())
    assert "def pair_0(p, q, c, s, k):" in ndksym_with(toy, "derive", "relu", "--code", "toy")
    assert '# or "c", "toy"' in ndksym_with(toy, "derive", "relu")
    ndksym_with(toy, "generate", "softplus", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "kernel.toy").is_file()
    rows = ndksym_with(
        toy, "solve", "relu", "--data", "orthogonal:4", "--backend", "toy", "--times", "0.1,1", "--temperature", "0.1"
    )
    assert "0.1" in rows


def test_a_backend_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="backend must be numpy or c; got str 'toy'"):
        ndksym.derive("relu").compile(backend="toy")
    with pytest.raises(InputError, match="backend must be numpy or c; got str 'latex'"):
        ndksym.derive("relu").compile(backend="latex")
