"""Every public function with every argument replaced by every nasty value: an error of ours, or an answer."""

import subprocess
import sys

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy import Float, Rational, Symbol, erf
from threadpoolctl import threadpool_info

import ndksym
from ndksym.activation.activation import activation
from ndksym.dynamics import tasks
from ndksym.errors import InputError, InputTypeError, NdksymError
from ndksym.runtime import checks
from tests.nasty import BROKEN, NASTY, SIZES, Raising

X, Y, ROWS = [[1.0, 0.5], [0.3, -0.7]], [1.0, -1.0], [[0.2, 0.1]]
PHYSICS = {"temperature": 0.1, "prior_variance": 1.0, "init_variance": 0.5}
ERF, RELU = ndksym.derive("erf"), ndksym.derive("relu", bias=True)
FINITE = {"network": ERF, "depth": 1, "width": 4, "networks": 2, "seed": 0, "init_variance": 1.0, "bias": 0.0}
SIMULATION = ndksym.simulation

FUNCTIONS = {
    "derive": (ndksym.derive, {"activation": "erf", "depth": 1, "bias": False}),
    "activation": (activation, {"obj": "erf"}),
    "compile": (ERF.compile, {"backend": "numpy"}),
    "verify": (ERF.verify, {"rungs": ["laws"]}),
    "nngp": (RELU.compile().nngp, {"X": X, "X2": ROWS, "variance": 1.0, "bias": 0.1}),
    "ntk": (ERF.compile().ntk, {"X": X, "X2": ROWS, "variance": 1.0, "bias": 0.0}),
    "ndk": (ERF.compile().ndk, {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "bias": 0.0, **PHYSICS}),
    "prior_covariance": (
        RELU.compile().prior_covariance,
        {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "bias": 0.1, **PHYSICS},
    ),
    "solve": (
        ndksym.solve,
        {"network": ERF.compile(), "X": X, "y": Y, "X_test": ROWS, "times": [1.0], "method": "gradient", "covariance": False,
         "reduction": "sum", "rtol": 1e-3, "progress": None, "bias": 0.0, "depth": None, "strength": None, "step": None, **PHYSICS},
    ),
    "solve in steps": (
        ndksym.solve,
        {"network": RELU, "X": X, "y": Y, "times": [0.1], "step": 0.05, "bias": 0.3, "rtol": 1e-3, **PHYSICS},
    ),
    "solve mpl": (
        ndksym.solve,
        {"network": "erf", "X": X, "y": Y, "times": [1, 2], "method": "mpl", "strength": 5.0, "rtol": 1e-3, **PHYSICS},
    ),
    "drift": (
        ndksym.drift,
        {"network": ERF.compile(), "X": X, "y": Y, "X_test": ROWS, "times": [1.0], "freeze_time": np.inf, "signal": False,
         "step": None, "reduction": "sum", "rtol": 1e-3, "progress": None, "bias": 0.0, "depth": None, **PHYSICS},
    ),
    "simulate": (
        ndksym.simulate,
        {"network": ERF, "X": X, "y": Y, "X_test": ROWS, "depth": 1, "width": 4, "times": [0.5], "step": 0.5, "pairs": 2,
         "seed": 0, "bias": 0.0, "dynamics": "langevin", "strength": None, "freeze_time": None, "signal": False, "reduction": "sum",
         "processes": 1, "progress": None, **PHYSICS},
    ),
    "width_scan": (
        SIMULATION.width_scan,
        {"network": ERF, "X": X, "y": Y, "widths": [2, 4], "degree": 1, "seed": 0, "depth": 1, "bias": 0.0, "progress": None,
         "times": [0.5], "step": 0.5, "pairs": 2, "processes": 1, **PHYSICS},
    ),
    "empirical_ntk": (SIMULATION.empirical_ntk, {"X": X, "X2": ROWS, **FINITE}),
    "empirical_ndk": (
        SIMULATION.empirical_ndk,
        {"X": X, "X2": ROWS, "t": [1.0, 2.0], "s": 0.5, "temperature": 0.1, "step": 0.5, "prior_variance": 1.0,
         "training": (X, Y), "reduction": "sum", **FINITE},
    ),
    "lazy_measure": (SIMULATION.lazy_measure, {"x": [1.0, 0.5], "y": 1.0, **FINITE}),
    "parameter_movement": (
        SIMULATION.parameter_movement, {"X": X, "y": Y, "times": [0.0, 1.0], "step": None, "reduction": "sum", **FINITE},
    ),
    "phases": (ndksym.phases, {"network": ERF, "order": 1, "depth": None, "bias": 0.0}),
    "phases on data": (
        ndksym.phases(ERF, order=1).on,
        {"X": X, "y": Y, "X_test": ROWS, "times": [1.0, 10.0], "reduction": "sum", "bias": 0.0, **PHYSICS},
    ),
    "load": (tasks.load, {"text": "orthogonal:4", "train": None, "seed": 0}),
    "Task": (tasks.Task, {"X": X, "y": Y, "X_test": ROWS, "y_test": [1.0], "name": "arrays"}),
}  # fmt: skip
QUICK = ("derive", "activation", "compile", "nngp", "ntk", "ndk", "prior_covariance", "phases", "load", "Task")
"""Functions that take every nasty value in a blink; the others get a few, and all with --slow."""
FEW = ("nan", "text", "bytes", "dates", "masked", "complex matrix", "ragged", "generator", "huge", "unprintable integer", "symbol",
    "RuntimeError", "unprintable", "-1", "5e-324")  # fmt: skip
