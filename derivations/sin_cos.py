"""sin + cos, depth 1: random Fourier features, so K is the Gaussian (RBF) kernel of the preactivations' distance."""

from sympy import exp

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c, k11, k12, k22, sigma2

activation = "sin(x) + cos(x)"
depth = 1
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Rahimi & Recht 2007, Random features for large-scale kernel machines",)


def claims(d):
    yield Claim("K", d.duals[0].K, exp(-(a + b - 2 * c) / 2))
    yield Claim("NNGP", d.nngp, sigma2 * exp(-sigma2 * (k11 + k22 - 2 * k12) / 2))
