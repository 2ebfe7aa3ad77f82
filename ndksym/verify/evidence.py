"""The verdicts of the verification ladder, and the table of them."""

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal

from ndksym.output.notebook import html_table
from ndksym.output.tables import Column, table

Rung = Literal["exact", "precise", "oracle", "code", "laws", "backends", "simulation"]
RUNGS: tuple[Rung, ...] = ("exact", "precise", "oracle", "code", "laws", "backends", "simulation")

VerdictWord = Literal["proved", "supported", "certified", "holds", "refuted", "unknown", "skipped"]


@dataclass(frozen=True)
class Evidence:
    """One check of the verification ladder and its verdict.

    Attributes
    ----------
    rung : str
        Rung of the ladder.
    claim : str
        The statement that was checked.
    verdict : str
        "proved": an exact identity; "supported": true to 50 digits at drawn points; "certified": inside an Arb ball; "holds":
        within the stated error on every input tried; "refuted" and "unknown": a failure; "skipped": not checked.
    detail : str
        The figures behind the verdict, or the reason for skipping the check.
    """

    rung: Rung
    claim: str
    verdict: VerdictWord
    detail: str

    @property
    def failed(self) -> bool:
        """Whether the check refutes its claim or cannot decide."""
        return self.verdict in ("refuted", "unknown")

    def record(self) -> dict[str, str]:
        """The fields, for JSON."""
        return asdict(self)


class Certificate(list[Evidence]):
    """A list of Evidence; str() is a table."""

    def __str__(self) -> str:
        columns = [Column(name, text=True) for name in ("rung", "verdict", "claim", "detail")]
        return table(columns, [(e.rung, e.verdict, e.claim, e.detail) for e in self])

    def __repr__(self) -> str:
        verdicts = "".join(f", {count} {verdict}" for verdict, count in Counter(e.verdict for e in self).items())
        return f"Certificate({len(self)} checks{verdicts}: {'passed' if self.passed else 'failed'})"

    def _repr_html_(self) -> str:
        rows = ((e.rung, e.verdict, e.claim, e.detail) for e in self)
        return html_table(repr(self), ("rung", "verdict", "claim", "detail"), rows)

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not any(e.failed for e in self)
