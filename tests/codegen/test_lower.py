"""Lowered terms: equal to the closed form in exact arithmetic, and free of cancellation where they are said to be."""

import mpmath as mp
import pytest
from sympy import Rational, acos, erfi, exp, expand, gamma, oo, pi, sin, sqrt, symbols

from ndksym.activation.activation import activation
from ndksym.algebra.bivariate_normal import Phi2
from ndksym.codegen import functions as v
from ndksym.codegen import homogeneous
from ndksym.codegen.backends.base import literal
from ndksym.codegen.closed_form import Algebra
from ndksym.codegen.lower import lower
from ndksym.codegen.positivity import Value, polynomial
from ndksym.codegen.program import program
from ndksym.errors import NotDerivableError
from ndksym.kernels.dual import dual
from ndksym.symbols import a, b, c
from tests.closed_forms import KERNELS, typed
from tests.programs import at, closed, run, value

POINTS = [(0.7, 0.9, 0.4), (0.5, 0.5, 1.45), (1.1, 0.3, 0.75), (0.2, 0.21, 0.01)]
"""p, q, θ/2."""
DERIVED = ["elu", "hard_tanh", "relu3", "leaky_relu", "snake", "he4", "erf(2*x + 1/3)", "x*sin(2*x)*exp(-x**2/3)",
           "exp(x)*erf(x)", "x**2*erf(x)", "sin(x) + Heaviside(x)", "exp(x/2)*sin(x)", "exp(-Abs(x))", "exp(x**2/8)"]  # fmt: skip


def state(p, q, half):
    """Symbols of a pair's state → mpf, at the working precision."""
    p, q, half = mp.mpf(p), mp.mpf(q), mp.mpf(half)
    s, k = mp.sin(half), mp.cos(half)
    return {v.p: p, v.q: q, v.c: p * q * mp.cos(2 * half), v.s: s, v.k: k}


def source(name):
    return typed(name) if name in KERNELS or name == "elu_dot" else dual(activation(name))


@pytest.mark.parametrize("name", [*KERNELS, "elu_dot", *DERIVED])
def test_the_terms_sum_to_the_closed_form(name):
    it = source(name)
    pair = program("pair", (v.p, v.q, v.c, v.s, v.k), {"K": lower(it.K), "K_dot": lower(it.K_dot)})
    finite = [expr for expr in (it.K_diag, it.K_dot_diag) if expr != oo]
    diagonal = program("diagonal", (v.p,), {f"y{n}": lower(expr) for n, expr in enumerate(finite)})
    with mp.workdps(30):
        for p, q, half in POINTS:
            here = state(p, q, half)
            got = run(pair, list(here.values())) + run(diagonal, [here[v.p]])
            want = [at(expr, p, q, here[v.s], here[v.k]) for expr in (it.K, it.K_dot)]
            want += [closed(expr)(here[v.p] ** 2, mp.mpf(1), mp.mpf(0)) for expr in finite]
            for x, y in zip(got, want, strict=True):
                assert abs(x - y) < mp.mpf(10) ** -24 * (1 + abs(y))


@pytest.mark.parametrize(
    "name", ["linear", "cube", "quartic", "relu", "relu2", "relu3", "abs", "step", "leaky_relu(1/7)", "x*abs(x)"]
)
def test_the_gap_is_the_gap_and_each_of_its_terms_vanishes_with_the_angle(name):
    it = dual(activation(name))
    PQ_minus_K = homogeneous.PQ_minus_K(it.K, it.activation.homogeneity)
    code = program("PQ_minus_K", (v.p, v.q, v.c, v.s, v.k), {"PQ_minus_K": PQ_minus_K})
    with mp.workdps(40):
        for p, q, half in POINTS:
            here = state(p, q, half)
            alone = [at(it.K, x, x, 0, 1) for x in (p, q)]
            want = mp.sqrt(alone[0]) * mp.sqrt(alone[1]) - at(it.K, p, q, here[v.s], here[v.k])
            assert abs(run(code, list(here.values()))[0] - want) < mp.mpf(10) ** -33 * abs(want)
        here = state(1, 1, 1e-12)
        for symbol, expr in PQ_minus_K.definitions:
            here[symbol] = value(expr, here)
        assert all(abs(value(term, here)) < 1e-10 for term in PQ_minus_K.terms)


