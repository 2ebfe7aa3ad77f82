"""Closed forms → straight-line programs → NumPy, C and LaTeX; it knows no learning theory."""
