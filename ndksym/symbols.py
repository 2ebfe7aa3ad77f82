"""Every symbol once: its assumptions, and the meaning it has in the formulas T1–T17."""

from sympy import Symbol

__all__ = [
    "T",
    "a",
    "b",
    "beta",
    "c",
    "k11",
    "k12",
    "k22",
    "lam",
    "n",
    "s",
    "sigma02",
    "sigma2",
    "step",
    "t",
    "x",
]

x = Symbol("x", real=True)
"""Argument of an activation φ(x)."""

a = Symbol("a", positive=True)
"""E u², variance of the first preactivation."""
b = Symbol("b", positive=True)
"""E v², variance of the second preactivation."""
c = Symbol("c", real=True)
"""E uv, their covariance."""

k11 = Symbol("k11", positive=True)
"""x·x / N_0."""
k12 = Symbol("k12", real=True)
"""x·x' / N_0."""
k22 = Symbol("k22", positive=True)
"""x'·x' / N_0."""

t = Symbol("t", nonnegative=True)
"""Later time."""
s = Symbol("s", nonnegative=True)
"""Earlier time, s ≤ t."""
T = Symbol("T", positive=True)
"""Temperature."""
sigma2 = Symbol("sigma2", positive=True)
"""σ², variance of the equilibrium prior of each parameter."""
sigma02 = Symbol("sigma02", positive=True)
"""σ0², variance of each parameter at initialisation."""
beta = Symbol("beta", nonnegative=True)
"""Bias scale β; 0 means no biases."""

lam = Symbol("lambda", positive=True)
"""λ, strength of Markov proximal learning."""
step = Symbol("h", positive=True)
"""Step of the Euler–Langevin discretisation."""
n = Symbol("n", integer=True, nonnegative=True)
"""A number of discrete steps."""


def __dir__() -> list[str]:
    return __all__
