"""C11: scalar functions, and a loop over arrays around each."""

import json

from ndksym.codegen import standalone
from ndksym.codegen.backends.base import Ending, Printer, Source, Split, call_format, literal
from ndksym.codegen.functions import CORE, SUPPORT
from ndksym.codegen.library import opened
from ndksym.codegen.program import StraightLineProgram
from ndksym.runtime.compiled import Facts, LoadedText

__all__ = ["BACKEND", "C"]

_OWN = {"exp_": "exp({0})", "absolute": "fabs({0})", "sign": "ndk_sign({0})", "minimum": "ndk_min({0}, {1})",
        "maximum": "ndk_max({0}, {1})", "where": "({0} > 0.0 ? {1} : {2})"}  # fmt: skip


def _loop(name: str, inputs: list[str], outputs: list[str], body: str) -> str:
    """The exported function of n entries."""
    pointers = ", ".join([*(f"const double *{x}" for x in inputs), *(f"double *{y}" for y in outputs)])
    return f"void ndk_{name}(size_t n, {pointers}) {{\n    for (size_t i = 0; i < n; i++) {body}\n}}\n"


def _scalar(printer: Printer, program: StraightLineProgram) -> tuple[str, list[str]]:
    """A function of one entry, which returns its results through pointers."""
    results, lines = [], [f"const double {symbol.name} = {printer(expr)};" for symbol, expr in program.assignments]
    for output in program.outputs:
        names = [f"{output.name}_{n}" for n in range(len(output.terms))]
        lines += [f"const double {name} = {printer(term)};" for name, term in zip(names, output.terms, strict=True)]
        lines.append(f"*{output.name} = {' + '.join(names)};")
        results.append(output.name)
        if output.sized:
            lines.append(f"*{output.name}_size = {' + '.join(f'fabs({part})' for part in names)};")
            results.append(f"{output.name}_size")
    used = set().union(*(expr.free_symbols for _, expr in program.assignments)) | set().union(
        *(term.free_symbols for output in program.outputs for term in output.terms)
    )
    lines = [f"(void){x.name};" for x in program.inputs if x not in used] + lines
    body = "\n".join(f"    {line}" for line in lines)
    inputs = ", ".join(f"double {symbol.name}" for symbol in program.inputs)
    outputs = ", ".join(f"double *{result}" for result in results)
    return f"static void {program.name}({inputs}, {outputs}) {{\n{body}\n}}\n", results


def _program(printer: Printer, program: StraightLineProgram) -> str:
    text, results = _scalar(printer, program)
    inputs = [symbol.name for symbol in program.inputs]
    arguments = ", ".join([*(f"{x}[i]" for x in inputs), *(f"&{y}[i]" for y in results)])
    return f"{text}\n{_loop(program.name, inputs, results, f'{program.name}({arguments});')}"


def _split(printer: Printer, split: Split) -> str:
    text = "".join(_scalar(printer, piece)[0] + "\n" for piece in split.pieces)
    name = split.pieces[0].outputs[0].name
    calls = [f"{piece.name}(u[i], &{name}[i]);" for piece in split.pieces]
    choices = [f"if (u[i] < {literal(edge)}) {call}" for edge, call in zip(split.edges, calls, strict=False)] + calls[
        -1:
    ]
    return text + _loop(split.name, ["u"], [name], "{\n        " + "\n        else ".join(choices) + "\n    }")


_TABLE = {word.__name__: call_format(word.__name__, word.arity) for word in CORE}
_TABLE |= {word.__name__: call_format(f"ndk_{word.__name__}", word.arity) for word in SUPPORT} | _OWN


class C:
    """Needs a C compiler: $CC, or cc, gcc or clang on the path."""

    name, label, file, separation = "c", "C", "kernel.c", "\n"
    printer = Printer("C", "//", _TABLE, "sqrt({0})", "pow({0}, {1})", "INFINITY", _program, _split)

    def open(self, text: str) -> LoadedText:
        """Compile and load; a text that was compiled before is loaded from the user's cache."""
        return opened(text)

    def header(self, body: str) -> str:
        """The same includes for every text."""
        return '#include <math.h>\n#include <stddef.h>\n\n#include "ndk_support.h"\n'

    def facts(self, n: int, facts: Facts, source: Source) -> str:
        """A JSON document in a string."""
        text = json.dumps(facts).replace("\\", "\\\\").replace('"', '\\"')
        return f'\nconst char ndk_layer_{n}[] = "{text}";\n'

    def ending(self, ending: Ending) -> str:
        """The number of layers."""
        return f"\nconst int ndk_layers = {ending.layers};\n"

    def folder(self, text: str) -> dict[str, str]:
        """The module, and the header that it includes."""
        return {self.file: text} | standalone.headers()


BACKEND = C()
