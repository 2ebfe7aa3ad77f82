"""Programs: named inputs, assignments in order, outputs. All that a printer sees."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr, Pow, Rational, Symbol, count_ops, cse, numbered_symbols

from ndksym.codegen import functions as v
from ndksym.codegen.lower import LoweredTerms

__all__ = ["Output", "StraightLineProgram", "program"]

SMALLEST = Rational(1, 10**100)
"""Half-angles that are divided by are held above this: 1 is as near to 1 + SMALLEST as to anything."""


@dataclass(frozen=True)
class Output:
    """Σ terms; where `sized`, also Σ|terms|, the measure of cancellation."""

    name: str
    terms: tuple[Expr, ...]
    sized: bool = True


@dataclass(frozen=True)
class StraightLineProgram:
    """A straight-line program of float64 arithmetic and the functions of `vocabulary`."""

    name: str
    inputs: tuple[Symbol, ...]
    assignments: tuple[tuple[Symbol, Expr], ...]
    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        known = set(self.inputs)
        for symbol, expr in self.assignments:
            if not expr.free_symbols <= known or symbol in known:
                raise AssertionError(f"{self.name}: {symbol} = {expr} is out of order")
            known.add(symbol)
        for output in self.outputs:
            if not set().union(*(term.free_symbols for term in output.terms)) <= known:
                raise AssertionError(f"{self.name}: {output.name} uses what is not defined")

    @property
    def op_count(self) -> int:
        """Operations and function calls."""
        exprs = [expr for _, expr in self.assignments] + [term for output in self.outputs for term in output.terms]
        return sum(map(_operations, exprs)) + sum(len(output.terms) - 1 for output in self.outputs)


def program(
    name: str, inputs: Iterable[Symbol], parts: Mapping[str, LoweredTerms], sized: bool = True
) -> StraightLineProgram:
    """One program for several lowered expressions, common subexpressions shared.

    >>> square = LoweredTerms((v.p**4, v.p**2), ())
    >>> program("f", (v.p,), {"K": square}).assignments
    ()
    """
    definitions: dict[Symbol, Expr] = {}
    outputs = {key: _renamed(part, definitions) for key, part in parts.items()}
    held = _held(definitions, outputs)
    definitions = {symbol: expr.xreplace(held) for symbol, expr in definitions.items()}
    exprs = list(definitions.values()) + [term.xreplace(held) for terms in outputs.values() for term in terms]
    shared, reduced = cse(_with_bases(exprs), symbols=numbered_symbols("x", cls=Symbol, real=True), list=True)
    values = iter(reduced[: len(exprs)])
    assigned = dict(shared) | dict(zip(definitions, values, strict=False))
    assigned |= {symbol: v.maximum(old, SMALLEST) for old, symbol in held.items()}
    numbers: dict[Symbol, Expr] = {}
    while found := {symbol: expr for symbol, expr in assigned.items() if not expr.free_symbols}:
        numbers |= found
        assigned = {symbol: expr.xreplace(found) for symbol, expr in assigned.items() if symbol not in found}
    reduced_terms = {key: tuple(next(values).xreplace(numbers) for _ in terms) for key, terms in outputs.items()}
    finished = tuple(Output(key, terms, sized) for key, terms in reduced_terms.items())
    needed = [term for output in finished for term in output.terms]
    order = _ordered(assigned, needed)
    return _numbered(
        StraightLineProgram(name, tuple(inputs), tuple((symbol, assigned[symbol]) for symbol in order), finished)
    )


def _operations(expr: Expr) -> int:
    """Operations and calls of the program; what a number is made of is worked out before it runs."""
    return int(count_ops(_with_plain_numbers(expr)))


def _with_plain_numbers(expr: Expr) -> Expr:
    if not expr.args or expr.is_Rational:
        return expr
    if not expr.free_symbols:
        return Symbol("number", positive=True)
    return expr.func(*map(_with_plain_numbers, expr.args), evaluate=False)


def _renamed(part: LoweredTerms, definitions: dict[Symbol, Expr]) -> list[Expr]:
    """The terms, with definitions that are equal given one name."""
    names: dict[Symbol, Symbol] = {}
    for symbol, expr in part.definitions:
        expr = expr.xreplace(names)
        known = [other for other, value in definitions.items() if value == expr]
        names[symbol] = known[0] if known else Symbol(f"d{len(definitions)}", positive=symbol.is_positive, real=True)
        definitions[names[symbol]] = expr
    return [term.xreplace(names) for term in part.terms]


def _held(definitions: dict[Symbol, Expr], outputs: dict[str, list[Expr]]) -> dict[Symbol, Symbol]:
    """New names for s and k where something that vanishes with them is divided by."""
    vanishing = {symbol for symbol, expr in definitions.items() if expr == 2 * v.s * v.k * v.p * v.q} | {v.s, v.k}
    exprs = [*definitions.values(), *(term for terms in outputs.values() for term in terms)]
    divisors = [power.base for expr in exprs for power in expr.atoms(Pow) if power.exp.could_extract_minus_sign()]
    divided = any(base.free_symbols & vanishing for base in divisors)
    return {symbol: Symbol(f"{symbol.name}_", positive=True) for symbol in (v.s, v.k)} if divided else {}


def _with_bases(exprs: list[Expr]) -> list[Expr]:
    """The expressions, and twice whatever is multiplied by itself: so that it gets a name."""
    bases = {
        power.base
        for expr in exprs
        for power in expr.atoms(Pow)
        if not power.base.is_Symbol and power.base.free_symbols and abs(power.exp) not in (1, Rational(1, 2))
    }
    return exprs + 2 * sorted(bases, key=str)


def _ordered(assigned: dict[Symbol, Expr], needed: list[Expr]) -> list[Symbol]:
    """What is needed, each after what it uses."""
    order: dict[Symbol, None] = {}

    def visit(expr: Expr) -> None:
        for symbol in sorted(expr.free_symbols, key=str):
            if symbol in assigned and symbol not in order:
                visit(assigned[symbol])
                order[symbol] = None

    for expr in needed:
        visit(expr)
    return list(order)


def _numbered(old: StraightLineProgram) -> StraightLineProgram:
    """The same with x0, x1, … in order of appearance."""
    olds = [symbol for symbol, _ in old.assignments]
    names = {symbol: Symbol(f"x{n}", positive=symbol.is_positive, real=True) for n, symbol in enumerate(olds)}
    return StraightLineProgram(
        old.name,
        old.inputs,
        tuple((names[symbol], expr.xreplace(names)) for symbol, expr in old.assignments),
        tuple(Output(o.name, tuple(term.xreplace(names) for term in o.terms), o.sized) for o in old.outputs),
    )
