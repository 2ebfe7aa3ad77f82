"""A derivation for a reader: one page of HTML with figures, or text, JSON and LaTeX.

In reading order: `build` (the whole report), `sections` (what the page says), `phases_section`; `setting` (the numbers that
figures are drawn at), `kernel_figures`, `learning_figures`; `html` (markup, from `templates/`), `mathml` and `svg` (formulas and
figures as markup); `text` (what the command line prints). It may use all rooms up to `verify`.
"""
