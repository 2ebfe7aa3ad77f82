"""What is said of compiled kernels: the comparison with quadrature that each has passed, the laws it obeys on drawn inputs,
and its error on inputs chosen to break it."""

from ndksym.codegen.compile import kernel as kernel_of
from ndksym.errors import MissingExtraError
from ndksym.kernels.network import Network
from ndksym.verify import closed_form_values
from ndksym.verify.accuracy import BAR, SLACK, family, score, truth
from ndksym.verify.evidence import Evidence, Word
from ndksym.verify.laws import laws_of, worst

SEED = 2309


def code(d: Network, names: tuple[str, ...]) -> list[Evidence]:
    """The comparison of each layer's code with quadrature of φ, made when it is compiled."""
    found = []
    for name in names:
        try:
            layers = dict.fromkeys(kernel_of(d, name).layers)
        except MissingExtraError as error:
            found.append(Evidence("code", name, "skipped", str(error)))
            continue
        for layer in layers:
            word: Word = "refuted" if not layer.proof.passed else "holds" if layer.proof.pairs else "skipped"
            detail = f"{layer.proof}" + ("; quadrature is used instead" if word == "refuted" else "")
            found.append(Evidence("code", f"{name}: {layer.name} against quadrature of φ", word, detail))
    return found


def laws(d: Network, draws: int) -> list[Evidence]:
    """Every law of `ndksym.verify.laws` on seeded draws."""
    kernel, found = kernel_of(d), []
    for name, law in laws_of(d.activations, d.bias).items():
        miss, _ = worst(kernel, law, d.bias, draws, SEED)
        detail = f"largest miss {miss:.2g} of what is allowed, {draws} draws, seed {SEED}"
        found.append(Evidence("laws", name.replace("_", " "), "holds" if miss <= 1 else "refuted", detail))
    return found


def backends(d: Network, names: tuple[str, ...], scales: tuple[float, ...], near: tuple[int, ...]) -> list[Evidence]:
    """Each backend against 50 digits on the exact float64 inputs: 1e-13, or ten times the motion of the truth."""
    tangent = not any(act.rough for act in d.activations)
    kernels, found = {}, []
    for name in names:
        try:
            kernels[name] = kernel_of(d, name)
        except MissingExtraError as error:
            found.append(Evidence("backends", name, "skipped", str(error)))
    try:
        for scale in scales:
            reach = min(float("inf") if act.reach is None else float(act.reach) for act in d.activations)
            X, bias = family(min(scale, reach**0.5 / 8), near, SEED), 0.3 if d.bias else 0.0
            true = truth(d.activations, X, variance=1.3, bias=bias, dual=closed_form_values.layers(d.duals))
            for name, kernel in kernels.items():
                for result in score(kernel, true, tangent):
                    detail = (
                        f"rel. error ≤ {result.diagonal:.1e} on the diagonal, ≤ {result.conditioned:.1e} where well "
                        f"conditioned; at most {result.ratio:.2g} of what is allowed ({BAR:g} or {SLACK:g} × motion)"
                    )
                    claim = f"{name}: {result.kernel} at |x| ~ {scale:g}"
                    found.append(Evidence("backends", claim, "holds" if result.passed else "refuted", detail))
    except MissingExtraError as error:
        found.append(Evidence("backends", "accuracy", "skipped", str(error)))
    return found
