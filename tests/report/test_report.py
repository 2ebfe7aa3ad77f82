"""The page of `derive --report`: well-formed, closed in itself, its numbers beside it, written whole or not at all."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from sympy import DiracDelta, Function, Integer, Piecewise, Symbol, erf, exp, sqrt

from ndksym import derive
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.cli import derive as deriving
from ndksym.derivation import Derivation
from ndksym.errors import InputError, MissingExtraError
from ndksym.output.figure import Absent
from ndksym.report import html, kernel_figures, mathml, phases_section, sections, setting
from ndksym.report.build import Report, write_report
from ndksym.symbols import a, b, c, sigma02, sigma2, x
from ndksym.verify import Evidence

VOID = {"meta", "br", "img", "link", "hr"}
SECTIONS = [
    "network",
    "derivation",
    "dual",
    "recursion",
    "kernels",
    "phases",
    "learning",
    "certificate",
    "code",
    "made",
]


class Page(HTMLParser):
    """Tags must close in order; keeps ids, addresses and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.addresses, self.tags, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.tags.append((tag, known))
        self.ids += [known["id"]] if "id" in known else []
        self.addresses += [value for key, value in attrs if key in ("src", "href", "xlink:href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.words.append(data)


def run(*args, cwd, timeout=120):
    command = [sys.executable, "-m", "ndksym", "derive", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    done = run("relu", "--bias", "--report", "out.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "out.html").read_text(encoding="utf-8")
    return Page(text), text, json.loads((folder / "out.json").read_text(encoding="utf-8")), done, folder


def test_it_is_well_formed_and_has_every_section(made):
    found, text, _, done, folder = made
    assert text.startswith("<!DOCTYPE html>")
    assert [name for name in found.ids if name in SECTIONS] == SECTIONS
    assert len(found.ids) == len(set(found.ids)), "figures share no ids"
    assert sorted(path.name for path in folder.iterdir()) == ["out.html", "out.json"]
    assert "wrote out.html" in done.stderr
    assert "Certificate" in done.stdout


def test_it_asks_the_network_for_nothing_and_runs_nothing(made):
    found, text, _, _, _ = made
    assert all(address.startswith(("#", "data:image/png")) for address in found.addresses)
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert not [key for _, known in found.tags for key in known if key.startswith("on")]
    rest = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    # generated code cites its sources; nothing else names an address
    assert not re.findall(r"https?://", re.sub(r"<pre>.*?</pre>", "", rest, flags=re.S))
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_every_figure_has_its_numbers(made):
    found, _, numbers, _, _ = made
    assert numbers["schema"] == 1
    drawn = [known["id"].removeprefix("figure-") for tag, known in found.tags if tag == "figure"]
    assert drawn == ["activation", "nngp-angle", "ntk-angle", "ndk-0", "ndk-60", "learning", "expansion"]
    assert set(numbers["figures"]) == set(drawn)
    for name in drawn:
        shown = numbers["figures"][name]
        assert shown["x_label"].endswith(")"), "every axis says its unit"
        assert shown["y_label"].endswith(")")
        assert shown["caption"]
    angle = numbers["figures"]["nngp-angle"]
    assert len(angle["x"]) == len(angle["curves"][0]["values"])
    assert angle["curves"][0]["values"][0] == 1.0
    svgs = [known for tag, known in found.tags if tag == "svg"]
    assert len(svgs) == len(drawn)
    assert all(known["aria-label"] for known in svgs)


def test_learning_is_that_of_the_solver_with_networks_beside_it(made):
    _, _, numbers, _, _ = made
    shown = numbers["figures"]["learning"]
    assert shown["boundary"] > 0
    assert {level["kind"] for level in shown["levels"]} == {"NTK plateau", "NNGP equilibrium"}
    curve = np.array(shown["curves"][0]["values"])
    dots = np.array([np.nan if v is None else v for v in shown["points"][0]["values"]])
    errors = np.array([np.nan if v is None else v for v in shown["points"][0]["errors"]])
    seen = np.isfinite(dots)
    assert seen.sum() >= 8
    # at width 200 the networks are within a few hundredths of theory, and far from nothing
    assert np.abs(dots - curve)[seen].max() < 0.1
    assert np.all(errors[seen] > 0)
    assert numbers["simulation"]["mean"]["largest_z"] < 10
    assert curve[-1] == pytest.approx(
        next(e["value"] for e in shown["levels"] if e["kind"] == "NNGP equilibrium"), abs=1e-3
    )


def test_it_says_what_made_it(made):
    found, _, numbers, _, _ = made
    assert numbers["command"] == "ndksym derive relu --bias --report out.html"
    assert numbers["command"] in "".join(found.words)
    assert {"ndksym", "python", "sympy", "numpy", "scipy"} <= set(numbers["versions"])
    assert {e["rung"] for e in numbers["derivation"]["certificate"]} == {
        "exact",
        "precise",
        "oracle",
        "code",
        "laws",
        "backends",
    }
    assert numbers["phases"]["order"] == 2
    words = " ".join(found.words)
    assert "Price's theorem" in words
    assert all(e["detail"] in words for e in numbers["derivation"]["certificate"])
    assert "from ndksym.runtime" in words or "import numpy" in words, "the generated code is there"


def test_a_jump_has_a_report_too_and_says_what_it_lacks(tmp_path):
    done = run("sign", "--nngp-only", "--report", "jump.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = Page((tmp_path / "jump.html").read_text(encoding="utf-8"))
    numbers = json.loads((tmp_path / "jump.json").read_text(encoding="utf-8"))
    assert numbers["phases"] is None
    assert "jumps" in numbers["figures"]["learning"]["reason"]
    assert [known["id"] for tag, known in found.tags if tag == "figure"] == ["figure-activation", "figure-nngp-angle"]
    assert numbers["derivation"]["ntk"] is None


def test_without_a_closed_form_it_says_so():
    d = derive(["tanh", "relu"])
    for text in (sections.derivation(d), sections.duals(d), phases_section.section(d, phases_section.expanded(d))):
        assert "no closed form" in text.lower()
        Page(text)
    named = [each.id for each in kernel_figures.figures(d, d.compile(), setting.chosen(d), nngp_only=True)]
    assert named == ["activation-1", "activation-2", "nngp-angle"]


def test_a_kernel_that_is_finite_for_small_variances_only_leaves_figures_out():
    d = derive("exp(x**2/3)")
    found = list(kernel_figures.figures(d, d.compile(), setting.chosen(d), nngp_only=False))
    absent = [each for each in found if isinstance(each, Absent)]
    assert absent
    assert all(each.reason for each in absent)
    Page(html.figures(absent))


BAD = [
    (["--report", "no/out.html"], "does not exist"),
    (["--report", "out.pdf"], "something.html"),
    (["--report", "."], "folder"),
    (["--report", "out.html", "--code", "numpy"], "--code"),
]


@pytest.mark.parametrize(("args", "said"), BAD, ids=[args[1] + str(len(args)) for args, _ in BAD])
def test_what_cannot_be_written_is_refused_before_the_work(args, said, tmp_path):
    done = run("x**60*erf(x)*sin(x)", *args, "--timeout", "100", cwd=tmp_path, timeout=20)
    assert done.returncode == 2
    assert said in done.stderr
    assert "deriving" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_by_a_folder_is_refused(tmp_path):
    (tmp_path / "out.json").mkdir()
    with pytest.raises(InputError, match=r"out\.json is a folder"):
        deriving.check(deriving.DeriveOptions(report=tmp_path / "out.html"))


def test_without_matplotlib_it_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ndksym\[plot\]"):
        deriving.check(deriving.DeriveOptions(report=tmp_path / "out.html"))


def test_one_that_is_stopped_leaves_nothing_and_spares_what_was_there(tmp_path):
    (tmp_path / "out.html").write_text("before")
    done = run("gelu", "--depth", "3", "--report", "out.html", "--timeout", "2", cwd=tmp_path)
    assert done.returncode == 5, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    assert (tmp_path / "out.html").read_text() == "before"


def test_one_that_fails_as_it_is_written_leaves_nothing(tmp_path, monkeypatch):
    found = Report("<p>", {"not finite": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write_report(found, tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_report(Report("<p>", {}), tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []


EVIL = '<script>alert("&")</script>'


def test_no_text_becomes_markup():
    act = derive("relu").activations[0]
    named = type(act)(EVIL, act.expr, act.pieces)
    d = Derivation((named,), (type(derive("relu").duals[0])(named, *_fields(derive("relu").duals[0])),), False)
    evidence = [Evidence("exact", EVIL, "refuted", EVIL)]
    text = html.page(EVIL, EVIL, [("network", EVIL)], [
        sections.network(d, [Absent(EVIL, EVIL, EVIL)]), sections.certificate(evidence), sections.code(d),
        html.equation(Symbol(EVIL), Function(EVIL)(Symbol(EVIL))), html.terms([(EVIL, EVIL)]), html.folded(EVIL, html.code(EVIL)),
    ], html.code(EVIL))  # fmt: skip
    assert "<script" not in text.lower()
    assert "script" not in {tag for tag, _ in Page(text).tags}
    assert text.count("&lt;script&gt;") > 10


def _fields(dual):
    return (
        dual.K,
        dual.K_dot,
        dual.K_diag,
        dual.K_dot_diag,
        dual.mean,
        dual.diverges,
        dual.reason,
        dual.condition,
        dual.reach,
    )


FORMULAS = [
    (sigma2 * sigma02, "σ", "σ"),
    (exp(-a) * sqrt(b), "<msqrt>", "<mo>−</mo>"),
    (Phi2(1, 2, c), "<msub><mi>Φ</mi><mn>2</mn></msub>", ","),
    (Piecewise((x, x > 0), (erf(x), True)), "otherwise", "&gt;"),
    (Function("Kdot_1")(a), "<mover><mi>K</mi><mo>˙</mo></mover>", "<mi>1</mi>"),
    (Symbol("G", commutative=False) ** -1 * Symbol("y", commutative=False), "<msup><mi>G</mi>", "−1"),
    (Symbol("tau'"), "τ", "′"),
    (c.diff(x) + Integer(1) / 3, "<mfrac>", "3"),
    (DiracDelta(x), "<mi>δ</mi>", "<mi>x</mi>"),
]


@pytest.mark.parametrize(("expr", "one", "two"), FORMULAS, ids=[str(expr) for expr, _, _ in FORMULAS])
def test_formulas(expr, one, two):
    text = mathml.formula(expr)
    Page(text)
    assert one in text
    assert two in text
    assert "&amp;" not in text


def test_exponentials_stay_in_the_numerator():
    assert "<mfrac>" not in mathml.formula(exp(-a) * b)


def test_long_sums_are_broken_and_every_term_stays():
    total = sum(Symbol(f"z_{i}") * a ** (i % 7) for i in range(60))
    text = mathml.equation(Symbol("K"), total)
    assert text.count("<mtr>") > 2
    assert all(f"<mi>{i}</mi>" in text for i in range(60))
    minus = mathml.equation(Symbol("K"), -total)
    assert minus.count("<mo>−</mo>") == 60


def test_wide_content_scrolls_and_narrow_screens_are_served():
    style = (Path(html.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    assert "overflow-x: auto" in style
    assert "@media (max-width" in style
