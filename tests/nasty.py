"""Values that no argument is meant for, or that only look like numbers."""

import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

__all__ = ["BROKEN", "NASTY", "SIZES"]


class Raising:
    """An object that raises when it is converted, as a torch tensor with requires_grad does."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def _raise(self, *args: Any, **options: Any) -> Any:
        raise self.error("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")

    __array__ = __float__ = __index__ = __len__ = __iter__ = __getitem__ = _raise


class Unprintable:
    """An object whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def masked() -> Any:
    return np.ma.masked_array([[1.0, 0.5], [0.3, -0.7]], mask=[[0, 0], [1, 0]])


def endless() -> list[Any]:
    out: list[Any] = []
    out.append(out)
    return out


x = sympy.Symbol("x", real=True)
BROKEN: dict[str, Any] = {
    "nan": float("nan"), "inf": float("inf"), "-inf": -float("inf"), "text": "1", "bytes": b"1", "empty text": "", "empty": [],
    "texts": ["1", "2"], "matrix of texts": [["1", "2"], ["3", "4"]], "date": datetime.date(2020, 1, 1),
    "dates": np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), "duration": np.timedelta64(5, "s"),
    "masked": masked(), "list of masked": list(masked()), "masked constant": np.ma.masked, "complex": 1 + 0j,
    "complex matrix": np.eye(2) * 1j, "ragged": [[1.0], [1.0, 2.0]], "object array": np.array([object(), object()]),
    "dictionary": {"a": 1}, "set": {1, 2}, "generator": (i for i in range(2)), "object": object(), "function": len,
    "structured": np.zeros(2, dtype=[("a", float)]), "matrix of zero columns": np.zeros((2, 0)), "three axes": np.zeros((2, 2, 2)),
    "huge": 10**400, "huge negative": -(10**400), "matrix of huge": [[10**400, 1], [1, 1]], "unprintable integer": 10**5000,
    "huge decimal": Decimal("1e9999999"), "symbol": x, "expression": x + sympy.I, "SymPy infinity": sympy.oo, "SymPy nan": sympy.nan,
    "SymPy i": sympy.I, "SymPy matrix": sympy.Matrix([[x, 1]]), "equation": sympy.Eq(x, 1),
    "array of nan": np.array([[np.nan, 1], [1, 1]]),
    "endless": endless(), "unprintable": Unprintable(), "type": int, "module": np, "ellipsis": ..., "not implemented": NotImplemented,
    **{error.__name__: Raising(error) for error in (RuntimeError, ZeroDivisionError, KeyError, OSError, AttributeError)},
}  # fmt: skip
"""No number, array, text or network that any argument takes."""

NASTY: dict[str, Any] = {
    **BROKEN, "None": None, "-1": -1, "0": 0, "1": 1, "2": 2, "0.5": 0.5, "1e308": 1e308, "5e-324": 5e-324, "-0.0": -0.0, "True": True,
    "False": np.False_, "Fraction": Fraction(1, 3), "Decimal": Decimal("0.25"), "SymPy number": sympy.Rational(1, 3), "pi": sympy.pi,
    "long float": sympy.Float("0.1234567890123456789012345678901234"),
    "zero-dimensional": np.array(1.0), "one entry": np.array([1.0]),
    "long double": np.longdouble("1e4000"), "float16": np.float16(0.5), "array": np.array([[1, 0.5], [0.3, -0.7]]), "list": [1, 2.0],
    "objects that are numbers": np.array([[1, Fraction(1, 2)], [sympy.Rational(1, 3), Decimal("0.5")]], dtype=object), "name": "relu",
    "formula": "x**2", "nonsense": "import os", "int8": np.int8(1), "unsigned": np.uint64(2**64 - 1),
    "tuple": (1, 2),
}  # fmt: skip

SIZES = {"huge": 10**12, "past 64 bits": 10**20, "unprintable integer": 10**5000}
"""For arguments that say how much of something."""
