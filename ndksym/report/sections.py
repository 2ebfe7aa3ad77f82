"""The sections of a report, in the order in which a derivation is read."""

from collections.abc import Iterator, Sequence

from sympy import Expr, Function, Symbol, oo

from ndksym.algebra.substitute import is_large
from ndksym.codegen import files
from ndksym.kernels import prior, recursion
from ndksym.kernels.dual import Dual, Step
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.output.figure import Absent, Figure
from ndksym.report import html, text
from ndksym.symbols import a, b, c, s, t, x
from ndksym.verify import Evidence

__all__ = ["certificate", "code", "derivation", "duals", "kernels", "network", "title"]

_READABLE = 400
"""Nodes up to which a formula is something to read on a page."""
_LAYERS, _FIRST = 6, 3
"""A recursion of so many layers is shown in full; of a longer one so many."""
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
    """gelu, depth 2, without biases."""
    names = [act.name for act in d.activations]
    shown = ", ".join(names if len(set(names)) > 1 else names[:1])
    return f"{shown}, depth {d.depth}, {'with' if d.bias else 'without'} biases"


def network(d: Network, figures: Sequence[Figure | Absent]) -> str:
    """φ of every distinct activation, what was derived of it, and its plot."""
    parts = [
        html.paragraph(
            "h₁ = W₁x/√N₀ + β b₁, hₗ₊₁ = Wₗ₊₁φ(hₗ)/√Nₗ + β bₗ₊₁, f = the readout, all widths to infinity."
            if d.bias
            else "h₁ = W₁x/√N₀, hₗ₊₁ = Wₗ₊₁φ(hₗ)/√Nₗ, f = the readout, all widths to infinity."
        )
    ]
    for dual, name, layers in _distinct(d):
        act = dual.activation
        parts += [
            html.equation(Function(f"phi{name}")(x), act.expr),
            html.paragraph(f"Hidden layer {layers}. {text.facts(act)}."),
        ]
    return html.section("network", "Activation", *parts, html.drawn(figures))


def derivation(d: Network) -> str:
    """Every step with its rule: the dual kernels one after the other."""
    parts = []
    for dual, name, _ in _distinct(d):
        if name:
            parts.append(f"<h3>Activation {name[1:]}</h3>")
        if dual.closed_form:
            parts.append(_steps(dual.steps))
        else:
            parts.append(
                html.paragraph(
                    f"No closed form: {dual.reason}. The kernel is computed by quadrature and Mehler series, to the "
                    "same accuracy; everything below holds for it too.",
                    "note",
                )
            )
    return html.section("derivation", "Network, step by step", *parts)


def duals(d: Network) -> str:
    """K, K_dot and both on the diagonal."""
    parts = [
        html.paragraph("K(a, b, c) = E[φ(u)φ(v)] and K̇(a, b, c) = E[φ′(u)φ′(v)] with E u² = a, E v² = b, E uv = c.")
    ]
    for dual, name, _ in _distinct(d):
        K, K_dot = Function(f"K{name}"), Function(f"Kdot{name}")
        if dual.K is None:
            parts.append(html.paragraph(f"{dual.activation.name}: no closed form, {dual.reason}.", "note"))
            continue
        known: list[tuple[Expr, Expr | None]] = [(K(a, b, c), dual.K), (K_dot(a, b, c), dual.K_dot)]
        known += [(K(a, a, a), dual.K_diag), (K_dot(a, a, a), dual.K_dot_diag)]
        parts += [
            html.equation(left, right)
            if right is not oo
            else html.paragraph("K̇(a, a, a) is infinite: φ jumps.", "note")
            for left, right in known
            if right is not None
        ]
        if dual.condition:
            parts.append(html.paragraph(dual.condition[0].upper() + dual.condition[1:] + ".", "note"))
    return html.section("dual", "Dual kernel", *parts)


