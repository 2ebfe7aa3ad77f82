"""exp(x²/8), depth 1: Gaussian growth, so the kernels are finite only for preactivation variances below 2."""

from sympy import Integer, Rational, sqrt

from ndksym.algebra.zero_test import Domain
from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "exp(x**2/8)"
depth = 1
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Price 1958, A useful theorem for nonlinear devices",)


def claims(d):
    within = Domain(
        {a: (Integer(0), Integer(2)), b: (Integer(0), Integer(2))}, (c**2 < a * b, c**2 < (4 - a) * (4 - b))
    )
    yield Claim("K", d.duals[0].K, 4 / sqrt((4 - a) * (4 - b) - c**2), domain=within)
    yield Claim("K_dot", d.duals[0].K_dot, 4 * c / ((4 - a) * (4 - b) - c**2) ** Rational(3, 2), domain=within)
