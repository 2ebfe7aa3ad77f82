"""Formulas as MathML, which browsers typeset without any script or download."""

from __future__ import annotations

from html import unescape
from typing import Any
from xml.dom.minidom import Document, Element, Text

from sympy import Add, Expr, S, Symbol, exp, true
from sympy.core.function import AppliedUndef
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.simplify.radsimp import fraction

from ndksym.kernels.latex import with_squares
from ndksym.kernels.prior import SYMBOLS

__all__ = ["equation", "formula"]

_TAGS = {"Derivative": "∂", "DiracDelta": "δ", "sign": "sgn", "Abs": "abs"}
_HEAD = 20.0
"""Width, in letters, of the longest left-hand side before a broken sum; a longer one has a line of its own."""
_LINE = 85.0
"""Width of a line in letters, about; a longer sum is broken at its signs."""


def formula(expr: Expr) -> str:
    """A formula as a block of MathML.

    >>> from ndksym.symbols import sigma2
    >>> formula(sigma2 / 2)
    '<math display="block"><mrow><mfrac><msup><mi>σ</mi><mn>2</mn></msup><mn>2</mn></mfrac></mrow></math>'
    """
    return f'<math display="block">{_written(_Printer().node(_readable(expr)))}</math>'


def equation(left: Expr, right: Expr) -> str:
    """The formula left = right, broken into lines if the right-hand side is a long sum.

    >>> equation(Symbol("K"), S.One)
    '<math display="block"><mrow><mi>K</mi><mo>=</mo><mn>1</mn></mrow></math>'
    """
    printer = _Printer()
    left, right = _readable(left), _readable(right)
    head, body = printer.node(left), printer.node(right)
    wide = _width(head)
    if not isinstance(right, Add) or wide + _width(body) <= _LINE:
        return f'<math display="block">{_written(printer.row(head, printer.mark("="), body))}</math>'
    table = printer.dom.createElement("mtable")
    own = wide > _HEAD
    lines = _lines(printer, right, _LINE if own else _LINE - wide)
    sign = printer.mark("=")
    first = [(printer.row(), head), (sign, lines[0])] if own else [(printer.row(head, sign), lines[0])]
    for pair in (*first, *((printer.row(), line) for line in lines[1:])):
        table.appendChild(printer.within("mtr", *(printer.within("mtd", part) for part in pair)))
    table.setAttribute("class", "lines")
    table.setAttribute("displaystyle", "true")
    return f'<math display="block">{_written(table)}</math>'


def _readable(expr: Expr) -> Expr:
    """The expression in the symbols of the page: σ² and σ0² as squares, m for the second moment at two times."""
    out: Expr = with_squares(expr).xreplace({SYMBOLS.ts: Symbol("m")})
    return out


def _lines(printer: _Printer, total: Add, room: float) -> list[Element]:
    """The terms of a sum with their signs, as many in a line as fit."""
    lines: list[list[Element]] = [[]]
    used = 0.0
    for number, term in enumerate(printer._as_ordered_terms(total)):
        negative = term.could_extract_minus_sign()
        parts = [printer.node(-term if negative else term)]
        if negative or number:
            parts.insert(0, printer.mark("−" if negative else "+"))
        wide = sum(map(_width, parts))
        if lines[-1] and used + wide > room:
            lines.append([])
            used = 0.0
        lines[-1] += parts
        used += wide
    return [printer.row(*line) for line in lines]


def _width(node: Any) -> float:
    """Width in letters, about; a fraction is as wide as its wider part."""
    if isinstance(node, Text):
        return float(len(node.data))
    parts = [_width(child) for child in node.childNodes]
    if node.tagName in ("mfrac", "mtable", "mover"):
        return max(parts, default=0.0)
    if node.tagName in ("msup", "msub", "msubsup"):
        return parts[0] + 0.7 * max(parts[1:])
    return sum(parts) + (1.0 if node.tagName in ("mo", "msqrt") else 0.0)


def _written(node: Element) -> str:
    """The markup; brackets around flat content do not stretch, because browsers put space around those that do."""
    for row in node.getElementsByTagName("mrow"):
        inside: list[Any] = row.childNodes
        ends = [part for part in (inside[0], inside[-1]) if part.tagName == "mo"] if len(inside) > 1 else []
        flat = not any(row.getElementsByTagName(tag) for tag in ("mfrac", "msqrt", "mroot", "mtable"))
        if flat and "".join(part.firstChild.data for part in ends) in ("()", "[]"):
            for part in ends:
                part.setAttribute("stretchy", "false")
    return str(node.toxml())


class _Plain(Document):
    """A document in which characters replace the entities of SymPy."""

    def createTextNode(self, data: str) -> Text:
        return super().createTextNode(_plain(str(data)))


