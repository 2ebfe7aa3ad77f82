"""Closed forms of Gaussian expectations: against quadrature to 15 digits, against each other, and as printed."""

import mpmath
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import I, Integer, Rational, S, diff, exp, pi, sqrt

from ndksym.activation.activation import Piece, activation
from ndksym.kernels import gaussian
from ndksym.kernels.dual import dual
from ndksym.kernels.gaussian import Atom, Envelope, Gate, OutsideClassError
from ndksym.kernels.gaussian.field import ground_for
from ndksym.symbols import a, b, c, x
from tests.gauss_reference import close, expectation, expectation_1d, numeric

CLASS = [
    *["linear", "square", "cube", "quartic", "quintic", *(f"he{n}" for n in range(1, 7))],
    *["relu", "leaky_relu", "abs", "relu2", "relu3", "relu(x, 4)", "step", "sign"],
    *["erf", "erf(2*x+1/3)", "probit", "gelu", "elu", "selu", "celu(2)", "hard_tanh", "hard_sigmoid", "relu6"],
    *["sin", "cos", "sin_cos", "snake", "exp", "gaussian", "gabor", "x_gauss"],
    *[
        "2*erf(3*x)-x/3",
        "x**3*Heaviside(x-1/2)",
        "x**2*sin(x)",
        "Piecewise((x**2,x>1),(1,True))",
        "Max(x,x/10)",
        "Piecewise((x,x<-1),(x**2,x<1),(0,True))",
    ],
    *["Min(x,3)", "Abs(x-1)", "x**2*erf(x)", "exp(x**2/8)", "x*exp(x)*Heaviside(-x)", "relu(x)+sin(x)"],
    *["exp(-x**2/2)*erf(x)", "relu(x)+cos(x)", "Heaviside(x)+sin(2*x)", "x*exp(x/2)*sin(x)", "exp(-Abs(x))*x"],
    *["x+cos(3*x+1/2)", "Abs(x)**3*exp(-x**2)", "erfc(1-2*x)*x", "Heaviside(x-1)*exp(x**2/8)", "2**x-sinh(x)/3"],
    *[
        "sqrt(3)*sin(sqrt(2)*x)+x/pi",
        "erf(sqrt(pi)*x/2)",
        "Max(x-sqrt(2),0)",
        "exp(1-x)*Heaviside(x)",
        "cosh(x)*exp(-x**2)",
        "Heaviside(1-x)*exp(-x**2/2)+x*Abs(x+1)",
        "erf((1+sqrt(2))*x)+Max(x-1/(1+sqrt(3)),0)",
    ],
]
SQUARES = [(1.0, 0.75, 0.5), (0.5, 1.25, -0.375)]


@pytest.mark.parametrize("name", CLASS)
def test_against_quadrature(name):
    act = activation(name)
    found = dual(act)
    slopes = [Piece(piece.lo, piece.hi, diff(piece.expr, x)) for piece in act.pieces]
    ones = [Piece(piece.lo, piece.hi, S.One) for piece in act.pieces]
    for place in SQUARES:
        assert close(numeric(found.K)(*place), expectation(act.pieces, act.pieces, *place))
        if not found.diverges:
            assert close(numeric(found.K_dot)(*place), expectation(slopes, slopes, *place))
    assert close(numeric(found.K_diag, a)(0.75), expectation_1d(act.pieces, act.pieces, 0.75))
    assert close(numeric(found.mean, a)(0.75), expectation_1d(act.pieces, ones, 0.75))
    if not found.diverges:
        assert close(numeric(found.K_dot_diag, a)(0.75), expectation_1d(slopes, slopes, 0.75))
    certificate(found)


