"""Nodes and weights of Gauss rules at the current Arb precision."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy

from ndksym.verify.oracle.numbers import flint, precision

if TYPE_CHECKING:
    from flint import arb, arb_mat

__all__ = ["barycentric", "density", "halves", "hermite", "legendre", "legendre_tail"]

NodesWeights: TypeAlias = "tuple[tuple[arb, ...], tuple[arb, ...]]"


def legendre(size: int) -> NodesWeights:
    """Gauss–Legendre nodes (ascending) and weights on [−1, 1]."""
    return _legendre(size, _bucket(flint().ctx.prec))


def hermite(size: int) -> NodesWeights:
    """Gauss–Hermite nodes and weights of the standard normal: E f(z) ≈ Σ w f(z), exact to degree 2·size − 1."""
    return _hermite(size, _bucket(flint().ctx.prec))


def legendre_tail(size: int, rows: int = 3) -> tuple[tuple[arb, ...], ...]:
    """Weights of the values at the Gauss nodes in the last `rows` Legendre coefficients of their interpolant."""
    return _tail(size, rows, _bucket(flint().ctx.prec))


def barycentric(size: int) -> tuple[arb, ...]:
    """Weights (−1)^j √((1 − t²) w) of barycentric interpolation at the Gauss–Legendre nodes."""
    return _barycentric(size, _bucket(flint().ctx.prec))


def halves(size: int) -> tuple[arb_mat, arb_mat]:
    """Matrices L_k(t_j) of the interpolant Σ_k f(x_k) L_k through the Gauss–Legendre nodes x_k of [−1, 1], at the nodes t_j of [−1, 0]
    and of [0, 1]."""
    return _halves(size, _bucket(flint().ctx.prec))


def _bucket(prec: int) -> int:
    """The precision rounded up, so that nearby precisions share a cached rule."""
    return 64 * math.ceil((prec + 16) / 64)


@lru_cache(maxsize=128)
def _legendre(size: int, prec: int) -> NodesWeights:
    with precision(prec):
        pairs = [flint().arb.legendre_p_root(size, k, weight=True) for k in reversed(range(size))]
    return tuple(x for x, _ in pairs), tuple(w for _, w in pairs)


@lru_cache(maxsize=128)
def _tail(size: int, rows: int, prec: int) -> tuple[tuple[arb, ...], ...]:
    nodes, weights = _legendre(size, prec)
    with precision(prec):
        return tuple(
            tuple(w * x.legendre_p(k) * (2 * k + 1) / 2 for x, w in zip(nodes, weights, strict=True))
            for k in range(size - rows, size)
        )


@lru_cache(maxsize=128)
def _barycentric(size: int, prec: int) -> tuple[arb, ...]:
    nodes, weights = _legendre(size, prec)
    with precision(prec):
        return tuple((-1) ** j * ((1 - t * t) * w).sqrt() for j, (t, w) in enumerate(zip(nodes, weights, strict=True)))


@lru_cache(maxsize=32)
def _halves(size: int, prec: int) -> tuple[arb_mat, arb_mat]:
    nodes, weights = _legendre(size, prec)
    orders = range(size)
    with precision(prec):  # L_k = w_k Σ_n (n + ½) P_n(x_k) P_n
        whole = flint().arb_mat(
            [[w * x.legendre_p(n) * (2 * n + 1) / 2 for x, w in zip(nodes, weights, strict=True)] for n in orders]
        )
        left = flint().arb_mat([[((x - 1) / 2).legendre_p(n) for n in orders] for x in nodes]) * whole
        return left, flint().arb_mat([row[::-1] for row in reversed(left.tolist())])


@lru_cache(maxsize=512)
def _hermite(size: int, prec: int) -> NodesWeights:
    start, _ = numpy.polynomial.hermite_e.hermegauss(size)
    nodes, weights = [], []
    with precision(prec + 32):
        factorial = flint().arb.fac_ui(size)
        for guess in start:
            x = flint().arb(float(guess))
            for _ in range(max(2, math.ceil(math.log2(prec / 40)) + 1)):  # Newton from 50 bits, doubling each time
                before, value = _he(size, x)
                x = (x - value / (size * before)).mid()
            before, _value = _he(size, x)
            nodes.append(x)
            weights.append((factorial / (size * before) ** 2).mid())
    return tuple(nodes), tuple(weights)


def _he(size: int, x: arb) -> tuple[arb, arb]:
    """Hermite polynomials He_{size−1} and He_size at x."""
    before, value = flint().arb(1), x
    for k in range(1, size):
        before, value = value, x * value - k * before
    return before, value


def density(x: arb) -> arb:
    """The standard normal density."""
    return (-x * x / 2).exp() / (2 * flint().arb.pi()).sqrt()
