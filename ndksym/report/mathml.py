"""Formulas as MathML, which browsers typeset by themselves: nothing is loaded and nothing is run."""

from __future__ import annotations

from html import unescape
from typing import Any
from xml.dom.minidom import Document, Element, Text

from sympy import Add, Expr, S, Symbol, exp, true
from sympy.core.function import AppliedUndef
from sympy.printing.mathml import MathMLPresentationPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.simplify.radsimp import fraction

from ndksym.kernels.prior import SYMBOLS
from ndksym.symbols import sigma02, sigma2

__all__ = ["equation", "formula"]

# σ² and σ0² are squares to a reader: σ2**2 is to print as σ⁴
_READ: dict[Symbol, Expr] = {
    sigma2: Symbol("sigma", positive=True) ** 2,
    sigma02: Symbol("sigma_0", positive=True) ** 2,
    SYMBOLS.ts: Symbol("m"),
}
_TAGS = {"Derivative": "∂", "DiracDelta": "δ", "sign": "sgn", "Abs": "abs"}
_HEAD = 20.0
"""Letters of a left-hand side that may stand before a broken sum; a longer one has a line of its own."""
_LINE = 85.0
"""Letters a line holds, about; a longer sum is broken at its signs."""


def formula(expr: Expr) -> str:
    """One formula, for a line of its own.

    >>> formula(sigma2 / 2)
    '<math display="block"><mrow><mfrac><msup><mi>σ</mi><mn>2</mn></msup><mn>2</mn></mfrac></mrow></math>'
    """
    return f'<math display="block">{_written(_Printer().node(_readable(expr)))}</math>'


def equation(left: Expr, right: Expr) -> str:
    """left = right, over several lines where the right-hand side is a long sum.

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


def _readable(expr: Any) -> Any:
    return expr.xreplace(_READ) if hasattr(expr, "xreplace") else expr


def _lines(printer: _Printer, total: Add, room: float) -> list[Element]:
    """The terms of a sum with their signs, as many to a line as it holds."""
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
    """Letters in a row of what is shown, about: a fraction is as wide as its wider part."""
    if isinstance(node, Text):
        return float(len(node.data))
    parts = [_width(child) for child in node.childNodes]
    if node.tagName in ("mfrac", "mtable", "mover"):
        return max(parts, default=0.0)
    if node.tagName in ("msup", "msub", "msubsup"):
        return parts[0] + 0.7 * max(parts[1:])
    return sum(parts) + (1.0 if node.tagName in ("mo", "msqrt") else 0.0)


def _written(node: Element) -> str:
    """The markup, brackets of the usual height around what has it: browsers set stretched ones apart."""
    for row in node.getElementsByTagName("mrow"):
        inside: list[Any] = row.childNodes
        ends = [part for part in (inside[0], inside[-1]) if part.tagName == "mo"] if len(inside) > 1 else []
        flat = not any(row.getElementsByTagName(tag) for tag in ("mfrac", "msqrt", "mroot", "mtable"))
        if flat and "".join(part.firstChild.data for part in ends) in ("()", "[]"):
            for part in ends:
                part.setAttribute("stretchy", "false")
    return str(node.toxml())


class _Plain(Document):
    """A document whose every text is written in characters."""

    def createTextNode(self, data: str) -> Text:
        return super().createTextNode(_plain(str(data)))


class _Printer(MathMLPresentationPrinter):  # type: ignore[misc]  # SymPy has no types
    """SymPy's printer, with our functions, with exponentials left in the numerator, and with all text escaped."""

    def __init__(self) -> None:
        super().__init__()
        self.dom = _Plain()

    def node(self, expr: Any) -> Element:
        found: Element = self._print(expr)
        return found

    def row(self, *parts: Element) -> Element:
        return self.within("mrow", *parts)

    def mark(self, text: str) -> Element:
        return self._leaf("mo", text)

    def _leaf(self, tag: str, text: str) -> Element:
        found = self.dom.createElement(tag)
        found.appendChild(self.dom.createTextNode(text))
        return found

    def within(self, tag: str, *parts: Element) -> Element:
        found = self.dom.createElement(tag)
        for part in parts:
            found.appendChild(part)
        return found

    def mathml_tag(self, e: Any) -> str:
        name = type(e).__name__
        return _TAGS[name] if name in _TAGS else str(super().mathml_tag(e))

    def _print_Symbol(self, sym: Symbol, style: str = "plain") -> Element:
        if sym.name.endswith("'"):
            return self.within("msup", super()._print_Symbol(Symbol(sym.name[:-1]), style), self.mark("′"))
        found: Element = super()._print_Symbol(sym, style)
        return found

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
        found: Element = super()._print_Pow(e)
        return found

    def _print_Integral(self, expr: Any) -> Element:
        found: Element = super()._print_Integral(expr)
        parts: list[Any] = found.childNodes
        for part in parts:
            if part.tagName == "mo" and part.firstChild.data == "d":
                part.setAttribute("rspace", "0")
        return found

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
    """Characters for SymPy's entities, and the usual letters for e, d and i."""
    return unescape(text).replace("ⅇ", "e").replace("ⅆ", "d").replace("ⅈ", "i").replace("-", "−")
