"""Compiled kernels: the layer recursion over arrays, the same for every backend.

In reading order: `types`, `arguments` and `checks` (arguments of users), `kernel` (what a user calls), `gram` (matrices, block
by block), `angles`, `prior`, `chain` (layer after layer), `layer` (one dual kernel, by the cheapest rule that is right),
`preactivations` (its rows), `compiled` (the functions of a generated text), `special`, the rules `mehler`, `panels`,
`quadrature`, `tails`, `near_parallel` and `origin`; `wide` and `beyond` for numbers outside float64; `proof` (the comparison of
code with quadrature); `memory`. It may use `errors`, NumPy and SciPy only, because generated folders contain a copy of it.
"""

from ndksym.runtime.kernel import Kernel

__all__ = ["Kernel"]
