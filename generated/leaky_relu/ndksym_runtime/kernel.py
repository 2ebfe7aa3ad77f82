"""The compiled kernels of one network, for arrays of inputs and times (T5, T6): what a user calls."""

import html
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .errors import DivergentKernelError
from . import checks
from .angles import Inputs, inputs
from .chain import Part, RecursionSetting
from .gram import matrices, matrix
from .memory import require_memory
from .preactivations import LayerRules
from .prior import LangevinPrior, Prior, Priors, static_prior
from .types import Array, NumericLayer


@dataclass(frozen=True)
class Kernel:
    """Float64 kernels of a network of infinite width, on arrays of inputs.

    `ndksym.derive(…).compile()` makes it. Inputs X (n, N_0) and X2 (n2, N_0) are float64 or convertible to it; X2=None
    means X itself, and the result is then exactly symmetric. A kernel can be pickled and copied. Two kernels are equal
    if they consist of the same code, with the same backend and the same choice of biases.

    Parameters
    ----------
    layers : tuple of NumericLayer
        One compiled activation per hidden layer.
    bias : bool
        Whether the network has biases.
    backend : str
        Name of the backend that computes it.
    derivation : Derivation, optional
        The derivation that was compiled; None for kernels that were loaded from generated code.

    Examples
    --------
    >>> import ndksym
    >>> k = ndksym.derive("relu").compile()
    >>> k.nngp([[1.0, 0.0], [0.0, 1.0]]).round(4)
    array([[0.25  , 0.0796],
           [0.0796, 0.25  ]])
    >>> k == ndksym.derive("relu").compile()
    True
    """

    layers: tuple[NumericLayer, ...]
    bias: bool
    backend: str
    derivation: Any = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        names = ", ".join(layer.name for layer in self.layers[:4]) + (", …" if len(self.layers) > 4 else "")
        layers = dict.fromkeys(f"{layer.name}: {_described(layer)}" for layer in self.layers)
        return "; ".join([f"Kernel({names}: {self._summary}", *layers]) + ")"

    def _repr_html_(self) -> str:
        rows = dict.fromkeys((layer.name, _described(layer)) for layer in self.layers)
        body = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(said)}</td></tr>" for name, said in rows)
        return f"<table><caption>Kernel: {html.escape(self._summary)}</caption>{body}</table>"

    @property
    def _summary(self) -> str:
        return f"depth {len(self.layers)}, {'with' if self.bias else 'without'} biases, {self.backend}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Kernel, (self.layers, self.bias, self.backend, self.derivation)  # what was computed so far stays behind

    @cached_property
    def _rules(self) -> tuple[LayerRules, ...]:
        distinct = {id(layer): LayerRules(layer) for layer in self.layers}
        return tuple(distinct[id(layer)] for layer in self.layers)

    def nngp(self, X: ArrayLike, X2: ArrayLike | None = None, *, variance: float = 1.0, bias: float = 0.0) -> Array:
        """NNGP kernel: the covariance of the output of a network with random weights.

        Parameters
        ----------
        X : array_like, shape (n, N_0)
            Inputs, one per row.
        X2 : array_like, shape (n2, N_0), optional
            Other inputs; X itself if it is not given.
        variance : float, default 1.0
            Variance σ² > 0 of the weights, times the width of the layer before.
        bias : float, default 0.0
            Scale β ≥ 0 of the biases; 0 unless the network was derived with biases.

        Returns
        -------
        ndarray, shape (n, n2)
            C^{L+1} for each pair of inputs.

        Raises
        ------
        InputError, InputTypeError
            If an argument is not allowed; the message names it.
        DivergentKernelError
            If a variance is so large that the kernel is infinite.

        Notes
        -----
        C^{l+1} = m (K^l + β²) with m = σ², K^l = E φ(u) φ(v) for centred Gaussian u, v of covariance C^l, and
        C^1 = m (x·x'/N_0 + β²) (theory T5, T7).

        References
        ----------
        Lee, Bahri, Novak, Schoenholz, Pennington and Sohl-Dickstein (2018), arXiv 1711.00165.

        Examples
        --------
        >>> import ndksym
        >>> ndksym.derive("erf").compile().nngp([[1.0]], [[1.0], [-1.0]]).round(6)
        array([[ 0.464559, -0.464559]])
        """
        return self._static(X, X2, variance, bias, "covariance")

    def ntk(self, X: ArrayLike, X2: ArrayLike | None = None, *, variance: float = 1.0, bias: float = 0.0) -> Array:
        """Neural tangent kernel of a network with random weights.

        Parameters
        ----------
        X : array_like, shape (n, N_0)
            Inputs, one per row.
        X2 : array_like, shape (n2, N_0), optional
            Other inputs; X itself if it is not given.
        variance : float, default 1.0
            Variance σ0² > 0 of the initial weights, times the width of the layer before.
        bias : float, default 0.0
            Scale β ≥ 0 of the biases; 0 unless the network was derived with biases.

        Returns
        -------
        ndarray, shape (n, n2)
            Θ^{L+1} for each pair of inputs.

        Raises
        ------
        InputError, InputTypeError
            If an argument is not allowed; the message names it.
        DivergentKernelError
            If an activation is discontinuous, or a variance so large that the kernel is infinite.

        Notes
        -----
        Θ^{l+1} = m K_dot^l Θ^l + K^l + β² with m = σ0², K_dot^l = E φ'(u) φ'(v), and Θ^1 = x·x'/N_0 + β² (theory T5, T7).

        References
        ----------
        Jacot, Gabriel and Hongler (2018), arXiv 1806.07572.

        Examples
        --------
        >>> import ndksym
        >>> ndksym.derive("relu").compile().ntk([[1.0, 0.0], [0.0, 1.0]]).round(4)
        array([[0.5   , 0.0796],
               [0.0796, 0.5   ]])
        """
        return self._static(X, X2, variance, bias, "ntk")

    def prior_covariance(  # noqa: PLR0913 (public keyword contract)
        self,
        X: ArrayLike,
        X2: ArrayLike | None = None,
        *,
        t: ArrayLike,
        s: ArrayLike,
        temperature: float,
        prior_variance: float = 1.0,
        init_variance: float = 1.0,
        bias: float = 0.0,
    ) -> Array:
        """Covariance of the output at two times of Langevin dynamics without data.

        Parameters
        ----------
        X : array_like, shape (n, N_0)
            Inputs at the later time t, one per row.
        X2 : array_like, shape (n2, N_0), optional
            Inputs at the earlier time s; X itself if it is not given.
        t, s : array_like
            Times with 0 ≤ s ≤ t, which broadcast to one shape.
        temperature : float
            Temperature T ≥ 0 of the Langevin noise.
        prior_variance : float, default 1.0
            Variance σ² > 0 of the prior, times the width of the layer before.
        init_variance : float, default 1.0
            Variance σ0² ≥ 0 of the initial weights, times the width of the layer before.
        bias : float, default 0.0
            Scale β ≥ 0 of the biases; 0 unless the network was derived with biases.

        Returns
        -------
        ndarray, shape (..., n, n2)
            C^{L+1}(t, s); the first axes are those of t and s.

        Raises
        ------
        InputError, InputTypeError
            If an argument is not allowed; the message names it.
        DivergentKernelError
            If a variance is so large that the kernel is infinite.

        Notes
        -----
        The recursion of `nngp` with the second moments of a parameter at the two times, m(t,t), m(s,s) and m(t,s)
        (theory T3, T5).

        References
        ----------
        Avidan, Li and Sompolinsky (2023), arXiv 2309.04522.

        Examples
        --------
        >>> import ndksym
        >>> k = ndksym.derive("linear").compile()
        >>> k.prior_covariance([[1.0]], t=1.0, s=[0.0, 1.0], temperature=1.0).round(4).ravel()
        array([0.1353, 1.    ])
        """
        prior = checks.langevin_prior(temperature, prior_variance, init_variance)
        return self._two_time(X, X2, checks.times(t, s), prior, bias, "covariance")

    def ndk(  # noqa: PLR0913 (public keyword contract)
        self,
        X: ArrayLike,
        X2: ArrayLike | None = None,
        *,
        t: ArrayLike,
        s: ArrayLike,
        temperature: float,
        prior_variance: float = 1.0,
        init_variance: float = 1.0,
        bias: float = 0.0,
    ) -> Array:
        """Neural Dynamical Kernel: the response of the output at time t to an error at time s.

        Parameters
        ----------
        X : array_like, shape (n, N_0)
            Inputs at the later time t, one per row.
        X2 : array_like, shape (n2, N_0), optional
            Inputs at the earlier time s; X itself if it is not given.
        t, s : array_like
            Times with 0 ≤ s ≤ t, which broadcast to one shape.
        temperature : float
            Temperature T ≥ 0 of the Langevin noise.
        prior_variance : float, default 1.0
            Variance σ² > 0 of the prior, times the width of the layer before.
        init_variance : float, default 1.0
            Variance σ0² ≥ 0 of the initial weights, times the width of the layer before.
        bias : float, default 0.0
            Scale β ≥ 0 of the biases; 0 unless the network was derived with biases.

        Returns
        -------
        ndarray, shape (..., n, n2)
            NDK(t, s); the first axes are those of t and s.

        Raises
        ------
        InputError, InputTypeError
            If an argument is not allowed; the message names it.
        DivergentKernelError
            If an activation is discontinuous, or a variance so large that the kernel is infinite.

        Notes
        -----
        NDK(t, s) = e^{−T(t−s)/σ²} Θ^{L+1}(t, s), where Θ is the recursion of `ntk` with the second moments of a parameter
        at the two times (theory T3, T5, T6). At t = s = 0 it is the NTK.

        References
        ----------
        Avidan, Li and Sompolinsky (2023), arXiv 2309.04522.

        Examples
        --------
        >>> import ndksym
        >>> k = ndksym.derive("linear").compile()
        >>> k.ndk([[1.0]], t=1.0, s=[0.0, 1.0], temperature=1.0).round(4).ravel()
        array([0.2707, 2.    ])
        """
        prior = checks.langevin_prior(temperature, prior_variance, init_variance)
        return self._two_time(X, X2, checks.times(t, s), prior, bias, "ntk")

    def gram(self, X: ArrayLike, X2: ArrayLike | None, prior: Prior, *, bias: float = 0.0, part: Part = "ntk") -> Array:
        """One part of the recursion between X at a later time and X2 at an earlier one, (n, n2).

        `prior` holds the second moments of a parameter at these times.
        """
        first, second, beta = self._inputs(X, X2, bias, part)
        _require_memory(1, first, second)
        return matrix(self._rules, first, second, RecursionSetting(prior, beta, part))

    def grams(
        self, X: ArrayLike, X2: ArrayLike | None, priors: Priors, *, bias: float = 0.0, part: Part = "ntk"
    ) -> Array:
        """`gram` at several pairs of times together: (pairs of times, n, n2).

        Errors are relative to the entries of coincident inputs, not to each entry itself.
        """
        first, second, beta = self._inputs(X, X2, bias, part)
        other = first if second is None else second
        return matrices(self._rules, first, other, priors, RecursionSetting(priors, beta, part))

    def _static(self, X: ArrayLike, X2: ArrayLike | None, variance: float, bias: float, part: Part) -> Array:
        variance = checks.number(variance, "variance", zero=False)
        return self.gram(X, X2, static_prior(variance), bias=bias, part=part)

    def _two_time(
        self,
        X: ArrayLike,
        X2: ArrayLike | None,
        times: tuple[Array, Array],
        prior: LangevinPrior,
        bias: float,
        part: Part,
    ) -> Array:
        later, earlier = times
        first, second, beta = self._inputs(X, X2, bias, part)
        _require_memory(later.size, first, second)
        out = np.empty((*later.shape, len(first.norms), len((second or first).norms)))
        for index in np.ndindex(later.shape):
            t, s = float(later[index]), float(earlier[index])
            out[index] = matrix(self._rules, first, second, RecursionSetting(prior.at(t, s), beta, part))
            if part == "ntk":
                out[index] *= prior.response(t, s)
        return out

    def _inputs(
        self, X: ArrayLike, X2: ArrayLike | None, bias: float, part: Part
    ) -> tuple[Inputs, Inputs | None, float]:
        if part in ("ntk", "hidden"):
            for layer in self.layers:
                if layer.smoothness < 1:
                    raise DivergentKernelError(
                        f"{layer.name} is discontinuous or as steep as a root, so E φ'(u)φ'(v) diverges as two inputs coincide: NTK "
                        "and NDK are infinite on the diagonal; nngp and prior_covariance exist. Allowed here: continuous "
                        "activations"
                    )
        beta = checks.bias_scale(bias, self.bias)
        matrix = checks.points(X, "X")
        other = None if X2 is None else checks.points(X2, "X2", matrix.shape[1])
        return inputs(matrix, beta), None if other is None else inputs(other, beta), beta


def _described(layer: NumericLayer) -> str:
    """How a layer is computed, and the result of its comparison with quadrature."""
    if layer.proof is None:
        return "not compared with quadrature"
    if not layer.proof.passed:
        return f"quadrature, because the closed form {layer.proof}"
    return f"{'closed form' if layer.closed else 'numeric'}, {layer.proof}"


def _require_memory(times: int, first: Inputs, second: Inputs | None) -> None:
    """Raise InputError if the result does not fit into memory."""
    n, n2 = len(first.norms), len((second or first).norms)
    many = f"{times:,} pairs of times and " if times > 1 else ""
    require_memory(8 * times * n * n2, f"the kernel at {many}{n:,} × {n2:,} inputs", "ask for fewer at a time")
