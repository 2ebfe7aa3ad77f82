"""He₃(x) = x³ − 3x, depth 1: at unit variance the dual kernel of a Hermite polynomial is a power, 3! c³."""

from ndksym.derivation import Claim
from ndksym.symbols import a, b, c

activation = "x**3 - 3*x"
depth = 1
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Daniely, Frostig & Singer 2016, arXiv 1602.05897",)


def claims(d):
    K = d.duals[0].K
    yield Claim("K", K, 6 * c**3 + 9 * c * (a - 1) * (b - 1))
    yield Claim("K at unit variance", K.subs({a: 1, b: 1}), 6 * c**3)
