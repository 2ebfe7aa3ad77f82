"""What `phases` returns: both expansions of one network, their matching, time scales and shape (T11–T13)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from numpy.typing import ArrayLike
from sympy import Expr, Rational, sqrt

from ndksym.codegen.compile import kernel as compiled
from ndksym.dynamics import checks, threads
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
from ndksym.expansions.outer import Outer
from ndksym.expansions.overshoot import Overshoot
from ndksym.expansions.plateau import PlateauSlope, TimeScales
from ndksym.expansions.small_time import SmallTimeKernel, small_time_kernel
from ndksym.expansions.small_time_check import SmallTimeCheck, check
from ndksym.expansions.variance_limits import ENDS, Extreme
from ndksym.kernels import recursion
from ndksym.kernels.network import Network
from ndksym.runtime.arguments import integer
from ndksym.runtime.kernel import Kernel
from ndksym.symbols import T, a, b, c

__all__ = ["Phases", "phases"]

_HIGHEST = 100
"""Largest order for which the length of the expansion is counted."""
_MATCHED = 400
"""Largest number of products of G_jl for which matching is worked out: about half a minute."""
_DEEPEST = 10
"""Largest depth for which the NDK of polynomial dual kernels is written out."""
_KERNEL = 6
"""Largest order in ε of the coefficients of the kernel; each derivative is longer than the one before."""


@dataclass(frozen=True, repr=False)
class Phases:
    """The expansions of a network's learning in the temperature, to order T^order (T11–T13; arXiv 2309.04522).

    With ε = √T, G(τ, τ') = NDK(τ/T, τ'/T) = Σ G_jl (τ−τ')^{j/2} τ'^l.

    Attributes
    ----------
    variable : Expr
        The variable of the inner expansion: T, or √T if φ has a kink.
    error_order : Rational
        The composite has an error of order T^error_order.
    inner : Inner
        Δ_k(t) in Δ = y − f = Σ ε^k Δ_k for one mode with eigenvalue θ, as expressions in t, θ, y and G_jl.
    outer : Outer
        The equations of r_k(τ) in Δ = T Σ T^k r_k at fixed τ = T t, of first and second kind, and closed solutions.
    matching : tuple of Match
        Each overlap term in both expansions, for matrices that do not commute, and whether their equality is proved.
    kernel, kernel_of_two : SmallTimeKernel or None
        The exact G_jl of one input with itself and of two inputs, layer by layer.
    time_scales : TimeScales
        The time scales of both phases.
    slope : PlateauSlope or None
        How a test predictor leaves the NTK plateau.
    overshoot : Overshoot or None
        How it reaches equilibrium, and a criterion for overshoot.
    extremes : tuple of Extreme, or None
        Plateau and slope in the limits σ0²/σ² → 0 and → ∞.
    closed_form : bool
        Whether the G_jl are exact expressions. Otherwise `kernel`, `slope` and what depends on them are None, `reason` says
        why, and `on` takes the G_jl from the compiled kernel.
    """

    derivation: Network
    order: int

    @property
    def closed_form(self) -> bool:
        """Whether the G_jl are exact expressions; otherwise `on` takes them from the compiled kernel."""
        return self.derivation.closed_form

    @property
    def reason(self) -> str:
        """The reason why there is no closed form; empty if there is one."""
        return next((dual.reason for dual in self.derivation.duals if not dual.closed_form), "")

    @property
    def first_root(self) -> int | None:
        """The least odd j with G_jl ≠ 0 at coincident inputs: 2n − 1 if the nth derivative of φ jumps; None for analytic φ."""
        smoothness = min(act.smoothness for act in self.derivation.activations)
        return 2 * int(smoothness) - 1 if smoothness.is_finite else None

    @property
    def variable(self) -> Expr:
        """T, or √T if an activation has a kink."""
        return T if self.first_root is None else sqrt(T)

    @property
    def exponents(self) -> tuple[tuple[int, int], ...]:
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
        """The power of T in the error of the composite, in both phases."""
        root, following = self.first_root, 2 * self.order + 1
        return Rational(following if root is not None and following >= root else following + 1, 2)

    @cached_property
    def inner(self) -> Inner:
        """The gradient-driven phase of one mode (T11)."""
        return gradient_driven.inner(self.exponents, 2 * self.order)

    @cached_property
    def outer(self) -> Outer:
        """The diffusive phase (T12)."""
        d = self.derivation
        polynomial = all(dual.K is not None and dual.K.is_polynomial(a, b, c) for dual in d.duals)
        return diffusive.outer(self.order, diffusive.kernel(d.ndk) if polynomial and d.depth <= _DEEPEST else None)

    @cached_property
    def matching(self) -> tuple[Match, ...]:
        """The overlap of both phases, proved term by term (T12); InputError if it has too many products."""
        size = gradient_driven.terms_of(self.exponents, 2 * self.order)
        if size > _MATCHED:
            raise InputError(
                f"matching at order {self.order} has about {size:,} products of matrices in its last term alone, and at most "
                f"{_MATCHED:,} are compared; choose a lower order"
            )
        return overlap_terms.matches(self.exponents, self.order)

    @cached_property
    def kernel(self) -> SmallTimeKernel | None:
        """The G_jl of one input with itself, up to T³."""
        return self._small_time_kernel(same=True)

    @cached_property
    def kernel_of_two(self) -> SmallTimeKernel | None:
        """The G_jl of two inputs, up to T³."""
        return self._small_time_kernel(same=False)

    def _small_time_kernel(self, same: bool) -> SmallTimeKernel | None:
        if not self.closed_form:
            return None
        return small_time_kernel(self.derivation.duals, self.derivation.bias, min(2 * self.order, _KERNEL), same)

    @cached_property
    def small_time_check(self) -> tuple[SmallTimeCheck, ...]:
        """Comparison of the G_jl with the NDK itself, to 50 digits; empty without a closed form."""
        pairs = ((True, self.kernel), (False, self.kernel_of_two))
        return tuple(check(self.derivation, each, same) for same, each in pairs if each is not None)

    @property
    def time_scales(self) -> TimeScales:
        """1/θ, σ²/T and their geometric mean."""
        return plateau.time_scales()

    @cached_property
    def slope(self) -> PlateauSlope | None:
        """How a test predictor leaves the NTK plateau (T12, T13)."""
        d = self.derivation
        return None if not d.closed_form else plateau.slope(d.duals, d.bias)

    @cached_property
    def overshoot(self) -> Overshoot | None:
        """How a test predictor reaches equilibrium, and the criterion for overshoot in σ0²/σ², depth and overlap (T12, T13).

        >>> import ndksym
        >>> overshoot = phases(ndksym.derive("relu", depth=2), order=0).overshoot
        >>> str(overshoot.at(k11=1, o="0.9", sigma2=1, ratio="0.1"))
        'overshoots'
        """
        d = self.derivation
        return None if self.slope is None else criterion.overshoot(d.duals, d.bias, self.slope)

    @cached_property
    def extremes(self) -> tuple[Extreme, Extreme] | None:
        """Plateau and slope as σ0²/σ² → 0 and → ∞: expressions for one hidden layer, numbers for any depth."""
        if self.slope is None:
            return None
        small, large = (Extreme(end, self.slope, self.derivation.depth == 1) for end in ENDS)
        return small, large

    @cached_property
    def _compiled(self) -> Kernel:
        return compiled(self.derivation)

    def on(  # noqa: PLR0913 (public keyword contract)
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_test: ArrayLike | None = None,
        *,
        times: ArrayLike,
        temperature: float,
        prior_variance: float = 1.0,
        init_variance: float = 1.0,
        bias: float = 0.0,
        reduction: str = "sum",
    ) -> Composite:
        """The inner, outer and composite predictor on data (T11, T12).

        Parameters
        ----------
        X : array (P, N_0)
            Training inputs.
        y : array (P,) or (P, outputs)
            Training labels.
        X_test : array (n_test, N_0), optional
            Test inputs; without them the predictor is on X.
        times : array (M,)
            Ascending times, in units of the gradient flow.
        temperature : float
            Temperature T > 0.
        prior_variance, init_variance : float
            σ² and σ0².
        bias : float
            Scale β of the biases.
        reduction : {"sum", "mean"}
            Whether the loss is the sum or the mean over the examples.

        Returns
        -------
        Composite

        Raises
        ------
        InputError
            If an argument is wrong, if `order` is above 3, or if the NTK of X is singular.

        Examples
        --------
        >>> import numpy as np
        >>> import ndksym
        >>> p = ndksym.phases("relu", order=1)
        >>> p.on(np.eye(2), [1.0, -1.0], times=[0.0, 1.0, 1e3], temperature=1e-3).test.round(3)
        array([[ 0.   ,  0.   ],
               [ 0.341, -0.341],
               [ 0.994, -0.994]])
        """
        kernel = self._compiled
        data = checks.checked(X, y, X_test, times)
        physics = checks.physics(kernel, temperature, prior_variance, init_variance, bias, zero=False)
        scale = checks.loss_scale(reduction, len(data.X))
        checks.fits(data, checks.TABLE_MATRICES, False)
        with threads.suited(len(data.both)):
            return composite(kernel, data, physics, scale, self.order, float(self.error_order))

    def latex(self) -> str:
        """Both expansions and their overlap as one LaTeX `aligned` block, to stand in math mode."""
        return summary.latex(self.inner, self.outer, self._matching_or_refusal()[0], self.error_order)

    def verdicts(self) -> list[tuple[str, bool]]:
        """Everything that was checked, by name, and whether it holds."""
        matches = self._matching_or_refusal()[0] or ()
        proofs = [(f"overlap of order {each.order}, power {each.power}", each.proved) for each in matches]
        return proofs + [(each.name, each.holds) for each in self.small_time_check]

    def record(self) -> dict[str, object]:
        """The expansions as dictionaries, lists and texts that SymPy reads back, for JSON."""
        matches, refusal = self._matching_or_refusal()
        parts = {
            "kernel": self.kernel,
            "kernel_of_two": self.kernel_of_two,
            "slope": self.slope,
            "overshoot": self.overshoot,
        }
        return {
            "activation": self.derivation.name,
            "depth": self.derivation.depth,
            "bias": self.derivation.bias,
            "order": self.order,
            "closed_form": self.closed_form,
            "reason": self.reason or None,
            "variable": str(self.variable),
            "error_order": str(self.error_order),
            "inner": [str(term) for term in self.inner.terms],
            "outer": self.outer.record(),
            "matching": None if matches is None else [each.record() for each in matches],
            "matching_refused": refusal,
            "corner_check": [each.record() for each in self.small_time_check],
            "time_scales": self.time_scales.record(),
            **{name: None if part is None else part.record() for name, part in parts.items()},
        }

    def __str__(self) -> str:
        lines = [
            f"{self._title()}: learning in powers of {self.variable}, to order T^{self.order}; the error of the composite is "
            f"O(T^({self.error_order}))",
        ]
        if not self.closed_form:
            lines.append(
                f"no closed form ({self.reason}): the G_jl are numbers, taken from the compiled kernel by .on(X, y, …)"
            )
        lines += [
            "G(τ, τ') = NDK(τ/T, τ'/T) = Σ G_jl (τ−τ')^(j/2) τ'^l,  θ = G_00,  Δ = y − f",
            "",
            *summary.inner_lines(self.inner),
            "",
            *summary.outer_lines(self.outer),
            "",
            *summary.matching_lines(*self._matching_or_refusal(), self.small_time_check),
            "",
            summary.time_scale_line(self.time_scales),
            *summary.predictor_lines(self.slope, self.overshoot),
            "",
            *summary.letter_lines(with_test_input=self.slope is not None),
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Phases({self.derivation.arguments}, order={self.order})"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        title = f"{self._title()}, to order T^{self.order}"
        return summary.html(title, self.latex(), summary.predictor_lines(self.slope, self.overshoot))

    def _title(self) -> str:
        d = self.derivation
        return f"{d.name}, depth {d.depth}, {'with' if d.bias else 'without'} biases"

    def _matching_or_refusal(self) -> tuple[tuple[Match, ...] | None, str | None]:
        try:
            return self.matching, None
        except InputError as error:
            return None, str(error)


def phases(network: object, order: int = 2, *, depth: int | None = None, bias: float = 0.0) -> Phases:
    """Expand the learning of a network in the temperature.

    Parameters
    ----------
    network : str, Expr, Activation, sequence of these, Derivation or Kernel
        The network, as in `solve`.
    order : int
        Highest power of T, 0 or more.
    depth : int, optional
        Number of hidden layers, as in `derive`.
    bias : float
        The network has biases if this is not 0.

    Returns
    -------
    Phases

    Raises
    ------
    DivergentKernelError
        If an activation jumps.
    InputError
        If an argument is wrong, or if the expansion to that order is too long; the message gives its length.

    Notes
    -----
    At low temperature learning has a gradient-driven phase at times t of order 1, Δ = Σ T^{k/2} Δ_k(t) (T11), and a diffusive
    phase at times τ = T t of order 1, Δ = T Σ T^k r_k(τ) (T12) [1]_. T13 describes the predictor of a test input in the latter.

    References
    ----------
    .. [1] Avidan, Li & Sompolinsky 2025, arXiv 2309.04522.

    Examples
    --------
    >>> import ndksym
    >>> p = phases(ndksym.derive("erf"), order=1)
    >>> p
    Phases('erf', depth=1, bias=False, order=1)
    >>> p.variable, p.error_order, all(each.proved for each in p.matching)
    (T, 2, True)
    >>> phases(ndksym.derive("relu"), order=1).variable
    sqrt(T)
    """
    power = integer(order, "order", 0, _HIGHEST)
    d = as_network(network, depth, bias)
    recursion.refuse_divergent(d.duals, "NDK")
    expansions = Phases(d, power)
    gradient_driven.check(expansions.exponents, 2 * power)
    return expansions
