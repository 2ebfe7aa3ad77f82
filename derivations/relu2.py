"""Rectified quadratic max(0, x)², depth 1 with biases: the arc-cosine kernel of order 2, and of order 1 in K_dot."""

from sympy import acos, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "relu2"
depth = 1
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Cho & Saul 2009, Kernel methods for deep learning", "So et al. 2021, arXiv 2109.08668")


def claims(d):
    angle, root = acos(c / sqrt(a * b)), sqrt(a * b - c**2)
    yield Claim("K", d.duals[0].K, (3 * root * c + (pi - angle) * (a * b + 2 * c**2)) / (2 * pi))
    yield Claim("K_dot", d.duals[0].K_dot, 2 * (root + (pi - angle) * c) / pi)
