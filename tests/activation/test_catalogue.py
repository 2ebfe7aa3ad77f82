"""Every name of the catalogue is the function its name says, and what is derived about it is what the books say."""

import math

import numpy as np
import pytest
from scipy import special, stats
from scipy.integrate import trapezoid
from sympy import Rational, lambdify, oo, pi, symbols

from ndksym.activation.activation import activation
from ndksym.activation.catalogue import CATALOGUE, names
from ndksym.activation.values import value
from ndksym.errors import InputError, ParseError
from ndksym.symbols import x

POINTS = np.array([-7.3, -3.1, -2.6, -1.1, -0.55, -0.01, 0.02, 0.4, 0.99, 1.7, 2.9, 3.3, 6.2, 8.0])

# typed from the literature, on purpose not from the catalogue
FUNCTIONS = {
    "linear": lambda u: u,
    "square": np.square,
    "cube": lambda u: u**3,
    "quartic": lambda u: u**4,
    "quintic": lambda u: u**5,
    "monomial(7)": lambda u: u**7,
    **{f"he{n}": np.polynomial.hermite_e.HermiteE.basis(n) for n in range(1, 7)},
    "hermite(9)": np.polynomial.hermite_e.HermiteE.basis(9),
    "relu": lambda u: np.maximum(u, 0),
    "relu2": lambda u: np.maximum(u, 0) ** 2,
    "relu3": lambda u: np.maximum(u, 0) ** 3,
    "relu(5)": lambda u: np.maximum(u, 0) ** 5,
    "leaky_relu": lambda u: np.where(u > 0, u, 0.01 * u),
    "leaky_relu(0.2)": lambda u: np.where(u > 0, u, 0.2 * u),
    "abs": np.abs,
    "step": lambda u: (u > 0) * 1.0,
    "sign": np.sign,
    "erf": special.erf,
    "erf(2, 1/3)": lambda u: special.erf(2 * u + 1 / 3),
    "probit": stats.norm.cdf,
    "gelu": lambda u: u * stats.norm.cdf(u),
    "elu": lambda u: np.where(u > 0, u, np.expm1(u)),
    "elu(0.5)": lambda u: np.where(u > 0, u, 0.5 * np.expm1(u)),
    "selu": lambda u: 1.0507009873554805 * np.where(u > 0, u, 1.6732632423543772 * np.expm1(u)),
    "celu": lambda u: np.where(u > 0, u, np.expm1(u)),
    "celu(2)": lambda u: np.where(u > 0, u, 2 * np.expm1(u / 2)),
    "hard_tanh": lambda u: np.clip(u, -1, 1),
    "hard_sigmoid": lambda u: np.clip(u + 3, 0, 6) / 6,
    "relu6": lambda u: np.clip(u, 0, 6),
    "sin": np.sin,
    "cos": np.cos,
    "sin_cos": lambda u: np.sin(u) + np.cos(u),
    "snake": lambda u: u + np.sin(u) ** 2,
    "exp": np.exp,
    "gaussian": lambda u: np.exp(-(u**2)),
    "gabor": lambda u: np.exp(-(u**2)) * np.sin(u),
    "x_gauss": lambda u: u * np.exp(-(u**2)),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "softplus": lambda u: np.logaddexp(0, u),
    "silu": lambda u: u * special.expit(u),
    "mish": lambda u: u * np.tanh(np.logaddexp(0, u)),
    "softsign": lambda u: u / (1 + np.abs(u)),
}


