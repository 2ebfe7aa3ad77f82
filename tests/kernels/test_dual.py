"""The record of a dual kernel: what it holds, where it is finite, and whether its steps add up."""

import dataclasses

import mpmath
import pytest
from sympy import Abs, Function, Matrix, Rational, Symbol, eye, latex, limit, oo, sin, sympify
from sympy import E as EULER

from ndksym.activation.activation import activation
from ndksym.algebra.bivariate_normal import LOCALS
from ndksym.derivation import derive
from ndksym.errors import DivergentKernelError, InputError
from ndksym.kernels.dual import Dual, Step, dual
from ndksym.kernels.gaussian.steps import E, u, v
from ndksym.symbols import a, b, c, x
from tests.gauss_reference import numeric


def test_accepts_what_activation_accepts():
    assert dual("sin").K == dual(sin(x)).K == dual(activation("sin(z)")).K
    with pytest.raises(InputError):
        dual("1/0")


def test_no_closed_form():
    found = dual("mish")
    assert (found.K, found.K_dot, found.K_diag, found.K_dot_diag, found.mean) == (None,) * 5
    assert not found.closed_form
    assert found.reason
    assert found.steps == ()


def test_closed_form_or_reason_never_both():
    act = activation("x")
    with pytest.raises(ValueError, match="reason"):
        Dual(act)
    with pytest.raises(ValueError, match="reason"):
        dataclasses.replace(dual("x"), reason="none")


@pytest.mark.parametrize("name", ["step", "sign", "Heaviside(x-1)*x", "Piecewise((x**2,x>2),(1,True))"])
def test_a_jump_diverges_at_coincident_inputs_only(name):
    found = dual(name)
    assert found.diverges
    assert found.K_dot_diag is oo
    assert not found.K_diag.has(oo)
    near = numeric(found.K_dot)
    assert near(1, 1, 1 - 2.0**-40) > 100 * near(1, 1, 0.5)


def test_a_vanishing_jump_does_not():
    assert not dual("Max(x,1)").diverges
    assert not dual("Piecewise((exp(x),x<1),(exp(1)*x,True))").diverges


def test_diagonal_is_the_limit():
    with mpmath.workdps(40):
        near = mpmath.mpf(0.75) * (1 - mpmath.mpf(2) ** -90)
    for name in ("relu", "gelu", "elu", "hard_tanh", "exp(-x**2/2)*erf(x)", "relu(x)+cos(x)"):
        found = dual(name)
        for kernel, diagonal in ((found.K, found.K_diag), (found.K_dot, found.K_dot_diag)):
            off, on = numeric(kernel)(0.75, 0.75, near), numeric(diagonal, a)(0.75)
            assert abs(off - on) < 1e-12  # ≥ √(1−ρ) for a kink
    assert limit(dual("relu").K.subs({b: a}), c, a, "-") == a / 2


@pytest.mark.parametrize(("text", "reach"), [("exp(x**2/8)", 2), ("x*exp(x**2/3)+x", Rational(3, 4)), ("erf(x)", None)])
def test_reach(text, reach):
    found = dual(text)
    assert found.reach == reach == found.activation.reach
    assert bool(found.condition) == (reach is not None)
    if reach is not None:
        assert "a < " + str(reach) in found.condition
        value = numeric(found.K_diag, a)
        assert value(float(reach) - 2.0**-30) > 1e3


def test_kernels_read_back():
    names = {"a": a, "b": b, "c": c, **LOCALS}
    for name in ("relu", "elu", "relu6", "gelu", "gabor", "exp(-x)*erf(2*x+1)"):
        found = dual(name)
        for expr in (found.K, found.K_dot):
            back = sympify(str(expr), locals=names)
            assert abs(numeric(back - expr)(0.75, 0.5, -0.25)) < 1e-35
            assert latex(expr)


