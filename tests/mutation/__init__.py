"""Mutation run: every rule and formula broken on purpose, one at a time; the suite must notice each.

python -m tests.mutation.run [--only PATTERN] [--jobs 2] [--list] [--all]
"""
