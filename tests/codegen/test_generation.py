"""Generated folders work alone, and no two networks share one."""

import ast
import importlib.util
import json
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ndksym import cases
from ndksym.cli import generate
from ndksym.codegen import files, standalone
from ndksym.derivation import derive
from ndksym.errors import InputError
from tests.generated_code import strict

__all__ = ["strict"]

ALONE = """
import importlib.abc, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.split(".")[0]
        if top not in ("numpy", "scipy", "kernel", "ndksym_runtime", *sys.stdlib_module_names) and top[0] != "_":
            raise ModuleNotFoundError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import numpy as np
import kernel

k = kernel.network()
X = np.array(json.loads(sys.argv[2]))
bias = {"bias": 0.3} if kernel.BIAS else {}
print(json.dumps([k.nngp(X, **bias).tolist(), k.ntk(X, **bias).tolist(), k.ndk(X, t=1.0, s=0.5, temperature=0.1, **bias).tolist()]))
try:
    k.ntk("text")
except ValueError as error:
    raise SystemExit(f"{error} is a ValueError")
except TypeError:
    pass
"""
X = np.random.default_rng(5).normal(size=(4, 3))


@pytest.mark.parametrize(("network", "bias"), [(["relu", "erf", "relu"], True), ("gelu", False), ("tanh", True)])
def test_a_folder_works_without_ndksym_and_sympy(network, bias, tmp_path):
    d = derive(network, bias=bias)
    for file, text in files.expected("alone", d, ("numpy", "c")).items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", "-c", ALONE, str(tmp_path), json.dumps(X.tolist())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    k, more = d.compile("numpy"), {"bias": 0.3} if bias else {}
    here = [k.nngp(X, **more), k.ntk(X, **more), k.ndk(X, t=1.0, s=0.5, temperature=0.1, **more)]
    assert np.array_equal(json.loads(done.stdout), np.array(here))
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler:
        flags = ["-c", "kernel.c", "-Wall", "-Wextra", "-Werror", "-o", "kernel.o"]
        subprocess.run([compiler, *flags], cwd=tmp_path, check=True, capture_output=True)


def test_a_file_is_loaded_by_its_path_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    generate.generate(["erf"], out=tmp_path, depth=2)
    found = importlib.util.spec_from_file_location("a_kernel", tmp_path / "kernel.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert (module.LAYERS, module.HIDDEN, module.BIAS) == (1, (0, 0), False)
    assert np.array_equal(module.network().ntk(X), derive("erf", depth=2).compile().ntk(X))


def test_the_copied_runtime_imports_nothing_else():
    for name, text in standalone.runtime().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            else:
                continue
            for module in modules:
                assert module.split(".")[0] in {"numpy", "scipy", *sys.stdlib_module_names}, (name, module)


def test_three_activations_have_three_folders(tmp_path):
    texts = ["x**2+x", "x*2+x", "x**2-x"]
    report = generate.generate(texts, out=tmp_path)
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == 3
    found = {json.loads((path / "derivation.json").read_text())["duals"][0]["expr"] for path in folders}
    assert found == {"x**2 + x", "3*x", "x**2 - x"}
    assert len(report.written) == len(set(report.written))
    assert generate.generate(texts[::-1], out=tmp_path).written == []


TEXTS = st.text(alphabet="xX2+*-()^ gGelureRELU_.,π", max_size=12)


@given(texts=st.lists(TEXTS, min_size=2, max_size=6, unique=True))
def test_folder_names_never_clash(texts):
    names = [generate._folder_name(text) for text in texts]
    known = [case.id for case in cases.cases()]
    for one, other in combinations(names, 2):
        assert one.lower() != other.lower()
    for text, name in zip(texts, names, strict=True):
        assert name == text or name.lower() not in known
        assert Path(name).name == name
        assert name.isascii()


def test_one_network_goes_into_the_folder_itself(tmp_path):
    generate.generate(["relu"], out=tmp_path / "one")
    assert (tmp_path / "one" / "kernel.py").is_file()


def test_outside_a_clone_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "FOLDER", tmp_path / "derivations")
    monkeypatch.setattr(generate, "FOLDER", tmp_path / "derivations")
    for options in ({}, {"out": tmp_path / "g"}, {"check": True}):
        with pytest.raises(InputError, match=r"no cases here.*--out FOLDER"):
            generate.generate([], **options)
    with pytest.raises(InputError, match="--out FOLDER"):
        generate.generate(["relu"])
    assert generate.generate(["relu"], out=tmp_path / "g").written
