"""The mutants: a sign flipped, a factor dropped or two names swapped in a function that carries a formula."""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["Mutant", "instrumented", "mutants", "mutated"]

TARGETS: dict[str, tuple[str, ...]] = {
    "kernels/gaussian/atoms.py": ("*",),
    "kernels/gaussian/expectation.py": ("*",),
    "kernels/gaussian/field.py": ("*",),
    "kernels/gaussian/rewrite.py": ("*",),
    "kernels/gaussian/laurent.py": ("*",),
    "kernels/gaussian/to_sympy.py": ("*",),
    "kernels/gaussian/stein.py": ("*",),
    "kernels/gaussian/collect.py": ("*",),
    "kernels/gaussian/steps.py": ("*",),
    "kernels/dual.py": ("_jumps", "_limit"),
    "algebra/bivariate_normal.py": (
        "normal_cdf",
        "normal_pdf",
        "eval",
        "fdiff",
        "phi2_mp",
        "_cdf",
        "_between",
        "_plackett",
        "_scale",
    ),
    "algebra/owen.py": ("*",),
    "kernels/prior.py": ("*",),
    "kernels/recursion.py": (
        "between",
        "first",
        "step",
        "derivative",
        "bias_variance",
        "unroll",
        "nngp",
        "ntk",
        "rate_of",
    ),
    "kernels/ndk.py": ("*",),
    "activation/growth.py": ("growth", "_tail", "_rate", "_sum_rate", "_quadratic", "_size"),
    "activation/analyticity.py": ("strip", "_singular_arguments", "_distance", "_least"),
    "activation/activation.py": ("derivative", "parity", "homogeneity", "growth", "reach", "_order", "_degree"),
    "runtime/prior.py": ("*",),
    "runtime/chain.py": ("*",),
    "runtime/kernel.py": ("gram", "grams", "_two_time", "_inputs"),
    "runtime/gram.py": ("*",),
    "runtime/layer.py": ("*",),
    "runtime/beyond.py": ("*",),
    "runtime/wide.py": ("*",),
    "runtime/tails.py": ("*",),
    "runtime/origin.py": ("*",),
    "runtime/preactivations.py": (
        "p",
        "_usual",
        "far",
        "deep",
        "tail",
        "_shallow",
        "lengths",
        "_closed_lengths",
        "second_moments",
        "series",
        "is_well_conditioned",
        "wide_is_well_conditioned",
    ),
    "runtime/near_parallel.py": ("*",),
    "runtime/quadrature.py": (
        "gauss",
        "double",
        "single",
        "radial_PQ_minus_K",
        "follows",
        "check_reach",
        "outer_edges",
        "on_panels",
        "cos",
        "sin",
        "summed",
        "lengths",
        "length",
        "_split",
    ),
    "runtime/mehler.py": (
        "_hermite",
        "_grid",
        "_rows",
        "series",
        "_envelope",
        "_length",
        "_sum",
        "pairs",
        "resolves_PQ_minus_K",
        "_PQ_minus_K_length",
        "PQ_minus_K",
    ),
    "runtime/angles.py": ("norms", "inputs", "half_angles", "_sine", "_product_error", "_halves"),
    "runtime/special.py": ("*",),
    "dynamics/problem.py": ("*",),
    "dynamics/time_coordinates.py": ("*",),
    "dynamics/volterra_setup.py": ("*",),
    "dynamics/covariance.py": ("*",),
    "dynamics/methods/diffusive.py": ("*",),
    "dynamics/methods/gradient.py": ("*",),
    "dynamics/methods/langevin.py": ("*",),
    "dynamics/methods/mpl.py": ("*",),
    "dynamics/steps.py": ("*",),
    "dynamics/stable_step.py": ("*",),
    "dynamics/frozen_readout.py": ("_from", "_at_equilibrium"),
    "dynamics/linearised.py": ("*",),
    "dynamics/physics.py": ("*",),
    "dynamics/solver.py": ("_boundary",),
    "dynamics/row_sample.py": ("*",),
    "dynamics/collocation.py": ("*",),
    "dynamics/patches.py": ("*",),
    "dynamics/kernel_table.py": ("*",),
    "dynamics/volterra.py": ("*",),
    "runtime/ndk_support.h": ("*",),
    "codegen/lower.py": ("*",),
    "codegen/closed_form.py": ("*",),
    "codegen/homogeneous.py": ("*",),
    "codegen/positivity.py": ("*",),
    "codegen/stable.py": ("*",),
    "codegen/term_table.py": ("*",),
    "codegen/series.py": ("*",),
    "codegen/backends/base.py": ("*",),
    "codegen/backends/numpy.py": ("*",),
    "codegen/backends/c.py": ("*",),
    "codegen/backends/latex.py": ("*",),
}
"""Files of ndksym/ and the functions in them that carry formulas."""