P, Q, S, K = v.p**2, v.q**2, v.s, v.k


@pytest.mark.parametrize(
    ("expr", "sign"),
    [
        ((1 + 2 * P) * (1 + 2 * Q) - 4 * v.c**2, 1),
        (P * Q - v.c**2, 1),
        (-(4 * P * Q + P + Q - 4 * v.c**2 + 2 * v.c), -1),
        (P + Q - 2 * v.c, 1),
        (P + 4 * Q + 2 * v.c, 1),
        (3 * P * Q - v.c**2, 1),
        (pi * P + sqrt(2), 1),
        (P + Q - 3 * v.c, 0),
        (1 - P / 2, 0),
        (P - v.c, 0),
        (v.q**2 + 2 * v.c + v.p**2 * v.q**2, 0),
    ],
)
def test_polynomials_keep_their_value_and_their_sign(expr, sign):
    got = polynomial(expr)
    assert got.sign == sign
    with mp.workdps(40):
        for point in POINTS:
            here = state(*point) | {v.r: mp.mpf(0)}
            here[v.r] = 2 * here[v.s] * here[v.k] * here[v.p] * here[v.q]
            want = value(expr, here)
            assert abs(value(got.expr, here) - want) < mp.mpf(10) ** -37
            assert sign == 0 or mp.sign(want) == sign


def test_positive_forms_have_no_minus_in_them():
    assert polynomial((1 + 2 * P) * (1 + 2 * Q) - 4 * v.c**2).expr == 1 + 2 * P + 2 * Q + 4 * v.r**2
    assert polynomial(P + Q - 2 * v.c).expr == (v.p - v.q) ** 2 + 4 * v.p * v.q * S**2
    assert polynomial(v.p * v.q + v.c).expr == 2 * v.p * v.q * K**2


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("relu", 1),
        ("relu2", 2),
        ("erf", 1),
        ("sin", 1),
        ("gabor", 1),
        ("gaussian", 1),
        ("step", 1),
        ("gelu", 2),
        ("cube", 1),
    ],
)
def test_terms_that_cannot_cancel_are_one_term(name, terms):
    assert len(lower(KERNELS[name]).terms) == terms


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (gamma(a), "gamma is not among the functions"),
        (a * symbols("z"), "unknown symbol z"),
        (a ** Rational(1, 3), "no power of a square root"),
        (Phi2(1 / sqrt(a), 1, c / sqrt(a * b)) ** 2, "a product of two"),
        (sin(a) ** c, "no power|not among"),
    ],
)
def test_what_cannot_be_lowered_is_named(expr, text):
    with pytest.raises(NotDerivableError, match=text):
        lower(expr)


def test_a_kernel_that_is_not_homogeneous_has_no_gap():
    with pytest.raises(NotDerivableError, match="homogeneous"):
        homogeneous.PQ_minus_K(KERNELS["erf"], 1)


@pytest.mark.parametrize(
    "base",
    [
        (v.p * v.q - v.c) ** 3 * (v.p * v.q + v.c),
        (v.p * v.q - v.c) * (v.p * v.q + v.c) ** 2,
        v.p * v.q - v.c,
        (v.p * v.q - v.c) * (v.p * v.q + v.c),
    ],
)
def test_roots_take_out_as_much_of_the_determinant_as_there_is(base):
    algebra = Algebra()
    root = algebra.power(expand(base), Rational(1, 2))
    for symbol, square in reversed(algebra.squares.items()):
        root = root.subs(symbol, sqrt(square))
    point = {v.p: Rational(7, 5), v.q: Rational(3, 2), v.c: Rational(4, 5)}
    root = root.subs(v.r, sqrt(v.p**2 * v.q**2 - v.c**2)).subs(point)
    assert float(root - sqrt(base).subs(point)) == pytest.approx(0, abs=1e-14)


