"""Exact Gaussian expectations by the rules of theory T16, which hold for a class of functions, not for a list of them.

atoms.py        a function as a finite sum of atoms u^n e^{αu²+ηu+κ} G(u)
stein.py        one pair of atoms: tilt of the Gaussian, then Stein's lemma down to base functions …
laurent.py      … with coefficients that need no gcd
field.py        the field ℚ(a, b, c, constants); surds in normal form
collect.py      sums of base functions (Φ2, erf, asin, exponentials), like terms collected
rewrite.py      sinh, erfc, π − acos where they make the sum shorter
to_sympy.py     the sum as a SymPy expression
expectation.py  E[f(u) g(v)], E[f(u) g(u)], E[f(u)], with a record of what was done
steps.py        that record as printed steps

A new rule for an atom stands in atoms.py (which functions are atoms) and stein.py (what is done with them); a new base function
stands in collect.py and to_sympy.py.
"""

from __future__ import annotations

from ndksym.activation.activation import Activation
from ndksym.kernels.gaussian.atoms import Atom, Envelope, Gate, OutsideClassError, atoms_of
from ndksym.kernels.gaussian.expectation import Expectation, derived, diagonal, expectation, mean
from ndksym.kernels.gaussian.steps import Step, steps

__all__ = [
    "Atom",
    "Envelope",
    "Expectation",
    "Gate",
    "OutsideClassError",
    "Step",
    "atoms_of",
    "decompose",
    "derived",
    "diagonal",
    "expectation",
    "mean",
    "steps",
    "why_not",
]


def decompose(act: Activation) -> tuple[Atom, ...] | None:
    """The activation as a sum of atoms, or None if it is outside the class of T16 (`why_not` says why).

    >>> from ndksym.activation.activation import activation
    >>> [str(atom.expr()) for atom in decompose(activation("Max(0, x)"))]
    ['x*Heaviside(x)']
    >>> decompose(activation("tanh(x)"))
    """
    return None if why_not(act) else atoms_of(act.pieces)


def why_not(act: Activation) -> str:
    """The subexpression because of which an activation is outside the class, as text; empty if it is inside.

    >>> from ndksym.activation.activation import activation
    >>> why_not(activation("erf(x)**2"))
    "erf(x)**2 has a product of two normal distribution functions (erf) of the activation's argument"
    """
    try:
        atoms_of(act.pieces)
    except OutsideClassError as reason:
        return str(reason)
    return ""
