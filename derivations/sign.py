"""sign, depth 2: it jumps, so the NNGP kernel exists and the NTK is infinite at coincident inputs."""

from sympy import asin, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c, k11, k12, k22, sigma2

activation = "sign"
depth = 2
bias = False
outputs = ("nngp",)
backends = ("numpy", "c")
references = ("Cho & Saul 2009, Kernel methods for deep learning",)


def claims(d):
    yield Claim("K", d.duals[0].K, 2 / pi * asin(c / sqrt(a * b)))
    yield Claim("NNGP", d.nngp, 2 * sigma2 / pi * asin(2 / pi * asin(k12 / sqrt(k11 * k22))))
