"""Time scales of the two phases, and how a test predictor leaves the plateau between them (theory T12, T13; arXiv 2309.04522).

Training inputs of one length with x·x'/N_0 = 0 between them and balanced labels (Σ y = 0), and a test input of that length whose
cosine with one of them is `overlap`: every kernel then acts as a scalar, what it is at coincident or overlapping inputs less what
it is at orthogonal ones. `G_jl` is that of the training set with itself, `g_jl` of the test input with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Integer, Rational, Symbol, sqrt

from ndksym.algebra.substitute import is_large, plant
from ndksym.algebra.zero_test import Definitions, evaluate
from ndksym.expansions.inner import theta
from ndksym.expansions.small_time import Onset, onset
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments
from ndksym.kernels.recursion import dual_functions, unroll
from ndksym.symbols import T, k11, k12, k22, sigma2

__all__ = ["Slope", "TimeScales", "equilibrium", "overlap", "slope", "time_scales"]

overlap = Symbol("o", real=True)
"""Cosine between the test input and the training input it resembles."""
_READABLE = 400


@dataclass(frozen=True)
class TimeScales:
    """1/θ of the gradient-driven phase, σ²/T of the diffusive one, their geometric mean between, and θ/T-type ratio of them."""

    gradient: Expr
    diffusive: Expr
    crossover: Expr
    separation: Expr


def time_scales() -> TimeScales:
    """For a mode of eigenvalue θ of the NTK.

    >>> time_scales().separation
    sigma2*theta/T
    """
    gradient, diffusive = 1 / theta, sigma2 / T
    return TimeScales(gradient, diffusive, sqrt(gradient * diffusive), diffusive / gradient)


@dataclass(frozen=True)
class Slope:
    """How the test predictor starts to move from the NTK plateau: f ≈ plateau + value τ^power, per unit of the label.

    power 1:   (g_20 − g_00 G_20/G_00)/G_00;     power ½ where φ' jumps:  −g_00 G_10/G_00².
    `start` is the same in the symbols G_jl and g_jl; `definitions` give these, layer by layer, in k11, o, σ², σ0² and β. The gap
    to equilibrium is nngp − plateau: where `value` and gap differ in sign, the predictor leaves in the wrong direction first.
    """

    power: Rational
    start: Expr
    plateau: Expr
    nngp: Expr
    definitions: Definitions

    @cached_property
    def value(self) -> Expr:
        """The slope written out; `start` itself where that is too long to read."""
        return self.written_out(self.start)

    def written_out(self, expr: Expr) -> Expr:
        """An expression in k11, o and the variances; as it is where that is too long to read."""
        values: dict[Symbol, Expr] = {}
        for name, value in self.definitions:
            values[name] = plant(value, values)
            if is_large(values[name], _READABLE):
                return expr
        return plant(expr, values)

    def at(self, digits: int = 30, **values: object) -> Mapping[str, float]:
        """slope, plateau, nngp and gap at numbers for k11, o, sigma2, sigma02 (and beta): exact ones are best.

        `against` is true where the predictor leaves in the wrong direction.
        """
        names = {each.name: each for _, value in self.definitions for each in value.free_symbols}
        point = {names[name]: Rational(str(value)) for name, value in values.items() if name in names}
        point |= {symbol: Rational(str(values[symbol.name])) for symbol in (sigma2, overlap) if symbol.name in values}
        found = {
            name: float(evaluate(expr, point, digits, self.definitions))
            for name, expr in (("slope", self.start), ("plateau", self.plateau), ("nngp", self.nngp))
        }
        gap = found["nngp"] - found["plateau"]
        return found | {"gap": gap, "against": float(found["slope"] * gap < 0)}


def equilibrium(duals: Sequence[Dual], bias: bool) -> tuple[Expr, Expr]:
    """The NNGP kernel of coincident inputs, and of those of overlap o, each less that of orthogonal ones, in k11, o, σ² and β."""
    recursion = unroll(dual_functions(duals), PriorMoments.equal(sigma2), bias).at({k22: k11})
    other, across = (recursion.at({k12: product}) for product in (Integer(0), overlap * k11))
    orthogonal = other.expand(other.output.c)
    # by the diagonal's own formula: where φ has thresholds K(a, b, c) has no value at coincident inputs
    return recursion.expand(recursion.output.a) - orthogonal, across.expand(across.output.c) - orthogonal


def slope(duals: Sequence[Dual], bias: bool) -> Slope:
    """The start of the diffusive phase of one network."""
    rooted = any(dual.activation.smoothness == 1 for dual in duals)
    order = 1 if rooted else 2
    pairs = {
        "o": onset(duals, bias, order, same=False, label="_o"),
        "p": onset(duals, bias, order, same=False, label="_p"),
        "s": onset(duals, bias, order, same=True, label="_s"),
    }
    places: dict[str, dict[Symbol, Expr]] = {
        "o": {k12: overlap * k11, k22: k11},
        "p": {k12: Integer(0), k22: k11},
        "s": {},
    }
    definitions = [
        (name, value.xreplace(places[kind])) for kind, each in pairs.items() for name, value in each.definitions
    ]

    def difference(kind: str, j: int) -> Expr:
        first, second = (_jet(pairs[each], j).xreplace(places[each]) for each in (kind, "p"))
        return first - second

    names: dict[str, Symbol] = {}
    for prefix, kind in (("G", "s"), ("g", "o")):
        for j in (0, order):
            names[f"{prefix}{j}"] = Symbol(f"{prefix}_{j}0", real=True)
            definitions.append((names[f"{prefix}{j}"], difference(kind, j)))
    G, g, G_, g_ = names["G0"], names["g0"], names[f"G{order}"], names[f"g{order}"]
    start = -g * G_ / G**2 if rooted else (g_ - g * G_ / G) / G
    same, across = equilibrium(duals, bias)
    return Slope(Rational(order, 2), start, g / G, across / same, tuple(definitions))


def _jet(each: Onset, j: int) -> Expr:
    return each.jets.get((j, 0), Integer(0))
