"""Closed forms → straight-line programs → NumPy, C and LaTeX; it knows no learning theory.

In reading order: `closed_form` (a closed form as a Laurent polynomial in roots and atoms), `positivity`, `term_table`,
`homogeneous` and `lower` (terms that keep their digits), `stable` and `series` (φ itself), `functions` and `program` (the text's
words), `backends` (a language each), `module` (a whole text), `library`, `guard` and `load` (from text to functions), `compile`
(loaded and proved), `standalone` and `files` (on disk). It may use all rooms up to `kernels`.
"""