def certificate(found, tolerance=1e-30):
    """T4: ∂K/∂c = K_dot and K(c = 0) = E φ(u) E φ(v), to 30 digits; symmetry; no i."""
    slope, value, mean = numeric(diff(found.K, c)), numeric(found.K), numeric(found.mean, a)
    K_dot = numeric(found.K_dot)
    with mpmath.workdps(40):
        for A, B, C in [(1.0, 0.75, 0.5), (0.5, 1.25, -0.375), (0.25, 0.125, 0.0625)]:
            size = abs(K_dot(A, B, C)) + mpmath.sqrt(abs(value(A, A, 0.875 * A) * value(B, B, 0.875 * B)) / (A * B))
            assert abs(slope(A, B, C) - K_dot(A, B, C)) <= tolerance * size
            assert abs(value(A, B, C) - value(B, A, C)) <= tolerance * size
            product = mean(A) * mean(B)
            assert abs(value(A, B, 0.0) - product) <= tolerance * (size + abs(product))
    for expr in (found.K, found.K_dot, found.K_diag, found.K_dot_diag, found.mean):
        assert not expr.has(I)


@pytest.mark.parametrize(
    ("name", "rho", "digits"),
    [
        ("relu", Rational(1, 2), "0.30449889052211467904449829124491"),
        ("erf", Rational(1, 2), "0.21634689593878545965828888155514"),
        ("gelu", Rational(1, 2), "0.22729491502199153501806676091125"),
    ],
)
def test_certified_anchors(name, rho, digits):
    """T17's anchors, which came from Arb balls."""
    value = dual(name).K.subs({a: 1, b: 1, c: rho}).evalf(40)
    assert abs(value - Rational(digits)) < Rational(1, 10**31)


REAL = st.fractions(-2, 2, max_denominator=6).map(lambda q: Rational(q.numerator, q.denominator))
NONZERO = REAL.filter(lambda q: q != 0)


@st.composite
def term(draw):
    """A random member of the class, as text: coefficient · x^n · one of its functions."""
    at, scale, weight = draw(REAL), draw(NONZERO), draw(NONZERO)
    decay = abs(draw(REAL)) / 2
    function = draw(
        st.sampled_from(
            [
                "1",
                f"Heaviside({scale}*(x-({at})))",
                f"Abs(x-({at}))",
                f"Max(x,{at})",
                f"erf({scale}*x+{at})",
                f"exp(-{decay}*x**2+{at}*x)",
                f"exp({at}*x)*Heaviside(x-({at}))",
                f"exp(-{decay}*x**2)*Heaviside({scale}*(x-({at})))",
                f"exp(-{decay}*x**2)*erf({scale}*x)",
                f"exp(-{decay}*x**2)*sin({scale}*x)",
                f"cos({scale}*x)",
                f"Piecewise((x,x<{at}),({weight},True))",
            ]
        )
    )
    return f"({weight})*x**{draw(st.integers(0, 2))}*{function}"


def check_member(terms):
    act = activation("+".join(terms) + "+x/7")
    found = dual(act)
    if not found.closed_form:  # the two kinds of product that T16 leaves out, and steps against oscillations
        assert any(word in found.reason for word in ("product", "times", "oscillation"))
        return
    certificate(found)
    place = (0.75, 0.5, -0.25)
    assert close(numeric(found.K)(*place), expectation(act.pieces, act.pieces, *place))
    assert close(numeric(found.K_diag, a)(0.5), expectation_1d(act.pieces, act.pieces, 0.5))


RANDOM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "derandomize": True}


@given(st.lists(term(), min_size=1, max_size=2))
@settings(max_examples=8, **RANDOM)
def test_random_members(terms):
    check_member(terms)


@pytest.mark.slow
@given(st.lists(term(), min_size=1, max_size=3))
@settings(max_examples=60, **RANDOM)
def test_more_random_members(terms):
    check_member(terms)


