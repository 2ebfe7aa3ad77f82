"""What parses has a kernel or an error that says why: texts that once broke the way from a text to numbers, each with the value
that quadrature of its own meaning gives, and a sample of the whole grammar (all of it: python -m tests.bench.grammar)."""

import warnings
from random import Random

import mpmath
import numpy as np
import pytest
from sympy import Float

import ndksym
from ndksym.activation.activation import activation
from ndksym.errors import DivergentKernelError, NdksymError, NotDerivableError
from tests import grammar
from tests.generated_code import strict  # noqa: F401 (a fixture)

ROWS = np.array([[1.1, 0.4], [0.3, -0.9], [0.2, 0.3]])
NORMS = np.sqrt((ROWS**2).mean(axis=1))

PHI = (np.sqrt(5) + 1) / 2
CUBIC = -1.324717957244746  # of x³ − x + 1
TEXTS = {
    # irrational numbers in what is factored
    "x*tanh(sqrt(2/pi)*(x+0.044715*x**3))/2+x/2": (),
    "sqrt(pi)*tanh(x)": (),
    "Max(0,x-sqrt(pi))": (np.sqrt(np.pi),),
    "Heaviside(x**2-pi)": (-np.sqrt(np.pi), np.sqrt(np.pi)),
    "Max(0,exp(-x**2)-1/2)": (-np.sqrt(np.log(2)), np.sqrt(np.log(2))),
    "sqrt(2*pi/(pi-1))*(Max(0,x)-1/sqrt(2*pi))": (0,),
    "sigmoid(sqrt(8/pi)*x)": (),
    "x*erf(log(1+exp(x)))": (),
    "Max(0,x-cos(1))": (np.cos(1),),
    "x*exp(-1)*sqrt(2)": (),
    "gabor(1)*x": (),
    "erf(x)/sqrt(pi-1)": (),
    "Max(0,x)+gelu(x+1)": (0,),
    "1/tanh(1)-tanh(x)": (),
    # zeros that cancel, and poles that do
    "x-sin(x)": (),
    "x-tanh(x)": (),
    "x-atan(x)": (),
    "2*sigmoid(x)-1-x/2": (),
    "sin(x)/x": (),
    "Piecewise((1, Eq(x,0)), (sin(x)/x, True))": (),
    "sin(x-1)/(x-1)": (),
    "x/(exp(x)-1)": (),
    # roots at which φ is 0
    "Max(0,x**2-x-1)": (1 - PHI, PHI),
    "abs(x**3-x+1)": (CUBIC,),
    "Max(x**3-x,-1)": (CUBIC,),
    "Max(0,x**3+x-1)": (0.6823278038280193,),
    "Max(0,sinh(x)-1)": (np.arcsinh(1),),
    "Max(0,erf(x)-1/2)": (0.4769362762044699,),
    "abs(erf(x)-1/2)": (0.4769362762044699,),
    "Max(0,Phi(x)-1/3)": (-0.4307272992954576,),
    # the rest of the grammar
    "asinh(x)": (),
    "Piecewise((x, And(x>-1, x<2)), (0, True))": (-1, 2),
    "Piecewise((x, Not(x <= -1 or x >= 2)), (0, True))": (-1, 2),
    "log(1/(1+exp(-x)))": (),
    "x-softsign(x)": (0,),
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_value_is_that_of_quadrature(text):
    phi = grammar.meaning(text)
    kernel = ndksym.derive(text).compile("numpy")
    K = kernel.nngp(ROWS)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        rho = float((ROWS[i] * ROWS[j]).mean() / (NORMS[i] * NORMS[j]))
        true = grammar.kernel(phi, TEXTS[text], NORMS[i], NORMS[j], rho, size=16)
        scale = np.sqrt(K[i, i] * K[j, j])
        assert K[i, j] == pytest.approx(true, abs=3e-12 * scale)
        assert K[i, i] == pytest.approx(grammar.square(phi, TEXTS[text], NORMS[i]), rel=3e-12)


@pytest.mark.parametrize(
    "text", ["Max(0,x-sqrt(pi))", "sqrt(2*pi/(pi-1))*(Max(0,x)-1/sqrt(2*pi))", "x-sin(x)", "asinh(x)"]
)
def test_both_backends_agree(text):
    d = ndksym.derive(text)
    numpy, c = d.compile("numpy"), d.compile("c")
    np.testing.assert_allclose(c.nngp(ROWS), numpy.nngp(ROWS), rtol=1e-14)
    np.testing.assert_allclose(c.ntk(ROWS), numpy.ntk(ROWS), rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "order", "coefficient"),
    [("x-sin(x)", 3, "1/6"), ("x-tanh(x)", 3, "1/3"), ("2*sigmoid(x)-1-x/2", 3, "-1/24"), ("exp(x)-1-x", 2, "1/2"),
     ("log(1+x**2)/x", 1, "1"), ("tanh(x)-sin(x)", 3, "-1/6")],
)  # fmt: skip
def test_what_vanishes_keeps_its_digits(text, order, coefficient):
    """At |x| ~ 1e-6 the kernel is that of the leading term, E (c uⁿ)(c vⁿ), to the next order."""
    kernel = ndksym.derive(text).compile("numpy")
    a = (1e-6 * NORMS[0]) ** 2
    moment = {1: 1, 2: 3, 3: 15}[order]
    lead = float(mpmath.mpf(eval(coefficient)))
    assert kernel.nngp(1e-6 * ROWS)[0, 0] == pytest.approx(lead**2 * moment * a**order, rel=1e-5)


