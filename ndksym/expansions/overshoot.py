"""How a test predictor reaches equilibrium, and whether it overshoots it (T12, T13; arXiv 2309.04522).

The setting is that of `plateau`, in units of the label. With z = e^{−(τ−τ')/σ²}, and p = e^{−2τ'/σ²} for the remaining influence of
the initial variance at τ', the outer kernel is G = G_0(z) + (σ0²/σ² − 1) p G_1(z) + O(p²), and likewise g for the test input. In T12
this gives r = r_eq (1 − (σ0²/σ² − 1) R e^{−2τ/σ²} + …), and

    f → NNGP + (σ0²/σ² − 1) late e^{−2τ/σ²},    late = (ĥ_1 − R ĥ_0)/C,    R = Ĝ_1/Ĝ_0,

where ^ is ∫_0^∞ du e^{2u/σ²}, C = ∫_0^∞ G_0 du the NNGP kernel, and h = g − o G has no pole at the rate 2/σ².

The free rates of the equation are larger. Dual kernels are power series in c with coefficients ≥ 0 (Mehler), so G_0 = Σ_n γ_n z^n
with γ_n ≥ 0, and n ≥ L + 1, because each layer contributes a factor m ∝ z. The free rates μ are the zeros of Σ γ_n/(n − μσ²). There is
one between any two neighbouring poles, and none below the first pole, at L + 1 ≥ 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import mpmath
from sympy import Expr, Integer, Rational, Symbol, diff, log

from ndksym.algebra.evaluate import Evaluator
from ndksym.algebra.zero_test import Definitions
from ndksym.expansions.plateau import PlateauSlope, equilibrium, overlap
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments, continuous
from ndksym.kernels.recursion import Recursion, dual_functions, unroll
from ndksym.runtime.quadrature import legendre
from ndksym.symbols import T, k11, k12, k22, s, sigma02, sigma2, t

__all__ = ["NODES", "Overshoot", "OvershootVerdict", "overshoot"]

z = Symbol("z", positive=True)
"""e^{−(τ−τ')/σ²}."""
memory = Symbol("p", nonnegative=True)
"""e^{−2τ'/σ²}."""
R = Symbol("R", real=True)
lower, upper, second, first = (Symbol(name, real=True) for name in ("G_0", "G_1", "h_0", "h_1"))
NODES = 24
"""Gauss points in √(1 − z); the kernels are analytic in it on [0, 1], even if φ has kinks."""
_RESOLVED = 1e-9
_OVERLAPS, _RATIOS = ("0.9",), ("0.1", "1", "4")
_PAIRS = {"s": k11, "o": overlap * k11, "p": Integer(0)}
"""x·x'/N_0 for equal, overlapping and orthogonal inputs."""


@dataclass(frozen=True)
class OvershootVerdict:
    """The motion of f at both ends of the diffusive phase, per unit of the label.

    `slope`, `plateau` and `nngp` are those of `PlateauSlope.at`; `late` e^{−2τ/σ²} is f − nngp at late times.
    """

    slope: float
    plateau: float
    nngp: float
    late: float

    @property
    def gap(self) -> float:
        """nngp − plateau."""
        return self.nngp - self.plateau

    @property
    def undershoots(self) -> bool:
        """Whether f leaves the plateau in the direction away from equilibrium."""
        return self.slope * self.gap < 0

    @property
    def overshoots(self) -> bool:
        """Whether f reaches equilibrium from the side opposite to the plateau, so that it has crossed it."""
        return self.late * self.gap > 0

    def record(self) -> dict[str, object]:
        """The numbers and the verdict as a dictionary, for JSON."""
        numbers = {name: getattr(self, name) for name in ("slope", "plateau", "nngp", "gap", "late")}
        return numbers | {"undershoots": self.undershoots, "overshoots": self.overshoots, "verdict": str(self)}

    def __str__(self) -> str:
        parts = ["undershoots first"] * self.undershoots + ["overshoots"] * self.overshoots
        return ", then ".join(parts) or "none"


@dataclass(frozen=True)
class Overshoot:
    """The criterion: the signs of `slope` (start) and `late` (end) relative to nngp − plateau.

    `late`, per unit of σ0²/σ² − 1, is an expression in R and the integrals h_0, h_1: σ² ∫_0^1 h z^{−3} dz of the `integrands` of
    that name. R is the ratio of the integrals G_1 and G_0; if these have a pole, it is the ratio of the residues, the two `poles`.
    `definitions` define the symbols of all of them, layer by layer.
    """

    slope: PlateauSlope
    late: Expr
    poles: tuple[Expr, Expr] | None
    integrands: Mapping[Symbol, Expr]
    definitions: Definitions

    @property
    def rate(self) -> Expr:
        """The rate of the approach to equilibrium, in τ."""
        return 2 / sigma2

    def at(self, digits: int = 20, nodes: int = NODES, **values: object) -> OvershootVerdict:
        """The verdict at values of k11, o, sigma2, sigma02 or `ratio` = σ0²/σ² (and beta), best as exact numbers or text.

        >>> import ndksym
        >>> overshoot = ndksym.phases(ndksym.derive("relu")).overshoot
        >>> [str(overshoot.at(k11=1, o="0.9", sigma2=1, ratio=ratio)) for ratio in ("0.1", 1, 4)]
        ['overshoots', 'none', 'none']
        """
        if "ratio" in values:
            values["sigma02"] = Rational(str(values.pop("ratio"))) * Rational(str(values["sigma2"]))
        early = self.slope.at(digits, **values)
        excess = Rational(str(values["sigma02"])) / Rational(str(values["sigma2"])) - 1
        late = float(excess) * float(self.late_at(digits, nodes, **values)) if excess != 0 else 0.0
        # a value within the error of the quadrature has no sign
        late = late if abs(late) > _RESOLVED * abs(float(excess)) else 0.0
        return OvershootVerdict(early["slope"], early["plateau"], early["nngp"], late)

    def examples(self) -> list[tuple[str, str, OvershootVerdict]]:
        """Overlap, σ0²/σ² and verdict for a few values at k11 = σ² = 1; values for which φ has no finite kernel are omitted."""
        verdicts = []
        for o in _OVERLAPS:
            for ratio in _RATIOS:
                with suppress(ArithmeticError, ValueError, TypeError):
                    verdicts.append((o, ratio, self.at(k11=1, sigma2=1, beta=0, o=o, ratio=ratio)))
        return verdicts

    def record(self) -> dict[str, object]:
        """The criterion as a dictionary, for JSON."""
        return {
            "rate": str(self.rate),
            "late": str(self.late),
            "poles": None if self.poles is None else [str(each) for each in self.poles],
            "integrands": {str(name): str(value) for name, value in self.integrands.items()},
            "definitions": [[str(name), str(value)] for name, value in self.definitions],
            "examples": [
                {"k11": 1, "o": o, "sigma2": 1, "ratio": ratio, **each.record()} for o, ratio, each in self.examples()
            ],
        }

    def late_at(self, digits: int = 20, nodes: int = NODES, **values: object) -> mpmath.mpf:
        """`late` at given values, by Gauss quadrature."""
        symbols = {symbol for _, value in self.definitions for symbol in value.free_symbols} | {k11, sigma2, overlap}
        point = {each: Rational(str(values[each.name])) for each in symbols if each.name in values}
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
            # E φ' may vanish at one variance, as for He3, and then there is no pole
            is_pole = abs(below) > mpmath.mpf(10) ** -(digits // 2)
            whole.memo[R] = above / below if is_pole else whole(upper) / whole(lower)
            return whole(self.late)


def overshoot(duals: Sequence[Dual], bias: bool, slope: PlateauSlope) -> Overshoot:
    """The criterion for one network, with its slope."""
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
    """The recursion at τ' and τ in z and p for σ0² = 2σ², where p stands for (σ0²/σ² − 1) p."""
    return unroll(dual_functions(duals), _moments(), bias, f"_{label}")


@cache
def _moments() -> PriorMoments:
    earlier = -sigma2 * log(memory) / 2
    at = {T: Integer(1), s: earlier, t: earlier - sigma2 * log(z), sigma02: 2 * sigma2}
    return PriorMoments(*(continuous(*each).xreplace(at).expand() for each in ((t, t), (s, s), (t, s))))


def _forgotten(e: Expr) -> Expr:
    return e.xreplace({memory: Integer(0)})


def _poles(duals: Sequence[Dual], bias: bool) -> tuple[Expr, Expr] | None:
    """Coefficients of z² in G_0 and G_1, poles at the rate 2/σ²; they exist for one hidden layer of a φ that is not even."""
    if len(duals) > 1 or duals[0].activation.parity == "even":
        return None
    recursions = (_through(duals, bias, name).at({k12: _PAIRS[name], k22: k11}) for name in ("s", "p"))
    first, other = (recursion.expand(recursion.output.theta) for recursion in recursions)
    # G = z Θ, so the coefficient of z² in G is that of z in Θ
    lead = diff(first - other, z).subs(z, 0)
    return _forgotten(lead), _forgotten(diff(lead, memory))
