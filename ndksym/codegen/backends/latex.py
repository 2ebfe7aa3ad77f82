"""LaTeX: formulas and programs as aligned equations with exact numbers."""

from dataclasses import dataclass

from sympy import Expr, Mul, Pow, Rational, S, latex

from ndksym.codegen.backends.base import Ending, Printer, Source, Split
from ndksym.codegen.program import StraightLineProgram
from ndksym.errors import NotDerivableError
from ndksym.runtime.compiled import Facts

__all__ = ["BACKEND", "Latex"]

_TABLE = {
    "exp_": r"e^{{{0}}}", "expm1": r"\operatorname{{expm1}}({0})", "log": r"\log({0})",
    "log1p": r"\operatorname{{log1p}}({0})", "sin": r"\sin({0})", "cos": r"\cos({0})", "tan": r"\tan({0})",
    "sinh": r"\sinh({0})", "cosh": r"\cosh({0})", "tanh": r"\tanh({0})", "atan": r"\arctan({0})",
    "atan2": r"\operatorname{{atan2}}({0}, {1})", "asinh": r"\operatorname{{arsinh}}({0})",
    "erf": r"\operatorname{{erf}}({0})",
    "erfc": r"\operatorname{{erfc}}({0})", "absolute": r"\left|{0}\right|", "sign": r"\operatorname{{sign}}({0})",
    "hypot": r"\sqrt{{({0})^2 + ({1})^2}}", "minimum": r"\min({0}, {1})", "maximum": r"\max({0}, {1})",
    "where": r"\begin{{cases}} {1} & {0} > 0 \\ {2} & \text{{else}} \end{{cases}}",
    "expdiff": r"\left(e^{{{0}}} - e^{{{1}}}\right)", "experfc": r"e^{{{0}}} \operatorname{{erfc}}({1})",
    "experfi": r"e^{{{0}}} \operatorname{{erfi}}({1})", "corner": r"e^{{{0}}} [{1} > 0][{2} > 0]",
    "edge": r"G({0}, {1}; {2}, {3})", "arccos_kernel_1": r"J_1({0}, {1}, {2})", "theta_minus_sin": r"({0} - 2 {1} {2})",
    "p_minus_q_cos": r"({0} - {1} \cos\theta)_{{c = {2}, s = {3}}}",
    "logistic": r"\frac{{1}}{{1 + e^{{-({0})}}}}", "softplus": r"\log(1 + e^{{{0}}})",
}  # fmt: skip


@dataclass(frozen=True)
class _LatexPrinter(Printer):
    """Prints exact numbers, fractions and powers."""

    def _text(self, expr: Expr) -> tuple[str, int]:
        if not expr.free_symbols:
            text = latex(expr)
            return text, 0 if text.startswith("-") or expr.is_Add else 2
        if expr.is_Symbol:
            name = expr.name
            return (f"{name[0]}_{{{name[1:]}}}" if len(name) > 1 else name), 2
        return super()._text(expr)

    def _product(self, expr: Expr) -> tuple[str, int]:
        number = S.One
        above: list[str] = []
        below: list[str] = []
        for factor in Mul.make_args(expr):
            if not factor.free_symbols:
                number *= factor
                continue
            base, exponent = factor.as_base_exp() if isinstance(factor, Pow) else (factor, S.One)
            if not exponent.is_Rational:
                raise NotDerivableError(f"code generation: {factor} is no power with a rational exponent")
            (above if exponent > 0 else below).append(self._power(base, abs(exponent)))
        sign, number = ("-", -number) if number.n(20) < 0 else ("", number)
        top, bottom = number.as_numer_denom()
        above = above if top == 1 and above else [latex(top), *above]
        if len(below) == 1 and below[0].startswith("(") and below[0].endswith(")"):
            below = [below[0][1:-1]]
        below = below if bottom == 1 else [latex(bottom), *below]
        text = r" \, ".join(above)
        if below:
            text = rf"\frac{{{text}}}{{{' '.join(below)}}}"
        return sign + text, 0 if sign else 1 if len(above) > 1 and not below else 2

    def _power(self, base: Expr, exponent: Rational) -> str:
        if exponent == Rational(1, 2):
            return rf"\sqrt{{{self(base)}}}"
        text = self._at(base, 2 if exponent != 1 or base.is_Add else 1)
        return text if exponent == 1 else rf"{text}^{{{latex(exponent)}}}"


def _lines(printer: Printer, program: StraightLineProgram) -> list[str]:
    lines = [f"{printer(symbol)} &= {printer(expr)}" for symbol, expr in program.assignments]
    for output in program.outputs:
        terms = [printer(term) for term in output.terms]
        value = terms[0] + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in terms[1:])
        lines.append(rf"\mathtt{{{output.name.replace('_', chr(92) + '_')}}} &= {value}")
    return lines


def _program(printer: Printer, program: StraightLineProgram) -> str:
    body = " \\\\\n".join(_lines(printer, program))
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _split(printer: Printer, split: Split) -> str:
    text, ends = "", [None, *split.edges, None]
    for n, piece in enumerate(split.pieces):
        where = [f"{latex(ends[n])} \\le u" if n else "", f"u < {latex(ends[n + 1])}" if n < len(split.edges) else ""]
        label = ",\\ ".join(part for part in where if part)
        text += (f"For ${label}$:\n" if label else "") + _program(printer, piece)
    return text


class Latex:
    """For readers: the closed forms, then the straight-line programs that the other backends compute."""

    name, label, file, separation = "latex", "LaTeX", "kernel.tex", "\n"
    printer: Printer = _LatexPrinter(
        "LaTeX", "%", _TABLE, r"\sqrt{{{0}}}", r"({0})^{{{1}}}", r"\infty", _program, _split
    )
    open = None

    def header(self, body: str) -> str:
        """Nothing: the text is included in a document."""
        return ""

    def facts(self, n: int, facts: Facts, source: Source) -> str:
        """The formulas."""
        formulas = [f"\\phi(x) &= {latex(source.activation.expr)}"]
        if source.closed_form:
            formulas += [f"K &= {latex(source.K)}", f"\\dot K &= {latex(source.K_dot)}"]
        body = " \\\\\n".join(formulas)
        return f"\n% Layer {n}\n\\begin{{align*}}\n{body}\n\\end{{align*}}\n"

    def ending(self, ending: Ending) -> str:
        """Nothing."""
        return ""

    def folder(self, text: str) -> dict[str, str]:
        """The text."""
        return {self.file: text}


BACKEND = Latex()
