"""`derive` as a user meets it, and the cases of derivations/."""

import dataclasses
import pickle
import re
import subprocess
import sys
from functools import partial

import pytest
import sympy
from sympy import Function, Symbol, erf, sqrt

import ndksym
from ndksym.algebra.substitute import is_large, substitute
from ndksym.algebra.zero_test import Domain, is_zero
from ndksym.cases import OUTPUTS, case, cases
from ndksym.derivation import MAX_DEPTH, Derivation, derive
from ndksym.errors import DivergentKernelError, InputError, InputTypeError, NdksymError, NotDerivableError
from ndksym.kernels.dual import dual
from ndksym.kernels.latex import Notation, tex
from ndksym.kernels.readable import readable
from ndksym.symbols import T, a, b, beta, c, k11, k12, k22, s, sigma02, sigma2, t, x

CASES = cases()
IDS = [each.id for each in CASES]


# derive


def test_the_contract_of_a_closed_form():
    d = ndksym.derive("x*(1+erf(x/sqrt(2)))/2", depth=2, bias=True)
    assert (d.depth, d.bias, d.closed_form, d.diverges) == (2, True, True, False)
    assert len(d.activations) == len(d.duals) == 2
    assert d.duals[0].K.free_symbols == d.duals[0].K_dot.free_symbols == {a, b, c}
    assert d.nngp.free_symbols == {k11, k12, k22, sigma2, beta}
    assert d.ntk.free_symbols == {k11, k12, k22, sigma02, beta}
    assert d.ndk.free_symbols == {k11, k12, k22, t, s, T, sigma2, sigma02, beta}


def test_ways_to_name_an_activation():
    z = Symbol("z", real=True)
    same = [derive(given).duals[0].K for given in ("gelu", "u*(1+erf(u/sqrt(2)))/2", z * (1 + erf(z / sqrt(2))) / 2)]
    assert len(set(same)) == 1
    record = derive("gelu").activations[0]
    assert derive(record).activations == (record,)


def test_one_activation_per_layer():
    d = derive(["erf", "relu", "erf"])
    assert [each.name for each in d.activations] == ["erf", "relu", "erf"]
    assert d.duals[0] is d.duals[2]
    assert derive(("erf", "relu"), depth=2).depth == 2


def test_no_closed_form_is_none_everywhere():
    d = derive(["relu", "tanh"], bias=True)
    assert not d.closed_form
    assert d.nngp is d.ntk is d.ndk is d.prior_covariance is d.injected is None
    assert d.identities == ()
    assert d.duals[1].K is None
    assert "no closed form" in str(d)


def test_a_jump_leaves_the_nngp_only():
    d = derive(["relu", "sign"])
    assert d.nngp is not None
    assert d.prior_covariance is not None
    for name in ("ntk", "ndk"):
        with pytest.raises(DivergentKernelError, match=r"'sign' of hidden layer 2 jumps at x = 0"):
            getattr(d, name)
    assert "infinite" in str(d)
    assert "infty" in d.latex()


def test_a_jump_without_closed_form_is_still_a_jump():
    with pytest.raises(DivergentKernelError, match="jumps"):
        _ = derive("tanh(x) + sign(x)").ntk


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("relu", 0), InputError, "depth must be between 1"),
        (("relu", -1), InputError, "-1"),
        (("relu", MAX_DEPTH + 1), InputError, str(MAX_DEPTH)),
        (("relu", True), InputTypeError, "integer"),
        (("relu", 1.5), InputTypeError, "1.5"),
        (("relu", "2"), InputTypeError, "'2'"),
        (("relu", 1, 1), InputTypeError, "bias must be True or False"),
        (("relu", 1, None), InputTypeError, "bias"),
        (([],), InputError, "not 0"),
        ((["relu"] * 3, 2), InputError, "depth = 2"),
        ((["relu", ["erf"]],), NdksymError, ""),
        ((None,), NdksymError, ""),
        ((3,), NdksymError, ""),
        (("exp(x**4)",), NotDerivableError, ""),
        (("3",), InputError, ""),
        (("1/0",), InputError, ""),
    ],
)
def test_bad_input(arguments, error, says):
    with pytest.raises(error) as caught:
        derive(*arguments)
    assert says in str(caught.value)
    assert isinstance(caught.value, ValueError | TypeError)


