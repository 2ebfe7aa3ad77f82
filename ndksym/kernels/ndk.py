"""The Neural Dynamical Kernel in both its forms (T6), and the covariance that one step of proximal learning injects (T8)."""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Expr, Symbol

from ndksym.algebra.zero_test import Definitions
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments, continuous_moments, proximal, response
from ndksym.kernels.recursion import LayerState, Recursion, bias_variance, dual_functions, refuse_divergent, unroll
from ndksym.symbols import k12, s, t

__all__ = ["dynamics", "injected", "injection", "layerwise", "ndk", "prior_covariance"]


def dynamics(duals: Sequence[Dual], bias: bool, label: str = "") -> Recursion:
    """The layer recursion at the continuous-time moments m(t,t), m(s,s), m(t,s) of T3."""
    return unroll(dual_functions(duals), continuous_moments(), bias, label)


def prior_covariance(duals: Sequence[Dual], bias: bool) -> Expr:
    """C^{L+1}(t,s), the covariance of the output under the data-free dynamics (T5, arXiv 2309.04522)."""
    recursion = dynamics(duals, bias)
    return recursion.expand(recursion.output.c)


def ndk(duals: Sequence[Dual], bias: bool) -> Expr:
    """The Neural Dynamical Kernel, written out: NDK(t,s) = e^{−T(t−s)/σ²} Θ^{L+1}(t,s), s ≤ t (T6, arXiv 2309.04522).

    DivergentKernelError if an activation jumps.
    """
    refuse_divergent(duals, "NDK")
    recursion = dynamics(duals, bias)
    return response() * recursion.expand(recursion.output.theta)


def layerwise(duals: Sequence[Dual], m: PriorMoments, bias: bool) -> tuple[Definitions, Expr]:
    """The NDK layer by layer: definitions of K^{d,l−1} for each hidden layer l, and K^{d,L} (T6, arXiv 2309.04522):

    K^{d,l} = m K_dot^l K^{d,l−1} + e^{−T(t−s)/σ²} (K^l + β²),  K^{d,0} = e^{−T(t−s)/σ²} (x·x'/N_0 + β²)
    """
    shift, decay = bias_variance(bias), response()
    definitions: list[tuple[Symbol, Expr]] = []
    kernel_d = decay * (k12 + shift)
    for index, kernel in enumerate(dual_functions(duals), 1):
        below = Symbol(f"Kd_{index - 1}", real=True)
        definitions.append((below, kernel_d))
        K, K_dot = kernel.between(LayerState.named(str(index)))
        kernel_d = m.ts * K_dot * below + decay * (K + shift)
    return tuple(definitions), kernel_d


def injection(duals: Sequence[Dual], bias: bool) -> tuple[Recursion, Recursion]:
    """The two recursions whose covariances differ by D(t,s): with cross moment m(t,s), and with λ~ m(t,s−1) (T8).

    The variances at equal times are the same in both.
    """
    chain = proximal()
    m = chain.moments(t, s)
    before = PriorMoments(m.tt, m.ss, chain.rate * chain.covariance(t, s - 1))
    layers = dual_functions(duals)
    return unroll(layers, m, bias), unroll(layers, before, bias, label="before")


def injected(duals: Sequence[Dual], bias: bool) -> Expr:
    """D(t,s) = C[m(t,s)] − C[λ~ m(t,s−1)], the covariance injected by step s at finite λ; 1 ≤ s ≤ t in steps (T8).

    λ D/(2T) → NDK as λ → ∞. D is finite even if φ jumps and the NDK is infinite. It follows from arXiv 2309.04522 but is not
    published there.
    """
    now, before = injection(duals, bias)
    return now.expand(now.output.c) - before.expand(before.output.c)