PRINTED = {
    "x**3": "3*c*(3*a*b + 2*c**2)",
    "relu": "(c*(pi - acos(c/(sqrt(a)*sqrt(b)))) + sqrt(a*b - c**2))/(2*pi)",
    "step": "(pi - acos(c/(sqrt(a)*sqrt(b))))/(2*pi)",
    "sign": "2*asin(c/(sqrt(a)*sqrt(b)))/pi",
    "abs": "2*(c*asin(c/(sqrt(a)*sqrt(b))) + sqrt(a*b - c**2))/pi",
    "relu2": "(3*c*sqrt(a*b - c**2) + (pi - acos(c/(sqrt(a)*sqrt(b))))*(a*b + 2*c**2))/(2*pi)",
    "erf": "2*asin(2*c/(sqrt(2*a + 1)*sqrt(2*b + 1)))/pi",
    "probit": "asin(c/(sqrt(a + 1)*sqrt(b + 1)))/(2*pi) + 1/4",
    "gelu": (
        "c*asin(c/(sqrt(a + 1)*sqrt(b + 1)))/(2*pi) + c/4 + "
        "(a*b*(-c**2 + (a + 1)*(b + 1)) + c**2)/(2*pi*(a + 1)*(b + 1)*sqrt(-c**2 + (a + 1)*(b + 1)))"
    ),
    "sin": "exp(-a/2 - b/2)*sinh(c)",
    "sin_cos": "exp(-a/2 - b/2 + c)",
    "snake": "c + exp(-2*a - 2*b)*cosh(4*c)/4 + 1/4 - exp(-2*b)/4 - exp(-2*a)/4",
    "exp": "exp(a/2 + b/2 + c)",
    "gaussian": "1/sqrt(-4*c**2 + (2*a + 1)*(2*b + 1))",
    "exp(-Abs(x))": (
        "2*exp(a/2 + b/2 - c)*Phi2(-(a - c)/sqrt(a), -(b - c)/sqrt(b), -c/(sqrt(a)*sqrt(b))) + "
        "2*exp(a/2 + b/2 + c)*Phi2(-(a + c)/sqrt(a), -(b + c)/sqrt(b), c/(sqrt(a)*sqrt(b)))"
    ),
    "exp(-x**2/2)*erf(x)": (
        "2*asin(2*c/(sqrt(-3*c**2 + (a + 1)*(3*b + 1))*sqrt(-3*c**2 + (3*a + 1)*(b + 1))))"
        "/(pi*sqrt(-c**2 + (a + 1)*(b + 1)))"
    ),
}


@pytest.mark.parametrize("name", PRINTED)
def test_printed_form(name):
    assert str(dual(name).K) == PRINTED[name]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("tanh(x)", "tanh(x) is no sum"),
        ("1/(1+exp(-x))", "divides by something"),
        ("erf(x)**2", "product of two normal distribution functions"),
        ("erf(x)*Heaviside(x)", "a step at 0 times a normal distribution function"),
        ("sin(x**2)", "the argument of sin(x**2) is not linear"),
        ("exp(-x**4)", "is not quadratic"),
        ("Heaviside(x)*sin(x)", "complex bivariate normal"),
        ("Max(x,1)+sin(x)", "complex erf"),
    ],
)
def test_an_honest_none_names_the_reason(text, reason):
    found = dual(text)
    assert found.K is None
    assert reason in found.reason


def test_none_is_for_the_kernel_only():
    assert gaussian.decompose(activation("tanh(x)")) is None
    assert "tanh" in gaussian.why_not(activation("tanh(x)"))
    assert len(gaussian.decompose(activation("Heaviside(x)*sin(x)"))) == 2


def test_expectation_of_two_different_functions():
    relu, odd = (gaussian.decompose(activation(text)) for text in ("Max(0,x)", "x**3"))
    assert gaussian.expectation(relu, odd) == gaussian.expectation(odd, relu).subs({a: b, b: a}, simultaneous=True)
    assert gaussian.expectation(relu, odd) == 3 * b * c / 2
    assert gaussian.diagonal(relu, odd) == 3 * a**2 / 2
    assert gaussian.mean(relu) == sqrt(a) / sqrt(2 * pi)


def test_a_pair_of_opposite_steps_is_an_interval():
    up = [Atom(S.One, 0, Envelope(gate=Gate(Integer(-1), S.Zero, 1)))]
    down = [Atom(S.One, 0, Envelope(gate=Gate(Integer(1), S.Zero, -1)))]
    beyond = [Atom(S.One, 0, Envelope(gate=Gate(Integer(-2), S.Zero, -1)))]
    inside = gaussian.diagonal(up, down)
    assert abs(inside.subs(a, 1).evalf(20) - Rational("0.68268949213708589717")) < 1e-18
    assert gaussian.diagonal(up, beyond) == 0
    mass = [Atom(S.One, 0, Envelope(gate=Gate(S.Zero, S.Zero, 1, pinned=True)))]
    with pytest.raises(ValueError, match="point mass"):
        gaussian.diagonal(up, mass)


