"""A linear network: the NDK is (L+1) e^{−T(t−s)/σ²} m(t,s)^L x·x'/N_0, in closed form at every depth (T7)."""

from ndksym.derivation import Claim
from ndksym.kernels.prior import continuous, response
from ndksym.symbols import c, k12, sigma02, sigma2

activation = "linear"
depth = 3
bias = False
outputs = ("nngp", "ntk", "ndk")
backends = ("numpy", "c")
references = ("Avidan, Li & Sompolinsky 2025, arXiv 2309.04522", "Saxe, McClelland & Ganguli 2014, arXiv 1312.6120")


def claims(d):
    yield Claim("K", d.duals[0].K, c)
    yield Claim("NNGP", d.nngp, sigma2**4 * k12)
    yield Claim("NTK", d.ntk, 4 * sigma02**3 * k12)
    yield Claim("NDK", d.ndk, 4 * response() * continuous() ** 3 * k12)