class _Printer(MathMLPresentationPrinter):  # type: ignore[misc]  # mypy skips SymPy
    """The printer of SymPy with the functions of ndksym; exponentials stay in the numerator, and all text is escaped."""

    def __init__(self) -> None:
        super().__init__()
        self.dom = _Plain()

    def node(self, expr: Any) -> Element:
        element: Element = self._print(expr)
        return element

    def row(self, *parts: Element) -> Element:
        return self.within("mrow", *parts)

    def mark(self, text: str) -> Element:
        return self._leaf("mo", text)

    def _leaf(self, tag: str, text: str) -> Element:
        element = self.dom.createElement(tag)
        element.appendChild(self.dom.createTextNode(text))
        return element

    def within(self, tag: str, *parts: Element) -> Element:
        element = self.dom.createElement(tag)
        for part in parts:
            element.appendChild(part)
        return element

    def mathml_tag(self, e: Any) -> str:
        name = type(e).__name__
        return _TAGS[name] if name in _TAGS else str(super().mathml_tag(e))

    def _print_Symbol(self, sym: Symbol, style: str = "plain") -> Element:
        if sym.name.endswith("'"):
            return self.within("msup", super()._print_Symbol(Symbol(sym.name[:-1]), style), self.mark("′"))
        element: Element = super()._print_Symbol(sym, style)
        return element

    _print_Dummy = _print_Symbol

    def _print_AppliedUndef(self, e: AppliedUndef) -> Element:
        name = e.func.__name__
        if name == "E":
            inner = [self.mark("["), *map(self.node, e.args), self.mark("]")]
            return self.row(self._leaf("mi", "𝔼"), *inner)
        stem, _, index = name.partition("_")
        if stem != "Kdot":
            shown = self._print_Symbol(Symbol(name))
        else:
            shown = self.within("mover", self._leaf("mi", "K"), self.mark("˙"))
            shown = self.within("msub", shown, self._leaf("mi", index)) if index else shown
        return self.row(shown, self._paren_comma_separated(*e.args))

    def _print_Phi2(self, e: Any) -> Element:
        name = self.within("msub", self._leaf("mi", "Φ"), self._leaf("mn", "2"))
        return self.row(name, self._paren_comma_separated(*e.args))

    def _print_Heaviside(self, e: Any) -> Element:
        return self.row(self._leaf("mi", "H"), self._paren_comma_separated(e.args[0]))

    def _print_Mul(self, expr: Any) -> Element:
        if expr.could_extract_minus_sign():
            return self.row(self.mark("−"), *self._factors(-expr))
        return self.row(*self._factors(expr))

    def _factors(self, expr: Any) -> list[Element]:
        above, below = fraction(expr, exact=True)
        if below is not S.One:
            return [self.within("mfrac", self.node(above), self.node(below))]
        if not expr.is_Mul:
            return [self.parenthesize(expr, PRECEDENCE["Mul"])]
        coefficient, rest = expr.as_coeff_mul()
        factors = list(expr.func._from_args(rest).as_ordered_factors()) if expr.is_commutative else list(rest)
        factors = factors if coefficient == 1 else [coefficient, *factors]
        if len(factors) == 1:
            return [self.node(factors[0])]
        parts: list[Element] = []
        for factor in factors:
            if parts:
                parts.append(self.mark("\u2062"))
                if factor.is_Function and not isinstance(factor, exp):
                    parts.append(self.dom.createElement("mspace"))
                    parts[-1].setAttribute("width", "0.17em")
            parts.append(self.parenthesize(factor, PRECEDENCE["Mul"]))
        return parts

    def _print_Pow(self, e: Any) -> Element:
        if not e.is_commutative:
            return self.within("msup", self.parenthesize(e.base, PRECEDENCE["Pow"]), self.node(e.exp))
        element: Element = super()._print_Pow(e)
        return element

    def _print_Integral(self, expr: Any) -> Element:
        element: Element = super()._print_Integral(expr)
        parts: list[Any] = element.childNodes
        for part in parts:
            if part.tagName == "mo" and part.firstChild.data == "d":
                part.setAttribute("rspace", "0")
        return element

    def _print_Piecewise(self, e: Any) -> Element:
        rows = []
        for value, condition in e.args:
            where = [self._leaf("mtext", "otherwise")] if condition is true else [self.node(condition)]
            rows.append(self.within("mtr", self.within("mtd", self.node(value)), self.within("mtd", *where)))
        table = self.within("mtable", *rows)
        table.setAttribute("class", "cases")
        return self.row(self.mark("{"), table)

    def _print_Subs(self, e: Any) -> Element:
        at = [self.row(self.node(old), self.mark("="), self.node(new)) for old, new in zip(*e.args[1:], strict=True)]
        return self.row(self.node(e.expr), self.within("msub", self.mark("|"), self.row(*at)))


def _plain(text: str) -> str:
    """The text with characters in place of entities, and with the usual letters e, d and i."""
    return unescape(text).replace("ⅇ", "e").replace("ⅆ", "d").replace("ⅈ", "i").replace("-", "−")