def test_atoms_are_what_they_say():
    grown = ("exp(2)*x - exp(3)*erf(x)", "x/(sinh(x+1) + cosh(x+1))**2")
    for text in ("gelu", "hard_tanh", "elu", "x*exp(-x**2+x/2)*erf(1-x)", "exp(x+1)*sin(2*x+1)", *grown):
        act = activation(text)
        total = sum(atom.expr(x) for atom in gaussian.decompose(act))
        for place in (Rational(-17, 10), Rational(-1, 3), Rational(2, 5), Rational(9, 4)):
            assert abs((total - act.expr).subs(x, place).evalf(30)) < 1e-25


def test_gates_are_checked():
    with pytest.raises(ValueError, match="no gate"):
        Gate(S.Zero, S.Zero, 2)
    with pytest.raises(ValueError, match="no gate"):
        Gate(S.Zero, Integer(-1), 1)
    one = Envelope(gate=Gate(S.Zero, S.One, 1))
    with pytest.raises(OutsideClassError, match="product of two"):
        one * one


def test_growth_stays_on_the_right_branch_of_every_root():
    """exp(x²/8): radicands such as 2 − a must keep their sign up to the limit of the domain."""
    found = dual("exp(x**2/8)")
    assert found.K_diag == sqrt(2) / sqrt(2 - a)
    assert found.K_dot_diag.subs(a, Rational(15, 8)).evalf() > 0
    assert dual("exp(x)").K_diag == exp(2 * a)


@pytest.mark.parametrize("side", [1, -1])
def test_a_pinned_gate_is_the_slope_of_an_open_one(side):
    for width in (Rational(1, 2), Integer(3)):
        gate, pinned = (Gate(Rational(1, 3), width, side, pinned=word) for word in (False, True))
        for place in (Rational(-7, 5), Rational(1, 2)):
            slope = diff(gate.expr(x), x) - side * pinned.expr(x)
            assert abs(slope.subs(x, place).evalf(30, chop=False)) < 1e-28


@pytest.mark.parametrize("name", ["x*exp(x**2/3)*Heaviside(x)", "Heaviside(x-1)*exp(x**2/2)", "exp(x**2/3-x)*Max(x,0)"])
def test_signs_are_read_off_inside_the_domain_however_small_it_is(name):
    """Fast growth shrinks the domain: the sample point at which radicands get their sign must shrink with it."""
    act, place = activation(name), (0.25, 0.125, 0.0625)
    found = dual(act)
    assert close(numeric(found.K)(*place), expectation(act.pieces, act.pieces, *place))
    assert close(numeric(found.K_diag, a)(0.25), expectation_1d(act.pieces, act.pieces, 0.25, spread=18.0))


def test_opposite_steps_leave_the_angle_between_them():
    up, down = (gaussian.decompose(activation(text)) for text in ("Heaviside(x)", "Heaviside(-x)"))
    assert str(gaussian.expectation(up, down)) == "acos(c/(sqrt(a)*sqrt(b)))/(2*pi)"
    ramp, fall = (gaussian.decompose(activation(text)) for text in ("Max(x,0)", "Max(-x,0)"))
    assert str(gaussian.expectation(ramp, fall)) == "(-c*acos(c/(sqrt(a)*sqrt(b))) + sqrt(a*b - c**2))/(2*pi)"


@pytest.mark.parametrize("growth", [Integer(0), Rational(1, 8), Rational(3, 16), Integer(5)])
def test_signs_are_read_off_where_the_kernel_is_finite(growth):
    """E e^{α(u² + v²)} is finite where (1 − 2αa)(1 − 2αb) > 4α²c², and both variances below 1/2α."""
    p, q, r = ground_for([], growth).sample[:3]
    growth = mpmath.mpf(growth.p) / growth.q
    assert min(p, q) > 0
    assert p * q > r * r
    assert max(2 * growth * p, 2 * growth * q) < 1
    assert (1 - 2 * growth * p) * (1 - 2 * growth * q) > 4 * growth**2 * r * r
