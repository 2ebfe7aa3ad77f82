"""The catalogue and the cases as rows: what `ndksym list` shows."""

from dataclasses import dataclass

from ndksym.activation.activation import activation
from ndksym.activation.catalogue import names
from ndksym.cases import cases
from ndksym.kernels.dual import dual
from ndksym.output.tables import Column, table

__all__ = ["Listing", "listing", "text"]


@dataclass(frozen=True)
class Listing:
    """One record per catalogue activation and per case."""

    catalogue: list[dict[str, object]]
    cases: list[dict[str, object]]


def listing() -> Listing:
    """Every catalogue activation with what is derived of it, and every case with the verdict on its claims."""
    catalogue: list[dict[str, object]] = []
    for name in names():
        found = dual(activation(name))
        catalogue.append(
            {
                "name": name,
                "expr": str(found.activation.expr),
                "closed_form": found.closed_form,
                "ntk": "infinite" if found.activation.rough else "finite",
                "reason": found.reason,
            }
        )
    rows: list[dict[str, object]] = []
    for case in cases():
        verdicts = [claim.check().kind for claim in case.claimed]
        rows.append(
            {
                "name": case.id,
                "depth": case.depth,
                "bias": case.bias,
                "closed_form": case.derivation.closed_form,
                "about": case.doc.splitlines()[0],
                "claims": verdicts,
            }
        )
    return Listing(catalogue, rows)


def text(found: Listing) -> str:
    """Both tables, for a person."""
    catalogue = table(
        _columns("activation", "kernel", "NTK", "formula"),
        [(str(row["name"]), _form(row), str(row["ntk"]), str(row["expr"])) for row in found.catalogue],
    )
    cases = table(
        _columns("case", "kernel", "depth", "biases", "claims"),
        [
            (str(row["name"]), _form(row), str(row["depth"]), "yes" if row["bias"] else "no", _claims(row["claims"]))
            for row in found.cases
        ],
    )
    return f"Catalogue\n{catalogue}\n\nCases\n{cases}"


def _columns(*names: str) -> list[Column]:
    return [Column(name, text=True) for name in names]


def _form(row: dict[str, object]) -> str:
    return "closed form" if row["closed_form"] else "numeric"


def _claims(verdicts: object) -> str:
    """How many claims got which verdict."""
    assert isinstance(verdicts, list)
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in dict.fromkeys(verdicts)) or "none"
