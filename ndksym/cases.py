"""Cases: the files of derivations/. Each has a network, claims about its kernels, and their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import ndksym
from ndksym.algebra.claim import Claim
from ndksym.codegen.backends import names
from ndksym.derivation import Derivation, derive
from ndksym.errors import InputError, brief

__all__ = ["FOLDER", "Case", "case", "case_names", "cases"]

FOLDER = Path(ndksym.__file__).parent.parent / "derivations"
"""The cases of a checkout. A package that is installed without a checkout has no cases."""
OUTPUTS = ("nngp", "ntk", "ndk")
_REQUIRED = ("activation", "depth", "bias", "outputs", "claims", "backends", "references")


@dataclass(frozen=True)
class Case:
    """One file of derivations/. Its stem is the id; `claims(d)` yields the claims about its derivation d.

    `outputs` are its kernels, `backends` the languages of its generated code.
    """

    id: str
    path: Path
    doc: str
    activation: object
    depth: int
    bias: bool
    outputs: tuple[str, ...]
    claims: Callable[[Derivation], Iterable[Claim]]
    backends: tuple[str, ...]
    references: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.doc:
            raise InputError(f"{self.path}: a case must begin with a docstring that says what it shows")
        if not self.outputs or not set(self.outputs) <= set(OUTPUTS):
            raise InputError(f"{self.path}: outputs must be some of {', '.join(OUTPUTS)}, not {self.outputs}")
        if isinstance(self.backends, str) or not set(self.backends) <= set(names()):
            raise InputError(
                f"{self.path}: backends must be a tuple of some of {', '.join(names())}, not {self.backends!r}"
            )

    @cached_property
    def derivation(self) -> Derivation:
        """The derivation of the network, made on first use."""
        return derive(self.activation, depth=self.depth, bias=self.bias)

    @cached_property
    def claimed(self) -> tuple[Claim, ...]:
        """The claims of the file, in order."""
        claims = tuple(self.claims(self.derivation))
        for each in claims:
            if not isinstance(each, Claim):
                raise InputError(f"{self.path}: claims(d) must yield Claim(name, left, right), not {brief(each)}")
        return claims


def cases(folder: Path | None = None) -> tuple[Case, ...]:
    """All cases of a folder (by default of the checkout), ordered by id.

    >>> "relu" in [case.id for case in cases()]
    True
    """
    return tuple(_load(path) for path in sorted((folder or FOLDER).glob("*.py")))


def case(name: str, folder: Path | None = None) -> Case:
    """The case with that id; InputError lists all ids if there is none.

    >>> case("relu").depth
    3
    """
    ids = case_names(folder)
    if name not in ids:
        raise InputError(f"no case {name!r}; there are {', '.join(ids) or 'none'}")
    return _load((folder or FOLDER) / f"{name}.py")


def case_names(folder: Path | None = None) -> list[str]:
    """The ids of the cases of a folder, in order; no file is read."""
    return [each.stem for each in sorted((folder or FOLDER).glob("*.py"))]


def _load(path: Path) -> Case:
    if not path.stem.isidentifier():
        raise InputError(f"{path}: the name of a case must be an identifier")
    spec = spec_from_file_location(f"_ndksym_case_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} cannot be read as Python")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [name for name in _REQUIRED if not hasattr(module, name)]
    if missing:
        raise InputError(f"{path}: a case must also define {', '.join(missing)}")
    values = {name: getattr(module, name) for name in _REQUIRED}
    return Case(id=path.stem, path=path, doc=(module.__doc__ or "").strip(), **values)
