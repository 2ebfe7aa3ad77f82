"""Independent truth about dual kernels: brute quadrature, certified balls, and networks built on either.

Nothing here shares code with what it checks: only symbols, errors and Activation records are imported.
"""
