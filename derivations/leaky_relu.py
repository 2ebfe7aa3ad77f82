"""Leaky ReLU of slope 1/5, depth 2 with biases: a linear part beside a ReLU, so K = αc + (1−α)² K_relu."""

from sympy import acos, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "leaky_relu(1/5)"
depth = 2
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = (
    "Tsuchida, Roosta-Khorasani & Gallagher 2018, arXiv 1711.09090",
    "Cho & Saul 2009, Kernel methods for deep learning",
)


def claims(d):
    angle = acos(c / sqrt(a * b))
    relu = (sqrt(a * b - c**2) + (pi - angle) * c) / (2 * pi)
    yield Claim("K", d.duals[0].K, c / 5 + 16 * relu / 25)
    yield Claim("K_dot", d.duals[0].K_dot, (13 * pi - 8 * angle) / (25 * pi))
