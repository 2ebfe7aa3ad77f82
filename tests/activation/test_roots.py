"""Real zeros: all of them, exactly, or an error; against sign changes and double zeros seen on a fine grid."""

import pytest
from sympy import (
    CRootOf,
    Integer,
    Rational,
    acosh,
    asinh,
    atanh,
    cos,
    cosh,
    erf,
    erfc,
    erfinv,
    exp,
    log,
    oo,
    pi,
    sin,
    sinh,
    sqrt,
    tanh,
)

from ndksym.activation.roots import EndlessZerosError, ascending, compare, is_zero_number, real_zeros
from ndksym.activation.values import value
from ndksym.errors import NotDerivableError
from ndksym.symbols import x

ZEROS = {
    x**3 - x: (-1, 0, 1),
    x**2 + 1: (),
    (x - 1) ** 2 * (x + 2): (-2, 1),
    x**5 - x - 1: (CRootOf(x**5 - x - 1, 0),),
    x**2 - pi: (-sqrt(pi), sqrt(pi)),
    x**2 - 2 * pi * x + 1: (pi - sqrt(pi**2 - 1), pi + sqrt(pi**2 - 1)),
    x**2 + pi: (),
    x**4 - pi: (-(pi ** Rational(1, 4)), pi ** Rational(1, 4)),
    x**3 + pi: (-(pi ** Rational(1, 3)),),
    x**4 + pi: (),
    pi * x - 3: (3 / pi,),
    exp(2 * x) - 3: (log(3) / 2,),
    exp(x) + 3: (),
    exp(4 * x) - 3 * exp(2 * x) + 2: (0, log(2) / 2),
    exp(3 * x / 2) - 2 * exp(x): (2 * log(2),),
    cosh(x) - 2: (-acosh(2), acosh(2)),
    cosh(x) - 1: (0,),
    sinh(x - 1) - 2: (1 + asinh(2),),
    sinh(x) - cosh(x) / 2: (log(3) / 2,),
    tanh(2 * x) - Rational(1, 3): (atanh(Rational(1, 3)) / 2,),
    tanh(x) - 1: (),
    erf(x) - Rational(1, 2): (erfinv(Rational(1, 2)),),
    1 + erf(x): (),
    erfc(x) - 2: (),
    2**x - 5: (log(5) / log(2),),
    exp(-(x**2)) - Rational(1, 2): (-sqrt(log(2)), sqrt(log(2))),
    sqrt(1 + x**2) - 2: (-sqrt(3), sqrt(3)),
    sqrt(1 + x**2) + 2: (),
    x * exp(-x) * (x - 2): (0, 2),
    1 / (1 + x**2) - Rational(1, 2): (-1, 1),
    (x**2 - 1) / (x - 1): (-1,),
    2 + sin(x): (),
    3 + 2 * sin(x) + cos(x): (),
    x - tanh(x): (0,),
    exp(x) - 1 - x: (0,),
    x + sinh(x) - 0: (0,),
}


@pytest.mark.parametrize("g", ZEROS, ids=str)
def test_zeros(g):
    found = real_zeros(g)
    assert len(found) == len(ZEROS[g])
    assert all(compare(a, b) == 0 for a, b in zip(found, ZEROS[g], strict=True))


@pytest.mark.parametrize("g", ZEROS, ids=str)
def test_no_sign_change_is_missed(g):
    # a grid that meets no zero of the list
    grid = [Rational(k, 64) + Rational(1, 1000) for k in range(-320, 320)]
    signs = [value(g, {x: u}) > 0 for u in grid]
    changes = [(a, b) for a, b, s, t in zip(grid, grid[1:], signs, signs[1:], strict=False) if s != t]
    zeros = [float(z) for z in real_zeros(g)]
    assert all(any(float(a) < z < float(b) for z in zeros) for a, b in changes if g.subs(x, 1).is_finite)


@pytest.mark.parametrize("g", [sin(x), cos(2 * x + 1) - Rational(1, 2), sin(x**3), sin(x) + cos(x)], ids=str)
def test_endless_zeros_come_with_an_example(g):
    with pytest.raises(EndlessZerosError) as caught:
        real_zeros(g)
    assert abs(value(g, {x: caught.value.example}, 50)) < 1e-40


@pytest.mark.parametrize("g", [sin(x) - x / 2, exp(x) - x - 2, x * tanh(x) - 1, x**5 - pi * x + 1, cos(x) - x], ids=str)
def test_zeros_that_have_no_formula_are_refused(g):
    with pytest.raises(NotDerivableError, match="cannot be found exactly"):
        real_zeros(g)


def test_numbers_are_compared_exactly():
    assert is_zero_number(sqrt(2) * sqrt(3) - sqrt(6))
    assert is_zero_number(log(6) - log(2) - log(3))
    assert is_zero_number(sin(1) ** 2 + cos(1) ** 2 - 1)
    assert not is_zero_number(erf(20) - 1)
    assert not is_zero_number(exp(Integer(-(10**9))))
    assert compare(sqrt(2) + sqrt(3), sqrt(5 + 2 * sqrt(6))) == 0
    assert compare(-oo, pi) == -1
    assert compare(oo, pi) == 1
    assert compare(Rational(22, 7), pi) == 1
    assert ascending([pi, sqrt(8), Integer(3), 2 * sqrt(2)]) == (sqrt(8), 3, pi)
