"""Figures in the manner of arXiv 2309.04522, each made by a command: python -m derivations.gallery.NAME --out FOLDER.

The names are learning, two_phases, finite_width, early_stopping and drift. Each command writes a picture and, beside it, a JSON
with every number that is drawn, the parameters, the seed, the versions and the command. The parameters show the effect; they are
not those of the paper.
"""
