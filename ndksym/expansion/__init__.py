"""The two learning phases: inner and outer expansions in T, their matching, time scales and shape (theory T11–T13)."""

from ndksym.expansion.composite import Composite
from ndksym.expansion.learning import Phases, phases

__all__ = ["Composite", "Phases", "phases"]
