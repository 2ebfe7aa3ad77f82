"""`ndksym list`: the activations of the catalogue and the cases, as records and as tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ndksym.activation.activation import activation
from ndksym.activation.catalogue import names
from ndksym.cases import cases
from ndksym.kernels.dual import dual
from ndksym.output.tables import Column, table

__all__ = ["Listing", "listing"]


@dataclass(frozen=True)
class ListedActivation:
    """An activation of the catalogue; `ntk` is "finite" or "infinite", `reason` why there is no closed form."""

    name: str
    expr: str
    closed_form: bool
    ntk: str
    reason: str | None


@dataclass(frozen=True)
class ListedCase:
    """A case; `claims` are the verdicts on its claims."""

    name: str
    depth: int
    bias: bool
    closed_form: bool
    about: str
    claims: Sequence[str]


@dataclass(frozen=True)
class Listing:
    """All activations of the catalogue, and all cases."""

    catalogue: list[ListedActivation]
    cases: list[ListedCase]

    def document(self) -> dict[str, object]:
        """The JSON document."""
        return asdict(self)

    def text(self) -> str:
        """Both tables."""
        activations = [(each.name, _kernel(each.closed_form), each.ntk, each.expr) for each in self.catalogue]
        rows = [
            (each.name, _kernel(each.closed_form), str(each.depth), "yes" if each.bias else "no", _tally(each.claims))
            for each in self.cases
        ]
        return (
            f"Catalogue\n{table(_columns('activation', 'kernel', 'NTK', 'formula'), activations)}\n\n"
            f"Cases\n{table(_columns('case', 'kernel', 'depth', 'biases', 'claims'), rows)}"
        )


def listing() -> Listing:
    """Derive the dual kernel of each activation, and check the claims of each case."""
    activations = []
    for name in names():
        kernel = dual(activation(name))
        act = kernel.activation
        ntk = "infinite" if act.rough else "finite"
        activations.append(ListedActivation(name, str(act.expr), kernel.closed_form, ntk, kernel.reason))
    rows = []
    for case in cases():
        verdicts = [claim.check().kind for claim in case.claimed]
        about = case.doc.splitlines()[0]
        rows.append(ListedCase(case.id, case.depth, case.bias, case.derivation.closed_form, about, verdicts))
    return Listing(activations, rows)


def _columns(*names: str) -> list[Column]:
    return [Column(name, text=True) for name in names]


def _kernel(closed_form: bool) -> str:
    return "closed form" if closed_form else "numeric"


def _tally(verdicts: Sequence[str]) -> str:
    """How many claims have which verdict."""
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in dict.fromkeys(verdicts)) or "none"
