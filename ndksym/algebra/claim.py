"""A claim: two expressions said to be equal on a domain, and the rung of the ladder where that is to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sympy import Expr, Integer

from ndksym.algebra.zero_test import Definitions, Domain, Verdict, is_zero
from ndksym.errors import InputError
from ndksym.symbols import a, b, c

__all__ = ["DUAL", "Claim"]

DUAL = Domain(conditions=(c**2 < a * b,))
"""Where a dual kernel lives: the covariance matrix of two preactivations is positive."""


@dataclass(frozen=True)
class Claim:
    """left = right, `exact` (to be proved) or `precise` (to hold to 50 digits).

    >>> claim = Claim("a square", (a + b)**2, a**2 + 2*a*b + b**2)
    >>> claim.check().kind, claim.met()
    ('proved', True)
    """

    name: str
    left: Expr
    right: Expr
    rung: Literal["exact", "precise"] = "exact"
    domain: Domain = DUAL
    where: Definitions = ()
    source: str = ""

    def __post_init__(self) -> None:
        if self.rung not in ("exact", "precise"):
            raise InputError(f"claim {self.name!r}: rung must be 'exact' or 'precise', not {self.rung!r}")
        for side in ("left", "right"):
            value = getattr(self, side)
            if isinstance(value, int):
                object.__setattr__(self, side, Integer(value))
            elif not isinstance(value, Expr):
                raise InputError(f"claim {self.name!r}: the {side} side must be an expression, not {value!r}")

    def check(self) -> Verdict:
        """The verdict on left − right = 0."""
        return is_zero(self.left - self.right, self.domain, self.where)

    def digits(self) -> Verdict:
        """The verdict of 50 digits alone, no use made of the exact route."""
        return is_zero(self.left - self.right, self.domain, self.where, exact=False)

    def met(self) -> bool:
        """Whether the verdict reaches the expected rung."""
        kind = self.check().kind
        return kind == "proved" or (kind == "supported" and self.rung == "precise")
