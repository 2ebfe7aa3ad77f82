"""From a user's text to an Activation: what is known of φ before any kernel is derived.

In reading order: `catalogue`, `size_limits` and `syntax` (what a text may be), `parser`, `values` (numbers of φ), `taylor`,
`complex_zeros` and `roots`, `limits`, `pieces` (φ between its breaks), `growth`, `analyticity`, `activation`. It may use
`algebra`.
"""