COUNTED = ("depth", "width", "widths", "networks", "pairs", "seed", "processes", "degree", "order", "times")
CASES = [(name, argument) for name, (_, known) in FUNCTIONS.items() for argument in known]
MADE = {"generator": lambda: (i for i in range(2)), "endless": lambda: BROKEN["endless"]}


@pytest.mark.parametrize(("name", "argument"), CASES, ids=[f"{name}-{argument}" for name, argument in CASES])
@pytest.mark.filterwarnings("ignore::ndksym.errors.ToleranceWarning")
def test_nasty_values_are_refused_by_name_or_answered(name, argument, slow):
    function, known = FUNCTIONS[name]
    values = NASTY | {f"size: {key}": value for key, value in SIZES.items()}
    if not slow and name not in QUICK:
        sizes = (key for key in values if key.startswith("size") and argument in COUNTED)
        values = {key: values[key] for key in (*FEW, *sizes)}
    for label, value in values.items():
        if argument == "progress" and callable(value):
            continue
        given = MADE[label]() if label in MADE else value
        refused = error_of(lambda: function(**{**known, argument: given}))  # noqa: B023 (called at once)
        assert refused is None or isinstance(refused, ValueError | TypeError), (label, refused)
        assert "\n" not in str(refused), (label, refused)


def error_of(call):
    """The error of ours that a call raises; any other passes through and fails the test."""
    try:
        call()
    except NdksymError as error:
        return error
    return None


REFUSED = [
    ("nngp", {"X": [[10**400, 1.0]]}, InputError, "X has an entry that is past the range"),
    ("nngp", {"variance": 10**400}, InputError, "variance has an entry that is past the range"),
    ("ndk", {"t": 10**400}, InputError, "t has an entry that is past the range"),
    ("nngp", {"bias": 1e308}, InputError, "bias must be at most 1e\\+150"),
    ("solve", {"bias": 1e308}, InputError, "bias"),
    ("nngp", {"variance": "1"}, InputTypeError, "variance must be a number; got str '1'"),
    ("nngp", {"X": [["1", "2"]]}, InputTypeError, "X must be real numbers"),
    ("nngp", {"X": np.array([["2020-01-01"]], dtype="datetime64[D]")}, InputTypeError, "X must be real numbers"),
    ("nngp", {"X": np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]])}, InputTypeError, "X is a masked array"),
    ("solve", {"y": np.ma.masked_array([1.0, 2.0], mask=[0, 1])}, InputTypeError, "y is a masked array"),
    ("nngp", {"X": Raising(RuntimeError)}, InputTypeError, r"X must be real .*detach\(\)"),
    ("solve", {"X": Raising(RuntimeError)}, InputTypeError, r"X must be real .*detach\(\)"),
    ("solve", {"network": np.ones((2, 2))}, InputTypeError, "ndarray"),
    ("solve", {"reduction": np.array(["sum"])}, InputError, "reduction"),
    ("solve", {"covariance": np.array([True, False])}, InputError, "covariance"),
    ("solve", {"method": np.array(["langevin", "mpl"])}, InputError, "method"),
    ("derive", {"activation": Float("1e400") * Symbol("x", real=True)}, InputError, r"1\.00E\+400"),
]


