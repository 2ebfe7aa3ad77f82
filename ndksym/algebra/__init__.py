"""Exact algebra beyond SymPy: elementary and special functions, evaluation, normal forms, zero tests, series.

In reading order: `functions` (one record per elementary function), `owen` and `bivariate_normal` (Φ₂), `substitute`, `evaluate`
(values to any number of digits), `rational` and `normal_form`, `zero_test` (is an expression 0?), `claim` (an identity and its
verdict), `series` (Laurent series over any coefficients), `sparse_sums` and `puiseux` (exact series along a curve),
`power_series` (series in two variables). It may use `errors` and `symbols`.
"""
