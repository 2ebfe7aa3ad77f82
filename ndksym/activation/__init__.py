"""From a user's text to an Activation with the properties of φ that kernels need.

In reading order: `catalogue`, `size_limits` and `syntax` (which texts are allowed), `parser`, `values` (φ at a point), `taylor`,
`complex_zeros` and `roots`, `limits`, `equality`, `pieces` (φ between its break points), `smoothness`, `growth`, `analyticity`,
`activation`. All tables of elementary functions come from `algebra.functions`. The room may use `algebra`.
"""
