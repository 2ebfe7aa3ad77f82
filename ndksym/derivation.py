"""The public face of a derivation: what `derive` returns, which compiles and verifies itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Expr, Symbol, nan, zoo
from sympy.core.sympify import SympifyError, _sympify

from ndksym import symbols
from ndksym.algebra.claim import Claim
from ndksym.codegen.backends import runnable_names
from ndksym.codegen.compile import kernel
from ndksym.errors import InputError, InputTypeError, brief
from ndksym.kernels import citations, latex
from ndksym.kernels.dual import Dual, Step
from ndksym.kernels.network import MAX_DEPTH, Network, network
from ndksym.runtime.arguments import choice
from ndksym.runtime.compiled import NUMPY
from ndksym.runtime.kernel import Kernel
from ndksym.verify import verify
from ndksym.verify.evidence import Certificate

__all__ = ["MAX_DEPTH", "Claim", "Derivation", "Step", "derive"]

_SUBSTITUTABLE = (
    symbols.T, symbols.a, symbols.b, symbols.beta, symbols.c, symbols.k11, symbols.k12, symbols.k22, symbols.s,
    symbols.sigma02, symbols.sigma2, symbols.t,
)  # fmt: skip


@dataclass(frozen=True, repr=False)
class Derivation(Network):
    """The kernels of a fully connected network of infinite width, exact and symbolic.

    Attributes
    ----------
    activations : tuple of Activation
        One per hidden layer.
    duals : tuple of Dual
        One per hidden layer: K and K_dot in a, b, c (T4), or None without a closed form.
    bias : bool
        Whether the layers have biases, of scale beta.
    depth : int
        Number of hidden layers.
    closed_form : bool
        Whether every dual kernel has a closed form.
    nngp, ntk, ndk : Expr or None
        The NNGP kernel in sigma2, the NTK in sigma02 (T5), the Neural Dynamical Kernel in both, T, t and s ≤ t (T6); all
        in k11, k12, k22 and, with biases, beta. They are written out on first use; None without a closed form.
    steps : tuple of Step
        The derivation, step by step.

    Raises
    ------
    DivergentKernelError
        By `ntk` and `ndk` where an activation jumps.

    Examples
    --------
    >>> d = derive("relu", depth=2)
    >>> d
    Derivation('relu', depth=2, bias=False)
    >>> d.subs(k11=1, k12=0, k22=1, sigma2=2).nngp.evalf(6)
    0.987462
    """

    def subs(self, **values: object) -> Derivation:
        """The same derivation with values in place of symbols.

        Parameters
        ----------
        **values : number or Expr
            By the symbol's name: k11, k12, k22, t, s, T, sigma2, sigma02, beta, and a, b, c for the dual kernels.

        Returns
        -------
        Derivation
            Its nngp, ntk, ndk and duals have the values put in, all at the same time. It does not compile or verify
            itself: the derivation that it comes from does.

        Raises
        ------
        InputError
            For an unknown name, with the nearest one, and for a value that the symbol cannot have.
        InputTypeError
            For a value that is neither a number nor a SymPy expression.

        Examples
        --------
        >>> from sympy import Rational
        >>> derive("erf").subs(sigma2=1, k12=Rational(1, 2)).nngp
        2*asin(1/(sqrt(2*k11 + 1)*sqrt(2*k22 + 1)))/pi
        """
        point = {symbols.pick(name, _SUBSTITUTABLE): value for name, value in values.items()}
        checked = {symbol: _checked(symbol, value) for symbol, value in point.items()}
        duals = tuple(_at(dual, checked) for dual in self.duals)
        return Substituted(self.activations, duals, self.bias, self, tuple(checked.items()))

    def latex(self, symbols: Mapping[str, str] | None = None) -> str:
        """The formulas of the derivation as one LaTeX `aligned` block, to stand in math mode.

        Parameters
        ----------
        symbols : dict, optional
            LaTeX for some symbols, by their names. What ends with ^2 is printed as a square, so that σ²·σ² is σ⁴.

        Returns
        -------
        str

        Examples
        --------
        >>> print(derive("linear").latex(symbols={"sigma2": r"\\sigma_w^2"}).splitlines()[-4])
        \\mathrm{NNGP} &= k_{12} \\sigma_w^{4} \\\\
        """
        return latex.aligned(self, latex.Notation.of(symbols or {}))

    def cite(self) -> str:
        """BibTeX of the publications that this derivation uses.

        Returns
        -------
        str
            The entries, separated by empty lines.
        """
        return citations.cite(self)

    def verify(self, rungs: Sequence[str] | None = None, **options: Any) -> Certificate:
        """Climb the verification ladder.

        Parameters
        ----------
        rungs : sequence of str, optional
            Names of the rungs; all but the slow one without it.
        **options
            Passed to the rungs.

        Returns
        -------
        Certificate
            A list of Evidence; its str() is the table.
        """
        return verify(self, rungs=rungs, **options)

    def compile(self, backend: str = NUMPY) -> Kernel:
        """Compile the float64 kernels of this network.

        Parameters
        ----------
        backend : str, default "numpy"
            Name of a backend that runs, "numpy" or "c"; "c" needs a C compiler. Every file of
            `ndksym.codegen.backends` is one.

        Returns
        -------
        Kernel
            Has the methods nngp, ntk, prior_covariance and ndk, for arrays of inputs (n, N_0).

        Raises
        ------
        InputError
            If there is no such backend; the message lists those that run.
        MissingExtraError
            If something that the backend needs is not installed.
        NotDerivableError
            If an activation cannot be computed in float64.

        Notes
        -----
        The code of each layer is compared with quadrature of φ before it is used. A closed form that fails is not used;
        the kernel's repr says so.

        Examples
        --------
        >>> derive("relu").compile().nngp([[2.0]])
        array([[2.]])
        """
        return kernel(self, choice(backend, "backend", runnable_names()))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex.aligned(self, legend=True)}$"


@dataclass(frozen=True, repr=False)
class Substituted(Derivation):
    """A derivation with values in place of symbols: what `Derivation.subs` returns."""

    origin: Derivation
    values: tuple[tuple[Symbol, Expr], ...]

    @cached_property
    def nngp(self) -> Expr | None:
        return self._at(self.origin.nngp)

    @cached_property
    def ntk(self) -> Expr | None:
        return self._at(self.origin.ntk)

    @cached_property
    def ndk(self) -> Expr | None:
        return self._at(self.origin.ndk)

    @cached_property
    def prior_covariance(self) -> Expr | None:
        return self._at(self.origin.prior_covariance)

    @property
    def injected(self) -> Expr | None:
        raise self._refusal("injected")

    @property
    def identities(self) -> tuple[Claim, ...]:
        raise self._refusal("identities")

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the derivation with symbols."""
        return self.origin.steps

    def verify(self, rungs: Sequence[str] | None = None, **options: Any) -> Certificate:
        raise self._refusal("verify")

    def compile(self, backend: str = "numpy") -> Kernel:
        raise self._refusal("compile")

    def __str__(self) -> str:
        return f"{super().__str__()}\nNNGP and NTK with {', '.join(f'{name} = {value}' for name, value in self.values)}"

    def __repr__(self) -> str:
        return f"{self.origin!r}.subs({', '.join(f'{name}={value}' for name, value in self.values)})"

    def _at(self, expr: Expr | None) -> Expr | None:
        return None if expr is None else _value(expr, dict(self.values))

    def _refusal(self, name: str) -> InputError:
        return InputError(f"{self!r} has values in place of symbols; use {name} of {self.origin!r}")


