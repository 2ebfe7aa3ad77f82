"""Generated folders that work without ndksym: a copy of `ndksym.runtime` lies beside the module."""

import re
from functools import cache
from importlib.resources import files

__all__ = ["PACKAGE", "alone", "headers", "runtime"]

PACKAGE = "ndksym_runtime"
_INIT = '"""The runtime of generated kernels, a copy of ndksym.runtime: it needs NumPy and SciPy alone."""\n'
_HERE = """
# the runtime beside this file, however the file is loaded
if str(Path(__file__).resolve().parent) not in sys.path:
    sys.path.append(str(Path(__file__).resolve().parent))

"""


@cache
def runtime() -> dict[str, str]:
    """File name → text of the copy of `ndksym.runtime`; it imports nothing outside its folder but NumPy and SciPy."""
    folder = files("ndksym.runtime")
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".py")}
    texts["errors.py"] = files("ndksym").joinpath("errors.py").read_text(encoding="utf-8")
    copied = {name: _inside(text) for name, text in sorted(texts.items())}
    return {f"{PACKAGE}/{name}": text for name, text in (copied | {"__init__.py": _INIT}).items()}


@cache
def headers() -> dict[str, str]:
    """File name → text of the headers that generated C includes."""
    folder = files("ndksym.runtime")
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".h")}


def alone(module: str) -> str:
    """A generated NumPy module that imports from the copy instead of from ndksym."""
    standard = "import numpy as np\n"
    top, _, rest = module.partition(standard)
    imports, _, body = rest.partition("\ninf = ")
    own = [line for line in imports.splitlines() if line.startswith("from ndksym.")]
    others = [line for line in imports.splitlines() if line and line not in own]
    ordered = "\n".join(["import sys", "from pathlib import Path", "", standard.strip(), *others]) + "\n" + _HERE
    return _outside(top + ordered + "\n".join(own) + "\n" * bool(own) + "\ninf = " + body)


def _outside(text: str) -> str:
    return re.sub(r"\bfrom ndksym\.(?:runtime\.)?(\w+) import", rf"from {PACKAGE}.\1 import", text)


def _inside(text: str) -> str:
    text = re.sub(r"\bfrom ndksym\.runtime import", "from . import", text)
    return re.sub(r"\bfrom ndksym\.(?:runtime\.)?(\w+) import", r"from .\1 import", text)