def test_every_name_is_checked_here():
    assert set(names()) <= set(FUNCTIONS)
    assert set(CATALOGUE) - set(names()) == {"monomial", "hermite"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_function_its_name_says(name):
    phi = activation(name)
    assert phi.name == name
    for u in POINTS:
        (piece,) = [p for p in phi.pieces if float(p.lo) < u < float(p.hi)]
        expected = pytest.approx(float(FUNCTIONS[name](u)), rel=1e-13, abs=1e-15)
        assert float(value(phi.expr, {x: Rational(float(u))})) == expected
        assert float(value(piece.expr, {x: Rational(float(u))})) == expected


NO_BREAKS = ((), (), oo)

# name: kinks, discontinuities, smoothness; parity; homogeneity; strip
KNOWN = {
    "linear": (NO_BREAKS, "odd", 1, oo),
    "square": (NO_BREAKS, "even", 2, oo),
    "quintic": (NO_BREAKS, "odd", 5, oo),
    "he2": (NO_BREAKS, "even", None, oo),
    "he3": (NO_BREAKS, "odd", None, oo),
    "relu": (((0,), (), 1), None, 1, None),
    "relu3": (((0,), (), 3), None, 3, None),
    "relu(9)": (((0,), (), 9), None, 9, None),
    "leaky_relu": (((0,), (), 1), None, 1, None),
    "abs": (((0,), (), 1), "even", 1, None),
    "step": (((), (0,), 0), None, 0, None),
    "sign": (((), (0,), 0), "odd", 0, None),
    "erf": (NO_BREAKS, "odd", None, oo),
    "erf(2, 1/3)": (NO_BREAKS, None, None, oo),
    "probit": (NO_BREAKS, None, None, oo),
    "gelu": (NO_BREAKS, None, None, oo),
    "elu": (((0,), (), 2), None, None, None),
    "elu(2)": (((0,), (), 1), None, None, None),
    "selu": (((0,), (), 1), None, None, None),
    "celu(2)": (((0,), (), 2), None, None, None),
    "hard_tanh": (((-1, 1), (), 1), "odd", None, None),
    "hard_sigmoid": (((-3, 3), (), 1), None, None, None),
    "relu6": (((0, 6), (), 1), None, None, None),
    "sin": (NO_BREAKS, "odd", None, oo),
    "cos": (NO_BREAKS, "even", None, oo),
    "sin_cos": (NO_BREAKS, None, None, oo),
    "snake": (NO_BREAKS, None, None, oo),
    "exp": (NO_BREAKS, None, None, oo),
    "gaussian": (NO_BREAKS, "even", None, oo),
    "gabor": (NO_BREAKS, "odd", None, oo),
    "x_gauss": (NO_BREAKS, "odd", None, oo),
    "tanh": (NO_BREAKS, "odd", None, pi / 2),
    "sigmoid": (NO_BREAKS, None, None, pi),
    "softplus": (NO_BREAKS, None, None, pi),
    "silu": (NO_BREAKS, None, None, pi),
    "mish": (NO_BREAKS, None, None, 3 * pi / 4),
    "softsign": (((0,), (), 2), "odd", None, None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_derived_about_it(name):
    phi = activation(name)
    breaks, parity, homogeneity, strip = KNOWN[name]
    assert (phi.kinks, phi.discontinuities, phi.smoothness) == breaks
    assert (phi.parity, phi.homogeneity, phi.strip) == (parity, homogeneity, strip)
    assert (phi.growth, phi.reach) == (0, None)


@pytest.mark.parametrize("name", ["relu(0)", "elu(1, 2)", "monomial", "hermite(1/2)", "celu(0)", "gelu(1)"])
def test_bad_parameters_are_refused(name):
    with pytest.raises(InputError):
        activation(name)


def test_names_and_expressions_agree():
    u = symbols("u", real=True)
    for name in ("gelu", "selu", "mish"):
        assert activation(f"{name}(u)").expr == activation(name).expr
        assert activation(activation(name).expr.xreplace({x: u})).expr == activation(name).expr


def test_an_unknown_name_is_refused_with_its_neighbours():
    with pytest.raises(ParseError, match="did you mean gelu"):
        activation("geluu")


def test_selu_s_constants_make_standard_normal_inputs_standard():
    # what they are for: Klambauer et al. 2017
    u = np.linspace(-12, 12, 240_001)
    density = np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
    left, right = (piece.expr for piece in activation("selu").pieces)
    phi = np.where(u < 0, lambdify(x, left)(u), lambdify(x, right)(u))
    assert trapezoid(phi * density, u) == pytest.approx(0, abs=1e-8)
    assert trapezoid(phi**2 * density, u) == pytest.approx(1, abs=1e-8)
