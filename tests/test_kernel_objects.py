"""Kernels and compiled layers as objects: shown in one line, pickled, copied, compared."""

import copy
import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

import ndksym
from ndksym.codegen import files
from tests.generated_code import BACKENDS, strict

__all__ = ["strict"]

X = np.array([[1.0, 2.0], [0.5, -1.0], [-1.0, -2.0]])
TIMES = {"t": 2.0, "s": [0.5, 2.0], "temperature": 0.3}
OPENED = """
import pickle, sys
k = pickle.loads(sys.stdin.buffer.read())
sys.stdout.buffer.write(k.ndk([[1.0, 2.0], [0.5, -1.0], [-1.0, -2.0]], t=2.0, s=[0.5, 2.0], temperature=0.3).tobytes())
"""


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("again", [lambda k: pickle.loads(pickle.dumps(k)), copy.copy, copy.deepcopy])
def test_a_kernel_is_pickled_and_copied(backend, again):
    kernel = ndksym.derive(["gelu", "relu", "tanh"]).compile(backend)
    kernel.ntk(X)
    other = again(kernel)
    assert (other == kernel) is True
    assert hash(other) == hash(kernel)
    assert repr(other) == repr(kernel)
    assert np.array_equal(other.ndk(X, **TIMES), kernel.ndk(X, **TIMES))
    assert np.array_equal(other.nngp(1e-130 * X), kernel.nngp(1e-130 * X)), "numbers of any size too"
    assert other.derivation.nngp is kernel.derivation.nngp is None


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_pickle_is_small_and_opened_by_another_process(backend):
    kernel = ndksym.derive("tanh", depth=2).compile(backend)
    before = pickle.dumps(kernel)
    want = kernel.ndk(X, **TIMES)
    packed = pickle.dumps(kernel)
    assert len(packed) == len(before), "what was computed stays behind"
    run = subprocess.run([sys.executable, "-c", OPENED], input=packed, capture_output=True, check=True)
    assert np.array_equal(np.frombuffer(run.stdout), want.ravel())


def test_equality_is_a_bool_about_what_is_computed():
    kernel = ndksym.derive("gelu", depth=2).compile()
    assert (kernel == ndksym.derive("gelu", depth=2).compile()) is True
    others = [
        ndksym.derive("gelu", depth=3).compile(),
        ndksym.derive("gelu", depth=2, bias=True).compile(),
        ndksym.derive("erf", depth=2).compile(),
        kernel.layers[0],
        "gelu",
        X,
    ]
    assert all((kernel != other) is True for other in others[:-1])
    if len(BACKENDS) > 1:
        assert kernel != ndksym.derive("gelu", depth=2).compile(BACKENDS[1])
    assert len({kernel, ndksym.derive("gelu", depth=2).compile(), *others[:3]}) == 4


def test_a_kernel_is_shown_in_one_line_and_as_a_table():
    kernel = ndksym.derive(["Piecewise((x, x > 1), (0, True))", "tanh"], bias=True).compile()
    assert len(repr(kernel).splitlines()) == 1
    assert repr(kernel).startswith("Kernel(Piecewise((x, x > 1), (0, True)), tanh: depth 2, with biases, numpy; ")
    assert [len(repr(layer).splitlines()) for layer in kernel.layers] == [1, 1]
    table = kernel._repr_html_()
    assert table.startswith("<table>")
    assert table.count("<tr>") == 2
    assert "x &gt; 1" in table
    assert "x > 1" not in table
    assert "depth 2, with biases, numpy" in table


def test_a_kernel_of_a_generated_folder_is_pickled_too(tmp_path, monkeypatch):
    for file, text in files.expected("alone", ndksym.derive("gelu"), BACKENDS).items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = importlib.util.spec_from_file_location("generated_kernel", tmp_path / "kernel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kernel = module.network()
    try:
        other = pickle.loads(pickle.dumps(kernel))
        assert other == kernel
        assert np.array_equal(other.ntk(X), kernel.ntk(X))
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "ndksym_runtime"]:
            del sys.modules[name]
