"""Fully connected networks of finite width and their training, step by step; no theory and no SymPy."""