def test_a_closed_form_serves_every_layer():
    """exp(x²/20) grows past the reach of any panels; its own formula is left, and at depth 2 it is 50 digits of SymPy's."""
    d = ndksym.derive("exp(0.05*x**2)", depth=2)
    names = {str(symbol): symbol for symbol in d.nngp.free_symbols}
    kernel = d.compile("numpy")
    X = np.array([[1.0, 1.0], [0.0, np.sqrt(2)]])
    assert kernel.nngp(X, variance=2.0)[0, 1] == pytest.approx(2.86960657, abs=1e-8)
    for o in (-0.999, 0.0, 0.5, 0.9, 0.999999):
        for length in (1.0, 0.7, 1e-3):
            X = np.sqrt(2) * np.array([[1.0, 0.0], [length * o, length * np.sqrt(1 - o * o)]])
            G = X @ X.T / 2
            at = {"k11": Float(G[0, 0], 40), "k22": Float(G[1, 1], 40), "k12": Float(G[0, 1], 40), "sigma2": 3}
            true = float(d.nngp.subs({names[name]: number for name, number in at.items()}).evalf(25))
            assert kernel.nngp(X, variance=3.0)[0, 1] == pytest.approx(true, rel=1e-13)


def test_a_root_has_an_nngp_kernel_and_no_ntk():
    """E √|uv| = √(2pq) Γ(¾)² ₂F₁(−¼, −¼; ½; ρ²)/π: the Gaussian moments of a homogeneous function."""
    d = ndksym.derive("sqrt(abs(x))")
    kernel = d.compile("numpy")
    K, G = kernel.nngp(ROWS), ROWS @ ROWS.T / 2
    for i, j in ((0, 1), (0, 2), (0, 0)):
        p, q = NORMS[i], NORMS[j]
        rho = G[i, j] / (p * q)
        true = mpmath.sqrt(2 * p * q) * mpmath.gamma(0.75) ** 2 / mpmath.pi * mpmath.hyp2f1(-0.25, -0.25, 0.5, rho**2)
        assert K[i, j] == pytest.approx(float(true), rel=1e-11)
    assert d.diverges
    for refused in (lambda: kernel.ntk(ROWS), lambda: d.ntk):
        with pytest.raises(DivergentKernelError):
            refused()


def test_which_roots_are_rough():
    assert activation("sqrt(Abs(x))").rough == (0,)
    assert activation("Abs(x)**(3/5)").rough == ()
    assert activation("sqrt(Abs(x))").discontinuities == ()
    assert activation("Heaviside(x)").rough == (0,)
    assert activation("relu").rough == ()


@pytest.mark.parametrize("text", ["Max(0,x-1)", "Max(0,x-10)", "Piecewise((x,x>0),(sin(x)/10,True))"])
def test_no_right_formula_is_refuted(text):
    found = ndksym.derive(text).verify(rungs=["precise", "oracle", "laws"], quick=True)
    assert [each for each in found if each.failed] == []


def test_a_wrong_formula_is_still_refuted():
    from dataclasses import replace

    from ndksym.verify import digits, points

    right = ndksym.derive("Max(0,x-1)").duals[0]
    wrong = replace(right, K=right.K * (1 + Float("1e-20", 40)))
    assert [e.verdict for e in digits.precise([right], points.QUICK)] == ["supported"]
    assert [e.verdict for e in digits.precise([wrong], points.QUICK)] == ["refuted"]
    assert [e.verdict for e in digits.certified([wrong], points.QUICK)] == ["refuted"]


def test_a_closed_form_that_would_take_minutes_is_left_to_quadrature():
    number = "sqrt(pi)+2**(1/3)*x"
    text = f"Max(0,{number}-cos(1))+Max(0,x-exp(-1))*x+Max(0,x-log(2))*x**2+Max(0,x+erf(1))+Max(0,x-atan(3))*x**3"
    d = ndksym.derive(text)
    assert d.closed_form or "irrational constants" in d.duals[0].reason


SAMPLE = (2, 4, 11, 26, 45, 57, 60, 67)


