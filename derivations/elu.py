"""ELU, depth 2 with biases: exponential below zero, linear above."""

from sympy import Rational, erfc, exp, pi, sqrt

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "elu"
depth = 2
bias = True
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = (
    "Tsuchida, Pearce, van der Heide, Roosta & Gallagher 2021, arXiv 2002.08517",
    "Clevert, Unterthiner & Hochreiter 2016, arXiv 1511.07289",
)


def claims(d):
    K, half = d.duals[0].K, Rational(1, 2)
    square = a / 2 + half - exp(a / 2) * erfc(sqrt(a / 2)) + exp(2 * a) * erfc(sqrt(2 * a)) / 2
    mean_a = sqrt(a / (2 * pi)) + exp(a / 2) * erfc(sqrt(a / 2)) / 2 - half
    mean_b = sqrt(b / (2 * pi)) + exp(b / 2) * erfc(sqrt(b / 2)) / 2 - half
    yield Claim("E φ²", d.duals[0].K_diag, square)
    yield Claim("K at c = 0", K.subs(c, 0), mean_a * mean_b)
    yield Claim("Price", K.diff(c), d.duals[0].K_dot)
