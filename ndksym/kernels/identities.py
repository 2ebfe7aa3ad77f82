"""The limits and identities of T6–T8 for a given network, as claims that hold at every depth.

Each claim is about the definitions of the layers and names the quantities that must agree in each layer. Its proof is then an
induction: the zero test proves layer l with the equalities that it has proved for layer l−1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate

import mpmath
from mpmath import mpf
from sympy import Expr, Float, Integer, Symbol, limit, oo

from ndksym.algebra.claim import Claim
from ndksym.algebra.zero_test import Definitions, Domain, evaluate
from ndksym.kernels.dual import Dual
from ndksym.kernels.ndk import dynamics, layerwise
from ndksym.kernels.prior import SYMBOLS, PriorMoments, continuous, continuous_moments, proximal, response
from ndksym.kernels.recursion import INPUTS, LayerState, dual_functions, refuse_divergent, unroll
from ndksym.symbols import T, beta, c, k11, k12, k22, lam, s, sigma02, sigma2, t

__all__ = [
    "differentiation",
    "equilibrium",
    "fluctuation_dissipation",
    "homogeneity",
    "identities",
    "initial",
    "integral",
    "linear",
    "static",
    "strong_limit",
    "symmetry",
    "two_forms",
]

SOURCE = "arXiv 2309.04522"
_ANY_MOMENTS = Domain(conditions=(k12**2 < k11 * k22, SYMBOLS.ts**2 < SYMBOLS.tt * SYMBOLS.ss))


def _within_reach(domain: Domain, duals: Sequence[Dual]) -> Domain:
    """The domain; with small inputs and moments if a kernel is finite only up to some variance."""
    reaches = [dual.reach for dual in duals if dual.reach is not None]
    if not reaches:
        return domain
    small = min(Integer(1), *reaches) / 8
    names = (k11, k22, beta, sigma2, sigma02, SYMBOLS.tt, SYMBOLS.ss)
    return Domain({name: (Integer(0), small) for name in names}, domain.conditions)


def initial(duals: Sequence[Dual], bias: bool) -> Claim:
    """NDK(0,0) is the NTK at the initial variance (T7)."""
    zero = Integer(0)
    start = dynamics(duals, bias).at({t: zero, s: zero})
    static_ = unroll(dual_functions(duals), PriorMoments.equal(sigma02), bias, "init")
    left = response(zero, zero) * start.output.theta
    return _claim(
        "NDK(0,0) = NTK",
        left,
        static_.output.theta,
        start.definitions,
        static_.definitions,
        domain=_within_reach(INPUTS, duals),
    )


def static(duals: Sequence[Dual], bias: bool) -> Claim:
    """The prior covariance at equal times with σ0 = σ is the NNGP kernel (T7)."""
    now = dynamics(duals, bias).at({sigma02: sigma2, t: s})
    then = unroll(dual_functions(duals), PriorMoments.equal(sigma2), bias, "prior")
    return _claim(
        "C(t,t) = NNGP at σ0 = σ",
        now.output.c,
        then.output.c,
        now.definitions,
        then.definitions,
        domain=_within_reach(INPUTS, duals),
    )


def two_forms(duals: Sequence[Dual], bias: bool) -> Claim:
    """The layer-by-layer form of the NDK equals e^{−T(t−s)/σ²} Θ^{L+1} (T6)."""
    whole = dynamics(duals, bias)
    steps, kernel_d = layerwise(duals, continuous_moments(), bias)
    damped = [(Symbol(f"damped_{i}"), response() * layer.theta) for i, layer in _layers(duals)]
    return _claim(
        "NDK, both forms",
        response() * whole.output.theta,
        kernel_d,
        whole.definitions,
        damped,
        steps,
        domain=_within_reach(INPUTS, duals),
    )


def fluctuation_dissipation(duals: Sequence[Dual], bias: bool) -> Claim:
    """NDK(t,s) = (1/T) ∂_s C^{L+1}(t,s) for s < t at σ0 = σ, hence as t, s → ∞ by `equilibrium` (T7)."""
    whole = dynamics(duals, bias).at({sigma02: sigma2})
    steps, kernel_d = layerwise(duals, continuous_moments(), bias)
    steps = [(name, value.xreplace({sigma02: sigma2})) for name, value in steps]
    heat = [(Symbol(f"heat_{i}"), T * name) for i, (name, _) in enumerate(steps, 1)]
    rates, slope = whole.derivative(s)
    left = kernel_d.xreplace({sigma02: sigma2})
    return _claim(
        "NDK = ∂_s C / T at σ0 = σ",
        left,
        slope / T,
        whole.definitions,
        steps,
        heat,
        rates,
        domain=_within_reach(INPUTS, duals),
    )


@cache
def equilibrium() -> Claim:
    """As t, s → ∞ at fixed t − s the moments forget σ0: m → σ² e^{−T(t−s)/σ²}, as if σ0 = σ (T7)."""
    tau = Symbol("tau", positive=True)
    late = limit(continuous(s + tau, s), s, oo)
    return _claim("m(s+τ, s) as s → ∞", late, continuous(s + tau, s).xreplace({sigma02: sigma2}), domain=Domain())


def differentiation(duals: Sequence[Dual], bias: bool) -> Claim:
    """Θ^{L+1} = ∂C[m]/∂m at fixed equal-time variances: the two-time NTK is the slope of the covariance (T6, T8)."""
    whole = unroll(dual_functions(duals), SYMBOLS, bias)
    rates, slope = whole.derivative(SYMBOLS.ts)
    return _claim(
        "Θ = ∂C/∂m", whole.output.theta, slope, whole.definitions, rates, domain=_within_reach(_ANY_MOMENTS, duals)
    )


@cache
def strong_limit() -> Claim:
    """λ/(2T) [m(t,s) − λ~ m(t,s−1)] → e^{−T(t−s)/σ²} at steps λt, λs; with `differentiation`, λ D/(2T) → NDK (T8)."""
    chain = proximal()
    kick = chain.covariance(lam * t, lam * s) - chain.rate * chain.covariance(lam * t, lam * s - 1)
    # kick = noise·rate^(t−s), which the claim proves too, so that the limit is that of one power
    small = chain.noise * chain.rate ** (lam * (t - s))
    late = limit(lam * small / (2 * T), lam, oo)
    return _claim("λ D/(2T) → NDK", late + kick - small, response(), domain=Domain())


def symmetry(duals: Sequence[Dual], bias: bool) -> tuple[Claim, Claim]:
    """C and Θ are symmetric in (t, x) and (s, x') (T7)."""
    here = unroll(dual_functions(duals), SYMBOLS, bias)
    swap = {k11: k22, k22: k11, SYMBOLS.tt: SYMBOLS.ss, SYMBOLS.ss: SYMBOLS.tt}
    there = unroll(dual_functions(duals), SYMBOLS, bias, "swapped").at(swap)
    where, domain = (here.definitions, there.definitions), _within_reach(_ANY_MOMENTS, duals)
    return (
        _claim("C(t,x; s,x') = C(s,x'; t,x)", here.output.c, there.output.c, *where, domain=domain),
        _claim("Θ(t,x; s,x') = Θ(s,x'; t,x)", here.output.theta, there.output.theta, *where, domain=domain),
    )


def linear(duals: Sequence[Dual], bias: bool) -> Claim | None:
    """NDK = (L+1) e^{−T(t−s)/σ²} m^L x·x'/N_0 for φ(x) = x without biases (T7); None for other networks."""
    if bias or any(c != dual.K for dual in duals):
        return None
    whole, depth = dynamics(duals, bias), len(duals)
    closed = [
        (Symbol(f"closed_{i}_{name}"), value)
        for i, _ in _layers(duals)
        for name, value in (("c", continuous() ** i * k12), ("theta", i * continuous() ** (i - 1) * k12))
    ]
    right = (depth + 1) * response() * continuous() ** depth * k12
    return _claim("NDK of linear φ", response() * whole.output.theta, right, closed, whole.definitions, domain=INPUTS)


def homogeneity(duals: Sequence[Dual], degrees: Sequence[Expr | None], bias: bool) -> Claim | None:
    """Inputs times κ give the NDK times κ^(2 n_1⋯n_L) if φ_l(κx) = κ^{n_l} φ_l(x) (T7); None for other networks."""
    if bias or len(degrees) != len(duals) or any(degree is None for degree in degrees):
        return None
    kappa = Symbol("kappa", positive=True)
    powers = list(accumulate(degrees, lambda power, degree: power * degree, initial=Integer(2)))
    here = dynamics(duals, bias)
    there = dynamics(duals, bias, "scaled").at({k: kappa**2 * k for k in (k11, k12, k22)})
    scaled = [
        (Symbol(f"scale_{e}", **e.assumptions0), kappa ** powers[i - 1] * e)
        for i, layer in _layers(duals)
        for e in (layer.a, layer.b, layer.c, layer.theta)
    ]
    left = kappa ** powers[-1] * here.output.theta
    return _claim("homogeneity", left, there.output.theta, here.definitions, scaled, there.definitions, domain=INPUTS)


def identities(duals: Sequence[Dual], bias: bool, degrees: Sequence[Expr | None] = ()) -> tuple[Claim, ...]:
    """All identities of T6–T8 that apply to the network; `degrees` are the degrees of homogeneity of the activations.

    DivergentKernelError if an activation jumps, because the identities are about tangent kernels.
    """
    refuse_divergent(duals, "NTK")
    always = (initial, static, two_forms, fluctuation_dissipation, differentiation)
    special = (linear(duals, bias), homogeneity(duals, degrees, bias))
    return (
        *(make(duals, bias) for make in always),
        *symmetry(duals, bias),
        equilibrium(),
        strong_limit(),
        *(claim for claim in special if claim is not None),
    )


def integral(duals: Sequence[Dual], bias: bool, point: Mapping[Symbol, Expr], digits: int = 50) -> tuple[mpf, mpf]:
    """The numbers ∫_0^∞ NDK dτ and C^{L+1}_eq(0)/T at values of k11, k12, k22, T, σ² (and β); they are equal by T7.

    With E = e^{−Tτ/σ²} the integral is (σ²/T) ∫_0^1 Θ(m = σ² E) dE.
    """
    decay = Symbol("E", positive=True)
    late = unroll(dual_functions(duals), PriorMoments(sigma2, sigma2, sigma2 * decay), bias)
    now = late.at({decay: Integer(1)})
    work = digits + 10
    deep = 2 * work  # at coincident inputs √(ab − c²) keeps half the digits

    def theta(at: mpf) -> mpf:
        return mpmath.re(evaluate(late.output.theta, {**point, decay: Float(at, work)}, deep, late.definitions))

    with mpmath.workdps(work):
        area = mpmath.quad(theta, [0, 1]) * evaluate(sigma2 / T, point, work)
        return area, mpmath.re(evaluate(now.output.c / T, point, deep, now.definitions))


def _layers(duals: Sequence[Dual]) -> list[tuple[int, LayerState]]:
    return [(i, LayerState.named(str(i))) for i in range(1, len(duals) + 1)]


def _claim(name: str, left: Expr, right: Expr, *where: Definitions, domain: Domain) -> Claim:
    definitions = tuple(definition for part in where for definition in part)
    return Claim(name, left, right, domain=domain, where=definitions, source=SOURCE)
