"""How a test predictor leaves the plateau and reaches equilibrium: the criterion against the outer equation it comes from."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from sympy import Rational

import ndksym
from ndksym.algebra.zero_test import evaluate
from ndksym.expansions.overshoot import Overshoot, lower, z
from ndksym.expansions.plateau import overlap
from ndksym.expansions.variance_limits import leading
from ndksym.symbols import k11, sigma2
from tests.bench import shape as bench
from tests.bench import slope as drawn

SETTING = {"k11": 1, "o": "0.9", "sigma2": 1}


@pytest.mark.parametrize(("name", "depth", "ratio"), [("relu", 1, "0.1"), ("erf", 1, "4"), ("gelu", 2, "0.1")])
def test_equilibrium_is_approached_as_linearised(name, depth, ratio):
    """e^{2τ} (f − NNGP) from the outer equation; what is left goes with e^{−4τ} or the first free rate."""
    kernel, criterion = bench.network(name, depth)
    verdict = criterion.at(**SETTING, ratio=ratio)
    tau = np.array([1e-4, 4.5, 5.5])
    at = (bench.curve(kernel, tau, ratio=float(ratio), rtol=1e-8) - verdict.nngp) * np.exp(2 * tau)
    assert at[2] == pytest.approx(verdict.late, rel=2e-2)
    assert abs(at[2] - verdict.late) <= abs(at[1] - verdict.late) + 1e-5


def test_a_wrong_sign_of_one_moment_is_seen():
    criterion = bench.network("erf", 1)[1]
    right, h_0 = criterion.late_at(**SETTING), next(name for name in criterion.integrands if name.name == "h_0")
    wrong = Overshoot(
        criterion.slope, criterion.late.subs(h_0, -h_0), criterion.poles, criterion.integrands, criterion.definitions
    )
    assert abs(wrong.late_at(**SETTING) - right) > 0.01 * abs(right)


def test_thresholds_have_an_equilibrium_too():
    """Of relu6 K(a, b, c) has no value at coincident inputs; its diagonal has, and so have plateau and NNGP."""
    verdict = ndksym.phases(ndksym.derive("relu6"), order=0).overshoot.at(**SETTING, ratio="0.1", nodes=4)
    assert 0.5 < verdict.plateau < verdict.nngp < 0.9


@pytest.mark.parametrize(("name", "depth"), [("relu", 1), ("gelu", 2), ("abs", 1), ("erf", 3)])
def test_no_free_rate_competes(name, depth):
    """G_0 = Σ γ_n z^n with γ_n ≥ 0 and n > L: between such poles, and only there, lie the free rates."""
    criterion = bench.network(name, depth)[1]
    point, count = {k11: Rational(7, 5), sigma2: Rational(4, 5), overlap: Rational(1, 2)}, 8
    # so near 0 that the interpolant's coefficients are Taylor's
    places = [Rational(n, 1000) for n in range(1, count + 1)]
    with mpmath.workdps(60):
        rows = mpmath.matrix([[(mpmath.mpf(x.p) / x.q) ** n for n in range(count)] for x in places])
        values = [evaluate(criterion.integrands[lower], point | {z: x}, 50, criterion.definitions) for x in places]
        found = mpmath.lu_solve(rows, mpmath.matrix(values))
    assert all(abs(found[n]) < 1e-8 for n in range(depth + 1))
    assert all(found[n] > -1e-8 for n in range(depth + 1, 5))
    assert max(found[n] for n in range(depth + 1, 5)) > 1e-3


def test_table_of_known_shapes():
    """T13, the rows of relu with one layer: 0.810, 0.876, 0.867."""
    kernel, criterion = bench.network("relu", 1)
    tau = np.geomspace(1e-4, bench.LATEST, 60)
    verdict = criterion.at(**SETTING, ratio="0.1")
    f = bench.curve(kernel, tau, ratio=0.1, rtol=1e-6)
    assert (verdict.plateau, bench.extremum(f, verdict), verdict.nngp) == pytest.approx((0.810, 0.876, 0.867), abs=5e-4)
    assert str(verdict) == "overshoots"
    assert [str(criterion.at(**SETTING, ratio=ratio)) for ratio in (1, 4)] == ["none", "none"]


# eight of the bench's cases; HYPOTHESIS_PROFILE=deep draws as many as it asks for
@settings(max_examples=8 if settings().max_examples <= 20 else settings().max_examples)
@given(case=drawn.cases(("erf", "gelu", "relu"), depths=(1,)))
def test_the_criterion_is_what_the_full_solution_does(case):
    said, did = drawn.compare(case, tolerance=1e-8)
    assert drawn.agrees(said, did), drawn.why(said, did)


@pytest.mark.parametrize(("name", "plateau"), [("erf", ("o", "0")), ("square", ("o**2", "o**2"))])
def test_limits_of_the_plateau(name, plateau):
    found = ndksym.phases(ndksym.derive(name)).extremes
    assert tuple(str(each.plateau.limit) for each in found) == plateau
    for each in found:
        want = float(each.plateau.limit.xreplace({overlap: Rational(9, 10)}))
        assert each.at(**SETTING)["plateau"] == pytest.approx(want, abs=1e-10)


@pytest.mark.parametrize("name", ["relu", "erf", "gelu"])
def test_limits_of_the_slope_are_those_of_numbers(name):
    for each in ndksym.phases(ndksym.derive(name)).extremes:
        there = each.at(**SETTING)
        if each.slope is not None:
            here = {s: Rational(str(SETTING[s.name])) for s in each.slope.coefficient.free_symbols}
            assert float(each.slope.power) == there["power"]
            assert float(each.slope.coefficient.xreplace(here)) == pytest.approx(there["slope"], rel=1e-9)


def test_the_plateau_of_a_homogeneous_network_knows_no_ratio():
    slope = ndksym.phases(ndksym.derive("relu")).slope
    small, large = (leading(slope.plateau, slope.definitions, end) for end in ("small", "large"))
    assert small.power == large.power == 0
    assert small.coefficient == large.coefficient
