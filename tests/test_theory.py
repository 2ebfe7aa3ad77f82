"""ndksym/theory.md: it is shipped, every citation of it resolves, and what it states in numbers is true."""

import importlib.resources
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import ndksym

ROOT = Path(__file__).parent.parent
THEORY = importlib.resources.files("ndksym").joinpath("theory.md").read_text(encoding="utf-8")
SECTIONS = {
    match["title"]: match["text"]
    for match in re.finditer(r"^##+ (?P<title>.+)\n(?P<text>(?:(?!##).*\n?)*)", THEORY, re.M)
}
NUMBERS = {title.split()[0] for title in SECTIONS if re.match(r"T\d+ ", title)}
FILES = [
    path
    for folder in ("ndksym", "derivations", "generated", "tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".c", ".h", ".tex", ".md", ".css"} and path.name != Path(__file__).name
]
PACKAGE = [path for path in FILES if "tests" not in path.relative_to(ROOT).parts]


def cited(text):
    """The T-numbers in a text: "T5", and all of "T11–T13", "T1 to T4"."""
    found = {f"T{number}" for number in re.findall(r"\bT(\d{1,2})\b", text)}
    for first, last in re.findall(r"\bT(\d{1,2})(?:–|-| to )T(\d{1,2})\b", text):
        found |= {f"T{number}" for number in range(int(first), int(last) + 1)}
    return found


def table(section):
    """The rows of a table as lists of texts, without its head."""
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in SECTIONS[section].splitlines()
        if line.startswith("|")
    ]
    return rows[2:]


# citations


def test_numbers_are_counted_without_a_gap():
    order = [int(title.split()[0][1:]) for title in SECTIONS if title.split()[0] in NUMBERS]
    assert order == list(range(1, len(order) + 1))


@pytest.mark.parametrize("folder", ["ndksym", "derivations", "generated", "tests"])
def test_every_number_that_is_cited_exists(folder):
    for path in FILES:
        if path.relative_to(ROOT).parts[0] == folder:
            unknown = cited(path.read_text(encoding="utf-8")) - NUMBERS
            assert not unknown, (
                f"{path.relative_to(ROOT)} cites {sorted(unknown)}, which ndksym/theory.md does not have"
            )


def test_every_section_that_is_cited_by_name_exists():
    for path in FILES:
        for name in re.findall(r'theory\.md,\s+"([^"]+)"', path.read_text(encoding="utf-8")):
            assert " ".join(name.split()) in SECTIONS, (
                f"{path.relative_to(ROOT)} cites {name!r}, which ndksym/theory.md does not have"
            )
        assert not re.search(r"theory,? (T\d+, )?§", path.read_text(encoding="utf-8")), path


def test_every_number_is_cited_or_background():
    seen = set().union(*(cited(path.read_text(encoding="utf-8")) for path in PACKAGE if path.suffix == ".py"))
    for title, text in SECTIONS.items():
        if title.split()[0] in NUMBERS:
            assert title.split()[0] in seen or "Background" in text, f"nothing cites {title}"


def test_printed_steps_cite_the_theory():
    rules = " ".join(step.rule for step in ndksym.derive("relu", depth=2, bias=True).steps)
    assert {"T3", "T5", "T6"} <= cited(rules) <= NUMBERS


def test_every_statement_says_how_it_is_checked_and_where_it_is_from():
    for title, text in SECTIONS.items():
        if title.split()[0] in NUMBERS:
            assert "*Checked by*" in text, title
            assert "*Source*" in text, title


def test_what_checks_it_exists():
    tests = {path.name for path in (ROOT / "tests").rglob("*.py")}
    named = set(re.findall(r"`(test_\w+\.py)`", THEORY))
    assert named
    assert named <= tests
    assert {f"{name}.py" for name in re.findall(r"python -m tests\.bench\.(\w+)", THEORY) if name != "NAME"} <= tests


def test_the_check_of_citations_can_fail():
    assert cited("theory T99, T11–T13 and T1 to T3") == {"T99", "T11", "T12", "T13", "T1", "T2", "T3"}


# the file


def test_everything_that_is_no_code_is_shipped():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["ndksym"]
    package = ROOT / "ndksym"
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    others = {path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert others == shipped
    assert package / "theory.md" in shipped


def formulas():
    for block in re.findall(r"```math\n(.*?)```", THEORY, flags=re.S):
        yield from re.split(r"\\\\|&", re.sub(r"\\(begin|end)\{aligned\}", "", block))
    plain = re.sub(r"```.*?```", "", THEORY, flags=re.S)
    yield from re.findall(r"\$`(.*?)`\$", plain)
    yield from re.findall(r"\$([^$`]+)\$", re.sub(r"\$`.*?`\$", "", plain))


def test_every_formula_is_well_formed():
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="formulas are parsed by matplotlib")
    parser = mathtext.MathTextParser("path")
    count = 0
    for formula in formulas():
        text = " ".join(formula.split())
        if text:
            parser.parse(f"${text}$")
            count += 1
    assert count > 200


def test_inline_formulas_are_safe_in_markdown():
    """Markdown takes the backslash from `\\,` outside $`…`$."""
    plain = re.sub(r"```.*?```|\$`.*?`\$", "", THEORY, flags=re.S)
    for line in plain.splitlines():
        assert line.count("$") % 2 == 0, line
        for formula in re.findall(r"\$([^$]+)\$", line):
            assert not re.search(r"\\[^a-zA-Z]|\*|\}_", formula), formula


# numbers


def test_known_shapes_have_these_limits():
    """T13: NTK plateau and NNGP equilibrium of each row, from the static kernels."""
    X, y = np.eye(10)[:8] * np.sqrt(10), np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
    test = 0.9 * X[:1] + np.sqrt(1 - 0.81) * np.sqrt(10) * np.eye(10)[8:9]
    rows = table("T13 Known shapes")
    assert len(rows) == 8
    kernels = {}
    for name, depth, ratio, plateau, _, equilibrium in rows:
        k = kernels.setdefault((name, depth), ndksym.derive(name, depth=int(depth)).compile("numpy"))
        for kind, variance, said in (("ntk", float(ratio), plateau), ("nngp", 1.0, equilibrium)):
            of = getattr(k, kind)
            found = of(test, X, variance=variance) @ np.linalg.solve(of(X, variance=variance), y)
            assert found[0] == pytest.approx(float(said), abs=5.1e-4)


def test_values_without_a_closed_form():
    """T17: K at a = b = 1, to the precision of float64."""
    rows = table("T17 Activations without a closed form")
    assert len(rows) == 5
    for name, rho, value in rows:
        angle = float(rho)
        X = np.sqrt(2) * np.array([[1.0, 0.0], [angle, np.sqrt(1 - angle**2)]])
        found = ndksym.derive("x*(1+erf(x/sqrt(2)))/2" if name == "gelu" else name).compile("numpy").nngp(X)[0, 1]
        assert found == pytest.approx(float(value), rel=1e-13)
