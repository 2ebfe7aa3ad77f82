"""The array type of the numeric floor, and what a backend's layer offers to it."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class NumericLayer(Protocol):
    """One activation, compiled by any backend: functions of float64 arrays, and the facts the driver needs."""

    @property
    def name(self) -> str: ...
    @property
    def closed(self) -> bool: ...
    @property
    def parity(self) -> str | None: ...
    @property
    def homogeneity(self) -> float | None: ...
    @property
    def smoothness(self) -> float: ...
    @property
    def breaks(self) -> tuple[float, ...]: ...
    @property
    def strip(self) -> float | None: ...
    @property
    def reach(self) -> float: ...
    @property
    def extra(self) -> str | None: ...
    @property
    def origin(self) -> tuple[tuple[float, ...], ...] | None:
        """Taylor coefficients of φ at 0− and at 0+."""

    @property
    def proof(self) -> Any: ...

    def phi(self, u: Array) -> Array: ...

    def dphi(self, u: Array) -> Array: ...

    def diag(self, a: Array) -> tuple[Array, ...]:
        """K(a,a,a), K_dot(a,a,a), each followed by the magnitude Σ|terms| it was summed from."""

    def pair(self, p: Array, q: Array, c: Array, s: Array, k: Array) -> tuple[Any, ...]:
        """K, |K|, K_dot, |K_dot|, X, |X|, X being `extra`: gap √(K(a)K(b)) − K, defect E(φ(u) − φ(v))², or None."""

    def wide(self, name: str, *inputs: Any) -> tuple[Any, ...] | None:
        """What `diag` or `pair` give, on numbers m·2^e of any size; None where that cannot be had."""
