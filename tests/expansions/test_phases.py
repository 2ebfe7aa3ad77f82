"""`phases`: kernels at the corner, inner terms, matching, shape; each against something that does not share its formula."""

import json
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from sympy import Integer, Rational, exp, integrate, limit, oo, pi, sqrt

import ndksym
from ndksym.activation.catalogue import names
from ndksym.errors import DivergentKernelError, InputError, InputTypeError
from ndksym.expansions import inner, laplace, matching, outer
from ndksym.expansions.outer import tau, tau_
from ndksym.expansions.small_time import onset
from ndksym.expansions.small_time_check import check
from ndksym.kernels.dual import dual
from ndksym.symbols import k11, k12, sigma02, sigma2, t
from tests.bench import matching as own

HEAVY = ("elu", "selu", "celu", "hard_tanh", "hard_sigmoid", "relu6", "gabor")
"""Their closed forms take seconds to expand; one of them is in every run, the others with --slow."""
CORE = ("linear", "erf", "relu", "gelu")


def expandable(name):
    """Skip activations whose kernel has no closed form, or whose NTK is infinite."""
    if not dual(name).closed_form or dual(name).diverges:
        pytest.skip("the expansion of a kernel needs a closed form and a finite NTK")


# the kernel at the corner


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in HEAVY[1:] else ()) for name in names()]
)
def test_coefficients_of_the_whole_catalogue_to_fifty_digits(name):
    expandable(name)
    d = ndksym.derive(name, bias=True)
    for same in (True, False):
        assert check(d, onset(d.duals, True, 2, same), same).digits > 50


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("name", CORE)
def test_coefficients_to_second_order_at_any_depth(name, depth):
    p = ndksym.phases(ndksym.derive(name, depth=depth, bias=True))
    assert all(each.digits > 50 for each in p.corner_check)
    assert p.kernel.rooted == (name == "relu")
    assert not p.kernel_of_two.rooted


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_coefficients_to_second_order_at_depth_two(name):
    expandable(name)
    p = ndksym.phases(ndksym.derive(name, depth=2))
    assert all(each.holds for each in p.corner_check)


@pytest.mark.parametrize("name", ["linear", "erf", "relu", "gelu"])
def test_order_zero_is_the_tangent_kernel_alone(name):
    """No coefficient knows σ² there, but the NDK it is compared with does."""
    p = ndksym.phases(ndksym.derive(name, depth=2), order=0)
    assert set(p.kernel.jets) == {(0, 0)}
    assert len(p.corner_check) == 2
    assert all(each.holds for each in p.corner_check)
    assert "the NDK's to" in str(p)


def test_a_wrong_coefficient_is_seen():
    d = ndksym.derive("relu")
    found = onset(d.duals, False, 2, True)
    for at, shift in (((1, 0), Rational(1, 10**55)), ((2, 0), Rational(1, 10**40)), ((0, 1), Rational(1, 10**40))):
        wrong = type(found)(found.definitions, found.jets | {at: found.jets[at] + shift}, found.order)
        assert not check(d, wrong, True).holds


def test_mixed_networks():
    d = ndksym.derive(["relu", "erf", "elu"], bias=True)
    p = ndksym.phases(d, order=1)
    assert p.first_root == 1
    assert all(each.holds for each in p.corner_check)


def test_relu_by_hand():
    """G_10 of relu, L = 1: K_dot = ½ − θ/2π with θ² = 2(τ−τ')/σ0² to leading order, times m k = σ0² k."""
    found = onset(ndksym.derive("relu").duals, False, 1, True)
    want = -sigma02 * k11 * sqrt(2 / sigma02) / (2 * pi)
    ratio = found.written_out(found.jets[1, 0]) / want
    assert float(ratio.subs({k11: 1.3, sigma02: 0.7, sigma2: 1.9})) == pytest.approx(1.0)


# the inner terms


def evaluate_at(term, when):
    """erfi of a root is real, but for rounding."""
    return float(term.subs(t, when).evalf(20).as_real_imag()[0])


@pytest.mark.parametrize(("at", "order"), [([(2, 0), (0, 1)], 2), ([(1, 0), (2, 0), (3, 0), (0, 1), (1, 1)], 3)])
def test_inner_terms_solve_the_volterra_equation(at, order):
    """Put back, integral by integral, with mpmath's quadrature."""
    found = inner.inner(at, order)
    rng = np.random.default_rng(len(at))
    values = {inner.jet(*each): rng.normal() for each in at}
    point = {inner.theta: 1.3, inner.label: 0.8, **values}
    terms = [term.subs(point) for term in found.terms]

    def value(k, when):
        return mpmath.mpf(evaluate_at(terms[k], when))

    for when in (0.7, 2.5):
        for k in range(order + 1):
            left = value(k, when) + 1.3 * mpmath.quad(lambda s, k=k: value(k, s), [0, when / 8, when])
            for (j, ell), G in ((each, values[inner.jet(*each)]) for each in at):
                before = k - j - 2 * ell
                if before >= 0:
                    left += G * mpmath.quad(
                        lambda z, j=j, ell=ell, before=before, when=when: (
                            2 * z ** (j + 1) * (when - z**2) ** ell * value(before, when - z**2)
                        ),
                        [0, mpmath.sqrt(when) / 2, mpmath.sqrt(when)],
                    )
            assert abs(left - (0.8 if k == 0 else 0)) < 1e-7


