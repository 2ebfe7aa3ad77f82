"""The Neural Dynamical Kernel in both its forms (T6), and what one step of proximal learning injects (T8)."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Symbol

from ndksym.algebra.zero_test import Definitions
from ndksym.kernels.prior import Moments, continuous_moments, proximal, response
from ndksym.kernels.recursion import Dual, Layer, Recursion, bias_variance, kernels, refuse_divergent, unroll
from ndksym.symbols import k12, s, t

__all__ = ["dynamics", "injected", "injection", "layerwise", "ndk", "prior_covariance"]


def dynamics(duals: Sequence[Dual], bias: bool, label: str = "") -> Recursion:
    """The layer recursion at the continuous-time moments m(t,t), m(s,s), m(t,s) of T3."""
    return unroll(kernels(duals), continuous_moments(), bias, label)


def prior_covariance(duals: Sequence[Dual], bias: bool) -> Expr:
    """C^{L+1}(t,s), the covariance of the output under the data-free dynamics (T5, arXiv 2309.04522)."""
    recursion = dynamics(duals, bias)
    return recursion.expand(recursion.output.c)


def ndk(duals: Sequence[Dual], bias: bool) -> Expr:
    """The Neural Dynamical Kernel, written out: NDK(t,s) = e^{−T(t−s)/σ²} Θ^{L+1}(t,s), s ≤ t (T6, arXiv 2309.04522).

    DivergentKernelError where an activation jumps.
    """
    refuse_divergent(duals, "NDK")
    recursion = dynamics(duals, bias)
    return response() * recursion.expand(recursion.output.theta)


def layerwise(duals: Sequence[Dual], m: Moments, bias: bool) -> tuple[Definitions, Expr]:
    """The same kernel layer by layer: definitions of K^{d,l−1} per hidden layer l, and K^{d,L} (T6, arXiv 2309.04522):

    K^{d,l} = m K_dot^l K^{d,l−1} + e^{−T(t−s)/σ²} (K^l + β²),  K^{d,0} = e^{−T(t−s)/σ²} (x·x'/N_0 + β²)
    """
    shift, decay = bias_variance(bias), response()
    definitions: list[tuple[Symbol, Expr]] = []
    kernel_d = decay * (k12 + shift)
    for index, kernel in enumerate(kernels(duals), 1):
        below = Symbol(f"Kd_{index - 1}", real=True)
        definitions.append((below, kernel_d))
        K, K_dot = kernel.between(Layer.named(str(index)))
        kernel_d = m.ts * K_dot * below + decay * (K + shift)
    return tuple(definitions), kernel_d


def injection(duals: Sequence[Dual], bias: bool) -> tuple[Recursion, Recursion]:
    """The two recursions whose covariances differ by D(t,s): cross moment m(t,s), and λ~ m(t,s−1), in every layer.

    Equal-time variances are the same in both (T8).
    """
    chain = proximal()
    m = chain.moments(t, s)
    before = Moments(m.tt, m.ss, chain.rate * chain.covariance(t, s - 1))
    layers = kernels(duals)
    return unroll(layers, m, bias), unroll(layers, before, bias, label="before")


def injected(duals: Sequence[Dual], bias: bool) -> Expr:
    """D(t,s) = C[m(t,s)] − C[λ~ m(t,s−1)], what step s ≤ t (both counted in steps, s ≥ 1) injected at finite λ (T8).

    λ D/(2T) → NDK as λ → ∞. Finite even where φ jumps and the NDK is not. Follows from arXiv 2309.04522; not published.
    """
    now, before = injection(duals, bias)
    return now.expand(now.output.c) - before.expand(before.output.c)