@pytest.mark.parametrize("n", SAMPLE)
def test_a_text_of_the_grammar_is_right_or_refused(n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = grammar.check(grammar.text(Random(f"10:{n}")))
    assert found.word in ("right", "refused"), found.detail


def test_the_grammar_is_drawn_from_as_a_whole():
    """Every function, every name and every condition of the sample's grammar turns up in the first texts."""
    texts = " ".join(grammar.text(Random(f"10:{n}")) for n in range(600))
    for word in (
        "Piecewise",
        "And(",
        "Or(",
        "Not(",
        "Ne(",
        "erfc",
        "asinh",
        "He(3",
        "sqrt(Abs(",
        "sin(",
        "-1 < x",
        "E",
        "selu",
    ):
        assert word in texts
    assert not any(
        isinstance(error, Exception) and not isinstance(error, NdksymError) for error in map(_parsed, range(150))
    )


def _parsed(n):
    from ndksym.activation.parser import parse

    try:
        return parse(grammar.text(Random(f"10:{n}")))
    except NdksymError:
        return None


ROOTS = {
    "sqrt(Abs(x))": 0.0, "sqrt(Abs(x-1))": 1.0, "Abs(x)**(9/10)": 0.0, "x*log(Abs(x))": 0.0, "Abs(x-sqrt(2))**(3/2)": 2**0.5,
    "(x-1)*log(Abs(x-1))": 1.0,
}  # fmt: skip
"""φ, and the point where it is singular."""


@pytest.mark.parametrize("text", ROOTS)
def test_roots_and_logarithms_at_any_point(text):
    """Held against a rule in other variables: u = τ ± e^y beside the singular point τ."""
    tau, d = ROOTS[text], ndksym.derive(text)
    kernel = d.compile()
    phi = kernel.layers[0].phi
    y, w = np.polynomial.legendre.leggauss(400)
    y, w = 25 * (y - 1) + 2.5, 25 * w  # e^y from e^-47 to e^2.5
    u = np.concatenate([tau + np.exp(y), tau - np.exp(y)])
    w = np.concatenate([w * np.exp(y)] * 2)
    X = np.array([[1, 0.5], [0.3, -0.7]])
    (a, c), (_, b) = X @ X.T / 2
    density = np.exp(-(b * u[:, None] ** 2 - 2 * c * np.outer(u, u) + a * u[None] ** 2) / (2 * (a * b - c * c)))
    both = density / (2 * np.pi * np.sqrt(a * b - c * c)) * np.outer(w, w)
    assert kernel.nngp(X)[0, 1] == pytest.approx(phi(u) @ both @ phi(u), rel=1e-9, abs=1e-11)
    if not d.diverges:
        slope = kernel.layers[0].dphi(u)
        slope[~np.isfinite(slope)] = 0.0
        assert kernel.ntk(X)[0, 1] == pytest.approx(
            phi(u) @ both @ phi(u) + c * (slope @ both @ slope), rel=1e-7, abs=1e-9
        )


def test_a_root_diverges_alike_wherever_it_is():
    for exponent, infinite in (("1/3", True), ("1/2", True), ("3/5", False), ("3/4", False)):
        for point in ("", "-1", "+sqrt(2)", "-1/7"):
            assert ndksym.derive(f"Abs(x{point})**({exponent})").diverges is infinite
    with pytest.raises(NotDerivableError, match="too fine for float64"):
        ndksym.derive("Abs(x-1)**(3/4)").compile().nngp([[1.0, 0.5]])


@pytest.mark.parametrize(
    ("text", "at_two"),
    [
        ("sqrt(pi*x**2+sqrt(2)*x**2)", 4.268867),
        ("sqrt(x**4+pi*x**2)", 5.344752),
        ("sqrt(pi*x**4+sqrt(2)*x**2)", 7.478124),
        ("Max(0,pi*x**4-3*sqrt(2)*x**2+1)", 34.294920),
        ("sqrt((x-sqrt(2))**2*(x**2+1))", 1.309858),
        ("sqrt(1+(x-E*(sqrt(2)*x**3/sqrt(pi)+sqrt(2/pi))+atan(2)+3/2)**2)", 14.946218),
    ],
)
def test_roots_of_polynomials_with_irrational_coefficients(text, at_two):
    """Even powers come out of the root, and SymPy is not asked for factors that it takes minutes to find."""
    act = activation(text)
    assert float(act.pieces[-1].expr.subs(act.symbol, 2)) == pytest.approx(at_two, rel=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "(2/3)*mish(x-0.044715)", "mish(sqrt(pi)*x**2-cos(1))", "mish(cos(1)*x)/sqrt(pi-1)", "atan(2)*elu(3*x**2-0.7)",
        "log(1+exp((x+sqrt(2))-x**2+x*(x-1)))+x", "tanh(x+softplus(x)/sqrt(pi-1))",
    ],
)  # fmt: skip
def test_texts_of_the_grammar_bench_that_failed_once(text):
    assert grammar.check(text).word == "right"
