"""One small file per language: how it writes an expression, a program, and a choice between pieces."""