def test_one_mode_as_theory_has_it():
    """T11: Δ_1 = −y[(A+B) t²/2 e^{−θt} + (A/θ)((1 − e^{−θt})/θ − t e^{−θt})]."""
    theta, y = inner.theta, inner.label
    A, both = inner.jet(2, 0), inner.jet(0, 1)
    decayed = exp(-theta * t)
    want = -y * (both * t**2 / 2 * decayed + A / theta * ((1 - decayed) / theta - t * decayed))
    assert (inner.inner([(2, 0), (0, 1)], 2)[2] - want).expand() == 0


@pytest.mark.parametrize("at", [[(2, 0), (0, 1), (4, 0), (2, 1), (0, 2)], [(1, 0), (2, 0), (0, 1)]])
def test_transforms_know_where_the_inner_terms_go(at):
    found = inner.inner(at, 2)
    jets = {(0, 0): inner.theta} | {each: inner.jet(*each) for each in at}
    scalar = laplace.Left(lambda G, v: G * v, lambda v: v / inner.theta, lambda q: q)
    transforms = laplace.transforms(jets, inner.label, scalar, 2, 2)
    (power, coefficient), *_ = laplace.overlap(transforms[2], scalar).items()
    assert power == 0
    assert (limit(found[2].subs({inner.theta: 2}), t, oo) - coefficient.subs({inner.theta: 2})).expand() == 0
    # and the first moment of Δ_0 is the second kick's
    moment = integrate(t * found[0], (t, 0, oo))
    assert (laplace.residues(transforms, 1)[1] - moment).expand() == 0


def test_orders_that_would_explode_are_refused_with_their_size():
    with pytest.raises(InputError, match=r"order 20 .* [\d,]{9,} products"):
        ndksym.phases(ndksym.derive("relu"), order=20)
    p = ndksym.phases(ndksym.derive("relu"), order=4)
    with pytest.raises(InputError, match="2,010 products"):
        _ = p.matching


# matching


@pytest.mark.parametrize("name", CORE)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_matching_is_proved(name, depth):
    found = ndksym.phases(ndksym.derive(name, depth=depth)).matching
    assert len(found) >= 5
    assert all(each.proved for each in found)


@pytest.mark.parametrize(("name", "depth", "order"), [("relu", 2, 2), ("gelu", 1, 1)])
def test_matching_with_the_numbers_of_the_kernel_itself(name, depth, order):
    """G_jl by interpolation of the NDK, the outer side by another solver; and a G_jl that is off in the 40th digit is seen."""
    d = ndksym.derive(name, depth=depth)
    jets = own.corner(d, 2 * order)
    assert own.same(jets, own.symbolic(d, 2 * order)) > own.WANTED
    digits, count = own.agreement(jets, order)
    assert digits > own.WANTED
    assert count >= 4 * order
    assert own.agreement(jets, order, spoil=mpmath.mpf(10) ** -40)[0] < own.WANTED


def test_matching_can_fail():
    """The kicks are what ties the phases together: one that is wrong leaves something at τ^0."""
    jets = {(0, 0): matching.THETA} | {at: inner.jet(*at, commutative=False) for at in ((2, 0), (0, 1))}
    transforms = laplace.transforms(jets, matching.Y, matching.algebra(), 2, 2)
    kicks = laplace.residues(transforms, 0)
    _, right = matching.start(jets, 0, {}, kicks, 0, rooted=False)
    _, wrong = matching.start(jets, 0, {}, {0: 2 * kicks[0]}, 0, rooted=False)
    assert right == 0
    assert wrong != 0


def test_the_first_overlap_term_is_the_one_of_theory():
    """T12: r(0+) = −Θ⁻¹ A Θ⁻¹ y; with a kink −½ Θ⁻¹ G_10 Θ⁻¹ y τ^{−1/2} comes first."""
    smooth = next(each for each in matching.matches([(2, 0), (0, 1)], 1) if each.power == 0)
    A = inner.jet(2, 0, commutative=False)
    assert smooth.outer == -(matching.THETA**-1) * A * matching.THETA**-1 * matching.Y
    kinked = next(each for each in matching.matches([(1, 0), (2, 0), (0, 1)], 1) if each.power == Rational(-1, 2))
    root = inner.jet(1, 0, commutative=False)
    assert kinked.outer == -(matching.THETA**-1) * root * matching.THETA**-1 * matching.Y / 2


