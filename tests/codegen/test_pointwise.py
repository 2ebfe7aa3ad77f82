"""φ and φ′ in generated code: right digits from 1e-300 to 1e300, and no overflow on the way to a finite value."""

from dataclasses import replace
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from sympy import lambdify

from ndksym.activation.activation import activation
from ndksym.codegen.compile import compile_layers
from ndksym.symbols import x
from tests.closed_forms import typed
from tests.generated_code import BACKENDS, strict

__all__ = ["strict"]

SIZES = [1e-300, 1e-160, 1e-8, 1e-3, 0.1, 1.3, 2, 6.1, 10, 25, 39, 100, 800, 1e8, 1e160, 1e300]
U = np.concatenate([-np.array(SIZES)[::-1], SIZES])
NAMES = ["relu", "elu", "selu", "hard_tanh", "gelu", "erf", "sin", "snake", "gaussian", "gabor", "tanh", "sigmoid",
         "softplus", "silu", "mish", "softsign", "he6", "probit", "x**2/(1+exp(-x))", "x**3*(1+erf(x))", "log(cosh(x))",
         "tanh(x)**2", "tanh(3*x/2)**2", "x/sqrt(1+x**2)", "x*(1+tanh(4/5*(x+x**3/20)))/2", "sin(x)*exp(-x**2/2)*x**3", "exp(-x**4)",
         "log(2+3*exp(x))", "1-exp(-x**2)", "1-cos(x)", "1/cosh(x)", "x**2/(1+x**2)", "tanh(x)+sigmoid(2*x)",
         "erf(x)-1", "x*(tanh(x)-1)", "x**5*exp(-x)*Heaviside(x)"]  # fmt: skip
STEEP = ("gelu", "probit", "erf(x)-1", "x*(1+tanh(4/5*(x+x**3/20)))/2")
"""Here half an ulp in u already moves the tail by |u|² ulp."""


@cache
def truth(expr, u):
    """Digits enough for what cancels at 1e-300."""
    with mp.workdps(360):
        return lambdify(x, expr, modules="mpmath")(mp.mpf(u))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_phi_and_its_slope_keep_their_digits_and_never_overflow_on_the_way(name, backend):
    it = replace(typed("relu"), activation=activation(name), closed_form=False)
    layer = compile_layers([it], backend)[0]
    for values, slope in ((layer.phi(U), False), (layer.dphi(U), True)):
        for z, value in zip(U, values, strict=True):
            piece = next(piece for piece in it.activation.pieces if z < piece.hi)
            if name in ("sin", "snake") and abs(z) > 1e150:
                continue
            want = truth(piece.expr.diff(x) if slope else piece.expr, float(z))
            with mp.workdps(60):
                if not mp.isfinite(want) or abs(want) > 1.7e308:
                    assert not mp.isfinite(want) or np.isinf(value), (z, value)
                elif abs(want) < 1e-300:
                    assert abs(value) < 1e-290, (z, value)
                else:
                    slack = 1 + abs(z) if name in STEEP else 1
                    assert abs(mp.mpf(float(value)) - want) <= 3e-14 * slack * abs(want), (z, value, want, slope)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_decay_silences_a_power_no_sooner_than_it_must(backend):
    """Where x²² is held fixed so as not to overflow, e^{−x} must have won already."""
    it = replace(typed("relu"), activation=activation("x**22*exp(-x)*Heaviside(x)"), closed_form=False)
    found = compile_layers([it], backend)[0].phi(np.array([300.0, 600.0, 700.0]))
    with mp.workdps(30):
        for z, value in zip((300, 600, 700), found, strict=True):
            want = mp.mpf(z) ** 22 * mp.exp(-z)
            assert abs(value - want) <= 1e-13 * want
