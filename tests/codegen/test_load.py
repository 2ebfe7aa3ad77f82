"""Modules as texts and as loaded layers: several layers in one, deterministic, harmless, privately kept."""

import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace

import numpy as np
import pytest

from ndksym.activation.activation import activation
from ndksym.codegen.backends import names
from ndksym.codegen.backends.base import Split
from ndksym.codegen.compile import compile_layers, load
from ndksym.codegen.module import module, programs
from ndksym.errors import FileError, InputError, MissingExtraError, NdksymError, NotDerivableError
from tests.closed_forms import typed
from tests.generated_code import BACKENDS, strict

__all__ = ["strict"]

EVIL = '*/ "; import os' + chr(10) + 'system("id")' + chr(92) + " %s é ??/"


@pytest.mark.parametrize("backend", BACKENDS)
def test_layers_share_a_module_and_any_shape_goes_in(backend):
    sources = [typed("relu"), typed("erf"), replace(typed("sin"), closed_form=False)]
    relu, erf, open_ = load(module("three", sources, backend), backend)
    assert (relu.name, erf.name, open_.name) == ("relu", "erf", "sin")
    assert relu.breaks == (0.0,)
    assert relu.smoothness == 1
    assert (erf.smoothness, erf.strip, erf.reach, erf.parity) == (np.inf, np.inf, np.inf, "odd")
    out = relu.pair(np.ones((2, 1)), np.ones(3), 0.5, 0.5, np.sqrt(0.75))
    assert all(array.shape == (2, 3) for array in out)
    assert relu.phi(3.0).shape == ()
    assert np.array_equal(relu.phi([[-1, 2], [0, -0.0]]), [[0, 2], [0, 0]])
    u = np.ones(3)
    assert relu.diag(u)[0] is not u
    assert compile_layers([typed("abs")], backend)[0].diag(u)[0] is not u
    with pytest.raises(NotDerivableError, match="no closed form"):
        open_.pair(1, 1, 0, 0, 1)
    twins = load(module("twins", [typed("relu"), typed("relu")], backend), backend)
    assert twins[0].name != twins[1].name


@pytest.mark.parametrize("backend", names())
def test_text_is_harmless(backend):
    evil = replace(typed("relu"), activation=replace(activation("relu"), name=EVIL))
    text = module('x"\n*/ import os', [typed("gelu"), evil], backend, notes=["a note\nwith a line"])
    assert "do not edit" in text.splitlines()[0]
    assert not any(line.startswith(("import os", "system", "with a line")) for line in text.splitlines())
    if backend in BACKENDS:
        load(text, backend)


def test_text_does_not_depend_on_the_hash_seed():
    code = (
        "from ndksym.activation.activation import activation; from ndksym.kernels.dual import dual;"
        "from ndksym.codegen.backends import names; from ndksym.codegen.module import module;"
        "duals = [dual(activation(n)) for n in ('gelu', 'elu', 'x*sin(2*x)', 'mish')];"
        "print(*(module('g', duals, backend) for backend in names()))"
    )
    texts = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        texts.add(run.stdout)
    assert len(texts) == 1
    assert len(texts.pop()) > 10_000


def test_unknown_backends_are_named():
    with pytest.raises(InputError, match="backend must be numpy, c or latex; got str 'cobol'"):
        module("x", [typed("relu")], "cobol")
    with pytest.raises(InputError, match="allowed are numpy, c"):
        load("", "latex")


def test_without_a_compiler_the_way_out_is_named(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(MissingExtraError, match=r"no-such-compiler.*CC"):
        compile_layers([typed("cube")], "c", "no compiler")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtraError, match="C compiler"):
        compile_layers([typed("cube")], "c", "no compiler")


def test_a_refusal_of_the_compiler_is_shown():
    with pytest.raises(NdksymError, match="refused the generated code"):
        load("int f(void) { return undeclared; }", "c")


@pytest.mark.parametrize(
    ("command", "error", "said"),
    [
        ("gcc '", InputError, r"CC is no command.*gcc '"),
        ("true", NdksymError, "has written no library"),
        ("/dev/null", MissingExtraError, "none was found"),
        ("{}", MissingExtraError, "cannot be run"),
    ],
)
def test_a_cc_that_is_none_is_named(command, error, said, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.write_text("no program")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", command.format(broken))
    with pytest.raises(error, match=said):
        compile_layers([typed("cube")], "c", "no compiler")


def test_libraries_are_kept_private_and_reused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compile_layers([typed("cube")], "c")
    folder = tmp_path / "ndksym"
    (library,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = library.stat().st_mtime_ns
    compile_layers([typed("cube")], "c")
    assert library.stat().st_mtime_ns == before
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    folder.chmod(0o777)
    (layer,) = compile_layers([typed("cube")], "c", "elsewhere")
    assert len(list(folder.iterdir())) == 1
    assert layer.phi(2.0) == 8
    assert list(temporary.iterdir()) == [], "what cannot be kept is not left about either"


DAMAGE = {
    "nothing": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-900] + bytes([content[-900] ^ 1]) + content[-899:],
    "longer": lambda content: content + b"x",
    "zeros": lambda content: bytes(len(content)),
    "another": lambda content: content.replace(b"ndk_phi_0", b"ndk_phi_1"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_library_is_made_again(damage, tmp_path, monkeypatch):
    """Not opened: of one that is too short, the use of a page that is not there ends the process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = f"{module('damaged', [typed('cube')], 'c')}// {tmp_path}"
    load(text, "c")
    (library,) = (tmp_path / "ndksym").iterdir()
    content = library.read_bytes()
    library.unlink()  # what is loaded stays mapped
    library.write_bytes(damage(content))
    assert load(text, "c")[0].phi(2.0) == 8
    assert {path.name: path.read_bytes() for path in (tmp_path / "ndksym").iterdir()} == {library.name: content}


def test_without_any_folder_the_reason_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileError, match="No such file"):
        compile_layers([typed("cube")], "c", "nowhere")


def test_programs_are_in_order_and_split_at_the_breaks():
    phi, dphi, diag, pair = programs(typed("relu"))
    assert isinstance(phi, Split)
    assert phi.edges == dphi.edges == (0,)
    assert [output.name for output in pair.outputs] == ["K", "K_dot", "PQ_minus_K"]
    assert diag.op_count > 0
    with pytest.raises(AssertionError, match="out of order"):
        replace(pair, assignments=pair.assignments[::-1])
