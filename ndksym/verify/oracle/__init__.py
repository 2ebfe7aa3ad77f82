"""Independent values of dual kernels: quadrature, certified balls, and networks built on either.

The oracle shares no formula and no code with what it checks: it imports symbols, errors and Activation records only.

In reading order: `numbers` (exact numbers and Arb precision), `evaluate` (expressions in Arb), `compiled_pieces` (φ as the oracle
evaluates it), `covariance`, `rules` (Gauss rules). Quadrature, with an error estimate: `gauss_panels`, `mesh`, `conditional`,
`exponential`, `quadrature`. Certified balls: `envelope` and `majorant` (bounds of |φ|), `trapezoid`, `atoms`, `moments` and `line`
(integrals over one line), `entire`, `balls`. `network` is the layer recursion.
"""
