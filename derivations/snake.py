"""Snake x + sin²(x), depth 2 with biases."""

from sympy import cosh, exp

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "x + sin(x)**2"
depth = 2
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Liu, Hartwig & Ueda 2020, arXiv 2006.08195",)


def claims(d):
    waves = (1 - exp(-2 * a) - exp(-2 * b) + exp(-2 * a - 2 * b) * cosh(4 * c)) / 4
    yield Claim("K", d.duals[0].K, c + waves)
    yield Claim("mean", d.duals[0].mean, (1 - exp(-2 * a)) / 2)
