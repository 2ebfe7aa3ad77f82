"""erf, depth 2 with biases: the arcsine kernel."""

from sympy import asin, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, beta, c, sigma2

activation = "erf"
depth = 2
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Williams 1997, Computing with infinite networks", "Avidan, Li & Sompolinsky 2025, arXiv 2309.04522")


def claims(d):
    yield Claim("K", d.duals[0].K, 2 / pi * asin(2 * c / sqrt((1 + 2 * a) * (1 + 2 * b))))
    yield Claim("K_dot", d.duals[0].K_dot, 4 / (pi * sqrt((1 + 2 * a) * (1 + 2 * b) - 4 * c**2)))
    yield Claim("NNGP at σ² → 0", (d.nngp / sigma2).subs(sigma2, 0), beta**2)
