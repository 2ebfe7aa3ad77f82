"""The section on the two phases: both expansions, their common terms, time scales, and how the plateau is left."""

from markupsafe import Markup
from sympy import Function, Symbol

from ndksym.algebra.substitute import is_large
from ndksym.errors import NdksymError
from ndksym.expansions import Phases, phases, summary
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.report import html
from ndksym.symbols import T

__all__ = ["expanded", "reason", "record", "section"]

_ORDERS = {1: 2, 2: 2, 3: 1, 4: 1}
"""Depth → order of the expansion that takes seconds; at other depths the G_jl take longer than a report may."""
_TERMS = 3
_READABLE = 4 * WRITTEN_OUT


def expanded(d: Network) -> Phases | None:
    """The expansions, to second order where that takes seconds, to first otherwise; None where an activation jumps."""
    return None if d.diverges else phases(d, _ORDERS.get(d.depth, 1))


def reason(d: Network) -> str:
    """Why a network has no phases; empty if it has."""
    return "an activation jumps, so the network has no NDK and no gradient-driven phase" if d.diverges else ""


def record(p: Phases | None) -> dict[str, object] | None:
    """The document of `ndksym phases --json`; None for deep networks, whose G_jl take long."""
    return None if p is None or p.derivation.depth not in _ORDERS else summary.record(p)


def section(d: Network, p: Phases | None) -> Markup:
    """The section, or why the network has no phases."""
    name, title = "phases", "Phases of learning"
    if p is None:
        return html.section(name, title, html.paragraph(f"None: {reason(d)}.", "note"))
    parts = [
        html.paragraph(
            f"Expansion in powers of {'T' if p.first_root is None else '√T'} to order {_power(p.order)} (T11 to T13), with "
            "G(τ, τ′) = NDK(τ/T, τ′/T) = Σ Gⱼₗ (τ − τ′)^(j/2) τ′ˡ, θ = G₀₀ and Δ = y − f; the error of the composite is "
            f"O({_power(p.error_order)})."
        ),
        html.heading("Gradient-driven, at fixed t: Δ = Σ T^(k/2) Δₖ, one mode of the NTK"),
        *_inner(p),
        html.heading("Diffusive, at fixed τ = T t: Δ = T Σ Tᵏ rₖ(τ)"),
        *(html.equation(each.lhs, each.rhs) for each in p.outer.first_kind),
        html.folded(
            "The same, differentiated once", html.lines(html.equation(e.lhs, e.rhs) for e in p.outer.second_kind)
        ),
        *_closed(p),
        html.heading("Common terms"),
        *_matching(p),
        *_scales(p),
    ]
    return html.section(name, title, *parts)


def _power(n: object) -> str:
    return {"0": "1", "1": "T", "2": "T²", "3": "T³"}.get(str(n), f"T^({n})")


def _inner(p: Phases) -> list[Markup]:
    shown, long = [], 0
    for k, term in enumerate(p.inner.terms):
        if term == 0:
            continue
        if is_large(term, _READABLE):
            long += 1
            continue
        shown.append(html.equation(Symbol(f"Delta_{k}"), term))
    if long:
        shown.append(html.paragraph(f"{long} more are too long to read; the JSON beside this page has them.", "small"))
    return shown


def _closed(p: Phases) -> list[Markup]:
    closed = p.outer.closed
    if closed is None:
        return []
    rates = ", ".join(map(str, closed.rates))
    parts = [
        html.paragraph(f"G is a finite sum of exponentials e^(−ντ), ν = {rates}, so this is a differential equation.")
    ]
    if closed.r0 is not None and not is_large(closed.r0, _READABLE):
        parts.append(html.equation(Function("r0")(Symbol("tau")), closed.r0))
    return parts


def _matching(p: Phases) -> list[Markup]:
    try:
        matches = p.matching
    except NdksymError as error:
        return [html.paragraph(str(error), "note")]
    proved = "all" if all(each.proved for each in matches) else str(sum(each.proved for each in matches))
    parts = [
        html.paragraph(
            f"{len(matches)} overlap terms and conditions, {proved} proved for matrices that do not commute. The terms of r₀:"
        )
    ]
    tau = Symbol("tau")
    shown = [
        each for each in matches if each.order == 0 and each.power is not None and not is_large(each.inner, _READABLE)
    ]
    return parts + [html.equation(Symbol("Delta") / T, each.inner * tau**each.power) for each in shown[:_TERMS]]


def _scales(p: Phases) -> list[Markup]:
    scales = p.time_scales
    parts = [
        html.heading("Time scales"),
        html.equation(Symbol("t_gradient"), scales.gradient),
        html.equation(Symbol("t_diffusive"), scales.diffusive),
        html.equation(Symbol("t_between"), scales.crossover),
    ]
    if not p.closed_form:
        note = f"No closed form ({p.reason}): the Gⱼₗ are numbers here, taken from the compiled kernel."
        return [*parts, html.paragraph(note, "note")]
    if p.derivation.depth not in _ORDERS:
        note = f"The Gⱼₗ of {p.derivation.depth} layers take long to derive; use ndksym phases."
        return [*parts, html.paragraph(note, "note")]
    checks = [
        f"The Gⱼₗ of {'one input' if each.same else 'two inputs'} are those of the NDK to {min(each.digits, 999):.0f} digits."
        for each in p.corner_check
    ]
    parts.append(html.paragraph(" ".join(checks)))
    slope = p.slope
    if slope is not None:
        parts += [
            html.paragraph(
                "A test input with overlap o with one of orthogonal, balanced examples leaves the NTK plateau as "
                f"slope · {'τ' if slope.power == 1 else '√τ'}, per unit of the label:"
            ),
            html.equation(Symbol("slope"), slope.start),
            html.paragraph("It leaves in the wrong direction where slope and NNGP − NTK differ in sign.", "small"),
            *_overshoot(p),
        ]
    return parts


def _overshoot(p: Phases) -> list[Markup]:
    if p.overshoot is None:
        return []
    examples = "; ".join(f"{each} at σ0² = {ratio} σ²" for _, ratio, each in summary.examples(p.overshoot))
    return [
        html.paragraph(
            "It reaches equilibrium as NNGP + (σ0²/σ² − 1) late e^(−2τ/σ²), and overshoots where the sign of that is the sign of "
            f"NNGP − NTK. With o = 0.9 and inputs of length √N₀: {examples}."
        )
    ]
