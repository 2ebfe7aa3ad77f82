"""erf(x + 1/2), depth 1: a threshold other than zero, so K is a bivariate normal probability (Owen's T)."""

from sympy import Rational, erf, exp, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "erf(1, 1/2)"
depth = 1
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = (
    "Owen 1956, Tables for computing bivariate normal probabilities",
    "Price 1958, A useful theorem for nonlinear devices",
)


def claims(d):
    K, K_dot, det = d.duals[0].K, d.duals[0].K_dot, (1 + 2 * a) * (1 + 2 * b) - 4 * c**2
    half = Rational(1, 2)
    yield Claim("K_dot", K_dot, 4 / (pi * sqrt(det)) * exp(-(1 + a + b - 2 * c) / (2 * det)))
    yield Claim("K at c = 0", K.subs(c, 0), erf(half / sqrt(1 + 2 * a)) * erf(half / sqrt(1 + 2 * b)))
    yield Claim("Price", K.diff(c), K_dot)