def test_what_is_odd_in_c_has_no_sign():
    algebra = Algebra()
    assert algebra.value(1 + v.p**2).sign == 1
    assert algebra.value(v.c * (1 + v.p**2)).sign == 0
    assert algebra.value(v.c**2 * (1 + v.p**2)).sign == 1


@pytest.mark.parametrize("n", [3, 5])
def test_the_gap_of_a_power_of_the_determinant(n):
    """K = (ab − c²)^{n/2} = (pq sin θ)ⁿ, which is 0 at θ = 0."""
    PQ_minus_K = homogeneous.PQ_minus_K((a * b - c**2) ** Rational(n, 2), n)
    code = program("PQ_minus_K", (v.p, v.q, v.c, v.s, v.k), {"PQ_minus_K": PQ_minus_K})
    for p, q, half in POINTS:
        with mp.workdps(30):
            found = run(code, list(state(p, q, half).values()))[0]
            assert mp.almosteq(found, -((mp.mpf(p) * q * mp.sin(2 * mp.mpf(half))) ** n), 1e-25)


def test_signs_of_powers():
    assert [(Value(-v.p, -1) ** n).sign for n in (1, 2, 3)] == [-1, 1, -1]
    assert [(Value(v.c, 0) ** n).sign for n in (1, 2)] == [0, 0]


@pytest.mark.parametrize(("twice", "sign"), [(3, 1), (4, 1), (6, 0), (-6, 0), (-3, 1)])
def test_a_quadratic_form_is_definite_or_has_no_sign(twice, sign):
    assert polynomial(v.p**2 + 4 * v.q**2 + twice * v.c).sign == sign
    assert polynomial(4 * v.p**2 + v.q**2 + twice * v.c).sign == sign


@pytest.mark.parametrize("number", [oo, -oo, Rational(10) ** 400, -(Rational(10) ** 400), Rational(1, 10**400)])
def test_numbers_that_are_no_doubles_are_refused(number):
    with pytest.raises(NotDerivableError):
        literal(number)


@pytest.mark.parametrize("name", ["elu", "exp(-Abs(x))"])
def test_a_corner_that_is_never_inside_is_not_computed(name):
    """E e^{u+v} on u, v < 0 shifts the means to −(a + c), −(b + c), or with −c: never both positive, as |c| ≤ √(ab)."""
    assert not any(term.has(v.corner) for expr in (dual(name).K, dual(name).K_dot) for term in lower(expr).terms)


def test_an_erfi_with_nothing_beside_it_is_itself():
    pair = program("pair", (v.p, v.q, v.c, v.s, v.k), {"y": lower(erfi(c / 2) + exp(-a / 3) * erfi(c) * erfi(b))})
    with mp.workdps(30):
        for p, q, half in POINTS:
            here = state(p, q, half)
            want = mp.erfi(here[v.c] / 2) + mp.exp(-(here[v.p] ** 2) / 3) * mp.erfi(here[v.c]) * mp.erfi(here[v.q] ** 2)
            assert abs(run(pair, list(here.values()))[0] - want) < mp.mpf(10) ** -24 * (1 + abs(want))


def test_only_what_cancels_becomes_a_ramp():
    """c ψ + r vanishes as θ → π, c ψ − r does not."""
    straight, bent = sqrt(a * b - c**2), c * (pi - acos(c / (sqrt(a) * sqrt(b))))
    assert any(term.has(v.arccos_kernel_1) for term in lower(bent + straight).terms)
    assert not any(term.has(v.arccos_kernel_1) for term in lower(bent - straight).terms)
    assert not any(term.has(v.arccos_kernel_1) for term in lower(bent).terms)
