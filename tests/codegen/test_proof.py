"""Compiled code is compared with quadrature before it is used: what is right passes, what is wrong is not used."""

import dataclasses
import re

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import ndksym
from ndksym.cli import derive
from ndksym.codegen import compile as compiling
from ndksym.codegen import files, module, term_table
from ndksym.errors import CheckFailedError, NotDerivableError
from ndksym.runtime import mehler
from tests import grammar
from tests.bench.compiled import judged

# K at (a, b, c), from nested mpmath quadrature of φ cut at its breaks
WEDGES = {
    "Abs(Abs(x)-1)": ((1.0, 0.7, 0.4), 0.281225034482207),
    "Min(Abs(x),1)": ((1.0, 1.0, 0.5), 0.412748852754489),
    "Max(x,-1)+Max(0,x)": ((1.0, 1.0, 0.5), 1.18523171954063),
    "elu(x)+Max(0,x+1)": ((1.0, 1.0, 0.5), 2.86670764683245),
}


def rows(a, b, c):
    """Two inputs whose preactivations have these second moments at variance 1."""
    return np.sqrt(2) * np.array([[np.sqrt(a), 0.0], [c / np.sqrt(a), np.sqrt(b - c * c / a)]])


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("text", WEDGES)
def test_a_break_at_zero_beside_another(text, backend):
    (at, K), kernel = WEDGES[text], ndksym.derive(text).compile(backend)
    assert kernel.layers[0].closed
    assert kernel.nngp(rows(*at))[0, 1] == pytest.approx(K, rel=3e-14)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_two_steps(backend):
    X = np.array([[1.0, 1.0], [1.0, -1.0]])
    kernel = ndksym.derive("Heaviside(x+1)+Heaviside(x)").compile(backend)
    # orthogonal inputs: the square of P(u > −1) + P(u > 0)
    assert kernel.nngp(X)[0, 1] == pytest.approx((0.8413447460685429 + 0.5) ** 2, rel=1e-13)


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.booleans())
def test_drawn_kernels(n, closed):
    """A sample of `python -m tests.bench.compiled`."""
    line = judged(2311, n, closed, "c" if n % 10 == 0 else "numpy")
    assert "WRONG" not in line


def without_the_half(algebra, A, args):
    """The rule for Φ2 as it would be if a vanishing argument left nothing."""
    for weight, symbol in right_wedge(algebra, A, args):
        if weight != sympy.S.Half:
            yield weight, symbol


right_wedge = term_table._wedge


@pytest.fixture
def broken(monkeypatch):
    monkeypatch.setattr(term_table, "_wedge", without_the_half)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("text", WEDGES)
def test_wrong_code_is_not_used(broken, text, backend):
    (at, K), kernel = WEDGES[text], ndksym.derive(text).compile(backend)
    assert not kernel.layers[0].closed
    assert re.search(r"quadrature, because the closed form differs from quadrature by .* at .*√a = ", repr(kernel))
    assert kernel.nngp(rows(*at))[0, 1] == pytest.approx(K, rel=1e-12)


def test_wrong_code_is_in_the_certificate_and_not_in_what_is_generated(broken):
    certificate = ndksym.derive("Abs(Abs(x)-1)").verify(rungs=["code"])
    assert [row.verdict for row in certificate] == ["refuted", "refuted"]
    assert all(row.detail.endswith("quadrature is used instead") for row in certificate)
    with pytest.raises(CheckFailedError, match="code: numpy"):
        derive.require_passed([("it", certificate)])
    text = files.source("abs", ndksym.derive("Abs(Abs(x)-1)"), "numpy")
    assert '"closed": False' in text
    assert "def pair_0" not in text


def test_right_code_is_in_the_certificate():
    for text in ("gelu", "tanh"):
        rows = ndksym.derive(text).verify(rungs=["code"])
        assert [(row.claim, row.verdict) for row in rows] == [
            (f"{backend}: {text} against quadrature of φ", "holds") for backend in ("numpy", "c")
        ]


def test_a_proof_is_made_once(monkeypatch):
    kernel = ndksym.derive("gelu").compile()
    monkeypatch.setattr(compiling, "prove", None)
    again = ndksym.derive("gelu", depth=3).compile()
    assert again.layers[0].proof == kernel.layers[0].proof