def test_a_derivation_is_a_value():
    d = derive("relu", 2)
    assert d == derive("relu", 2)
    assert d != derive("relu", 2, bias=True)
    assert hash(d) == hash(derive("relu", 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        d.bias = True
    with pytest.raises(InputError, match="one dual kernel for each"):
        Derivation(d.activations, d.duals[:1], bias=False)


def test_kernels_are_written_out_only_when_asked_for():
    d = derive("gelu", 3)
    assert not {"nngp", "ntk", "ndk"} & d.__dict__.keys()
    first = d.ntk
    assert d.ntk is first
    assert "ndk" not in d.__dict__


def test_depth_costs_nothing_until_written_out():
    d = derive("gelu", 40, bias=True)
    assert is_large(d.nngp, 10**5)
    assert "C^41" in str(d)
    assert "C^{41}" in d.latex()
    assert len(d.steps) > 4 * 40


# steps and text


def at(K, *where):
    return K.subs(dict(zip((a, b, c), where, strict=True)), simultaneous=True)


def test_steps_lead_from_the_activation_to_the_ndk():
    d = derive(["erf", "relu"], bias=True)
    rules = [step.rule for step in d.steps]
    assert rules[-1].startswith("T6")
    assert sum(rule.startswith("T3") for rule in rules) == 3
    assert sum(rule.startswith("T5, layer") for rule in rules) == 8
    # the recorded layers, put into one another, are the kernels
    values = {step.before: step.after for step in d.steps if step.rule.startswith(("T3", "T5"))}
    value = d.steps[-1].after
    for name in reversed(values):
        value = substitute(value, {name: values[name]})
    for n, each in enumerate(d.duals, 1):
        value = value.replace(Function(f"Kdot_{n}"), partial(at, each.K_dot))
        value = value.replace(Function(f"K_{n}"), partial(at, each.K))
    assert is_zero(value - d.ndk).holds
    assert "layer 1: tangent" not in " ".join(step.rule for step in derive("sign").steps)


def test_text_shows_the_derivation():
    text = str(derive("erf", bias=True))
    for part in (
        "depth 1, with biases",
        "φ = erf(x)",
        "K = 2*asin(",
        "K_dot = ",
        "Θ^(l+1) = ",
        "NNGP = sigma2*",
        "NDK(t,s) = ",
    ):
        assert part in text
    assert "finite only for variances below 2" in str(derive("exp(x**2/8)"))


@pytest.mark.parametrize("names", [("relu",), ("erf", "gelu"), ("tanh",), ("sign",), ("exp(x**2/8)",)], ids="-".join)
def test_latex_is_well_formed(names):
    d = derive(list(names), bias=True)
    source = d.latex()
    assert source.startswith("\\begin{aligned}")
    assert source.endswith("\\end{aligned}")
    assert source.count("{") == source.count("}")
    assert source.count(r"\left") == source.count(r"\right")
    assert not re.search(r"sigma0?2|k_\{?1\d\d|beta\d|\^\{?[^{}]*\}?\^", source)
    assert all(row.count("&") == 1 for row in source.splitlines()[1:-1])
    shown = d._repr_latex_()
    assert shown.startswith("$\\displaystyle " + source.removesuffix("\n\\end{aligned}"))
    assert shown.count("{") == shown.count("}")


@pytest.mark.parametrize("names", [("relu",), ("erf", "gelu"), ("tanh",), ("sign",), ("hard_tanh",)], ids="-".join)
@pytest.mark.parametrize("bias", [False, True])
def test_a_notebook_defines_every_letter(names, bias):
    shown = derive(list(names), bias=bias)._repr_latex_()
    plain = "left|right|quad|qquad|big|frac|sqrt|displaystyle|in|cdot|pi"
    words = rf"\\(?:text|operatorname|begin|end|mathrm)\{{[^{{}}]*\}}|\\(?:{plain})(?![a-z])"
    math = re.sub(words, " ", shown)
    letters = set(re.findall(r"\\(?:dot|mathbb|mathbf)\{\w\}|\\[a-zA-Z]+|[a-zA-Z](?:_(?:\w|\{\w+\}))?", math))
    letters -= {r"\infty", r"\leq", r"\max", r"\min", r"\arcsin", r"\arccos", r"\tanh", r"\sinh", r"\sign", "e", "d"}
    defined = {
        r"\phi", "K", r"\dot{K}", r"\mathbb{E}", "u", "v", "a", "b", "c", r"\mathbf{x}", r"\mathbb{R}", "N_0", "k_{11}", "k_{12}",
        "k_{22}", "C", r"\Theta", "l", "t", "s", "m", "T", r"\sigma", "x", "i_l", r"\beta", r"\Phi", "h", "k", "P", "Z_1", "Z_2",
        r"\rho",
    }  # fmt: skip
    letters = {re.sub(r"^(K|\\phi)_.*", r"\1", letter) for letter in letters}
    assert letters <= defined
    assert (r"\beta \text{: scale" in shown) == bias
    assert (r"\Theta^{l} \text{: " in shown) == (names != ("sign",))
    for letter in (
        "k_{12} = ",
        r"C^{l}",
        r"m(t, s) \text{: ",
        r"T \text{: ",
        r"\sigma^{2} \text{: ",
        r"\mathbb{E}u^2 = a",
    ):
        assert letter in shown


def test_variances_are_squares_to_a_reader():
    assert tex(sigma2**2 * sigma02) == r"\sigma^{4} \sigma_{0}^{2}"
    assert tex(sqrt(sigma2) * beta) == r"\beta \sigma"


def test_sympy_prints_the_variances_as_they_stand():
    d = derive("relu")
    assert r"\sigma_0^2" in sympy.latex(d.ntk)
    assert r"\sigma^2" in sympy.latex(d.nngp)
    assert sympy.latex(sigma2, symbol_names={sigma2: "v"}) == "v"
    for symbol in (sigma2, sigma02):
        plain = Symbol(symbol.name, positive=True)
        assert plain == symbol == plain
        assert hash(plain) == hash(symbol)
        assert plain != symbol + 1
        assert symbol != Symbol(symbol.name)
        assert symbol != 1
        assert sympy.S(sympy.srepr(symbol)) == symbol == pickle.loads(pickle.dumps(symbol))
        assert plain.compare(symbol) == 0
    assert sympy.S(sympy.srepr(d.ntk)) == d.ntk == pickle.loads(pickle.dumps(d.ntk))


def test_latex_takes_other_symbols():
    source = derive("relu", bias=True).latex(
        symbols={"sigma2": r"\sigma_w^2", "beta": r"\gamma", "k12": "q", "T": r"\tau"}
    )
    assert r"\sigma_w^{2}" in source
    assert not re.search(r"\\sigma\^|\\beta|k_\{12\}|\bT\b", source)
    assert r"\sigma_w^{4}" in tex_of_square(r"\sigma_w^2")
    assert "arccos" in source
    with pytest.raises(InputError, match=r"'sigm2'.*'sigma2'"):
        derive("relu").latex(symbols={"sigm2": "s"})
    with pytest.raises(InputTypeError, match="symbols"):
        derive("relu").latex(symbols={"sigma2": 1})


def tex_of_square(sigma):
    return Notation.of({"sigma2": sigma}).tex(sigma2**2)


@pytest.mark.parametrize("each", CASES, ids=IDS)
def test_shown_formulas_are_equal_to_those_kept(each):
    d = each.derivation
    kept = [expr for dual in d.duals for expr in (dual.K, dual.K_dot)] + [d.nngp, None if d.diverges else d.ntk]
    for expr in dict.fromkeys(expr for expr in kept if expr is not None):
        shown = readable(expr)
        assert shown == expr or is_zero(shown - expr, each_domain(d)).holds
        assert shown.count_ops() <= expr.count_ops() or shown == expr


def each_domain(d):
    reach = [dual.reach for dual in d.duals if dual.reach is not None]
    small = min([1, *reach]) / sympy.Integer(8)
    ranges = {name: (sympy.Integer(0), small) for name in (k11, k22, beta, sigma2, sigma02, a, b)} if reach else {}
    return Domain(ranges, (k12**2 < k11 * k22, c**2 < a * b))


def test_powers_of_the_variance_stand_outside_the_root():
    text = str(derive("relu"))
    assert "NNGP = sigma2**2*(" in text
    assert "sqrt(k11*k22 - k12**2)" in text
    assert r"\sqrt{k_{11} k_{22} - k_{12}^{2}}" in derive("relu").latex()


def test_values_by_name():
    d = derive("relu", 2, bias=True)
    half = sympy.Rational(1, 2)
    point = {sigma2: 1, k12: half, beta: 0}
    e = d.subs(sigma2=1, k12=half, beta=0)
    assert isinstance(e, Derivation)
    assert e.nngp == d.nngp.xreplace({name: sympy.sympify(value) for name, value in point.items()})
    assert not e.ndk.free_symbols & point.keys()
    assert e.subs(k11=1, k22=1).nngp.is_number
    assert e.duals == d.duals
    assert d.duals[0].K.xreplace({a: sympy.Integer(1)}) == d.subs(a=1).duals[0].K
    assert d.subs(sigma02=sigma2).ntk.free_symbols == {k11, k12, k22, sigma2, beta}
    assert derive("tanh").subs(sigma2=1).nngp is None
    assert repr(e) == f"{d!r}.subs(sigma2=1, k12=1/2, beta=0)"
    for name in ("compile", "verify"):
        with pytest.raises(InputError, match=f"use {name} of Derivation"):
            getattr(e, name)()


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"sigm2": 1}, InputError, "'sigma2'"),
        ({"sigma2": -1}, InputError, "positive"),
        ({"k11": sympy.oo}, InputError, "finite"),
        ({"k12": sympy.I}, InputError, "real"),
        ({"beta": -1}, InputError, "nonnegative"),
        ({"k12": "1/2"}, InputTypeError, "k12"),
        ({"k12": None}, InputTypeError, "k12"),
    ],
)
def test_values_that_a_symbol_cannot_have(values, error, says):
    with pytest.raises(error, match=says):
        derive("relu").subs(**values)


