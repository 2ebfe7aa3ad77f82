"""The array type of the whole package, and what a compiled layer offers to the numeric rules."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]


class Comparison(Protocol):
    """The outcome of a comparison with quadrature; `proof.Proof` is one."""

    @property
    def passed(self) -> bool: ...
    @property
    def pairs(self) -> int: ...


class NumericLayer(Protocol):
    """One activation as functions of float64 arrays, and the facts that the numeric rules need.

    Every backend provides it. u and v are centred Gaussian variables with E u² = a = p², E v² = b = q² and
    E uv = c = pq cos θ; s = sin θ/2 and k = cos θ/2.
    """

    @property
    def name(self) -> str: ...
    @property
    def closed(self) -> bool:
        """Whether `diag` and `pair` are closed forms that may be used."""

    @property
    def parity(self) -> str | None:
        """ "even", "odd" or None."""

    @property
    def homogeneity(self) -> float | None:
        """n where φ(xu) = xⁿ φ(u) for x > 0."""

    @property
    def smoothness(self) -> float:
        """0 for a jump, ½ for a root, 1 for a kink, n if the n-th derivative jumps, ∞ if φ is analytic between breaks."""

    @property
    def breaks(self) -> tuple[float, ...]:
        """Points where φ is not analytic, ascending."""

    @property
    def strip(self) -> float | None:
        """Half-width of the strip about the real axis in which φ is analytic."""

    @property
    def reach(self) -> float:
        """Variance from which on the kernel is infinite."""

    @property
    def extra(self) -> str | None:
        """Name of the third quantity that `pair` returns."""

    @property
    def origin(self) -> tuple[tuple[float, ...], ...] | None:
        """Taylor coefficients of φ at 0 from the left and from the right."""

    @property
    def proof(self) -> Any: ...

    def phi(self, u: Array) -> Array:
        """φ(u)."""

    def dphi(self, u: Array) -> Array:
        """φ'(u)."""

    def diag(self, a: Array) -> tuple[Array, ...]:
        """K(a,a,a) and K_dot(a,a,a), each followed by the sum of the absolute values of its terms."""

    def pair(self, p: Array, q: Array, c: Array, s: Array, k: Array) -> tuple[Any, ...]:
        """K, K_dot and what `extra` names, each followed by the sum of the absolute values of its terms.

        `extra` is "PQ_minus_K", √(K(a)K(b)) − K, or "defect", E(φ(u) − φ(v))², or None.
        """

    def wide(self, name: str, *inputs: Any) -> tuple[Any, ...] | None:
        """What `diag` or `pair` give, for numbers m·2^e of any size; None if that is not available."""
