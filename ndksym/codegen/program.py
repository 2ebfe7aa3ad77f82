"""Straight-line programs: inputs, assignments in order, outputs. Printers translate them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr, Pow, Rational, Symbol, count_ops, cse, numbered_symbols

from ndksym.codegen import functions as v
from ndksym.codegen.lower import LoweredTerms

__all__ = ["Output", "StraightLineProgram", "program"]

SMALLEST = Rational(1, 10**100)
"""Lower bound of half-angles in a denominator; it changes no float64 result, as 1 + SMALLEST rounds to 1."""


@dataclass(frozen=True)
class Output:
    """Σ terms; if `sized`, also Σ|terms|, which measures the cancellation."""

    name: str
    terms: tuple[Expr, ...]
    sized: bool = True


@dataclass(frozen=True)
class StraightLineProgram:
    """A straight-line program of float64 arithmetic and the functions of `functions`."""

    name: str
    inputs: tuple[Symbol, ...]
    assignments: tuple[tuple[Symbol, Expr], ...]
    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        defined = set(self.inputs)
        for symbol, expr in self.assignments:
            if not expr.free_symbols <= defined or symbol in defined:
                raise AssertionError(f"{self.name}: {symbol} = {expr} is out of order")
            defined.add(symbol)
        for output in self.outputs:
            if not set().union(*(term.free_symbols for term in output.terms)) <= defined:
                raise AssertionError(f"{self.name}: {output.name} uses a symbol that is not defined")

    @property
    def op_count(self) -> int:
        """Number of operations and function calls."""
        exprs = [expr for _, expr in self.assignments] + [term for output in self.outputs for term in output.terms]
        return sum(map(_operations, exprs)) + sum(len(output.terms) - 1 for output in self.outputs)


def program(
    name: str, inputs: Iterable[Symbol], parts: Mapping[str, LoweredTerms], sized: bool = True
) -> StraightLineProgram:
    """One program for several lowered expressions, with common subexpressions computed once.

    >>> square = LoweredTerms((v.p**4, v.p**2), ())
    >>> program("f", (v.p,), {"K": square}).assignments
    ()
    """
    definitions: dict[Symbol, Expr] = {}
    outputs = {key: _renamed(part, definitions) for key, part in parts.items()}
    bounded = _bounded(definitions, outputs)
    definitions = {symbol: expr.xreplace(bounded) for symbol, expr in definitions.items()}
    exprs = list(definitions.values()) + [term.xreplace(bounded) for terms in outputs.values() for term in terms]
    shared, reduced = cse(_with_bases(exprs), symbols=numbered_symbols("x", cls=Symbol, real=True), list=True)
    values = iter(reduced[: len(exprs)])
    assigned = dict(shared) | dict(zip(definitions, values, strict=False))
    assigned |= {symbol: v.maximum(old, SMALLEST) for old, symbol in bounded.items()}
    numbers: dict[Symbol, Expr] = {}
    while constant := {symbol: expr for symbol, expr in assigned.items() if not expr.free_symbols}:
        numbers |= constant
        assigned = {symbol: expr.xreplace(constant) for symbol, expr in assigned.items() if symbol not in constant}
    reduced_terms = {key: tuple(next(values).xreplace(numbers) for _ in terms) for key, terms in outputs.items()}
    finished = tuple(Output(key, terms, sized) for key, terms in reduced_terms.items())
    needed = [term for output in finished for term in output.terms]
    order = _ordered(assigned, needed)
    return _numbered(
        StraightLineProgram(name, tuple(inputs), tuple((symbol, assigned[symbol]) for symbol in order), finished)
    )


def _operations(expr: Expr) -> int:
    """Operations and calls at run time; the value of a number is computed before."""
    return int(count_ops(_with_plain_numbers(expr)))


def _with_plain_numbers(expr: Expr) -> Expr:
    if not expr.args or expr.is_Rational:
        return expr
    if not expr.free_symbols:
        return Symbol("number", positive=True)
    return expr.func(*map(_with_plain_numbers, expr.args), evaluate=False)


def _renamed(part: LoweredTerms, definitions: dict[Symbol, Expr]) -> list[Expr]:
    """The terms; equal definitions get one name."""
    names: dict[Symbol, Symbol] = {}
    for symbol, expr in part.definitions:
        expr = expr.xreplace(names)
        same = [other for other, value in definitions.items() if value == expr]
        names[symbol] = same[0] if same else Symbol(f"d{len(definitions)}", positive=symbol.is_positive, real=True)
        definitions[names[symbol]] = expr
    return [term.xreplace(names) for term in part.terms]


def _bounded(definitions: dict[Symbol, Expr], outputs: dict[str, list[Expr]]) -> dict[Symbol, Symbol]:
    """New names for s and k if something that vanishes with them stands in a denominator."""
    vanishing = {symbol for symbol, expr in definitions.items() if expr == 2 * v.s * v.k * v.p * v.q} | {v.s, v.k}
    exprs = [*definitions.values(), *(term for terms in outputs.values() for term in terms)]
    divisors = [power.base for expr in exprs for power in expr.atoms(Pow) if power.exp.could_extract_minus_sign()]
    divided = any(base.free_symbols & vanishing for base in divisors)
    return {symbol: Symbol(f"{symbol.name}_", positive=True) for symbol in (v.s, v.k)} if divided else {}


def _with_bases(exprs: list[Expr]) -> list[Expr]:
    """The expressions, and twice each base of a power, so that common subexpression elimination gives it a name."""
    bases = {
        power.base
        for expr in exprs
        for power in expr.atoms(Pow)
        if not power.base.is_Symbol and power.base.free_symbols and abs(power.exp) not in (1, Rational(1, 2))
    }
    return exprs + 2 * sorted(bases, key=str)


def _ordered(assigned: dict[Symbol, Expr], needed: list[Expr]) -> list[Symbol]:
    """The symbols that are needed, each after those it uses."""
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
    """The same program with the names x0, x1, … in order of appearance."""
    olds = [symbol for symbol, _ in old.assignments]
    names = {symbol: Symbol(f"x{n}", positive=symbol.is_positive, real=True) for n, symbol in enumerate(olds)}
    return StraightLineProgram(
        old.name,
        old.inputs,
        tuple((names[symbol], expr.xreplace(names)) for symbol, expr in old.assignments),
        tuple(Output(o.name, tuple(term.xreplace(names) for term in o.terms), o.sized) for o in old.outputs),
    )
