"""The order of the house: an import points to an earlier room, wherever in a file it stands."""

import ast
import doctest
import importlib
import subprocess
import sys

import pytest

import ndksym
from tests import layout
from tests.layout import FILES, PACKAGE

NAMES = [layout.module(path) for path in FILES]
LOOSE = {"__init__", "__main__", "errors", "symbols", "derivation", "cases"}
ORACLE_MAY_USE = {
    "errors",
    "symbols",
    "output",
    "runtime",
    "algebra.evaluate",
    "algebra.bivariate_normal",
    "activation",
}
"""The rest is what it checks."""


def test_rooms_and_names():
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert files <= LOOSE
    assert len([path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]) <= 13
    assert {layout.room(name) for name in NAMES} == set(layout.ROOMS)
    # importing a module of that name would replace the function
    assert not set(ndksym.__all__) - {"errors", "symbols", "simulation"} & (files | set(layout.ROOMS))


def test_imports_point_down_and_never_in_circles():
    assert layout.upward(layout.arrows()) == []
    assert layout.circles(layout.arrows(str)) == []


def test_the_oracle_shares_no_code_with_what_it_checks():
    for path in FILES:
        here = layout.module(path)
        for there in layout.imports(ast.parse(path.read_text(encoding="utf-8"))):
            if here.startswith("verify.oracle"):
                mine = (
                    there.startswith("verify.oracle") or layout.room(there) in ORACLE_MAY_USE or there in ORACLE_MAY_USE
                )
                assert mine, f"{here} uses {there}"
            elif there.startswith("verify.oracle"):
                assert layout.room(here) == "verify", f"only verify consults the oracle, not {here}"


def test_the_check_can_fail():
    tree = ast.parse(
        "import ndksym.verify\ndef f():\n    from ndksym import codegen\n    from ndksym.runtime.kernel import Kernel\n"
        "if TYPE_CHECKING:\n    from ndksym.simulation import pool\n"
    )
    assert sorted(layout.imports(tree)) == ["codegen", "runtime.kernel", "simulation.pool", "verify"]
    assert layout.upward({("runtime", "verify"), ("verify", "runtime")}) == [("runtime", "verify")]
    assert layout.circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [["a", "b", "c"]]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_are_one_idea_each(path):
    source = path.read_text()
    assert len(source.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(source))


CASES = sorted((PACKAGE.parent / "derivations").glob("*.py"))


@pytest.mark.parametrize("path", [*FILES, *CASES], ids=lambda path: path.stem)
def test_text_is_not_run(path):
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    named = {call.id for call in calls if isinstance(call, ast.Name)}
    assert not named & {"sympify", "parse_expr", "eval", "lambdify"}
    # generated modules, and nothing else, are loaded by running them
    assert "exec" not in named or path.parts[-2:] == ("codegen", "load.py")


def test_importing_the_package_is_cheap():
    seen = "print('sympy' in sys.modules, 'numpy' in sys.modules)"
    code = f"import sys, ndksym; {seen}; ndksym.derive; {seen}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:3] == ["False", "False", "True"]


def test_public_names_exist():
    import ndksym

    for name in ndksym.__all__:
        assert getattr(ndksym, name) is not None
        assert name in dir(ndksym)
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = ndksym.nothing_of_that_name


@pytest.mark.parametrize("name", NAMES)
def test_examples_in_docstrings(name):
    if name.startswith("verify.oracle"):
        pytest.importorskip("flint", reason="the oracle needs python-flint")
    module = importlib.import_module(f"ndksym.{name}") if name != "__main__" else ndksym
    assert doctest.testmod(module).failed == 0
