"""The sections of a report, in the order in which a derivation is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sympy import Expr, Function, Symbol, oo

from ndksym.algebra.substitute import is_large
from ndksym.codegen import files
from ndksym.codegen.backends import runnable
from ndksym.kernels import prior
from ndksym.kernels.dual import Dual, Step
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.kernels.recursion import Layer
from ndksym.output.figure import Absent, Figure
from ndksym.report import html, learning_figures, text
from ndksym.runtime.compiled import NUMPY
from ndksym.symbols import a, b, c, s, t, x
from ndksym.verify import Evidence

__all__ = [
    "certificate", "code", "derivation", "duals", "kernels", "learning", "made", "network", "recursion", "tally", "title",
]  # fmt: skip

_READABLE = 400
"""Nodes of the largest formula that the page shows."""
_ALL_LAYERS, _FIRST_LAYERS = 6, 3
"""A recursion of at most 6 layers is shown in full, a longer one with its first 3 layers."""
_MEANING = {
    "proved": "an identity, exactly",
    "supported": "to 30 digits or more at drawn points",
    "certified": "inside a certified ball",
    "holds": "within the stated error on every input tried",
    "refuted": "a failure",
    "unknown": "a failure: no verdict where one was expected",
    "skipped": "not run",
}


def title(d: Network) -> str:
    """Activations, depth, and whether there are biases: gelu, depth 2, without biases."""
    names = [act.name for act in d.activations]
    shown = ", ".join(names if len(set(names)) > 1 else names[:1])
    return f"{shown}, depth {d.depth}, {'with' if d.bias else 'without'} biases"


def network(d: Network, figures: Sequence[Figure | Absent]) -> Markup:
    """The network, and the formula, properties and plot of each distinct activation."""
    parts = [
        html.paragraph(
            "h₁ = W₁x/√N₀ + β b₁, hₗ₊₁ = Wₗ₊₁φ(hₗ)/√Nₗ + β bₗ₊₁, f = the readout, all widths to infinity."
            if d.bias
            else "h₁ = W₁x/√N₀, hₗ₊₁ = Wₗ₊₁φ(hₗ)/√Nₗ, f = the readout, all widths to infinity."
        )
    ]
    for each in _distinct(d):
        act = each.dual.activation
        parts += [
            html.equation(Function(f"phi{each.index}")(x), act.expr),
            html.paragraph(f"Hidden layer {each.layers}. {text.facts(act)}."),
        ]
    return html.section("network", "Activation", *parts, html.figures(figures))


def derivation(d: Network) -> Markup:
    """All steps of each dual kernel, with their rules."""
    parts: list[Markup] = []
    for each in _distinct(d):
        if each.index:
            parts.append(html.heading(f"Activation {each.index[1:]}"))
        if each.dual.closed_form:
            parts.append(_steps(each.dual.steps))
        else:
            note = (
                f"No closed form: {each.dual.reason}. The kernel is computed by quadrature and Mehler series, to the same "
                "accuracy; everything below holds for it too."
            )
            parts.append(html.paragraph(note, "note"))
    return html.section("derivation", "Network, step by step", *parts)


def duals(d: Network) -> Markup:
    """K and K_dot of each distinct activation, in general and on the diagonal."""
    parts = [
        html.paragraph("K(a, b, c) = E[φ(u)φ(v)] and K̇(a, b, c) = E[φ′(u)φ′(v)] with E u² = a, E v² = b, E uv = c.")
    ]
    for each in _distinct(d):
        dual = each.dual
        K, K_dot = Function(f"K{each.index}"), Function(f"Kdot{each.index}")
        if dual.K is None:
            parts.append(html.paragraph(f"{dual.activation.name}: no closed form, {dual.reason}.", "note"))
            continue
        formulas: list[tuple[Expr, Expr | None]] = [
            (K(a, b, c), dual.K), (K_dot(a, b, c), dual.K_dot), (K(a, a, a), dual.K_diag), (K_dot(a, a, a), dual.K_dot_diag),
        ]  # fmt: skip
        for left, right in formulas:
            if right is oo:
                parts.append(html.paragraph("K̇(a, a, a) is infinite, because φ jumps.", "note"))
            elif right is not None:
                parts.append(html.equation(left, right))
        if dual.condition:
            parts.append(html.paragraph(dual.condition[0].upper() + dual.condition[1:] + ".", "note"))
    return html.section("dual", "Dual kernel", *parts)


def recursion(d: Network) -> Markup:
    """The layer recursion; of a deep network, its first layers and its output."""
    steps = d.steps[sum(len(dual.steps) for dual in dict.fromkeys(d.duals)) :]
    if d.depth <= _ALL_LAYERS:
        parts = [_steps(steps)]
    else:
        begin = next(i for i, step in enumerate(steps) if step.rule.startswith(f"T5, layer {_FIRST_LAYERS + 1}:"))
        end = next(i for i, step in enumerate(steps) if step.rule.startswith("T5, output"))
        note = f"Layers {_FIRST_LAYERS + 1} to {d.depth} go on in the same way; the JSON beside this page has them all."
        parts = [_steps(steps[:begin]), html.paragraph(note, "note"), _steps(steps[end:])]
    return html.section("recursion", "Layer recursion at two inputs and two times", *parts)


def kernels(d: Network, nngp_only: bool, figures: Sequence[Figure | Absent]) -> Markup:
    """NNGP, NTK and NDK in terms of the last layer, and written out where they are short enough."""
    top = Layer.named(str(d.depth + 1))
    nngp_alone = d.diverges or nngp_only
    parts = [
        html.paragraph(
            "The last layer at equal times gives the NNGP kernel where every second moment of a parameter is σ²"
            + ("." if nngp_alone else ", and the NTK where it is σ0².")
        ),
        html.equation(Symbol("NNGP"), top.c),
        _written_out("NNGP", Symbol("NNGP"), d.nngp, d.depth),
    ]
    if nngp_alone:
        reason = "an activation jumps" if d.diverges else "only the NNGP kernel was asked for"
        parts.append(html.paragraph(f"No NTK and no NDK here: {reason}.", "note"))
    else:
        NDK = Function("NDK")(t, s)
        parts += [
            html.equation(Symbol("NTK"), top.theta),
            _written_out("NTK", Symbol("NTK"), d.ntk, d.depth),
            html.equation(NDK, prior.response() * top.theta),
            _written_out("NDK", NDK, d.ndk, d.depth),
        ]
    return html.section("kernels", "NNGP, NTK, NDK", *parts, html.figures(figures))


def learning(shown: learning_figures.Learning, expansions: Sequence[Figure | Absent]) -> Markup:
    """The learning curves, and how networks of finite width compare with them."""
    parts = [html.figures([shown.figure, *expansions])]
    if shown.note:
        parts.append(html.paragraph(shown.note, "note"))
    agreement = learning_figures.agreement(shown)
    if agreement is not None:
        rows = [
            (name, f"{part['largest_z']:.2f}", f"{part['expected']:.2f}", f"{part['chance']:.2g}", str(part["cells"]))
            for name, part in agreement.items()
        ]
        head = ("of the predictor", "largest |z|", "expected", "chance of more", "cells")
        parts += [
            html.paragraph(
                "Networks of finite width are compared with theory at infinite width, for the same steps of finite length. "
                "z is their distance in standard errors; what exceeds chance is due to the finite width."
            ),
            html.table(head, [("", row) for row in rows]),
        ]
    return html.section("learning", "Learning curves", *parts)


def certificate(evidence: Sequence[Evidence]) -> Markup:
    """Every check: its rung, its verdict, what was claimed, and the figures behind the verdict."""
    rows = [("failed" if e.failed else "", (e.rung, e.verdict, e.claim, e.detail)) for e in evidence]
    words = "; ".join(f"{word}: {_MEANING[word]}" for word in dict.fromkeys(e.verdict for e in evidence))
    return html.section(
        "certificate", "Certificate", html.paragraph(tally(evidence)),
        html.table(("rung", "verdict", "claim", "figures"), rows, "stacked"), html.paragraph(f"{words}.", "small"),
    )  # fmt: skip


def tally(evidence: Sequence[Evidence]) -> str:
    """How many checks ended with which verdict."""
    verdicts = [e.verdict for e in evidence]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    failed = sum(e.failed for e in evidence)
    return f"{len(evidence)} checks: {counts}. " + (f"{failed} failed." if failed else "None failed.")


def code(d: Network) -> Markup:
    """How to compile the network in Python, and the generated modules, folded."""
    name = " ".join(act.name for act in d.activations)
    modules = [
        html.folded(f"{backend.label}, {backend.file}", html.code(files.source(name, d, backend.name)))
        for backend in runnable()
    ]
    call = repr(d.activations[0].name) if len(set(d.activations)) == 1 else repr([act.name for act in d.activations])
    use = f'k = ndksym.derive({call}, depth={d.depth}, bias={d.bias}).compile("{NUMPY}")\nk.nngp(X)'
    use += "" if d.diverges else "\nk.ntk(X)\nk.ndk(X, t=t, s=s, temperature=T)"
    return html.section("code", "Generated code", html.code(use), *modules)


def made(command: str, numbers: str, versions: Mapping[str, str | None]) -> Markup:
    """The command, the file of the numbers, and the versions of the packages."""
    return html.section(
        "made", "How this was made", html.code(command),
        html.paragraph(f"The numbers of every figure, and all formulas as text, are in {numbers} beside this page."),
        html.terms((name, version or "not installed") for name, version in versions.items()),
    )  # fmt: skip


@dataclass(frozen=True)
class _Distinct:
    """A dual kernel, the index of its functions (empty if it is the only one), and its layers in words."""

    dual: Dual
    index: str
    layers: str


def _distinct(d: Network) -> Iterator[_Distinct]:
    distinct = list(dict.fromkeys(d.duals))
    for number, dual in enumerate(distinct, 1):
        at = [layer for layer, other in enumerate(d.duals, 1) if other == dual]
        is_range = at == list(range(at[0], at[-1] + 1)) and len(at) > 2
        layers = f"{at[0]} to {at[-1]}" if is_range else ", ".join(map(str, at))
        yield _Distinct(dual, f"_{number}" if len(distinct) > 1 else "", layers)


def _steps(steps: Sequence[Step]) -> Markup:
    return html.steps((step.rule, html.equation(step.before, step.after)) for step in steps)


def _written_out(name: str, left: Expr, kernel: Expr | None, depth: int) -> Markup:
    """The formula of a kernel: shown, folded, or, if it is too long, where to find it."""
    if kernel is None:
        return Markup()
    if not is_large(kernel, WRITTEN_OUT):
        return html.equation(left, kernel)
    if not is_large(kernel, _READABLE):
        return html.folded(f"{name}, written out", html.equation(left, kernel))
    where = "the JSON beside this page has it" if depth <= text.WRITTEN_OUT else "derive --json --expand has it"
    return html.paragraph(f"{name}, written out, is too long to read; {where}.", "small")
