"""The two learning phases: inner and outer expansions in T, their matching, time scales and shape (theory T11–T13)."""
