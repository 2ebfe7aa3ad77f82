"""Every case climbs the ladder, and every generated file is what its case generates now."""

import pytest

from ndksym.cases import FOLDER, cases
from ndksym.cli import generate
from ndksym.codegen import files
from ndksym.verify import verify

CASES = {case.id: case for case in cases()}


@pytest.mark.parametrize("name", CASES)
def test_claims_reach_their_rung(name):
    case = CASES[name]
    for claim in case.claimed:
        assert claim.met(), (claim.name, claim.check())


@pytest.mark.parametrize("rung", ["exact", "precise", "oracle", "laws", "backends", "simulation"])
@pytest.mark.parametrize("name", CASES)
def test_rung(name, rung, slow):
    certificate = verify(CASES[name].derivation, rungs=rung, slow=slow, quick=not slow)
    assert certificate.passed, str(certificate)
    assert certificate
    jumps = CASES[name].derivation.diverges and rung == "simulation"
    if not jumps and (CASES[name].derivation.closed_form or rung != "exact"):
        assert not any(e.verdict == "skipped" for e in certificate), str(certificate)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.depth <= 2])
def test_identities_of_shallow_networks_are_proved_not_sampled(name):
    d = CASES[name].derivation
    assert bool(d.identities) == (d.closed_form and not d.diverges)
    for claim in d.identities:
        assert claim.check().kind == "proved", (claim.name, claim.check())


@pytest.mark.parametrize("name", CASES)
def test_generated_files_are_fresh(name):
    case = CASES[name]
    texts = files.expected(name, case.derivation, case.backends)
    folder = FOLDER.parent / "generated" / name
    there = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    assert sorted(path.relative_to(folder).as_posix() for path in there) == sorted(texts), (
        "refresh with: ndksym generate"
    )
    for file, text in texts.items():
        assert (folder / file).read_text(encoding="utf-8") == text, f"{file} is stale; refresh with: ndksym generate"


def test_no_orphans():
    assert sorted(p.name for p in (FOLDER.parent / "generated").iterdir()) == sorted(CASES)


def test_generate_check_says_what_is_stale(tmp_path):
    generate.generate(["relu"], out=tmp_path)
    kernel = tmp_path / "kernel.py"
    kernel.write_text(kernel.read_text().replace("0.5", "0.25"))
    report = generate.generate(["relu"], out=tmp_path, check=True)
    assert report.stale == [str(kernel)]
    assert "-" in report.difference