PAIRS = [
    *(("a", "b"), ("p", "q"), ("P", "Q"), ("h", "k"), ("s", "k"), ("t", "s"), ("A", "B"), ("X", "Y"), ("x", "y")),
    *(("sigma2", "sigma02"), ("k11", "k22"), ("later", "earlier"), ("after", "before"), ("PQ_minus_K", "PQ_plus_K")),
    *(("narrow", "wide"), ("prior_variance", "init_variance"), ("alpha", "beta"), ("eta", "zeta"), ("theta", "psi")),
    *(("K_sign", "K_dot_sign"), ("middle", "half"), ("one", "two"), ("first", "second"), ("along", "apex")),
    *(("tt", "ss"), ("low", "high"), ("top", "bottom"), ("sin", "cos"), ("p_", "q_"), ("f1", "f2"), ("d1", "d2")),
    *(("K", "K_dot"), ("small", "large"), ("real", "imaginary"), ("g1", "g2"), ("k_", "h"), ("left", "right")),
]
PARTNERS: dict[str, list[str]] = {}
for _one, _two in PAIRS:
    PARTNERS.setdefault(_one, []).append(_two)
    PARTNERS.setdefault(_two, []).append(_one)

_UNLIKE = {"runtime/mehler.py": frozenset({("k", "h"), ("h", "k")})}
"""An index and an array are not swapped for each other."""

RATES = {"sign": 0.25, "minus": 0.25, "two": 0.25, "half": 0.5, "times": 0.03, "swap": 0.055, "text": 0.35}
"""Share of the possible mutants of each operator that a run takes; chosen by hash, so the same ones every time."""


