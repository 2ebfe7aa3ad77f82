"""The phases of a network as text, LaTeX and HTML, and the meaning of every letter in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from sympy import Expr, Rational, printing

from ndksym.algebra.substitute import is_large
from ndksym.expansions.inner import Inner
from ndksym.expansions.matching import Match
from ndksym.expansions.outer import Outer, tau, tau_
from ndksym.expansions.overshoot import Overshoot
from ndksym.expansions.plateau import PlateauSlope, TimeScales
from ndksym.expansions.small_time_check import SmallTimeCheck
from ndksym.kernels.latex import tex
from ndksym.kernels.network import WRITTEN_OUT

__all__ = [
    "LETTERS",
    "inner_lines",
    "letter_lines",
    "matching_lines",
    "outer_lines",
    "predictor_lines",
    "time_scale_line",
]

_READABLE = 160
"""Largest number of nodes of an expression that is printed."""
_LONG = r"\ldots"

_NETWORK_LETTERS = (
    ("T", "temperature"),
    ("t, τ = T t", "time, and diffusive time"),
    ("σ² (sigma2), σ0² (sigma02)", "prior variance and initial variance of each parameter"),
    ("f, y, Δ = y − f", "predictor, label, and residual"),
    ("G(τ, τ')", "the NDK at the times τ/T and τ'/T"),
    ("G_jl", "coefficient of (τ−τ')^(j/2) τ'^l in G, for training inputs"),
    ("θ = G_00, Θ", "eigenvalue of the NTK at initialisation in the mode, and the NTK as a matrix"),
    ("Δ_k", "term of Δ of order T^(k/2) at fixed t"),
    ("r_k", "term of Δ of order T^(k+1) at fixed τ"),
    ("a_kj", "moments of the inner terms, by which the gradient-driven phase enters the equation of r_k"),
    ("e, erfi", "exponential function, imaginary error function"),
)
_TEST_INPUT_LETTERS = (
    ("k11", "x·x/N_0 of an input"),
    ("o", "cosine between the test input and one of orthogonal training inputs"),
    ("g_jl", "coefficients like G_jl, between the test input and the training inputs"),
    ("NNGP, NTK", "predictor in equilibrium, and on the plateau that gradient flow reaches"),
    ("slope, late", "coefficients of the first and of the last motion of f in the diffusive phase"),
    ("z, p", "e^(−(τ−τ')/σ²), e^(−2τ'/σ²)"),
    ("G_0, G_1", "σ² ∫ z^(−3) dz over [0, 1] of the parts of G of order p^0 and p^1"),
    ("h_0, h_1", "the same integrals for h = g − o G of the test input"),
    ("R", "G_1/G_0, or the ratio of their residues if both integrals diverge"),
)
LETTERS = (*_NETWORK_LETTERS, *_TEST_INPUT_LETTERS)
"""Every letter, and what it means."""


def inner_lines(inner: Inner) -> list[str]:
    """The gradient-driven phase."""
    return [
        "Gradient-driven phase, fixed t: Δ = Σ T^(k/2) Δ_k, one mode",
        *(f"  Δ_{k} = {_shown(term)}" for k, term in enumerate(inner.terms) if term != 0),
    ]


def outer_lines(outer: Outer) -> list[str]:
    """The diffusive phase."""
    lines = [
        "Diffusive phase, fixed τ = T t: Δ = T Σ T^k r_k",
        *(f"  {eq.lhs} = {eq.rhs}" for eq in outer.first_kind),
        "  differentiated once:",
        *(f"  {eq.lhs} = {eq.rhs}" for eq in outer.second_kind),
    ]
    if outer.closed is not None:
        lines.append(f"  G is a sum of exponentials e^(−ντ), ν = {', '.join(map(str, outer.closed.rates))}")
        if outer.closed.r0 is not None:
            lines.append(f"  r_0 = {outer.closed.r0}")
        if outer.closed.approach:
            lines.append(f"  the rates of the approach to equilibrium are {', '.join(map(str, outer.closed.approach))}")
    return lines


def matching_lines(matches: Sequence[Match] | None, refusal: str | None, checks: Iterable[SmallTimeCheck]) -> list[str]:
    """The overlap of both, or why it was not worked out, and the checks of the G_jl."""
    if matches is None:
        return [f"Matching: not tried: {refusal}"]
    verdict = "proved" if all(each.proved for each in matches) else "NOT proved"
    lines = [f"Matching: {len(matches)} overlap terms and conditions, {verdict} for matrices that do not commute"]
    for each in matches:
        if each.power is not None and each.order == 0 and each.power <= 0:
            lines.append(f"  r_0 starts with τ^({each.power}) · {each.inner}")
    return [*lines, *(f"  the {each.name} are the NDK's to {min(each.digits, 999):.0f} digits" for each in checks)]


def time_scale_line(scales: TimeScales) -> str:
    """The time scales."""
    return f"Time scales: gradient {scales.gradient}, diffusive {scales.diffusive}, between them {scales.crossover}"


def predictor_lines(slope: PlateauSlope | None, overshoot: Overshoot | None) -> list[str]:
    """How a test predictor leaves the plateau and reaches equilibrium."""
    lines = []
    if slope is not None:
        value = slope.start if is_large(slope.value, _READABLE) else slope.value
        lines += [
            f"Test input of overlap o with one of orthogonal, balanced examples: f ≈ plateau + slope τ^({slope.power})",
            f"  slope = {_shown(value)}",
            "  it leaves in the wrong direction where slope and (NNGP − NTK) differ in sign",
        ]
    if overshoot is not None:
        lines += [
            f"  late, f ≈ NNGP + (σ0²/σ² − 1) late exp(−{overshoot.rate}·τ), late = {_shown(overshoot.late)}",
            "  it overshoots where (σ0²/σ² − 1) late and (NNGP − NTK) have one sign; at k11 = σ² = 1:",
            *(f"    o = {o}, σ0²/σ² = {ratio}: {each}" for o, ratio, each in overshoot.examples()),
        ]
    return lines


def letter_lines(with_test_input: bool) -> list[str]:
    """The meaning of each letter."""
    letters = LETTERS if with_test_input else _NETWORK_LETTERS
    return ["Letters", *(f"  {letter}: {meaning}" for letter, meaning in letters)]


def latex(inner: Inner, outer: Outer, matches: Sequence[Match] | None, error_order: Rational) -> str:
    """Both expansions and their overlap as one `aligned` block."""
    rows = [rf"\Delta(t) &= \sum_k T^{{k/2}} \Delta_k(t) + O(T^{{{printing.latex(error_order)}}})"]
    for k, term in enumerate(inner.terms[:3]):
        if term != 0:
            rows.append(rf"\Delta_{{{k}}} &= {_LONG if is_large(term, 4 * WRITTEN_OUT) else tex(term)}")
    rows += [f"{_tex(eq.lhs)} &= {_tex(eq.rhs)}" for eq in (*outer.first_kind, *outer.second_kind)]
    if outer.closed is not None and outer.closed.r0 is not None:
        rows.append(rf"r_0({_tex(tau)}) &= {tex(outer.closed.r0)}")
    for match in matches or ():
        if match.power is not None and match.order == 0:
            rows.append(rf"\Delta\big|_{{T\,\tau^{{{_tex(match.power)}}}}} &= {_tex(match.inner)}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def html(title: str, formulas: str, lines: Iterable[str]) -> str:
    """A title, formulas in LaTeX, lines of text, and the table of letters."""
    rows = (f"<tr><td>{escape(letter)}</td><td>{escape(meaning)}</td></tr>" for letter, meaning in LETTERS)
    return "\n".join(
        (
            f"<p>{escape(title)}</p>",
            f"$$\n{escape(formulas)}\n$$",
            f"<pre>{escape(chr(10).join(lines))}</pre>",
            "<table>",
            "<tr><th>letter</th><th>meaning</th></tr>",
            *rows,
            "</table>",
        )
    )


def _tex(e: Expr) -> str:
    return str(printing.latex(e, symbol_names={tau_: r"\tau'"}))


def _shown(e: Expr) -> str:
    return str(e) if not is_large(e, _READABLE) else f"({len(e.args)} terms; --json has them)"
