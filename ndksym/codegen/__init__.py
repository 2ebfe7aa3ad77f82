"""Closed forms → straight-line programs → text in the language of each backend. No learning theory here.

In reading order: `closed_form` (a closed form as a Laurent polynomial in roots and transcendental functions), `positivity`,
`term_table`, `homogeneous` and `lower` (terms that keep their digits), `stable` and `series` (φ itself), `functions` and
`program` (the functions and statements of the text), `backends` (one file per language), `module` (a whole text), `library`,
`guard` and `load` (from text to functions), `compile` (loaded and compared with φ), `standalone` and `files` (on disk). It may
use all rooms up to `kernels`.
"""
