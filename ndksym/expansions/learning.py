"""What `phases` returns: both expansions of one network, their matching, time scales and shape (theory T11–T13)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Expr, Rational, Symbol, latex, sqrt

from ndksym.algebra.substitute import is_large
from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics.network_argument import as_network
from ndksym.errors import InputError
from ndksym.expansions import inner as gradient_driven
from ndksym.expansions import matching as overlap_terms
from ndksym.expansions import outer as diffusive
from ndksym.expansions import overshoot as criterion
from ndksym.expansions import plateau, summary
from ndksym.expansions.composite import Composite, composite
from ndksym.expansions.inner import Inner
from ndksym.expansions.matching import Match
from ndksym.expansions.outer import Outer, tau
from ndksym.expansions.overshoot import Overshoot
from ndksym.expansions.plateau import Slope, TimeScales
from ndksym.expansions.small_time import Onset, onset
from ndksym.expansions.small_time_check import Check, check
from ndksym.expansions.variance_limits import ENDS, Extreme
from ndksym.kernels import recursion
from ndksym.kernels.latex import tex
from ndksym.kernels.network import WRITTEN_OUT, Network
from ndksym.runtime.arguments import integer
from ndksym.runtime.kernel import Kernel
from ndksym.symbols import T, a, b, c

__all__ = ["Phases", "phases"]

_HIGHEST = 100
"""Order up to which it is counted how much there would be to write down."""
_MATCHED = 400
"""Words in G_jl up to which matching is worked out: some half a minute."""
_DEEPEST = 10
"""Depth up to which a NDK of polynomial duals is written out."""
_KERNEL = 6
"""Order in ε up to which the kernel's own coefficients are written down: each derivative is longer than the one before."""


