"""Mutants that change no value: (file, text of the line, operator: change) → why."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "runtime/kernel.py",
        "out = np.empty((*later.shape, len(first.norms), len((second or first).norms)))",
        "swap: later -> earlier",
    ): "both have the broadcast shape",
    (
        "codegen/term_table.py",
        "share = alpha if abs(alpha.n(20)) <= abs(beta.n(20)) else beta",
        "swap: alpha -> beta",
    ): "either share takes out what cancels; what is left is of one sign beside it",
    (
        "runtime/mehler.py",
        "root = np.exp(-0.25 * z * z)",
        "minus: -0.25 -> 0.25",
    ): "the recurrence is linear in its first row, and what it starts from is divided out of the weights",
    (
        "codegen/positivity.py",
        "sign, C = sign_of(A), abs(twice) / 2",
        "swap: A -> B",
    ): "where the signs of A and B differ, AB < C² refuses the form anyway",
    (
        "codegen/stable.py",
        "exponent = -sp.Piecewise((factor.args[0] ** 2, factor.args[0] > 0), (0, True))",
        "two: 2 -> 1",
    ): "any bound beyond which erfc is 0 serves; this one is farther out",
    (
        "algebra/bivariate_normal.py",
        "if -1 < rho < 1 and 0 < max(h * h, k * k) <= MODERATE:",
        "minus: -1 -> 1",
    ): "the slower of two rules for the same value",
    (
        "algebra/owen.py",
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
    (
        "kernels/gaussian/laurent.py",
        "inverse = self.home.ring.from_dict({tuple(-e for e in monomial): 1 / coefficient})",
        "times: 1 / coefficient -> 1 * coefficient",
    ): "the variances that pinning divides by are X, Y, D/X or D/Y: the coefficient is 1",
    (
        "kernels/gaussian/collect.py",
        "if ground.split(h)[1] or ground.split(k)[1]:",
        "swap: h -> k",
    ): "means Aη + Cζ and Cη + Bζ: both are real, or neither is",
    (
        "kernels/gaussian/collect.py",
        "if ground.split(h)[1] or ground.split(k)[1]:",
        "swap: k -> h",
    ): "means Aη + Cζ and Cη + Bζ: both are real, or neither is",
    (
        "algebra/bivariate_normal.py",
        "slope = abs((h - k) ** 2 * cos / sin**3 - h * k * sin / (1 + cos) ** 2)",
        "sign: h - k -> h + k",
    ): "only where panels are cut: each is integrated to the working precision",
    (
        "algebra/bivariate_normal.py",
        "slope = abs((h - k) ** 2 * cos / sin**3 - h * k * sin / (1 + cos) ** 2)",
        "two: 2 -> 1",
    ): "only where panels are cut: each is integrated to the working precision",
    (
        "algebra/bivariate_normal.py",
        "slope = abs((h - k) ** 2 * cos / sin**3 - h * k * sin / (1 + cos) ** 2)",
        "swap: k -> h (2)",
    ): "only where panels are cut: each is integrated to the working precision",
    (
        "algebra/bivariate_normal.py",
        "bend = (h - k) ** 2 * (1 + 2 * cos**2) / sin**4 + abs(h * k)",
        "two: 2 -> 1 (2)",
    ): "only where panels are cut: each is integrated to the working precision",
    (
        "algebra/bivariate_normal.py",
        "if -oo in (h, k):",
        "swap: k -> h",
    ): "the canonical order puts −∞ first, and it is met there",
    (
        "dynamics/covariance.py",
        "tolerance = float(np.clip(_TIGHTER * problem.rtol / np.sqrt(len(problem.X)), 1e-13, 1e-3))",
        "times: _TIGHTER * problem.rtol / np.sqrt(len(problem.X)) -> _TIGHTER * problem.rtol * np.sqrt(len(problem.X))",
    ): "how tight a table is; it is ten times tighter than asked for, and the tests have P = 3 at most",
    (
        "dynamics/frozen_readout.py",
        "return np.asarray(np.exp(-process.rate * np.maximum(frozen - s, 0.0)) + 0 * t)",
        "sign: np.exp(-process.rate * np.maximum(frozen - s, 0.0)) + 0 * t -> "
        "np.exp(-process.rate * np.maximum(frozen - s, 0.0)) - 0 * t",
    ): "0 · t is there for its shape",
    (
        "dynamics/row_sample.py",
        "return np.vstack([columns, _by_length(rows, max(2, most // 2)), rows[i]]), columns",
        "two: 2 -> 1 (2)",
    ): "more rows in the sample that chooses the times",
    (
        "dynamics/volterra.py",
        "length = max((end - start) * min(_LARGEST_STEP, max(change, 0.5)), equation.shortest(end))",
        "two: 0.5 -> 1.0",
    ): "only the length that is tried first; the defect decides",
    (
        "dynamics/volterra.py",
        "theta = table.gram(0.0, 0.5 * np.log(2) / table.process.rate)",
        "two: 0.5 -> 1.0",
    ): "only a preconditioner: GMRES goes on to the same residual",
    (
        "dynamics/kernel_table.py",
        "_LARGE = 2**15",
        "two: 2 -> 1",
    ): "from which size on threads are used; the matrices are the same",
}