def test_a_repr_is_one_short_line():
    assert repr(derive("gelu", 3, bias=True)) == "Derivation('gelu', depth=3, bias=True)"
    assert repr(derive(["erf", "relu"])) == "Derivation(['erf', 'relu'], depth=2, bias=False)"


@pytest.mark.parametrize(
    ("name", "key"), [("relu", "cho2009"), ("erf", "williams1997"), ("hard_tanh", "owen1956"), ("tanh", "lee2018")]
)
def test_what_a_derivation_cites(name, key):
    text = derive(name).cite()
    assert key in text
    assert "2309.04522" in text
    assert text.count("{") == text.count("}")
    assert len(re.findall(r"^@\w+\{\w+,$", text, re.MULTILINE)) == len(re.findall(r"^\}$", text, re.MULTILINE))
    assert "jacot" not in derive("sign").cite()


# the pieces under it


def test_planting_puts_together_without_evaluating():
    f = Function("f")
    big = sum((f(x + i) for i in range(30)), sympy.Integer(0))
    kept = substitute(sympy.sinh(a) * sqrt(b) + c, {a: big, b: x**2})
    assert kept.has(sympy.sinh(big))
    assert kept.xreplace({x: x}).doit() == sympy.sinh(big) * sqrt(x**2) + c
    assert substitute(sqrt(a), {a: b**2}) == b


