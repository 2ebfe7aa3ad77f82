"""Mutants that change no value: (file, text of the line, operator: change) → why."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "special.py",
        "if -1 < rho < 1 and 0 < max(h * h, k * k) <= MODERATE:",
        "minus: -1 -> 1",
    ): "the slower of two rules for the same value",
    (
        "owen.py",
        "with mpmath.workprec(prec + int(x / mpmath.ln2) + 10):",
        "sign: prec + int(x / mpmath.ln2) + 10 -> prec + int(x / mpmath.ln2) - 10",
    ): "guard digits: prec has 20 more than are asked for",
    (
        "runtime/kernel.py",
        "for index in np.ndindex(later.shape):",
        "swap: later -> earlier",
    ): "both have the broadcast shape",
    (
        "runtime/layer.py",
        "one = np.ones_like(pairs.s)",
        "swap: pairs.s -> pairs.k",
    ): "both have the same shape",
    (
        "runtime/quadrature.py",
        "z = (lo + half)[:, None] + half[:, None] * x",
        "sign: (lo + half)[:, None] + half[:, None] * x -> (lo + half)[:, None] - half[:, None] * x",
    ): "nodes and weights of Gauss–Legendre are symmetric",
}
