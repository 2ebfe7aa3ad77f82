"""How a test predictor reaches equilibrium, and whether from beyond it (theory T12, T13; arXiv 2309.04522).

The setting is that of `shape`, all in units of its label. With z = e^{−(τ−τ')/σ²} and p = e^{−2τ'/σ²}, what is left of the
initial variance at τ', the outer kernel is G = G_0(z) + (σ0²/σ² − 1) p G_1(z) + O(p²), and g so for the test input. Put into
T12, r = r_eq (1 − (σ0²/σ² − 1) R e^{−2τ/σ²} + …), and

    f → NNGP + (σ0²/σ² − 1) late e^{−2τ/σ²},    late = (ĥ_1 − R ĥ_0)/C,    R = Ĝ_1/Ĝ_0,

where ^ is ∫_0^∞ du e^{2u/σ²}, C = ∫_0^∞ G_0 du the NNGP kernel, and h = g − o G has no pole at the rate 2/σ².

No rate of the equation itself competes. Dual kernels are power series in c with coefficients ≥ 0 (Mehler), so G_0 = Σ_n γ_n z^n,
γ_n ≥ 0, and n ≥ L + 1, as each layer's m brings a z. Free rates μ are the zeros of Σ γ_n/(n − μσ²): one between any two poles,
none below the first, which is at L + 1 ≥ 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
from sympy import Expr, Integer, Rational, Symbol, diff, log

from ndksym.algebra.evaluate import Evaluator
from ndksym.algebra.zero_test import Definitions
from ndksym.expansions.plateau import Slope, equilibrium, overlap
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments, continuous
from ndksym.kernels.recursion import Recursion, dual_functions, unroll
from ndksym.runtime.quadrature import legendre
from ndksym.symbols import T, k11, k12, k22, s, sigma02, sigma2, t

__all__ = ["NODES", "Overshoot", "Verdict", "overshoot"]

z = Symbol("z", positive=True)
"""e^{−(τ−τ')/σ²}."""
memory = Symbol("p", nonnegative=True)
"""e^{−2τ'/σ²}."""
R = Symbol("R", real=True)
lower, upper, second, first = (Symbol(name, real=True) for name in ("G_0", "G_1", "h_0", "h_1"))
NODES = 24
"""Gauss points in √(1 − z), in which the kernels are analytic on [0, 1], kinks included."""
_RESOLVED = 1e-9
_PAIRS = {"s": k11, "o": overlap * k11, "p": Integer(0)}
"""x·x'/N_0 of one input, of overlapping ones, of orthogonal ones."""


@dataclass(frozen=True)
class Verdict:
    """What the two ends of the diffusive phase say of f, per unit of the label.

    `slope`, `plateau`, `nngp` and `gap` = nngp − plateau are those of `Slope.at`; `late` e^{−2τ/σ²} is f − nngp at late times.
    """

    slope: float
    plateau: float
    nngp: float
    late: float

    @property
    def gap(self) -> float:
        """From the plateau to equilibrium."""
        return self.nngp - self.plateau

    @property
    def undershoots(self) -> bool:
        """f leaves the plateau away from equilibrium."""
        return self.slope * self.gap < 0

    @property
    def overshoots(self) -> bool:
        """f comes to equilibrium from its far side, so that it must have crossed it."""
        return self.late * self.gap > 0

    def record(self) -> dict[str, Any]:
        """All of it as a dictionary, for JSON."""
        numbers = {name: getattr(self, name) for name in ("slope", "plateau", "nngp", "gap", "late")}
        return numbers | {"undershoots": self.undershoots, "overshoots": self.overshoots, "verdict": str(self)}

    def __str__(self) -> str:
        said = ["undershoots first"] * self.undershoots + ["overshoots"] * self.overshoots
        return ", then ".join(said) or "none"


@dataclass(frozen=True)
class Overshoot:
    """The criterion: sign of `slope` (start) and of `late` (end) against the gap; `late` per unit of σ0²/σ² − 1.

    `late` is an expression in R and the moments `h_0`, `h_1`: σ² ∫_0^1 h z^{−3} dz of the `integrands` of that name. R is the
    ratio of the moments `G_1` and `G_0`, but where these have a pole that of its residues, the two `poles`. `definitions` give what
    all are made of, layer by layer.
    """

    slope: Slope
    late: Expr
    poles: tuple[Expr, Expr] | None
    integrands: Mapping[Symbol, Expr]
    definitions: Definitions

    @property
    def rate(self) -> Expr:
        """At which equilibrium is approached, in τ."""
        return 2 / sigma2

    def at(self, digits: int = 20, nodes: int = NODES, **values: object) -> Verdict:
        """The verdict at numbers for k11, o, sigma2, sigma02 or `ratio` = σ0²/σ² (and beta): exact ones are best.

        >>> import ndksym
        >>> found = ndksym.phases(ndksym.derive("relu")).overshoot
        >>> [str(found.at(k11=1, o="0.9", sigma2=1, ratio=ratio)) for ratio in ("0.1", 1, 4)]
        ['overshoots', 'none', 'none']
        """
        if "ratio" in values:
            values["sigma02"] = Rational(str(values.pop("ratio"))) * Rational(str(values["sigma2"]))
        early = self.slope.at(digits, **values)
        excess = Rational(str(values["sigma02"])) / Rational(str(values["sigma2"])) - 1
        late = float(excess) * float(self.late_at(digits, nodes, **values)) if excess != 0 else 0.0
        # what is no larger than the quadrature's error has no sign
        late = late if abs(late) > _RESOLVED * abs(float(excess)) else 0.0
        return Verdict(early["slope"], early["plateau"], early["nngp"], late)

    def late_at(self, digits: int = 20, nodes: int = NODES, **values: object) -> Any:
        """`late` at numbers, by Gauss quadrature of the moments."""
        known = {symbol for _, value in self.definitions for symbol in value.free_symbols} | {k11, sigma2, overlap}
        point = {each: Rational(str(values[each.name])) for each in known if each.name in values}
        with mpmath.workdps(digits):
            moments = {name: mpmath.mpf(0) for name in self.integrands}
            for x, weight in zip(*(map(mpmath.mpf, each) for each in legendre(nodes)), strict=True):
                root = (1 + x) / 2
                here = 1 - root * root
                inside = Evaluator(point, digits)
                inside.memo[z] = here
                for name, value in self.definitions:
                    inside.define(name, value)
                for name, value in self.integrands.items():
                    moments[name] += root * weight * inside(value) / here**3
            whole = Evaluator(point, digits)
            whole.memo.update({name: whole(sigma2) * moment for name, moment in moments.items()})
            below, above = (whole(each) for each in self.poles or (Integer(0), Integer(0)))
            # E φ' may vanish at one variance, as of He3, and the pole with it
            is_pole = abs(below) > mpmath.mpf(10) ** -(digits // 2)
            whole.memo[R] = above / below if is_pole else whole(upper) / whole(lower)
            return whole(self.late)


def overshoot(duals: Sequence[Dual], bias: bool, slope: Slope) -> Overshoot:
    """The criterion for one network, of that slope."""
    definitions: list[tuple[Symbol, Expr]] = []
    thetas: dict[str, tuple[Expr, Expr]] = {}
    for name, product in _PAIRS.items():
        recursion = _through(duals, bias, name).at({k12: product, k22: k11})
        rates, rate = recursion.derivative(memory, recursion.output.theta)
        both = (*recursion.definitions, *rates)
        definitions += [(each, _forgotten(value)) for each, value in both]
        thetas[name] = _forgotten(recursion.output.theta), _forgotten(rate)
    integrands = {}
    for order in (0, 1):
        G, g = (z * (thetas[name][order] - thetas["p"][order]) for name in ("s", "o"))
        integrands[(lower, upper)[order]], integrands[(second, first)[order]] = G, g - overlap * G
    C, _ = equilibrium(duals, bias)
    return Overshoot(slope, (first - R * second) / C, _poles(duals, bias), integrands, tuple(definitions))


def _through(duals: Sequence[Dual], bias: bool, label: str) -> Recursion:
    """The recursion at τ' and τ in z and p, for σ0² = 2σ²: what is linear in p is so in σ0²/σ² − 1."""
    return unroll(dual_functions(duals), _moments(), bias, f"_{label}")


@cache
def _moments() -> PriorMoments:
    earlier = -sigma2 * log(memory) / 2
    at = {T: Integer(1), s: earlier, t: earlier - sigma2 * log(z), sigma02: 2 * sigma2}
    return PriorMoments(*(continuous(*each).xreplace(at).expand() for each in ((t, t), (s, s), (t, s))))


def _forgotten(e: Expr) -> Expr:
    return e.xreplace({memory: Integer(0)})


def _poles(duals: Sequence[Dual], bias: bool) -> tuple[Expr, Expr] | None:
    """Coefficients of z² in G_0 and G_1, poles at the rate 2/σ²: with one hidden layer of a φ that is not even."""
    if len(duals) > 1 or duals[0].activation.parity == "even":
        return None
    first, other = (
        (found := _through(duals, bias, name).at({k12: product, k22: k11})).expand(found.output.theta)
        for name, product in (("s", k11), ("p", Integer(0)))
    )
    # G starts with z: its z² is the z of Θ
    lead = diff(first - other, z).subs(z, 0)
    return _forgotten(lead), _forgotten(diff(lead, memory))