@pytest.mark.parametrize(("name", "change", "error", "says"), REFUSED)
def test_each_argument_is_named(name, change, error, says):
    function, known = FUNCTIONS[name]
    with pytest.raises(error, match=says):
        function(**{**known, **change})


NUMBERS = [0.5, Rational(1, 2), np.float32(0.5), np.array(0.5), Float("0.5", 40), sympy.Integer(1) / 2]


@pytest.mark.parametrize("half", NUMBERS, ids=lambda value: type(value).__name__)
def test_numbers_of_other_libraries_are_numbers(half):
    k = ERF.compile()
    assert np.array_equal(k.ntk([[half, half]], variance=half), k.ntk([[0.5, 0.5]], variance=0.5))
    mixed = np.array([[half, 1], [0, 2]], dtype=object)
    assert np.array_equal(k.ntk(mixed), k.ntk([[0.5, 1.0], [0.0, 2.0]]))


DIGITS = "1.234567890123456789012345678901234"


def test_a_long_float_keeps_its_digits_to_the_kernel():
    d = ndksym.derive(Float(DIGITS, 34) * erf(Symbol("x", real=True)))
    assert sympy.simplify(d.duals[0].K / ndksym.derive("erf").duals[0].K) == Rational(DIGITS) ** 2
    evidence = d.verify(rungs=["exact", "precise"], quick=True)
    assert evidence.passed


@given(text=st.from_regex(r"[1-9]\.[0-9]{33}e-?[0-9]", fullmatch=True))
def test_the_decimal_of_a_float_is_the_one_that_was_written(text):
    x = Symbol("x", real=True)
    assert activation(Float(text, 34) * x).expr.coeff(ndksym.symbols.x) == Rational(text)


@given(value=st.floats(min_value=1e-100, max_value=1e100))
def test_the_decimal_of_a_double_reads_back_as_it(value):
    found = activation(Float(value) * Symbol("x", real=True)).expr.coeff(ndksym.symbols.x)
    assert float(found) == value


def test_a_network_is_a_kernel_a_derivation_or_what_derive_takes():
    data_ = (X, Y, ROWS)
    for d, others in (
        (ERF, ["erf", ERF, ERF.compile(), erf(Symbol("u", real=True)), ["erf"]]),
        (RELU, ["relu", RELU.compile()]),
    ):
        bias = 0.3 if d.bias else 0.0
        known = {"times": [1.0], "bias": bias, **PHYSICS}
        run = ndksym.solve(d, *data_, **known)
        lost = ndksym.drift(d, *data_, freeze_time=np.inf, **known)
        sim = ndksym.simulate(d, *data_, width=3, step=0.5, pairs=2, **known)
        ntk = SIMULATION.empirical_ntk(d, X, width=3, networks=2, bias=bias)
        for network in others:
            assert np.array_equal(ndksym.solve(network, *data_, **known).test, run.test)
            assert np.array_equal(ndksym.drift(network, *data_, freeze_time=np.inf, **known).test, lost.test)
            assert np.array_equal(SIMULATION.empirical_ntk(network, X, width=3, networks=2, bias=bias), ntk)
            assert ndksym.phases(network, order=1, bias=bias).derivation.duals[0].K == d.duals[0].K
        other = ndksym.simulate(others[-1], *data_, width=3, step=0.5, pairs=2, **known)
        assert np.array_equal(other.samples, sim.samples)


