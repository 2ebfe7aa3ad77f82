"""Texts drawn from the whole grammar of activations, what they mean in NumPy, and their kernels by plain quadrature.

The meaning is NumPy's own, typed here; the quadrature is two-dimensional Gauss–Legendre of that meaning. Neither knows
pieces, closed forms or generated code.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
from scipy.special import erf, erfc

import ndksym

NUMBERS = (
    "1", "2", "3", "1/2", "2/3", "0.7", "1.5", "0.044715", "sqrt(2)", "sqrt(pi)", "pi", "E", "1/pi", "sqrt(2/pi)",
    "exp(-1)", "log(2)", "cos(1)", "1/sqrt(pi-1)", "erf(1/2)", "atan(2)", "2**(1/3)", "tanh(1)", "1e-3",
)  # fmt: skip
SMOOTH = (
    "exp({})", "exp(-({})**2)", "sin({})", "cos({})", "tanh({})", "erf({})", "erfc({})", "atan({})", "asinh({})",
    "Phi({})", "log(1+({})**2)", "log(1+exp({}))", "sqrt(1+({})**2)", "1/(1+({})**2)", "1/(1+exp(-({})))",
    "sinh({})/cosh({})", "sigmoid({})", "softplus({})", "silu({})", "mish({})", "gelu({})", "gaussian({})", "gabor({})",
    "snake({})", "He(2, {})", "He(3, {})", "x_gauss({})", "1/cosh({})", "2**(-({})**2)",
)  # fmt: skip
KINKED = (
    "Abs({})", "Max(0, {})", "Min({}, 1)", "Max(-1, Min(1, {}))", "relu({})", "leaky_relu({}, 0.1)", "elu({})", "selu({})",
    "hard_tanh({})", "relu6({})", "softsign({})", "relu2({})", "Max(0, {0}, 2*({0})-1)", "sqrt(Abs({}))",
)  # fmt: skip
JUMPS = ("sign({})", "Heaviside({})", "step({})", "Heaviside({}, 1/2)")
REMOVABLE = (
    "sin({0})/({0})", "(exp({0})-1)/({0})", "tanh({0})/({0})", "(1-cos({0}))/({0})**2", "log(1+({0})**2)/({0})",
    "{0}-sin({0})", "{0}-tanh({0})", "exp({0})-1-{0}", "atan({0})-{0}", "2*sigmoid({0})-1-({0})/2",
)  # fmt: skip
CONDITIONS = (
    "{0} > {1}", "{0} <= {1}", "And({0} > -1, {0} < {1})", "Or({0} < -1, {0} >= {1})", "Not({0} < {1})", "-1 < x < {1}",
    "{0} > -1 and {0} < {1}", "Ne({0}, {1})",
)  # fmt: skip


def text(rng: Random) -> str:
    """An activation as a user might type it; not all of them have a kernel."""
    return _sum(rng, 2)


def _sum(rng: Random, depth: int) -> str:
    terms = [_product(rng, depth) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
    if rng.random() < 0.25:
        terms.append(_number(rng))
    return "".join(term if not n else f" {rng.choice('+-')} {term}" for n, term in enumerate(terms))


def _number(rng: Random) -> str:
    return rng.choice(NUMBERS)


def _product(rng: Random, depth: int) -> str:
    factors = [_factor(rng, depth) for _ in range(rng.choice((1, 1, 1, 1, 2)))]
    if rng.random() < 0.5:
        factors.insert(0, f"({_number(rng)})")
    return "*".join(factors) + (f"/({_number(rng)})" if rng.random() < 0.1 else "")


def _factor(rng: Random, depth: int) -> str:
    kind = rng.random()
    if kind < 0.2 or depth == 0:
        return rng.choice(("x", "x", "x", "x**2", "x**3", f"(x - {_number(rng)})", f"(x + {_number(rng)})"))
    if kind < 0.55:
        return _applied(rng, SMOOTH, depth)
    if kind < 0.8:
        return _applied(rng, KINKED, depth)
    if kind < 0.87:
        return _applied(rng, JUMPS, depth)
    if kind < 0.93:
        return f"({_applied(rng, REMOVABLE, depth)})"
    condition = rng.choice(CONDITIONS).format(_linear(rng), f"({_number(rng)})")
    return f"Piecewise(({_sum(rng, depth - 1)}, {condition}), ({_sum(rng, depth - 1)}, True))"


def _applied(rng: Random, templates: tuple[str, ...], depth: int) -> str:
    inner = _sum(rng, depth - 1) if rng.random() < 0.25 else _linear(rng)
    template = rng.choice(templates)
    return template.replace("({})", "(({}))").replace("{}", "{0}").format(f"({inner})" if inner != "x" else inner)


def _linear(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.5:
        return "x"
    if kind < 0.75:
        return f"({_number(rng)})*x"
    return f"x {rng.choice('+-')} {_number(rng)}" if kind < 0.9 else f"({_number(rng)})*x**2 - {_number(rng)}"


# the meaning


def _piecewise(*branches):
    result, open_ = 0.0, True
    for branch, condition in branches:
        result = np.where(np.logical_and(open_, condition), branch, result)
        open_ = np.logical_and(open_, np.logical_not(condition))
    return result


def _all(*conditions):
    return np.logical_and.reduce(np.broadcast_arrays(*conditions))


def _any(*conditions):
    return np.logical_or.reduce(np.broadcast_arrays(*conditions))


def _largest(*values):
    result = values[0]
    for each in values[1:]:
        result = np.maximum(result, each)
    return result


def _smallest(*values):
    return -_largest(*(-np.asarray(each) for each in values))


def _sigmoid(u):
    return 1 / (1 + np.exp(-u))


def _softplus(u):
    return np.logaddexp(0, u)


def _elu(u, alpha=1.0):
    return np.where(u > 0, u, alpha * np.expm1(np.minimum(u, 0)))


def _phi(u):
    return erfc(-np.asarray(u) / np.sqrt(2)) / 2


MEANING = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "atan": np.arctan, "asinh": np.arcsinh, "erf": erf, "erfc": erfc, "Abs": np.abs,
    "abs": np.abs, "sign": np.sign, "Heaviside": lambda u, at=0.5: np.heaviside(u, at), "Max": _largest, "max": _largest,
    "Min": _smallest, "min": _smallest, "Phi": _phi, "pi": np.pi, "E": np.e, "Piecewise": _piecewise, "And": _all,
    "Or": _any, "Not": np.logical_not, "Eq": np.equal, "Ne": np.not_equal, "Lt": np.less, "Le": np.less_equal,
    "Gt": np.greater, "Ge": np.greater_equal,
    "He": lambda n, u: {2: u**2 - 1, 3: u**3 - 3 * u}[n], "relu": lambda u: np.maximum(u, 0),
    "relu2": lambda u: np.maximum(u, 0) ** 2, "leaky_relu": lambda u, slope: np.where(u > 0, u, slope * u), "elu": _elu,
    "selu": lambda u: 1.0507009873554805 * _elu(u, 1.6732632423543772), "hard_tanh": lambda u: np.clip(u, -1, 1),
    "relu6": lambda u: np.clip(u, 0, 6), "softsign": lambda u: u / (1 + np.abs(u)), "step": lambda u: np.heaviside(u, 0.5),
    "sigmoid": _sigmoid, "softplus": _softplus, "silu": lambda u: u * _sigmoid(u), "mish": lambda u: u * np.tanh(_softplus(u)),
    "gelu": lambda u: u * _phi(u), "gaussian": lambda u: np.exp(-(u**2)), "gabor": lambda u: np.exp(-(u**2)) * np.sin(u),
    "snake": lambda u: u + np.sin(u) ** 2, "x_gauss": lambda u: u * np.exp(-(u**2)),
}  # fmt: skip


def meaning(source: str):
    """The text as a function of arrays; `and` and chains, which NumPy lacks, are written with And."""
    return eval(f"lambda x: {_plain(source)} + 0*x", dict(MEANING))  # a text drawn here, none of a user's


def _plain(source: str) -> str:
    import ast

    class Plain(ast.NodeTransformer):
        def visit_Compare(self, node):
            sides = [node.left, *node.comparators]
            pairs = zip(sides, node.ops, sides[1:], strict=False)
            parts = [ast.Compare(one, [op], [other]) for one, op, other in pairs]
            parts = [self.generic_visit(part) for part in parts]
            return parts[0] if len(parts) == 1 else ast.Call(ast.Name("And"), parts, [])

        def visit_BoolOp(self, node):
            parts = [self.visit(part) for part in node.values]
            return ast.Call(ast.Name("And" if isinstance(node.op, ast.And) else "Or"), parts, [])

    return ast.unparse(ast.fix_missing_locations(Plain().visit(ast.parse(source, mode="eval"))))


# the kernels

Z = 14.0


def _panels(edges: np.ndarray, size: int, widest: float):
    """Nodes and weights of the unit normal between ascending edges, row by row; empty panels weigh nothing."""
    x, w = np.polynomial.legendre.leggauss(size)
    grid = np.arange(-Z, Z + widest / 2, widest)
    edges = np.sort(
        np.concatenate([np.clip(edges, -Z, Z), np.broadcast_to(grid, (len(edges), len(grid)))], axis=1), axis=1
    )
    half = np.diff(edges, axis=1) / 2
    z = (edges[:, :-1] + half)[..., None] + half[..., None] * x
    weights = half[..., None] * w * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    z = np.where(half[..., None] > 0, z, 0.1234)  # no node on an edge: a text may have no value there
    return z.reshape(len(edges), -1), weights.reshape(len(edges), -1)


def kernel(phi, breaks, p: float, q: float, rho: float, size: int = 10, widest: float = 0.5) -> float:
    """E φ(u) φ(v) at norms p, q and correlation ρ, |ρ| < 1."""
    breaks, s = np.asarray(breaks, dtype=float), np.sqrt(1 - rho * rho)
    (z1,), (w1,) = _panels(breaks[None] / p, size, widest)
    z2, w2 = _panels((breaks / q - rho * z1[:, None]) / s, size, widest)
    with np.errstate(all="ignore"):
        inner = (phi(q * (rho * z1[:, None] + s * z2)) * w2).sum(axis=1)
        return float((w1 * phi(p * z1) * inner).sum())


def square(phi, breaks, p: float, size: int = 16) -> float:
    """E φ(u)²."""
    (z,), (w,) = _panels(np.asarray(breaks, dtype=float)[None] / p, size, 0.25)
    with np.errstate(all="ignore"):
        return float((w * phi(p * z) ** 2).sum())


@dataclass(frozen=True)
class Result:
    """What became of a text: "right", "refused", "wrong" or "undecided", and why."""

    word: str
    detail: str


X = np.array([[1.1, 0.4], [0.3, -0.9], [0.9, 0.1], [-0.8, 0.5]])
TOLERANCE = 1e-9


def check(source: str, backends=("numpy",)) -> Result:
    """Derive, compile, evaluate, and hold the NNGP kernel against quadrature of the text's own meaning."""
    try:
        d = ndksym.derive(source)
    except ndksym.errors.NdksymError as error:
        return Result("refused", f"{type(error).__name__}: {error}")
    act, phi = d.activations[0], meaning(source)
    inputs = X * min(1.0, 0.4 * float(act.reach) ** 0.5) if act.reach is not None else X
    try:
        found = {}
        for backend in backends:
            k = d.compile(backend)
            found[backend] = k.nngp(inputs)
            if not d.diverges:
                k.ntk(inputs)
    except ndksym.errors.NdksymError as error:
        return Result("refused", f"{type(error).__name__}: {error}")
    breaks = [float(point.n(20)) for point in act.orders]
    if act.smoothness < 1:  # a root is integrated over panels that shrink towards it
        breaks = sorted({each + side * 4.0**-n for each in breaks for side in (-1, 0, 1) for n in range(1, 16)})
    norms = np.sqrt((inputs**2).mean(axis=1))
    allowed = 1e-7 if "(1-cos(" in source else TOLERANCE  # of 1 − cos u NumPy keeps nothing below |u| = 1e-8
    size, unsure = 0.0, 0.0
    for i, j in ((0, 0), (1, 1), (0, 1), (0, 2), (0, 3), (1, 2)):
        if i == j:
            true, other = (square(phi, breaks, norms[i], size) for size in (16, 11))
        else:
            rho = float((inputs[i] * inputs[j]).mean() / (norms[i] * norms[j]))
            place = (phi, breaks, norms[i], norms[j], rho)
            true, other = kernel(*place, 14, 0.5), kernel(*place, 10, 0.5)
        scale = np.sqrt(square(phi, breaks, norms[i]) * square(phi, breaks, norms[j]))
        if not scale:  # φ lives so far out that this quadrature has no node there
            unsure = np.inf
            continue
        size = max(size, scale)
        unsure = max(unsure, abs(true - other) / scale)
        for backend, K in found.items():
            miss = abs(K[i, j] - true) / scale
            if not miss <= allowed + 10 * abs(true - other) / scale and i != j:  # a steep φ hides beside its breaks
                graded = sorted({each + side * 4.0**-n for each in breaks for side in (-1, 0, 1) for n in range(8)})
                miss = abs(K[i, j] - kernel(phi, graded, norms[i], norms[j], rho, 14, 0.5)) / scale
            if not miss <= allowed + 10 * abs(true - other) / scale:
                return Result("wrong", f"{backend}: {K[i, j]!r} where quadrature has {true!r} at rows {i}, {j}")
    return Result("right" if unsure < 1e-6 else "undecided", f"{'closed' if d.closed_form else 'numeric'}")
