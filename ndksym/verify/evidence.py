"""One verdict of one rung of the verification ladder."""

from dataclasses import dataclass
from typing import Literal

from ndksym.output.tables import Column, table

Rung = Literal["exact", "precise", "oracle", "code", "laws", "backends", "simulation"]
RUNGS: tuple[Rung, ...] = ("exact", "precise", "oracle", "code", "laws", "backends", "simulation")

Word = Literal["proved", "supported", "certified", "holds", "refuted", "unknown", "skipped"]


@dataclass(frozen=True)
class Evidence:
    """What was claimed, at which rung, what came out, and the figure behind it.

    proved: an identity, exactly; supported: to 50 digits at drawn points; certified: inside an Arb ball;
    holds: within the stated error on every input tried; refuted, unknown: a failure; skipped: not run, and why.
    """

    rung: Rung
    claim: str
    verdict: Word
    detail: str

    @property
    def failed(self) -> bool:
        """An expected rung that says no, or does not know, fails."""
        return self.verdict in ("refuted", "unknown")

    def record(self) -> dict[str, str]:
        """For JSON."""
        return {"rung": self.rung, "claim": self.claim, "verdict": self.verdict, "detail": self.detail}


class Certificate(list[Evidence]):
    """A list of Evidence whose text is the table."""

    def __str__(self) -> str:
        columns = [Column(name, text=True) for name in ("rung", "verdict", "claim", "detail")]
        return table(columns, [(e.rung, e.verdict, e.claim, e.detail) for e in self])

    @property
    def passed(self) -> bool:
        """No failure among them."""
        return not any(e.failed for e in self)