def test_depth_belongs_to_what_is_still_to_be_derived():
    deep = ndksym.derive("erf", depth=3)
    known = {"times": [1.0], "method": "gradient", **PHYSICS}
    run = ndksym.solve("erf", X, Y, depth=3, **known)
    assert np.array_equal(run.train, ndksym.solve(deep, X, Y, **known).train)
    for network in (deep, deep.compile(), ["erf", "erf", "erf"]):
        assert np.array_equal(run.train, ndksym.solve(network, X, Y, depth=3, **known).train)
        with pytest.raises(InputError, match="depth"):
            ndksym.solve(network, X, Y, depth=2, **known)
    with pytest.raises(InputError, match="derived without biases"):
        ndksym.solve(deep, X, Y, bias=0.1, **known)


LARGE = [
    (lambda: ERF.compile().nngp(np.ones((10**6, 1))), "GiB"),
    (lambda: ERF.compile().ndk(X, t=np.linspace(1, 2, 10**6)[:, None], s=np.linspace(0, 1, 10**4), temperature=0.1), "GiB"),
    (lambda: ndksym.solve(ERF, np.eye(10**5, 2), np.ones(10**5), times=[1.0], **PHYSICS), "GiB.*fewer"),
    (lambda: ndksym.drift(ERF, np.eye(10**5, 2), np.ones(10**5), freeze_time=0, times=[1.0], **PHYSICS), "GiB"),
    (lambda: ndksym.phases(ERF).on(np.eye(10**5, 2), np.ones(10**5), times=[1.0], **PHYSICS), "GiB"),
    (lambda: ndksym.simulate(ERF, X, Y, width=10**6, times=[1.0], step=0.5, **{**PHYSICS}, depth=1, pairs=10**9), "GiB"),
    (lambda: ndksym.simulate("erf", X, Y, depth=3, width=10**6, times=[1.0], step=0.5, **PHYSICS), "GiB"),
    (lambda: ndksym.simulate(ERF, X, Y, width=10**4, times=[1e9], step=0.5, **PHYSICS), "days"),
    (lambda: ndksym.simulate(ERF, X, Y, width=5, times=[1.0], step=0.5, processes=10**6, **PHYSICS), "processes"),
    (lambda: SIMULATION.empirical_ntk("erf", X, depth=2, width=10**6), "GiB"),
    (lambda: SIMULATION.empirical_ntk("erf", X, width=5, networks=10**11), "GiB"),
    (lambda: SIMULATION.parameter_movement("erf", X, Y, times=[1e12], width=5), "days"),
    (lambda: ndksym.phases(ERF, order=10**12), "order"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "says"), LARGE)
def test_what_cannot_fit_is_refused_with_the_number(call, says):
    with pytest.raises(InputError, match=says):
        call()


def test_the_simulation_is_reachable_after_the_import_alone():
    code = "import ndksym; print(ndksym.simulation.width_scan.__name__, 'simulation' in dir(ndksym))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["width_scan", "True"]


def test_small_problems_use_one_blas_thread():
    seen = []

    def listen(fraction):
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")

    before = [each["num_threads"] for each in threadpool_info()]
    ndksym.solve(ERF, X, Y, times=[1.0], rtol=1e-3, progress=listen, **PHYSICS)
    assert seen
    assert set(seen) == {1}
    assert [each["num_threads"] for each in threadpool_info()] == before


SCALARS = st.floats() | st.integers() | st.text(max_size=3) | st.none() | st.booleans() | st.complex_numbers()
NESTED = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=9)


@given(value=NESTED)
def test_whatever_is_taken_as_points_is_what_numpy_makes_of_it(value):
    try:
        found = checks.points(value, "X")
    except (InputError, InputTypeError):
        return
    assert np.array_equal(found, np.array(value, dtype=np.float64))
    assert not any(isinstance(entry, str) for row in value for entry in row)