@dataclass(frozen=True)
class Mutant:
    """One change: in which file of ndksym/, on which line, by which operator, and what it reads before and after."""

    file: str
    line: int
    text: str
    operator: str
    change: str
    site: int
    """Running number of the place in the file; for C, the offset."""
    variant: int = 0
    nth: int = 1
    """Of several that read the same on one line."""
    static: bool = False
    """Evaluated when the module is imported, not inside a function."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it even when lines move."""
        nth = f" ({self.nth})" if self.nth > 1 else ""
        return self.file, self.text, f"{self.operator}: {self.change}{nth}"

    @property
    def place(self) -> str:
        """Where its execution is counted."""
        return f"{self.file}:{'*' if self.file.endswith('.h') else self.site}"

    @property
    def chosen(self) -> bool:
        """Whether a run without --all takes it."""
        digest = hashlib.sha256("|".join(self.key).encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < RATES[self.operator]


def mutants(package: Path) -> list[Mutant]:
    """All of them, in order."""
    found: list[Mutant] = []
    for file in TARGETS:
        source = (package / file).read_text(encoding="utf-8")
        found += _in_c(file, source) if file.endswith(".h") else _in_python(file, source)
    return found


def mutated(package: Path, mutant: Mutant) -> str:
    """The text of the file with the change made."""
    source = (package / mutant.file).read_text(encoding="utf-8")
    if mutant.file.endswith(".h"):
        old, new = mutant.change.split(" -> ")
        assert source[mutant.site :].startswith(old)
        return source[: mutant.site] + new + source[mutant.site + len(old) :]
    tree = ast.parse(source)
    return ast.unparse(_Rewrite(tree, mutant.file, mutant).done)


def instrumented(package: Path, file: str) -> str:
    """The text of a Python file in which every place that has a mutant reports when it is evaluated."""
    return ast.unparse(_Rewrite(ast.parse((package / file).read_text(encoding="utf-8")), file, None).done)


@dataclass(frozen=True)
class _Site:
    node: ast.expr | ast.AugAssign
    number: int
    static: bool
    names: frozenset[str]
    kept: frozenset[tuple[str, str]]
    """Pairs of names that are no partners in this file."""


def _in_python(file: str, source: str) -> list[Mutant]:
    lines, out = source.splitlines(), []
    for site in _sites(ast.parse(source), file):
        for variant, (operator, before, after) in enumerate(_variants(site)):
            line = site.node.lineno
            change = f"{_text(before)} -> {_text(after)}"
            text = lines[line - 1].strip()
            out.append(Mutant(file, line, text, operator, change, site.number, variant, static=site.static))
    return _numbered(out)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _sites(tree: ast.Module, file: str) -> list[_Site]:
    wanted = TARGETS[file]
    globals_ = frozenset(
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    kept = _UNLIKE.get(file, frozenset())
    found: list[_Site] = []

    def visit(node: ast.AST, inside: bool, static: bool, names: frozenset[str]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            if isinstance(node, ast.FunctionDef):
                inside = inside or "*" in wanted or node.name in wanted
                if node.name == "__post_init__":
                    return
            own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
            own |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
            for child in node.body if isinstance(node, ast.FunctionDef) else [node.body]:
                visit(child, inside, False, names | own)
            return
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)):
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                visit(node.value, inside, static, names)
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        if isinstance(node, (ast.expr, ast.AugAssign)) and inside:
            site = _Site(node, len(found), static, names | globals_, kept)
            if any(True for _ in _variants(site)):
                found.append(site)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases", "targets", "target"):
                continue
            if name == "slice" and not isinstance(node, ast.Subscript):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    visit(child, inside, static, names)

    for statement in tree.body:
        visit(statement, "*" in wanted, True, frozenset())
    return found


_SEQUENCES = (ast.List, ast.Tuple, ast.JoinedStr, ast.ListComp, ast.Dict, ast.Set, ast.SetComp)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, _SEQUENCES) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _names_text(node: ast.BinOp) -> bool:
    """By their names, pieces of program text that are put together."""
    return any(isinstance(side, ast.Name) and side.id == "text" for side in (node.left, node.right))


_FLIP: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


