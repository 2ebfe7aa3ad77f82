"""Numbers m·2^e of any size: generated code that runs on them neither overflows nor underflows before it has its value.

Where p, q or c are so large or small that their powers leave the range of float64, the generated NumPy text runs once
more, with the functions of `WORDS` in place of NumPy's. The relative precision is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .special import LOST, far, theta_minus_sin_series
from .types import Array, Indices, Mask

__all__ = ["WORDS", "Number", "Wide", "floats", "pick", "power", "put", "root", "scaled", "wide"]

_NOTHING = -(2**40)
"""Exponent of zero, so that zero changes no sum."""
_TINY = 2.0**-500
"""Below this, a function that vanishes at 0 equals its tangent."""
_LOG2 = float(np.log(2.0))
_ROOT_PI = float(np.sqrt(np.pi))

Number = Any
"""A Wide, a float64 array or a number. NumPy's stubs do not know the arithmetic of an array with a Wide, hence Any."""


@dataclass(frozen=True, eq=False)
class Wide:
    """The array m·2^e, ½ ≤ |m| < 1 or m = 0 (or not finite)."""

    m: Array
    e: NDArray[np.int64]

    __array_ufunc__ = None  # so that NumPy leaves array ∘ Wide to the methods below

    @property
    def floats(self) -> Array:
        """The nearest float64: ±∞ and 0 beyond its range."""
        with np.errstate(over="ignore", under="ignore"):
            out: Array = np.ldexp(self.m, np.clip(self.e, -3000, 3000))
        return out

    def __getitem__(self, key: Any) -> Wide:
        return Wide(self.m[key], self.e[key])

    def __neg__(self) -> Wide:
        return Wide(-self.m, self.e)

    def __abs__(self) -> Wide:
        return Wide(np.abs(self.m), self.e)

    def __mul__(self, other: Number) -> Wide:
        other = wide(other)
        return scaled(self.m * other.m, self.e + other.e)

    __rmul__ = __mul__

    def __truediv__(self, other: Number) -> Wide:
        other = wide(other)
        with np.errstate(divide="ignore", invalid="ignore"):
            return scaled(self.m / other.m, self.e - other.e)

    def __rtruediv__(self, other: Number) -> Wide:
        return wide(other) / self

    def __add__(self, other: Number) -> Wide:
        other = wide(other)
        top = np.maximum(self.e, other.e)
        with np.errstate(under="ignore", invalid="ignore"):
            parts = (np.ldexp(x.m, np.maximum(x.e - top, -3000)) for x in (self, other))
            return scaled(sum(parts), top)

    __radd__ = __add__

    def __sub__(self, other: Number) -> Wide:
        return self + (-wide(other))

    def __rsub__(self, other: Number) -> Wide:
        return wide(other) - self

    def __pow__(self, n: int) -> Wide:
        return power(self, n)


def wide(value: Number) -> Wide:
    """A number, an array or a Wide as a Wide."""
    return value if isinstance(value, Wide) else scaled(np.asarray(value, dtype=np.float64), 0)


def floats(value: Number) -> Array:
    """A Wide or an array as float64."""
    return value.floats if isinstance(value, Wide) else np.asarray(value, dtype=np.float64)


def pick(where: Mask, yes: Number, no: Number) -> Wide:
    """`yes` where the condition holds, else `no`."""
    yes, no = wide(yes), wide(no)
    return Wide(np.where(where, yes.m, no.m), np.where(where, yes.e, no.e))


def put(into: Wide, at: Indices, values: Number) -> Wide:
    """`into`, with new values at the indices `at`."""
    values, m, e = wide(values), into.m.copy(), into.e.copy()
    m[at], e[at] = values.m, values.e
    return Wide(m, e)


def scaled(m: Any, e: Any) -> Wide:
    """m·2^e."""
    m, shift = np.frexp(m)
    return Wide(m, np.where(m == 0, _NOTHING, shift.astype(np.int64) + e))