@dataclass(frozen=True)
class Phases:
    """The expansions of one network's learning in T, to order T^order.

    With ε = √T, G(τ, τ') = NDK(τ/T, τ'/T) = Σ G_jl (τ−τ')^{j/2} τ'^l:
    `variable`    what the inner expansion runs in: T, or √T where φ has a kink
    `inner`       Δ_k(t) of one mode of eigenvalue θ, Δ = y − f = Σ ε^k Δ_k, closed expressions in t, θ, y, G_jl
    `outer`       equations of r_k(τ), Δ = T Σ T^k r_k at fixed τ = T t, their second-kind form, closed solutions
    `matching`    each overlap term as either expansion has it, for matrices that do not commute, and whether it is proved
    `kernel`      the G_jl of one input with itself, `kernel_of_two` those of two inputs: exact, layer by layer
    `time_scales`, `slope`   symbolic: what drives when, and how a test predictor leaves the NTK plateau
    `overshoot`   how it reaches equilibrium, and the criterion that follows; `extremes`: σ0²/σ² → 0 and → ∞
    `on(X, y, …)` evaluates inner, outer and composite on data
    Without a closed form `kernel`, `slope` and what rests on them are None, `reason` says why, and `on` still serves.
    """

    derivation: Network
    order: int

    @property
    def closed_form(self) -> bool:
        """Whether the G_jl are exact expressions; without, `on` takes them from the compiled kernel."""
        return self.derivation.closed_form

    @property
    def reason(self) -> str:
        """Why there is no closed form, or nothing."""
        return next((dual.reason for dual in self.derivation.duals if not dual.closed_form), "")

    @property
    def first_root(self) -> int | None:
        """The least odd j with G_jl ≠ 0 at coincident inputs: 2n − 1 if φ's nth derivative jumps; None for analytic φ."""
        smoothness = min(act.smoothness for act in self.derivation.activations)
        return 2 * int(smoothness) - 1 if smoothness.is_finite else None

    @property
    def variable(self) -> Expr:
        """T, or √T where an activation has a kink."""
        return T if self.first_root is None else sqrt(T)

    @property
    def corner(self) -> tuple[tuple[int, int], ...]:
        """The (j, l) of the G_jl that occur up to this order."""
        root = self.first_root
        return tuple(
            (j, ell)
            for j in range(2 * self.order + 1)
            for ell in range(self.order + 1)
            if 0 < j + 2 * ell <= 2 * self.order and (j % 2 == 0 or (root is not None and j >= root))
        )

    @property
    def error_order(self) -> Rational:
        """The power of T in what the composite leaves out, in both phases."""
        root, following = self.first_root, 2 * self.order + 1
        return Rational(following if root is not None and following >= root else following + 1, 2)

    @cached_property
    def inner(self) -> Inner:
        """The gradient-driven phase, one mode (T11)."""
        return gradient_driven.inner(self.corner, 2 * self.order)

    @cached_property
    def outer(self) -> Outer:
        """The diffusive phase (T12)."""
        d = self.derivation
        polynomial = all(dual.K is not None and dual.K.is_polynomial(a, b, c) for dual in d.duals)
        return diffusive.outer(self.order, diffusive.kernel(d.ndk) if polynomial and d.depth <= _DEEPEST else None)

    @cached_property
    def matching(self) -> tuple[Match, ...]:
        """The overlap of both, proved term by term (T12); InputError where it would hold too many products."""
        size = gradient_driven.terms_of(self.corner, 2 * self.order)
        if size > _MATCHED:
            raise InputError(
                f"matching at order {self.order} would compare some {size:,} products of matrices in the last term alone; up to "
                f"{_MATCHED:,} are, so ask for a lower order"
            )
        return overlap_terms.matches(self.corner, self.order)

    @cached_property
    def kernel(self) -> Onset | None:
        """G_jl of one input with itself, up to T³ at most."""
        return self._onset(same=True)

    @cached_property
    def kernel_of_two(self) -> Onset | None:
        """G_jl of two inputs, up to T³ at most."""
        return self._onset(same=False)

    def _onset(self, same: bool) -> Onset | None:
        if not self.closed_form:
            return None
        return onset(self.derivation.duals, self.derivation.bias, min(2 * self.order, _KERNEL), same)

    @cached_property
    def corner_check(self) -> tuple[Check, ...]:
        """Whether the G_jl are those of the NDK itself, to 50 digits; nothing without a closed form."""
        pairs = ((True, self.kernel), (False, self.kernel_of_two))
        return tuple(check(self.derivation, each, same) for same, each in pairs if each is not None)

    @property
    def time_scales(self) -> TimeScales:
        """1/θ, σ²/T and what lies between."""
        return plateau.time_scales()

    @cached_property
    def slope(self) -> Slope | None:
        """How a test predictor leaves the NTK plateau, and whether towards equilibrium (T12, T13)."""
        d = self.derivation
        return None if not d.closed_form else plateau.slope(d.duals, d.bias)

    @cached_property
    def overshoot(self) -> Overshoot | None:
        """How equilibrium is reached, and the criterion for overshoot in σ0²/σ², depth and overlap (T12, T13).

        >>> import ndksym
        >>> found = phases(ndksym.derive("relu", depth=2), order=0).overshoot
        >>> str(found.at(k11=1, o="0.9", sigma2=1, ratio="0.1"))
        'overshoots'
        """
        d = self.derivation
        return None if self.slope is None else criterion.overshoot(d.duals, d.bias, self.slope)

    @cached_property
    def extremes(self) -> tuple[Extreme, Extreme] | None:
        """Plateau and slope as σ0²/σ² → 0 and → ∞: exact expressions for one hidden layer, numbers for any."""
        if self.slope is None:
            return None
        small, large = (Extreme(end, self.slope, self.derivation.depth == 1) for end in ENDS)
        return small, large

    @cached_property
    def _compiled(self) -> Kernel:
        return compiled(self.derivation)

    def on(self, X: Any, y: Any, X_test: Any = None, **options: Any) -> Composite:
        """Inner, outer and composite predictor on data: `times`, `temperature` and the physics of `ndksym.solve`.

        Errors are those of `ndksym.solve`; InputError too for orders beyond 3 and for a singular NTK.
        """
        return composite(self._compiled, X, y, X_test, order=self.order, error_order=float(self.error_order), **options)

    def latex(self) -> str:
        """Both expansions and what they share as one LaTeX `aligned` block, to stand in math mode."""
        rows = [rf"\Delta(t) &= \sum_k T^{{k/2}} \Delta_k(t) + O(T^{{{latex(self.error_order)}}})"]
        rows += [
            rf"\Delta_{{{k}}} &= {tex(_short(term))}" for k, term in enumerate(self.inner.terms) if term != 0 and k <= 2
        ]
        rows += [rf"{_equation(eq)}" for eq in (*self.outer.first_kind, *self.outer.second_kind)]
        closed = self.outer.closed
        if closed is not None and closed.r0 is not None:
            rows.append(rf"r_0({latex(tau)}) &= {tex(closed.r0)}")
        if gradient_driven.terms_of(self.corner, 2 * self.order) <= _MATCHED:
            for match in self.matching:
                if match.power is not None and match.order == 0:
                    rows.append(rf"\Delta\big|_{{T\,\tau^{{{latex(match.power)}}}}} &= {latex(match.inner)}")
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def record(self) -> dict[str, Any]:
        """All of it as dictionaries, lists and text, for JSON."""
        return summary.record(self)

    def __str__(self) -> str:
        return summary.text(self)


def _short(e: Expr) -> Expr:
    return Symbol(r"\ldots") if is_large(e, 4 * WRITTEN_OUT) else e


def _equation(eq: Any) -> str:
    names = {diffusive.tau_: r"\tau'"}
    return rf"{latex(eq.lhs, symbol_names=names)} &= {latex(eq.rhs, symbol_names=names)}"


def phases(network: Any, order: int = 2, *, depth: int | None = None, bias: float = 0.0) -> Phases:
    """Expand the learning of a network in the temperature, to order T^order: see `Phases` (T11–T13; arXiv 2309.04522).

    `network`, `depth` and `bias` as in `solve`.
    DivergentKernelError where an activation jumps; InputError for an order that would explode, with its size.

    >>> import ndksym
    >>> p = phases(ndksym.derive("erf"), order=1)
    >>> p.variable, p.error_order, all(each.proved for each in p.matching)
    (T, 2, True)
    >>> phases(ndksym.derive("relu"), order=1).variable
    sqrt(T)
    """
    power = integer(order, "order", 0, _HIGHEST)
    d = as_network(network, depth, bias)
    recursion.refuse_divergent(d.duals, "NDK")
    found = Phases(d, power)
    gradient_driven.check(found.corner, 2 * found.order)
    return found
