"""Exact algebra that SymPy lacks: zero tests, normal forms, evaluation to certain digits, series, special functions.

In reading order: `substitute`, `rational`, `normal_form`, `evaluate`, `zero_test` (is an expression 0?), `claim` (a statement
and what became of it), `owen` and `bivariate_normal` (Φ₂), `power_series`, `sparse_sums`, `puiseux`. It may use `errors` and
`symbols`.
"""