def _checked(symbol: Symbol, value: object) -> Expr:
    """The value as a SymPy expression that meets the assumptions of the symbol."""
    try:
        expr = _sympify(value)  # reads no text
    except (SympifyError, TypeError, ValueError) as error:
        raise InputTypeError(f"{symbol} must be a number or a SymPy expression, got {brief(value)}") from error
    if not isinstance(expr, Expr):
        raise InputTypeError(f"{symbol} must be a number or a SymPy expression, got {brief(value)}")
    for kind in ("positive", "nonnegative", "real"):
        if getattr(symbol, f"is_{kind}") and getattr(expr, f"is_{kind}") is False:
            raise InputError(f"{symbol} must be {kind} and finite, got {brief(value)}")
    return expr


def _at(dual: Dual, values: Mapping[Symbol, Expr]) -> Dual:
    """The dual kernel with values in place of a, b, c."""

    def put(expr: Expr | None) -> Expr | None:
        return None if expr is None else _value(expr, values)

    return replace(
        dual,
        K=put(dual.K),
        K_dot=put(dual.K_dot),
        K_diag=put(dual.K_diag),
        K_dot_diag=put(dual.K_dot_diag),
        mean=put(dual.mean),
    )


def _value(expr: Expr, values: Mapping[Symbol, Expr]) -> Expr:
    result = expr.xreplace(values)
    if result.has(nan, zoo):
        given = ", ".join(f"{name} = {value}" for name, value in values.items())
        raise InputError(
            f"the formula has no value at {given}: it is a quotient 0/0 there, so take a limit of it instead"
        )
    return result


def derive(activation: object, depth: int | None = None, bias: bool = False) -> Derivation:
    """Derive the kernels of a fully connected network of infinite width.

    Parameters
    ----------
    activation : str, Expr, Activation, or sequence of these
        A text such as "x*(1+erf(x/sqrt(2)))/2", a catalogue name such as "gelu", a SymPy expression in one real symbol, or
        an Activation. A sequence gives one activation per hidden layer.
    depth : int, optional
        Number of hidden layers, 1 to 1000; 1 by default, the length of a sequence if one is given.
    bias : bool, default False
        Whether the layers have biases. Their scale stays the symbol beta.

    Returns
    -------
    Derivation

    Raises
    ------
    InputError, InputTypeError
        If an argument is wrong; the message names it.
    NotDerivableError
        If no variance gives a finite kernel.

    Notes
    -----
    With K = E[φ(u)φ(v)] and K_dot = E[φ'(u)φ'(v)] (T4), the covariance is C^{l+1} = m (K^l + β²) and the tangent kernel
    Θ^{l+1} = m K_dot^l Θ^l + K^l + β² (T5) [1]_ [2]_; the NDK is e^{−T(t−s)/σ²} Θ^{L+1}(t, s) (T6) [3]_.

    References
    ----------
    .. [1] Lee et al. 2018, arXiv 1711.00165.
    .. [2] Jacot, Gabriel & Hongler 2018, arXiv 1806.07572.
    .. [3] Avidan, Li & Sompolinsky 2025, arXiv 2309.04522.

    Examples
    --------
    >>> d = derive("erf", depth=1)
    >>> d.duals[0].K
    2*asin(2*c/(sqrt(2*a + 1)*sqrt(2*b + 1)))/pi
    >>> d.nngp
    2*sigma2*asin(2*k12*sigma2/(sqrt(2*k11*sigma2 + 1)*sqrt(2*k22*sigma2 + 1)))/pi
    """
    derived = network(activation, depth, bias)
    return Derivation(derived.activations, derived.duals, derived.bias)
