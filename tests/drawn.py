"""Activations drawn from the class with closed forms and from outside it, each as a text and, apart from it, in NumPy.

Sums of one to four gates, whose thresholds are negative, zero, positive, equal or irrational, and of polynomials, exponentials
and sines. Their kernels by a quadrature written for this purpose: nothing of ndksym takes part.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import expit, ndtr

THRESHOLDS = {
    "0": 0.0, "1": 1.0, "-1": -1.0, "1/2": 0.5, "-1/2": -0.5, "2": 2.0, "-2": -2.0, "1/7": 1 / 7, "-3": -3.0, "3/2": 1.5,
    "sqrt(2)": 2**0.5, "-sqrt(2)": -(2**0.5), "pi/3": np.pi / 3, "-pi/3": -np.pi / 3, "sqrt(3)/2": 3**0.5 / 2,
}  # fmt: skip
WEIGHTS = ("1", "-1", "1/2", "-2", "1/3", "3/2")
RATES = ("1", "1/2", "-1/2", "-1", "2/3")


@dataclass(frozen=True)
class Drawn:
    """φ as a text and as a function, φ′ as a function between the `breaks`, and whether φ jumps."""

    text: str
    phi: Callable
    dphi: Callable
    breaks: tuple[float, ...]
    jumps: bool
    width: float
    """Standard deviations over which quadrature may take φ for a polynomial: few where it has poles."""


@dataclass(frozen=True)
class Term:
    """One summand: text, φ, φ′, breaks, jump."""

    text: str
    phi: Callable
    dphi: Callable
    breaks: tuple[float, ...] = ()
    jumps: bool = False


def _gates(t: str, rate: str) -> list[Term]:
    T, r = THRESHOLDS[t], float(Fraction(rate))
    step = lambda x: (x > T).astype(float)  # noqa: E731 — a table of formulas
    far = abs(T) or 1.0
    away, text = (f"(x-({t}))", f"({t if T > 0 else f'-({t})' if T else '1'})")
    return [
        Term(f"Max(0,{away})", lambda x: np.maximum(0, x - T), step, (T,)),
        Term(f"Max(x,{t})", lambda x: np.maximum(x, T), step, (T,)),
        Term(f"Min(x,{t})", lambda x: np.minimum(x, T), lambda x: 1 - step(x), (T,)),
        Term(f"Abs{away}", lambda x: np.abs(x - T), lambda x: 2 * step(x) - 1, (T,)),
        Term(f"Max(0,{away})**2", lambda x: np.maximum(0, x - T) ** 2, lambda x: 2 * np.maximum(0, x - T), (T,)),
        Term(f"Heaviside{away}", step, lambda x: 0 * x, (T,), True),
        Term(f"x**2*Heaviside{away}", lambda x: x * x * step(x), lambda x: 2 * x * step(x), (T,), T != 0),
        Term(f"exp({rate}*x)*Heaviside{away}", lambda x: np.exp(r * x) * step(x), lambda x: r * np.exp(r * x) * step(x), (T,),
             True),
        Term(f"sin({rate}*x)*Heaviside{away}", lambda x: np.sin(r * x) * step(x), lambda x: r * np.cos(r * x) * step(x), (T,),
             T != 0),
        Term(f"Abs(Abs(x)-{text})", lambda x: np.abs(np.abs(x) - far),
             lambda x: np.sign(x) * np.sign(np.abs(x) - far), (0.0, far, -far)),
        Term(f"Min(Abs(x),{text})", lambda x: np.minimum(np.abs(x), far), lambda x: np.sign(x) * (np.abs(x) < far),
             (0.0, far, -far)),
        Term(f"Piecewise(({away},x>{t}),(exp{away}-1,True))", lambda x: np.where(x > T, x - T, np.expm1(np.minimum(x - T, 0))),
             lambda x: np.where(x > T, 1.0, np.exp(np.minimum(x - T, 0))), (T,)),
        Term(f"exp(-Abs{away})", lambda x: np.exp(-np.abs(x - T)), lambda x: -np.sign(x - T) * np.exp(-np.abs(x - T)), (T,)),
        Term(f"x*Phi({rate}*{away})", lambda x: x * ndtr(r * (x - T)),
             lambda x: ndtr(r * (x - T)) + r * x * np.exp(-0.5 * (r * (x - T)) ** 2) / np.sqrt(2 * np.pi)),
    ]  # fmt: skip


SMOOTH = (
    Term("x", lambda x: x, np.ones_like),
    Term("x**2", lambda x: x * x, lambda x: 2 * x),
    Term("x**3", lambda x: x**3, lambda x: 3 * x * x),
    Term("exp(-x**2/2)", lambda x: np.exp(-x * x / 2), lambda x: -x * np.exp(-x * x / 2)),
    Term("exp(x/3)", lambda x: np.exp(x / 3), lambda x: np.exp(x / 3) / 3),
    Term("sin(x)", np.sin, np.cos),
    Term("cos(2*x)", lambda x: np.cos(2 * x), lambda x: -2 * np.sin(2 * x)),
)

OPEN = (
    Term("tanh(x)", np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    Term("tanh(2*x-1)", lambda x: np.tanh(2 * x - 1), lambda x: 2 / np.cosh(2 * x - 1) ** 2),
    Term("1/(1+exp(-x))", expit, lambda x: expit(x) * expit(-x)),
    Term("log(1+exp(x))", lambda x: np.logaddexp(0, x), expit),
    Term("x/(1+exp(-2*x))", lambda x: x * expit(2 * x), lambda x: expit(2 * x) * (1 + 2 * x * expit(-2 * x))),
    Term("atan(x)", np.arctan, lambda x: 1 / (1 + x * x)),
    Term("x/(1+Abs(x))", lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2, (0.0,)),
    Term("1/(1+x**2)", lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    Term("sqrt(1+x**2)", lambda x: np.hypot(1, x), lambda x: x / np.hypot(1, x)),
    Term("tanh(x)*Max(0,x)", lambda x: np.tanh(x) * np.maximum(0, x),
         lambda x: np.where(x > 0, np.tanh(x) + x / np.cosh(x) ** 2, 0.0), (0.0,)),
)  # fmt: skip


def draw(seed: int, n: int, closed: bool = True) -> Drawn:
    """The n-th activation of a seed: with a closed form, or (one term at least) without."""
    rng = np.random.default_rng([seed, n, int(closed)])
    terms: list[Term] = [] if closed else [OPEN[rng.integers(len(OPEN))]]
    t = ""
    for _ in range(int(rng.integers(1, 5)) if closed else int(rng.integers(0, 3))):
        if not t or rng.uniform() < 0.75:
            t = list(THRESHOLDS)[rng.integers(len(THRESHOLDS))]
        gates = _gates(t, RATES[rng.integers(len(RATES))])
        terms.append(gates[rng.integers(len(gates))])
    if rng.uniform() < 0.4:
        terms.append(SMOOTH[rng.integers(len(SMOOTH))])
    weights = [WEIGHTS[rng.integers(len(WEIGHTS))] for _ in terms]
    numbers = [float(Fraction(weight)) for weight in weights]
    return Drawn(
        " + ".join(f"({weight})*{term.text}" for weight, term in zip(weights, terms, strict=True)),
        lambda x: sum(w * term.phi(x) for w, term in zip(numbers, terms, strict=True)),
        lambda x: sum(w * term.dphi(x) for w, term in zip(numbers, terms, strict=True)),
        tuple(sorted({point for term in terms for point in term.breaks})),
        any(term.jumps for term in terms),
        2.0 if closed else 0.5,
    )


REACH = 17.0
"""Standard deviations: exp(x)² at the largest norm, 3.75, lives about 7.5 of them away."""
_X, _W = leggauss(22)


def _panels(cuts: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and normal weights over [−REACH, REACH], each row of `cuts` for itself; empty panels weigh nothing."""
    fixed = np.linspace(-REACH, REACH, int(2 * REACH / width) + 1)
    fixed = np.broadcast_to(fixed, (*cuts.shape[:-1], len(fixed)))
    edges = np.sort(np.concatenate([fixed, np.clip(cuts, -REACH, REACH)], axis=-1), axis=-1)
    half = np.diff(edges)[..., None] / 2
    z = edges[..., :-1, None] + half * (1 + _X)
    return z, half * _W * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def alone(drawn: Drawn, f: Callable, p: float) -> float:
    """E f(pz)², f being φ or φ′."""
    z, w = _panels(np.array(drawn.breaks) / p, drawn.width)
    return float(np.sum(w * f(p * z) ** 2))


def expectation(drawn: Drawn, f: Callable, p: float, q: float, rho: float, sine: float) -> float:
    """E f(pz) f(q(ρz + √(1−ρ²)z′)), given √(1−ρ²) apart."""
    points = np.array(drawn.breaks)
    layer = sine / max(abs(rho), 1e-3) * np.array([-9, -6, -4, -2, -1, 0, 1, 2, 4, 6, 9])
    cuts = [points / p]
    if abs(rho) > 0.3:
        cuts.append(((points / (q * rho))[:, None] + layer).ravel())
    z, w = (each.ravel() for each in _panels(np.concatenate(cuts), drawn.width))
    z, w = z[w > 0], w[w > 0]
    total = 0.0
    for start in range(0, len(z), 256):
        outer, weights = z[start : start + 256], w[start : start + 256]
        inner, weight = _panels((points / q - rho * outer[:, None]) / sine, drawn.width)
        values = np.sum(weight * f(q * (rho * outer[:, None, None] + sine * inner)), axis=(1, 2))
        total += float(np.sum(weights * f(p * outer) * values))
    return total