def _variants(site: _Site) -> Iterator[tuple[str, ast.AST, ast.AST]]:
    """Operator, and the node before and after, of every mutant at one node."""
    node = site.node
    if isinstance(node, ast.BinOp) and type(node.op) in _FLIP and not _is_text(node) and not _names_text(node):
        operator = "sign" if isinstance(node.op, (ast.Add, ast.Sub)) else "times"
        yield operator, node, ast.BinOp(node.left, _FLIP[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)) and not _is_text(node.value):
        yield "sign", node, ast.AugAssign(node.target, _FLIP[type(node.op)](), node.value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus", node, node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in (2, 0.5):
        yield "two", node, ast.Constant(type(node.value)(1))
    elif isinstance(node, ast.Attribute) and node.attr == "Half" and isinstance(node.value, ast.Name):
        yield "half", node, ast.Attribute(node.value, "One", ast.Load())
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for partner in PARTNERS.get(node.id, ()):
            if partner in site.names and (node.id, partner) not in site.kept:
                yield "swap", node, ast.Name(partner, ast.Load())
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        for partner in PARTNERS.get(node.attr, ()):
            if partner in site.names:
                yield "swap", node, ast.Attribute(node.value, partner, ast.Load())
    elif site.static and isinstance(node, ast.Constant) and isinstance(node.value, str):
        for changed in _template(node.value):
            yield "text", node, ast.Constant(changed)


def _template(text: str) -> Iterator[str]:
    """A printer's template with two places exchanged, or a sign in it flipped."""
    if re.search(r"\{0\}.*\{1\}", text):
        yield re.sub(r"\{([01])\}", lambda m: f"{{{1 - int(m[1])}}}", text)
    if re.search(r"\{1\}.*\{2\}", text):
        yield re.sub(r"\{([12])\}", lambda m: f"{{{3 - int(m[1])}}}", text)
    if re.search(r"\{", text):
        for m in re.finditer(r"[+-](?=[ ({])", text):
            yield text[: m.start()] + ("-" if m[0] == "+" else "+") + text[m.end() :]


class _Rewrite(ast.NodeTransformer):
    """One mutant put in, or all places made to report."""

    def __init__(self, tree: ast.Module, file: str, mutant: Mutant | None) -> None:
        self.file, self.mutant = file, mutant
        self.sites = {id(site.node): site for site in _sites(tree, file)}
        self.done = ast.fix_missing_locations(self.visit(tree))

    def visit(self, node: ast.AST) -> ast.AST:
        site = self.sites.get(id(node))
        if site is None:
            return self.generic_visit(node)
        if self.mutant is not None:
            if site.number != self.mutant.site:
                return self.generic_visit(node)
            return list(_variants(site))[self.mutant.variant][2]
        if isinstance(node, ast.AugAssign):
            node.value = self._reporting(site, self.visit(node.value))
            return node
        done = self.generic_visit(node)
        return done if site.static else self._reporting(site, done)

    def _reporting(self, site: _Site, value: ast.AST) -> ast.expr:
        call = ast.Call(ast.Name("__evaluated__", ast.Load()), [ast.Constant(f"{self.file}:{site.number}")], [])
        return ast.BoolOp(ast.Or(), [call, value])  # type: ignore[list-item]  set.add returns None


_C_RULES = [
    ("sign", r"(?<=[\w)\]]) \+ (?=[\w(-])", " - "),
    ("sign", r"(?<=[\w)\]]) - (?=[\w(-])", " + "),
    ("sign", r" \+= ", " -= "),
    ("minus", r"(?<=[(=:] )-(?=[\w(])|(?<=[(])-(?=[\w(])|(?<=return )-(?=[\w(])", ""),
    ("two", r"\b2\.0 \* ", "1.0 * "),
    ("two", r"\b0\.5 \* ", "1.0 * "),
    ("two", r"\b0\.25 \* ", "0.5 * "),
    ("two", r"/ 2\.0\b|/ \(2\.0 \*", None),
]
_C_SWAPS = [
    ("p", "q"),
    ("s", "k"),
    ("A", "B"),
    ("h", "g"),
    ("x", "y"),
    ("along", "apex"),
    ("last", "now"),
    ("psi", "s"),
    ("small", "large"),
]


def _in_c(file: str, source: str) -> list[Mutant]:
    """The bodies of the functions; signs, factors and names by pattern."""
    lines, out = source.splitlines(), []
    code = re.sub(r"/\*.*?\*/", lambda m: " " * len(m[0]), source, flags=re.S)
    code = re.sub(r"^(NDK_INLINE|static|#|__attribute__).*", lambda m: _blank(m[0]), code, flags=re.M)

    def note(operator: str, start: int, old: str, new: str) -> None:
        line = source.count("\n", 0, start)
        out.append(Mutant(file, line + 1, lines[line].strip(), operator, f"{old} -> {new}", start))

    for operator, pattern, new in _C_RULES:
        for m in re.finditer(pattern, code):
            note(operator, m.start(), m[0], m[0].replace("2.0", "1.0") if new is None else new)
    for one, two in _C_SWAPS:
        for old, new in ((one, two), (two, one)):
            for m in re.finditer(rf"(?<![\w.]){old}(?![\w(])(?! = )", code):
                head = source[source.rfind("NDK_INLINE", 0, m.start()) : m.start()]
                if re.search(rf"double [^;]*\b{new}\b", head):
                    note("swap", m.start(), old, new)
    return _numbered(sorted(out, key=lambda mutant: mutant.site))


def _numbered(found: list[Mutant]) -> list[Mutant]:
    seen: Counter[tuple[int, str]] = Counter()
    out = []
    for mutant in found:
        seen[mutant.line, f"{mutant.operator}: {mutant.change}"] += 1
        out.append(replace(mutant, nth=seen[mutant.line, f"{mutant.operator}: {mutant.change}"]))
    return out


def _blank(head: str) -> str:
    """A signature blanked, the body of a one-line function kept."""
    at = head.find("{") + 1 if head.startswith("NDK_INLINE") else len(head)
    return " " * at + head[at:]
