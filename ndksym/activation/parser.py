"""Text → expression in `symbols.x`, by a whitelist: what is not named here is refused, and nothing is executed.

Python's own grammar reads the text into a syntax tree; the walk below builds SymPy nodes from the few kinds of node
it knows, checking bounds before each is built. `sympify`, `parse_expr` and `eval` see no user text.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction

from sympy import (
    Abs,
    And,
    Basic,
    E,
    Eq,
    Expr,
    Ge,
    Gt,
    Heaviside,
    Integer,
    Le,
    Lt,
    Max,
    Min,
    Ne,
    Not,
    Or,
    Piecewise,
    Rational,
    asinh,
    atan,
    ceiling,
    cos,
    cosh,
    erf,
    erfc,
    exp,
    expand,
    log,
    pi,
    sign,
    sin,
    sinh,
    sqrt,
    tan,
    tanh,
    true,
)

from ndksym.activation.catalogue import CATALOGUE
from ndksym.activation.size_limits import MAX_BITS, MAX_DEGREE, MAX_DEPTH, Size, measure
from ndksym.activation.syntax import RefusalError, parse_error, refused_kind, shown, tree_of
from ndksym.errors import InputError
from ndksym.symbols import x

__all__ = ["formula", "parse"]

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
_NOT_FINITE = {"oo", "zoo", "nan", "inf", "NaN", "Infinity"}
_EXP_LIMIT = 700  # |u| in exp(u) of a number u: what a double can hold

_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Expr]]] = {
    "exp": (1, 1, exp),
    "log": (1, 1, log),
    "sqrt": (1, 1, sqrt),
    "erf": (1, 1, erf),
    "erfc": (1, 1, erfc),
    "sin": (1, 1, sin),
    "cos": (1, 1, cos),
    "tan": (1, 1, tan),
    "sinh": (1, 1, sinh),
    "cosh": (1, 1, cosh),
    "tanh": (1, 1, tanh),
    "atan": (1, 1, atan),
    "asinh": (1, 1, asinh),
    "Abs": (1, 1, Abs),
    "abs": (1, 1, Abs),
    "sign": (1, 1, sign),
    "Heaviside": (1, 2, Heaviside),
    "Max": (1, 20, Max),
    "max": (1, 20, Max),
    "Min": (1, 20, Min),
    "min": (1, 20, Min),
    "Phi": (1, 1, lambda u: (1 + erf(u / sqrt(2))) / 2),
}
_RELATIONS = {"Lt": Lt, "Le": Le, "Gt": Gt, "Ge": Ge, "Eq": Eq, "Ne": Ne}
_CONNECTIVES = {"And": And, "Or": Or, "Not": Not}
_NAMES = {*_FUNCTIONS, *CATALOGUE, *_RELATIONS, *_CONNECTIVES, "Piecewise", "He"}
_CONSTANTS = {"pi": pi, "E": E}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Expr, Expr], Basic]] = {
    ast.Lt: Lt, ast.LtE: Le, ast.Gt: Gt, ast.GtE: Ge, ast.Eq: Eq
}  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """The text being read, what its names mean, and the sizes of the expressions built so far."""

    text: str
    names: Mapping[str, Expr]
    sizes: dict[Basic, Size] = field(default_factory=dict)


def parse(text: str, named: bool = False) -> Expr:
    """The expression in `symbols.x` that a text stands for; its one variable may have any name.

    With `named`, a catalogue name with numbers alone, such as "leaky_relu(0.2)", stands for the entry with these parameters.
    ParseError (an InputError and ValueError) says where and why a text is refused, and what is allowed.

    >>> parse("u*(1 + erf(u/sqrt(2)))/2")
    x*(erf(sqrt(2)*x/2) + 1)/2
    >>> parse("0.1*x")
    x/10
    >>> parse("leaky_relu(0.2)", named=True)
    Max(0, x) + Min(0, x)/5
    """
    try:
        text, tree = tree_of(text)
        if named and isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and _has_numbers_only(tree):
            numbers = (_read(arg, _Scope(text, {}), 0) for arg in tree.args)
            return _formula(tree.func.id, (x, *numbers), ast.Name(tree.func.id), _Scope(text, {}), 0)
        variables = {node.id: node for node in reversed(_variables(tree))}
        for name, node in variables.items():
            _check_variable(name, node, bare=node is tree)
        if len(variables) > 1:
            found = ", ".join(sorted(variables))
            raise RefusalError(None, f"there are {len(variables)} variables ({found}); φ has exactly one")
        expr = _read(tree, _Scope(text, dict.fromkeys(variables, x)), 0)
        if not expr.free_symbols:
            raise RefusalError(None, f"φ is the constant {shown(str(expr))}; it must depend on its variable")
        return expr
    except RefusalError as refusal:
        raise parse_error(text, refusal) from None


def formula(name: str, parameters: tuple[Expr, ...] = ()) -> Expr:
    """The expression of a catalogue entry at given parameters.

    >>> formula("leaky_relu", (Rational(1, 5),))
    Max(0, x) + Min(0, x)/5
    """
    try:
        return _formula(name, (x, *parameters), ast.Name(name), _Scope(name, {}), 0)
    except RefusalError as refusal:
        raise parse_error(name, refusal) from None


def _has_numbers_only(call: ast.Call) -> bool:
    """Whether a call is a catalogue name with numbers, and no variable."""
    return isinstance(call.func, ast.Name) and call.func.id in CATALOGUE and not call.keywords and not _variables(call)


def _variables(tree: ast.expr) -> list[ast.Name]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    return [node for node in names if node.id not in _CONSTANTS]


def _check_variable(name: str, node: ast.Name, *, bare: bool) -> None:
    if name in _NAMES:
        raise RefusalError(node, f"{name} is a function here; write {name}(x)")
    if name == "I":
        raise RefusalError(node, "I is the imaginary unit, and φ must be real")
    if name in _NOT_FINITE:
        raise RefusalError(node, f"{name} is not a finite number")
    if name.startswith("_"):
        raise RefusalError(node, "a variable may not begin with an underscore")
    if bare and len(name.rstrip("0123456789")) > 1:
        raise RefusalError(node, f"there is no activation of that name{_alike(name)}")


def _alike(name: str) -> str:
    close = get_close_matches(name, sorted(_NAMES), 2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _read(node: ast.AST, scope: _Scope, depth: int) -> Expr:
    if depth > MAX_DEPTH:
        raise RefusalError(node, f"more than {MAX_DEPTH} levels of nesting")
    try:
        expr = _build(node, scope, depth + 1)
        measure(expr, scope.sizes)
    except InputError as error:
        raise RefusalError(node, str(error).partition("; allowed are")[0]) from None
    except RecursionError:
        raise RefusalError(node, "it is nested too deeply") from None
    except (TypeError, ValueError, ArithmeticError) as error:  # what SymPy says to infinities it meets on the way
        raise RefusalError(node, f"SymPy cannot build it ({shown(str(error))})") from None
    return expr


def _build(node: ast.AST, scope: _Scope, depth: int) -> Expr:
    match node:
        case ast.Constant():
            return _number(node, scope)
        case ast.Name(id=name):
            if name in scope.names:
                return scope.names[name]
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand, scope, depth)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand, scope, depth)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return _power(_read(left, scope, depth), _read(right, scope, depth), node)
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            return _chain(node, scope, depth)
        case ast.Call():
            return _call(node, scope, depth)
    raise RefusalError(node, refused_kind(node))


def _number(node: ast.Constant, scope: _Scope) -> Expr:
    source = scope.text[node.col_offset : node.end_col_offset]
    if isinstance(node.value, bool) or node.value is None:
        raise RefusalError(node, f"{node.value} may only be a condition of Piecewise")
    if isinstance(node.value, complex):
        raise RefusalError(node, "complex numbers are not allowed; φ must be real")
    if not _NUMBER.match(source):
        raise RefusalError(node, "numbers are written in plain decimal digits, such as 2, 0.5 or 1e-3")
    value = Fraction(source)  # the decimal the user wrote, not the nearest double
    return Rational(value.numerator, value.denominator)


def _chain(node: ast.BinOp, scope: _Scope, depth: int) -> Expr:
    # a + b + c + … nests to the left as deep as it is long: walk it in a loop
    operations: list[ast.BinOp] = []
    left: ast.expr = node
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        operations.append(left)
        left = left.left
    total = _read(left, scope, depth)
    for operation in reversed(operations):
        right = _read(operation.right, scope, depth)
        match operation.op:
            case ast.Add():
                total = total + right
            case ast.Sub():
                total = total - right
            case ast.Mult():
                total = total * right
            case _:
                total = total / right
        measure(total, scope.sizes)
    return total


def _power(base: Expr, exponent: Expr, node: ast.BinOp) -> Expr:
    if exponent.free_symbols:
        if base.free_symbols or not base.is_positive:
            raise RefusalError(node, "an exponent may vary only over a positive number; write exp(exponent*log(base))")
        return base**exponent
    if base.is_negative and not exponent.is_integer:
        raise RefusalError(node, "a root of a negative number is complex")
    size = ceiling(abs(exponent).evalf(15))
    if isinstance(base, Rational):
        if size > MAX_BITS or size * max(base.p.bit_length(), base.q.bit_length()) > MAX_BITS + size:
            raise RefusalError(node, f"the power of numbers has more than {MAX_BITS} bits")
        if base.is_zero and not exponent.is_positive:
            raise RefusalError(node, "zero to a power that is not positive")
    elif size * max(1, measure(base).degree) > MAX_DEGREE:
        raise RefusalError(node, f"the exponent is too large: degrees up to {MAX_DEGREE} are allowed")
    if isinstance(exponent, Rational) and exponent.q > MAX_DEGREE:
        raise RefusalError(node, f"a root may be of order {MAX_DEGREE} at most")
    return base**exponent


def _call(node: ast.Call, scope: _Scope, depth: int) -> Expr:
    if not isinstance(node.func, ast.Name):
        raise RefusalError(
            node, refused_kind(node.func) if isinstance(node.func, ast.Attribute) else "only a name may be called"
        )
    if node.keywords:
        raise RefusalError(node, "arguments are given by position, not by keyword")
    name = node.func.id
    if name == "Piecewise":
        if not node.args:
            raise _no_branch(node)
        return Piecewise(*[_branch(arg, scope, depth) for arg in node.args])
    if name not in _NAMES:
        raise RefusalError(node, f"there is no function {name}{_alike(name)}")
    if name in _RELATIONS or name in _CONNECTIVES:
        raise RefusalError(node, f"{name} may only be a condition of Piecewise; write Heaviside(x - 1) for x > 1")
    args = tuple(_read(arg, scope, depth) for arg in node.args)
    if name == "He":
        return _hermite(args, node)
    least, most, function = _FUNCTIONS.get(name, (1, 0, Abs))
    if least <= len(args) <= most:
        if name in ("exp", "sinh", "cosh") and not args[0].free_symbols and abs(args[0].evalf(15)) > _EXP_LIMIT:
            raise RefusalError(node, f"the number is too large: at most {name}({_EXP_LIMIT}) is allowed")
        return function(*args)
    if name not in CATALOGUE:
        raise RefusalError(node, f"{name} takes {least} argument{'s' * (most > 1)}, not {len(args)}")
    return _formula(name, args, node, scope, depth)


def _formula(name: str, args: tuple[Expr, ...], node: ast.AST, scope: _Scope, depth: int) -> Expr:
    entry = CATALOGUE[name]
    most = 1 + len(entry.parameters)
    if not 1 + entry.required <= len(args) <= most:
        usage = f"{name}({', '.join(['x', *entry.parameters])})"
        raise RefusalError(node, f"{len(args)} arguments where {usage} takes {1 + entry.required} to {most}")
    if any(arg.free_symbols for arg in args[1:]):
        raise RefusalError(node, f"the parameters of {name} must be numbers")
    names = {"x": args[0]}
    for (parameter, default), value in zip(entry.parameters.items(), [*args[1:], *[None] * most], strict=False):
        names[parameter] = _read(tree_of(default)[1], _Scope(default, {}), 0) if value is None else value
    try:
        return _read(tree_of(entry.text)[1], _Scope(entry.text, names, scope.sizes), depth)
    except RefusalError as refusal:
        raise RefusalError(node, f"{name} with these arguments: {refusal.why}") from None


def _hermite(args: tuple[Expr, ...], node: ast.AST) -> Expr:
    if len(args) != 2 or not isinstance(args[0], Integer) or not 0 <= args[0] <= MAX_DEGREE:
        raise RefusalError(node, f"He(n, x) takes a whole number n from 0 to {MAX_DEGREE} and an argument")
    previous, current = Integer(0), Integer(1)
    for k in range(int(args[0])):
        previous, current = current, expand(x * current - k * previous)
    return current.xreplace({x: args[1]})


def _branch(node: ast.expr, scope: _Scope, depth: int) -> tuple[Expr, Basic]:
    if not isinstance(node, ast.Tuple) or len(node.elts) != 2:
        raise _no_branch(node)
    value = _read(node.elts[0], scope, depth)
    return value, _condition(node.elts[1], scope, depth)


def _no_branch(node: ast.AST) -> RefusalError:
    return RefusalError(node, "Piecewise takes pairs (value, condition), the last condition being True")


def _condition(node: ast.expr, scope: _Scope, depth: int) -> Basic:
    if depth > MAX_DEPTH:
        raise RefusalError(node, f"more than {MAX_DEPTH} levels of nesting")
    match node:
        case ast.Constant(value=True):
            return true
        case ast.BoolOp(op=op, values=parts):
            return _joined(And if isinstance(op, ast.And) else Or, parts, scope, depth)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return _joined(Not, [part], scope, depth)
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in _CONNECTIVES:
            if name == "Not" and len(parts) != 1:
                raise RefusalError(node, f"Not takes 1 condition, not {len(parts)}")
            return _joined(_CONNECTIVES[name], parts, scope, depth)
        case ast.Call(func=ast.Name(id=name), args=[left, right], keywords=[]) if name in _RELATIONS:
            return _RELATIONS[name](_read(left, scope, depth), _read(right, scope, depth))
        case ast.Compare():
            return _comparison(node, scope, depth)
    raise RefusalError(node, "a condition is a comparison such as x < 1, And, Or or Not of such, or True")


def _joined(connective: Callable[..., Basic], parts: list[ast.expr], scope: _Scope, depth: int) -> Basic:
    return connective(*(_condition(part, scope, depth + 1) for part in parts))


def _comparison(node: ast.Compare, scope: _Scope, depth: int) -> Basic:
    sides = [_read(side, scope, depth) for side in (node.left, *node.comparators)]
    if len(sides) > 2 and not (
        len(sides) == 3 and sides[1] == x and not (sides[0].free_symbols | sides[2].free_symbols)
    ):
        raise RefusalError(node, "a chain of comparisons has the form number < x < number")
    parts = []
    for comparison, left, right in zip(node.ops, sides, sides[1:], strict=False):
        if type(comparison) not in _COMPARISONS:
            raise RefusalError(node, "of the comparisons only < <= > >= == are allowed")
        parts.append(_COMPARISONS[type(comparison)](left, right))
    return And(*parts)
