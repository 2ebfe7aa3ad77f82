"""What a backend is, and what all printers share: precedence, numbers, products and powers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sympy import Add, Expr, Function, Mul, Pow, Rational, S, oo

from ndksym.activation.activation import Activation
from ndksym.codegen.functions import CORE, SUPPORT
from ndksym.codegen.program import StraightLineProgram
from ndksym.errors import NotDerivableError
from ndksym.runtime.compiled import Facts, LoadedText

__all__ = ["REQUIRED", "Backend", "Ending", "Printer", "Source", "Split", "call_format", "literal"]

REQUIRED: tuple[type[Function], ...] = CORE + SUPPORT
"""The functions that every printer must print."""

_SUM, _PRODUCT, _ATOM = range(3)


@dataclass(frozen=True)
class Split:
    """A function of one variable by pieces: `pieces[i]` below `edges[i]`, the last piece above all edges."""

    name: str
    edges: tuple[Expr, ...]
    pieces: tuple[StraightLineProgram, ...]


def literal(number: Expr) -> str:
    """The float64 number nearest to an exact real number, in decimals that are read back as that number.

    >>> from sympy import pi
    >>> literal(Rational(1, 3)), literal(1/pi), literal(S(2))
    ('0.3333333333333333', '0.3183098861837907', '2.0')
    """
    value = float(number.n(50))
    if not (abs(value) < 1.8e308 and (value or number == 0)):
        raise NotDerivableError(f"code generation: {number} is out of the range of float64")
    return repr(value)


def call_format(name: str, arity: int) -> str:
    """The format of a call with so many arguments, for the table of a printer.

    >>> call_format("atan2", 2)
    'atan2({0}, {1})'
    """
    return f"{name}({', '.join(f'{{{n}}}' for n in range(arity))})"


@dataclass(frozen=True)
class Printer:
    """How one language writes expressions; `functions` maps the name of a function to text with {0}, {1}, … for its arguments."""

    name: str
    comment: str
    functions: Mapping[str, str]
    root: str
    power: str
    infinity: str
    program: Callable[["Printer", StraightLineProgram], str]
    split: Callable[["Printer", Split], str]

    def __call__(self, expr: Expr) -> str:
        """The text of an expression; NotDerivableError names a function that the language does not have."""
        return self._text(expr)[0]

    def _text(self, expr: Expr) -> tuple[str, int]:
        if not expr.free_symbols:
            text = self.infinity if expr is oo else literal(expr)
            return text, _SUM if text.startswith("-") else _ATOM
        if expr.is_Symbol:
            return str(expr.name), _ATOM
        if isinstance(expr, Add):
            return self._sum(expr), _SUM
        if isinstance(expr, (Mul, Pow)):
            return self._product(expr)
        template = self.functions.get(type(expr).__name__)
        if template is None or not isinstance(expr, REQUIRED):
            raise NotDerivableError(f"code generation: {type(expr).__name__} has no form in {self.name}")
        return template.format(*map(self, expr.args)), _ATOM

    def _at(self, expr: Expr, level: int) -> str:
        text, own = self._text(expr)
        return text if own >= level else f"({text})"

    def _sum(self, expr: Expr) -> str:
        text = ""
        for arg in expr.as_ordered_terms():
            part = self._at(arg, _PRODUCT) if not arg.could_extract_minus_sign() else "-" + self._at(-arg, _PRODUCT)
            text += part if not text else f" - {part[1:]}" if part.startswith("-") else f" + {part}"
        return text

    def _product(self, expr: Expr) -> tuple[str, int]:
        number = S.One
        above: list[str] = []
        below: list[str] = []
        for factor in Mul.make_args(expr):
            if not factor.free_symbols:
                number *= factor
                continue
            base, exponent = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
            if exponent.free_symbols or not exponent.is_Rational:
                raise NotDerivableError(f"code generation: {factor} is no power with a rational exponent")
            (above if exponent > 0 else below).extend(self._factors(base, abs(exponent)))
        sign = "-" if number.n(20) < 0 else ""
        if abs(number) != 1 or not above:
            above.insert(0, literal(abs(number)))
        text = sign + " * ".join(above)
        if below:
            text += " / " + (below[0] if len(below) == 1 else f"({' * '.join(below)})")
        return text, _SUM if sign else _PRODUCT if below or len(above) > 1 else _ATOM

    def _factors(self, base: Expr, exponent: Rational) -> list[str]:
        """Small powers as products, half-integer ones with a square root; higher powers as calls, which round once."""
        whole, rest = divmod(exponent, 1)
        if rest not in (0, Rational(1, 2)) or (whole > 3 and rest) or whole > 16:
            return [self.power.format(self(base), literal(exponent))]
        text = self._at(base, _ATOM)
        factors = [text] * int(whole) if whole <= 2 else [self.power.format(self(base), literal(whole))]
        return factors + ([self.root.format(self(base))] if rest else [])


class Source(Protocol):
    """The symbolic result that one layer of code is made from; `kernels.dual.Dual` provides it."""

    @property
    def activation(self) -> Activation: ...
    @property
    def closed_form(self) -> bool: ...
    @property
    def K(self) -> Expr | None: ...
    @property
    def K_dot(self) -> Expr | None: ...
    @property
    def mean(self) -> Expr | None: ...
    @property
    def K_diag(self) -> Expr | None: ...
    @property
    def K_dot_diag(self) -> Expr | None: ...


@dataclass(frozen=True)
class Ending:
    """What a module says last: how many layers it has, which of them each hidden layer uses, and whether there are biases."""

    layers: int
    order: Sequence[int]
    bias: bool


class Backend(Protocol):
    """A language in which kernels are generated. The file `NAME.py` of this folder defines one as `BACKEND`.

    A module is its header, then per layer the facts and the functions, then the ending. Layer n of a module has
    functions `phi_n`, `dphi_n` and, with a closed form, `diag_n` and `pair_n`.
    """

    @property
    def name(self) -> str:
        """Name in `compile(backend=…)` and on the command line; also the name of the file."""

    @property
    def label(self) -> str:
        """Name for readers, such as "NumPy"."""

    @property
    def file(self) -> str:
        """Name of the generated file, such as "kernel.py"."""

    @property
    def printer(self) -> "Printer":
        """Writes expressions and programs in the language."""

    @property
    def separation(self) -> str:
        """Text between two functions."""

    @property
    def open(self) -> Callable[[str], LoadedText] | None:
        """Loads a module so that its functions can be called; None if the text is only read.

        It raises MissingExtraError, with the way out, if something it needs (a compiler, a library) is missing.
        """

    def header(self, body: str) -> str:
        """What a module with this body needs first: imports or includes."""

    def facts(self, n: int, facts: Facts, source: Source) -> str:
        """The text of the facts of layer n; `LoadedText.facts` returns them."""

    def ending(self, ending: Ending) -> str:
        """The text after the last layer."""

    def folder(self, text: str) -> dict[str, str]:
        """File name → text of everything that this backend puts into a generated folder."""
