"""Text → expression in `symbols.x`. Only the syntax nodes and names listed here are allowed, and nothing is executed.

Python's own grammar reads the text into a syntax tree. `_build` creates SymPy nodes from it and checks bounds before each step.
`sympify`, `parse_expr` and `eval` never receive user text.
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
    ceiling,
    erf,
    expand,
    pi,
    sign,
    sqrt,
    true,
)

from ndksym.activation.catalogue import CATALOGUE, canonical
from ndksym.activation.size_limits import HELP, MAX_BITS, MAX_DEGREE, MAX_DEPTH, ExpressionSize, measure
from ndksym.activation.syntax import RefusalError, parse_error, refused_kind, shown, tree_of
from ndksym.algebra.functions import FUNCTIONS
from ndksym.errors import InputError
from ndksym.symbols import x

__all__ = ["allowed", "formula", "named", "parse"]

_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
_NOT_FINITE = {"oo", "zoo", "nan", "inf", "NaN", "Infinity"}
_EXP_LIMIT = 700  # largest |u| in exp(u) of a number u: beyond it a double overflows

_SMOOTH = {f.name: f for f in FUNCTIONS.values() if f.in_activations}
_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Expr]]] = {
    **{name: (1, 1, function.sympy) for name, function in _SMOOTH.items()},
    "sqrt": (1, 1, sqrt),
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
_STEEP = {name for name, function in _SMOOTH.items() if function.growth == "exponential"}
_RELATIONS = {"Lt": Lt, "Le": Le, "Gt": Gt, "Ge": Ge, "Eq": Eq, "Ne": Ne}
_CONNECTIVES = {"And": And, "Or": Or, "Not": Not}
_NAMES = {*_FUNCTIONS, *CATALOGUE, *_RELATIONS, *_CONNECTIVES, "Piecewise", "He"}
_SPELLINGS = {name.lower(): name for name in sorted(_NAMES, reverse=True)}
"""Names in lower case → names; of Max and max, the latter."""
_CONSTANTS = {"pi": pi, "E": E}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Expr, Expr], Basic]] = {
    ast.Lt: Lt, ast.LtE: Le, ast.Gt: Gt, ast.GtE: Ge, ast.Eq: Eq
}  # fmt: skip


@dataclass(frozen=True)
class _Scope:
    """The text, the meaning of its names, and the sizes of the expressions built so far."""

    text: str
    names: Mapping[str, Expr]
    sizes: dict[Basic, ExpressionSize] = field(default_factory=dict)


def parse(text: str) -> Expr:
    """The expression in `symbols.x` for a text with one variable of any name.

    ParseError (an InputError and ValueError) gives the place and the reason if the text is refused.

    >>> parse("u*(1 + erf(u/sqrt(2)))/2")
    x*(erf(sqrt(2)*x/2) + 1)/2
    >>> parse("0.1*x")
    x/10
    """
    try:
        return _expression(*tree_of(text))
    except RefusalError as refusal:
        raise parse_error(text, refusal) from None


def named(text: str) -> tuple[str, Expr]:
    """Name and expression of a text: a catalogue name, one with numbers, or a formula, which is its own name.

    >>> named("ReLU")
    ('relu', Max(0, x))
    >>> named("LeakyReLU(0.2)")
    ('leaky_relu(0.2)', Max(0, x) + Min(0, x)/5)
    >>> named("u / 10")
    ('u / 10', x/10)
    """
    name = " ".join(text.split())
    if (listed := canonical(name)) is not None:
        return listed, formula(listed)
    try:
        text, tree = tree_of(text)
        if (
            isinstance(tree, ast.Call)
            and isinstance(tree.func, ast.Name)
            and not tree.keywords
            and not _variables(tree)
        ):
            listed = canonical(tree.func.id)
            if listed is not None:
                parameters = (_read(arg, _Scope(text, {}), 0) for arg in tree.args)
                expr = _formula(listed, (x, *parameters), ast.Name(listed), _Scope(text, {}), 0)
                return listed + name[name.index("(") :], expr
        return name, _expression(text, tree)
    except RefusalError as refusal:
        raise parse_error(text, refusal) from None


def _expression(text: str, tree: ast.expr) -> Expr:
    variables = {node.id: node for node in reversed(_variables(tree))}
    for name, node in variables.items():
        _check_variable(name, node, bare=node is tree)
    if len(variables) > 1:
        listed = ", ".join(sorted(variables))
        raise RefusalError(None, f"there are {len(variables)} variables ({listed}); φ has exactly one")
    expr = _read(tree, _Scope(text, dict.fromkeys(variables, x)), 0)
    if not expr.free_symbols:
        raise RefusalError(None, f"φ is the constant {shown(str(expr))}; it must depend on its variable")
    return expr


def formula(name: str, parameters: tuple[Expr, ...] = ()) -> Expr:
    """The expression of a catalogue entry with given parameters.

    >>> formula("leaky_relu", (Rational(1, 5),))
    Max(0, x) + Min(0, x)/5
    """
    try:
        return _formula(name, (x, *parameters), ast.Name(name), _Scope(name, {}), 0)
    except RefusalError as refusal:
        raise parse_error(name, refusal) from None


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
        raise RefusalError(node, f"there is no activation of that name{_nearest(name)}")


def _nearest(name: str) -> str:
    """A question about the nearest name, or nothing where none is near."""
    close = get_close_matches(name.lower(), _SPELLINGS, 1)
    return f" (did you mean {_SPELLINGS[close[0]]}?)" if close else ""


def allowed() -> str:
    """What a formula may contain, as a phrase.

    >>> allowed().partition(",")[0]
    'one variable'
    """
    functions = ", ".join(name for name in _FUNCTIONS if name not in ("abs", "max", "min"))
    return (
        f"one variable, numbers, pi, E, + - * / **, parentheses, the functions {functions}, He(n, x), "
        "Piecewise((value, condition), …, (value, True)), and names of the catalogue such as relu(x)"
    )


def _read(node: ast.AST, scope: _Scope, depth: int) -> Expr:
    if depth > MAX_DEPTH:
        raise RefusalError(node, f"more than {MAX_DEPTH} levels of nesting")
    try:
        expr = _build(node, scope, depth + 1)
        measure(expr, scope.sizes)
    except InputError as error:
        raise RefusalError(node, str(error).removesuffix(f"; {HELP}")) from None
    except RecursionError:
        raise RefusalError(node, "it is nested too deeply") from None
    except (TypeError, ValueError, ArithmeticError) as error:  # SymPy met an infinity
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
    value = Fraction(source)  # the decimal that the user wrote, not the nearest double
    return Rational(value.numerator, value.denominator)


def _chain(node: ast.BinOp, scope: _Scope, depth: int) -> Expr:
    # a + b + c + … is nested to the left, one level per term: a loop needs no depth
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
    name = node.func.id if node.func.id in _NAMES else canonical(node.func.id) or node.func.id
    if name == "Piecewise":
        if not node.args:
            raise _no_branch(node)
        return Piecewise(*[_branch(arg, scope, depth) for arg in node.args])
    if name not in _NAMES:
        raise RefusalError(node, f"there is no function {name}{_nearest(name)}")
    if name in _RELATIONS or name in _CONNECTIVES:
        raise RefusalError(node, f"{name} may only be a condition of Piecewise; write Heaviside(x - 1) for x > 1")
    args = tuple(_read(arg, scope, depth) for arg in node.args)
    if name == "He":
        return _hermite(args, node)
    least, most, function = _FUNCTIONS.get(name, (1, 0, Abs))
    if least <= len(args) <= most:
        if name in _STEEP and not args[0].free_symbols and abs(args[0].evalf(15)) > _EXP_LIMIT:
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
