"""Exact Gaussian expectations by the rules of theory T16: an engine, not a table of activations.

atoms.py        a function as a finite sum of atoms u^n e^{αu²+ηu+κ} G(u)
stein.py        one pair of atoms: tilt the Gaussian, then Stein's lemma down to base functions …
laurent.py      … with coefficients that need no gcd
ground.py       the field ℚ(a, b, c, constants); surds in normal form
terms.py        base functions (Φ2, erf, asin, exponentials) collected
idioms.py       sinh, erfc, π − acos where they make the sum shorter
printed.py      … and the SymPy expression
expectation.py  E[f(u) g(v)], E[f(u) g(u)], E[f(u)]
trace.py        the same, told step by step
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ndksym.kernels.gaussian.atoms import Atom, Envelope, Gate, OutsideClassError, atoms_of
from ndksym.kernels.gaussian.expectation import diagonal, expectation, mean
from ndksym.kernels.gaussian.steps import Step, trace

if TYPE_CHECKING:
    from ndksym.activation.activation import Activation

__all__ = [
    "Atom",
    "Envelope",
    "Gate",
    "OutsideClassError",
    "Step",
    "atoms_of",
    "decompose",
    "diagonal",
    "expectation",
    "mean",
    "trace",
    "why_not",
]


def decompose(act: Activation) -> tuple[Atom, ...] | None:
    """The activation as a sum of atoms, or None outside the class of T16 (`why_not` tells the reason).

    >>> from ndksym.activation.activation import activation
    >>> [str(atom.expr()) for atom in decompose(activation("Max(0, x)"))]
    ['x*Heaviside(x)']
    >>> decompose(activation("tanh(x)"))
    """
    return None if why_not(act) else atoms_of(act.pieces)


def why_not(act: Activation) -> str:
    """Which subexpression keeps an activation out of the class; empty where none does.

    >>> from ndksym.activation.activation import activation
    >>> why_not(activation("erf(x)**2"))
    "erf(x)**2 has a product of two normal distribution functions (erf) of the activation's argument"
    """
    try:
        atoms_of(act.pieces)
    except OutsideClassError as reason:
        return str(reason)
    return ""
