"""The two learning phases: inner and outer expansions in T, their matching, time scales and shape (theory T11–T13)."""

from ndksym.expansions.composite import Composite
from ndksym.expansions.learning import Phases, phases

__all__ = ["Composite", "Phases", "phases"]
