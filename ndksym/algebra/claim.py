"""A claim: two expressions that are said to be equal on a domain, and the rung of the ladder that must confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sympy import Expr, Integer

from ndksym.algebra.zero_test import Definitions, Domain, Verdict, is_zero
from ndksym.errors import InputError
from ndksym.symbols import a, b, c

__all__ = ["DUAL", "Claim"]

DUAL = Domain(conditions=(c**2 < a * b,))
"""The domain of dual kernels: the covariance matrix of the two preactivations is positive definite."""


@dataclass(frozen=True)
class Claim:
    """The statement left = right; rung `exact` requires a proof, rung `precise` agreement to 50 digits.

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
        """Verdict on left − right = 0."""
        return is_zero(self.left - self.right, self.domain, self.where)

    def digits(self) -> Verdict:
        """Verdict from 50 digits alone, without the exact route."""
        return is_zero(self.left - self.right, self.domain, self.where, exact=False)

    def met(self) -> bool:
        """Whether the verdict reaches the required rung."""
        kind = self.check().kind
        return kind == "proved" or (kind == "supported" and self.rung == "precise")
