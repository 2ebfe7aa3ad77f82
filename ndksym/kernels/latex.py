"""The formulas of a derivation as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Symbol, latex

from ndksym.algebra.substitute import is_large
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.kernels.prior import SYMBOLS, continuous, response
from ndksym.kernels.recursion import bias_variance
from ndksym.symbols import k11, k12, k22, sigma02, sigma2

__all__ = ["NAMES", "aligned", "document", "tex", "with_squares"]

_SQUARES: dict[Symbol, Expr] = {
    sigma2: Symbol("sigma", positive=True) ** 2,
    sigma02: Symbol("sigma_0", positive=True) ** 2,
}
NAMES: dict[Symbol, str] = {
    k11: "k_{11}",
    k12: "k_{12}",
    k22: "k_{22}",
    SYMBOLS.ts: "m",
    SYMBOLS.tt: "m_{tt}",
    SYMBOLS.ss: "m_{ss}",
}


def with_squares(expr: Expr) -> Expr:
    """The expression with σ² and σ0² as squares, so that sigma2**2 prints as σ⁴.

    >>> with_squares(sigma2**2)
    sigma**4
    """
    out: Expr = expr.xreplace(_SQUARES)
    return out


def tex(expr: Expr) -> str:
    """LaTeX of an expression, the symbols as a reader knows them.

    >>> print(tex(sigma2**2 * k12))
    k_{12} \\sigma^{4}
    """
    return str(latex(with_squares(expr), symbol_names=NAMES))


def aligned(network: Network) -> str:
    """φ, K and K_dot of each activation, the recursion, and what it gives, as an `aligned` block."""
    rows: list[str] = []
    distinct = list(dict.fromkeys(network.duals))
    for number, dual in enumerate(distinct, 1):
        rows += _dual_rows(dual, f"_{{{number}}}" if len(distinct) > 1 else "")
    rows += _recursion_rows(distinct, network.duals, network.bias, tangent=not network.diverges)
    rows += _result_rows(network)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def document(block: str) -> str:
    """A LaTeX file that compiles as it stands: the block on one page, made smaller where it is larger than that."""
    wide = r"\ifdim\width>\linewidth\linewidth\else\width\fi"
    tall = r"\ifdim\totalheight>0.98\textheight 0.98\textheight\else\totalheight\fi"
    return (
        "\\documentclass{article}\n\\usepackage[a3paper,landscape,margin=1cm]{geometry}\n"
        "\\usepackage{amsmath,amssymb,graphicx}\n\\pagestyle{empty}\n\\begin{document}\n\\noindent\n"
        f"\\resizebox*{{!}}{{{tall}}}{{\\resizebox{{{wide}}}{{!}}{{$\\displaystyle\n{block}\n$}}}}\n\\end{{document}}\n"
    )


def _dual_rows(dual: Dual, index: str) -> list[str]:
    rows = [rf"\phi{index}(x) &= {tex(dual.activation.expr)}"]
    if dual.K is None:
        return [
            *rows,
            rf"K{index}(a, b, c) &= \mathbb{{E}}[\phi{index}(u)\,\phi{index}(v)] \quad\text{{(no closed form)}}",
        ]
    rows.append(rf"K{index}(a, b, c) &= {tex(dual.K)}")
    if dual.K_dot is not None:
        rows.append(rf"\dot{{K}}{index}(a, b, c) &= {tex(dual.K_dot)}")
    if dual.activation.reach is not None:
        rows.append(rf"&\text{{finite for }} a, b < {tex(dual.activation.reach)}")
    return rows


def _recursion_rows(distinct: Sequence[Dual], duals: Sequence[Dual], bias: bool, tangent: bool) -> list[str]:
    shift = f" + {tex(bias_variance(bias))}" if bias else ""

    def bracket(kernel: str) -> str:
        return f"({kernel}{shift})" if bias else kernel

    index = "_{i_l}" if len(distinct) > 1 else ""
    rows = [
        rf"m(t, s) &= {tex(continuous())}, \quad s \leq t",
        rf"C^{{1}} &= m\,{bracket('k_{12}')}, \qquad C^{{l+1}} = m\,{bracket(f'K{index}(a^{{l}}, b^{{l}}, C^{{l}})')}",
    ]
    if tangent:
        rows += [
            rf"\Theta^{{1}} &= k_{{12}}{shift}",
            rf"\Theta^{{l+1}} &= m\,\dot{{K}}{index}(a^{{l}}, b^{{l}}, C^{{l}})\,\Theta^{{l}}"
            rf" + K{index}(a^{{l}}, b^{{l}}, C^{{l}}){shift}",
        ]
    if index:
        rows.append(rf"(i_l) &= ({', '.join(str(distinct.index(dual) + 1) for dual in duals)})")
    return rows


def _result_rows(network: Network) -> list[str]:
    top = network.depth + 1
    rows = [_result("NNGP", network.nngp, rf"C^{{{top}}}\big|_{{m = \sigma^2}}")]
    if network.diverges:
        return [*rows, r"\mathrm{NTK} &= \infty \text{ at coincident inputs, where } \phi \text{ jumps}"]
    rows.append(_result("NTK", network.ntk, rf"\Theta^{{{top}}}\big|_{{m = \sigma_0^2}}"))
    rows.append(rf"\mathrm{{NDK}}(t, s) &= {tex(response())}\,\Theta^{{{top}}}(t, s)")
    return rows


def _result(name: str, expr: Expr | None, recursive: str) -> str:
    short = expr is not None and not is_large(expr, WRITTEN_OUT)
    return rf"\mathrm{{{name}}} &= {tex(expr) if short else recursive}"
