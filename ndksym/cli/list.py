"""The catalogue and the cases as rows: what `ndksym list` shows."""

from dataclasses import dataclass

from ndksym.activation.activation import activation
from ndksym.activation.catalogue import names
from ndksym.activation.parser import allowed
from ndksym.cases import cases
from ndksym.kernels.dual import dual

__all__ = ["Listing", "listing", "table"]


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


def table(found: Listing) -> str:
    """The listing as text."""
    lines = ["catalogue"]
    for row in found.catalogue:
        form = "closed form" if row["closed_form"] else "numeric"
        note = "" if row["ntk"] == "finite" else "   NTK infinite: it jumps"
        lines.append(f"  {row['name']:14} {form:12} {row['expr']}{note}")
    lines.append("cases")
    for row in found.cases:
        kinds = row["claims"]
        assert isinstance(kinds, list)
        said = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "no claims"
        form = "closed form" if row["closed_form"] else "numeric"
        lines.append(
            f"  {row['name']:14} {form:12} depth {row['depth']}{' + bias' if row['bias'] else '       '}  {said}"
        )
    lines += ["formulas", f"  may contain {allowed()}"]
    return "\n".join(lines)