# cases


def test_cases_are_spread_over_the_class():
    assert len(CASES) >= 12
    kinds = {each.id: each.derivation for each in CASES}
    assert any(not d.closed_form for d in kinds.values())
    assert any(d.diverges for d in kinds.values())
    assert any(len(set(d.activations)) > 1 for d in kinds.values())
    assert {d.depth for d in kinds.values()} == {1, 2, 3}
    assert {d.bias for d in kinds.values()} == {True, False}
    assert any(d.activations[0].reach is not None for d in kinds.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backends": ("numpy", "cobol")}, "backends must be a tuple of some of c, latex, numpy"),
        ({"backends": "numpy"}, "backends must be a tuple"),
        ({"outputs": ("kernel",)}, "outputs must be some of nngp, ntk, ndk"),
        ({"claims": lambda d: (d.duals[0].K, d.duals[0].K)}, r"claims\(d\) must yield Claim\(name, left, right\)"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_wrong_case_is_refused_with_its_file(change, message):
    with pytest.raises(InputError, match=rf"relu.py: {message}"):
        _ = dataclasses.replace(CASES[IDS.index("relu")], **change).claimed


@pytest.mark.parametrize("each", CASES, ids=IDS)
def test_claims_of_a_case_are_met(each):
    for claim in each.claimed:
        assert claim.met(), (claim.name, claim.check())
        assert claim.digits().kind == "supported", claim.name
    if each.derivation.closed_form:
        assert each.claimed


@pytest.mark.parametrize("each", CASES, ids=IDS)
def test_outputs_of_a_case_are_the_kernels_that_exist(each):
    d = each.derivation
    assert each.outputs == (("nngp",) if d.diverges else OUTPUTS)
    for name in each.outputs:
        assert (getattr(d, name) is not None) == d.closed_form


@pytest.mark.parametrize("each", CASES, ids=IDS)
def test_a_case_is_mathematics_only(each):
    source = each.path.read_text()
    assert 10 <= len(source.splitlines()) <= 26
    assert each.references
    assert not re.search(r"\b(while|open|print|import os|numpy as|tolerance|assert)\b", source)
    assert not re.search(r"^\s*for ", source, re.MULTILINE)


def test_loading_cases_derives_nothing():
    code = (
        "import sys; from ndksym.cases import cases; cs = cases(); print(any('derivation' in c.__dict__ for c in cs))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_case_by_name():
    assert case("gelu").derivation.depth == 3
    with pytest.raises(InputError, match=r"no case 'nope'.*relu"):
        case("nope")


def test_a_case_must_be_complete(tmp_path):
    (tmp_path / "bad.py").write_text('"""A case."""\nactivation = "relu"\n')
    with pytest.raises(InputError, match="claims"):
        cases(tmp_path)
    good = (CASES[0].path).read_text()
    (tmp_path / "bad.py").write_text(good.replace('("nngp", "ntk", "ndk")', '("nngp", "kernel")'))
    with pytest.raises(InputError, match="outputs"):
        cases(tmp_path)
    (tmp_path / "bad.py").write_text(good[good.index('"""', 3) + 3 :])
    with pytest.raises(InputError, match="docstring"):
        cases(tmp_path)
    (tmp_path / "bad.py").rename(tmp_path / "not-a-name.py")
    with pytest.raises(InputError, match="identifier"):
        cases(tmp_path)


def test_a_wrong_claim_fails(tmp_path):
    source = case("erf").path.read_text()
    (tmp_path / "erf.py").write_text(source.replace("2 * c / sqrt(", "3 * c / sqrt("))
    (wrong,) = cases(tmp_path)
    assert [claim.met() for claim in wrong.claimed] == [False, True, True]


def test_duals_are_the_engines():
    d = derive("relu")
    assert d.duals == (dual(d.activations[0]),)