def test_a_wrong_phi_is_refused(monkeypatch):
    right = module.stable
    monkeypatch.setattr(module, "stable", lambda expr: right(expr * (1 + sympy.Rational(1, 10**11))))
    with pytest.raises(NotDerivableError, match=r"the code of φ for softsign gives .* where the value is"):
        ndksym.derive("softsign").compile()


def test_disagreeing_numeric_rules_are_refused(monkeypatch):
    right = mehler.pairs
    monkeypatch.setattr(mehler, "pairs", lambda *args: (1.0001 * right(*args)[0], *right(*args)[1:]))
    compiling._proved.cache_clear()
    with pytest.raises(NotDerivableError, match="the numeric rules disagree"):
        ndksym.derive("tanh").compile()


@pytest.mark.parametrize("text", ["relu", "gelu", "sin", "Max(0,x-1)"])
def test_a_kernel_that_is_no_second_moment_is_not_used(text):
    """Where E φ(u)² comes out negative no norm can be taken from the code that is judged."""
    d = ndksym.derive(text)
    (dual,) = d.duals
    wrong = dataclasses.replace(dual, K=-dual.K, K_diag=-dual.K_diag)
    kernel = dataclasses.replace(d, duals=(wrong,)).compile()
    assert not kernel.layers[0].closed
    assert kernel.nngp(rows(1.0, 0.7, 0.4))[0, 1] == pytest.approx(
        d.compile().nngp(rows(1.0, 0.7, 0.4))[0, 1], rel=1e-12
    )


@pytest.mark.parametrize("text", ["gabor", "sin(x)+x**2", "exp(-x**2)"])
def test_a_closed_form_that_cancels_nearly_everywhere_is_not_used(monkeypatch, text):
    """It is served at few pairs, so few of those that are compared: what it gives at the others counts too."""
    right = term_table.TermTable.add

    def add(self, functions, monomial, number):
        right(self, functions, monomial, -number)

    X = rows(2.5**2, 1.3**2, 2.5 * 1.3 * np.cos(0.37))
    K = ndksym.derive(text).compile().nngp(X)
    compiling._proved.cache_clear()
    monkeypatch.setattr(term_table.TermTable, "add", add)
    kernel = ndksym.derive(text).compile()
    assert kernel.layers[0].proof.passed == kernel.layers[0].closed
    assert kernel.nngp(X) == pytest.approx(K, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("exp(-x)*Heaviside(x+1)", (1, 1, 0)), ("exp(-x)*Heaviside(x+2)", (4, 4, -2)), ("exp(x)*Heaviside(x-2)", (1.5, 1.5, 0.5)),
        ("exp(x/2)*Heaviside(x-1)", (1.5, 1.5, 0.5)), ("exp(-x)*Heaviside(x+1)", (1 + 1e-9, 1, 1e-10)),
        ("Piecewise((x,x>1),(exp(x-1),True))", (0.75, 0.75, 0.25)), ("exp(-x)*Heaviside(x+1)+Max(0,x-1)", (0.7, 0.7, 0.3)),
    ],
)  # fmt: skip
def test_where_both_arguments_of_a_wedge_vanish(text, at, backend):
    """Φ₂(h, k; ρ) at h = k = 0, as of orthogonal rows with E u² = 1: its two edges have no angle between them there."""
    d, (a, b, c) = ndksym.derive(text), at
    kernel = d.compile(backend)
    assert kernel.layers[0].closed
    breaks, p, q = [float(point) for point in d.activations[0].orders], a**0.5, b**0.5
    K = grammar.kernel(grammar.meaning(text), breaks, p, q, c / (p * q), 16, 0.25)
    assert kernel.nngp(rows(a, b, c))[0, 1] == pytest.approx(K, rel=1e-11)


@settings(max_examples=8)
@given(
    st.sampled_from([("1", 1), ("-1", -1), ("1/2", 0.5), ("-3/2", -1.5)]),
    st.sampled_from([0.25, 1.0, 2.0]),
    st.floats(0.55, 4),
)
def test_wherever_both_arguments_of_a_wedge_vanish(rate, level, share):
    """For e^{rx} above a threshold τ they do where r (a + c) = τ, a = b."""
    text, r = f"exp({rate[0]}*x)*Heaviside(x-({rate[1] * level}))", rate[1]
    a = level * share
    c = level - a
    kernel, p = ndksym.derive(text).compile(), a**0.5
    K = grammar.kernel(grammar.meaning(text), [r * level], p, p, c / a, 16, 0.25)
    assert kernel.nngp(rows(a, a, c))[0, 1] == pytest.approx(K, rel=1e-10)