def resolved(steps):
    """Put base functions into Stein's result and compare with the last line: the story must add up."""
    values = {}
    for step in steps:
        if step.rule.startswith(("Gaussian", "normal", "bivariate")):
            values[step.before] = step.after
            other = step.before.xreplace({u: v, v: u})
            values.setdefault(other, step.after.xreplace({a: b, b: a}))
    values[E(1)] = 1
    total = 0
    stein = {step.before: step.after for step in steps if step.rule.startswith("Stein")}
    stein |= {
        before.xreplace({u: v, v: u}): after.xreplace({a: b, b: a, u: v, v: u})
        for before, after in stein.items()
        if before
    }
    last = next(step for step in steps if step.rule.startswith("collect"))
    for pair in last.before.atoms(Function("E")):
        value = stein.get(pair)
        if value is None:
            weight = pair.args[0].as_independent(u, v)[0]
            value = weight * E(pair.args[0] / weight)
        value = value.xreplace(values)
        mirrored = pair.xreplace({u: v, v: u}) != pair
        total += value + (value.xreplace({a: b, b: a}) if mirrored else 0)
    return total, last.after


@pytest.mark.parametrize("name", ["relu", "gelu", "x**3", "x*exp(x)*Heaviside(-x)", "x*exp(-x**2)", "Max(0,x)**3"])
def test_steps_add_up(name):
    total, result = resolved(dual(name).steps)
    assert not total.has(E)
    assert abs(numeric(total - result)(1.0, 0.75, -0.5)) < 1e-35


def test_steps_are_few_and_tell_the_rules():
    for name in ("relu", "erf", "gelu", "elu", "hard_tanh", "sin", "snake", "exp(x**2/8)", "cos(x)**4"):
        steps = dual(name).steps
        assert all(isinstance(step, Step) for step in steps)
        assert 4 <= len(steps) <= 24
        rules = " ".join(step.rule for step in steps)
        for word in ("atoms", "collect", "Price", "coincident"):
            assert word in rules
    assert any("tilt" in step.rule for step in dual("x*exp(-x**2)").steps)
    assert not {Symbol("u"), Abs, EULER} & dual("relu").K.atoms()


@pytest.mark.parametrize(("text", "alpha"), [("exp(x**2/8)", Rational(1, 8)), ("x*exp(x**2/3)+x", Rational(1, 3))])
def test_the_condition_is_a_positive_determinant(text, alpha):
    """det(1 − 2αΣ) > 0, as it is printed."""
    condition = dual(text).condition
    edge, first = condition.removeprefix("finite only where ").split(";")[0].split(" with ")
    law = Matrix([[a, c], [c, b]])
    printed = sympify(edge.removesuffix(" > 0"), locals={"a": a, "b": b, "c": c})
    assert (printed - (eye(2) - 2 * alpha * law).det()).expand() == 0
    assert sympify(first.removesuffix(" < 1"), locals={"a": a}) == 2 * alpha * a


def test_steps_name_the_distribution_they_use():
    relu, elu = ({step.rule for step in dual(name).steps} for name in ("relu", "elu"))
    assert "bivariate normal distribution function" in relu
    assert not any(rule.startswith("normal distribution function") for rule in relu)
    assert any(rule.startswith("normal distribution function") for rule in elu)


@pytest.mark.parametrize(
    "text",
    [
        "Max(0, x) + 10**(-70)*Heaviside(x)",
        "erf(x)*Heaviside(x) + 10**(-70)*Heaviside(x)",
        "Heaviside(x-1)*(sin(x) - sin(1) + 10**(-70))",
        "tanh(x) + 10**(-70)*Heaviside(x-1)",
        "Piecewise((tanh(x), x < 1), (tanh(1) + 10**(-80)*exp(x), True))",
    ],
)
def test_a_jump_is_a_jump_however_small(text):
    d = derive(text)
    assert d.diverges
    assert d.duals[0].diverges
    assert d.activations[0].smoothness == 0
    kernel = d.compile()
    assert kernel.nngp([[1.0, 2.0]])[0, 0] > 0
    with pytest.raises(DivergentKernelError, match="is discontinuous"):
        kernel.ntk([[1.0, 2.0]])


def test_what_only_looks_like_a_jump_is_none():
    for text in ("erf(x)*Heaviside(x)", "Piecewise((sin(x)**2, x < pi/3), (1 - cos(x)**2, True))"):
        d = derive(text)
        assert not d.diverges
        assert not d.duals[0].diverges