def root(x: Number) -> Wide:
    """√x."""
    x = wide(x)
    odd = x.e & 1
    return scaled(np.sqrt(np.ldexp(x.m, odd)), (x.e - odd) // 2)


def power(x: Number, n: float) -> Wide:
    """x^n for integers and halves."""
    x, whole = wide(x), int(np.floor(n))
    out = scaled(x.m**whole, x.e * whole) if abs(whole) < 256 else power(x, whole // 2) * power(x, whole - whole // 2)
    if n == whole:
        return out
    if n != whole + 0.5:
        raise ArithmeticError(f"x^{n} is no power of a square root")
    return out * root(x)


def _exp(x: Number) -> Wide:
    """e^x; beyond float64 the relative error is that of rounding x."""
    value = np.clip(floats(x), -1e9, 1e9)
    twos = np.where(np.abs(value) < 700, 0.0, np.rint(value / _LOG2))
    return scaled(np.exp(value - twos * _LOG2), twos.astype(np.int64))


def _tangent(function: Callable[[Array], Array], slope: float = 1.0) -> Callable[[Number], Wide]:
    """The wide form of a bounded function that is `slope`·x near 0."""

    def evaluated(x: Number) -> Wide:
        value = floats(x)
        return pick(np.abs(value) < _TINY, wide(x) * slope, function(value))

    return evaluated


def _expm1(x: Number) -> Wide:
    value = floats(x)
    small = pick(np.abs(value) < _TINY, x, np.expm1(np.minimum(value, 700.0)))
    return pick(value > 700, _exp(x), small)


def _erfcx(z: Number) -> Wide:
    """e^{z²} erfc z for z ≥ 0."""
    value = floats(z)
    return pick(value > 2.0**60, 1 / (wide(z) * _ROOT_PI), special.erfcx(np.maximum(value, 0.0)))


def _experfc(A: Number, z: Number, B: Number) -> Wide:
    """e^A erfc z, given B = A − z²."""
    value = floats(z)
    return pick(value > 0, _exp(B) * _erfcx(z), _exp(A) * special.erfc(np.minimum(value, 0.0)))


def _experfi(A: Number, z: Number, B: Number) -> Wide:
    """e^A erfi z, given B = A + z²."""
    value = floats(z)
    far = pick(np.abs(value) > 2.0**60, 0.5 / wide(z), special.dawsn(value))
    return 2 / _ROOT_PI * _exp(B) * pick(np.abs(value) < _TINY, z, far)


def _expdiff(A: Number, B: Number, difference: Number) -> Wide:
    """e^A − e^B, given A − B."""
    sign = np.sign(floats(difference))
    larger = _exp(pick(sign > 0, A, B))
    return larger * -sign * _expm1(-abs(wide(difference)))


def _corner(A: Number, h: Number, k: Number) -> Wide:
    h, k = floats(h), floats(k)
    value = pick((h > 0) & (k > 0), _exp(A), 0.0)
    return pick(np.maximum(np.abs(h), np.abs(k)) < LOST, np.nan, value)


def _edge(h: Number, g: Number, along: Number, apex: Number) -> Wide:
    """`special.edge`, whose two exponentials may be of any size."""
    h, g = np.broadcast_arrays(floats(h), floats(g))
    x, y = np.clip(np.abs(h), 0.0, 1e300), np.clip(np.abs(g), 0.0, 1e300)
    value = _exp(apex) * far(x, y)
    value = pick(g < 0, _exp(along) * (0.5 * _erfcx(x * np.sqrt(0.5))) - value, value)
    return pick(h > 0, -value, value)


def _theta_minus_sin(theta: Number, s: Number, k: Number) -> Wide:
    """θ − sin θ."""
    theta = wide(theta)
    near = np.minimum(floats(theta), 2.0)
    return pick(near < 2.0, theta * theta * theta / 6 * theta_minus_sin_series(near * near), theta - 2 * wide(s) * k)


def _arccos_kernel_1(psi: Number, s: Number, k: Number) -> Wide:
    """ψ cos θ + sin θ for θ = π − ψ."""
    psi, s, k = wide(psi), wide(s), wide(k)
    usual, opposite = psi * ((k - s) * (k + s)) + 2 * s * k, 2 * k * k * psi - _theta_minus_sin(psi, s, k)
    return pick(floats(k) >= floats(s), usual, opposite)


def _p_minus_q_cos(p: Number, q: Number, c: Number, s: Number) -> Wide:
    """p − q cos θ, given c = pq cos θ and s = sin θ/2."""
    p, q, c, s = map(wide, (p, q, c, s))
    return pick(c.m > 0, (p - q) + 2 * q * s * s, p - c / p)


def _arctan2(y: Number, x: Number) -> Wide:
    y, x = wide(y), wide(x)
    top = np.maximum(y.e, x.e)
    with np.errstate(under="ignore"):
        parts = [np.ldexp(part.m, np.maximum(part.e - top, -3000)) for part in (y, x)]
    return pick((x.m > 0) & (y.e < x.e - 500), y / x, np.arctan2(*parts))


def _larger(x: Number, y: Number) -> Wide:
    return pick((wide(x) - y).m >= 0, x, y)


def _full_like(like: Number, value: float) -> Wide:
    return wide(np.full(np.shape(floats(like)), value))


_erf, _erfc = _tangent(special.erf, 2 / _ROOT_PI), lambda z: _experfc(0.0, z, -wide(z) * z)

WORDS: dict[str, Any] = {
    "np": SimpleNamespace(
        sqrt=root, power=power, abs=lambda x: abs(wide(x)), exp=_exp, expm1=_expm1, full_like=_full_like,
        sin=_tangent(np.sin), cos=lambda x: wide(np.cos(floats(x))), arctan2=_arctan2, arctan=lambda x: _arctan2(x, 1.0),
        maximum=_larger, minimum=lambda x, y: -_larger(-wide(x), -wide(y)),
    ),
    "erf": _erf, "erfc": _erfc, "experfc": _experfc, "experfi": _experfi, "expdiff": _expdiff,
    "corner": _corner, "edge": _edge, "theta_minus_sin": _theta_minus_sin, "arccos_kernel_1": _arccos_kernel_1,
    "p_minus_q_cos": _p_minus_q_cos,
}  # fmt: skip
"""The functions that generated `pair` and `diag` call, for numbers of any size."""
