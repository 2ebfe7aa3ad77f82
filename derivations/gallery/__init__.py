"""Figures in the manner of arXiv 2309.04522, one command each: python -m derivations.gallery.NAME --out FOLDER.

two_phases, finite_width, early_stopping, drift and learning each write a picture and, beside it, a JSON with every number that is
drawn, the parameters, the seed, the versions and the command. The parameters were chosen here, to show the effect; none is
claimed to be the paper's own.
"""
