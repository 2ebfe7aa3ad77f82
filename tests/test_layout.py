"""The order of the house: an import points to a lower floor, or to an earlier room on the same one."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ndksym"

PLAN = """
0  errors checks symbols scratch files records lifeline timebox console threads
0  owen special planting quotient tower precise identity claim complex_zeros
1  bounds text catalogue numeric limit jets roots parse pieces growth strip activation
2  gaussian dual
3  mpl recursion
4  ndk identities
5  mathml typeset derivation cases
6  runtime codegen network_argument networks generation
7  archive data dynamics simulation expansion laws verify
8  listing present figures plots progress solving simulating report deriving arguments cli __main__
"""
FLOORS = [line.split()[1:] for line in PLAN.strip().splitlines()]
ORDER = [name for floor in FLOORS for name in floor]
ORACLE_MAY_USE = {name for floor in FLOORS[:3] for name in floor} - {
    "planting",
    "quotient",
    "tower",
    "identity",
    "claim",
}
LAZY_UPWARD = {("derivation", "codegen"), ("derivation", "verify"), ("dynamics", "plots")}
"""Methods that hand over to a later floor, and load it when they are called."""


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree):
    """(module, lazy) for each import of our own that runs; those under TYPE_CHECKING do not."""

    def visit(node, lazy):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "ndksym":
                parts = child.module.split(".")
                yield from ((name, lazy) for name in (parts[1:2] or [alias.name for alias in child.names]))
            elif isinstance(child, ast.Import):
                ours = (alias.name.split(".") for alias in child.names if alias.name.startswith("ndksym."))
                yield from ((parts[1], lazy) for parts in ours)
            yield from visit(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    return list(visit(tree, False))


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_down(path):
    here = room(path)
    for there, lazy in imports(ast.parse(path.read_text())):
        if there == here or (lazy and (here, there) in LAZY_UPWARD):
            continue
        if here == "oracle":
            assert there in ORACLE_MAY_USE, f"the oracle shares no code with what it checks: {there}"
        elif there == "oracle":
            assert here == "verify", f"only verify consults the oracle, not {here}"
        else:
            assert here in ORDER, f"{here} has no place in the order of the house; give it one"
            assert there in ORDER, f"{there} has no place in the order of the house; give it one"
            assert ORDER.index(there) < ORDER.index(here), f"{here} leans on {there}, which stands above it"


def test_the_check_can_fail():
    tree = ast.parse(
        "import ndksym.verify\ndef f():\n    from ndksym import codegen\n    from ndksym.runtime.x import y\n"
    )
    assert imports(tree) == [("verify", False), ("codegen", True), ("runtime", True)]
    guarded = ast.parse("if TYPE_CHECKING:\n    from ndksym.verify import Evidence\n")
    assert imports(guarded) == []


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


EXPANSION = [f"expansion.{path.stem}" for path in FILES if path.parent.name == "expansion" and path.stem != "__init__"]
OURS = ("__init__", "claim", "identity", "precise", "planting", "quotient", "tower", "mpl", "recursion", "ndk")

PHYSICS = ("dynamics", "dynamics.frozen", "simulation.empirical", "simulation.laziness")


@pytest.mark.parametrize(
    "name",
    [
        *OURS,
        "identities",
        "derivation",
        "mathml",
        "typeset",
        "cases",
        "records",
        "data",
        "checks",
        "generation",
        *PHYSICS,
        *EXPANSION,
    ],
)
def test_examples_in_docstrings(name):
    module = importlib.import_module("ndksym" if name == "__init__" else f"ndksym.{name}")
    assert doctest.testmod(module).failed == 0
