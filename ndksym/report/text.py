"""A derivation as text, as a JSON document and as a LaTeX document, for the command line."""

from collections.abc import Sequence

from sympy import Expr

from ndksym.activation.activation import Activation
from ndksym.codegen.backends import runnable_names
from ndksym.errors import DivergentKernelError
from ndksym.kernels import latex, recursion
from ndksym.kernels.dual import Dual
from ndksym.kernels.network import Network
from ndksym.verify import Evidence

WRITTEN_OUT = 2
"""Depth of the deepest network whose nngp, ntk and ndk are written out without --expand."""
_READABLE = 1000
"""Characters of the longest kernel that is printed without --expand; the recursion says more than a longer one."""


def require_kernels(d: Network, nngp_only: bool) -> None:
    """Raise DivergentKernelError if the NTK is wanted and does not exist."""
    if nngp_only:
        return
    try:
        recursion.refuse_divergent(d.duals, "NTK")
    except DivergentKernelError as error:
        raise DivergentKernelError(f"{error}; derive it alone with --nngp-only") from error


def document(d: Network, certificate: Sequence[Evidence], *, expand: bool, nngp_only: bool) -> dict[str, object]:
    """The JSON document of `derive --json`."""
    written = expand or d.depth <= WRITTEN_OUT
    first = d.duals[0]
    return {
        "activation": ", ".join(act.name for act in d.activations)
        if len(set(d.activations)) > 1
        else first.activation.name,
        "depth": d.depth,
        "bias": d.bias,
        "closed_form": d.closed_form,
        "reason": next((dual.reason for dual in d.duals if not dual.closed_form), None),
        "K": _text(first.K),
        "K_dot": _text(first.K_dot),
        "nngp": _text(d.nngp) if written else None,
        "ntk": _text(d.ntk) if written and not nngp_only else None,
        "ndk": _text(d.ndk) if written and not nngp_only else None,
        "layers": [_layer(dual) for dual in d.duals],
        "steps": [{"rule": s.rule, "before": str(s.before), "after": str(s.after)} for s in d.steps],
        "certificate": [evidence.record() for evidence in certificate],
    }


def _text(expr: Expr | None) -> str | None:
    return None if expr is None else str(expr)


def _layer(dual: Dual) -> dict[str, object]:
    act = dual.activation
    return {
        "activation": act.name,
        "expr": str(act.expr),
        "K": _text(dual.K),
        "K_dot": _text(dual.K_dot),
        "K_diag": _text(dual.K_diag),
        "K_dot_diag": _text(dual.K_dot_diag),
        "closed_form": dual.closed_form,
        "parity": act.parity,
        "homogeneity": _text(act.homogeneity),
        "kinks": [str(x) for x in act.kinks],
        "discontinuities": [str(x) for x in act.discontinuities],
        "strip": _text(act.strip),
        "variance_below": _text(act.reach),
    }


def text(d: Network, certificate: Sequence[Evidence], *, expand: bool, nngp_only: bool) -> str:
    """The derivation for a reader: kernels, properties of the activations, steps, certificate, and how to compile it."""
    blocks = [str(d)]
    blocks += [facts(act) for act in dict.fromkeys(d.activations)]
    steps = [f"{i:3}. {s.rule}\n       {s.before}\n     → {s.after}" for i, s in enumerate(d.steps, 1)]
    blocks.append("Network\n" + "\n".join(steps))
    if d.closed_form and (expand or d.depth <= WRITTEN_OUT):
        kernels = [("NNGP", d.nngp)] if nngp_only else [("NNGP", d.nngp), ("NTK", d.ntk), ("NDK", d.ndk)]
        lines = [f"{name} = {expr}" for name, expr in kernels]
        blocks += [line for line in lines if expand or len(line) <= _READABLE]
    blocks.append("Certificate\n" + str(certificate))
    names = [act.name for act in d.activations]
    call = repr(names[0]) if len(set(names)) == 1 else repr(names)
    first, *others = runnable_names()
    alternatives = ", ".join(f'"{name}"' for name in others)
    options = ", ".join(f"--code {name}" for name in (first, *others))
    blocks.append(
        "Code\n"
        f'  k = ndksym.derive({call}, depth={d.depth}, bias={d.bias}).compile("{first}")      # or {alternatives}\n'
        f"  k.nngp(X)   k.ntk(X)   k.ndk(X, t=t, s=s, temperature=T)      # the source: {options}"
    )
    return "\n\n".join(blocks)


def facts(act: Activation) -> str:
    """Properties of an activation: parity, degree, jumps, kinks, and where it is analytic."""
    parts = [f"parity {act.parity or 'none'}"]
    if act.homogeneity is not None:
        parts.append(f"homogeneous of degree {act.homogeneity}")
    if act.discontinuities:
        parts.append("jumps at " + ", ".join(map(str, act.discontinuities)))
    if act.kinks:
        parts.append("kinks at " + ", ".join(map(str, act.kinks)))
    if act.strip is not None:
        parts.append("entire" if not act.strip.is_finite else f"analytic for |Im x| < {act.strip}")
    return f"{act.name}: {'; '.join(parts)}"


def ladder(name: str, certificate: Sequence[Evidence]) -> str:
    """The checks of one target of `verify`."""
    verdict = "FAILED" if any(e.failed for e in certificate) else "passed"
    return f"{name}: {verdict}\n{certificate}\n"


def latex_document(d: Network) -> str:
    """A LaTeX file that compiles as it stands."""
    return latex.document(latex.aligned(d))