# the outer equation where it closes


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_linear_networks_of_any_depth_close(depth):
    """r_0 = y/(k σ² m(τ,τ)^L): put into y = G(τ,0) a_0 + ∫ G r_0 by numbers."""
    p = ndksym.phases(ndksym.derive("linear", depth=depth), order=1)
    closed = p.outer.closed
    assert closed.rates == ((depth + 1) / sigma2,)
    assert closed.approach == (2 / sigma2,)
    point = {k12: Rational(7, 5), sigma2: Rational(3, 2), sigma02: Rational(2, 5), inner.label: Integer(1)}
    G = outer.kernel(p.derivation.ndk).subs(point)
    r = closed.r0.subs(point)
    a_0 = 1 / G.subs({tau: 0, tau_: 0})
    for when in (0.3, 4.0):
        whole = mpmath.quad(
            lambda x, when=when: float(G.subs({tau: when, tau_: x}) * r.subs(tau, x)), [0, when / 2, when]
        )
        assert float(G.subs({tau: when, tau_: 0}) * a_0) + whole == pytest.approx(1.0, abs=1e-10)


def test_polynomial_activations_are_a_linear_system():
    closed = ndksym.phases(ndksym.derive("square"), order=1).outer.closed
    assert closed.rates == (3 / sigma2, 1 / sigma2)
    assert len(closed.system) == 2
    assert closed.r0 is None
    assert ndksym.phases(ndksym.derive("erf"), order=1).outer.closed is None


def test_a_network_of_cubes_is_multiplied_out_as_it_is():
    """Σ e^{−ντ} h_ν(τ') at a point, against G itself."""
    d = ndksym.derive("cube", depth=2)
    closed = ndksym.phases(d, order=1).outer.closed
    whole = outer.kernel(d.ndk)
    values = {tau: Rational(1, 3), tau_: Rational(1, 5), sigma2: Rational(6, 5), sigma02: Rational(2, 5)}
    values |= {each: Rational(n + 2, 7) for n, each in enumerate(sorted(whole.free_symbols - values.keys(), key=str))}
    parts = sum(weight * exp(-rate * tau) for rate, weight in zip(closed.rates, closed.weights, strict=True))
    assert float(parts.xreplace(values)) == pytest.approx(float(whole.xreplace(values)), rel=1e-12)


# shape


@pytest.mark.parametrize(("name", "depth", "plateau", "nngp"), [("relu", 1, 0.810, 0.867), ("relu", 3, 0.655, 0.810)])
def test_plateaus_of_the_table(name, depth, plateau, nngp):
    """T13."""
    found = ndksym.phases(ndksym.derive(name, depth=depth)).slope.at(k11="1/32", o="0.9", sigma2=1, sigma02="0.1")
    assert found["plateau"] == pytest.approx(plateau, abs=5e-4)
    assert found["nngp"] == pytest.approx(nngp, abs=5e-4)
    assert found["slope"] > 0


def test_slope_of_relu_in_one_line():
    """It goes like (σ0²)^{−1/2}, at any scale of the inputs."""
    slope = ndksym.phases(ndksym.derive("relu")).slope
    one, other = (slope.at(k11=k, o="0.6", sigma2=1, sigma02=v)["slope"] for k, v in (("1/3", "0.1"), ("5", "1.6")))
    assert one / other == pytest.approx(4.0)


# the object


def test_what_is_asked_for_is_checked():
    with pytest.raises(DivergentKernelError, match="jumps"):
        ndksym.phases(ndksym.derive("step"))
    with pytest.raises(InputTypeError, match="ndarray"):
        ndksym.phases(np.ones((2, 2)))
    with pytest.raises(InputTypeError, match="integer"):
        ndksym.phases(ndksym.derive("erf"), order=1.5)
    with pytest.raises(InputError, match="between 0 and"):
        ndksym.phases(ndksym.derive("erf"), order=-1)


def test_the_name_is_a_function_whatever_was_imported_before():
    code = "import ndksym, ndksym.expansions, ndksym.expansions.learning; print(callable(ndksym.phases))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize(
    ("name", "order", "error"),
    [("erf", 0, 1), ("erf", 2, 3), ("relu", 0, 0.5), ("relu", 2, 2.5), ("elu", 1, 1.5), ("elu", 0, 1)],
)
def test_orders_of_what_is_left_out(name, order, error):
    assert float(ndksym.phases(ndksym.derive(name), order=order).error_order) == error


def test_without_a_closed_form_it_says_so():
    p = ndksym.phases(ndksym.derive("tanh"))
    assert p.kernel is None
    assert p.slope is None
    assert "no closed form" in str(p)


def test_latex_and_json():
    p = ndksym.phases(ndksym.derive("relu"), order=1)
    assert p._repr_latex_().startswith("$\\displaystyle \\begin{aligned}")
    document = json.loads(json.dumps(p.record()))
    assert document["variable"] == "sqrt(T)"
    assert all(each["proved"] for each in document["matching"])


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "ndksym", "phases", *arguments], capture_output=True, text=True)


def test_the_command(tmp_path):
    done = run("gelu", "--depth", "2", "--json", "--latex", str(tmp_path / "gelu.tex"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert document["order"] == 2
    assert all(each["holds"] for each in document["corner_check"])
    assert (tmp_path / "gelu.tex").read_text().endswith("\\end{document}\n")


def test_the_command_refuses():
    assert run("sign").returncode == 3
    assert run("relu", "--order", "30").returncode == 2
    assert "proved" in run("erf", "--order", "1").stdout
