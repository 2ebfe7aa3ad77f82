"""The special functions that generated code calls, in NumPy and in C, against mpmath on exact arguments."""

import ctypes
from functools import cache

import mpmath as mp
import numpy as np
import pytest

from ndksym.codegen import library as built
from ndksym.runtime import special

ARITY = {
    "expdiff": 3,
    "experfc": 3,
    "experfi": 3,
    "corner": 3,
    "edge": 4,
    "arccos_kernel_1": 3,
    "theta_minus_sin": 3,
    "p_minus_q_cos": 4,
}
ARITY |= {"logistic": 1, "softplus": 1}
OWN = {"sign": 1, "min": 2, "max": 2, "erfcx": 1, "dawson": 1}


def library():
    text = '#include "ndk_support.h"\n'
    for name, arity in (ARITY | OWN).items():
        names = [f"x{n}" for n in range(arity)]
        head, call = ", ".join(f"double {x}" for x in names), ", ".join(names)
        text += f"double call_{name}({head});\ndouble call_{name}({head}) {{ return ndk_{name}({call}); }}\n"
    found = built.library(text)
    for name, arity in (ARITY | OWN).items():
        function = getattr(found, f"call_{name}")
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * arity
    return found


def function(backend, name):
    if backend == "c":
        return getattr(library(), f"call_{name}")
    return lambda *args: float(np.asarray(getattr(special, name)(*(np.array([x]) for x in args)))[0])


@cache
def truth(name, *args):
    args = tuple(map(mp.mpf, args))
    return TRUTHS[name](*args)


PANELS = [sign * y for y in (0.25, 0.5, 1, 2, 4, 7, 10, 13, 16) for sign in (-1, 1)] + [0]


def _edge(h, g, along, apex):
    """−sign(h) e^A G(|h|, g), by quadrature."""
    x, most = abs(h), max(g, 0)  # mp.quad stops by absolute error: the large factor is taken out
    places = sorted({g, *(y for y in PANELS if y > g), max(g, 16) + 30})
    total = mp.quad(lambda y: mp.exp((most * most - y * y) / 2) * x / (h * h + y * y), places)
    return -mp.sign(h) * mp.exp(along - most * most / 2) * total / (2 * mp.pi)


TRUTHS = {
    "expdiff": lambda A, B, d: mp.exp(A) - mp.exp(B),
    "experfc": lambda A, z, B: mp.exp(A) * mp.erfc(z),
    "experfi": lambda A, z, B: mp.exp(A) * mp.erfi(z),
    "corner": lambda A, h, k: mp.exp(A) if h > 0 and k > 0 else mp.mpf(0),
    "edge": _edge,
    "arccos_kernel_1": lambda psi, s, k: psi * mp.cos(mp.pi - psi) + mp.sin(psi),
    "theta_minus_sin": lambda theta, s, k: theta - mp.sin(theta),
    "p_minus_q_cos": lambda p, q, c, s: p - c / p,
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "sign": mp.sign,
    "min": min,
    "max": max,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "dawson": lambda z: mp.sqrt(mp.pi) / 2 * mp.exp(-z * z) * mp.erfi(z),
}

HALF_ANGLES = [0.001, 0.25, 0.9, 1.0, 1.01, 1.5, 3.0, 3.14]
ARGUMENTS = {
    "expdiff": [
        (A, B, A - B) for A, B in ((1.0, 0.5), (0.5, 1.0), (-3.0, -3.0), (-2.0, 1.0), (2.0**-40, 0.0), (-0.5, -9.0))
    ],
    "experfc": [(z * z / 2, z, -z * z / 2) for z in (-3.0, -0.5, 0.0, 0.25, 1.0, 3.75, 6.0, 24.0)]
    + [(4.0, -1.0, 3.0), (1e6, 1000.0, 0.0)],
    "experfi": [(1 - z * z, z, 1.0) for z in (-30.0, -2.0, -0.25, 0.125, 0.5, 0.75, 1.0, 2.5, 7.0, 19.5, 20.5, 50.0)],
    "corner": [(0.5, h, k) for h in (-1.0, 2.0) for k in (-3.0, 0.5)],
    "edge": [
        (h, g, 0.25 - h * h / 2, 0.25 - (h * h + g * g) / 2)
        for h in (-16.0, -0.75, -0.125, 0.125, 2.5)
        for g in (-3.0, -0.5, -0.0625, 0.0, 0.0625, 0.625, 3.0)
    ],
    "arccos_kernel_1": [(float(y), np.cos(y / 2), np.sin(y / 2)) for y in HALF_ANGLES],
    "theta_minus_sin": [(float(y), np.sin(y / 2), np.cos(y / 2)) for y in [*HALF_ANGLES, 1.99, 2.01]],
    "p_minus_q_cos": [
        (p, q, p * q * (1 - 2 * s * s), s) for p, q in ((1.5, 1.25), (2.0, 2.0)) for s in (0.0, 0.125, 0.5, 0.75, 1.0)
    ],
    "logistic": [(x,) for x in (-700.0, -30.0, -1.0, 0.0, 2.0, 40.0)],
    "softplus": [(x,) for x in (-700.0, -30.0, -1.0, 0.0, 2.0, 40.0, 900.0)],
    "sign": [(x,) for x in (-2.0, 0.0, 3.0)],
    "min": [(1.0, 2.0), (2.0, -1.0)],
    "max": [(1.0, 2.0), (2.0, -1.0)],
    "erfcx": [(x,) for x in (0.0, 0.1, 1.0, 3.75, 9.0, 100.0, 1e8)],
    "dawson": [(z,) for z in (-25.0, -3.0, -0.25, 0.0, 0.3, 0.5, 1.0, 2.2, 4.0, 10.0, 19.9, 20.1, 1e8)],
}


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", [*ARITY, *OWN])
def test_against_mpmath(backend, name):
    if backend == "numpy" and name in OWN:
        pytest.skip("NumPy and SciPy have it")
    call = function(backend, name)
    with mp.workdps(30):
        for args in ARGUMENTS[name]:
            want, got = truth(name, *args), call(*args)
            assert abs(mp.mpf(got) - want) <= 1e-14 * abs(want), args


def test_ties_and_nan_in_c():
    assert np.isnan(function("c", "min")(float("nan"), 1.0))
    assert np.isnan(function("c", "max")(float("nan"), 1.0))
