"""NumPy: functions of arrays."""

import re
from typing import Any

from ndksym.codegen import load, standalone
from ndksym.codegen.backends.base import Ending, Printer, Source, Split, call_format, literal
from ndksym.codegen.functions import CORE, SUPPORT
from ndksym.codegen.program import Output, StraightLineProgram
from ndksym.runtime.compiled import NUMPY, Facts, LoadedText

__all__ = ["BACKEND", "NumPy"]

_OWN = {"exp_": "np.exp({0})", "atan": "np.arctan({0})", "atan2": "np.arctan2({0}, {1})", "asinh": "np.arcsinh({0})",
        "erf": "erf({0})",
        "erfc": "erfc({0})", "where": "np.where({0} > 0.0, {1}, {2})"}  # fmt: skip


def _full(printer: Printer, program: StraightLineProgram, output: Output) -> list[str]:
    """Lines that assign an output and, if it is `sized`, its size; constants get the shape of the inputs."""
    like, name = program.inputs[0].name, output.name
    lines, names = [], []
    for n, term in enumerate(output.terms):
        names.append(name if len(output.terms) == 1 else f"{name}_{n}")
        text = printer(term) if term.free_symbols else f"np.full_like({like}, {printer(term)})"
        lines.append(f"{names[-1]} = {text}")
    if len(names) > 1:
        lines.append(f"{name} = {' + '.join(names)}")
    if output.sized:
        lines.append(f"{name}_size = {' + '.join(f'np.abs({part})' for part in names)}")
    return lines


def _program(printer: Printer, program: StraightLineProgram) -> str:
    lines = [f"{symbol.name} = {printer(expr)}" for symbol, expr in program.assignments]
    results = []
    for output in program.outputs:
        lines += _full(printer, program, output)
        results += [output.name, f"{output.name}_size"] if output.sized else [output.name]
    body = "\n".join(f"    {line}" for line in lines)
    inputs = ", ".join(symbol.name for symbol in program.inputs)
    return f"def {program.name}({inputs}):\n{body}\n    return {', '.join(results)}\n"


def _split(printer: Printer, split: Split) -> str:
    """Each piece is evaluated within its own interval only, so values that are not selected cannot overflow."""
    text = "".join(_program(printer, piece) + "\n\n" for piece in split.pieces)
    ends = [literal(edge) for edge in split.edges]
    calls = []
    for n, piece in enumerate(split.pieces):
        above = f"np.maximum(u, {ends[n - 1]})" if n else "u"
        calls.append(f"{piece.name}(np.minimum({above}, {ends[n]}))" if n < len(ends) else f"{piece.name}({above})")
    choice = calls[-1]
    for end, call in zip(reversed(ends), reversed(calls[:-1]), strict=True):
        choice = f"np.where(u < {end}, {call}, {choice})"
    return f"{text}def {split.name}(u):\n    return {choice}\n"


_TABLE = {word.__name__: call_format(f"np.{word.__name__}", word.arity) for word in CORE}
_TABLE |= {word.__name__: call_format(word.__name__, word.arity) for word in SUPPORT} | _OWN

_NETWORK = '''

LAYERS = {layers}
HIDDEN = {hidden}
"""Which of the layers above each hidden layer of the network is."""
BIAS = {bias}


def network():
    """The kernels of the network: .nngp(X), .ntk(X), .prior_covariance(X, t=..., s=...), .ndk(X, t=..., s=...)."""
    from ndksym.runtime.compiled import network

    return network(globals())
'''


def _python(value: Any) -> str:
    if isinstance(value, list):
        return f"({''.join(f'{item!r}, ' for item in value).rstrip()})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


class NumPy:
    """The reference backend: it needs NumPy and SciPy only, and its text also runs on numbers of any size (runtime.wide)."""

    name, label, file, separation = NUMPY, "NumPy", "kernel.py", "\n\n"
    printer = Printer("NumPy", "#", _TABLE, "np.sqrt({0})", "np.power({0}, {1})", "inf", _program, _split)

    def open(self, text: str) -> LoadedText:
        """Run the text in a namespace of its own."""
        return load.opened(text)

    def header(self, body: str) -> str:
        """The imports of the functions that are called."""
        words = set(re.findall(r"\b[a-z_0-9]+(?=\()", body))
        lines = ["import numpy as np"]
        if special := sorted(words & {"erf", "erfc"}):
            lines.append(f"from scipy.special import {', '.join(special)}")
        if support := sorted(words & {word.__name__ for word in SUPPORT}):
            lines += ["", f"from ndksym.runtime.special import {', '.join(support)}"]
        return "\n".join(lines) + '\n\ninf = float("inf")\n'

    def facts(self, n: int, facts: Facts, source: Source) -> str:
        """A dictionary."""
        lines = "".join(f'    "{key}": {_python(value)},\n' for key, value in facts.items())
        return f"\nLAYER_{n} = {{\n{lines}}}\n"

    def ending(self, ending: Ending) -> str:
        """The network, as a function without arguments."""
        return _NETWORK.format(layers=ending.layers, hidden=_python(list(ending.order)), bias=ending.bias)

    def folder(self, text: str) -> dict[str, str]:
        """The module, and the copy of `ndksym.runtime` that it imports."""
        return {self.file: standalone.alone(text)} | standalone.runtime()


BACKEND = NumPy()
