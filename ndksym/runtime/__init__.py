"""Compiled kernels: the layer recursion over arrays, the same for every backend.

In reading order: `types`, `arguments` and `checks` (what a user gave), `kernel` (what a user calls), `angles`, `prior`, `chain`
(layer after layer), `layer` (one dual kernel by the cheapest rule that is right), `preactivations` (its rows), `compiled`
(the functions of a generated module), `special`, the rules `mehler`, `panels`, `quadrature`, `tails`, `near_parallel` and
`origin`; `wide` and `beyond` where float64 ends; `proof` (code against quadrature); `memory`. It may use `errors`, NumPy and
SciPy alone, since generated folders hold a copy of it.
"""

from ndksym.runtime.kernel import Kernel

__all__ = ["Kernel"]
