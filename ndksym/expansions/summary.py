"""The phases of a network as text and as a JSON document."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from sympy import Expr

from ndksym.algebra.substitute import is_large
from ndksym.errors import InputError
from ndksym.expansions.matching import Match
from ndksym.expansions.overshoot import Overshoot, Verdict
from ndksym.expansions.small_time import Onset
from ndksym.kernels import latex
from ndksym.kernels.network import Network

__all__ = ["examples", "latex_document", "record", "text", "verdicts"]

_OVERLAPS, _RATIOS = ("0.9",), ("0.1", "1", "4")
_READABLE = 160
"""Nodes of an expression up to which a person reads it."""


class Expansions(Protocol):
    """What is summarised of `Phases`."""

    @property
    def derivation(self) -> Network: ...
    @property
    def order(self) -> int: ...
    @property
    def closed_form(self) -> bool: ...
    @property
    def reason(self) -> str: ...
    @property
    def variable(self) -> Expr: ...
    @property
    def error_order(self) -> Expr: ...
    @property
    def inner(self) -> Any: ...
    @property
    def outer(self) -> Any: ...
    @property
    def matching(self) -> tuple[Match, ...]: ...
    @property
    def kernel(self) -> Any: ...
    @property
    def kernel_of_two(self) -> Any: ...
    @property
    def overshoot(self) -> Any: ...
    @property
    def slope(self) -> Any: ...
    @property
    def time_scales(self) -> Any: ...
    @property
    def corner_check(self) -> Any: ...
    def latex(self) -> str: ...


def record(p: Expansions) -> dict[str, Any]:
    """The document of `phases --json`; expressions as text that SymPy reads back."""
    scales, slope, closed = p.time_scales, p.slope, p.outer.closed
    matching, why = _matching(p)
    return {
        "activation": ", ".join(dict.fromkeys(act.name for act in p.derivation.activations)),
        "depth": p.derivation.depth,
        "bias": p.derivation.bias,
        "order": p.order,
        "closed_form": p.closed_form,
        "reason": p.reason or None,
        "variable": str(p.variable),
        "error_order": str(p.error_order),
        "inner": [str(term) for term in p.inner.terms],
        "outer": {
            "first_kind": [f"{eq.lhs} = {eq.rhs}" for eq in p.outer.first_kind],
            "second_kind": [f"{eq.lhs} = {eq.rhs}" for eq in p.outer.second_kind],
            "closed": None
            if closed is None
            else {
                "rates": [str(rate) for rate in closed.rates],
                "r0": None if closed.r0 is None else str(closed.r0),
                "approach": [str(rate) for rate in closed.approach],
            },
        },
        "matching": None if matching is None else [_match(each) for each in matching],
        "matching_refused": why,
        "kernel": _kernel(p.kernel),
        "kernel_of_two": _kernel(p.kernel_of_two),
        "corner_check": [
            {"same_input": each.same, "digits": each.digits, "holds": each.holds} for each in p.corner_check
        ],
        "time_scales": {
            name: str(getattr(scales, name)) for name in ("gradient", "diffusive", "crossover", "separation")
        },
        "slope": None
        if slope is None
        else {
            "power": str(slope.power),
            "start": str(slope.start),
            "value": None if slope.value == slope.start else str(slope.value),
            "definitions": [[str(name), str(value)] for name, value in slope.definitions],
        },
        "overshoot": _overshoot(p),
    }


def _overshoot(p: Expansions) -> dict[str, Any] | None:
    found = p.overshoot
    if found is None:
        return None
    return {
        "rate": str(found.rate),
        "late": str(found.late),
        "poles": None if found.poles is None else [str(each) for each in found.poles],
        "integrands": {str(name): str(value) for name, value in found.integrands.items()},
        "definitions": [[str(name), str(value)] for name, value in found.definitions],
        "examples": [
            {"k11": 1, "o": o, "sigma2": 1, "ratio": ratio, **each.record()} for o, ratio, each in examples(found)
        ],
    }


def examples(found: Overshoot) -> list[tuple[str, str, Verdict]]:
    """What the criterion says at a few ratios; those are left out at which a φ that grows fast has no kernel."""
    out = []
    for o in _OVERLAPS:
        for ratio in _RATIOS:
            with suppress(ArithmeticError, ValueError, TypeError):
                out.append((o, ratio, found.at(k11=1, sigma2=1, beta=0, o=o, ratio=ratio)))
    return out


def _matching(p: Expansions) -> tuple[tuple[Match, ...] | None, str | None]:
    try:
        return p.matching, None
    except InputError as error:
        return None, str(error)


def _match(each: Match) -> dict[str, Any]:
    power = None if each.power is None else str(each.power)
    return {
        "order": each.order,
        "power": power,
        "inner": str(each.inner),
        "outer": str(each.outer),
        "proved": each.proved,
    }


def _kernel(found: Onset | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "jets": {f"{j},{ell}": str(G) for (j, ell), G in sorted(found.jets.items())},
        "definitions": [[str(name), str(value)] for name, value in found.definitions],
    }


def text(p: Expansions) -> str:
    """What a person reads."""
    d = p.derivation
    names = ", ".join(dict.fromkeys(act.name for act in d.activations))
    lines = [
        f"{names}, depth {d.depth}, {'with' if d.bias else 'without'} biases: learning in powers of {p.variable}, to order "
        f"T^{p.order}; the composite leaves out O(T^({p.error_order}))",
    ]
    if not p.closed_form:
        lines.append(
            f"no closed form ({p.reason}): the G_jl are numbers, taken from the compiled kernel by .on(X, y, …)"
        )
    lines += [
        "G(τ, τ') = NDK(τ/T, τ'/T) = Σ G_jl (τ−τ')^(j/2) τ'^l,  θ = G_00,  Δ = y − f",
        "",
        "Gradient-driven phase, fixed t: Δ = Σ T^(k/2) Δ_k, one mode",
        *(f"  Δ_{k} = {_shown(term)}" for k, term in enumerate(p.inner.terms) if term != 0),
        "",
        "Diffusive phase, fixed τ = T t: Δ = T Σ T^k r_k",
        *(f"  {eq.lhs} = {eq.rhs}" for eq in p.outer.first_kind),
        "  differentiated once:",
        *(f"  {eq.lhs} = {eq.rhs}" for eq in p.outer.second_kind),
    ]
    if p.outer.closed is not None:
        lines.append(f"  G is a sum of exponentials e^(−ντ), ν = {', '.join(map(str, p.outer.closed.rates))}")
        if p.outer.closed.r0 is not None:
            lines.append(f"  r_0 = {p.outer.closed.r0}")
        if p.outer.closed.approach:
            lines.append(f"  equilibrium is approached at the rates {', '.join(map(str, p.outer.closed.approach))}")
    lines += ["", *_matching_lines(p), "", *_scale_lines(p)]
    return "\n".join(lines)


def verdicts(p: Expansions) -> list[tuple[str, bool]]:
    """Each thing that was checked, and whether it holds."""
    found = [(f"overlap of order {each.order}, power {each.power}", each.proved) for each in _matching(p)[0] or ()]
    return found + [(f"G_jl of {'one input' if each.same else 'two inputs'}", each.holds) for each in p.corner_check]


def latex_document(p: Expansions) -> str:
    """A LaTeX file that compiles as it stands."""
    return latex.document(p.latex())


def _shown(e: Expr) -> str:
    return str(e) if not is_large(e, _READABLE) else f"({len(e.args)} terms; --json has them)"


def _matching_lines(p: Expansions) -> list[str]:
    matching, why = _matching(p)
    if matching is None:
        return [f"Matching: not tried: {why}"]
    kinds = "proved" if all(each.proved for each in matching) else "NOT proved"
    lines = [f"Matching: {len(matching)} overlap terms and conditions, {kinds} for matrices that do not commute"]
    for each in matching:
        if each.power is not None and each.order == 0 and each.power <= 0:
            lines.append(f"  r_0 starts with τ^({each.power}) · {each.inner}")
    for check in p.corner_check:
        which = "one input" if check.same else "two inputs"
        lines.append(f"  the G_jl of {which} are the NDK's to {min(check.digits, 999):.0f} digits")
    return lines


def _scale_lines(p: Expansions) -> list[str]:
    scales, slope = p.time_scales, p.slope
    lines = [f"Time scales: gradient {scales.gradient}, diffusive {scales.diffusive}, between them {scales.crossover}"]
    if slope is not None:
        lines += [
            "Test input of overlap o with one of orthogonal, balanced examples: f ≈ plateau + slope τ^("
            + f"{slope.power})",
            f"  slope = {_shown(slope.value) if not is_large(slope.value, _READABLE) else slope.start}",
            "  it leaves in the wrong direction where slope and (NNGP − NTK) differ in sign",
        ]
    found = p.overshoot
    if found is not None:
        lines += [
            f"  late, f ≈ NNGP + (σ0²/σ² − 1) late exp(−{found.rate}·τ), late = {_shown(found.late)}",
            "  it overshoots where (σ0²/σ² − 1) late and (NNGP − NTK) have one sign; at k11 = σ² = 1:",
            *(f"    o = {o}, σ0²/σ² = {ratio}: {each}" for o, ratio, each in examples(found)),
        ]
    return lines
