"""erf, then ReLU, then a linear layer, with biases: one activation per hidden layer."""

from sympy import acos, asin, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import beta, k11, k12, k22, sigma2

activation = ("erf", "relu", "linear")
depth = 3
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Lee, Bahri, Novak, Schoenholz, Pennington & Sohl-Dickstein 2018, arXiv 1711.00165",)


def claims(d):
    x, y, xy = (sigma2 * (k + beta**2) for k in (k11, k22, k12))
    first = 2 / pi * asin(2 * xy / sqrt((1 + 2 * x) * (1 + 2 * y)))
    p, q, r = (
        sigma2 * (k + beta**2) for k in (2 / pi * asin(2 * x / (1 + 2 * x)), 2 / pi * asin(2 * y / (1 + 2 * y)), first)
    )
    second = (sqrt(p * q - r**2) + (pi - acos(r / (sqrt(p) * sqrt(q)))) * r) / (2 * pi)
    yield Claim("NNGP", d.nngp, sigma2 * (sigma2 * (second + beta**2) + beta**2))
