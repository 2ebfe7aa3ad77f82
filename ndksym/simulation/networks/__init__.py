"""Fully connected networks of finite width and how they are trained, step by step; no theory, and no SymPy."""
