"""Dual kernels typed by hand, as sources of generated code that owe nothing to the engine that derives."""

from dataclasses import dataclass

from sympy import Expr, Rational, acos, asin, cosh, diff, erfc, exp, oo, pi, sinh, sqrt

from ndksym.activation.activation import Activation, activation
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.symbols import a, b, c

_rho = c / sqrt(a * b)
_root = sqrt(a * b - c**2)
_half = Rational(1, 2)


@dataclass(frozen=True)
class Typed:
    """What `emit` wants of an activation."""

    activation: Activation
    K: Expr
    K_dot: Expr
    K_diag: Expr
    K_dot_diag: Expr
    closed_form: bool = True
    mean: Expr | None = None


_M = (1 + 2 * a) * (1 + 2 * b) - 4 * c**2
_elu_dot = (
    (pi - acos(_rho)) / (2 * pi)
    + exp(a / 2) * Phi2(-sqrt(a), c / sqrt(b), -_rho)
    + exp(b / 2) * Phi2(-sqrt(b), c / sqrt(a), -_rho)
    + exp((a + b) / 2 + c) * Phi2(-(a + c) / sqrt(a), -(b + c) / sqrt(b), _rho)
)

KERNELS = {
    "relu": c / 4 + c * asin(_rho) / (2 * pi) + _root / (2 * pi),
    "relu2": ((a * b + 2 * c**2) * (pi - acos(_rho)) + 3 * c * _root) / (2 * pi),
    "abs": 2 * (c * asin(_rho) + _root) / pi,
    "step": _half / 2 + asin(_rho) / (2 * pi),
    "erf": 2 / pi * asin(2 * c / sqrt((1 + 2 * a) * (1 + 2 * b))),
    "sin": exp(-(a + b) / 2) * sinh(c),
    "cos": exp(-(a + b) / 2) * cosh(c),
    "gaussian": 1 / sqrt(1 + 2 * a + 2 * b + 4 * (a * b - c**2)),
    "gabor": exp(-(a + b + 4 * (a * b - c**2)) / (2 * _M)) * sinh(c / _M) / sqrt(_M),
    "gelu": c / 4
    + c * asin(c / sqrt((1 + a) * (1 + b))) / (2 * pi)
    + (a * b * ((1 + a) * (1 + b) - c**2) + c**2) / (2 * pi * (1 + a) * (1 + b) * sqrt((1 + a) * (1 + b) - c**2)),
    "cube": 6 * c**3 + 9 * a * b * c,
    "exp": exp((a + b) / 2 + c),
}

_N = 1 + 4 * a
DIAGONALS = {
    "relu": (a / 2, _half),
    "relu2": (3 * a**2 / 2, 2 * a),
    "abs": (a, a / a),
    "step": (_half, oo),
    "erf": (2 / pi * asin(2 * a / (1 + 2 * a)), 4 / (pi * sqrt(_N))),
    "sin": (exp(-a) * sinh(a), exp(-a) * cosh(a)),
    "cos": (exp(-a) * cosh(a), exp(-a) * sinh(a)),
    "gaussian": (1 / sqrt(_N), 4 * a / _N ** (3 * _half)),
    "gabor": (
        (1 - exp(-2 * a / _N)) / (2 * sqrt(_N)),
        (8 * a + 1) / (2 * _N ** (3 * _half)) - (4 * a * _N - 1) * exp(-2 * a / _N) / (2 * _N ** (5 * _half)),
    ),
    "gelu": (
        a / 4 + a * asin(a / (1 + a)) / (2 * pi) + a**2 / (pi * (1 + a) * sqrt(1 + 2 * a)),
        _half / 2 + asin(a / (1 + a)) / (2 * pi) + a * (5 * a + 3) / (2 * pi * (1 + a) * (1 + 2 * a) ** (3 * _half)),
    ),
    "cube": (15 * a**3, 27 * a**2),
    "exp": (exp(2 * a), exp(2 * a)),
}


def typed(name: str) -> Typed:
    """A hand-typed kernel; K_dot = ∂K/∂c (T4)."""
    if name == "elu_dot":
        diagonal = _half + exp(2 * a) * erfc(sqrt(2 * a)) / 2
        return Typed(activation("elu"), _elu_dot, _elu_dot, diagonal, diagonal)
    return Typed(activation(name), KERNELS[name], diff(KERNELS[name], c), *DIAGONALS[name])
