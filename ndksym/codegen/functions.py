"""The symbols of a pair of preactivations, and the functions of generated code, which every printer must know.

SymPy neither evaluates nor rewrites these functions: a lowered expression stays as it is.
"""

from sympy import Expr, Function, Symbol

u = Symbol("u", real=True)
"""The argument of φ."""
p = Symbol("p", positive=True)
"""√a, the norm of the first preactivation."""
q = Symbol("q", positive=True)
"""√b, the norm of the second preactivation."""
c = Symbol("c", real=True)
"""Their covariance, pq cos θ."""
s = Symbol("s", positive=True)
"""sin θ/2."""
k = Symbol("k", positive=True)
"""cos θ/2."""
r = Symbol("r", positive=True)
"""√(ab − c²) = 2skpq."""
theta = Symbol("theta", positive=True)
"""The angle θ = 2 atan2(s, k)."""
psi = Symbol("psi", positive=True)
"""π − θ = 2 atan2(k, s)."""


class CodeFunction(Function):  # type: ignore[misc]
    """A function of generated code, under the name of its class."""

    arity: int

    @classmethod
    def eval(cls, *args: Expr) -> None:
        return None

    def _eval_is_extended_real(self) -> bool:
        return True


def _word(name: str, arity: int) -> type[CodeFunction]:
    return type(name, (CodeFunction,), {"nargs": arity, "arity": arity, "__module__": __name__})


exp_ = _word("exp_", 1)
expm1 = _word("expm1", 1)
log = _word("log", 1)
log1p = _word("log1p", 1)
sin = _word("sin", 1)
cos = _word("cos", 1)
tan = _word("tan", 1)
sinh = _word("sinh", 1)
cosh = _word("cosh", 1)
tanh = _word("tanh", 1)
atan = _word("atan", 1)
atan2 = _word("atan2", 2)
asinh = _word("asinh", 1)
erf = _word("erf", 1)
erfc = _word("erfc", 1)
absolute = _word("absolute", 1)
sign = _word("sign", 1)
hypot = _word("hypot", 2)
minimum = _word("minimum", 2)
maximum = _word("maximum", 2)
where = _word("where", 3)
"""where(y, e, f) is e for y > 0, else f."""

CORE: tuple[type[CodeFunction], ...] = (
    exp_,
    expm1,
    log,
    log1p,
    sin,
    cos,
    tan,
    sinh,
    cosh,
    tanh,
    atan,
    atan2,
    erf,
    erfc,
)
CORE += (asinh, hypot, absolute, sign, minimum, maximum, where)
"""Functions that every language has, or can express in one line."""

expdiff = _word("expdiff", 3)
"""expdiff(A, B, A − B) = e^A − e^B."""
experfc = _word("experfc", 3)
"""experfc(A, z, A − z²) = e^A erfc z."""
experfi = _word("experfi", 3)
"""experfi(A, z, A + z²) = e^A erfi z."""
corner = _word("corner", 3)
"""corner(A, h, k) = e^A where h > 0 and k > 0, else 0."""
edge = _word("edge", 4)
"""edge(h, g, A − h²/2, A − (h² + g²)/2) = −sign(h) e^A/2π ∫_g^∞ e^{−(h² + y²)/2} |h|/(h² + y²) dy."""
arccos_kernel_1 = _word("arccos_kernel_1", 3)
"""arccos_kernel_1(ψ, s, k) = ψ cos θ + sin θ, θ = π − ψ: the arc-cosine kernel of degree 1."""
theta_minus_sin = _word("theta_minus_sin", 3)
"""theta_minus_sin(θ, s, k) = θ − sin θ."""
p_minus_q_cos = _word("p_minus_q_cos", 4)
"""p_minus_q_cos(p, q, c, s) = p − q cos θ."""
logistic = _word("logistic", 1)
"""1/(1 + e^{−x})."""
softplus = _word("softplus", 1)
"""log(1 + e^x)."""

SUPPORT = (expdiff, experfc, experfi, corner, edge, arccos_kernel_1, theta_minus_sin, p_minus_q_cos, logistic, softplus)
"""Functions that runtime/special.py and runtime/ndk_support.h provide, under the same names."""
