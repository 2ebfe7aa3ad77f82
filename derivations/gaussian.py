"""Gaussian bumps exp(−x²), depth 2."""

from sympy import Rational, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "exp(-x**2)"
depth = 2
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Williams 1997, Computing with infinite networks",)


def claims(d):
    det = (1 + 2 * a) * (1 + 2 * b) - 4 * c**2
    yield Claim("K", d.duals[0].K, 1 / sqrt(det))
    yield Claim("K_dot", d.duals[0].K_dot, 4 * c / det ** Rational(3, 2))
