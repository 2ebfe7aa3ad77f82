"""Hard tanh, depth 2: two kinks, so bivariate normal probabilities at the thresholds ±1."""

from sympy import erf, exp, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "hard_tanh"
depth = 2
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Collobert 2004, Large scale machine learning", "Price 1958, A useful theorem for nonlinear devices")


def claims(d):
    K, K_dot = d.duals[0].K, d.duals[0].K_dot
    yield Claim("K at c = 0, φ odd", K.subs(c, 0), 0)
    yield Claim("K_dot at c = 0", K_dot.subs(c, 0), erf(1 / sqrt(2 * a)) * erf(1 / sqrt(2 * b)))
    yield Claim("E φ²", d.duals[0].K_diag, 1 + (a - 1) * erf(1 / sqrt(2 * a)) - sqrt(2 * a / pi) * exp(-1 / (2 * a)))
    yield Claim("Price", K.diff(c), K_dot)
