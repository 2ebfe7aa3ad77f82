"""The formulas of a derivation as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Symbol, latex

from ndksym import symbols
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.algebra.substitute import is_large
from ndksym.errors import InputTypeError, brief
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.kernels.prior import SYMBOLS, continuous, response
from ndksym.kernels.readable import readable
from ndksym.kernels.recursion import bias_variance
from ndksym.symbols import T, a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t, x

__all__ = ["Notation", "aligned", "document", "tex", "with_squares"]

_DEFAULT: dict[Symbol, str] = {
    k11: "k_{11}",
    k12: "k_{12}",
    k22: "k_{22}",
    sigma2: r"\sigma^{2}",
    sigma02: r"\sigma_{0}^{2}",
    SYMBOLS.ts: "m",
    SYMBOLS.tt: "m_{tt}",
    SYMBOLS.ss: "m_{ss}",
}
_NAMED = (T, a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t, x)
_SQUARES: dict[Symbol, Expr] = {
    sigma2: Symbol("sigma", positive=True) ** 2,
    sigma02: Symbol("sigma_0", positive=True) ** 2,
}
_SQUARE = re.compile(r"(.+)\^(?:2|\{2\})")


@dataclass(frozen=True)
class Notation:
    """The LaTeX of each symbol.

    A symbol whose LaTeX ends with ^2 is printed as a square: the square of σ² is σ⁴, its root is σ.
    """

    names: Mapping[Symbol, str] = field(default_factory=lambda: _DEFAULT)

    @classmethod
    def of(cls, changes: Mapping[str, str]) -> Notation:
        """The default with other LaTeX for some symbols, by their names in `ndksym.symbols`."""
        if not isinstance(changes, Mapping):
            raise InputTypeError(f"symbols must be a dict such as {{'sigma2': r'\\sigma_w^2'}}, got {brief(changes)}")
        for name, text in changes.items():
            if not isinstance(text, str):
                raise InputTypeError(f"symbols[{name!r}] must be LaTeX text, got {brief(text)}")
        return cls(_DEFAULT | {symbols.pick(str(name), _NAMED): text for name, text in changes.items()})

    def tex(self, expr: Expr) -> str:
        """LaTeX of an expression."""
        squares, names = {}, dict(self.names)
        for symbol, text in self.names.items():
            if (square := _SQUARE.fullmatch(text)) is not None:
                root = Symbol(square[1].replace("\\", ""), positive=True)
                squares[symbol], names[root] = root**2, square[1]
        return str(latex(expr.xreplace(squares), symbol_names=names, inv_trig_style="full"))


def with_squares(expr: Expr) -> Expr:
    """The expression with σ² and σ0² as squares, so that sigma2**2 prints as σ⁴.

    >>> with_squares(sigma2**2)
    sigma**4
    """
    out: Expr = expr.xreplace(_SQUARES)
    return out


def tex(expr: Expr) -> str:
    """LaTeX of an expression in the default notation.

    >>> print(tex(sigma2**2 * k12))
    k_{12} \\sigma^{4}
    """
    return Notation().tex(expr)


def aligned(network: Network, notation: Notation | None = None, legend: bool = False) -> str:
    """φ, K and K_dot of each activation, the recursion, and the kernels, as an `aligned` block; `legend` defines every letter."""
    tex = (notation or Notation()).tex
    distinct = list(dict.fromkeys(network.duals))
    rows: list[str] = []
    for number, dual in enumerate(distinct, 1):
        rows += _dual_rows(dual, f"_{{{number}}}" if len(distinct) > 1 else "", tex)
    rows += _recursion_rows(distinct, network, tex)
    rows += _result_rows(network, tex)
    if legend:
        rows += _legend_rows(network, tex)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def document(block: str) -> str:
    """A LaTeX file that compiles as it stands: the block on one page, scaled down if it is larger than the page."""
    wide = r"\ifdim\width>\linewidth\linewidth\else\width\fi"
    tall = r"\ifdim\totalheight>0.98\textheight 0.98\textheight\else\totalheight\fi"
    return (
        "\\documentclass{article}\n\\usepackage[a3paper,landscape,margin=1cm]{geometry}\n"
        "\\usepackage{amsmath,amssymb,graphicx}\n\\pagestyle{empty}\n\\begin{document}\n\\noindent\n"
        f"\\resizebox*{{!}}{{{tall}}}{{\\resizebox{{{wide}}}{{!}}{{$\\displaystyle\n{block}\n$}}}}\n\\end{{document}}\n"
    )


Tex = Callable[[Expr], str]


def _dual_rows(dual: Dual, index: str, tex: Tex) -> list[str]:
    arguments = f"({tex(a)}, {tex(b)}, {tex(c)})"
    rows = [rf"\phi{index}({tex(x)}) &= {tex(dual.activation.expr)}"]
    if dual.K is None:
        expectation = rf"\mathbb{{E}}[\phi{index}(u)\,\phi{index}(v)]"
        return [*rows, rf"K{index}{arguments} &= {expectation} \quad\text{{(no closed form)}}"]
    rows.append(rf"K{index}{arguments} &= {tex(readable(dual.K))}")
    if dual.K_dot is not None:
        rows.append(rf"\dot{{K}}{index}{arguments} &= {tex(readable(dual.K_dot))}")
    if dual.activation.reach is not None:
        rows.append(rf"&\text{{finite for }} {tex(a)}, {tex(b)} < {tex(dual.activation.reach)}")
    return rows


def _recursion_rows(distinct: Sequence[Dual], network: Network, tex: Tex) -> list[str]:
    shift = f" + {tex(bias_variance(network.bias))}" if network.bias else ""

    def bracket(kernel: str) -> str:
        return f"({kernel}{shift})" if network.bias else kernel

    index = "_{i_l}" if len(distinct) > 1 else ""
    m, k, before = tex(SYMBOLS.ts), tex(k12), f"({tex(a)}^{{l}}, {tex(b)}^{{l}}, C^{{l}})"
    rows = [
        rf"{m}({tex(t)}, {tex(s)}) &= {tex(continuous())}, \quad {tex(s)} \leq {tex(t)}",
        rf"C^{{1}} &= {m}\,{bracket(k)}, \qquad C^{{l+1}} = {m}\,{bracket(f'K{index}{before}')}",
    ]
    if not network.diverges:
        rows += [
            rf"\Theta^{{1}} &= {k}{shift}",
            rf"\Theta^{{l+1}} &= {m}\,\dot{{K}}{index}{before}\,\Theta^{{l}} + K{index}{before}{shift}",
        ]
    if index:
        rows.append(rf"(i_l) &= ({', '.join(str(distinct.index(dual) + 1) for dual in network.duals)})")
    return rows


def _result_rows(network: Network, tex: Tex) -> list[str]:
    top, m = network.depth + 1, tex(SYMBOLS.ts)
    rows = [_result("NNGP", network.nngp, rf"C^{{{top}}}\big|_{{{m} = {tex(sigma2)}}}", tex)]
    if network.diverges:
        return [*rows, r"\mathrm{NTK} &= \infty \text{ at coincident inputs, where } \phi \text{ jumps}"]
    rows.append(_result("NTK", network.ntk, rf"\Theta^{{{top}}}\big|_{{{m} = {tex(sigma02)}}}", tex))
    rows.append(rf"\mathrm{{NDK}}({tex(t)}, {tex(s)}) &= {tex(response())}\,\Theta^{{{top}}}({tex(t)}, {tex(s)})")
    return rows


def _result(name: str, expr: Expr | None, recursive: str, tex: Tex) -> str:
    short = expr is not None and not is_large(expr, WRITTEN_OUT)
    return rf"\mathrm{{{name}}} &= {tex(readable(expr)) if short else recursive}"


def _legend_rows(network: Network, tex: Tex) -> list[str]:
    one, other = rf"({tex(t)}, \mathbf{{x}})", rf"({tex(s)}, \mathbf{{x}}')"
    products = (
        rf"{tex(k)} = {left} \cdot {right} / N_0"
        for k, left, right in (
            (k11, r"\mathbf{x}", r"\mathbf{x}"),
            (k12, r"\mathbf{x}", r"\mathbf{x}'"),
            (k22, r"\mathbf{x}'", r"\mathbf{x}'"),
        )
    )
    both = r"C^{l}, \Theta^{l} \text{: covariance and tangent kernel"
    kernels = r"C^{l} \text{: covariance" if network.diverges else both
    scales = [(T, "temperature"), (sigma2, "prior variance"), (sigma02, "initial variance")]
    scales += [(beta, "scale of the biases")] if network.bias else []
    rows = [
        rf"K &= \mathbb{{E}}[\phi(u)\,\phi(v)], \quad \dot{{K}} = \mathbb{{E}}[\phi'(u)\,\phi'(v)] \quad\text{{for centred "
        rf"Gaussian }} u, v \text{{ with }} \mathbb{{E}}u^2 = {tex(a)},\ \mathbb{{E}}v^2 = {tex(b)},\ \mathbb{{E}}uv = {tex(c)}",
        rf"&\text{{inputs }} \mathbf{{x}}, \mathbf{{x}}' \in \mathbb{{R}}^{{N_0}} \text{{ with }} {', '.join(products)}",
        rf"&{kernels} of layer }} l \text{{ between }} {one} \text{{ and }} "
        rf"{other};\quad {tex(a)}^{{l}}, {tex(b)}^{{l}} \text{{: }} C^{{l}} \text{{ of }} {one} \text{{, and of }} {other}",
        rf"&{tex(SYMBOLS.ts)}({tex(t)}, {tex(s)}) \text{{: covariance of one parameter at the times }} {tex(t)} \text{{ and }} "
        rf"{tex(s)} \text{{ without data}}",
        "&" + r",\quad ".join(rf"{tex(symbol)} \text{{: {meaning}}}" for symbol, meaning in scales),
    ]
    if len(set(network.duals)) > 1:
        rows.append(r"&i_l \text{: number of the activation of hidden layer } l")
    if any(dual.K is not None and dual.K.has(Phi2) for dual in network.duals):
        rows.append(
            r"&\Phi_{2}(h, k; \rho) = P(Z_1 < h, Z_2 < k) \text{ for standard Gaussian } Z_1, Z_2 \text{ of correlation } \rho"
        )
    return rows