def kernels(d: Network, nngp_only: bool, figures: Sequence[Figure | Absent]) -> tuple[str, str]:
    """Two sections: the recursion layer by layer, then what it gives."""
    told = sum(len(dual.steps) for dual in dict.fromkeys(d.duals))
    rest = d.steps[told:]
    first = html.section("recursion", "Layer recursion at two inputs and two times", *_recursion(rest, d))
    top = recursion.LayerState.named(str(d.depth + 1))
    said = "What the last layer gives at equal times: NNGP where every second moment of a parameter is σ²"
    both = "" if d.diverges or nngp_only else ", NTK where it is σ0²"
    parts = [html.paragraph(f"{said}{both}.")]
    parts += [html.equation(Symbol("NNGP"), top.c), _written("NNGP", Symbol("NNGP"), d.nngp, d.depth)]
    if nngp_only or d.diverges:
        why = "an activation jumps" if d.diverges else "only the NNGP kernel was asked for"
        parts.append(html.paragraph(f"No NTK and no NDK here: {why}.", "note"))
    else:
        NDK = Function("NDK")(t, s)
        parts += [html.equation(Symbol("NTK"), top.theta), _written("NTK", Symbol("NTK"), d.ntk, d.depth)]
        parts += [html.equation(NDK, prior.response() * top.theta), _written("NDK", NDK, d.ndk, d.depth)]
    return first, html.section("kernels", "NNGP, NTK, NDK", *parts, html.drawn(figures))


def certificate(found: Sequence[Evidence]) -> str:
    """Every check: what was claimed, at which rung, the verdict, and the figures behind it."""
    rows = [(e.rung, e.verdict, e.claim, e.detail) for e in found]
    kinds = ["failed" if e.failed else "" for e in found]
    words = "; ".join(f"{word}: {_MEANING[word]}" for word in dict.fromkeys(e.verdict for e in found))
    return html.section(
        "certificate", "Certificate", html.paragraph(tally(found)),
        html.table(("rung", "verdict", "claim", "figures"), rows, kinds, "stacked"), html.paragraph(f"{words}.", "small"),
    )  # fmt: skip


def tally(found: Sequence[Evidence]) -> str:
    """How many checks, and how they ended."""
    verdicts = [e.verdict for e in found]
    said = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    failed = sum(e.failed for e in found)
    return f"{len(found)} checks: {said}. " + (f"{failed} failed." if failed else "None failed.")


def code(d: Network) -> str:
    """The modules that were generated, folded."""
    name = " ".join(act.name for act in d.activations)
    shown = (("numpy", "NumPy"), ("c", "C"))
    parts = [html.folded(f"{label}, kernel.{end}", html.code(files.source(name, d, backend)))
             for (backend, label), end in zip(shown, ("py", "c"), strict=True)]  # fmt: skip
    call = repr(d.activations[0].name) if len(set(d.activations)) == 1 else repr([act.name for act in d.activations])
    use = f'k = ndksym.derive({call}, depth={d.depth}, bias={d.bias}).compile("numpy")\nk.nngp(X)'
    use += "" if d.diverges else "\nk.ntk(X)\nk.ndk(X, t=t, s=s, temperature=T)"
    return html.section("code", "Generated code", html.code(use), *parts)


def _distinct(d: Network) -> Iterator[tuple[Dual, str, str]]:
    """Each dual once, the index of its functions where there are several, and its layers."""
    distinct = list(dict.fromkeys(d.duals))
    for number, dual in enumerate(distinct, 1):
        at = [layer for layer, other in enumerate(d.duals, 1) if other == dual]
        run = at == list(range(at[0], at[-1] + 1)) and len(at) > 2
        yield (
            dual,
            f"_{number}" if len(distinct) > 1 else "",
            f"{at[0]} to {at[-1]}" if run else ", ".join(map(str, at)),
        )


def _steps(steps: Sequence[Step]) -> str:
    items = [f"<li>{html.paragraph(step.rule, 'rule')}{html.equation(step.before, step.after)}</li>" for step in steps]
    return "<ol>\n" + "\n".join(items) + "\n</ol>"


def _recursion(steps: Sequence[Step], d: Network) -> list[str]:
    """All of it, or, of a deep network, its first layers and its output."""
    if d.depth <= _LAYERS:
        return [_steps(steps)]
    begin = next(i for i, step in enumerate(steps) if step.rule.startswith(f"T5, layer {_FIRST + 1}:"))
    end = next(i for i, step in enumerate(steps) if step.rule.startswith("T5, output"))
    said = f"Layers {_FIRST + 1} to {d.depth} go on in the same way; the JSON beside this page has them all."
    return [_steps(steps[:begin]), html.paragraph(said, "note"), _steps(steps[end:])]


def _written(name: str, left: Expr, kernel: Expr | None, depth: int) -> str:
    if kernel is None:
        return ""
    if not is_large(kernel, WRITTEN_OUT):
        return html.equation(left, kernel)
    if not is_large(kernel, _READABLE):
        return html.folded(f"{name}, written out", html.equation(left, kernel))
    where = "the JSON beside this page has it" if depth <= text.WRITTEN_OUT else "derive --json --expand has it"
    return html.paragraph(f"{name}, written out, is too long to read; {where}.", "small")
