"""ReLU, depth 3: the arc-cosine kernel of order 1; at σ0² = 2 the NTK of an input with itself grows as L + 1."""

from sympy import acos, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c, k11, k12, k22, sigma02

activation = "relu"
depth = 3
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Cho & Saul 2009, Kernel methods for deep learning", "Jacot, Gabriel & Hongler 2018, arXiv 1806.07572")


def claims(d):
    angle = acos(c / sqrt(a * b))
    yield Claim("K, arc-cosine of order 1", d.duals[0].K, (sqrt(a * b - c**2) + (pi - angle) * c) / (2 * pi))
    yield Claim("K_dot, arc-cosine of order 0", d.duals[0].K_dot, (pi - angle) / (2 * pi))
    yield Claim("NTK(x, x) at σ0² = 2", d.ntk.subs({k22: k11, k12: k11, sigma02: 2}), 4 * k11)
