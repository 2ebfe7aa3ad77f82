"""GELU x Φ(x), depth 3 with biases."""

from sympy import asin, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "x*(1 + erf(x/sqrt(2)))/2"
depth = 3
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = (
    "Tsuchida, Pearce, van der Heide, Roosta & Gallagher 2021, arXiv 2002.08517",
    "Hendrycks & Gimpel 2016, arXiv 1606.08415",
)


def claims(d):
    det = (1 + a) * (1 + b) - c**2
    probability = (1 + 2 / pi * asin(c / sqrt((1 + a) * (1 + b)))) / 4
    tail = (a * b + c**2 * (1 - a * b) / ((1 + a) * (1 + b))) / (2 * pi * sqrt(det))
    yield Claim("K", d.duals[0].K, c * probability + tail)
    yield Claim(
        "E φ²", d.duals[0].K_diag, a / 4 + a * asin(a / (1 + a)) / (2 * pi) + a**2 / (pi * (1 + a) * sqrt(1 + 2 * a))
    )
