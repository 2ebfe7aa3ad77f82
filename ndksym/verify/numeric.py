"""Rungs 4–6, on compiled kernels: comparison with quadrature, laws on drawn inputs, and errors on difficult inputs."""

from ndksym.codegen.compile import kernel as kernel_of
from ndksym.errors import MissingExtraError, NotDerivableError
from ndksym.kernels.network import Network
from ndksym.runtime.preactivations import LayerRules
from ndksym.verify import closed_form_values
from ndksym.verify.accuracy import BAR, SLACK, family, score, truth
from ndksym.verify.evidence import Evidence, VerdictWord
from ndksym.verify.laws import laws_of, worst

SEED = 2309


def code(d: Network, names: tuple[str, ...]) -> list[Evidence]:
    """Report the comparison of each layer's code with quadrature of φ, which is made at compilation."""
    evidence = []
    for name in names:
        try:
            layers = dict.fromkeys(kernel_of(d, name).layers)
        except MissingExtraError as error:
            evidence.append(Evidence("code", name, "skipped", str(error)))
            continue
        for layer in layers:
            verdict: VerdictWord = "refuted" if not layer.proof.passed else "holds" if layer.proof.pairs else "skipped"
            detail = f"{layer.proof}" + ("; quadrature is used instead" if verdict == "refuted" else "")
            evidence.append(Evidence("code", f"{name}: {layer.name} against quadrature of φ", verdict, detail))
    return evidence


def laws(d: Network, draws: int) -> list[Evidence]:
    """Check every law of `ndksym.verify.laws` on seeded draws."""
    kernel, evidence = kernel_of(d), []
    for name, law in laws_of(d.activations, d.bias).items():
        try:
            deviation, _ = worst(kernel, law, d.bias, draws, SEED)
        except NotDerivableError as error:  # the kernel has no value at the inputs that are drawn
            evidence.append(Evidence("laws", name.replace("_", " "), "skipped", str(error)))
            continue
        detail = f"largest deviation {deviation:.2g} of the allowed one, {draws} draws, seed {SEED}"
        evidence.append(Evidence("laws", name.replace("_", " "), "holds" if deviation <= 1 else "refuted", detail))
    return evidence


def backends(d: Network, names: tuple[str, ...], scales: tuple[float, ...], near: tuple[int, ...]) -> list[Evidence]:
    """Compare each backend with exact values, to 50 digits, for the float64 inputs."""
    tangent = not any(act.rough for act in d.activations)
    kernels, evidence = {}, []
    for name in names:
        try:
            kernels[name] = kernel_of(d, name)
        except MissingExtraError as error:
            evidence.append(Evidence("backends", name, "skipped", str(error)))
    try:
        for scale in scales:
            reach = min((LayerRules(layer).largest_variance for layer in kernel_of(d).layers), default=float("inf"))
            X, bias = family(min(scale, reach**0.5 / 8), near, SEED), 0.3 if d.bias else 0.0
            true = truth(d.activations, X, variance=1.3, bias=bias, dual=closed_form_values.layers(d.duals))
            for name, kernel in kernels.items():
                for result in score(kernel, true, tangent):
                    detail = (
                        f"rel. error ≤ {result.diagonal:.1e} on the diagonal, ≤ {result.conditioned:.1e} where well "
                        f"conditioned; at most {result.ratio:.2g} of the allowed error ({BAR:g}, or {SLACK:g} × the change "
                        "with half an ulp in X)"
                    )
                    claim = f"{name}: {result.kernel} at |x| ~ {scale:g}"
                    evidence.append(Evidence("backends", claim, "holds" if result.passed else "refuted", detail))
    except (MissingExtraError, NotDerivableError) as error:
        evidence.append(Evidence("backends", "accuracy", "skipped", str(error)))
    return evidence
