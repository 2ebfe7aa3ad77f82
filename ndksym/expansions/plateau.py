"""Time scales of the two phases, and how a test predictor leaves the plateau between them (T12, T13; arXiv 2309.04522).

The training inputs have equal length, x·x'/N_0 = 0 between them, and balanced labels (Σ y = 0). The test input has the same length
and the cosine `overlap` with one of them. Each kernel then acts as a scalar: its value at equal or overlapping inputs minus its
value at orthogonal inputs. `G_jl` is this scalar for two training inputs, `g_jl` for the test input and a training input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sympy import Expr, Integer, Rational, Symbol, sqrt

from ndksym.algebra.substitute import is_large, substitute
from ndksym.algebra.zero_test import Definitions, evaluate
from ndksym.expansions.inner import theta
from ndksym.expansions.small_time import SmallTimeKernel, small_time_kernel
from ndksym.kernels.dual import Dual
from ndksym.kernels.prior import PriorMoments
from ndksym.kernels.recursion import dual_functions, unroll
from ndksym.symbols import T, k11, k12, k22, sigma2

__all__ = ["PlateauSlope", "TimeScales", "equilibrium", "overlap", "slope", "time_scales"]

overlap = Symbol("o", real=True)
"""Cosine between the test input and one training input."""
_READABLE = 400


@dataclass(frozen=True)
class TimeScales:
    """1/θ of the gradient-driven phase, σ²/T of the diffusive phase, their geometric mean and their ratio."""

    gradient: Expr
    diffusive: Expr
    crossover: Expr
    separation: Expr

    def record(self) -> dict[str, str]:
        """The scales as texts, for JSON."""
        return {name: str(getattr(self, name)) for name in ("gradient", "diffusive", "crossover", "separation")}


def time_scales() -> TimeScales:
    """The time scales of a mode with eigenvalue θ of the NTK.

    >>> time_scales().separation
    sigma2*theta/T
    """
    gradient, diffusive = 1 / theta, sigma2 / T
    return TimeScales(gradient, diffusive, sqrt(gradient * diffusive), diffusive / gradient)


@dataclass(frozen=True)
class PlateauSlope:
    """The first motion of the test predictor away from the NTK plateau: f ≈ plateau + value τ^power, per unit of the label.

    power 1:   (g_20 − g_00 G_20/G_00)/G_00;     power ½ if φ' jumps:  −g_00 G_10/G_00².
    `start` is this in the symbols G_jl and g_jl; `definitions` define them, layer by layer, in k11, o, σ², σ0² and β. If `value` and
    nngp − plateau differ in sign, the predictor first moves in the wrong direction.
    """

    power: Rational
    start: Expr
    plateau: Expr
    nngp: Expr
    definitions: Definitions

    @cached_property
    def value(self) -> Expr:
        """The slope written out, or `start` if that is too long."""
        return self.written_out(self.start)

    def record(self) -> dict[str, object]:
        """The slope as a dictionary of texts, for JSON."""
        return {
            "power": str(self.power),
            "start": str(self.start),
            "value": None if self.value == self.start else str(self.value),
            "definitions": [[str(name), str(value)] for name, value in self.definitions],
        }

    def written_out(self, expr: Expr) -> Expr:
        """An expression in k11, o and the variances; unchanged if that is too long."""
        values: dict[Symbol, Expr] = {}
        for name, value in self.definitions:
            values[name] = substitute(value, values)
            if is_large(values[name], _READABLE):
                return expr
        return substitute(expr, values)

    def at(self, digits: int = 30, **values: object) -> Mapping[str, float]:
        """slope, plateau, nngp and gap = nngp − plateau at values of k11, o, sigma2, sigma02 (and beta), best as exact numbers.

        `against` is 1 if the predictor leaves in the wrong direction, otherwise 0.
        """
        names = {each.name: each for _, value in self.definitions for each in value.free_symbols}
        point = {names[name]: Rational(str(value)) for name, value in values.items() if name in names}
        point |= {symbol: Rational(str(values[symbol.name])) for symbol in (sigma2, overlap) if symbol.name in values}
        numbers = {
            name: float(evaluate(expr, point, digits, self.definitions))
            for name, expr in (("slope", self.start), ("plateau", self.plateau), ("nngp", self.nngp))
        }
        gap = numbers["nngp"] - numbers["plateau"]
        return numbers | {"gap": gap, "against": float(numbers["slope"] * gap < 0)}


def equilibrium(duals: Sequence[Dual], bias: bool) -> tuple[Expr, Expr]:
    """The NNGP kernel at equal inputs and at inputs of overlap o, each minus that at orthogonal inputs; in k11, o, σ² and β."""
    recursion = unroll(dual_functions(duals), PriorMoments.equal(sigma2), bias).at({k22: k11})
    other, across = (recursion.at({k12: product}) for product in (Integer(0), overlap * k11))
    orthogonal = other.expand(other.output.c)
    # by the formula of the diagonal, because K(a, b, c) has no value at coincident inputs if φ has thresholds
    return recursion.expand(recursion.output.a) - orthogonal, across.expand(across.output.c) - orthogonal


def slope(duals: Sequence[Dual], bias: bool) -> PlateauSlope:
    """The slope of one network."""
    rooted = any(dual.activation.smoothness == 1 for dual in duals)
    order = 1 if rooted else 2
    pairs = {
        "o": small_time_kernel(duals, bias, order, same=False, label="_o"),
        "p": small_time_kernel(duals, bias, order, same=False, label="_p"),
        "s": small_time_kernel(duals, bias, order, same=True, label="_s"),
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
        first, second = (_coefficient(pairs[each], j).xreplace(places[each]) for each in (kind, "p"))
        return first - second

    names: dict[str, Symbol] = {}
    for prefix, kind in (("G", "s"), ("g", "o")):
        for j in (0, order):
            names[f"{prefix}{j}"] = Symbol(f"{prefix}_{j}0", real=True)
            definitions.append((names[f"{prefix}{j}"], difference(kind, j)))
    G, g, G_, g_ = names["G0"], names["g0"], names[f"G{order}"], names[f"g{order}"]
    start = -g * G_ / G**2 if rooted else (g_ - g * G_ / G) / G
    same, across = equilibrium(duals, bias)
    return PlateauSlope(Rational(order, 2), start, g / G, across / same, tuple(definitions))


def _coefficient(each: SmallTimeKernel, j: int) -> Expr:
    return each.coefficients.get((j, 0), Integer(0))
